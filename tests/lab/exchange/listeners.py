"""The ports of an Exchange server. What each presents follows bindings, services, stores and keys at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..member import schannel
from ..member.stores import Entry
from ..pki import common_name
from ..wsman.http import HEAD_LIMIT, BadRequest, Request, Response, read_request
from . import owa, protocols, selection, services, watch
from .state import ExchangeState, ReceiveConnector

Handler = Callable[[ExchangeState, Request], Response]


@dataclass(frozen=True)
class Port:
    """One port: ``kind`` is https, backend, http, smtp, pop or imap; ``about`` a connector's name."""

    name: str
    host: str
    number: int
    """As a client of the lab sees it; 443 is 10443 here."""
    kind: str
    server_name: str
    use: str
    implicit: bool = False
    """TLS from the first byte."""
    about: str = ""

    @property
    def listed(self) -> bool:
        """Whether the inventory names it: ports that the product's certificate is meant for."""
        return self.kind in ("https", "smtp", "pop", "imap") and self.about != "inside"

    def variables(self) -> dict[str, Any]:
        """As ``rollout_endpoints`` has it."""
        found = {"name": self.name, "host": self.host, "port": self.number, "server_name": self.server_name}
        starttls = {"pop": "pop3"}.get(self.kind, self.kind)
        return {**found, "use": self.use, **({} if self.implicit else {"starttls": starttls})}


class Listeners:
    """All ports of one server."""

    def __init__(self, state: ExchangeState, ports: list[Port]) -> None:
        self.state = state
        self.ports = ports
        self._servers: dict[Port, asyncio.Server] = {}
        self._started = False
        self._changing = asyncio.Lock()

    def connector(self, port: Port) -> ReceiveConnector:
        """The Receive connector behind an SMTP port."""
        outside = port.about != "inside"
        return next(
            c for c in self.state.receive_connectors if c.port + 10000 == port.number and c.inside is not outside
        )

    def open(self, port: Port) -> bool:
        """Whether the service behind a port runs."""
        state = self.state
        if port.kind == "smtp":
            return services.running(state, self.connector(port).service)
        if port.kind in ("pop", "imap"):
            return services.client_running(state, port.kind.upper())
        return owa.available(state)

    def certificate(self, port: Port, what: str = "service") -> Entry | None:
        """The certificate whose key the service behind a port can use now."""
        state = self.state
        if port.kind == "smtp":
            choice = selection.internal(state) if what == "internal" else selection.current(state, self.connector(port))
            fits = what == "internal" or (choice.entry is not None and selection.smtp_enabled(state, choice.entry))
            return choice.entry if fits else None
        if port.kind in ("pop", "imap"):
            entry = selection.client_current(state, port.kind.upper()).entry
            return entry if entry and selection.client_usable(state, port.kind.upper(), entry) else None
        entry = state.bound(444 if port.kind == "backend" else 443)
        return entry if schannel.usable(state, entry) else None

    def presented(self) -> dict[str, list[str]]:
        """``host:port`` -> common names presented, leaf first; closed ports and those without TLS are left out."""
        found = {}
        for port in self.ports:
            if port.kind == "http" or not self.open(port):
                continue
            entry = self.certificate(port)
            sent = schannel.presented(self.state, entry) if entry else []
            found[f"{port.host}:{port.number}"] = [common_name(Entry(d).certificate) for d in sent]
        return found

    def leaves(self) -> dict[str, str | None]:
        """Port name -> thumbprint presented; None: TLS fails, or is not offered."""
        return {
            p.name: entry.thumbprint if (entry := self.certificate(p)) else None
            for p in self.ports
            if p.kind != "http" and self.open(p)
        }

    async def start(self) -> None:
        """Open the ports of the services that run."""
        self._started = True
        await self.sync()

    async def stop(self) -> None:
        """Close all ports."""
        self._started = False
        await self.sync()

    async def sync(self) -> None:
        """Open and close ports so that they follow the services."""
        async with self._changing:
            for port in self.ports:
                wanted = self._started and self.open(port)
                if wanted and port not in self._servers:
                    context = self._front(port) if port.implicit else None
                    extra: dict[str, Any] = {"ssl_handshake_timeout": 10} if context else {}
                    self._servers[port] = await asyncio.start_server(
                        self._serve(port), port.host, port.number, ssl=context, limit=HEAD_LIMIT, **extra
                    )
                elif not wanted and port in self._servers:
                    self._servers.pop(port).close()

    def _front(self, port: Port, what: str = "service") -> ssl.SSLContext:
        """The context of a port; for every ClientHello it hands over to the one that fits the stores."""
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        front.set_ciphers("DEFAULT:@SECLEVEL=0")
        front.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        top = {"1.2": ssl.TLSVersion.TLSv1_2, "1.0": ssl.TLSVersion.TLSv1}
        front.maximum_version = top[self.state.behaviour.tls_max]
        front.options |= ssl.OP_NO_TICKET

        def choose(connection: Any, name: str | None, context: ssl.SSLContext) -> int | None:
            entry = self.certificate(port, what)
            if entry is None:
                if port.kind in ("https", "backend"):
                    watch.http_failed(self.state, 444 if port.kind == "backend" else 443)
                watch.no_key(self.state)
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            connection.context = schannel.context_for(self.state, entry)
            return None

        front.sni_callback = choose
        return front

    def _serve(self, port: Port) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = protocols.Talk(
                self.state, reader, writer, lambda what: self._front(port, what), encrypted=port.implicit
            )
            with protocols.quietly(talk):
                if port.kind == "smtp":
                    watch.look(self.state.organization)
                    await protocols.smtp(talk, self.connector(port))
                elif port.kind == "pop":
                    await protocols.pop(talk)
                elif port.kind == "imap":
                    await protocols.imap(talk)
                else:
                    handlers = {"https": owa.front_end, "backend": owa.back_end, "http": owa.plain}
                    await _http(self.state, reader, writer, handlers[port.kind])
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.close()

        return serve


async def _http(
    state: ExchangeState, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler
) -> None:
    with contextlib.suppress(BadRequest):
        while request := await asyncio.wait_for(read_request(reader, 65536), 30):
            writer.write(handler(state, request).encode("Microsoft-IIS/10.0"))
            await writer.drain()
