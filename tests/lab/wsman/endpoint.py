"""A member's WinRM listeners: HTTP on 5985, HTTPS on 5986, and every connection to them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from ..faults import DropConnection, HttpError
from ..interfaces import Log, Member, WinrmSettings
from .auth import Accounts, Authentication, Unsealable
from .counts import Counts
from .http import HEAD_LIMIT, BadRequest, Request, Response, read_request
from .service import Service
from .shell import Context, place_of
from .soap import NotSoap

HTTP_PORT = 5985
HTTPS_PORT = 5986
BODY_LIMIT = 4 * 1024 * 1024
PATHS = ("/wsman", "/powershell")
SOAP_TYPE = ("Content-Type", "application/soap+xml;charset=UTF-8")


class Endpoint:
    """The WinRM service of one member on the network.

    Unreachable means: no listener, so that new connections are refused, and every connection reset.
    """

    def __init__(self, member: Member, tls: ssl.SSLContext, log: Log, private: Path) -> None:
        self.member = member
        self.settings: WinrmSettings = getattr(member, "winrm", None) or WinrmSettings()
        self.counts = Counts()
        self._tls = tls
        self._log = log
        self._accounts = Accounts(member.name, member.users, private)
        self._service = Service(Context(member, self.settings, log), self.counts)
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        member.faults.unreachable = self.cut

    @property
    def reachable(self) -> bool:
        """Whether the listeners are open."""
        return bool(self._servers)

    @property
    def open_shells(self) -> int:
        """Shells that no client has deleted."""
        return len(self._service.shells)

    async def listen(self) -> None:
        """Open the listeners; nothing happens when they are."""
        if self._servers:
            return
        address = self.member.address
        for port, tls in ((HTTP_PORT, None), (HTTPS_PORT, self._tls)):
            server = await asyncio.start_server(
                self._plain if tls is None else self._secure, address, port, ssl=tls, limit=HEAD_LIMIT, backlog=64
            )
            self._servers.append(server)
        self._log("listening", member=self.member.name, address=address)

    def cut(self) -> None:
        """Close the listeners and reset the connections, at once."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._reset_connections()
        self._log("unreachable", member=self.member.name)

    def restart(self) -> None:
        """As when the WinRM service is restarted: connections reset, shells and what runs in them gone."""
        self._reset_connections()
        self._service.close()
        self._log("restarted", member=self.member.name)

    def _reset_connections(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def close(self) -> None:
        """The end of the lab."""
        self.cut()
        self._service.close()

    async def _plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, secure=False)

    async def _secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, secure=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool) -> None:
        self.counts.connections += 1
        self._writers.add(writer)
        session = Authentication(self._accounts)
        try:
            while request := await self._next(reader, writer):
                response = await self._respond(session, request, secure)
                data = response.encode()
                self.counts.bytes_down += len(data)
                writer.write(data)
                await writer.drain()
        except DropConnection:
            writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
        try:
            request = await read_request(reader, BODY_LIMIT)
        except BadRequest as error:
            self._log("bad-request", member=self.member.name, reason=str(error))
            writer.write(Response(400).encode())
            return None
        if request is not None:
            self.counts.requests += 1
            self.counts.bytes_up += request.size
            if self.settings.latency:
                await asyncio.sleep(self.settings.latency)
        return request

    async def _respond(self, session: Authentication, request: Request, secure: bool) -> Response:
        try:
            response = await self._handle(session, request, secure)
        except HttpError as error:
            session.forget()
            response = Response(error.status)
        except DropConnection:
            raise
        except Exception as error:  # a mistake in the lab: the client gets an answer, the log says where to look
            self._log("lab-error", member=self.member.name, place=place_of(error))
            response = Response(500)
        self._log(
            "http",
            member=self.member.name,
            tls=secure,
            method=request.method,
            status=response.status,
            up=request.size,
            down=len(response.body),
        )
        return response

    async def _handle(self, session: Authentication, request: Request, secure: bool) -> Response:
        if not request.path.lower().startswith(PATHS):
            return Response(404)
        if request.method != "POST":
            return Response(405)
        refusal = session.check(request, self.settings.basic)
        if refusal is not None:
            return refusal
        final = session.final_headers
        if not request.body:
            return Response(200, final)
        sealed = request.headers.get("content-type", "").startswith("multipart/encrypted")
        if not (sealed or secure or self.settings.allow_unencrypted):
            # AllowUnencrypted false: Windows answers 500 without a body, whatever the authentication
            self._log("unencrypted-refused", member=self.member.name)
            return Response(500, final)
        try:
            message = session.unseal(request.body) if sealed else request.body
            status, envelope = await self._service.answer(message, session.user or "")
        except (Unsealable, NotSoap) as error:
            self._log("not-understood", member=self.member.name, reason=type(error).__name__)
            return Response(400, final)
        if sealed:
            content_type, envelope = session.seal(envelope)
            return Response(status, [*final, content_type], envelope)
        return Response(status, [*final, SOAP_TYPE], envelope)
