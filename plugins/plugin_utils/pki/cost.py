# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What opening a key or a PFX costs, read out of the file before it is paid.

The file itself says how often a password is hashed before it becomes a key, and every library obeys. One number in a
file of two thousand octets can keep a controller busy for days or take all of its memory. So the numbers are looked
up first, wherever they stand, and added up over a delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import der
from .errors import BundleError, Where, refused

MAX_ROUNDS = 10_000_000
"""Rounds of key derivation over all files of a delivery: five seconds or so. Windows makes 2,000 of each of a PFX's
three derivations, OpenSSL 2,048, careful people a million."""

MAX_MEMORY = 256 * 1024 * 1024
"""Octets that one scrypt derivation may take. OpenSSL's own choice (N = 16,384, r = 8) takes 16 MB."""

MAX_KEY = 6_000
"""Octets of one private key: RSA with 8,192 bits has 4,700 and takes seconds to be checked, with 16,384 a minute."""

MAX_ELEMENTS, MAX_DEPTH = 100_000, 32
"""ASN.1 elements of a key or a PFX, certificates not counted, and how deep they lie in one another."""

BCRYPT_ROUND = 20_000
"""One round of bcrypt (OPENSSH keys) takes as long as so many of the others."""

PBKDF2, SCRYPT = "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
PBE_ARCS = ("1.2.840.113549.1.5.", "1.2.840.113549.1.12.1.")
"""PKCS #5 and the ciphers of PKCS #12: schemes whose parameters are a salt and a number of rounds (RFC 8018, appendix
A; RFC 7292, appendix C)."""
DATA, SIGNED_DATA, ENCRYPTED_DATA = (f"1.2.840.113549.1.7.{number}" for number in (1, 2, 6))

OPENSSH = b"openssh-key-v1\x00"

AGAIN = "export the key again with the defaults of the program that made it, or ask who sent it why"


@dataclass(frozen=True)
class Derivation:
    """One way from a password to a key, as the file demands it."""

    what: str
    """Its name for people: PBKDF2, scrypt, bcrypt, PBES1 or MAC."""
    rounds: int
    """How much work it is, in rounds of hashing."""
    memory: int = 0
    """Octets it takes while it runs, where that is much."""
    said: str = ""
    """The numbers as they stand in the file, where they are not the rounds."""


@dataclass
class Budget:
    """What was spent on a delivery so far; the sum over its files counts."""

    rounds: int = 0

    def spend(self, demanded: Iterable[Derivation], where: Where) -> None:
        """Allows the work of one file. Raises BundleError, ``bundle.too-costly``, with the number that is too large."""
        for one in demanded:
            told = f" ({one.said})" if one.said else ""
            if one.memory > MAX_MEMORY:
                expected = f"a key derivation that takes at most {MAX_MEMORY >> 20} MB of memory"
                raise _too_costly(expected, f"{one.what} that takes {one.memory >> 20:,} MB{told}", where)
            if one.rounds < 0:
                raise _too_costly("a number of rounds", f"{one.what} of {one.rounds:,} rounds{told}", where)
            self.rounds += one.rounds
            if self.rounds > MAX_ROUNDS:
                expected = f"at most {MAX_ROUNDS:,} rounds of key derivation in a delivery"
                sum_ = "" if self.rounds == one.rounds else f", {self.rounds:,} in all so far"
                raise _too_costly(expected, f"{one.what} of {one.rounds:,} rounds{told}{sum_}", where)


def too_large(size: int, where: Where) -> BundleError:
    """The error of a key that has far more octets than any."""
    return _too_costly(f"a private key of at most {MAX_KEY:,} octets", f"one of {size:,}", where)


def _too_costly(expected: str, found: str, where: Where) -> BundleError:
    return refused("too-costly", expected, found, where, AGAIN)


def of_key(data: bytes, where: Where) -> list[Derivation]:
    """What opening a private key costs: PKCS#8 (encrypted or not), PKCS#1, SEC 1, or an OPENSSH key without its armour.

    :raises BundleError: it is far larger than any key, or cannot be followed to its end.
    """
    if len(data) > MAX_KEY:
        raise too_large(len(data), where)
    if data.startswith(OPENSSH):
        return list(_openssh(data))
    return _followed(data, where)


def of_pfx(data: bytes, where: Where) -> list[Derivation]:
    """What opening a PKCS#12 file costs, as far as it is not hidden in an encrypted part (see :mod:`pbe`).

    :raises BundleError: a key in it is far too large, or it cannot be followed to its end.
    """
    return _followed(data, where)


def of_safe(data: bytes, where: Where) -> list[Derivation]:
    """What the bags of a part of a PKCS#12 file cost, once that part was decrypted. Raises BundleError."""
    return _followed(data, where)


