# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few lines that come before TLS on a port that begins in the clear: SMTP, IMAP and POP3.

Standard library only, Python 3.6 and newer. RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP), RFC 2595 section 4 (POP3).
"""

import socket
from typing import Any, Callable, Dict, List

__all__ = ["PROTOCOLS", "NoStarttls", "begin"]

LONGEST = 1 << 16
"""Octets of one answer at most."""


class NoStarttls(Exception):
    """The server does not go over to TLS; the message says what it said instead."""


class Lines:
    """Lines over a connection; what is left over must be nothing when TLS begins."""

    def __init__(self, line: Any) -> None:
        self.line = line
        self.left = b""

    def hear(self) -> str:
        """The next line, without its end. Raises NoStarttls at the end of the connection or of our patience."""
        while b"\n" not in self.left:
            if len(self.left) > LONGEST:
                raise NoStarttls("it sends a line without end")
            data = self.line.receive()
            if not data:
                raise NoStarttls("it closed the connection before TLS began" + _quoted(self.left.decode("latin-1")))
            self.left += data
        found, dummy, self.left = self.left.partition(b"\n")
        return found.rstrip(b"\r").decode("utf-8", "replace")

    def say(self, text: str) -> None:
        """Sends a line."""
        self.line.send(text.encode("ascii") + b"\r\n")


def begin(line: Any, protocol: str) -> None:
    """Talks until the server waits for a TLS greeting.

    :param line: has ``send(bytes)``, ``receive() -> bytes`` (none at the end) and ``socket``.
    :param protocol: one of PROTOCOLS.
    Raises NoStarttls when the server does not offer TLS or refuses it, and what the connection raises.
    """
    lines = Lines(line)
    PROTOCOLS[protocol](lines)
    if lines.left:
        # Whatever stands here could have been put in by anybody on the way (CVE-2011-0411).
        raise NoStarttls("it sent more in the clear after it had agreed to TLS" + _quoted(lines.left.decode("latin-1")))


def _smtp(lines: Lines) -> None:
    _demand(_smtp_answer(lines), "220", "its greeting")
    lines.say(f"EHLO {_literal(lines.line.socket)}")
    offered = _smtp_answer(lines)
    _demand(offered, "250", "EHLO")
    words = [text[4:].split(" ")[0].upper() for text in offered]
    if "STARTTLS" not in words:
        more = ascii(", ".join(words[1:])[:400])[1:-1] or "nothing more"
        raise NoStarttls(f"STARTTLS is not offered; EHLO was answered with {more}")
    lines.say("STARTTLS")
    _demand(_smtp_answer(lines), "220", "STARTTLS")


def _smtp_answer(lines: Lines) -> List[str]:
    """All lines of one answer: every one but the last has a hyphen behind its number."""
    found = [lines.hear()]
    while found[-1][3:4] == "-":
        if len(found) > 200:
            raise NoStarttls("its answer has no end")
        found.append(lines.hear())
    return found


def _demand(answer: List[str], code: str, what: str) -> None:
    if answer[-1][:3] != code:
        raise NoStarttls(f"expected {code} as answer to {what}, found{_quoted(answer[-1])}")


def _literal(connection: socket.socket) -> str:
    """Our own address as SMTP writes it where there is no name to give (RFC 5321, section 4.1.3)."""
    address = str(connection.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _imap(lines: Lines) -> None:
    greeting = lines.hear()
    if not greeting.upper().startswith(("* OK", "* PREAUTH")):
        raise NoStarttls(f"expected * OK as its greeting, found{_quoted(greeting)}")
    offered, ended = _imap_command(lines, "a1", "CAPABILITY")
    words = " ".join(text for text in offered if text.upper().startswith("* CAPABILITY")).upper().split()
    if "STARTTLS" not in words:
        raise NoStarttls(
            f"STARTTLS is not offered; CAPABILITY was answered with{_quoted(' '.join(words[2:]) or ended)}"
        )
    dummy, ended = _imap_command(lines, "a2", "STARTTLS")
    if not ended.upper().startswith("A2 OK"):
        raise NoStarttls(f"expected OK as answer to STARTTLS, found{_quoted(ended)}")


def _imap_command(lines: Lines, tag: str, command: str) -> Any:
    """Sends a command; the untagged lines of its answer, and the line that ends it."""
    lines.say(f"{tag} {command}")
    found: List[str] = []
    while len(found) <= 200:
        text = lines.hear()
        if text.upper().startswith(tag.upper() + " "):
            return found, text
        found.append(text)
    raise NoStarttls("its answer has no end")


def _pop3(lines: Lines) -> None:
    greeting = lines.hear()
    if not greeting.startswith("+OK"):
        raise NoStarttls(f"expected +OK as its greeting, found{_quoted(greeting)}")
    lines.say("STLS")  # asking with CAPA is optional, and Exchange answers STLS alike
    answer = lines.hear()
    if not answer.startswith("+OK"):
        raise NoStarttls(f"expected +OK as answer to STLS, found{_quoted(answer)}")


def _quoted(text: str) -> str:
    """What a server said, so that it cannot pass for our own words or end a line."""
    return f" {text[:120]!a}" if text else ""


PROTOCOLS: Dict[str, Callable[[Lines], None]] = {"smtp": _smtp, "imap": _imap, "pop3": _pop3}
"""By the name that a user gives."""
