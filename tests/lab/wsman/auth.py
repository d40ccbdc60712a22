"""Authentication of one TCP connection, and the message encryption that comes with NTLM.

Windows keeps the NTLM session with the connection: a client that reconnects starts over, and what
it sealed for the old connection is refused with 400.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import spnego
from spnego.exceptions import SpnegoError

from .http import Request, Response

SEALED_TYPE = "application/HTTP-SPNEGO-session-encrypted"
BOUNDARY = b"--Encrypted Boundary"
Header = tuple[str, str]


class Unsealable(Exception):
    """A sealed message that this connection's session cannot open."""


class Accounts:
    """The local accounts of one member, as Basic and NTLM need them.

    pyspnego's acceptor reads its accounts from the file that the environment variable
    NTLM_USER_FILE names. The lab has one set a member, so the variable is set around each step.
    """

    def __init__(self, computer: str, users: Mapping[str, str], private: Path) -> None:
        self.computer = computer
        self.users = users
        self._file = private / f"accounts-{computer}"

    def password(self, user: str) -> str | None:
        """The password of ``name``, ``.\\name`` or ``COMPUTER\\name``, or None if there is no such account."""
        domain, _, name = user.rpartition("\\")
        if domain.upper() not in ("", ".", self.computer.upper()):
            return None
        return {known.lower(): password for known, password in self.users.items()}.get(name.lower())

    @contextmanager
    def for_acceptor(self) -> Iterator[None]:
        """Let pyspnego's acceptor see these accounts, and no others."""
        domains = ("", ".", self.computer.upper())
        lines = [f"{d}:{user}:{password}" for user, password in self.users.items() for d in domains]
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write("\n".join(lines) + "\n")
        os.environ["NTLM_USER_FILE"] = str(self._file)
        try:
            yield
        finally:
            del os.environ["NTLM_USER_FILE"]
            self._file.unlink()


class Authentication:
    """What one connection has proven so far."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.user: str | None = None
        self._context: Any = None
        self._final: list[Header] = []

    def check(self, request: Request, basic: bool) -> Response | None:
        """None when the request may go on, else the 401 to answer. ``basic`` says whether Basic is offered."""
        self._final = []
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic" and basic:
            return self._basic(token)
        if scheme.lower() in ("negotiate", "ntlm") and token:
            return self._negotiate(scheme, token, basic)
        if self._context is not None and self._context.complete and self.user:
            return None
        return self._refuse(basic)

    def forget(self) -> None:
        """Start over, as after a 401."""
        self.user = None
        self._context = None

    @property
    def final_headers(self) -> list[Header]:
        """Headers that the successful answer to the last handshake message must carry."""
        return self._final

    def _refuse(self, basic: bool) -> Response:
        self.forget()
        offers = ["Negotiate", *(['Basic realm="WSMAN"'] if basic else [])]
        return Response(401, [("WWW-Authenticate", offer) for offer in offers])

    def _basic(self, token: str) -> Response | None:
        try:
            user, _, password = base64.b64decode(token, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return self._refuse(True)
        if self.accounts.password(user) != password:
            return self._refuse(True)
        self.user = user
        return None

    def _negotiate(self, scheme: str, token: str, basic: bool) -> Response | None:
        try:
            received = base64.b64decode(token, validate=True)
        except binascii.Error:
            return self._refuse(basic)
        if self._context is None or self._context.complete:
            bare = received.startswith(b"NTLMSSP\0")
            options = spnego.NegotiateOptions.use_ntlm if bare else spnego.NegotiateOptions.use_negotiate
            with self.accounts.for_acceptor():
                self._context = spnego.server(protocol="ntlm" if bare else "negotiate", options=options)
            self.user = None
        try:
            with self.accounts.for_acceptor():
                answer = self._context.step(received)
        except (SpnegoError, ValueError, struct.error):
            return self._refuse(basic)
        reply = [("WWW-Authenticate", f"{scheme} {base64.b64encode(answer).decode()}")] if answer else []
        if not self._context.complete:
            return Response(401, reply)
        self.user = self._context.client_principal or "?"
        self._final = reply
        return None

    def unseal(self, body: bytes) -> bytes:
        """Open a ``multipart/encrypted`` body. Raises Unsealable.

        MS-WSMV 2.2.9.1: header part, boundary, then the signature's length, signature and sealed data.
        """
        if self._context is None or not self._context.complete:
            raise Unsealable("no session on this connection")
        parts = re.split(rb"--[ ]?Encrypted Boundary\r\n", body, maxsplit=2)
        if len(parts) != 3:
            raise Unsealable("not two parts")
        data = parts[2].partition(b"\r\n")[2]
        end = data.rfind(BOUNDARY[2:] + b"--")
        data = data[: data.rindex(b"--", 0, end)] if end >= 0 else data
        try:
            (length,) = struct.unpack_from("<i", data)
            return bytes(self._context.unwrap_winrm(data[4 : 4 + length], data[4 + length :]))
        except (SpnegoError, struct.error, ValueError) as error:
            raise Unsealable(str(error)) from error

    def seal(self, message: bytes) -> tuple[Header, bytes]:
        """The Content-Type and body that carry ``message`` sealed for this connection."""
        sealed = self._context.wrap_winrm(message)
        length = len(message) + sealed.padding_length
        head = (
            f"\tContent-Type: {SEALED_TYPE}\r\n"
            f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={length}\r\n"
        )
        body = b"".join(
            (
                BOUNDARY + b"\r\n",
                head.encode("ascii"),
                BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n",
                struct.pack("<i", len(sealed.header)),
                sealed.header,
                sealed.data,
                BOUNDARY + b"--\r\n",
            )
        )
        return ("Content-Type", f'multipart/encrypted;protocol="{SEALED_TYPE}";boundary="Encrypted Boundary"'), body
