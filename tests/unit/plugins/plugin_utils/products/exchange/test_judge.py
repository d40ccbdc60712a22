# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Exchange rollout is told before anything is switched, and which bundles it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wanted import wanted_for
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import Delivery, InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.judge import ROLES
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.own import ExchangeOwn
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import Unread
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, LoadedModule, RemoteError
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EXCHANGE,
    STAGED,
    SWITCHED,
    evidence,
    settings,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_steps import bundle
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    MAILBOX,
    issuing,
    made,
    reply,
    root,
    rows,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, issue, rsa_key

OLD = tls_certificate_name(made("old"))
ELSEWHERE = authority("Another CA")
"""Its certificates have another TlsCertificateName than the old one."""


def told(found: Evidence, finding: str) -> list[Finding]:
    """The findings with this id."""
    return [one for one in found.findings if one.id == finding]


# -- cmdlets that the account's shell does not have --------------------------------------------------------------------


def lacking(*cmdlets: str, **given: Any) -> list[tuple[str, str]]:
    """Which cmdlets are said to be missing when the shell lacks these, and what is said."""
    moved = issue("mail.contoso.example", ELSEWHERE, names=made("old").dns_names, key=rsa_key(which=1)).certificate
    found = evidence(replace(state(**{**STAGED, **given}), lacks=cmdlets), want=wanted(moved))
    missing = told(found, "exchange.cmdlet-missing")
    assert all(one.stops for one in missing), "half of a switch is worse than none"
    return [(one.subject, one.text) for one in missing]


@pytest.mark.parametrize("cmdlet", ["Enable-ExchangeCertificate", "Set-PopSettings", "Set-ImapSettings"])
def test_a_cmdlet_that_the_switch_needs_stops_it_before_anything_is_changed(cmdlet: str) -> None:
    ((subject, text),) = lacking(cmdlet, "Get-UMService", "Set-UMService")
    assert subject == cmdlet and "the shell of this account does not have it" in text
    assert f'the management role "{ROLES[cmdlet]}" has it' in text


def test_cmdlets_that_nothing_needs_are_not_missed() -> None:
    assert lacking("Set-ReceiveConnector", "Set-SendConnector") == [], "no connector names the old certificate"
    switched = evidence(replace(state(**SWITCHED), lacks=("Enable-ExchangeCertificate",)))
    assert not told(switched, "exchange.cmdlet-missing"), "nothing is left to do"


def test_connectors_need_their_own() -> None:
    """Send connectors are renamed after the last member; whether that can be done is asked before the first."""
    both = (Connector("receive", "Front", "", OLD, ""), Connector("send", "Out", "", OLD, "", ("EX1",)))
    missing = dict(lacking("Set-ReceiveConnector", "Set-SendConnector", connectors=both))
    assert set(missing) == {"Set-ReceiveConnector", "Set-SendConnector"}
    assert '"Receive Connectors"' in missing["Set-ReceiveConnector"]
    assert '"Send Connectors"' in missing["Set-SendConnector"]


def test_a_helper_of_the_store_is_no_matter_of_roles() -> None:
    ((subject, text),) = lacking("Copy-StoreCertificate")
    assert subject == "Copy-StoreCertificate" and "management role" not in text


def test_what_the_shell_lacks_is_read_of_every_module_that_was_loaded() -> None:
    said = reply({**rows(server()), "bindings": []})
    loaded = (LoadedModule("one", "1", ("Set-PopSettings",)), LoadedModule("two", "1", ("Set-SendConnector",)))
    seen = EXCHANGE.see(replace(said, host=replace(said.host, loaded=loaded)), NOW)
    assert seen.lacks == ("Set-PopSettings", "Set-SendConnector")


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["new", "wildcard"])
def test_a_protocol_without_a_name_is_told_once_with_the_rollouts_own_option(kind: str) -> None:
    found = evidence(state(names=("", "imap.contoso.example")), want=wanted(made(kind)))
    (one,) = (finding for finding in told(found, "exchange.client-name") if finding.stops)
    assert one.subject == "POP" and one.text.startswith("X509CertificateName is empty")
    assert "rollout_pop_name" in one.text and "rollout_pop_name" in one.remedy
    given = settings(pop_name="pop.contoso.example")
    named = evidence(state(names=("", "imap.contoso.example")), given, wanted(made(kind)))
    assert not [finding for finding in told(named, "exchange.client-name") if finding.stops]


def test_a_wildcard_covers_the_names_that_pop_and_imap_have() -> None:
    assert not told(evidence(state(**STAGED), want=wanted(made("wildcard"))), "exchange.client-name")


def test_the_wildcard_of_the_certificate_in_use_is_no_name_that_has_to_be_covered() -> None:
    """Names of hosts are; a wildcard names none."""
    names = ("*.contoso.example", "mail.contoso.example", "owa.contoso.example")
    before = issue(names[0], issuing(), names=names, not_before=NOW - 340 * DAY, key=rsa_key(which=1)).certificate
    given = reply(rows(server()))
    held = [dict(row, RawData=before.der) if row["RawData"] == made("old").der else row for row in given.rows("stores")]
    shown = [{"Thumbprint": before.thumbprint, "Services": "IIS, SMTP", "RawData": before.der}]
    here = EXCHANGE.see(reply({**rows(server()), "stores": held, "certificates": shown}), NOW)
    (missing,) = told(evidence(here), "names.missing")
    assert missing.evidence["missing"] == "owa.contoso.example" and missing.stops


