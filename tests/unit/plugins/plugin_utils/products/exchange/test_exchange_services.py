# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What giving services of an Exchange server a certificate takes, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.check import notes, refusals, unready
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import (
    ServiceOrder,
    drift,
    plan_services,
    restarts,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import ExchangeState
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    MAILBOX,
    NAMES,
    issuing,
    made,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

EVERY = ("IIS", "SMTP", "POP", "IMAP")
ALL = ("old", "new", "self", "auth")
DONE = {"old": "SMTP", "new": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"}
UNIFIED = (*MAILBOX, "MSExchangeUM", "MSExchangeUMCR")


def thumb(kind: str) -> str:
    return made(kind).thumbprint


def order(*services: str, certificate: str = "new", **more: Any) -> ServiceOrder:
    return ServiceOrder(thumb(certificate), services or EVERY, **more)


def bundle(kind: str = "new") -> Bundle:
    return Bundle(made(kind), (issuing().certificate,), (), None, "a test")  # type: ignore[arg-type]


def sent(wish: ServiceOrder, here: ExchangeState, **more: Any) -> list[Call]:
    return [call for change in plan_services(wish, here, **more) for call in change.calls]


def enabled(calls: list[Call]) -> list[tuple[str, str]]:
    return [
        (call.parameters["Thumbprint"], call.parameters["Services"])
        for call in calls
        if call.name == "Enable-ExchangeCertificate"
    ]


def ids(problems: tuple[Any, ...]) -> list[str]:
    return [problem.id for problem in problems]


def test_from_a_bundle_to_the_services() -> None:
    """Staged where no service looks, its key opened, copied, enabled, the default put back right behind."""
    wish = order(bundle=bundle(), friendly_name="Mail")
    calls = sent(wish, state(), wrapped={made("new").sha256: (b"pfx", "secret")})
    assert [call.name for call in calls] == [
        "Import-StorePfx",
        "Grant-StoreKey",
        "Copy-StoreCertificate",
        "Enable-ExchangeCertificate",
        "Enable-ExchangeCertificate",
        "Set-PopSettings",
        "Set-ImapSettings",
    ]
    assert calls[0].parameters["Store"] == calls[1].parameters["Store"] == calls[2].parameters["From"]
    assert calls[1].parameters["Sid"] == "S-1-5-20" and calls[0].parameters["FriendlyName"] == "Mail"
    assert enabled(calls) == [(thumb("new"), "IIS,SMTP,POP,IMAP"), (thumb("self"), "SMTP")]
    assert calls[3].parameters["DoNotRequireSsl"] == Switch(True) == calls[3].parameters["Force"]
    assert calls[5].parameters["X509CertificateName"] == "pop.contoso.example"
    assert not ids(refusals(wish, state())) and not ids(unready(wish, state()))
    assert "Import-StorePfx" not in [call.name for call in sent(wish, state())], "check mode plans without a key"


def test_a_second_run_has_nothing_to_do_and_more_services_do_no_harm() -> None:
    here = state(my=ALL, readers=("old", "new", "self"), shown=DONE, web="new")
    for services in (EVERY, ("SMTP",), ("IIS",)):
        assert plan_services(order(*services), here) == ()
        assert refusals(order(*services), here) == () == unready(order(*services), here)
    silent = state(my=ALL, readers=("old", "new", "self"), shown={}, web="new")
    assert plan_services(order(), silent) == (), "services that are not shown are no services that are missing"


def test_only_what_is_missing() -> None:
    here = state(my=ALL, readers=("old", "new", "self"), shown=DONE)
    assert enabled(sent(order(), here)) == [(thumb("new"), "IIS")]
    assert "default" not in str(plan_services(order(), here))
    web = plan_services(order("IIS"), state(staged=("new",)))
    assert [change.kind for change in web] == ["grant-key", "add-certificate", "enable"]
    assert enabled([call for change in web for call in change.calls]) == [(thumb("new"), "IIS")]
    assert plan_services(order("IIS"), state(server("2010"), staged=("new",)))[0].kind == "add-certificate"


def test_a_certificate_that_is_nowhere_on_the_server_changes_nothing() -> None:
    assert plan_services(order(), state()) == ()


def test_require_ssl_is_turned_on_only_when_asked() -> None:
    first = sent(order("IIS", require_ssl=True), state(staged=("new",)))[-1]
    assert "DoNotRequireSsl" not in first.parameters


def test_the_default_moves_when_asked_and_once() -> None:
    wish = order("SMTP", default_smtp="move")
    moving = plan_services(wish, state(staged=("new",)))
    assert enabled([c for change in moving for c in change.calls]) == [(thumb("new"), "SMTP")]
    assert [change.kind for change in moving][-1] == "default-smtp"
    alone = state(my=ALL, readers=("old", "new", "self"), shown=DONE)
    assert enabled(sent(wish, alone)) == [(thumb("new"), "SMTP")]
    assert not plan_services(wish, state(my=ALL, readers=("old", "new", "self"), shown=DONE, default="new"))
    assert "made anew" in " ".join(notes(wish, replace(alone, subscriptions=("GATE1",))))


def test_one_has_to_choose_when_the_default_is_what_is_replaced() -> None:
    here = state(default="old", staged=("new",))
    assert ids(refusals(order(), here)) == ["exchange.default-smtp-choice"]
    assert not refusals(order(default_smtp="keep"), here) and not refusals(order(default_smtp="move"), here)
    assert enabled(sent(order(default_smtp="keep"), here))[-1] == (thumb("old"), "SMTP")
    assert not refusals(order("IIS"), here), "only SMTP asks"


def test_a_default_that_could_not_be_put_back() -> None:
    gone = state(my=("old", "auth"), back="old", staged=("new",))
    assert ids(refusals(order(), gone)) == ["exchange.default-smtp-gone"]
    assert not refusals(order(default_smtp="move"), gone)
    late = replace(state(default="old", staged=("new",)), clock=NOW + timedelta(days=60))
    assert ids(refusals(order(), late)) == ["exchange.default-smtp-expired"]
    none = state(default=None, staged=("new",))
    assert len(enabled(sent(order(), none))) == 1 and "becomes it" in " ".join(notes(order(), none))


def test_a_wildcard_is_found_by_name_and_not_enabled() -> None:
    here = state(staged=("wildcard",))
    wish = order(certificate="wildcard", names={"POP": "pop2.contoso.example"})
    calls = sent(wish, here)
    assert enabled(calls)[0] == (thumb("wildcard"), "IIS,SMTP")
    assert [call.name for call in calls if call.name.startswith("Set-")] == ["Set-PopSettings"]
    assert not refusals(wish, here) and "finds the wildcard" in " ".join(notes(wish, here))
    after = state(
        my=("wildcard", "old", "self", "auth"),
        readers=("wildcard", "old", "self"),
        shown={"wildcard": "IIS, SMTP"},
        web="wildcard",
        names=("pop2.contoso.example", "imap.contoso.example"),
    )
    assert plan_services(wish, after) == ()


def test_a_name_that_the_certificate_does_not_have() -> None:
    here = state(staged=("new",), names=("pop.elsewhere.example", ""))
    assert ids(refusals(order(), here)) == ["exchange.client-name"] * 2
    names = {"POP": NAMES[0], "IMAP": NAMES[2]}
    assert not refusals(order(names=names), here)
    assert [c.before for c in plan_services(order(names=names), here) if c.kind == "set-name"] == [
        "pop.elsewhere.example",
        "",
    ]
    assert ids(refusals(order(names={"POP": "x.example"}), state(staged=("new",)))) == ["exchange.client-name"]


def test_services_that_are_not_here_or_do_not_run() -> None:
    edge = server(services=("MSExchangeTransport", "ADAM_MSExchange"))
    assert ids(refusals(order(), state(edge, staged=("new",)))) == ["exchange.service-absent"] * 3
    at = server()
    stopped = replace(at, services={**at.services, "MSExchangeServiceHost": "Stopped"})
    assert "product.service-stopped" in ids(refusals(order(), state(stopped, staged=("new",))))


def test_unified_messaging_only_when_asked_and_only_when_it_would_work() -> None:
    at = server("2016", UNIFIED)
    assert "UM" not in str(enabled(sent(order(), state(at, staged=("new",)))))
    here = state(at, staged=("new",), um_modes={"UM": "TCP"})
    assert [p.text.split()[0] for p in refusals(order("UM"), here)] == ["its", "MSExchangeUM"]
    assert {p.id for p in refusals(order("UM"), here)} == {"exchange.um-mode"}
    ready = state(
        replace(at, services={**at.services, "MSExchangeUM": "Stopped"}), staged=("new",), um_modes={"UM": "Dual"}
    )
    assert not refusals(order("UM"), ready) and enabled(sent(order("UM"), ready)) == [(thumb("new"), "UM")]


def test_a_certificate_that_would_not_do() -> None:
    assert ids(unready(order(), state())) == ["store.leaf-missing"]
    early = replace(state(staged=("new",)), clock=NOW - timedelta(days=30))
    assert "leaf.not-yet-valid" in ids(unready(order(), early))
    assert not unready(order(check_ready=False), early)
    newer = state(my=("new", "self", "auth"), readers=("new", "self"), staged=("old",), shown=DONE, web="new")
    assert "leaf.older-than-current" in ids(unready(order(certificate="old"), newer))
    assert "leaf.older-than-current" not in ids(unready(order("IIS", certificate="old"), newer))
    here = state(staged=("new",))
    none = replace(here, stores=replace(here.stores, certificates=here.stores.machine("My")))
    assert "chain.issuer-missing" in ids(unready(order(bundle=replace(bundle(), intermediates=())), none))


def test_what_must_stay_is_watched() -> None:
    before = state()
    assert drift(before, before, order()) == ()
    moved = state(default="old", back="old")
    told = drift(before, moved, order())
    assert len(told) == 2 and thumb("self") in told[0] and "444" in told[1]
    assert drift(before, state(default="old"), order(default_smtp="move")) == ()


@pytest.mark.parametrize(
    ("changed", "expected"), [(EVERY, ["W3SVC", "MSExchangePOP3", "MSExchangeIMAP4"]), (("SMTP",), [])]
)
def test_what_may_go_on_with_the_old_certificate(changed: tuple[str, ...], expected: list[str]) -> None:
    assert list(restarts(changed, state())) == expected
