# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A zoo of certificates, made when a test runs. Every part of a certificate can be wrong in it, and nothing is kept.

Certificates are encoded here by hand, since libraries refuse to make what old and broken software has made: MD5 and
SHA-1 signatures, serial numbers of zero, version 1, repeated or malformed extensions.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache, cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import Certificate, load_der

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)
"""The instant at which the zoo is judged."""
DAY = timedelta(days=1)

SERVER, CLIENT, ANY, MAIL = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.5.5.7.3.4"
ATTRIBUTES = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6", "DC": "0.9.2342.19200300.100.1.25",
              "E": "1.2.840.113549.1.9.1"}  # fmt: skip
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign")  # fmt: skip
CA_USAGE, LEAF_USAGE = ("key_cert_sign", "crl_sign"), ("digital_signature", "key_encipherment")
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512
}  # fmt: skip
RSA_SIGNATURES = {"md5": 4, "sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}
EC_SIGNATURES = {"sha1": "1.2.840.10045.4.1", "sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3",
                 "sha512": "1.2.840.10045.4.3.4"}  # fmt: skip
NAME_TAGS = {"other": 0xA0, "email": 0x81, "dns": 0x82, "directory": 0xA4, "uri": 0x86, "ip": 0x87}
_serials = itertools.count(0x1000)


def tlv(tag: int, *content: bytes) -> bytes:
    """One DER element."""
    body = b"".join(content)
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def seq(*content: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *content)


def integer(value: int) -> bytes:
    """An INTEGER, negative ones too."""
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(groups[::-1])
    return tlv(6, bytes(content))


def instant(at: datetime) -> bytes:
    """A UTCTime or, from 2050 on, a GeneralizedTime."""
    if at.year < 2050:
        return tlv(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, f"{at.year:04}{at:%m%d%H%M%SZ}".encode())


def name(*parts: tuple[str, str] | tuple[str, str, int], **short: str) -> bytes:
    """A distinguished name: ``name(CN="x", O="y")``, or parts with an own string tag (0x0C UTF-8, 0x13 printable)."""
    encoded = []
    for kind, value, *tag in (*parts, *short.items()):
        string_tag = tag[0] if tag else 0x16 if kind in ("DC", "E") else 0x13 if kind == "C" else 0x0C
        encoding = {0x1E: "utf-16-be", 0x14: "latin-1"}.get(int(string_tag), "utf-8")
        encoded.append(tlv(0x31, seq(oid(ATTRIBUTES.get(kind, kind)), tlv(int(string_tag), value.encode(encoding)))))
    return seq(*encoded)


def general_name(given: str | tuple[str, Any]) -> bytes:
    """A GeneralName: a DNS name, or (kind, value); an address is given as octets."""
    kind, value = ("dns", given) if isinstance(given, str) else given
    return tlv(NAME_TAGS[kind], value if isinstance(value, bytes) else str(value).encode())


@cache
def rsa_key(bits: int = 2048, which: int = 0) -> rsa.RSAPrivateKey:
    """The ``which``-th RSA key of that length; made once a run, since it takes half a second."""
    del which
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(which: object, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The EC key of that name."""
    del which
    return ec.generate_private_key(curve())


def fresh_key() -> ec.EllipticCurvePrivateKey:
    """A new EC key; quick."""
    return ec.generate_private_key(ec.SECP256R1())


def spki_of(key: Any) -> bytes:
    """The encoded public key."""
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def key_pem(key: Any, password: bytes | None = None) -> bytes:
    """A private key as PKCS#8 PEM."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    encoded: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    return encoded


def pem(der: bytes, label: str = "CERTIFICATE") -> str:
    """DER as PEM."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    der: bytes = field(repr=False)
    key: Any = field(repr=False)
    subject: bytes = field(repr=False)

    @cached_property
    def certificate(self) -> Certificate:
        """As the collection reads it."""
        return load_der(self.der)

    @property
    def pem(self) -> str:
        """As PEM."""
        return pem(self.der)

    @property
    def key_id(self) -> bytes:
        """The key identifier that goes into SKI and AKI."""
        return key_id(self.key)


def key_id(key: Any) -> bytes:
    """SHA-1 of the public key, as RFC 5280 proposes."""
    return hashlib.sha1(spki_of(key), usedforsecurity=False).digest()


def extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    """One extension."""
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", tlv(4, value))


def key_usage(names: Iterable[str]) -> bytes:
    """A KeyUsage value."""
    bits = sum(0x80 >> USAGES.index(one) for one in names)
    return tlv(3, bytes((0, bits)))


def subtrees(tag: int, names: Sequence[str | tuple[str, Any]]) -> bytes:
    """One half of NameConstraints."""
    return tlv(tag, *(seq(general_name(one)) for one in names)) if names else b""


def _sign(key: Any, data: bytes, hashed: str, pss: bool) -> tuple[bytes, bytes]:
    """(AlgorithmIdentifier, signature)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112")), key.sign(data)
    algorithm = HASHES[hashed]()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return seq(oid(EC_SIGNATURES[hashed])), key.sign(data, ec.ECDSA(algorithm))
    if pss:
        digest = seq(oid({"sha256": "2.16.840.1.101.3.4.2.1", "sha512": "2.16.840.1.101.3.4.2.3"}[hashed]), tlv(5))
        salt = algorithm.digest_size
        mask = seq(oid("1.2.840.113549.1.1.8"), digest)
        parameters = seq(tlv(0xA0, digest), tlv(0xA1, mask), tlv(0xA2, integer(salt)))
        made = key.sign(data, padding.PSS(padding.MGF1(algorithm), salt), algorithm)
        return seq(oid("1.2.840.113549.1.1.10"), parameters), made
    made = key.sign(data, padding.PKCS1v15(), algorithm)
    return seq(oid(f"1.2.840.113549.1.1.{RSA_SIGNATURES[hashed]}"), tlv(5)), made


def issue(
    cn: str = "leaf.example",
    issuer: Issued | None = None,
    *,
    subject: bytes | None = None,
    issuer_name: bytes | None = None,
    signer: Any = None,
    key: Any = None,
    ca: bool | None = False,
    path_length: int | None = None,
    ca_critical: bool = True,
    not_before: datetime = NOW - 30 * DAY,
    not_after: datetime = NOW + 335 * DAY,
    serial: int | None = None,
    version: int = 3,
    names: Sequence[str | tuple[str, Any]] | None = None,
    usage: Sequence[str] | None = (),
    extended: Sequence[str] | None = (),
    ski: bool | bytes = True,
    aki: bool | bytes = True,
    permitted: Sequence[str | tuple[str, Any]] = (),
    excluded: Sequence[str | tuple[str, Any]] = (),
    constraints: bytes | None = None,
    hashed: str = "sha256",
    pss: bool = False,
    extra: Sequence[bytes] = (),
    corrupt: bool = False,
    inner_algorithm: bytes | None = None,
) -> Issued:
    """Makes one certificate; self-signed without an ``issuer``. An empty ``usage`` or ``extended`` is the usual one.

    ``ca``: None leaves basic constraints out. ``names``: None takes the common name. ``signer``: signs instead of the
    issuer's key. ``ski``, ``aki``: octets replace the right ones, False leaves them out.
    """
    own = key or fresh_key()
    subject = name(CN=cn) if subject is None else subject
    signing = signer or (issuer.key if issuer else own)
    parts: list[bytes] = []
    if ca is not None:
        limit = b"" if path_length is None else integer(path_length)
        parts.append(extension("2.5.29.19", seq(tlv(1, b"\xff") if ca else b"", limit), ca_critical))
    if usage is not None:
        parts.append(extension("2.5.29.15", key_usage(usage or (CA_USAGE if ca else LEAF_USAGE)), True))
    if extended is not None and (extended or not ca):
        parts.append(extension("2.5.29.37", seq(*(oid(one) for one in extended or (SERVER, CLIENT)))))
    if ski is not False:
        parts.append(extension("2.5.29.14", tlv(4, ski if isinstance(ski, bytes) else key_id(own))))
    if aki is not False and (issuer or isinstance(aki, bytes)):
        parts.append(extension("2.5.29.35", seq(tlv(0x80, aki if isinstance(aki, bytes) else key_id(signing)))))
    if names or names is None and not ca:
        parts.append(extension("2.5.29.17", seq(*(general_name(one) for one in names or (cn,)))))
    if permitted or excluded or constraints is not None:
        value = constraints if constraints is not None else seq(subtrees(0xA0, permitted), subtrees(0xA1, excluded))
        parts.append(extension("2.5.29.30", value, True))
    parts += extra
    algorithm, _ = _sign(signing, b"", hashed, pss)
    body = seq(
        tlv(0xA0, integer(version - 1)) if version > 1 else b"",
        integer(next(_serials) if serial is None else serial),
        inner_algorithm or algorithm,
        issuer_name or (issuer.subject if issuer else subject),
        seq(instant(not_before), instant(not_after)),
        subject,
        spki_of(own),
        tlv(0xA3, seq(*parts)) if parts and version > 1 else b"",
    )
    _, signature = _sign(signing, body, hashed, pss)
    if corrupt:
        signature = signature[:-1] + bytes((signature[-1] ^ 1,))
    return Issued(seq(body, algorithm, tlv(3, b"\x00", signature)), own, subject)


def authority(cn: str, issuer: Issued | None = None, **knobs: Any) -> Issued:
    """A CA; a root without an ``issuer``."""
    return issue(cn, issuer, **{"ca": True, "not_after": NOW + 3650 * DAY, **knobs})
