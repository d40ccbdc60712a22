# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encrypted parts of a PKCS#12 file, opened only to see what lies in them: a key in there may be encrypted once
more, with a cost of its own that nothing outside tells.

Whoever sends a file knows its password, so the inner cost is as foreign as the outer one. No library gives an
encrypted part out, hence this. What is found is looked at (:mod:`cost`) and dropped; the library reads the file itself
afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import CollectionError
from . import deps, der
from .cost import DATA, ENCRYPTED_DATA, PBKDF2, SCRYPT, joined, octets
from .rc2 import decrypt as rc2

PBES2 = "1.2.840.113549.1.5.13"
PRFS = {
    "1.2.840.113549.2.7": "sha1", "1.2.840.113549.2.8": "sha224", "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384", "1.2.840.113549.2.11": "sha512", "1.2.840.113549.2.12": "sha512_224",
    "1.2.840.113549.2.13": "sha512_256",
}  # fmt: skip
"""Hashes of PBKDF2 (RFC 8018, appendix B.1)."""
AES = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
"""AES in CBC, with the octets of its key (NIST)."""
DES3 = "1.2.840.113549.3.7"
PKCS12 = {3: (24, 0), 4: (16, 0), 5: (16, 128), 6: (5, 40)}
"""Last number of a cipher of PKCS#12 -> octets of its key, and bits that count where it is RC2 (RFC 7292, appendix C):
3DES with three and with two keys, RC2 with 128 and with 40 bits. RC4 (1 and 2) was never seen."""


class Unopened(CollectionError):
    """An encrypted part in a cipher or a form that is not known here."""


class NotOpened(CollectionError, ValueError):
    """A part that the password does not open. What was not looked at is not handed on."""


def hidden(data: bytes, password: bytes | None) -> Iterator[bytes]:
    """The content of each encrypted part. Raises Unopened, NotOpened, DerError; LookupError where something is missing.

    :param password: None and an empty one are two passwords of PKCS#12; where there is none, both are tried.
    """
    whole = der.read(data).parts()
    parts = whole[1].parts()
    if der.oid(parts[0]) != DATA or len(parts) < 2:
        raise Unopened("a PFX that is signed with a certificate instead of a password")
    for part in der.read(octets(parts[1])).parts():
        info = part.parts()
        if info and der.oid(info[0]) == ENCRYPTED_DATA and len(info) > 1:
            inner = info[1].first().parts()[1].parts()
            yield from _content(inner[1].parts(), joined(inner[2]) if len(inner) > 2 else b"", password)


def _content(algorithm: list[der.Node], encrypted: bytes, password: bytes | None) -> Iterator[bytes]:
    open_with = _cipher(algorithm)
    for given in [password] if password else [None, b""]:
        try:
            plain = open_with(encrypted, given)
            size = plain[-1] if plain else 0
            safe = plain[: len(plain) - size]
            if 0 < size <= 16 and plain.endswith(bytes([size]) * size) and der.read(safe).tag == der.SEQUENCE:
                yield safe
                return
        except ValueError:
            continue
    raise NotOpened("the password does not open it")


def _cipher(algorithm: list[der.Node]) -> Callable[[bytes, bytes | None], bytes]:
    """How a part is decrypted: (octets, password) -> octets with their padding. Raises Unopened, DerError."""
    oid = der.oid(algorithm[0])
    parameters = algorithm[1].parts() if len(algorithm) > 1 else []
    number = oid.removeprefix("1.2.840.113549.1.12.1.")
    if oid == PBES2 and len(parameters) == 2:
        return _pbes2(parameters[0].parts(), parameters[1].parts())
    if number.isdigit() and int(number) in PKCS12 and len(parameters) == 2:
        size, bits = PKCS12[int(number)]
        salt, rounds = joined(parameters[0]), der.integer(parameters[1])

        def open_part(encrypted: bytes, password: bytes | None) -> bytes:
            text = b"" if password is None else password.decode("utf-8").encode("utf-16-be") + b"\0\0"
            key, iv = (derive(text, salt, rounds, purpose, length) for purpose, length in ((1, size), (2, 8)))
            if bits:
                return rc2(key, bits, iv, encrypted)
            return _cbc(deps.TripleDES(key if size == 24 else key + key[:8]), iv, encrypted)

        return open_part
    raise Unopened(f"one in the cipher {oid}")


def _pbes2(derivation: list[der.Node], scheme: list[der.Node]) -> Callable[[bytes, bytes | None], bytes]:
    kind, parameters = der.oid(derivation[0]), derivation[1].parts()
    cipher = der.oid(scheme[0])
    size = AES.get(cipher) or (24 if cipher == DES3 else 0)
    salt = joined(parameters[0])
    numbers = [der.integer(part) for part in parameters if part.tag == der.INTEGER]
    if not size or kind not in (PBKDF2, SCRYPT) or len(scheme) < 2:
        raise Unopened(f"one in the cipher {cipher}")
    iv = joined(scheme[1])
    prf = next((der.oid(part.first()) for part in parameters if part.tag == der.SEQUENCE), "1.2.840.113549.2.7")
    if kind == PBKDF2 and PRFS.get(prf) not in hashlib.algorithms_available:
        raise Unopened(f"one with the hash {prf}")

    def open_part(encrypted: bytes, password: bytes | None) -> bytes:
        if kind == PBKDF2:
            key = hashlib.pbkdf2_hmac(PRFS[prf], password or b"", salt, numbers[0], size)
        else:
            n, r, p = numbers[:3]
            memory = 128 * r * (n + p + 2)
            key = hashlib.scrypt(password or b"", salt=salt, n=n, r=r, p=p, dklen=size, maxmem=memory + (1 << 20))
        return _cbc(deps.AES(key) if cipher in AES else deps.TripleDES(key), iv, encrypted)

    return open_part


def _cbc(cipher: Any, iv: bytes, encrypted: bytes) -> bytes:
    decryptor = deps.Cipher(cipher, deps.CBC(iv)).decryptor()
    plain: bytes = decryptor.update(encrypted) + decryptor.finalize()
    return plain


def derive(password: bytes, salt: bytes, rounds: int, purpose: int, size: int) -> bytes:
    """The derivation of PKCS#12 with SHA-1 (RFC 7292, appendix B.2).

    :param password: as a BMPString with its two zeros; empty where there is none at all.
    :param purpose: 1 for a key, 2 for an initial vector.
    """
    block = 64
    filled = b"".join(
        (part * (-(-block * -(-len(part) // block) // len(part))))[: block * -(-len(part) // block)]
        for part in (salt, password)
        if part
    )
    made = b""
    while len(made) < size:
        digest = bytes([purpose]) * block + filled
        for _round in range(rounds):
            digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        made += digest
        addend = int.from_bytes((digest * 4)[:block], "big") + 1
        pieces = (filled[at : at + block] for at in range(0, len(filled), block))
        filled = b"".join(
            ((int.from_bytes(piece, "big") + addend) % (1 << 8 * block)).to_bytes(block, "big") for piece in pieces
        )
    return made[:size]
