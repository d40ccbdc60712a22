# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's runtime API: what a server's row says, and one command on the socket.

Source: HAProxy's Management Guide, "show servers state" (versions of its format, operational and administrative
state), "show stat" (CSV) and "set server". Python 3.6, because it runs on the balancer.
"""

import csv
import socket
from typing import Any, Dict, Mapping, Optional, Tuple

STATES = ("ready", "drain", "maint")
RUNNING = 2
"""srv_op_state of a server that is up, checks or no checks."""
FORCED_MAINT, FORCED_DRAIN = 0x01, 0x08
"""Bits of srv_admin_state that ``set server state`` sets; the others come from configuration and tracking."""
LIMIT = 4 * 1024 * 1024
WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
"""Characters of the names of proxies and servers (Configuration Manual); so no name can hold a second command."""


class RuntimeFault(Exception):
    """The socket did not do what was asked; the message is for a reader."""


def ask(where: str, command: str, timeout: float = 10.0) -> str:
    """The answer to one command. ``where``: path of a socket, or ``host:port``. Raises OSError and RuntimeFault."""
    address: Any = where
    family = socket.AF_UNIX
    if "/" not in where:
        host, _colon, port = where.rpartition(":")
        address, family = (host.strip("[]"), int(port)), socket.AF_INET6 if ":" in host else socket.AF_INET
    link = socket.socket(family, socket.SOCK_STREAM)
    try:
        link.settimeout(timeout)
        link.connect(address)
        link.sendall((command + "\n").encode("ascii"))
        found = b""
        while True:
            part = link.recv(65536)
            if not part:
                return found.decode("utf-8", "replace")
            found += part
            if len(found) > LIMIT:
                raise RuntimeFault(f"the answer to {command!r} is longer than {LIMIT} bytes")
    finally:
        link.close()


def servers(text: str, backend: str) -> Dict[str, Tuple[str, bool]]:
    """``show servers state BACKEND`` -> server -> (administrative state, whether it is up). Raises RuntimeFault."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = next((line for line in lines if line.startswith("# ")), None)
    if head is None:
        said = " ".join(text.split())[:200]
        raise RuntimeFault(f"expected the servers of backend {backend}, HAProxy answers: {said}")
    names = head[2:].split()
    found = {}
    for line in lines[lines.index(head) + 1 :]:
        row = dict(zip(names, line.split()))
        if row.get("be_name") == backend:
            found[row["srv_name"]] = (admin(int(row["srv_admin_state"])), up(row))
    return found


def admin(bits: int) -> str:
    """The administrative state as ``set server state`` names it."""
    return "maint" if bits & FORCED_MAINT else "drain" if bits & FORCED_DRAIN else "ready"


def up(row: Mapping[str, str]) -> bool:
    """Whether a server takes new sessions: it runs, and nothing takes it out."""
    return int(row["srv_op_state"]) == RUNNING and int(row["srv_admin_state"]) == 0


def sessions(text: str, backend: str, server: str) -> int:
    """Current sessions of a server, by ``show stat``. Raises RuntimeFault where it has no row."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    for row in rows:
        if row.get("pxname") == backend and row.get("svname") == server:
            return int(row.get("scur") or 0)
    raise RuntimeFault(f"show stat has no row for {backend}/{server}")


def refusal(found: Mapping[str, Tuple[str, bool]], backend: str, server: str, state: str) -> Optional[str]:
    """Why a server cannot be put into a state; None: it can."""
    if server not in found:
        return f"backend {backend} has no server {server}; it has {', '.join(sorted(found)) or 'none'}"
    others = [name for name, (_state, is_up) in found.items() if is_up and name != server]
    if state != "ready" and not others:
        said = ", ".join(
            f"{name}: {now}, {'up' if is_up else 'not up'}" for name, (now, is_up) in sorted(found.items())
        )
        return f"no other server of backend {backend} is up: nobody would be served ({said})"
    return None
