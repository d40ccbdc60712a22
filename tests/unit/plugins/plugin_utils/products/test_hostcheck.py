# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first look at a host: what is judged how, and what its text says and does not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import hostcheck
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.hostcheck import Look, Sample
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.store import Stores
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    HostFacts,
    LoadedModule,
    RemoteError,
    Reply,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
HOST = HostFacts(
    computer="EDGE1",
    powershell="4.0",
    clr="4.0.30319.42000",
    windows="6.3.9600",
    bits=64,
    clock=NOW,
    user="EDGE1\\operator",
    admin=True,
    language="FullLanguage",
    culture="de-DE",
)
SAFE = hostcheck.transport("winrm", "https", ["kerberos"], None)
GOOD = Sample(Stores(()), ("AccessEdgeExternal",))


def statuses(host: HostFacts = HOST, loaded: Look | None = None, sample: Sample = GOOD) -> dict[str, str]:
    """Check -> status."""
    loaded = loaded or Look(3.5, NOW, replace(HOST, loaded=(LoadedModule("Lync", "5.0"),)))
    found = hostcheck.checks(SAFE, Look(1.5, NOW, host), loaded, sample)
    return {check.id: check.status for check in found}


def test_a_host_as_it_should_be() -> None:
    assert set(statuses().values()) == {"ok"}
    assert list(statuses()) == [
        *("transport", "answer", "windows", "process", "language", "rights", "clock", "store", "module", "product")
    ]


@pytest.mark.parametrize(
    ("host", "check", "status"),
    [
        (replace(HOST, bits=32), "process", "error"),
        (replace(HOST, powershell="2.0"), "process", "warning"),
        (replace(HOST, language="ConstrainedLanguage"), "language", "error"),
        (replace(HOST, admin=False), "rights", "error"),
        (replace(HOST, clock=NOW + timedelta(seconds=60)), "clock", "ok"),
        (replace(HOST, clock=NOW - timedelta(seconds=61)), "clock", "warning"),
        (replace(HOST, clock=None), "clock", "error"),
    ],
)
def test_what_is_wrong_with_a_host(host: HostFacts, check: str, status: str) -> None:
    found = statuses(host)
    assert found.pop(check) == status and set(found.values()) == {"ok"}


def test_what_is_wrong_with_the_product() -> None:
    failed = Look(2.0, NOW, replace(HOST, load_error="the module was not found"))
    assert statuses(loaded=failed)["module"] == "error" and "product" not in statuses(loaded=failed)
    assert statuses(loaded=Look(60.0, NOW, None, "the shell is gone", True))["module"] == "error"
    assert statuses(sample=Sample(Stores(()), (), "cannot connect to the local store"))["product"] == "error"
    assert statuses(sample=Sample(Stores(())))["product"] == "warning"
    assert statuses(sample=Sample(None, ("Internal",)))["store"] == "error"


def test_the_sample_is_what_the_commands_answered() -> None:
    plain = Reply(HOST, {"stores": Answer()})
    loaded = Reply(HOST, {"assignments": Answer(({"Use": "urn:certref:Internal", "Thumbprint": "A"},))})
    assert hostcheck.sample(plain, loaded) == Sample(Stores(()), ("Internal",), None)
    denied = Answer(error=RemoteError("Access is denied.", "", "", ""))
    assert hostcheck.sample(Reply(HOST, {"stores": denied}), None) == Sample()
    assert hostcheck.sample(None, Reply(HOST, {"assignments": denied})).uses_error == "Access is denied."


@pytest.mark.parametrize(
    ("windows", "name"),
    [("6.1.7601", "2008 R2"), ("6.3.9600", "2012 R2"), ("10.0.14393", "2016"), ("11.0", "without")],
)  # fmt: skip
def test_windows_by_its_name(windows: str, name: str) -> None:
    assert name in hostcheck.windows_check(replace(HOST, windows=windows)).text


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("ssl: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "ca_trust_path"),
        ("ntlm: the specified credentials were rejected by the server", "User, password"),
        ("HTTPConnectionPool(host='10.5.0.1', port=5401): Connection refused", "Nothing listens"),
        ("Connect to 10.0.0.1 timed out. (connect timeout=30)", "firewall"),
        ("Bad HTTP response returned from server. Code 500", "quota"),
        ("something else", "raw"),
    ],
)
def test_a_hint_for_an_error(message: str, hint: str) -> None:
    found = hostcheck.checks(SAFE, Look(0.1, NOW, None, message, True), None, Sample())
    assert found[-1].status == "error" and hint in found[-1].remedy


def test_the_text_names_nobody() -> None:
    way = hostcheck.transport("winrm", "https", ["basic"], "The server's certificate is not verified.")
    assert way.encrypted and not way.authenticated
    broken = "EDGE1: operator@10.0.0.7 was refused (EDGE1\\operator), host edge1.corp.example, not edge12"
    text = hostcheck.text_block(hostcheck.checks(way, Look(0.1, NOW, None, broken), None, Sample()), {"Python": "3.13"})
    task_vars = {"inventory_hostname": "edge1.corp.example", "ansible_host": "10.0.0.7", "ansible_user": "operator"}
    clean = hostcheck.without(text, hostcheck.names(task_vars, Reply(HOST, {})))
    assert "HOST: USER@HOST was refused (USER), host HOST, not edge12" in clean
    assert "not verified" in clean and clean.endswith("Nothing was changed.")
