# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host behind a connection: what is refused before anything is sent, and what a broken connection is told as."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows import host as host_module
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Call,
    Credential,
    OutcomeUnknown,
    Secure,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import (
    Host,
    HostLost,
    KeyRefused,
    NotSent,
    WriteRefused,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.transport import TransportOptions

(SESSION,) = (way for product in PRODUCTS.values() for way, session in product.ways.items() if session)
NONCE = "0123456789abcdef"
SAFE = TransportOptions("winrm", "https", ("basic",))
UNSAFE = TransportOptions("winrm", "https", ("basic",), verify=False)
READ = Call("r", "Get-Journal")
WRITE = Call("w", "Add-StoreCertificate", {"Store": "CA", "RawData": b"x"})
KEY = Call("k", "Import-StorePfx", {"Store": "My", "Pfx": b"canary", "Password": Secure("canary"), "Exportable": False})


class FakeConnection:
    """Answers every call of a document with no rows, or does what it is told instead."""

    def __init__(self, answer: Callable[[dict[str, Any]], str] | None = None, fail: Exception | None = None) -> None:
        self.connected = True
        self.sent: list[dict[str, Any]] = []
        self.answer = answer
        self.fail = fail

    def _connect(self) -> None:
        raise OSError("no route to host")

    def get_option(self, option: str) -> Any:
        raise KeyError(option)

    def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        assert isinstance(in_data, str) and in_data.isascii() and not sudoable
        lines = in_data.splitlines()
        assert len(lines) == 2
        document = json.loads(gzip.decompress(base64.b64decode(lines[1])))
        self.sent.append(document)
        if self.fail:
            raise self.fail
        text = self.answer(document) if self.answer else reply(document)
        return 1, text.encode(), b"a word on stderr"


def reply(document: dict[str, Any]) -> str:
    body = json.dumps({"host": {}, "replies": [{"id": call["id"], "rows": []} for call in document["calls"]]})
    return f"ucops-begin {document['nonce']}\r\n{body}\r\nucops-end {document['nonce']}\r\n"


@pytest.fixture(autouse=True)
def _script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "shipped_script", lambda: "'script'")


def make(connection: Any, transport: TransportOptions = SAFE, **more: Any) -> Host:
    return Host(connection, lambda: NONCE, transport=transport, **more)


def test_an_intact_frame_overrides_exit_code_and_stderr() -> None:
    assert make(FakeConnection()).read([], [READ])["r"].ok


@pytest.mark.parametrize("call", [WRITE, KEY])
def test_a_read_refuses_writes_and_sends_nothing(call: Call) -> None:
    connection = FakeConnection()
    with pytest.raises(WriteRefused, match=call.name):
        make(connection).read([], [READ, call])
    assert connection.sent == []


LOGON = Credential("CORP\\admin", Secure("canary"))


def test_a_session_gets_the_credential_and_nothing_else_does() -> None:
    connection = FakeConnection()
    make(connection, credential=LOGON).read([SESSION], [READ])
    make(connection, credential=LOGON).read(["exchange"], [READ])
    told = [document.get("credential") for document in connection.sent]
    assert told == [{"user": "CORP\\admin", "password": {"$secure": "canary"}}, None]


@pytest.mark.parametrize(
    ("more", "refusal", "text"),
    [
        ({}, NotSent, "ansible_password"),
        ({"credential": LOGON, "transport": UNSAFE}, KeyRefused, "password is not sent"),
        ({"credential": LOGON, "run_module": lambda text: text}, KeyRefused, "become"),
    ],
)
def test_a_session_is_refused_where_its_password_must_not_pass(
    more: dict[str, Any], refusal: type[Exception], text: str
) -> None:
    connection = FakeConnection()
    with pytest.raises(refusal, match=text):
        make(connection, **more).read([SESSION], [READ])
    assert connection.sent == []
    assert "canary" not in repr(LOGON)


def test_check_mode_refuses_writes_and_lets_reads_pass() -> None:
    connection = FakeConnection()
    with pytest.raises(WriteRefused, match="check mode"):
        make(connection).apply([], [WRITE, READ], check_mode=True)
    assert connection.sent == []
    assert make(connection).apply([], [READ], check_mode=True)["r"].ok


def test_a_key_is_refused_on_an_unsafe_transport_and_nothing_is_sent() -> None:
    connection = FakeConnection()
    with pytest.raises(KeyRefused, match="ansible_winrm_server_cert_validation: validate"):
        make(connection, UNSAFE).apply([], [KEY], check_mode=False)
    assert connection.sent == []
    assert make(connection, UNSAFE).apply([], [WRITE], check_mode=False)["w"].ok
    assert make(connection).apply([], [KEY], check_mode=False)["k"].ok


def test_a_key_never_goes_through_the_module_wrapper() -> None:
    ran: list[str] = []
    host = make(FakeConnection(), run_module=lambda text: ran.append(text) or reply(json.loads(text)))
    with pytest.raises(KeyRefused, match="without become"):
        host.apply([], [KEY], check_mode=False)
    assert ran == []
    assert host.read([], [READ])["r"].ok and len(ran) == 1


@pytest.mark.parametrize(("calls", "maybe"), [([READ], False), ([WRITE, READ], True)])
def test_a_broken_connection_says_whether_a_write_may_have_happened(calls: list[Call], maybe: bool) -> None:
    host = make(FakeConnection(fail=OSError("connection reset by peer")))
    with pytest.raises(HostLost, match="connection reset by peer") as caught:
        host.apply([], calls, check_mode=False)
    assert caught.value.may_have_applied is maybe


def test_a_host_that_was_never_reached_was_not_changed() -> None:
    connection = FakeConnection()
    connection.connected = False
    with pytest.raises(HostLost, match="no route to host") as caught:
        make(connection).apply([], [WRITE], check_mode=False)
    assert not caught.value.may_have_applied and connection.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda document: "",
        lambda document: reply(document).split("ucops-end")[0],
        lambda document: reply({**document, "calls": []}),
    ],
)
def test_an_answer_that_is_not_whole_is_unknown_and_quotes_the_host(answer: Any) -> None:
    for calls, maybe in (([READ], False), ([WRITE], True)):
        with pytest.raises(OutcomeUnknown, match="a word on stderr") as caught:
            make(FakeConnection(answer)).apply([], calls, check_mode=False)
        assert caught.value.may_have_applied is maybe


def test_no_error_text_holds_a_secret() -> None:
    for connection in (FakeConnection(fail=OSError("reset")), FakeConnection(lambda document: "")):
        with pytest.raises((HostLost, OutcomeUnknown)) as caught:
            make(connection).apply([], [KEY], check_mode=False)
        assert "canary" not in f"{caught.value!r} {caught.value}"
