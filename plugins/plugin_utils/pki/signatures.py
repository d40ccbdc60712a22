# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed a certificate: checked with the key itself, whatever the hash, and never more often than allowed."""

from __future__ import annotations

from ..errors import CollectionError
from . import algorithms, deps
from .certificate import Certificate


class Exhausted(CollectionError):
    """The number of signatures that may be checked is used up."""


class Signatures:
    """Checks signatures and remembers the answers."""

    def __init__(self, limit: int) -> None:
        """:param limit: how many signatures may be computed; answers out of memory are free."""
        deps.require()
        self._left = limit
        self._known: dict[tuple[bytes, bytes], bool | None] = {}

    def made_by(self, certificate: Certificate, issuer: Certificate) -> bool | None:
        """Whether the key of ``issuer`` signed ``certificate``; None when that cannot be told (unknown algorithm).

        :raises Exhausted: the limit is reached.
        """
        if _impossible(certificate, issuer):
            return False
        question = (certificate.der, issuer.body.spki)
        if question not in self._known:
            if self._left <= 0:
                raise Exhausted
            self._left -= 1
            self._known[question] = verify(certificate, issuer.body.spki)
        return self._known[question]


def is_self_signed(certificate: Certificate) -> bool:
    """Signed with its own key, and naming itself as its issuer: a root, or a server's own certificate."""
    return certificate.self_issued and Signatures(1).made_by(certificate, certificate) is True


def _impossible(certificate: Certificate, issuer: Certificate) -> bool:
    """A key of another kind or size cannot have made the signature; seen without computing anything."""
    scheme, kind = certificate.signature_algorithm.scheme, issuer.key_type
    if scheme in ("rsa", "rsa-pss"):
        return kind not in ("rsa", "rsa-pss") or len(certificate.body.signature) != (issuer.key_bits + 7) // 8
    expected = "ec" if scheme == "ecdsa" else scheme
    return expected is not None and kind != expected


def verify(certificate: Certificate, spki: bytes) -> bool | None:
    """Checks one signature with one public key. None when the algorithm or the key is not supported here."""
    algorithm, signature, signed = certificate.signature_algorithm, certificate.body.signature, certificate.body.signed
    try:
        key = deps.serialization.load_der_public_key(spki)
        if isinstance(key, deps.rsa.RSAPublicKey):
            hashed = _hash(algorithm.hash)
            if algorithm.scheme == "rsa-pss":
                mask = deps.padding.MGF1(_hash(algorithm.mask_hash))
                key.verify(signature, signed, deps.padding.PSS(mask, algorithm.salt), hashed)
            else:
                key.verify(signature, signed, deps.padding.PKCS1v15(), hashed)
        elif isinstance(key, deps.ec.EllipticCurvePublicKey):
            key.verify(signature, signed, deps.ec.ECDSA(_hash(algorithm.hash)))
        elif isinstance(key, deps.ed25519.Ed25519PublicKey | deps.ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return None
    except deps.InvalidSignature:
        return False
    except (ValueError, TypeError, deps.UnsupportedAlgorithm):
        return None
    return True


def _hash(name: str | None) -> deps.hashes.HashAlgorithm:
    known: dict[str, type[deps.hashes.HashAlgorithm]] = {
        "md5": deps.hashes.MD5, "sha1": deps.hashes.SHA1, "sha224": deps.hashes.SHA224, "sha256": deps.hashes.SHA256,
        "sha384": deps.hashes.SHA384, "sha512": deps.hashes.SHA512, "sha512-224": deps.hashes.SHA512_224,
        "sha512-256": deps.hashes.SHA512_256, "sha3-224": deps.hashes.SHA3_224, "sha3-256": deps.hashes.SHA3_256,
        "sha3-384": deps.hashes.SHA3_384, "sha3-512": deps.hashes.SHA3_512,
    }  # fmt: skip
    if name not in known:
        raise ValueError(f"no hash {name!r}")
    return known[name]()


WEAK_BITS = {"rsa": 2048, "rsa-pss": 2048, "dsa": 2048, "ec": 224}
"""Keys shorter than this are refused by current clients (Microsoft KB2661254 refuses RSA below 1024, browsers below
2048)."""


def weak_key(certificate: Certificate) -> bool:
    """Whether its key is shorter than current clients accept."""
    return 0 < certificate.key_bits < WEAK_BITS.get(certificate.key_type, 0)


def weak_signature(certificate: Certificate) -> bool:
    """Whether it was signed with MD5, SHA-1 or older."""
    return certificate.signature_hash in algorithms.WEAK_HASHES