def _followed(data: bytes, where: Where) -> list[Derivation]:
    """Derivations of anything in ASN.1. Not being able to read it is no reason to let it pass."""
    try:
        return list(_walk(data, where, [0], 0))
    except der.DerError as error:
        raise refused("unreadable", "a whole key or PFX", f"a damaged one ({error})", where, AGAIN) from None


def _walk(data: bytes, where: Where, seen: list[int], depth: int) -> Iterator[Derivation]:
    at = 0
    while at < len(data):
        node = der.read(data, at)
        yield from _look(node, where, seen, depth)
        at = node.after


def _look(node: der.Node, where: Where, seen: list[int], depth: int) -> Iterator[Derivation]:
    seen[0] += 1
    if seen[0] > MAX_ELEMENTS or depth > MAX_DEPTH:
        raise der.DerError("more parts, or deeper ones, than any key has")
    if not node.tag & 0x20:
        return
    parts = list(node.children())
    if node.tag == der.SEQUENCE and parts:
        yield from _known(parts, where)
        if parts[0].tag == der.OID and der.oid(parts[0]) == DATA and len(parts) > 1 and parts[1].tag == 0xA0:
            yield from _walk(octets(parts.pop(1)), where, seen, depth + 1)
    for part in parts:
        yield from _look(part, where, seen, depth + 1)


def _known(parts: list[der.Node], where: Where) -> Iterator[Derivation]:
    """What one SEQUENCE demands by itself."""
    tags = [part.tag & ~0x20 if part.tag == 0x24 else part.tag for part in parts]
    if tags[0] == der.OID:
        yield from _scheme(der.oid(parts[0]), parts[1:])
    elif tags[:3] == [der.SEQUENCE, der.OCTET_STRING, der.INTEGER]:  # MacData (RFC 7292, section 4)
        yield Derivation("a MAC", der.integer(parts[2]))
    key = parts[1] if tags == [der.SEQUENCE, der.OCTET_STRING] else None
    if tags[:3] == [der.INTEGER, der.SEQUENCE, der.OCTET_STRING]:
        key = parts[2]
    if key is not None and key.end - key.start > MAX_KEY:
        raise too_large(key.end - key.start, where)


def _scheme(oid: str, rest: list[der.Node]) -> Iterator[Derivation]:
    if oid != SCRYPT and not oid.startswith(PBE_ARCS) or not rest or rest[0].tag != der.SEQUENCE:
        return
    numbers = [der.integer(part) for part in rest[0].children() if part.tag == der.INTEGER]
    if oid == SCRYPT and len(numbers) >= 3:
        cost, block, parallel = numbers[:3]
        said = f"N = {cost:,}, r = {block:,}, p = {parallel:,}"
        work = -1 if min(numbers[:3]) < 1 else cost * block * parallel
        yield Derivation("scrypt", work, 128 * block * (cost + parallel), said)
    elif oid == PBKDF2 and numbers:
        length = max([1, *numbers[1:2]])  # of the key that is made: each 20 octets or more take all rounds again
        more = max(1, -(-length // 64))
        yield Derivation("PBKDF2", numbers[0] * more, said=f"for a key of {length:,} octets" if more > 1 else "")
    elif numbers:
        yield Derivation("PBES1", numbers[0])


def _openssh(data: bytes) -> Iterator[Derivation]:
    """bcrypt of an OPENSSH key (OpenSSH, PROTOCOL.key): three texts, then the options: a salt and the rounds."""
    at, texts = len(OPENSSH), []
    for _number in range(3):
        size = int.from_bytes(data[at : at + 4], "big")
        texts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    options = texts[2]
    size = int.from_bytes(options[:4], "big")
    rounds = int.from_bytes(options[4 + size : 8 + size], "big")
    if rounds:
        yield Derivation("bcrypt", rounds * BCRYPT_ROUND, said=f"{rounds:,} of bcrypt")


def octets(node: der.Node) -> bytes:
    """The content of an OCTET STRING inside an explicit tag, also of one in pieces (BER). Raises DerError."""
    inner = node.parts(0xA0)
    if len(inner) != 1:
        raise der.DerError(f"expected one ASN.1 element, found {len(inner)}")
    return joined(inner[0])


def joined(node: der.Node, depth: int = 0) -> bytes:
    """The octets of a string, its pieces joined where BER cut it up. Raises DerError."""
    if not node.tag & 0x20:
        return node.content
    if depth > MAX_DEPTH:
        raise der.DerError("pieces of a string are nested too deep")
    return b"".join(joined(part, depth + 1) for part in node.children())
