"""The lab's certificates: a public vendor with two issuing CAs, an enterprise CA, and what they issued.

Keys and certificates are made when they are asked for the first time, because RSA keys cost time. Certificates
are never kept on disk; keys are where ``UCOPS_LAB_KEYS`` names a folder, so that the many labs of a test run make
each key once. Every certificate has a short name (``external-new``), which is also what the control API takes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SIP_DOMAIN = "contoso.example"
EXTERNAL_NAMES = (f"sip.{SIP_DOMAIN}", f"webcon.{SIP_DOMAIN}", f"av.{SIP_DOMAIN}")
CORP = f"corp.{SIP_DOMAIN}"
INTERNAL_NAME = f"edgepool.{CORP}"
FRONT_POOL, DIRECTOR_POOL = f"frontpool.{CORP}", f"dirpool.{CORP}"
WEB_INTERNAL = f"frontweb.{CORP}"
WEB_EXTERNAL = (f"frontweb.{SIP_DOMAIN}", f"dirweb.{SIP_DOMAIN}")
SIMPLE_URLS = tuple(f"{name}.{SIP_DOMAIN}" for name in ("meet", "dialin", "lyncdiscover"))


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the DER, upper-case hex, as Windows shows it."""
        return thumbprint(self.der)


@dataclass(frozen=True)
class Recipe:
    """How one certificate is made. Days are counted from the moment the lab was started."""

    subject: str
    issuer: str | None = None
    """Name of the issuing certificate; None: self-signed."""
    key: str | None = None
    """Name of the certificate whose key is used again; None: a key of its own."""
    names: tuple[str, ...] = ()
    starts: float = -1
    ends: float = 365
    ca: bool = False
    path_length: int | None = None
    curve: bool = False
    digest: type[hashes.SHA256] | type[hashes.SHA512] = hashes.SHA256
    client: bool = False
    """Client authentication beside server authentication, as enterprise templates for Lync have it."""


_VENDOR = "O=Example Trust\\, Inc.,L=Springfield,C=US"
_CONTOSO = "O=Contoso,L=Redmond,ST=Washington,C=US"
_LEAF = f"CN={EXTERNAL_NAMES[0]},{_CONTOSO}"


def _front(server: str, *names: str, pool: str = FRONT_POOL, starts: float = -100, ends: float = 500) -> Recipe:
    """One certificate of one server for all that it presents, as Microsoft's certificate summaries list its names."""
    found = (pool, f"{server}.{CORP}", *names, *SIMPLE_URLS)
    return Recipe(f"CN={pool}", "corp-issuing", names=found, starts=starts, ends=ends, client=True)


_WEB = (WEB_INTERNAL, WEB_EXTERNAL[0])

