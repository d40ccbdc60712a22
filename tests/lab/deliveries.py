"""What the vendor delivers: good files, files that lack something, and files that are wrong.

Everything is written when the lab starts; ``README.txt`` beside the files has the passwords.
"""

from __future__ import annotations

import base64
import io
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from .pki import Issued, Pki

BOMB_MEGABYTES = 64


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _costly() -> bytes:
    """An encrypted key (PKCS#8, RFC 5958) whose password is to be hashed 2^31 - 1 times; there is nothing in it."""

    def element(tag: int, *parts: bytes) -> bytes:
        content = b"".join(parts)
        return bytes([tag, len(content)]) + content

    pbes2, pbkdf2, aes = (
        bytes.fromhex(f"06092a864886f70d01050{last}" if last else "060960864801650304012a") for last in ("d", "c", "")
    )
    rounds = element(0x30, element(4, bytes(8)), element(2, (2**31 - 1).to_bytes(4, "big")))
    cipher = element(0x30, aes, element(4, bytes(16)))
    algorithm = element(0x30, pbes2, element(0x30, element(0x30, pbkdf2, rounds), cipher))
    text = base64.encodebytes(element(0x30, algorithm, element(4, bytes(32)))).decode("ascii")
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def _bomb() -> bytes:
    """An archive of one entry of zeros.

    Each megabyte deflates to the same octets, so that is done once (RFC 1951: after a full flush nothing refers back);
    the frame around them is that of the .ZIP File Format Specification, 4.3.
    """
    megabyte = bytes(1 << 20)
    deflate = zlib.compressobj(1, wbits=-15)
    once = deflate.compress(megabyte) + deflate.flush(zlib.Z_FULL_FLUSH)
    data = once * BOMB_MEGABYTES + deflate.flush(zlib.Z_FINISH)
    check = 0
    for _ in range(BOMB_MEGABYTES):
        check = zlib.crc32(megabyte, check)
    name = b"certificate.crt"
    about = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, check, len(data), BOMB_MEGABYTES << 20, len(name), 0)
    entry = b"PK\x03\x04" + about + name + data
    index = b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<3H2L", 0, 0, 0, 0, 0) + name
    return entry + index + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, len(index), len(entry), 0)


def serial_name(leaf: Issued) -> str:
    """How vendors name the file of a leaf: the serial number in hex."""
    return f"{leaf.certificate.serial_number:016x}"


def pem_bundle(*certificates: Issued) -> bytes:
    """A PEM bundle with the line ends vendors use."""
    return b"".join(c.pem for c in certificates).replace(b"\n", b"\r\n")


def p7b(*certificates: Issued) -> bytes:
    """A PKCS#7 file without signature, PEM."""
    return pkcs7.serialize_certificates([c.certificate for c in certificates], serialization.Encoding.PEM)


def encrypted_key(of: Issued, password: str) -> bytes:
    """A private key as encrypted PKCS#8 PEM."""
    return of.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )


def pfx(leaf: Issued, chain: Sequence[Issued], password: str) -> bytes:
    """A PFX as OpenSSL 3 writes it (AES-256, SHA-256, 2,048 rounds): not readable before Windows Server 2019."""
    written = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
    written = written.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(
        b"renewed",
        leaf.key,
        leaf.certificate,
        [c.certificate for c in chain],
        written.build(password.encode()),
    )


def _good(pki: Pki, password: str) -> dict[str, bytes]:
    leaf, issuing, root = pki["external-new"], pki["issuing-new"], pki["root"]
    name = serial_name(leaf)
    crt = {f"{name}.crt": leaf.pem}
    cross = pem_bundle(issuing, pki["root-cross"], pki["root-legacy"])
    return {
        "complete.zip": _zip(
            {**crt, "et_bundle-g3.crt": pem_bundle(issuing, root), f"{name}.p7b": p7b(leaf, issuing, root)}
        ),
        "incomplete.zip": _zip({**crt, "et_bundle-g2.crt": pem_bundle(pki["issuing-old"], root)}),
        "complete-cross.zip": _zip({**crt, "et_bundle-g3-cross.crt": cross}),
        "external.key.pem": encrypted_key(leaf, password),
        "complete.pfx": pfx(leaf, [issuing, root], password),
        "incomplete.pfx": pfx(leaf, [], password),
        "av.pfx": pfx(pki["av-new"], [issuing, root], password),
        "internal.pfx": pfx(pki["internal-new"], [pki["corp-root"]], password),
        "rival.pfx": pfx(pki["external-rival"], [pki["rival-issuing"], pki["rival-root"]], password),
        "issuing-ca.crt": issuing.pem,
    }


