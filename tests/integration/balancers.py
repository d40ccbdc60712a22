"""Stand-ins for balancers, as far as the hooks ask them: HAProxy's runtime socket, a LoadMaster's API."""

from __future__ import annotations

import base64
import socketserver
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

ADMIN = {"ready": 0x00, "maint": 0x01, "drain": 0x08}
HEAD = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord"
)


class _Serving:
    """A server in a thread of its own."""

    server: socketserver.BaseServer

    def __enter__(self) -> Any:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Haproxy(_Serving):
    """The commands and answers of HAProxy's Management Guide. Every look at a drained server ends one session."""

    def __init__(self, path: Path, backends: Mapping[str, Sequence[str]]) -> None:
        self.admin = {(backend, name): "ready" for backend, names in backends.items() for name in names}
        self.sessions = dict.fromkeys(self.admin, 1)
        self.down: set[tuple[str, str]] = set()
        self.lasting = False
        """Whether sessions never end."""
        self.set: list[str] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(outer.answer(self.rfile.readline().decode("ascii").strip()).encode("ascii"))

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)

    def _operational(self, backend: str, name: str) -> int:
        return 0 if (backend, name) in self.down else 2

    def answer(self, command: str) -> str:
        """One command."""
        words = command.split()
        if words[:3] == ["show", "servers", "state"]:
            rows = [
                f"3 {backend} {number} {name} 10.0.0.{number} {self._operational(backend, name)} {ADMIN[admin]} "
                "1 1 5 6 3 4 6 0 0 0 - 443 -"
                for number, ((backend, name), admin) in enumerate(self.admin.items(), 1)
                if backend == words[3]
            ]
            return "\n".join(["1", f"# {HEAD}", *rows, "", ""]) if rows else "Can't find backend.\n\n"
        if words == ["show", "stat"]:
            rows = []
            for (backend, name), admin in self.admin.items():
                if admin != "ready" and not self.lasting:
                    self.sessions[backend, name] = max(0, self.sessions[backend, name] - 1)
                count = 4 if self.lasting else self.sessions[backend, name]
                rows.append(f"{backend},{name},0,0,{count},9,,100,0,0,UP")
            return "\n".join(["# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,status", *rows, "", ""])
        if words[:2] == ["set", "server"] and words[3] == "state":
            backend, name = words[2].split("/")
            if (backend, name) not in self.admin:
                return "No such server.\n\n"
            self.admin[backend, name] = words[4]
            self.set.append(f"{words[2]} {words[4]}")
            return "\n"
        return "Unknown command.\n\n"


class Kemp(_Serving):
    """The part of the RESTful API that the hook uses, in plain HTTP. Every look at a disabled server ends one
    connection."""

    def __init__(self, addresses: Sequence[str], user: str, password: str) -> None:
        self.enabled = dict.fromkeys(addresses, True)
        self.connections = dict.fromkeys(addresses, 0)
        self.asked: list[str] = []
        logon = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.headers.get("Authorization") == logon
                body = outer.answer(self.path) if known else None
                self.send_response(200 if body is not None else 401 if not known else 404)
                data = (body or "").encode("iso-8859-1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> str | None:
        """The XML of one command; None: there is no such command or server."""
        parts = urllib.parse.urlsplit(path)
        command, given = parts.path.removeprefix("/access/"), urllib.parse.parse_qs(parts.query)
        if command == "stats":
            return self._stats()
        address = given.get("rs", [""])[0]
        if command not in ("enablers", "disablers") or address not in self.enabled:
            return None
        self.enabled[address] = command == "enablers"
        self.asked.append(f"{command} {address}")
        return '<Response stat="200" code="ok"><Success>Command completed ok</Success></Response>'

    def _stats(self) -> str:
        rows = []
        for vs in (1, 2):
            for address, on in self.enabled.items():
                if not on and vs == 1:
                    self.connections[address] = max(0, self.connections[address] - 1)
                count = self.connections[address] if vs == 1 else 0
                rows.append(
                    f"<Rs>\n<VSIndex>{vs}</VSIndex>\n<Addr>{address}</Addr>\n<Port>443</Port>\n<Enable>{int(on)}</Enable>\n"
                    f"<ActivConns>{count}</ActivConns>\n</Rs>"
                )
        return f'<Response stat="200" code="ok"><Success><Data>{"".join(rows)}</Data></Success></Response>'
