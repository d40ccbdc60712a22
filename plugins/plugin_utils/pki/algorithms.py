# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Algorithm identifiers: what signed a certificate, and what key it holds. Numbers: RFC 3279, 4055, 5758, 8410."""

from __future__ import annotations

from dataclasses import dataclass

from . import der

RSA_PSS = "1.2.840.113549.1.1.10"

SIGNATURES: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.2": ("rsa", "md2"), "1.2.840.113549.1.1.3": ("rsa", "md4"),
    "1.2.840.113549.1.1.4": ("rsa", "md5"), "1.2.840.113549.1.1.5": ("rsa", "sha1"), "1.3.14.3.2.29": ("rsa", "sha1"),
    "1.3.14.3.2.3": ("rsa", "md5"), "1.3.14.3.2.15": ("rsa", "sha1"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"), "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"), "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.15": ("rsa", "sha512-224"), "1.2.840.113549.1.1.16": ("rsa", "sha512-256"),
    "2.16.840.1.101.3.4.3.13": ("rsa", "sha3-224"), "2.16.840.1.101.3.4.3.14": ("rsa", "sha3-256"),
    "2.16.840.1.101.3.4.3.15": ("rsa", "sha3-384"), "2.16.840.1.101.3.4.3.16": ("rsa", "sha3-512"),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"), "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"), "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "1.2.840.10040.4.3": ("dsa", "sha1"), "2.16.840.1.101.3.4.3.1": ("dsa", "sha224"),
    "2.16.840.1.101.3.4.3.2": ("dsa", "sha256"),
    "1.3.101.112": ("ed25519", None), "1.3.101.113": ("ed448", None),
}  # fmt: skip
"""Signature algorithm -> (scheme, hash)."""

HASHES = {
    "1.2.840.113549.2.5": "md5", "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip

KEYS = {
    "1.2.840.113549.1.1.1": "rsa", RSA_PSS: "rsa-pss", "1.2.840.10045.2.1": "ec", "1.2.840.10040.4.1": "dsa",
    "1.3.101.110": "x25519", "1.3.101.111": "x448", "1.3.101.112": "ed25519", "1.3.101.113": "ed448",
    "1.2.840.10046.2.1": "dh",
}  # fmt: skip

FIXED_BITS = {"x25519": 256, "x448": 448, "ed25519": 256, "ed448": 456}

CURVES = {
    "1.2.840.10045.3.1.1": 192, "1.3.132.0.33": 224, "1.2.840.10045.3.1.7": 256, "1.3.132.0.10": 256,
    "1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.36.3.3.2.8.1.1.7": 256, "1.3.36.3.3.2.8.1.1.11": 384,
    "1.3.36.3.3.2.8.1.1.13": 512, "1.2.156.10197.1.301": 256,
}  # fmt: skip

WEAK_HASHES = frozenset({"md2", "md4", "md5", "sha1"})


@dataclass(frozen=True)
class Signature:
    """How a certificate was signed."""

    oid: str
    """Dotted identifier of the algorithm."""
    scheme: str | None
    """``rsa``, ``rsa-pss``, ``ecdsa``, ``dsa``, ``ed25519``, ``ed448``; None when unknown here."""
    hash: str | None
    """Name of the hash; None when the algorithm has none of its own or is unknown."""
    mask_hash: str | None = None
    """RSA-PSS: hash of the mask generation function."""
    salt: int = 0
    """RSA-PSS: octets of salt."""


def signature(identifier: der.Node) -> Signature:
    """Reads an AlgorithmIdentifier. Raises DerError."""
    parts = identifier.parts()
    name = der.oid(parts[0])
    if name == RSA_PSS and len(parts) > 1:
        return _pss(name, parts[1])
    scheme, hashed = SIGNATURES.get(name, (None, None))
    return Signature(name, scheme, hashed)


def _pss(name: str, parameters: der.Node) -> Signature:
    """RSASSA-PSS-params of RFC 4055: everything left out is SHA-1, its mask function and 20 octets of salt."""
    given = {node.tag: node.first() for node in parameters.parts()}
    hashed = _hash(given[0xA0]) if 0xA0 in given else "sha1"
    mask = _hash(given[0xA1].parts()[1]) if 0xA1 in given else "sha1"
    return Signature(name, "rsa-pss", hashed, mask, der.integer(given[0xA2]) if 0xA2 in given else 20)


def _hash(identifier: der.Node) -> str | None:
    return HASHES.get(der.oid(identifier.parts()[0]))


def public_key(spki: bytes) -> tuple[str, int]:
    """(kind, bits) of a SubjectPublicKeyInfo; a dotted identifier for an unknown kind, 0 bits when they cannot be told.

    Raises DerError.
    """
    identifier, key = der.read(spki).parts()
    parts = identifier.parts()
    name = der.oid(parts[0])
    kind = KEYS.get(name, name)
    if kind in ("rsa", "rsa-pss"):
        return kind, der.integer(der.read(der.bits(key)).parts()[0]).bit_length()
    if kind == "ec":
        # Parameters may be spelt out instead of named: no curve then, and nothing that Windows or browsers accept.
        return kind, CURVES.get(der.oid(parts[1]), 0) if len(parts) > 1 and parts[1].tag == der.OID else 0
    if kind == "dsa" and len(parts) > 1:
        return kind, der.integer(parts[1].parts()[0]).bit_length()
    return kind, FIXED_BITS.get(kind, 0)
