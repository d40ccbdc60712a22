# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and PFX files that demand what their author likes: any number of rounds, any memory, any form of encoding."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ansible_collections.ucops.certificates.tests.unit.zoo import integer, oid, rsa_key, seq, tlv

SALT, IV = b"saltsalt", b"i" * 16
PKCS5, PKCS12 = "1.2.840.113549.1.5", "1.2.840.113549.1.12"
DATA, ENCRYPTED = oid("1.2.840.113549.1.7.1"), oid("1.2.840.113549.1.7.6")
HMAC_SHA256, SHA1 = seq(oid("1.2.840.113549.2.9"), b"\x05\x00"), seq(oid("1.3.14.3.2.26"), b"\x05\x00")
AES256 = seq(oid("2.16.840.1.101.3.4.1.42"), tlv(4, IV))
END = b"\x00\x00"


def pbkdf2(rounds: int, length: int | None = None) -> bytes:
    """The derivation of PBES2 and PBMAC1."""
    own = () if length is None else (integer(length),)
    return seq(oid(f"{PKCS5}.12"), seq(tlv(4, SALT), integer(rounds), *own, HMAC_SHA256))


def scrypt(n: int, r: int = 8, p: int = 1) -> bytes:
    """The other derivation of PBES2."""
    return seq(oid("1.3.6.1.4.1.11591.4.11"), seq(tlv(4, SALT), integer(n), integer(r), integer(p)))


def pbes2(derivation: bytes) -> bytes:
    """AES-256 with a derived key."""
    return seq(oid(f"{PKCS5}.13"), seq(derivation, AES256))


def pbes1(rounds: int, scheme: str = f"{PKCS12}.1.3") -> bytes:
    """3DES as in PKCS#12, or one of the schemes of PKCS#5."""
    return seq(oid(scheme), seq(tlv(4, SALT), integer(rounds)))


def plain_key() -> bytes:
    """A private key, PKCS#8."""
    no = serialization.NoEncryption()
    return rsa_key().private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, no)


def encrypted_key(algorithm: bytes, octets: int = 1200) -> bytes:
    """An EncryptedPrivateKeyInfo; what is in it does not matter before it is opened."""
    return seq(algorithm, tlv(4, bytes(octets)))


def locked(data: bytes, password: bytes, rounds: int) -> tuple[bytes, bytes]:
    """PBES2 with AES-256 as it should be: (algorithm, encrypted)."""
    key = hashlib.pbkdf2_hmac("sha256", password, SALT, rounds, 32)
    size = 16 - len(data) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(IV)).encryptor()
    return pbes2(pbkdf2(rounds)), encryptor.update(data + bytes([size]) * size) + encryptor.finalize()


def shrouded(key: bytes) -> bytes:
    """A safe's bag with an encrypted key."""
    return seq(oid(f"{PKCS12}.10.1.2"), tlv(0xA0, key))


def bag_of(*bags: bytes) -> bytes:
    """A safe's bag that holds others."""
    return seq(oid(f"{PKCS12}.10.1.6"), tlv(0xA0, seq(*bags)))


def safe(*bags: bytes) -> bytes:
    """A part of a PFX that is not encrypted."""
    return seq(DATA, tlv(0xA0, tlv(4, seq(*bags))))


def locked_safe(algorithm: bytes, encrypted: bytes) -> bytes:
    """A part of a PFX that is."""
    return seq(ENCRYPTED, tlv(0xA0, seq(integer(0), seq(DATA, algorithm, tlv(0x80, encrypted)))))


def mac(rounds: int, algorithm: bytes = SHA1) -> bytes:
    """MacData; ``algorithm``: that of PBMAC1 in place of the hash."""
    return seq(seq(algorithm, tlv(4, bytes(20))), tlv(4, SALT), integer(rounds))


def pbmac1(rounds: int, length: int = 32) -> bytes:
    """The algorithm of RFC 9579."""
    return seq(oid(f"{PKCS5}.14"), seq(pbkdf2(rounds, length), HMAC_SHA256))


def pfx_of(*safes: bytes, macs: bytes = b"") -> bytes:
    """A PFX of safes, and perhaps a MAC."""
    return seq(integer(3), seq(DATA, tlv(0xA0, tlv(4, seq(*safes)))), macs)


def pfx_ber(*safes: bytes, macs: bytes = b"") -> bytes:
    """The same with indefinite lengths and its content in pieces, as Java and NSS write it."""
    content = b"\x30\x80" + b"".join(safes) + END
    pieces = b"".join(tlv(4, content[at : at + 100]) for at in range(0, len(content), 100))
    inner = b"\xa0\x80\x24\x80" + pieces + END + END
    return b"\x30\x80" + integer(3) + b"\x30\x80" + DATA + inner + END + macs + END


def openssh(rounds: int) -> bytes:
    """An OPENSSH key, without its armour, whose password is hashed so often."""

    def text(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    options = text(SALT * 2) + rounds.to_bytes(4, "big")
    return b"openssh-key-v1\x00" + text(b"aes256-ctr") + text(b"bcrypt") + text(options) + b"\x00\x00\x00\x01"
