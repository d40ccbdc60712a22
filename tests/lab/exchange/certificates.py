"""The certificates of an Exchange lab, beside those of ``lab.pki``: the vendor and the enterprise CA are the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ..pki import RECIPES, SIP_DOMAIN, Issued, Pki, Recipe

#: In the order in which the request has them; the first is the subject.
NAMES = tuple(f"{host}.{SIP_DOMAIN}" for host in ("mail", "autodiscover", "smtp", "imap", "pop"))
_CONTOSO = "O=Contoso,L=Redmond,ST=Washington,C=US"
_LEAF = f"CN={NAMES[0]},{_CONTOSO}"
_NEW = {"starts": -0.5, "ends": 396.0}

EXCHANGE_RECIPES: dict[str, Recipe] = {
    "mail-old": Recipe(_LEAF, "issuing-old", names=NAMES, starts=-345, ends=20),
    "mail-new": Recipe(_LEAF, "issuing-new", names=NAMES, starts=-0.5, ends=396),
    # issuer and subject as before: a connector's TlsCertificateName means both
    "mail-same-issuer": Recipe(_LEAF, "issuing-old", "mail-new", NAMES, starts=-0.4, ends=396),
    "mail-rival": Recipe(_LEAF, "rival-issuing", names=NAMES, starts=-0.25, ends=200),
    "mail-wildcard": Recipe(
        f"CN=*.{SIP_DOMAIN},{_CONTOSO}", "issuing-new", "mail-new", (f"*.{SIP_DOMAIN}", SIP_DOMAIN), -0.5, 396
    ),
    "mail-expired": Recipe(_LEAF, "issuing-new", "mail-new", NAMES, starts=-400, ends=-3),
    "mail-not-yet-valid": Recipe(_LEAF, "issuing-new", "mail-new", NAMES, starts=30, ends=400),
    "mail-older": Recipe(_LEAF, "issuing-new", "mail-new", NAMES, starts=-350, ends=300),
    "mail-names-missing": Recipe(_LEAF, "issuing-new", "mail-new", NAMES[:2], starts=-0.5, ends=396),
    "mail-other-key": Recipe(_LEAF, "issuing-new", names=NAMES, starts=-0.5, ends=396),
    "auth": Recipe("CN=Microsoft Exchange Server Auth Certificate", starts=-700, ends=1100),
    "auth-expired": Recipe("CN=Microsoft Exchange Server Auth Certificate", None, "auth", starts=-1800, ends=-5),
}


class ExchangePki(Pki):
    """Certificates of one lab; every server has a self-signed "Microsoft Exchange" of its own (``ex1-self``)."""

    def __init__(self, start: datetime, servers: Iterable[str]) -> None:
        super().__init__(start)
        self._recipes = {**RECIPES, **EXCHANGE_RECIPES}
        for server in servers:
            names = (server.upper(), f"{server}.corp.{SIP_DOMAIN}")
            self._recipes[f"{server}-self"] = Recipe(f"CN={server.upper()}", names=names, starts=-700, ends=1100)

    def __getitem__(self, name: str) -> Issued:
        if name not in self._recipes:
            raise ValueError(f"expected one of {', '.join(sorted(self._recipes))}, found no certificate {name!r}")
        if name not in self._made:
            self._made[name] = self._make(name, self._recipes[name])
        return self._made[name]

    def answer(self, request: x509.CertificateSigningRequest, issuer: str = "issuing-new") -> x509.Certificate:
        """What the vendor issues for a request: its subject, its key, its names in their order."""
        signer, now = self[issuer], self.start
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(signer.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number() >> 96)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=397))
        )
        wanted = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        recipe = Recipe("", issuer, names=tuple(wanted.value.get_values_for_type(x509.DNSName)))
        public = request.public_key()
        for extension, critical in self._extensions(recipe, signer.key, signer):
            if isinstance(extension, x509.SubjectKeyIdentifier):
                extension = x509.SubjectKeyIdentifier.from_public_key(public)
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer.key, hashes.SHA256())


def read_request(data: bytes) -> x509.CertificateSigningRequest:
    """A request as PEM (either label), UTF-16 PEM as Microsoft's example writes it, or DER. Raises ValueError."""
    if data[:2] in (b"\xff\xfe", b"-\0"):
        data = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-16-le").encode()
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_csr(data.replace(b" NEW CERTIFICATE REQUEST", b" CERTIFICATE REQUEST"))
    return x509.load_der_x509_csr(data)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)
