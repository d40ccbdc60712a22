"""The lab's control: a small JSON API over HTTP on 127.0.0.1, for tests, the demo and people.

=====  =====================  =========================================================================
GET    /state                 each member as it is: stores, services, clock, faults, reachable ...
GET    /counts                requests, bytes and commands of each member
POST   /counts/reset          back to zero
POST   /clock                 ``{"advance": seconds}``, all members
POST   /members/M             ``reachable``, ``restart_winrm``, fields of WinrmSettings, what the member knows
POST   /members/M/fault       ``{"do": ..., "call": ..., "phase": ..., "nth": ...}``, or ``{"do": "clear"}``
POST   /members/M/store       what the member's stores take
=====  =====================  =========================================================================

Errors are ``{"error": text}`` with 400 or 404.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from .interfaces import WinrmSettings
from .wsman.endpoint import Endpoint
from .wsman.http import HEAD_LIMIT, BadRequest, Request, Response, read_request

BODY_LIMIT = 16 * 1024 * 1024
SETTINGS: dict[str, type] = {name: type(value) for name, value in dataclasses.asdict(WinrmSettings()).items()}


class NotFound(Exception):
    """No such path or member."""


class Control:
    """Serves the API for the members behind ``endpoints``, by inventory name."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Open a free port on 127.0.0.1; returns the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader, BODY_LIMIT):
                status, answer = await self._answer(request)
                body = json.dumps(answer).encode()
                writer.write(Response(status, [("Content-Type", "application/json")], body).encode("lab"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, BadRequest):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        try:
            body = json.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise ValueError(f"expected a JSON object as body, found {type(body).__name__}")
            return 200, await self._route(request.method, request.path.strip("/").split("/"), body)
        except NotFound as error:
            return 404, {"error": str(error)}
        except (ValueError, TypeError) as error:
            return 400, {"error": str(error)}

    async def _route(self, method: str, path: list[str], body: dict[str, Any]) -> dict[str, Any]:
        match method, path:
            case "GET", ["state"]:
                return {name: self._state(endpoint) for name, endpoint in self._endpoints.items()}
            case "GET", ["counts"]:
                return {name: endpoint.counts.as_dict() for name, endpoint in self._endpoints.items()}
            case "POST", ["counts", "reset"]:
                for endpoint in self._endpoints.values():
                    endpoint.counts.reset()
                return {}
            case "POST", ["clock"]:
                seconds = float(body.pop("advance"))
                for endpoint in self._endpoints.values():
                    endpoint.member.advance(seconds)
                return {}
            case "POST", ["members", name]:
                return await self._configure(self._endpoint(name), body)
            case "POST", ["members", name, "fault"]:
                faults = self._endpoint(name).member.faults
                faults.add(body)
                return faults.describe()
            case "POST", ["members", name, "store"]:
                return await self._endpoint(name).member.control({"store": body})
        raise NotFound(f"no {method} /{'/'.join(path)}; see the lab's control API")

    def _endpoint(self, name: str) -> Endpoint:
        try:
            return self._endpoints[name]
        except KeyError:
            raise NotFound(f"expected one of the members {', '.join(self._endpoints)}, found {name!r}") from None

    @staticmethod
    def _state(endpoint: Endpoint) -> dict[str, Any]:
        own = {
            "reachable": endpoint.reachable,
            "open_shells": endpoint.open_shells,
            "faults": endpoint.member.faults.describe(),
        }
        return {**endpoint.member.describe(), **own}

    @staticmethod
    async def _configure(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
        for key in [key for key in body if key in SETTINGS]:
            value, kind = body.pop(key), SETTINGS[key]
            if isinstance(value, bool) is not (kind is bool) or not isinstance(value, (kind, int)):
                raise ValueError(f"expected {key} to be a {kind.__name__}, found {value!r}")
            setattr(endpoint.settings, key, kind(value))
        reachable = body.pop("reachable", None)
        if body.pop("restart_winrm", False):
            endpoint.restart()
        answer = await endpoint.member.control(body) if body else {}
        if reachable is True:
            await endpoint.listen()
        elif reachable is False:
            endpoint.cut()
        return answer
