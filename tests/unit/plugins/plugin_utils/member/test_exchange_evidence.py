# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one read of an Exchange server means for a rollout: what is left to do, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import stopping
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence, WayBack
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.reach import Address
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import (
    Connector,
    ExchangeState,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EVERY,
    EXCHANGE,
    STAGED,
    SWITCHED,
    evidence,
    settings,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    issuing,
    made,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, authority, issue, rsa_key

WINDOWS = (10, 0, 17763)


def judged(here: ExchangeState, run: Settings | None = None, want: Wanted | None = None, **more: Any) -> Evidence:
    return evidence(replace(here, windows=more.pop("windows", WINDOWS), **more), run, want)


def kinds(found: Evidence) -> list[str]:
    return [change.kind for change in found.plan.changes]


def ids(found: Evidence) -> set[str]:
    return {finding.id for finding in stopping(found.findings)}


def sent(found: Evidence) -> list[str]:
    """Send connectors that are to be renamed after the last member."""
    return [row["name"] for row in found.own["send"]]


def test_before_anything_was_done() -> None:
    """The key has still to be staged; the switch is planned as if it was."""
    found = judged(state())
    assert [line.split(":")[0] for line in found.stage] == ["LocalMachine\\ucops.certificates"] and found.forecast
    assert kinds(found) == ["grant-key", "add-certificate", "enable"] and tuple(found.plan.uses) == EVERY
    assert not ids(found)


def test_staged_and_switched() -> None:
    staged, switched = judged(state(**STAGED)), judged(state(**SWITCHED))
    assert not staged.stage and kinds(staged) == ["grant-key", "add-certificate", "enable"]
    assert not switched.stage and switched.plan.empty and not switched.plan.uses and not ids(switched)
    assert staged.assigned == dict.fromkeys(EVERY, made("old").thumbprint)
    assert switched.assigned == dict.fromkeys(EVERY, made("new").thumbprint)


def test_only_the_services_that_the_server_has() -> None:
    edge = server(services=("MSExchangeTransport", "ADAM_MSExchange"))
    found = judged(state(edge, staged=("new",)))
    assert tuple(found.plan.uses) == ("SMTP",) == found.offers == tuple(found.wanted)
    assert "exchange.edge-subscription" in ids(found), "it stops unless somebody says that he makes it anew"
    told = judged(state(edge, staged=("new",)), settings(edge_subscription="renew"))
    assert not ids(told) and "exchange.edge-subscription" in {f.id for f in told.findings}
    nothing = judged(state(edge), want=wanted(None, "IIS"))
    assert ids(nothing) == {"exchange.service-absent"} and nothing.plan.empty


def test_a_subscribed_edge_needs_the_same_certificate_in_a_hybrid() -> None:
    """Told where SMTP gets another one, and nowhere else."""
    for found, said in (
        (judged(state(subscriptions=("EDGE1",), **STAGED)), True),
        (judged(state(**STAGED)), False),
        (judged(state(subscriptions=("EDGE1",), **SWITCHED)), False),
        (judged(state(subscriptions=("EDGE1",), **STAGED), want=wanted(None, "IIS")), False),
    ):
        told = [f.text for f in found.findings if f.id == "exchange.hybrid-edge"]
        assert bool(told) == said and all("EDGE1" in text for text in told) and not ids(found)


def test_names_in_use_and_names_that_were_asked_for() -> None:
    few = issue("mail.contoso.example", issuing(), key=rsa_key(which=1)).certificate
    found = judged(state(), want=wanted(few, "IIS", "SMTP"))
    (missing,) = (f for f in found.findings if f.id == "names.missing")
    assert "smtp.contoso.example" in missing.text and missing.stops
    asked = judged(state(), settings(names=("owa.contoso.example",)))
    assert "names.missing" in ids(asked)


def test_names_that_clients_are_sent_to_are_told_and_stop_nothing() -> None:
    """The one in use does not cover them either; a server's own name on a connector is its own certificate's matter."""
    reach = (
        Address("ews.contoso.example", "EWS ExternalUrl"),
        Address("mail.contoso.example", "OWA ExternalUrl"),
        Address("ex1.corp.example", "receive connector Default EX1", own=True),
        Address("relay.contoso.example", "receive connector Relay"),
    )
    found = judged(state(), reach=reach)
    told = {f.subject: f.severity for f in found.findings if f.id == "exchange.name-uncovered"}
    assert told == {"ews.contoso.example": "warning", "relay.contoso.example": "warning"} and not ids(found)
    web = judged(state(), want=wanted(None, "IIS"), reach=reach)
    assert [f.subject for f in web.findings if f.id == "exchange.name-uncovered"] == ["ews.contoso.example"]


def test_a_certificate_whose_chain_is_not_there_is_refused() -> None:
    here = state(**STAGED)
    entries = tuple(c for c in here.stores.certificates if c.store != "CA")
    found = judged(replace(here, stores=replace(here.stores, certificates=entries)))
    assert [line.split(":")[0] for line in found.stage] == ["LocalMachine\\CA"] and not ids(found), "it will be staged"
    stranger = issue("mail.contoso.example", authority("Nobody"), names=("mail.contoso.example",)).certificate
    lost = judged(here, want=replace(wanted(stranger), intermediates={}))
    assert "chain.issuer-missing" in ids(lost)


def test_an_older_one_is_no_renewal() -> None:
    later = issue("mail.contoso.example", issuing(), not_before=made("old").not_before - DAY, key=rsa_key(which=1))
    found = judged(state(), want=wanted(later.certificate, "SMTP"))
    assert "leaf.older-than-current" in ids(found)


def test_what_is_wrong_already_is_told_and_stops_nothing() -> None:
    """444 with a vendor's certificate was so before, and a renewal leaves it: it is mended apart from it."""
    found = judged(state(**STAGED, back="old"))
    assert not ids(found)
    assert {f.severity for f in found.findings if f.id == "exchange.back-end"} == {"warning"}


@pytest.mark.parametrize(("windows", "stops"), [((6, 1, 7601), True), (WINDOWS, False), ((), False)])
def test_sha512_on_an_old_windows(windows: tuple[int, ...], stops: bool) -> None:
    leaf = issue("mail.contoso.example", issuing(), hashed="sha512", key=rsa_key(which=1)).certificate
    found = judged(state(), want=wanted(leaf, "IIS"), windows=windows)
    assert ("leaf.sha512" in ids(found)) is stops


def test_receive_connectors_are_renamed_behind_the_copy_and_before_the_services() -> None:
    old, other = tls_certificate_name(made("old")), authority("Another CA")
    connectors = (
        Connector("receive", "Front", "", old, ""),
        Connector("send", "Out", "", old, "", ("EX1",)),
    )
    leaf = issue("mail.contoso.example", other, names=made("old").dns_names, key=rsa_key(which=1)).certificate
    found = judged(state(connectors=connectors), want=wanted(leaf))
    assert kinds(found) == ["grant-key", "add-certificate", "connector", "enable"]
    assert sent(found) == ["Out"]
    web = judged(state(connectors=connectors), want=wanted(leaf, "IIS"))
    assert "connector" not in kinds(web) and not sent(web), "without SMTP nobody asks for it"


def test_what_can_be_gone_back_to() -> None:
    here = state(**STAGED)
    day, month = settings(window_hours=24.0), settings(window_hours=24.0 * 30)
    assert judged(here, day).back == dict.fromkeys(EVERY, WayBack(True))
    soon = judged(here, month).back["IIS"]
    assert not soon.possible and "expired" in soon.why
    bare = state(**STAGED, shown={}, web="auth", my=("self", "auth"))
    assert "POP" not in judged(bare, day).assigned and judged(bare, day).back["POP"].possible
    assert not EXCHANGE.no_way_back(None, "POP", here, DAY), "what had none can have none again"
    assert "no certificate today" in EXCHANGE.no_way_back(None, "IIS", here, DAY)
