# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS servers on loopback, each on a port of its own that the system chose."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.ucops.certificates.tests.unit.zoo import Issued, key_pem

HOST = "127.0.0.1"


def files(folder: Path, leaf: Issued, chain: Sequence[Issued]) -> tuple[Path, Path, Path]:
    """Leaf, chain and key as files for a server."""
    made = folder / f"{leaf.certificate.thumbprint}.pem", folder / "chain.pem", folder / "key.pem"
    made[0].write_text(leaf.pem)
    made[1].write_text("".join(one.pem for one in chain))
    made[2].write_bytes(key_pem(leaf.key))
    return made


@contextmanager
def openssl_server(folder: Path, leaf: Issued, chain: Sequence[Issued] = (), *options: str) -> Iterator[int]:
    """``openssl s_server``: yields its port once it listens."""
    certificate, others, key = files(folder, leaf, chain)
    command = ["openssl", "s_server", "-accept", f"{HOST}:0", "-cert", str(certificate), "-key", str(key), *options]
    if chain:
        command += ["-cert_chain", str(others)]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=pipe, stderr=nowhere, stdin=pipe, text=True)
    assert server.stdout is not None
    try:
        listening = next(line for line in server.stdout if line.startswith("ACCEPT"))
        # What it says of connections must be read, or it stops at a full pipe.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield int(listening.rpartition(":")[2])
    finally:
        server.kill()
        server.wait()


def listener() -> socket.socket:
    """A listening socket."""
    made = socket.socket()
    made.bind((HOST, 0))
    made.listen(50)
    return made


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does ``answer`` with each connection, in a thread each; yields its port."""
    listening = listener()

    def one(connection: socket.socket) -> None:
        # The client has what it came for and goes away.
        with connection, suppress(OSError):
            answer(connection)

    def all_of_them() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=all_of_them, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


@contextmanager
def python_server(folder: Path, by_name: dict[str | None, tuple[Issued, Sequence[Issued]]]) -> Iterator[int]:
    """A server that chooses the certificate by the name asked for; yields its port."""
    contexts = {}
    for name, (leaf, chain) in by_name.items():
        certificate, others, key = files(folder, leaf, chain)
        certificate.write_text(leaf.pem + others.read_text())
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(certificate, key)
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def choose(session: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        session.context = contexts[name]
        return None

    front.sni_callback = choose  # type: ignore[assignment]

    def answer(connection: socket.socket) -> None:
        with front.wrap_socket(connection, server_side=True) as session:
            session.recv(1)

    with serving(answer) as port:
        yield port
