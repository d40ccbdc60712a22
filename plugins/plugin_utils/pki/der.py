# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small reader of ASN.1 BER/DER: just enough to take certificates and containers apart without refusing any.

The parsers of today's libraries refuse certificates that Windows stores are full of (serial number 0 or negative,
one malformed extension). Here every element is read by itself, so that one bad part never hides the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import CollectionError

INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
BOOLEAN, UTC_TIME, GENERALIZED_TIME = 0x01, 0x17, 0x18

MAX_DEPTH = 32
"""How deep elements of indefinite length may be nested; real containers need fewer than ten."""


MAX_PARTS = 10_000
"""Parts of one element of indefinite length: each is read once more for every such element around it."""


class DerError(CollectionError, ValueError):
    """The bytes are not the ASN.1 that was expected."""


class Truncated(DerError):
    """An element is longer than the bytes there are."""


class Node(NamedTuple):
    """One element: where it lies in the bytes it was read from."""

    data: bytes
    """The bytes it was read from."""
    tag: int
    """First identifier octet: class, constructed bit and number."""
    offset: int
    """Where the element begins."""
    start: int
    """Where its content begins."""
    end: int
    """Where its content ends."""
    after: int
    """Where the next element begins (later than ``end`` when the length is indefinite)."""

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self.data[self.start : self.end]

    @property
    def raw(self) -> bytes:
        """The whole element with its header."""
        return self.data[self.offset : self.after]

    def children(self) -> Iterator[Node]:
        """The elements inside. Raises DerError where one is malformed."""
        at = self.start
        while at < self.end:
            node = read(self.data, at, self.end)
            yield node
            at = node.after

    def first(self) -> Node:
        """The first element inside. Raises DerError when there is none."""
        return read(self.data, self.start, self.end)

    def parts(self, tag: int = SEQUENCE) -> list[Node]:
        """All elements inside, after checking that this one is a ``tag``. Raises DerError."""
        if self.tag != tag:
            raise DerError(f"expected ASN.1 tag 0x{tag:02x}, found 0x{self.tag:02x}")
        return list(self.children())


def read(data: bytes, at: int = 0, limit: int | None = None, depth: int = 0) -> Node:
    """The element that begins at ``at``.

    :param limit: where the surrounding element ends; default the end of the data.
    :raises Truncated: the element claims more bytes than there are.
    :raises DerError: not an element at all.
    """
    end = len(data) if limit is None else limit
    if at + 2 > end:
        raise Truncated("an ASN.1 element is cut off in its header")
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise DerError("ASN.1 tag numbers above 30 do not occur in certificates")
    if size == 0x80:
        if not tag & 0x20:
            raise DerError("a primitive ASN.1 element cannot have an indefinite length")
        return _indefinite(data, at, end, depth)
    if size > 0x80:
        count = size & 0x7F
        if count > 4:
            raise DerError("an ASN.1 length has more than four octets")
        if start + count > end:
            raise Truncated("an ASN.1 element is cut off in its length")
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + size > end:
        raise Truncated(f"an ASN.1 element claims {size} bytes where {end - start} are left")
    return Node(data, tag, at, start, start + size, start + size)


def _indefinite(data: bytes, at: int, end: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise DerError("ASN.1 elements of indefinite length are nested too deep")
    here, count = at + 2, 0
    while data[here : here + 2] != b"\x00\x00":
        if here >= end:
            raise Truncated("an ASN.1 element of indefinite length has no end")
        count += 1
        if count > MAX_PARTS:
            raise DerError("an ASN.1 element of indefinite length has more parts than any container")
        here = read(data, here, end, depth + 1).after
    return Node(data, data[at], at, at + 2, here, here + 2)


def oid(node: Node) -> str:
    """The dotted form of an OBJECT IDENTIFIER. Raises DerError."""
    content = node.content
    if node.tag != OID or not content or content[-1] & 0x80:
        raise DerError("expected an ASN.1 object identifier")
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def integer(node: Node) -> int:
    """The value of an INTEGER (or of a context tag in its place). Raises DerError when it has no content."""
    if node.start == node.end:
        raise DerError("an ASN.1 integer has no content")
    return int.from_bytes(node.content, "big", signed=True)


def bits(node: Node) -> bytes:
    """The octets of a BIT STRING without its count of unused bits. Raises DerError."""
    content = node.content
    if node.tag != BIT_STRING or not content or content[0] > 7:
        raise DerError("expected an ASN.1 bit string")
    return content[1:]


def boolean(node: Node) -> bool:
    """A BOOLEAN; any value but zero is true, as in BER. Raises DerError."""
    if node.tag != BOOLEAN or node.end - node.start != 1:
        raise DerError("expected an ASN.1 boolean")
    return node.content != b"\x00"
