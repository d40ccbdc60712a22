"""(ports) Reading many ports: this collection's probe, threads with Python's own TLS, and ``openssl s_client``.

``python ports.py CERTIFICATE PORTS SILENT`` serves them: the first SILENT ones accept a connection and never answer.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
NAME = "sip.contoso.example"
TIMEOUT = 5.0
WORKERS = 64
PROCESSES = 16
"""Of s_client, at once."""
ONE_IN = 25
"""One port in so many is silent: firewalls swallow, services hang."""


def measure(rounds: int, count: int) -> dict[str, Any]:
    """Both ways in turn, and s_client once: each in a process of its own, whose start and imports do not count."""
    from bench.measure import Broken, Cost, alternating, folder_of, median, python, tell

    tell(f"ports: {count}, {rounds} rounds")
    silent = count // ONE_IN
    with folder_of("ports") as folder, served(folder, count, silent) as ports:
        file = folder / "ports.json"
        random.Random(4).shuffle(ports)
        file.write_text(json.dumps(ports), encoding="utf-8")
        ways = {name: lambda name=name: python(folder, "ports.py", "read", name, str(file)) for name in WAYS}
        slow = ways.pop("openssl s_client")
        costs = {**alternating(rounds, ways), "openssl s_client": [slow()]}
    rows = {}
    for name, found in costs.items():
        told = [json.loads(cost.said.splitlines()[-1]) for cost in found]
        if {one["read"] for one in told} != {count - silent}:
            raise Broken(f"{name}: expected {count - silent} ports to be read, found {[one['read'] for one in told]}")
        rows[name] = median([Cost(one["cpu"], one["wall"], 0, "") for one in told])
    return {"rows": rows, "rounds": rounds, "ports": count, "silent": silent, "timeout": TIMEOUT}


@contextmanager
def served(folder: Path, count: int, silent: int) -> Iterator[list[int]]:
    """That many ports on loopback, in a process of their own."""
    pem = folder / "server.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={NAME}"]
    subprocess.run([*request, "-keyout", str(pem), "-out", f"{pem}.crt"], check=True, capture_output=True)
    pem.write_text(pem.read_text(encoding="ascii") + Path(f"{pem}.crt").read_text(encoding="ascii"), encoding="ascii")
    command = [sys.executable, __file__, "serve", str(pem), str(count), str(silent)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield json.loads(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


async def serve(certificate: str, count: int, silent: int) -> None:
    """Open the ports, say which, and answer until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while await reader.read(4096):
                pass
        writer.close()

    servers = [
        await asyncio.start_server(keep_quiet, HOST, 0, ssl=None if number < silent else context)
        for number in range(count)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


def by_probe(ports: list[int]) -> int:
    """This collection's."""
    from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe_many

    asked = [{"host": HOST, "port": port, "server_name": NAME} for port in ports]
    return sum(answer["ok"] for answer in probe_many(asked, TIMEOUT, WORKERS))


def by_threads(ports: list[int]) -> int:
    """Threads and Python's own TLS."""
    from bench.plain import read_plainly

    asked = [{"host": HOST, "port": port, "server_name": NAME} for port in ports]
    return sum(bool(chain) for chain in read_plainly(asked, TIMEOUT, WORKERS))


def by_openssl(ports: list[int]) -> int:
    """A program for each port, as shell scripts do it."""
    command = ["timeout", f"{TIMEOUT:g}", "openssl", "s_client", "-showcerts", "-servername", NAME, "-connect"]

    def one(port: int) -> bool:
        done = subprocess.run([*command, f"{HOST}:{port}"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return b"BEGIN CERTIFICATE" in done.stdout

    with ThreadPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(one, ports))


WAYS: dict[str, Callable[[list[int]], int]] = {
    "tls_endpoint_info": by_probe,
    "threads": by_threads,
    "openssl s_client": by_openssl,
}


def timed(read: Callable[[list[int]], int], ports: list[int]) -> dict[str, float]:
    """What one way read and cost, programs that it started included; nothing of it is an import."""
    read(ports[:1])
    wall, before = time.monotonic(), spent()
    found = read(ports)
    return {"read": found, "cpu": spent() - before, "wall": time.monotonic() - wall}


def spent() -> float:
    """Seconds of CPU so far."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    else:
        print(json.dumps(timed(WAYS[sys.argv[2]], json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")))))
