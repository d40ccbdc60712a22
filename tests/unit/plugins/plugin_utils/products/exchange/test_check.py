# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at an Exchange server finds, what is noted beside a change, and what a change is told it cannot do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.problem import Problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.check import (
    findings,
    notes,
    refusals,
    unready,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import ServiceOrder
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import (
    Connector,
    ExchangeState,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import StoredCertificate, Stores
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, Issued, authority, issue, rsa_key

from .exchange_rows import MAILBOX, NAMES, issuing, made, server, state

EDGE = server(services=("MSExchangeTransport", "ADAM_MSExchange"))
EVERY = ("IIS", "SMTP", "POP", "IMAP")
DONE: dict[str, Any] = {
    "my": ("old", "new", "self", "auth"),
    "readers": ("old", "new", "self"),
    "shown": {"old": "SMTP", "new": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"},
    "web": "new",
}


def order(*services: str, **more: Any) -> ServiceOrder:
    return ServiceOrder(made("new").thumbprint, services or EVERY, **more)


def without_key(here: ExchangeState, kind: str) -> ExchangeState:
    """The same server, on which this certificate has lost its key."""
    return replace(here, stores=Stores(tuple(
        replace(entry, key=None) if entry.certificate == made(kind) else entry for entry in here.stores.certificates
    )))  # fmt: skip


def holding(here: ExchangeState, issued: Issued, **key: Any) -> ExchangeState:
    """The same server with one more certificate in My; its key is like that of the one in use."""
    like = here.entry(made("old").thumbprint)
    assert like is not None and like.key is not None
    entry = StoredCertificate(like.location, "My", issued.certificate, key=replace(like.key, **key))
    return replace(here, stores=Stores((*here.stores.certificates, entry)))


def ids(problems: Any) -> list[str]:
    return [problem.id for problem in problems]


def only(problems: Any) -> Problem:
    (one,) = problems
    assert isinstance(one, Problem)
    return one


# -- what a look finds -------------------------------------------------------------------------------------------------


def test_an_auth_certificate_is_told_when_it_has_expired_and_not_a_day_before() -> None:
    ends = made("auth").not_after
    late = replace(state(default=None, back="auth"), clock=ends + timedelta(seconds=1))
    assert [p for p in findings(late) if p.id == "exchange.auth-certificate"][0].text.endswith("has expired")
    assert not [p for p in findings(replace(late, clock=ends)) if p.id == "exchange.auth-certificate"]
    elsewhere = state(my=("old", "self"))
    assert not findings(replace(elsewhere, clock=made("old").not_after)), "one that lies elsewhere is not judged"


def test_a_default_that_has_lost_its_key_or_its_time() -> None:
    here = without_key(state(default="old", back="old"), "old")
    assert {"exchange.default-smtp-gone", "exchange.back-end"} <= set(ids(findings(here)))
    late = replace(state(default="old"), clock=made("old").not_after + timedelta(seconds=1))
    assert "exchange.default-smtp-expired" in ids(findings(late))
    assert "exchange.default-smtp-expired" not in ids(findings(replace(late, clock=made("old").not_after)))


def test_port_444_with_a_certificate_of_a_ca() -> None:
    told = only(findings(state(back="old")))
    assert told.id == "exchange.back-end" and "not to the server's self-signed certificate" in told.text


FRONT = Connector("receive", "Front", NAMES[1], None, "0.0.0.0:25")


@pytest.mark.parametrize(
    ("connector", "told"),
    [
        (FRONT, True),
        (replace(FRONT, kind="send"), False),
        (replace(FRONT, certificate_name="<I>CN=x<S>CN=y"), False),
        (replace(FRONT, fqdn=""), False),
        (replace(FRONT, fqdn="ex1.corp.example"), False),
    ],
    ids=["by its name", "sends", "names its certificate", "has no name", "has another name"],
)
def test_what_starttls_chooses_has_to_be_readable(connector: Connector, told: bool) -> None:
    """By the connector's name alone, so only where the connector does not name a certificate."""
    here = state(my=("old", "new", "self", "auth"), shown=DONE["shown"] | {"new": "None"}, connectors=(connector,))
    assert ("exchange.smtp-not-enabled" in ids(findings(here))) is told


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [(0, 300, True), (-400, 300, False), (1, 300, False), (-30, -1, False)],
    ids=["the newest", "older than the one in use", "from tomorrow on", "expired"],
)
def test_starttls_chooses_the_newest_that_is_valid_now(start: int, end: int, told: bool) -> None:
    here = state(connectors=(FRONT,))
    other = issue(
        NAMES[1], issuing(), not_before=here.clock + start * DAY, not_after=here.clock + end * DAY, key=rsa_key(which=1)
    )
    found = findings(holding(here, other, readers=frozenset()))
    assert ("exchange.smtp-not-enabled" in ids(found)) is told
    assert "exchange.smtp-not-enabled" not in ids(findings(holding(here, other))), "its key can be read"
    unasked = findings(holding(here, other, readers=None))
    assert "exchange.smtp-not-enabled" not in ids(unasked), "who may read the key was not asked"


def test_a_self_signed_certificate_or_one_without_a_key_is_not_chosen() -> None:
    here = state(connectors=(FRONT,))
    own = authority(NAMES[1], names=NAMES, key=rsa_key(which=1))
    assert "exchange.smtp-not-enabled" not in ids(findings(holding(here, own, readers=frozenset())))
    keyless = without_key(state(my=("old", "new", "self", "auth"), shown=DONE["shown"], connectors=(FRONT,)), "new")
    assert "exchange.smtp-not-enabled" not in ids(findings(keyless))


def test_a_name_of_pop_needs_a_certificate_with_its_key() -> None:
    assert not findings(state())
    found = [p for p in findings(without_key(state(), "old")) if p.id == "exchange.client-name"]
    assert [p.subject for p in found] == ["POP", "IMAP"]
    assert found[0].text.startswith("X509CertificateName is pop.contoso.example, and no certificate")


def test_what_could_not_be_read_is_told_by_its_cmdlet() -> None:
    told = only(findings(replace(state(), unread=("Get-AuthConfig: Access is denied.",))))
    assert (told.id, told.subject) == ("exchange.unread", "Get-AuthConfig") and "Access is denied." in told.text


# -- what is noted -----------------------------------------------------------------------------------------------------

SUBSCRIPTION = "an Edge Subscription has to be removed and made anew"


def test_nothing_is_noted_without_need() -> None:
    assert notes(order(), state(staged=("new",))) == ()


def test_a_default_that_moves_breaks_edge_subscriptions() -> None:
    wish = order(default_smtp="move")
    assert notes(wish, state(staged=("new",))) == (), "nothing is subscribed"
    moves = notes(wish, state(staged=("new",), subscriptions=("GATE1",)))
    assert len(moves) == 1 and SUBSCRIPTION in moves[0]
    assert SUBSCRIPTION in " ".join(notes(order("SMTP", default_smtp="move"), state(EDGE, staged=("new",))))
    kept = notes(order(default_smtp="keep"), state(staged=("new",), subscriptions=("GATE1",)))
    assert SUBSCRIPTION not in " ".join(kept)


def test_a_default_that_has_moved_already() -> None:
    (note,) = notes(order(default_smtp="move"), state(**DONE, default="new", subscriptions=("GATE1",)))
    assert note.startswith("the default SMTP certificate is mail.contoso.example") and note.endswith("already")


def test_where_there_is_no_default_the_new_one_becomes_it() -> None:
    (note,) = notes(order(), state(staged=("new",), default=None))
    assert "the new one becomes it" in note
    assert notes(order("IIS"), state(staged=("new",), default=None)) == (), "the web moves nothing"


def test_an_edge_transport_server_needs_a_new_subscription() -> None:
    (note,) = notes(order("SMTP"), state(EDGE, staged=("new",)))
    assert "Microsoft asks for a new Edge Subscription" in note
    done = state(EDGE, **{**DONE, "shown": {"new": "SMTP", "self": "SMTP"}})
    assert notes(order("SMTP"), done) == (), "it has it"


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_certificate_without_its_key_is_refused_where_it_is_to_be_used() -> None:
    here = without_key(state(my=("old", "new", "self", "auth")), "new")
    told = only(unready(order(), here))
    assert told.id == "key.missing" and told.text == "has no private key on this server"


def test_a_staged_key_does_where_my_has_none() -> None:
    here, staged = without_key(state(my=("old", "new", "self", "auth")), "new"), state(staged=("new",))
    waiting = [entry for entry in staged.stores.certificates if entry.store == "ucops.certificates"]
    both = replace(here, stores=Stores((*here.stores.certificates, *waiting)))
    assert "key.missing" not in ids(unready(order(), both)) and "key.missing" not in ids(unready(order(), staged))


def test_a_default_that_has_lost_its_key_cannot_be_given_back() -> None:
    here = without_key(state(staged=("new",)), "self")
    assert "exchange.default-smtp-gone" in ids(refusals(order(), here))
    assert "exchange.default-smtp-gone" not in ids(refusals(order("IIS"), here)), "the web does not ask for it"


UNIFIED = (*MAILBOX, "MSExchangeUM", "MSExchangeUMCR")


@pytest.mark.parametrize(
    ("mode", "running", "told"),
    [
        ("TLS", False, []),
        ("TCP", False, ["its UMStartupMode is TCP; it takes one only with TLS or Dual"]),
        ("TLS", True, ["MSExchangeUM must be stopped first, and started after"]),
        (None, False, []),
    ],
)
def test_unified_messaging_and_its_mode(mode: str | None, running: bool, told: list[str]) -> None:
    at = server("2016", UNIFIED)
    at = replace(at, services={**at.services, "MSExchangeUM": "Running" if running else "Stopped"})
    here = state(at, staged=("new",), um_modes={"UM": mode} if mode else {})
    assert [problem.text for problem in refusals(order("UM"), here) if problem.id == "exchange.um-mode"] == told


def test_unified_messaging_where_it_is_not_or_has_it_already() -> None:
    assert ids(refusals(order("UM"), state(staged=("new",)))) == ["exchange.service-absent"]
    at = server("2016", UNIFIED)
    shown = {**DONE, "shown": DONE["shown"] | {"new": "IMAP, POP, SMTP, UM"}, "web": "old"}
    assert not refusals(order("IIS", "UM"), state(at, **shown, um_modes={"UM": "TCP"})), "UM runs with it"
