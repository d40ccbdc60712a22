# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate requests (PKCS#10): wished for, made with a key, read again. Pure but for making keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import deps
from .names import normal, valid_dns_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
else:
    RSAPrivateKey = object

SIZES = (2048, 3072, 4096)
"""Bits of an RSA key. Public CAs take no fewer, and neither Exchange nor Lync can use an elliptic curve everywhere."""
FIELDS = ("country", "state", "locality", "organization", "organizational_unit", "common_name")
"""Parts of a subject in the order in which they are encoded: from the general to the particular."""
LONGEST = {"common_name": 64, "organization": 64, "organizational_unit": 64, "locality": 128, "state": 128}
"""Upper bounds of RFC 5280, appendix A.1, in characters."""


@dataclass(frozen=True)
class Wish:
    """What a request is to say."""

    names: tuple[str, ...]
    """DNS names in the order wanted, as they are encoded: A-labels, lower case."""
    subject: tuple[tuple[str, str], ...]
    """Field and value, in the order of FIELDS."""


@dataclass(frozen=True)
class Request:
    """What a request says."""

    names: tuple[str, ...]
    subject: tuple[tuple[str, str], ...]
    """Field (or the dotted number of one that is not in FIELDS) and value, in the order encoded."""
    bits: int | None
    """Size of its RSA key; None for another kind of key."""
    spki_sha256: str
    """SHA-256 of its public key (SubjectPublicKeyInfo), lower-case hex."""
    signed: bool
    """Whether it is signed with that key."""


def wish(names: Sequence[str], subject: dict[str, str | None]) -> Wish:
    """What the user asks for. Without a common name the first name is taken.

    Raises ValueError: no name, one that no certificate can have or that is there twice, a subject out of bounds.
    """
    if not names:
        raise ValueError("names: expected at least one DNS name, found none")
    found: list[str] = []
    for given in names:
        if not valid_dns_name(given, wildcard=True):
            raise ValueError(f"names: expected DNS names such as mail.contoso.example, found {given!r}")
        if normal(given) in found:
            raise ValueError(f"names: {given!r} is there twice; their order is kept, so each is wanted once")
        found.append(normal(given))
    fields = {field: (subject.get(field) or "").strip() for field in FIELDS}
    fields["common_name"] = fields["common_name"] or found[0]
    country = fields["country"]
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise ValueError(f"country: expected the two letters of ISO 3166, such as DE, found {country!r}")
    fields["country"] = country.upper()
    for field, most in LONGEST.items():
        value = fields[field]
        if len(value) > most or not value.isprintable():
            next_step = "; give a shorter common_name, it need not be the first of the names" * (field == "common_name")
            raise ValueError(f"{field}: expected at most {most} printable characters, found {value!r}{next_step}")
    if valid_dns_name(fields["common_name"], True) and normal(fields["common_name"]) not in found:
        raise ValueError(
            f"common_name: {fields['common_name']!r} is none of the names; browsers and CAs look at the names only, "
            "so add it there"
        )
    return Wish(tuple(found), tuple((field, fields[field]) for field in FIELDS if fields[field]))


def new_key(bits: int) -> RSAPrivateKey:
    """An RSA key, made by the operating system's random numbers."""
    deps.require()
    return deps.rsa.generate_private_key(public_exponent=65537, key_size=bits)


def make(wanted: Wish, key: RSAPrivateKey) -> bytes:
    """The request as PEM, signed with SHA-256."""
    deps.require()
    oids, x509 = _oids(), deps.x509
    subject = x509.Name([x509.NameAttribute(oids[field], value) for field, value in wanted.subject])
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in wanted.names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    pem: bytes = builder.sign(key, deps.hashes.SHA256()).public_bytes(deps.serialization.Encoding.PEM)
    return pem


def read(data: bytes) -> Request:
    """What a request says: DER, or PEM, also headed NEW CERTIFICATE REQUEST as by Windows. Raises ValueError."""
    deps.require()
    x509, serialization = deps.x509, deps.serialization
    pem = data.replace(b" NEW CERTIFICATE REQUEST", b" CERTIFICATE REQUEST")
    try:
        csr = x509.load_pem_x509_csr(pem) if b"-----BEGIN" in pem else x509.load_der_x509_csr(data)
        key = csr.public_key()
        subject = csr.subject
        try:
            names = tuple(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = ()
    except (ValueError, TypeError, deps.UnsupportedAlgorithm) as error:
        raise ValueError(f"expected a certificate request in PEM or DER, found something else ({error})") from None
    fields = {oid: field for field, oid in _oids().items()}
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Request(
        tuple(name.value if isinstance(name, x509.DNSName) else str(name.value) for name in names),
        tuple((fields.get(a.oid, a.oid.dotted_string), str(a.value)) for rdn in subject.rdns for a in rdn),
        key.key_size if isinstance(key, deps.rsa.RSAPublicKey) else None,
        hashlib.sha256(spki).hexdigest(),
        bool(csr.is_signature_valid),
    )


def pem_of(der: bytes) -> str:
    """The PEM form of a request."""
    deps.require()
    csr = deps.x509.load_der_x509_csr(der)
    text: str = csr.public_bytes(deps.serialization.Encoding.PEM).decode("ascii")
    return text


def spki_sha256(key: Any) -> str:
    """SHA-256 of the public half of a private key, as ``Request.spki_sha256``."""
    public, serialization = key.public_key(), deps.serialization
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def differences(wanted: Wish, found: Request, spki: str) -> tuple[str, ...]:
    """Why a request that is there does not do, in sentences; none where it does. ``spki``: of the key to use."""
    said = []
    if not found.signed:
        said.append("its signature is not that of its own key")
    if found.spki_sha256 != spki:
        said.append("it was made with another key")
    if found.names != wanted.names:
        said.append(f"names: {', '.join(found.names) or 'none'} -> {', '.join(wanted.names)}")
    if found.subject != wanted.subject:
        said.append(f"subject: {written(found.subject)} -> {written(wanted.subject)}")
    return tuple(said)


def written(subject: Sequence[tuple[str, str]]) -> str:
    """A subject for people, in the order encoded: ``C=DE, O=Contoso, CN=mail.contoso.example``."""
    letters = dict(zip(FIELDS, ("C", "ST", "L", "O", "OU", "CN"), strict=True))
    return ", ".join(f"{letters.get(field, field)}={value}" for field, value in subject)


def encrypted(key: RSAPrivateKey, password: bytes) -> bytes:
    """The key as PKCS#8 PEM under a password. Raises ValueError for an empty one: no key is written in the clear."""
    if not password:
        raise ValueError("expected a password for the private key, found none; no key is written in the clear")
    serialization = deps.serialization
    how = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _oids() -> dict[str, Any]:
    names = deps.x509.NameOID
    found = (
        names.COUNTRY_NAME, names.STATE_OR_PROVINCE_NAME, names.LOCALITY_NAME, names.ORGANIZATION_NAME,
        names.ORGANIZATIONAL_UNIT_NAME, names.COMMON_NAME,
    )  # fmt: skip
    return dict(zip(FIELDS, found, strict=True))