def _bad(pki: Pki, password: str, other: str) -> dict[str, bytes]:
    leaf, issuing, root = pki["external-new"], pki["issuing-new"], pki["root"]
    chain = [issuing, root]
    crt = {f"{serial_name(leaf)}.crt": leaf.pem}
    rest = {"et_bundle-g3.crt": pem_bundle(issuing, root)}
    made = {
        f"{file}.pfx": pfx(pki[name], chain, password)
        for file, name in (
            ("expired", "expired"),
            ("not-yet-valid", "not-yet-valid"),
            ("older-than-current", "older"),
            ("names-missing", "names-missing"),
            ("wildcard", "wildcard"),
            ("ec", "ec"),
            ("sha512", "sha512"),
        )
    }
    return {
        **made,
        "wrong-password.pfx": pfx(leaf, chain, other),
        "other-key.pem": encrypted_key(pki["external-old"], password),
        "two-leaves.zip": _zip({**crt, f"{serial_name(pki['second-leaf'])}.crt": pki["second-leaf"].pem, **rest}),
        "intermediate-as-root.zip": _zip({**crt, "root.crt": issuing.pem}),
        "intermediate-as-root.pem": issuing.pem,
        "bomb.zip": _bomb(),
        "costly.key.pem": _costly(),
        "paths.zip": _zip({f"../../{next(iter(crt))}": leaf.pem, "/etc/ssl/et_bundle-g3.crt": issuing.pem}),
        "truncated.p7b": (whole := p7b(leaf, issuing, root))[: len(whole) * 2 // 3],
        "html.crt": b"<!DOCTYPE html>\r\n<html><body>Session ended.</body></html>\r\n",
    }


_README = """\
What the vendor delivered. Every password in this folder is: {password}
(but not the one of bad/wrong-password.pfx, which nobody knows)

complete.zip          the certificate, the issuing CA, the root; the key is external.key.pem
incomplete.zip        the same certificate with the vendor's old bundle: the new issuing CA is missing
complete-cross.zip    as complete.zip, with the root cross-signed by the vendor's older root
external.key.pem      the private key of the request, encrypted
complete.pfx          certificate, key and chain in one file; incomplete.pfx has no chain
av.pfx                a certificate of its own for A/V authentication
internal.pfx          a new certificate for the internal interface, from the enterprise CA
rival.pfx             the next certificate, from another vendor; ../trust/rival-root.pem is its root
issuing-ca.crt        the issuing CA that incomplete.zip lacks
bad/                  one file for each kind of bad input, named after it
"""


def write(pki: Pki, folder: Path) -> str:
    """Write ``vendor/`` and ``trust/`` below ``folder``. Returns the password of the deliveries."""
    password, other = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    vendor, bad, trust = folder / "vendor", folder / "vendor" / "bad", folder / "trust"
    for each in (vendor, bad, trust):
        each.mkdir(mode=0o700)
    for name, data in _good(pki, password).items():
        _write(vendor / name, data)
    for name, data in _bad(pki, password, other).items():
        _write(bad / name, data)
    _write(vendor / "README.txt", _README.format(password=password).encode())
    _write(vendor / "password.txt", password.encode() + b"\n")
    _write(trust / "roots.pem", pki["root"].pem)
    _write(trust / "corp-roots.pem", pki["corp-root"].pem)
    _write(trust / "rival-root.pem", pki["rival-root"].pem)
    return password
