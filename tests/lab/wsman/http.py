"""HTTP/1.1 as far as WinRM clients use it: Content-Length bodies and kept connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

HEAD_LIMIT = 64 * 1024
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}


class BadRequest(Exception):
    """What arrived is not HTTP/1.1 as understood here; the text says what."""


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower case; ``size`` is head and body in bytes."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    size: int


@dataclass(frozen=True)
class Response:
    """One HTTP response; Content-Length is added when it is written."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def encode(self, server: str = "Microsoft-HTTPAPI/2.0") -> bytes:
        """The bytes on the wire."""
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}", f"Server: {server}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


async def read_request(reader: asyncio.StreamReader, body_limit: int) -> Request | None:
    """The next request of a connection, or None when the peer closed it between requests.

    Raises BadRequest; asyncio.IncompleteReadError when the peer went away in the middle.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    except asyncio.LimitOverrunError as error:
        raise BadRequest(f"expected a request head of at most {HEAD_LIMIT} bytes, found a longer one") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest("expected a request line such as 'POST /wsman HTTP/1.1'")
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        raise BadRequest("expected a Content-Length")
    if int(length) > body_limit:
        raise BadRequest(f"expected a body of at most {body_limit} bytes, found {length}")
    body = await reader.readexactly(int(length))
    return Request(words[0], words[1], headers, body, len(head) + len(body))
