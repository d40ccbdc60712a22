"""A server whose TLS stack is strict about what a ClientHello offers."""

from __future__ import annotations

import base64

import pytest

from lab.member.hello import hello_in

from .conftest import Side
from .test_stores import presented


def hello(side: Side) -> bytes:
    """The ClientHello in the script."""
    found = hello_in(side.script)
    assert found
    return found


def without(record: bytes, *parts: bytes) -> bytes:
    """The record without the parts, each of which stands in it once; its lengths follow."""
    suites, extensions = 44, 46 + int.from_bytes(record[44:46], "big") + 2
    made = bytearray(record)
    for part in parts:
        at = made.index(part)
        place = suites if at < extensions else extensions
        made[at : at + len(part)] = b""
        for start, size in ((3, 2), (6, 3), (place, 2)):
            made[start : start + size] = (int.from_bytes(made[start : start + size], "big") - len(part)).to_bytes(
                size, "big"
            )
        extensions -= len(part) if place == suites else 0
    return bytes(made)


def test_a_strict_server_presents_what_any_other_does(side: Side) -> None:
    old = [side.pki[name].der for name in ("external-old", "issuing-old")]
    for strictness in ("any", "strict"):
        side.order(tls_hello=strictness)
        assert presented(side, "external-old") == [(True, old, None)], strictness


@pytest.mark.parametrize("part", [b"\x00\xff", b"\x00\x17\x00\x00"], ids=["renegotiation", "master secret"])
def test_a_strict_server_ends_the_handshake_of_a_hello_that_lacks(side: Side, part: bytes) -> None:
    lacking = without(hello(side), part)
    old = [side.pki[name].der for name in ("external-old", "issuing-old")]
    side.script = side.script.replace(base64.b64encode(hello(side)).decode(), base64.b64encode(lacking).decode())
    assert presented(side, "external-old") == [(True, old, None)], "as good as any to a server that is not strict"
    side.order(tls_hello="strict")
    ((present, flight, error),) = presented(side, "external-old")
    assert present and flight == [] and error