# -- validity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "finding"), [(-2, "leaf.not-yet-valid"), (0, None), (358, None), (360, "leaf.expired")]
)
def test_the_servers_own_clock_decides_whether_it_is_valid(days: int, finding: str | None) -> None:
    found = evidence(replace(state(**STAGED), clock=NOW + timedelta(days=days)))
    stopping = {one.id for one in found.findings if one.stops and one.subject.startswith("mail.contoso.example")}
    assert (finding in stopping) if finding else not stopping & {"leaf.not-yet-valid", "leaf.expired"}


def test_one_that_begins_with_the_one_in_use_is_not_older_than_it() -> None:
    """As after a request that was answered twice."""
    begins = made("old").not_before
    same, older = (
        issue("mail.contoso.example", issuing(), not_before=start, key=rsa_key(which=1)).certificate
        for start in (begins, begins - timedelta(seconds=1))
    )
    assert not told(evidence(state(), want=wanted(same)), "leaf.older-than-current")
    (one,) = told(evidence(state(), want=wanted(older)), "leaf.older-than-current")
    assert one.stops and "SMTP takes the newest by its first day" in one.text


# -- Edge Transport and hybrid mail ------------------------------------------------------------------------------------


def hybrid(run: Any = None, want: Any = None, **given: Any) -> list[Finding]:
    """What is said about a subscribed Edge Transport server."""
    return told(evidence(state(subscriptions=("GATE1", "GATE2"), **given), run, want), "exchange.hybrid-edge")


def test_hybrid_mail_needs_the_same_certificate_at_the_edge() -> None:
    (one,) = hybrid(**STAGED)
    assert "GATE1, GATE2 is subscribed" in one.text and not one.stops
    assert not hybrid(**SWITCHED), "nothing is switched any more"
    assert not hybrid(want=wanted(None, "IIS"), **STAGED), "the web is no mail"
    assert not told(evidence(state(**STAGED)), "exchange.hybrid-edge"), "nothing is subscribed"


def test_an_edge_subscription_is_told_of_while_there_is_something_to_switch() -> None:
    edge = server(services=("MSExchangeTransport", "ADAM_MSExchange"))
    (one,) = told(evidence(state(edge, **STAGED)), "exchange.edge-subscription")
    assert one.stops and one.severity == "error"
    (agreed,) = told(evidence(state(edge, **STAGED), settings(edge_subscription="renew")), "exchange.edge-subscription")
    assert agreed.severity == "warning"
    done = evidence(state(edge, **{**SWITCHED, "shown": {"new": "SMTP", "self": "SMTP"}}))
    assert done.plan.empty and not told(done, "exchange.edge-subscription")
    assert not told(evidence(state(**STAGED)), "exchange.edge-subscription"), "a mailbox server has none"


# -- what a server does not have ---------------------------------------------------------------------------------------


def test_a_server_without_any_of_the_services_is_told_what_it_has() -> None:
    found = evidence(state(server(services=("MSExchangeTransport",))), want=wanted(None, "POP", "IMAP"))
    (one,) = told(found, "exchange.service-absent")
    assert one.text == "expected one of POP, IMAP, this server has SMTP" and one.stops
    assert found.plan.empty and not found.wanted


def test_a_run_that_wants_nothing_asks_nothing_of_a_server() -> None:
    """Settling and taking back: the journal says what was wanted."""
    found = evidence(state(), settings(purpose="rollback", wanted={}), Wanted({}))
    assert found.plan.empty and not told(found, "exchange.service-absent") and not found.wanted


@pytest.mark.parametrize(("services", "needed"), [(MAILBOX, True), (MAILBOX[1:], False)], ids=["web", "no web"])
def test_bindings_are_needed_where_there_is_a_web_site(services: tuple[str, ...], needed: bool) -> None:
    at = server(services=services)
    said = reply(rows(at))
    refused = RemoteError("Access is denied.", "t", "f", "c")
    broken = replace(said, answers={**said.answers, "bindings": Answer(error=refused)})
    if needed:
        with pytest.raises(Unread, match=r"bindings could not be read, so nothing is known of it: Access is denied."):
            EXCHANGE.see(broken, NOW)
    else:
        assert "IIS" not in EXCHANGE.see(broken, NOW).server.offers


# -- bundles -----------------------------------------------------------------------------------------------------------


def delivery(name: str) -> Delivery:
    """What the vendor sent, under this name."""
    return Delivery(name, bundle(), True, None, (root().certificate,), "system")


def test_one_bundle_goes_to_every_service_that_was_asked_for() -> None:
    given = wanted_for([delivery("external")], EXCHANGE, ExchangeOwn(services=("IIS", "POP")), NOW, False)
    assert {use: leaf.thumbprint for use, leaf in given.uses.items()} == dict.fromkeys(
        ("IIS", "POP"), made("new").thumbprint
    )
    assert [key.store for key in given.keys] == ["ucops.certificates"], "My is live: it waits elsewhere"
    assert not wanted_for([], EXCHANGE, ExchangeOwn(), NOW, False).uses


@pytest.mark.parametrize("names", [("internal",), ("external", "av"), ("av", "internal")])
def test_a_bundle_that_exchange_has_no_use_for_is_refused(names: tuple[str, ...]) -> None:
    others = ", ".join(name for name in names if name != "external")
    with pytest.raises(InputError, match=f"takes one bundle, named external; found {others}") as refused:
        wanted_for([delivery(name) for name in names], EXCHANGE, ExchangeOwn(), NOW, False)
    assert refused.value.id == "bundle.unknown-use"
