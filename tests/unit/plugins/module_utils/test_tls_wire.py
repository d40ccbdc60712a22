# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the clear in a server's first flight: of a real server, cut anywhere, and of none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import certificates_in_flight
from ansible_collections.ucops.certificates.plugins.module_utils.tls_wire import client_hello, read_flight
from ansible_collections.ucops.certificates.tests.unit.tls_servers import HOST, openssl_server
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue, rsa_key

MIDDLE = authority("Issuing", authority("Root"))
LEAF = issue("sip.contoso.example", MIDDLE, key=rsa_key())


def first_flight(port: int, hello: bytes) -> bytes:
    """All that a server sends before the client must answer."""
    data = b""
    with socket.create_connection((HOST, port), 10) as connection:
        connection.sendall(hello)
        while not read_flight(data).done:
            data += connection.recv(4096)
    return data


@pytest.fixture
def flight(tmp_path: Path) -> Iterator[bytes]:
    """The flight of a server that asks for a client certificate."""
    with openssl_server(tmp_path, LEAF, [MIDDLE], "-tls1_2", "-verify", "1") as port:
        yield first_flight(port, client_hello("sip.contoso.example"))


def test_certificates_in_flight(flight: bytes) -> None:
    """What Schannel answers on a member is read by the same code."""
    assert certificates_in_flight(flight) == [LEAF.der, MIDDLE.der]
    whole = read_flight(flight)
    assert (whole.version, whole.certificate_requested, whole.done, whole.alert) == ("TLSv1.2", True, True, None)


def test_a_greeting_offers_what_strict_servers_ask_for() -> None:
    """Secure renegotiation (suite 00FF, RFC 5746) and the extended master secret (extension 23, RFC 7627)."""
    for name in (None, "sip.contoso.example"):
        hello = client_hello(name)
        size = int.from_bytes(hello[44:46], "big")
        suites = [hello[at : at + 2] for at in range(46, 46 + size, 2)]
        assert b"\x00\xff" in suites and hello.endswith(b"\x00\x17\x00\x00")
        assert int.from_bytes(hello[48 + size : 50 + size], "big") == len(hello) - 50 - size


def test_flight_cut_anywhere(flight: bytes) -> None:
    """Never an exception, never half a certificate; records may be cut differently from messages."""
    for at in range(0, len(flight), 7):
        assert certificates_in_flight(flight[:at]) in ([], [LEAF.der, MIDDLE.der])
    body = b"".join(message for message in _records(flight))
    small = b"".join(b"\x16\x03\x03\x00\x64" + body[at : at + 100] for at in range(0, len(body) - 99, 100))
    assert certificates_in_flight(small) == [LEAF.der, MIDDLE.der]
    assert certificates_in_flight(flight + b"\x14\x03\x03\x00\x01\x01" + b"\x16\x03\x03\x00\x28" + bytes(40)) == [
        LEAF.der, MIDDLE.der]  # fmt: skip


def _records(data: bytes) -> Iterator[bytes]:
    while data:
        size = int.from_bytes(data[3:5], "big")
        yield data[5 : 5 + size]
        data = data[5 + size :]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_a_flight_without_certificates(data: bytes) -> None:
    """Foreign input."""
    read_flight(data)
    read_flight(b"\x16\x03\x03" + len(data).to_bytes(2, "big") + data)
