"""Ports read with threads and Python's own TLS, nothing around it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def read_plainly(ports: Sequence[Mapping[str, Any]], timeout: float, workers: int) -> list[list[bytes]]:
    """The certificates that each port presents; none where there was no answer, or the handshake failed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")

    def one(port: Mapping[str, Any]) -> list[bytes]:
        try:
            with (
                socket.create_connection((port["host"], port["port"]), timeout) as line,
                context.wrap_socket(line, server_hostname=port.get("server_name") or None) as secure,
            ):
                return chain_of(secure)
        except OSError:
            return []

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, ports))


def chain_of(secure: ssl.SSLSocket) -> list[bytes]:
    """The chain as sent: public from Python 3.13 on, internal before."""
    if hasattr(secure, "get_unverified_chain"):
        return list(secure.get_unverified_chain())
    internal: Any = secure._sslobj  # type: ignore[attr-defined]
    return [certificate.public_bytes(2) for certificate in internal.get_unverified_chain() or ()]