RECIPES: dict[str, Recipe] = {
    # the public vendor: the root is trusted everywhere, the second issuing CA is new
    "root": Recipe(f"CN=Example Trust Root Certificate Authority - G2,{_VENDOR}", starts=-3000, ends=4000, ca=True),
    "issuing-old": Recipe(
        f"CN=Example Trust Secure Certificate Authority - G2,{_VENDOR}", "root", starts=-2000, ends=2000, ca=True
    ),
    "issuing-new": Recipe(
        f"CN=Example Trust Secure Certificate Authority - G3,{_VENDOR}", "root", starts=-60, ends=3500, ca=True
    ),
    # the same issuing CA again: an earlier one that has expired, a renewed one, and one of that name with another key
    "issuing-old-expired": Recipe(
        f"CN=Example Trust Secure Certificate Authority - G2,{_VENDOR}",
        "root",
        "issuing-old",
        starts=-2900,
        ends=-90,
        ca=True,
    ),
    "issuing-old-renewed": Recipe(
        f"CN=Example Trust Secure Certificate Authority - G2,{_VENDOR}",
        "root",
        "issuing-old",
        starts=-300,
        ends=3000,
        ca=True,
    ),
    "issuing-old-other": Recipe(
        f"CN=Example Trust Secure Certificate Authority - G2,{_VENDOR}", "root", starts=-100, ends=3000, ca=True
    ),
    # the vendor's older root, and the newer root signed by it: the second path
    "root-legacy": Recipe(
        f"OU=Example Trust Class 2 Certification Authority,{_VENDOR}", starts=-6000, ends=3000, ca=True
    ),
    "root-cross": Recipe(
        f"CN=Example Trust Root Certificate Authority - G2,{_VENDOR}",
        "root-legacy",
        key="root",
        starts=-2900,
        ends=2500,
        ca=True,
    ),
    "external-old": Recipe(_LEAF, "issuing-old", names=EXTERNAL_NAMES, starts=-345, ends=20),
    "external-new": Recipe(_LEAF, "issuing-new", names=EXTERNAL_NAMES, starts=-0.5, ends=396),
    "av-new": Recipe(
        f"CN=avauth.{SIP_DOMAIN},{_CONTOSO}", "issuing-new", names=(f"avauth.{SIP_DOMAIN}",), starts=-0.5, ends=396
    ),
    # the enterprise CA issues straight from its root, as a small AD CS does
    "corp-root": Recipe("CN=Contoso Corp Root CA,DC=corp,DC=contoso,DC=example", starts=-1500, ends=5000, ca=True),
    "internal-old": Recipe(
        f"CN={INTERNAL_NAME}", "corp-root", names=(INTERNAL_NAME,), starts=-400, ends=330, client=True
    ),
    "internal-new": Recipe(
        f"CN={INTERNAL_NAME}", "corp-root", names=(INTERNAL_NAME,), starts=-0.5, ends=730, client=True
    ),
    # an issuing CA of the enterprise, and what it issued to Front End servers, a Director and the issuer of tokens
    "corp-issuing": Recipe(
        "CN=Contoso Corp Issuing CA 1,DC=corp,DC=contoso,DC=example", "corp-root", starts=-900, ends=2500, ca=True
    ),
    "front1": _front("front1", *_WEB),
    "front2": _front("front2", *_WEB),
    "front2-expired": _front("front2", *_WEB, starts=-800, ends=-2),
    "front2-renewed": _front("front2", *_WEB, starts=-1, ends=729),
    "front2-nameless": Recipe(
        f"CN=front2.{CORP}", "corp-issuing", names=(f"front2.{CORP}", *_WEB), starts=-100, ends=500, client=True
    ),
    "director1": _front("director1", WEB_EXTERNAL[1], pool=DIRECTOR_POOL),
    "oauth": Recipe(f"CN={SIP_DOMAIN}", "corp-issuing", starts=-100, ends=600),
    "oauth-other": Recipe(f"CN={SIP_DOMAIN}", "corp-issuing", starts=-300, ends=400),
    # for tests of the naive way and of bad input
    "expired": Recipe(_LEAF, "issuing-new", "external-new", EXTERNAL_NAMES, starts=-400, ends=-3),
    "not-yet-valid": Recipe(_LEAF, "issuing-new", "external-new", EXTERNAL_NAMES, starts=30, ends=400),
    "older": Recipe(_LEAF, "issuing-new", "external-new", EXTERNAL_NAMES, starts=-350, ends=300),
    "names-missing": Recipe(_LEAF, "issuing-new", "external-new", EXTERNAL_NAMES[:1], starts=-0.5, ends=396),
    "wildcard": Recipe(
        f"CN=*.{SIP_DOMAIN},{_CONTOSO}",
        "issuing-new",
        "external-new",
        (f"*.{SIP_DOMAIN}", SIP_DOMAIN),
        starts=-0.5,
        ends=396,
    ),
    "ec": Recipe(_LEAF, "issuing-new", None, EXTERNAL_NAMES, starts=-0.5, ends=396, curve=True),
    "sha512": Recipe(_LEAF, "issuing-new", "external-new", EXTERNAL_NAMES, starts=-0.5, ends=396, digest=hashes.SHA512),
    "second-leaf": Recipe(
        f"CN=mail.{SIP_DOMAIN},{_CONTOSO}",
        "issuing-new",
        "external-old",
        (f"mail.{SIP_DOMAIN}",),
        starts=-0.5,
        ends=396,
    ),
    # another vendor, whose root is trusted by those outside and lies on no member
    "rival-root": Recipe("CN=Rival Root CA R1,O=Rival Trust Services,C=US", starts=-2000, ends=5000, ca=True),
    "rival-issuing": Recipe(
        "CN=Rival TLS Issuing CA 1,O=Rival Trust Services,C=US", "rival-root", starts=-700, ends=3000, ca=True
    ),
    "external-rival": Recipe(_LEAF, "rival-issuing", names=EXTERNAL_NAMES, starts=-0.25, ends=200),
    "self-signed": Recipe(_LEAF, None, "external-old", EXTERNAL_NAMES, starts=-10, ends=700),
}


