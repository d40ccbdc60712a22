"""The TLS ports of an Edge member: what each presents follows services, assignments and stores at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Any

from ..pki import common_name
from . import schannel, services
from .keys import NETWORK_SERVICE
from .state import State
from .stores import Entry


@dataclass(frozen=True)
class Endpoint:
    """One TLS port."""

    name: str
    host: str
    port: int
    service: str
    use: str
    server_name: str
    mutual: bool = False
    pseudo: bool = False
    """The A/V Edge's imitation of TLS (MS-TURN): a ServerHello and a ServerHelloDone, and no certificate."""

    def variables(self) -> dict[str, Any]:
        """As the inventory's ``rollout_endpoints`` has it."""
        shown = {"name": self.name, "host": self.host, "port": self.port, "server_name": self.server_name}
        return {**shown, "use": self.use}


class Listeners:
    """All ports of one member."""

    def __init__(self, state: State, endpoints: list[Endpoint]) -> None:
        self.state = state
        self.endpoints = endpoints
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._fronts: dict[Endpoint, ssl.SSLContext] = {}
        self._started = False
        self._changing = asyncio.Lock()

    def certificate(self, endpoint: Endpoint) -> Entry | None:
        """The certificate that the service behind a port works with now."""
        if not services.running(self.state, endpoint.service):
            return None
        return self.state.entry(self.state.in_use.get(endpoint.service, {}).get(endpoint.use))

    def presented(self) -> dict[str, list[str]]:
        """``host:port`` -> common names presented, leaf first; ports that are closed are left out."""
        found = {}
        for endpoint in self.endpoints:
            if endpoint.pseudo or not services.running(self.state, endpoint.service):
                continue
            entry = self.certificate(endpoint)
            good = entry is not None and schannel.usable(self.state, entry, NETWORK_SERVICE)
            sent = schannel.presented(self.state, entry) if entry and good else []
            found[f"{endpoint.host}:{endpoint.port}"] = [common_name(Entry(d).certificate) for d in sent]
        return found

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
            broken = self.state.mutual_tls_broken()
            for endpoint in self.endpoints:
                wanted = self._started and services.running(self.state, endpoint.service)
                if wanted and endpoint.pseudo and endpoint not in self._servers:
                    self._servers[endpoint] = await asyncio.start_server(_serve_pseudo, endpoint.host, endpoint.port)
                elif wanted and endpoint not in self._servers:
                    self._fronts[endpoint] = self._front(endpoint)
                    self._servers[endpoint] = await asyncio.start_server(
                        _serve,
                        endpoint.host,
                        endpoint.port,
                        ssl=self._fronts[endpoint],
                        ssl_handshake_timeout=10,
                    )
                elif not wanted and endpoint in self._servers:
                    self._servers.pop(endpoint).close()
                if endpoint.mutual and endpoint in self._fronts:
                    # no client certificate is good enough then; the server's own flight still goes out
                    self._fronts[endpoint].verify_mode = ssl.CERT_REQUIRED if broken else ssl.CERT_OPTIONAL

    def _front(self, endpoint: Endpoint) -> ssl.SSLContext:
        """The context of a port; for every ClientHello it hands over to the one that fits the stores."""
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        front.set_ciphers("DEFAULT:@SECLEVEL=0")
        front.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        top = {"1.2": ssl.TLSVersion.TLSv1_2, "1.0": ssl.TLSVersion.TLSv1}
        front.maximum_version = top[self.state.behaviour.tls_max]
        front.options |= ssl.OP_NO_TICKET

        def choose(connection: Any, name: str | None, context: ssl.SSLContext) -> int | None:
            entry = self.certificate(endpoint)
            if entry is None or not schannel.usable(self.state, entry, NETWORK_SERVICE):
                services.log_no_key(self.state)
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            connection.context = schannel.context_for(self.state, entry)
            return None

        front.sni_callback = choose
        return front


async def _serve_pseudo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a ClientHello with both messages in one record, as MS-TURN demands (not its very bytes)."""
    with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        head = await asyncio.wait_for(reader.readexactly(5), 2)
        await asyncio.wait_for(reader.readexactly(int.from_bytes(head[3:5], "big")), 2)
        hello = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x18\x00"
        body = b"\x02" + len(hello).to_bytes(3, "big") + hello + b"\x0e\x00\x00\x00"
        writer.write(b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body)
        await writer.drain()
    await _serve(reader, writer)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nothing is spoken behind the handshake; a client may send something and is shown out."""
    with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
        await asyncio.wait_for(reader.read(4096), 2)
    with contextlib.suppress(OSError, ssl.SSLError):
        writer.close()
        await writer.wait_closed()
