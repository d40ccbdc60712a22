# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP connection with one deadline for everything: looking up the name, connecting, sending and receiving.

Standard library only, Python 3.6 and newer.
"""

import socket
import threading
import time
from typing import Any, List, Optional, Tuple

MAX_FLIGHT = 1 << 18
"""Octets read of one server at most; a flight has a few thousand."""


class Unreadable(Exception):
    """Why nothing could be read; the message is for people."""


class Line:
    """A TCP connection with one deadline, that remembers what it received."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        self.deadline = deadline
        self.received = bytearray()
        self.socket = _connect(host, port, deadline)

    def send(self, data: bytes) -> None:
        """Sends everything. Raises socket.timeout at the deadline."""
        self._in_time()
        self.socket.sendall(data)

    def receive(self) -> bytes:
        """Some octets; none when the other side has closed.

        Raises socket.timeout at the deadline, Unreadable past MAX_FLIGHT.
        """
        self._in_time()
        data = self.socket.recv(16384)
        self.received += data
        if len(self.received) > MAX_FLIGHT:
            raise Unreadable("the server sends without end")
        return data

    def _in_time(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout()
        self.socket.settimeout(left)

    def close(self) -> None:
        """Ends the connection at once."""
        self.socket.close()


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    problem: Optional[OSError] = None
    for family, kind, protocol, _name, address in _resolve(host, port, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(left)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    if problem is None or isinstance(problem, socket.timeout):
        raise Unreadable("no connection within the time allowed")
    raise Unreadable(f"no connection: {problem.strerror or problem}")


def _resolve(host: str, port: int, deadline: float) -> List[Tuple[Any, ...]]:
    """Addresses of a host. Looking up a name knows no time limit, so it is done in a thread that may be left behind."""
    answer: List[Any] = []

    def look_up() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if not answer:
        raise Unreadable("the name was not resolved within the time allowed")
    if isinstance(answer[0], Exception):
        raise Unreadable(f"the name cannot be resolved: {getattr(answer[0], 'strerror', None) or answer[0]}")
    return list(answer[0])
