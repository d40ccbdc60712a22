"""Clients of an Exchange lab: somebody who watches STARTTLS all the time, and users of Outlook on the web.

Standard library only. They look from outside and know nothing of the lab's inside.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPMessage
from types import TracebackType
from typing import IO, Any


def trusting(trust: str | None) -> ssl.SSLContext:
    """A client's context: with a file of roots it verifies, without one it takes anything."""
    context = ssl.create_default_context(cafile=trust)
    if trust is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def starttls_problem(host: str, port: int, server_name: str, trust: str | None = None) -> str | None:
    """Why mail cannot be handed over under TLS at this moment; None: it can."""
    try:
        with smtplib.SMTP(timeout=10) as client:
            client.connect(host, port)
            client.ehlo("probe.example")
            if not client.has_extn("starttls"):
                return "STARTTLS is not advertised"
            client._host = server_name  # type: ignore[attr-defined]  # what smtplib takes for SNI and the name check
            client.starttls(context=trusting(trust))
            client.ehlo("probe.example")
            return None
    except (OSError, smtplib.SMTPException) as error:
        return f"{type(error).__name__}: {error}"


@dataclass
class StarttlsWatch:
    """Probes ports all the while a block runs: ``(host, port, server name)`` each."""

    ports: Sequence[tuple[str, int, str]]
    trust: str | None = None
    every: float = 1.0
    """Seconds between two rounds."""
    probes: int = 0
    problems: list[str] = field(default_factory=list)

    def __enter__(self) -> StarttlsWatch:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            for host, port, name in self.ports:
                problem = starttls_problem(host, port, name, self.trust)
                self.probes += 1
                if problem:
                    self.problems.append(f"{host}:{port}: {problem}")
            if self._end.wait(self.every):
                return


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are looked at, not followed."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


@dataclass
class OwaUser:
    """A user whose browser is sent to one server of the array after the other."""

    hosts: Sequence[str]
    """``host:port`` of the web sites, as a load balancer has them."""
    name: str = "kim"
    trust: str | None = None
    logins: int = 0
    cookie: str = ""
    """The cookie ``cadata``."""

    def __post_init__(self) -> None:
        context = trusting(self.trust)
        context.check_hostname = False  # the load balancer's name is not what is connected to here
        no_proxy = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(no_proxy, _Stay(), urllib.request.HTTPSHandler(context=context))

    def _send(self, host: str, path: str, form: dict[str, str] | None = None) -> tuple[int, Any, bytes]:
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(f"https://{host}{path}", data, {"Cookie": self.cookie} if self.cookie else {})
        try:
            with self._opener.open(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def open(self, host: str, path: str = "/owa/") -> str:
        """One look at the mailbox: ``inbox``, ``blank``, or ``login``: the form came back after a login."""
        status, headers, body = self._send(host, path)
        if status == 302 and "logon.aspx" in headers["Location"]:
            self.logins += 1
            _, headers, _ = self._send(host, "/owa/auth.owa", {"username": self.name, "password": "any"})
            self.cookie = headers["Set-Cookie"].partition(";")[0]
            status, headers, body = self._send(host, path)
            if status == 302:
                return "login"
        return "inbox" if b"Inbox" in body else "blank"

    def round(self) -> list[str]:
        """One look through every server."""
        return [self.open(host) for host in self.hosts]
