"""The ClientHello that a script has with it, and servers that are strict about what it offers."""

from __future__ import annotations

import base64
import binascii
import re

from .state import State

_QUOTED = re.compile(r"'([A-Za-z0-9+/]{60,}=*)'")
_RENEGOTIATION_SUITE, _RENEGOTIATION, _EXTENDED_MASTER_SECRET = 0x00FF, 0xFF01, 23


def hello_in(script: str) -> bytes | None:
    """The TLS record with a ClientHello that stands in a script, base64 and in quotes; None: there is none."""
    for found in _QUOTED.findall(script):
        try:
            data = base64.b64decode(found, validate=True)
        except binascii.Error:
            continue
        if data[:2] == b"\x16\x03" and data[5:6] == b"\x01":
            return data
    return None


def offers(record: bytes) -> tuple[set[int], set[int]]:
    """The cipher suites and the extensions of a ClientHello (RFC 5246, 7.4.1.2) in one record."""
    at = 5 + 4 + 2 + 32
    at += 1 + record[at]
    size = int.from_bytes(record[at : at + 2], "big")
    suites = _words(record[at + 2 : at + 2 + size])
    at += 2 + size
    at += 1 + record[at]
    end, at = at + 2 + int.from_bytes(record[at : at + 2], "big"), at + 2
    extensions = set()
    while at < end:
        extensions.add(int.from_bytes(record[at : at + 2], "big"))
        at += 4 + int.from_bytes(record[at + 2 : at + 4], "big")
    return suites, extensions


def _words(data: bytes) -> set[int]:
    return {int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)}


def refused(state: State, record: bytes | None = None) -> bool:
    """Whether this member ends the handshake of a ClientHello, by default of the one that came with the script.

    A strict one does without secure renegotiation (KB980436: AllowInsecureRenegoClients is 0) or without the extended
    master secret (RFC 7627), which stands for policies that ask for it.
    """
    record = record or state.hello
    if state.behaviour.tls_hello != "strict" or record is None:
        return False
    suites, extensions = offers(record)
    renegotiates = _RENEGOTIATION_SUITE in suites or _RENEGOTIATION in extensions
    return not renegotiates or _EXTENDED_MASTER_SECRET not in extensions
