# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RC2 in CBC mode (RFC 2268), to read: Windows and OpenSSL before 3.0 encrypt the certificates of a PFX with 40 bits of
it, and no library offers that by itself. It protects nothing today and is used for nothing but looking."""

from __future__ import annotations

import struct

PITABLE = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)
"""The substitution of section 2."""

MOST = 250_000
"""Octets decrypted at once, in a second or two; a hundred certificates have half of it."""

SHIFTS = (1, 2, 3, 5)
MASHED_AFTER = (11, 5)
"""Rounds, counted backwards, before which the words are mashed (section 3.2: five, six and five mixing rounds)."""


def schedule(key: bytes, bits: int) -> tuple[int, ...]:
    """The 64 words of a key of which so many bits count (section 2)."""
    table = bytearray(key)
    while len(table) < 128:
        table.append(PITABLE[table[-1] + table[-len(key)] & 0xFF])
    size = (bits + 7) // 8
    table[128 - size] = PITABLE[table[128 - size] & 0xFF >> (8 * size - bits)]
    for at in range(127 - size, -1, -1):
        table[at] = PITABLE[table[at + 1] ^ table[at + size]]
    return struct.unpack("<64H", table)


def _block(words: tuple[int, ...], block: bytes) -> bytes:
    r = list(struct.unpack("<4H", block))
    for turn in range(15, -1, -1):
        for i in (3, 2, 1, 0):
            value = (r[i] >> SHIFTS[i] | r[i] << 16 - SHIFTS[i]) & 0xFFFF
            chosen = (r[i - 1] & r[i - 2]) + (~r[i - 1] & r[i - 3])
            r[i] = value - words[4 * turn + i] - chosen & 0xFFFF
        if turn in MASHED_AFTER:
            for i in (3, 2, 1, 0):
                r[i] = r[i] - words[r[i - 1] & 63] & 0xFFFF
    return struct.pack("<4H", *r)


def decrypt(key: bytes, bits: int, iv: bytes, data: bytes) -> bytes:
    """Decrypts CBC; the padding stays. Raises ValueError for more than MOST, or where the data are no whole blocks."""
    if len(data) % 8 or len(data) > MOST:
        raise ValueError(f"expected whole blocks of eight octets, at most {MOST} octets")
    words, before, plain = schedule(key, bits), iv, bytearray()
    for at in range(0, len(data), 8):
        block = data[at : at + 8]
        plain += bytes(a ^ b for a, b in zip(_block(words, block), before, strict=True))
        before = block
    return bytes(plain)
