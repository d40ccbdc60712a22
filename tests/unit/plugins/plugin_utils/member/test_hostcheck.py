# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first look at a host: every line has a cause, and the text gives nobody away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.hostcheck import (
    NO_HINT,
    Attempt,
    CheckLine,
    Sample,
    checks,
    hint,
    names,
    sample,
    text_block,
    transport,
    without,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Stores, stores_from_rows
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    HostFacts,
    LoadedModule,
    RemoteError,
    Reply,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import EDGE
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    keyed,
    new,
    old,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

SAFE = transport("winrm", "https", ["basic"], None)
HOST = HostFacts(
    "EDGE1", "5.1.14393.1", "4.0.30319", "10.0.14393", 64, NOW, "EDGE1\\admin", True, "FullLanguage", "en-US"
)
LOADED = replace(HOST, loaded=(LoadedModule("Lync", "5.0"),))
STORES = stores_from_rows([keyed(old()), keyed(new())])


def look(loaded: HostFacts | None = LOADED, sampled: Sample | None = None, **host: Any) -> dict[str, CheckLine]:
    first = Attempt(2.0, NOW, replace(HOST, **host))
    second = None if loaded is None else Attempt(5.5, NOW, loaded)
    found = checks(SAFE, first, second, sampled or Sample(STORES, ("AccessEdgeExternal",)), EDGE)
    assert len({c.id for c in found}) == len(found)
    return {c.id: c for c in found}


def test_a_host_in_order() -> None:
    found = look()
    assert {c.status for c in found.values()} == {"ok"}
    assert found["windows"].text == "Windows Server 2016 (10.0.14393), en-US"
    assert found["module"].text == "Lync 5.0, about 3.5 s more than a command without it"
    assert found["store"].text == "LocalMachine\\My: 2 certificate(s), 2 with a key (2 CryptoAPI, 0 CNG)"


@pytest.mark.parametrize(
    "host, line, status, says",
    [
        ({"bits": 32}, "process", "error", "32-bit"),
        ({"powershell": "2.0"}, "process", "warning", "PowerShell 2.0"),
        ({"language": "ConstrainedLanguage"}, "language", "error", "ConstrainedLanguage"),
        ({"language": ""}, "language", "error", "not told"),
        ({"admin": False}, "rights", "error", "no administrator rights"),
        ({"clock": None}, "clock", "error", "did not tell"),
        ({"clock": NOW + timedelta(seconds=61)}, "clock", "warning", "61 s ahead of"),
        ({"clock": NOW - timedelta(seconds=61)}, "clock", "warning", "61 s behind"),
        ({"clock": NOW + timedelta(seconds=60)}, "clock", "ok", "60 s ahead of"),
        ({"windows": "6.1.7601"}, "windows", "ok", "2008 R2"),
        ({"windows": "6.10.1"}, "windows", "ok", "without a name here"),
    ],
)
def test_what_stands_in_the_way_is_named(host: dict[str, Any], line: str, status: str, says: str) -> None:
    check = look(**host)[line]
    assert check.status == status and says in check.text
    assert bool(check.remedy) is (status != "ok")


@pytest.mark.parametrize(
    "stores, status, says",
    [
        (None, "error", "could not be read"),
        (Stores(()), "ok", "0 certificate(s)"),
        (stores_from_rows([keyed(new(), Provider="CNG")]), "ok", "(0 CryptoAPI, 1 CNG)"),
        (stores_from_rows([keyed(new(), KeyError="Access is denied.")]), "warning", "1 key(s) cannot be opened"),
    ],
)
def test_the_sample_of_the_store(stores: Stores | None, status: str, says: str) -> None:
    check = look(sampled=Sample(stores, ("x",)))["store"]
    assert check.status == status and says in check.text


def test_the_module_is_looked_at_only_when_asked_and_tells_what_failed() -> None:
    assert "module" not in look(None)
    broken = look(replace(HOST, load_error="no valid module file"))["module"]
    assert broken.status == "error" and broken.remedy.startswith("Is this an Edge server? Does Get-CsCertificate work")
    failed = look(sampled=Sample(STORES, (), "Access is denied"))
    assert failed["module"].status == "ok" and failed["product"].text == "Get-CsCertificate failed: Access is denied"
    assert look(sampled=Sample(STORES, ()))["product"].status == "warning"
    gone = checks(SAFE, Attempt(1, NOW, HOST), Attempt(60, NOW, error="timed out"), Sample(STORES))
    assert gone[-1].id == "module" and "timed out" in gone[-1].text and "quota" in gone[-1].remedy


def test_no_answer_ends_the_look_with_a_hint() -> None:
    found = checks(SAFE, Attempt(1, NOW, error="Connection refused"), None, Sample())
    assert [c.id for c in found] == ["transport", "answer"] and "listener" in found[1].remedy


@pytest.mark.parametrize(
    "message, part",
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "not trusted"),
        ("the specified credentials were rejected by the server", "User, password"),
        ("HTTP 401", "User, password"),
        ("Max retries exceeded: timed out", "firewall"),
        ("Bad HTTP response returned from server. Code 500", "quota"),
        ("something else entirely 15001", NO_HINT),
    ],
)
def test_hints_by_the_words_of_the_error(message: str, part: str) -> None:
    assert part in hint(message)


def test_a_way_that_must_not_carry_keys_says_why() -> None:
    ignored = transport("winrm", "https", ["basic"], "set server_cert_validation")
    assert ignored.encrypted and not ignored.authenticated
    check = checks(ignored, Attempt(1, NOW, HOST), None, Sample(STORES))[0]
    assert check.status == "error" and "no private key" in check.text and check.remedy == "set server_cert_validation"
    plain = transport("winrm", "http", ["basic"], "unencrypted")
    assert not plain.encrypted and "NOT encrypted" in checks(plain, Attempt(1, NOW, HOST), None, Sample())[0].text
    assert transport("psrp", "http", ["ntlm"], None).encrypted, "message encryption"


def test_the_sample_is_what_the_commands_read() -> None:
    stores = Answer((keyed(old()),))
    error = RemoteError("no rights", "x", "y", "z")
    read = sample(Reply(HOST, {"stores": stores}), Reply(HOST, {"assignments": Answer(tuple(use_rows(old())))}), EDGE)
    assert read.stores is not None and len(read.stores.certificates) == 1
    assert read.uses == ("AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal")
    failed = sample(
        Reply(HOST, {"stores": Answer(error=error)}), Reply(HOST, {"assignments": Answer(error=error)}), EDGE
    )
    assert failed == Sample(None, (), "no rights")
    assert sample(None, None, None) == Sample()


def test_the_text_names_no_host_and_no_user() -> None:
    known = names(
        {"inventory_hostname": "edge1.contoso.example", "ansible_host": "192.0.2.11", "ansible_user": "renewer"},
        Reply(HOST, {}),
    )
    text = without("EDGE1.contoso.example (192.0.2.11) as edge1\\ADMIN via renewer; renewers, EDGE10", known)
    assert text == "HOST (HOST) as USER via USER; renewers, EDGE10"
    assert without("a b", {"a": "HOST", "": "USER"}) == "a b", "a name that short would spoil every sentence"


def test_the_block_is_read_from_top_to_bottom() -> None:
    found = [CheckLine("rights", "error", "none", "become one"), CheckLine("clock", "ok", "fine", "unsaid")]
    assert text_block(found, {"x": "1"}).splitlines() == [
        "host_check: x 1",
        "  ERROR    rights  none",
        "                   -> become one",
        "  OK       clock   fine",
        "  Not looked at: WinRM quotas. Nothing was changed.",
    ]