def thumbprint(der: bytes) -> str:
    """SHA-1 of a certificate's DER as Windows shows it: upper-case hex."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key of its own for a name; the same in every lab of a test run that shares a folder of keys."""
    folder = os.environ.get("UCOPS_LAB_KEYS")
    if not folder:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = Path(folder) / f"{name}.der"
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Several labs start at once: whoever is first has made it, and nobody reads half a file.
        with tempfile.NamedTemporaryFile(dir=file.parent) as stream:
            stream.write(made)
            stream.flush()
            with suppress(FileExistsError):
                os.link(stream.name, file)
    key = serialization.load_der_private_key(file.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


class Pki:
    """All certificates of one lab, made on demand. ``start``: the moment the recipes' days count from (aware UTC)."""

    def __init__(self, start: datetime) -> None:
        self.start = start.replace(microsecond=0)
        self._made: dict[str, Issued] = {}

    def __getitem__(self, name: str) -> Issued:
        """The certificate of that name. Raises ValueError on a name that no recipe has."""
        if name not in RECIPES:
            raise ValueError(f"expected one of {', '.join(sorted(RECIPES))}, found no certificate {name!r}")
        if name not in self._made:
            self._made[name] = self._make(name, RECIPES[name])
        return self._made[name]

    def by_thumbprint(self, wanted: str) -> Issued | None:
        """The certificate with that thumbprint, if it has been made."""
        return next((i for i in self._made.values() if i.thumbprint == wanted.upper()), None)

    def find(self, name_or_thumbprint: str) -> Issued:
        """A certificate by its lab name or by its thumbprint. Raises ValueError."""
        return self.by_thumbprint(name_or_thumbprint) or self[name_or_thumbprint]

    def name_of(self, der: bytes) -> str | None:
        """The lab name of a certificate that was made here."""
        return next((n for n, i in self._made.items() if i.der == der), None)

    def _make(self, name: str, recipe: Recipe) -> Issued:
        key: PrivateKey
        if recipe.key:
            key = self[recipe.key].key
        elif recipe.curve:
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa_key(name)
        subject = x509.Name.from_rfc4514_string(recipe.subject)
        issuer = self[recipe.issuer] if recipe.issuer else None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number() >> 96)  # 8 bytes, as vendors of that time had
            .not_valid_before(self.start + timedelta(days=recipe.starts))
            .not_valid_after(self.start + timedelta(days=recipe.ends))
        )
        for extension, critical in self._extensions(recipe, key, issuer):
            builder = builder.add_extension(extension, critical)
        signer = issuer.key if issuer else key
        return Issued(builder.sign(signer, recipe.digest()), key)

    @staticmethod
    def _extensions(recipe: Recipe, key: PrivateKey, issuer: Issued | None) -> list[tuple[x509.ExtensionType, bool]]:
        usage = dict.fromkeys(
            ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        )
        found: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(recipe.ca, recipe.path_length), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (
                x509.KeyUsage(
                    digital_signature=not recipe.ca,
                    key_encipherment=not recipe.ca,
                    key_cert_sign=recipe.ca,
                    crl_sign=recipe.ca,
                    **usage,
                ),
                True,
            ),
        ]
        if issuer:
            found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False))
            where = f"http://certificates.example-trust.example/{issuer.thumbprint[:8].lower()}.crt"
            aia = x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(where)
            )
            found.append((x509.AuthorityInformationAccess([aia]), False))
        if not recipe.ca:
            purposes = [ExtendedKeyUsageOID.SERVER_AUTH] + [ExtendedKeyUsageOID.CLIENT_AUTH] * recipe.client
            found.append((x509.ExtendedKeyUsage(purposes), False))
        if recipe.names:
            found.append((x509.SubjectAlternativeName([x509.DNSName(n) for n in recipe.names]), False))
        return found


def common_name(certificate: x509.Certificate) -> str:
    """The common name, or the whole subject where there is none."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()
