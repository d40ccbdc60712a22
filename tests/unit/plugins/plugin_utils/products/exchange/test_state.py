# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange servers: versions, roles, what may be asked of which version, and what the answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.check import findings
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.facts import facts
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.rows import (
    calls,
    server_of,
    state_of,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import (
    ServiceOrder,
    plan_services,
    service_order,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import (
    CLIENTS,
    Connector,
    TlsBinding,
    parse_services,
    version_of,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import Unread
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call, RemoteError
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    BUILDS,
    MAILBOX,
    NAMES,
    made,
    reply,
    rows,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

METADATA = Path(__file__).resolve().parents[5] / "lab" / "data" / "exchange_cmdlets.json"
UNIFIED = (*MAILBOX, "MSExchangeUM", "MSExchangeUMCR")
EDGE = ("MSExchangeTransport", "ADAM_MSExchange")


def thumb(kind: str) -> str:
    return made(kind).thumbprint


@pytest.mark.parametrize(("year", "build"), BUILDS.items())
def test_versions(year: str, build: str) -> None:
    version = version_of(build)
    assert version.year == year and version.product == f"Exchange Server {year}"
    assert version.modern is (year != "2010")
    assert version.transport_cmdlet == ("Get-TransportServer" if year == "2010" else "Get-TransportService")


def test_a_version_that_nobody_knows() -> None:
    assert version_of("16.0.1.1").product == "Exchange version 16.0.1.1" and version_of("").year == ""
    assert version_of("16.0.1.1").modern and not version_of("8.3.1.1").modern


def test_roles_and_what_can_have_a_certificate() -> None:
    assert server().roles == ("client_access", "transport")
    assert server().offers == ("IIS", "SMTP", "POP", "IMAP")
    assert server("2016", UNIFIED).offers == ("IIS", "SMTP", "POP", "IMAP", "UM", "UMCallRouter")
    assert (server(services=EDGE).roles, server(services=EDGE).offers) == (("edge_transport",), ("SMTP",))
    assert server_of(reply({"services": [{"Name": "W3SVC", "FileVersion": "10.0.1.1", "Status": "Running"}]})) is None
    known = server_of(reply(rows(server("2010"))))
    assert known is not None and known.version.year == "2010" and known.computer == "EX1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("None", set()),
        ("", set()),
        ("IMAP, POP, IIS, SMTP", {"IMAP", "POP", "IIS", "SMTP"}),
        (["IIS", "UMCallRouter"], {"IIS", "UMCallRouter"}),
        ("24", None),
    ],
)
def test_services_in_every_shape(value: Any, expected: set[str] | None) -> None:
    assert parse_services(value) == expected


def documented(sent: Iterable[Call], year: str) -> list[str]:
    """What of the calls Microsoft's metadata does not have for the version."""
    cmdlets, version, wrong = json.loads(METADATA.read_text())["cmdlets"], f"Exchange Server {year}", []
    for call in sent:
        cmdlet = cmdlets.get(call.name)
        if cmdlet is None:
            wrong += [call.name] if "-Store" not in call.name and call.name not in OWN else []
            continue
        wrong += [call.name] if version not in cmdlet["applicable"] else []
        for name in call.parameters:
            parameter = cmdlet["parameters"].get(name)
            if parameter is None or version not in parameter.get("applicable", [version]):
                wrong.append(f"{call.name} -{name}")
        for name, parameter in cmdlet["parameters"].items():
            if "Identity" in call.parameters and parameter["required"] and name != "Thumbprint":
                wrong += [f"{call.name} without -{name}"] if name not in call.parameters else []
    return wrong


OWN = ("Get-ServiceVersion", "Get-TlsBinding")


@pytest.mark.parametrize("year", BUILDS)
@pytest.mark.parametrize("windows", [MAILBOX, UNIFIED, EDGE], ids=["mailbox", "unified", "edge"])
def test_only_documented_cmdlets_and_parameters(year: str, windows: tuple[str, ...]) -> None:
    at = server(year, windows)
    assert not documented(calls(at, [thumb("new")], connectors=True), year)
    order = ServiceOrder(thumb("new"), at.offers, names={"POP": NAMES[0]} if not at.edge else {})
    here = state(at, my=("old", "self", "auth"), staged=("new",))
    for wish in (order, ServiceOrder(thumb("new"), ("SMTP",), "move")):
        sent = [call for change in plan_services(wish, here) for call in change.calls]
        assert any(call.name == "Enable-ExchangeCertificate" for call in sent) and not documented(sent, year)
        assert all(call.parameters["Server"] == "EX1" for call in sent if "-Exchange" in call.name)


def test_rawdata_is_the_truth() -> None:
    """With a broken auth certificate nothing else arrives; dates as text and null thumbprints do no harm."""
    at = server()
    answers = rows(at)
    bare = [{"Thumbprint": None, "Services": None, "RawData": row["RawData"]} for row in answers["certificates"]]
    found = state_of(reply({**answers, "certificates": [*bare, {"RawData": b"rubbish"}, {}]}), NOW, at)
    assert set(found.reported) == {thumb("old"), thumb("self"), thumb("auth")}
    assert all(found.has(service, thumb("old")) for service in at.offers)
    assert found.services_of(thumb("auth")) == ()


def test_a_store_that_cannot_be_opened_holds_nothing() -> None:
    at = server()
    answers = reply(rows(at))
    failed = Answer(error=RemoteError("no such store", "Exception", "ucops.Get-StoreCertificate", "NotSpecified"))
    found = state_of(replace(answers, answers={**answers.answers, "staged": failed}), NOW, at)
    assert found.stores.machine("ucops.certificates") == () == found.unread
    other = state_of(replace(answers, answers={**answers.answers, "auth": failed}), NOW, at)
    assert [problem.id for problem in findings(other)] == ["exchange.unread"]


def test_what_the_product_says_of_services_is_not_believed_alone() -> None:
    every = "IMAP, POP, IIS, SMTP"
    over = state(my=("old", "new", "self", "auth"), shown={"old": every, "new": every, "self": every, "auth": every})
    assert over.services_of(thumb("new")) == ("POP", "IMAP")
    assert over.services_of(thumb("self")) == ("SMTP",), "444 is no service of users"
    assert state(shown={"old": "None"}).services_of(thumb("old")) == ("IIS",)
    assert state(readers=()).services_of(thumb("old")) == ("IIS", "POP", "IMAP")


def test_bindings_of_other_sites_do_not_count() -> None:
    here = [TlsBinding("0.0.0.0", 443, thumb("old"), "My"), TlsBinding("10.0.0.9", 443, thumb("self"), "My")]
    assert state(bindings=tuple(here)).has("IIS", thumb("old"))


def test_what_must_never_be_removed() -> None:
    protected = state(shown={"old": "SMTP, Federation"}).protected()
    assert "port 443" in protected[thumb("old")] and "federation" in protected[thumb("old")]
    assert "default SMTP" in protected[thumb("self")] and "Back End" in protected[thumb("self")]
    assert "auth certificate" in protected[thumb("auth")] and len(protected) == 3


def test_the_findings_of_a_look() -> None:
    assert not findings(state())
    ids = {problem.id for problem in findings(state(my=("old",), default=None))}
    assert ids == {"exchange.default-smtp-none", "exchange.back-end"}
    gone = state(my=("old", "auth"), back="old", names=("nobody.example", NAMES[0]))
    assert [(p.id, p.subject) for p in findings(gone)] == [
        ("exchange.default-smtp-gone", "default SMTP certificate"),
        ("exchange.back-end", "port 444"),
        ("exchange.client-name", "POP"),
    ]
    connector = Connector("receive", "Client Frontend EX1", NAMES[1], None, "0.0.0.0:587")
    shown = {"old": "IMAP, POP, IIS, SMTP", "new": "None", "self": "IIS, SMTP"}
    live = state(my=("old", "new", "self", "auth"), connectors=(connector,), shown=shown)
    assert [(p.id, p.subject) for p in findings(live)] == [("exchange.smtp-not-enabled", "Client Frontend EX1")]
    assert not findings(state(server("2010"), my=("old", "new", "self", "auth"), connectors=(connector,), shown=shown))


def test_a_look_as_plain_data() -> None:
    told = json.loads(json.dumps(facts(state())))
    assert told["assigned"] == {"IIS": [thumb("old")], "SMTP": [thumb("old"), thumb("self")]} | {
        protocol: [thumb("old")] for protocol in CLIENTS
    }
    assert [c["default_smtp"] for c in told["certificates"]] == [False, True, False]
    assert told["certificates"][0]["services_reported"] == ["IIS", "IMAP", "POP", "SMTP"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"services": []}, "at least one"),
        ({"services": ["IIS"], "pop_name": "x"}, "pop_name"),
        ({"services": ["IIS"], "default_smtp": "keep"}, "default_smtp"),
        ({"services": ["IIS"], "thumbprint": "12"}, "40 hexadecimal"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], said: str) -> None:
    usual = {"thumbprint": "AB" * 20, "bundle": None, "default_smtp": None, "require_ssl": False, "check_ready": True}
    with pytest.raises(ValueError, match=said):
        service_order({**usual, "pop_name": None, "imap_name": None, **options}, None)


def test_a_server_without_a_service_of_exchange_is_told_apart() -> None:
    """One such service is enough to be an Exchange server; IIS alone is none."""
    for services, found in ((("W3SVC",), "exchange.not-found"), (("W3SVC", "MSExchangeTransport"), None)):
        here = server(services=services)
        try:
            PRODUCTS["exchange"].see(reply(rows(here)), NOW)
            told = None
        except Unread as unread:
            told = unread.finding
            assert "is it an Exchange server?" in str(unread)
        assert told == found
