# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS on ports that begin in the clear, against servers that say the right things, and others."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe
from ansible_collections.ucops.certificates.tests.unit.tls_servers import HOST, files, serving
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue, rsa_key

ROOT = authority("Root", key=rsa_key(2048, 1))
LEAF = issue("mail.contoso.example", ROOT, key=rsa_key())

TALKS: dict[str, Sequence[tuple[str, str | None]]] = {
    # What the server says, and what it then waits for.
    "smtp": [
        ("220 mail.contoso.example ready\r\n", "EHLO [127.0.0.1]"),
        ("250-mail.contoso.example Hello\r\n250-SIZE 37748736\r\n250-starttls\r\n250 CHUNKING\r\n", "STARTTLS"),
        ("220 2.0.0 SMTP server ready\r\n", None),
    ],
    "imap": [
        ("* OK The service is ready.\r\n", "a1 CAPABILITY"),
        ("* CAPABILITY IMAP4 IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK CAPABILITY completed.\r\n", "a2 STARTTLS"),
        ("a2 OK Begin TLS negotiation now.\r\n", None),
    ],
    "pop3": [("+OK The service is ready.\r\n", "STLS"), ("+OK Begin TLS negotiation.\r\n", None)],
}


def talk(connection: socket.socket, lines: Sequence[tuple[str, str | None]]) -> bool:
    """Says each line and waits for its answer; whether all were as expected."""
    stream = connection.makefile("rwb", buffering=0)
    for said, expected in lines:
        connection.sendall(said.encode())
        if expected is not None and stream.readline().strip().decode() != expected:
            return False
    return True


@pytest.mark.parametrize("protocol", TALKS)
def test_certificates_behind_a_beginning_in_the_clear(protocol: str, tmp_path: Path) -> None:
    certificate, _, key = files(tmp_path, LEAF, ())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def answer(connection: socket.socket) -> None:
        if talk(connection, TALKS[protocol]):
            with context.wrap_socket(connection, server_side=True) as session:
                session.recv(1)

    with serving(answer) as port:
        found = probe(HOST, port, "mail.contoso.example", 10, protocol)
    assert found["certificates"] == [LEAF.der]
    assert (found["error"], found["handshake"], found["starttls"]) == (None, True, protocol)


REFUSALS = {
    "smtp": {
        "554 no\r\n": "expected 220 as answer to its greeting, found '554 no'",
        "220 x\r\n250-x\r\n250 SIZE\r\n": "STARTTLS is not offered; EHLO was answered with SIZE",
        "220 x\r\n250 x\r\n": "EHLO was answered with nothing more",
        "220 x\r\n250-x\r\n250 STARTTLS\r\n454 4.7.0 not now\r\n": "answer to STARTTLS, found '454 4.7.0 not now'",
        "220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n": "more in the clear after it had agreed to TLS",
        "220 x\r\n250-x\r\n": "closed the connection before TLS began",
        "220 x": "closed the connection before TLS began '220 x'",
        "220 \x1b[31m\n500 n\n": "expected 250 as answer to EHLO, found '500 n'",
        "": "closed the connection before TLS began",
    },
    "imap": {
        "* BYE no\r\n": "expected * OK as its greeting",
        "* OK x\r\n* CAPABILITY IMAP4 LOGINDISABLED\r\na1 OK\r\n": "STARTTLS is not offered",
        "* OK x\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 BAD Command Error. 12\r\n": "found 'a2 BAD Command Error. 12'",
    },
    "pop3": {"-ERR no\r\n": "expected +OK as its greeting", "+OK x\r\n-ERR Protocol error.\r\n": "answer to STLS"},
}


@pytest.mark.parametrize(
    ("protocol", "said", "told"), [(p, s, t) for p, cases in REFUSALS.items() for s, t in cases.items()]
)
def test_a_server_that_does_not_go_over_is_told_in_its_own_words(protocol: str, said: str, told: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(said.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    with serving(answer) as port:
        found = probe(HOST, port, None, 10, protocol)
    assert not found["ok"] and found["error"].startswith(f"{protocol.upper()}: ")
    assert told in found["error"] and found["error"].isprintable()


@pytest.mark.parametrize("protocol", TALKS)
def test_a_server_that_says_nothing(protocol: str) -> None:
    with serving(lambda connection: connection.recv(1) and None) as port:
        found = probe(HOST, port, None, 0.3, protocol)
    assert "within the time allowed" in found["error"] and protocol.upper() in found["error"]


def test_lines_without_end() -> None:
    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"x" * 4096)

    with serving(answer) as port:
        assert "a line without end" in probe(HOST, port, None, 10, "smtp")["error"]


def test_answers_without_end() -> None:
    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"220-x\r\n" * 50)

    with serving(answer) as port:
        assert "has no end" in probe(HOST, port, None, 10, "smtp")["error"]
