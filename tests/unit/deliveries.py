# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries as vendors and people make them: in every format, and broken in every way."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from ansible_collections.ucops.certificates.tests.unit.zoo import (
    Issued,
    authority,
    integer,
    issue,
    key_pem,
    name,
    oid,
    pem,
    rsa_key,
    seq,
    tlv,
)

PASSWORD = "correct horse Ünïcode"


@dataclass(frozen=True)
class Vendor:
    """What a vendor has: two intermediates, so that order matters, and a root."""

    root: Issued
    upper: Issued
    lower: Issued
    leaf: Issued

    @property
    def chain(self) -> tuple[Issued, ...]:
        """Intermediates from the leaf upwards."""
        return (self.lower, self.upper)

    @property
    def key(self) -> bytes:
        """The leaf's key, PEM."""
        return key_pem(self.leaf.key)


@cache
def vendor() -> Vendor:
    """One vendor for all tests of a run."""
    root = authority("Vendor Root", subject=name(C="US", O="Vendor", CN="Vendor Root"))
    upper = authority("Vendor Policy CA", root)
    lower = authority("Vendor Issuing CA", upper)
    leaf = issue("sip.contoso.example", lower, key=rsa_key(), names=["sip.contoso.example", "webcon.contoso.example"])
    return Vendor(root, upper, lower, leaf)


def zipped(files: Mapping[str, bytes] | Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        for label, data in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(label, data)
    return memory.getvalue()


def pems(*certificates: Issued) -> bytes:
    """PEM texts one after the other."""
    return "".join(one.pem for one in certificates).encode()


SIGNED_DATA = oid("1.2.840.113549.1.7.2")
DATA = oid("1.2.840.113549.1.7.1")


def p7b(*certificates: Issued) -> bytes:
    """A certificates-only PKCS#7, DER."""
    held = tlv(0xA0, *(one.der for one in certificates)) if certificates else b""
    inner = seq(integer(1), tlv(0x31), seq(DATA), held, tlv(0x31))
    return seq(SIGNED_DATA, tlv(0xA0, inner))


def p7b_ber(*certificates: Issued) -> bytes:
    """The same with indefinite lengths, as Java and old Windows write it."""
    end = b"\x00\x00"
    held = b"\xa0\x80" + b"".join(one.der for one in certificates) + end
    inner = b"\x30\x80" + integer(1) + tlv(0x31) + b"\x30\x80" + DATA + end + held + tlv(0x31) + end
    return b"\x30\x80" + SIGNED_DATA + b"\xa0\x80" + inner + end + end


def enveloped() -> bytes:
    """A PKCS#7 that is encrypted."""
    return seq(oid("1.2.840.113549.1.7.3"), tlv(0xA0, seq(integer(0))))


def pfx(
    leaf: Issued,
    others: Sequence[Issued] = (),
    password: str | None = PASSWORD,
    old: bool = False,
    friendly: bytes | None = b"Contoso external",
    with_key: Any = True,
) -> bytes:
    """A PFX: AES-256 with SHA-256, or 3DES with SHA-1 when ``old``."""
    chain = [x509.load_der_x509_certificate(one.der) for one in others]
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1000)
        if old:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())
        else:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
        protection = builder.build(password.encode())
    own = x509.load_der_x509_certificate(leaf.der)
    return pkcs12.serialize_key_and_certificates(
        friendly, leaf.key if with_key else None, own if with_key else None, chain if with_key else [own, *chain],
        protection,
    )  # fmt: skip


def bare_base64(data: bytes) -> bytes:
    """Base64 in lines, without the BEGIN and END lines."""
    return base64.encodebytes(data)


def crlf(data: bytes) -> bytes:
    """With Windows line ends."""
    return data.replace(b"\n", b"\r\n")


def labelled(data: bytes, label: str) -> bytes:
    """PEM under any label."""
    return pem(data, label).encode()
