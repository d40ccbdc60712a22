# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Exchange's answer does not show is neither yes nor no: a session without Exchange's types, as recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.check import (
    findings,
    notes,
    refusals,
    replaced,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.connectors import (
    choose,
    lacking,
    own_key,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.facts import facts, unknown
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.rows import state_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import (
    ServiceOrder,
    enabling,
    missing,
    plan_services,
    uncertain,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, RemoteError
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, authority

from .exchange_rows import MAILBOX, made, reply, rows, server, state

UNIFIED = (*MAILBOX, "MSExchangeUM", "MSExchangeUMCR")
NEW, OLD, SELF = (made(kind) for kind in ("new", "old", "self"))
LYING = ("old", "new", "self", "auth")
"""The new certificate lies in My, and nobody has enabled it."""
MAIL = ("SMTP", "POP", "IMAP")


def bare(at: Any = None, readers: tuple[str, ...] = ("old", "new", "self"), **given: Any) -> Any:
    """A server whose answer shows no services; NETWORK SERVICE is at the new certificate's key."""
    return state(at, my=given.pop("my", LYING), readers=readers, shown={}, **given)


def enabled(changes: Any) -> list[str]:
    """What the plan enables the new certificate for."""
    calls = [call for change in changes for call in change.calls if call.name == "Enable-ExchangeCertificate"]
    return [str(c.parameters["Services"]) for c in calls if c.parameters["Thumbprint"] == NEW.thumbprint]


def test_three_answers() -> None:
    here = bare()
    assert [here.has(service, NEW.thumbprint) for service in here.server.offers] == [False, None, None, None]
    assert [here.has(service, OLD.thumbprint) for service in here.server.offers] == [True] * 4, "it is on the web site"
    assert here.has("SMTP", SELF.thumbprint) is True, "it is the default SMTP certificate"
    assert here.has("POP", SELF.thumbprint) is False, "its names do not cover X509CertificateName"
    assert here.services_of(NEW.thumbprint) == () and here.unknown_of(NEW.thumbprint) == MAIL
    assert bare(readers=("old", "self")).has("SMTP", NEW.thumbprint) is False, "transport cannot read its key"


@pytest.mark.parametrize("services", [MAIL, ("SMTP",), ("POP",), ("IIS", *MAIL)])
def test_what_lies_in_my_and_is_not_enabled_gets_enabled(services: tuple[str, ...]) -> None:
    """As it is after a run that broke off between the copy and the enabling, or after an import by hand."""
    order = ServiceOrder(NEW.thumbprint, services)
    here = bare()
    assert missing(order, here) == services
    changes = plan_services(order, here)
    assert enabled(changes) == [",".join(services)]
    assert not refusals(order, here)
    told = [text for text in notes(order, here) if "given again" in text]
    assert len(told) == 1 and ", ".join(uncertain(order, here)) in told[0]
    after = replace(here, enabled=enabling(order, changes, here))
    if "IIS" not in services:  # where it is, the binding has to show it
        assert plan_services(order, after) == () == uncertain(order, after)
        assert not [text for text in notes(order, after) if "given again" in text]


def test_the_unchanged_run_says_nothing_to_do() -> None:
    """On the web site, readable by NETWORK SERVICE, named by POP and IMAP: all that Services is taken from."""
    order = ServiceOrder(NEW.thumbprint, ("IIS", *MAIL))
    assert plan_services(order, bare(web="new")) == ()
    assert enabled(plan_services(order, bare(web="new", readers=("old", "self")))) == ["SMTP"]


def test_predecessors_are_seen_where_nothing_is_shown() -> None:
    """The old one is one even while nobody can say which services it has: its names and its age are compared."""
    here = bare(web="self")
    assert here.has("SMTP", OLD.thumbprint) is None
    assert replaced(ServiceOrder(NEW.thumbprint, MAIL), NEW, here) == (OLD,)


def test_what_is_not_known_is_told() -> None:
    (told,) = [p for p in findings(bare()) if p.id == "exchange.services-unknown"]
    assert NEW.thumbprint in told.subject and "SMTP, POP, IMAP" in told.text
    assert unknown(bare()) == {service: [NEW.thumbprint] for service in MAIL}
    row = next(c for c in facts(bare())["certificates"] if c["thumbprint"] == NEW.thumbprint)
    assert row["services"] == [] and row["services_unknown"] == list(MAIL) and row["services_reported"] is None
    superseded = bare(web="new")
    assert unknown(superseded)["SMTP"] == [OLD.thumbprint] and not findings(superseded), "the newer one is certain"
    assert unknown(state()) == {} and not [p for p in findings(state()) if p.id == "exchange.services-unknown"]


def um(thumbprint: str | None) -> Any:
    """A server with Unified Messaging whose services name this certificate."""
    at = server("2016", UNIFIED)
    given = rows(at, my=LYING, readers=("old", "new", "self"), shown={}, web="new")
    mode = [{"UMStartupMode": "TLS", "UMCertificateThumbprint": thumbprint}]
    return state_of(reply({**given, "UM": mode, "UMCallRouter": mode}), NOW, at)


def test_unified_messaging_converges_by_its_thumbprint() -> None:
    order = ServiceOrder(NEW.thumbprint, ("IIS", "SMTP", "UM", "UMCallRouter"))
    there = um(NEW.thumbprint.lower())
    assert plan_services(order, there) == () == refusals(order, there), "running, and nothing is left to do"
    other = um(OLD.thumbprint)
    assert [other.has("UM", t) for t in (NEW.thumbprint, OLD.thumbprint)] == [False, True]
    assert missing(order, other) == ("UM", "UMCallRouter")
    nobody = um(None)
    assert nobody.has("UM", NEW.thumbprint) is None and enabled(plan_services(order, nobody)) == ["UM,UMCallRouter"]


def federated(answer: Any) -> dict[str, str]:
    """What is protected, with this answer to Get-FederationTrust, on a server that shows no services."""
    at = server()
    given = reply(rows(at, shown={}))
    answers = dict(given.answers) | ({"federation": answer} if answer is not None else {})
    found: dict[str, str] = state_of(replace(given, answers=answers), NOW, at).protected()
    return found


def test_federation_stays_protected() -> None:
    trust = {"OrgPrivCertificate": OLD.thumbprint.lower(), "OrgPrevPrivCertificate": None}
    by_trust = federated(Answer(rows=(trust,)))
    assert "federation" in by_trust[OLD.thumbprint] and "perhaps" not in by_trust[OLD.thumbprint]
    assert "federation" not in by_trust[SELF.thumbprint]
    assert "federation" not in federated(Answer(rows=()))[OLD.thumbprint], "there is no trust"
    error = RemoteError("The term is not recognized.", "t", "CommandNotFoundException", "c")
    for unread in (None, Answer(error=error)):
        protected = federated(unread)
        assert all("perhaps federation" in protected[c.thumbprint] for c in (OLD, SELF)), "not known: nothing goes"


def test_the_wizards_certificate_is_known_by_its_name() -> None:
    made_by_wizard = authority("Federation").certificate
    at = server()
    given = rows(at, shown={})
    given["stores"] = [*given["stores"], {**given["stores"][-1], "RawData": made_by_wizard.der}]
    given["certificates"] = [*given["certificates"], {"RawData": made_by_wizard.der, "HasPrivateKey": False}]
    protected = state_of(reply({**given, "federation": []}), NOW, at).protected()
    assert protected[made_by_wizard.thumbprint] == "federation"


FRONT = Connector("receive", "Default Frontend EX1", "", "<I>CN=x<S>CN=y", "")
OUT = Connector("send", "Out", "", "<I>CN=x<S>CN=y", "", ("EX1", "EX2"))
SHOWN = {"Thumbprint": NEW.thumbprint, "RawData": NEW.der, "Services": None, "HasPrivateKey": False}


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ({}, ""),
        ({"keys": [{"Thumbprint": NEW.thumbprint, "Present": True, "Signs": False, "Error": "no"}]}, "private key"),
        ({"stores": []}, "without its private key"),
        ({"access": []}, "not enabled for SMTP"),
    ],
    ids=["proven", "does not sign", "no key", "transport cannot read it"],
)
def test_connectors_are_renamed_when_this_servers_own_store_proves_the_key(own: Any, why: str) -> None:
    """HasPrivateKey is false on whatever is made of bytes; the store knows better. Of another server nobody knows."""
    given = rows(server(), my=("new",), readers=("new",))
    asked = reply(
        {"holder-EX1": [SHOWN], "holder-EX2": [SHOWN], **{k: given[k] for k in ("stores", "keys", "access")}, **own}
    )
    keys = {"EX1": own_key(asked, NEW.thumbprint)}
    without = lacking(asked, ["EX1", "EX2"], NEW.thumbprint, keys)
    assert why in without.get("EX1", "") and bool(why) == ("EX1" in without)
    assert "cannot be known" in without["EX2"] and "types are not loaded" in without["EX2"]
    choice = choose([(FRONT, False), (OUT, False)], NEW, without, server())
    assert [r.connector for r in choice.renames] == ([] if why else [FRONT])
    assert "EX2 shows it, but" in choice.held_back[-1].text
