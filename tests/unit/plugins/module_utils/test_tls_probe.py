# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against real TLS servers, and against servers that are nothing of the kind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.module_utils import tls_probe
from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe, probe_many
from ansible_collections.ucops.certificates.tests.unit.tls_servers import (
    HOST,
    listener,
    openssl_server,
    python_server,
    serving,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import Issued, authority, issue, rsa_key

OLD_TLS = ("-cipher", "ALL:@SECLEVEL=0")


@cache
def chain() -> tuple[Issued, Issued, Issued]:
    """Leaf, intermediate and root with RSA keys, as servers of old have them."""
    root = authority("Root", key=rsa_key(2048, 1))
    middle = authority("Issuing", root, key=rsa_key(2048, 2))
    return issue("sip.contoso.example", middle, key=rsa_key()), middle, root


LEAF, MIDDLE, ROOT = chain()
SENT = {
    "leaf only": (),
    "with intermediate": (MIDDLE,),
    "with root": (MIDDLE, ROOT),
    "out of order with a stranger": (ROOT, authority("Stranger"), MIDDLE),
}
VERSIONS = {
    "TLSv1": ("-tls1", *OLD_TLS), "TLSv1.1": ("-tls1_1", *OLD_TLS), "TLSv1.2": ("-tls1_2",), "TLSv1.3": ("-tls1_3",),
}  # fmt: skip


@pytest.mark.parametrize("what", SENT)
def test_certificates_in_the_order_sent(what: str, tmp_path: Path) -> None:
    """All of them and no other, however odd."""
    with openssl_server(tmp_path, LEAF, SENT[what]) as port:
        found = probe(HOST, port, "sip.contoso.example", 10)
    assert found["certificates"] == [LEAF.der, *(one.der for one in SENT[what])]
    assert (found["ok"], found["error"], found["handshake"], found["handshake_error"]) == (True, None, True, None)
    assert (found["host"], found["port"], found["server_name"]) == (HOST, port, "sip.contoso.example")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version(version: str, tmp_path: Path) -> None:
    """Old ones too, which this Python's defaults do not speak."""
    with openssl_server(tmp_path, LEAF, [MIDDLE], *VERSIONS[version]) as port:
        found = probe(HOST, port, None, 10)
    assert found["certificates"] == [LEAF.der, MIDDLE.der]
    assert found["protocol"] == version
    assert found["cipher"]
    assert found["client_certificate_requested"] is (None if version == "TLSv1.3" else False)


@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificate_required(version: str, tmp_path: Path) -> None:
    """As on the federation port: the server's certificates come first, and are read."""
    with openssl_server(tmp_path, LEAF, [MIDDLE], "-Verify", "1", *VERSIONS[version]) as port:
        found = probe(HOST, port, None, 10)
    assert found["ok"] and found["error"] is None
    assert found["certificates"] == [LEAF.der, MIDDLE.der]
    if version != "TLSv1.3":
        assert found["client_certificate_requested"] is True
        assert found["handshake"] is False
        assert "handshake failed" in found["handshake_error"]


@pytest.mark.parametrize("leaf", [
    issue("expired.example", MIDDLE, key=rsa_key(), not_after=MIDDLE.certificate.not_before),
    issue("sha1.example", MIDDLE, key=rsa_key(), hashed="sha1"),
    issue("short.example", MIDDLE, key=rsa_key(1024)),
    issue("ec.example", MIDDLE),
], ids=["expired", "sha1", "rsa1024", "ec"])  # fmt: skip
def test_certificates_that_nobody_should_use(leaf: Issued, tmp_path: Path) -> None:
    """They are read like all others: to look at them is what this is for."""
    with openssl_server(tmp_path, leaf, [MIDDLE], *OLD_TLS) as port:
        assert probe(HOST, port, None, 10)["certificates"] == [leaf.der, MIDDLE.der]


def test_the_name_asked_for_decides(tmp_path: Path) -> None:
    """SNI; no name, an unknown name, an address."""
    other = issue("other.example", MIDDLE, key=rsa_key())
    by_name = {"sip.contoso.example": (LEAF, [MIDDLE]), None: (other, [])}
    with python_server(tmp_path, by_name) as port:
        assert probe(HOST, port, "sip.contoso.example", 10)["certificates"] == [LEAF.der, MIDDLE.der]
        assert probe(HOST, port, "sip.contoso.example.", 10)["certificates"] == [LEAF.der, MIDDLE.der]
        for none in (None, "", "127.0.0.1", "::1"):
            assert probe(HOST, port, none, 10)["certificates"] == [other.der]
        refused = probe(HOST, port, "nobody.example", 10)
    assert not refused["ok"]
    assert "alert 112 (unrecognized name)" in refused["error"]


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.2"])
def test_read_by_hand_where_the_library_refuses(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems whose policy forbids old versions: the greeting made by hand still reads the certificates."""
    open_context = tls_probe._context.__wrapped__  # one of its own: the other is everybody's

    def strict() -> ssl.SSLContext:
        context = open_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    monkeypatch.setattr(tls_probe, "_context", strict)
    with openssl_server(tmp_path, LEAF, [MIDDLE], *VERSIONS[version]) as port:
        found = probe(HOST, port, "sip.contoso.example", 10)
    assert found["certificates"] == [LEAF.der, MIDDLE.der]
    assert (found["protocol"], found["handshake"]) == (version, False)
    assert found["handshake_error"]


def test_one_context_serves_all_probes_of_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[ssl.SSLContext] = []
    wrap = ssl.SSLContext.wrap_bio

    def noted(context: ssl.SSLContext, *given: Any, **named: Any) -> ssl.SSLObject:
        used.append(context)
        return wrap(context, *given, **named)

    with python_server(tmp_path, {None: (LEAF, [MIDDLE])}) as port:
        monkeypatch.setattr(ssl.SSLContext, "wrap_bio", noted)
        found = [probe(HOST, port, None, 10), *probe_many([{"host": HOST, "port": port}] * 5, 10, 3)]
        monkeypatch.undo()
    assert [one["certificates"] for one in found] == [[LEAF.der, MIDDLE.der]] * 6
    assert len(used) == 6 and len({id(context) for context in used}) == 1


def test_nothing_listens() -> None:
    """Refused at once."""
    with listener() as free:
        port = free.getsockname()[1]
    found = probe(HOST, port, None, 10)
    assert not found["ok"] and "no connection: Connection refused" in found["error"]


@pytest.mark.parametrize("port", [0, -1, 65536, 1 << 40])
def test_no_such_port(port: int) -> None:
    """A slip of the keyboard is an entry with an error too."""
    assert "1 to 65535" in probe(HOST, port, None, 5)["error"]


def test_no_such_name() -> None:
    """A name that no one may register."""
    assert "cannot be resolved" in probe("nobody.invalid", 443, None, 10)["error"]


def test_a_lookup_that_takes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time allowed holds for it too."""
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: done.wait(60))
    began = time.monotonic()
    assert "not resolved within the time" in probe("slow.example", 443, None, 0.2)["error"]
    assert time.monotonic() - began < 5
    done.set()


def test_silence() -> None:
    """It accepts, and says nothing."""
    done = threading.Event()
    with serving(lambda _: done.wait(60) and None) as port:
        began = time.monotonic()
        found = probe(HOST, port, None, 0.3)
        assert 0.25 < time.monotonic() - began < 5
        done.set()
    assert "no answer to the TLS greeting" in found["error"]


def test_a_server_that_drips() -> None:
    """One octet at a time never gets past the deadline, which is one for everything."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        for octet in b"\x16\x03\x03\x40\x00" + bytes(200):
            if done.wait(0.05):
                return
            connection.sendall(bytes((octet,)))

    with serving(drip) as port:
        began = time.monotonic()
        found = probe(HOST, port, None, 0.6)
        assert time.monotonic() - began < 5
        done.set()
    assert "not complete within the time allowed" in found["error"]


@pytest.mark.parametrize(("says", "expected"), [
    (b"220 mail.contoso.example ESMTP\r\n", "does not speak TLS (it began with b'220 mail"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
    (b"\x15\x03\x03\x00\x02\x02\x28", "alert 40 (handshake failure)"),
    (b"\x15\x03\x03\x00\x02\x02\x46", "alert 70 (protocol version)"),
])  # fmt: skip
def test_other_answers(says: bytes, expected: str) -> None:
    """What was found instead is told."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(says)
        connection.recv(4096)

    with serving(answer) as port:
        found = probe(HOST, port, None, 5)
    assert not found["ok"]
    assert expected in found["error"]


def test_closed_without_a_word() -> None:
    """A sentence all the same."""
    with serving(lambda connection: connection.recv(4096) and None) as port:
        found = probe(HOST, port, None, 5)
    assert not found["ok"] and found["error"]


def test_flood() -> None:
    """Reading stops at a limit."""

    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"\x16\x03\x03\x40\x00" + bytes(16384))

    with serving(flood) as port:
        found = probe(HOST, port, None, 20)
    assert not found["ok"] and found["error"]


