# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS up to version 1.2 on the wire: what a server's first flight says, and a ClientHello that asks for it.

Standard library only, Python 3.6 and newer. RFC 5246.
"""

import os
import struct
from typing import List, Optional

ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC = 21, 22, 20
SERVER_HELLO, CERTIFICATE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 2, 11, 13, 14

VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
"""Protocol versions by their number on the wire, named as Python's ssl module names them."""

ALERTS = {
    0: "close notify", 10: "unexpected message", 20: "bad record MAC", 40: "handshake failure", 42: "bad certificate",
    43: "unsupported certificate", 44: "certificate revoked", 45: "certificate expired", 46: "certificate unknown",
    47: "illegal parameter", 48: "unknown CA", 49: "access denied", 50: "decode error", 51: "decrypt error",
    70: "protocol version", 71: "insufficient security", 80: "internal error", 86: "inappropriate fallback",
    112: "unrecognized name", 116: "certificate required", 120: "no application protocol",
}  # fmt: skip
"""TLS alerts (RFC 8446, section 6)."""

# Everything that a server since Windows Server 2008 R2 may want: ECDHE and DHE first, then RSA, then 3DES and RC4.
CIPHERS = (
    0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0xC023, 0xC024, 0xC027, 0xC028, 0xC009, 0xC00A, 0xC013, 0xC014,
    0x009E, 0x009F, 0x0067, 0x006B, 0x0033, 0x0039, 0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0xC008, 0xC012,
    0x0016, 0x000A, 0xC007, 0xC011, 0x0005, 0x0004, 0x00FF,
)  # fmt: skip
SIGNATURE_SCHEMES = (
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0301, 0x0303, 0x0203, 0x0201, 0x0202,
    0x0101,
)  # fmt: skip
#: RFC 7627: hardened servers end the handshake of a client that does not offer it.
EXTENDED_MASTER_SECRET = 23


class Flight:
    """What stands in the clear in the bytes that a server sent."""

    def __init__(self) -> None:
        self.version: Optional[str] = None
        self.certificates: List[bytes] = []
        self.certificate_requested = False
        self.done = False
        """The server has said all it says before the client's answer."""
        self.alert: Optional[int] = None
        self.is_tls = False
        """At least the header of a TLS record was there."""


def read_flight(data: bytes) -> Flight:
    """Takes apart what a server sent, as far as it is complete and not encrypted. Never raises."""
    flight = Flight()
    handshake = bytearray()
    at = 0
    while at + 5 <= len(data):
        kind, version, size = struct.unpack_from(">BHH", data, at)
        if kind not in (ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC) or version >> 8 != 3:
            break
        flight.is_tls = True
        body = data[at + 5 : at + 5 + size]
        if len(body) < size or kind == CHANGE_CIPHER_SPEC:
            # What follows is not here yet, or encrypted.
            break
        if kind == HANDSHAKE:
            handshake += body
        elif len(body) == 2:
            flight.alert = body[1]
        at += 5 + size
    _read_messages(flight, bytes(handshake))
    return flight


def _read_messages(flight: Flight, data: bytes) -> None:
    at = 0
    while at + 4 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        body = data[at + 4 : at + 4 + size]
        if len(body) < size:
            return
        if kind == SERVER_HELLO and size >= 2:
            flight.version = VERSIONS.get(struct.unpack(">H", body[:2])[0])
        elif kind == CERTIFICATE:
            flight.certificates = _certificate_list(body)
        elif kind == CERTIFICATE_REQUEST:
            flight.certificate_requested = True
        elif kind == SERVER_HELLO_DONE:
            flight.done = True
        at += 4 + size


def _certificate_list(body: bytes) -> List[bytes]:
    found = []
    at = 3
    while at + 3 <= len(body):
        size = int.from_bytes(body[at : at + 3], "big")
        if at + 3 + size > len(body):
            break
        found.append(body[at + 3 : at + 3 + size])
        at += 3 + size
    return found


def certificates_in_flight(data: bytes) -> List[bytes]:
    """The certificates (DER, in the order sent) in the raw TLS records of a server's first flight, TLS 1.2 or older."""
    return read_flight(bytes(data)).certificates


def client_hello(server_name: Optional[str]) -> bytes:
    """A ClientHello for TLS 1.2 and older, in one record."""
    schemes = struct.pack(f">{len(SIGNATURE_SCHEMES)}H", *SIGNATURE_SCHEMES)
    groups = struct.pack(">4H", 29, 23, 24, 25)
    parts = [
        _extension(10, struct.pack(">H", len(groups)) + groups),
        _extension(11, b"\x01\x00"),
        _extension(13, struct.pack(">H", len(schemes)) + schemes),
        _extension(EXTENDED_MASTER_SECRET, b""),
    ]
    if server_name:
        name = server_name.encode("idna")
        entry = b"\x00" + struct.pack(">H", len(name)) + name
        parts.insert(0, _extension(0, struct.pack(">H", len(entry)) + entry))
    extensions = b"".join(parts)
    ciphers = struct.pack(f">{len(CIPHERS)}H", *CIPHERS)
    body = b"\x03\x03" + os.urandom(32) + b"\x00" + struct.pack(">H", len(ciphers)) + ciphers + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack(">HH", number, len(content)) + content