@pytest.mark.parametrize("name", ["a" * 70 + ".example", ".example", "a..b", "a\0b", "\ud800"])
def test_a_name_that_cannot_be_sent(name: str) -> None:
    """No exception."""
    with serving(lambda connection: connection.recv(1) and None) as port:
        found = probe(HOST, port, name, 5)
    assert "cannot be sent as a server name" in found["error"]


def test_many_at_once_in_their_order(tmp_path: Path) -> None:
    """Forty probes, one of them of a port where nothing listens."""
    with listener() as free:
        closed = free.getsockname()[1]
    with python_server(tmp_path, {None: (LEAF, [MIDDLE]), "b.example": (LEAF, [])}) as port:
        endpoints = [{"host": HOST, "port": port, "server_name": ("b.example", None)[n % 2]} for n in range(40)]
        endpoints[7] = {"host": HOST, "port": closed}
        found = probe_many(endpoints, 20, 16)
    assert [len(one["certificates"]) for one in found] == [0 if n == 7 else 1 + n % 2 for n in range(40)]
    assert probe_many([], 5) == []


PYTHONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
ASK = """
import importlib, json, sys, types
package = types.ModuleType("probe"); package.__path__ = [sys.argv[1]]; sys.modules["probe"] = package
sys.dont_write_bytecode = True
probe = importlib.import_module("probe.tls_probe").probe
found = [probe("127.0.0.1", int(port), "sip.contoso.example", 10) for port in sys.argv[2:]]
print(json.dumps([[one.hex() for one in answer["certificates"]] for answer in found]))
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python(version: str, tmp_path: Path) -> None:
    """The same certificates with every Python that is here, from the newest TLS, the oldest, and a mutual one."""
    python = shutil.which(f"python{version}")
    # Where pyenv manages Pythons, its stand-ins on the PATH want to be told which one is meant.
    environment = {**os.environ, "PYENV_VERSION": version}
    if not python or subprocess.run([python, "-c", "import ssl"], capture_output=True, env=environment).returncode:
        pytest.skip(f"no Python {version} with ssl on the PATH")
    folder = Path(tls_probe.__file__).parent
    with ExitStack() as servers:
        options = ((), ("-tls1", *OLD_TLS), ("-tls1_2", "-Verify", "1"))
        ports = [servers.enter_context(openssl_server(tmp_path, LEAF, [MIDDLE], *given)) for given in options]
        command = [python, "-c", ASK, str(folder), *map(str, ports)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(said.stdout) == [[LEAF.der.hex(), MIDDLE.der.hex()]] * 3
