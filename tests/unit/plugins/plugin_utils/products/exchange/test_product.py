# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange's answers to questions that every product is asked, where it has its own word on them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import DEFAULT
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Both, Plan
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EXCHANGE,
    STAGED,
    SWITCHED,
    evidence,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    MAILBOX,
    made,
    server,
    state,
)

NEW, OLD, SELF = (made(kind).thumbprint for kind in ("new", "old", "self"))
PORT_444 = "port 444 (Exchange Back End)"


@pytest.mark.parametrize("shell", ["powershell", "exchange", ""])
def test_a_way_to_the_cmdlets_that_is_none(shell: str) -> None:
    with pytest.raises(
        ValueError, match="rollout_shell: expected one of auto, management_shell, session, snapin, found"
    ):
        EXCHANGE.own({"shell": shell})


def test_what_is_looked_at_when_the_journal_is_closed_needs_no_cmdlet() -> None:
    own = EXCHANGE.own({"shell": "session"})
    assert EXCHANGE.load(own) == ("exchange:session",) and EXCHANGE.load(own, "closing") == ()


def test_nothing_waits_for_an_instant() -> None:
    read = evidence(state(**SWITCHED))
    for plan in (EXCHANGE.cancel("SMTP", OLD), EXCHANGE.settle(read)):
        assert plan.blocked == ("nothing waits for an instant on an Exchange server",) and not plan.changes
    assert not read.pending and not EXCHANGE.mixed("event.session-key")


# -- what must not move ------------------------------------------------------------------------------------------------


def hurt(plan: Plan, **now: Any) -> Any:
    """What is said behind a switch on a server that is in this state now."""
    return EXCHANGE.hurt(plan, EXCHANGE.settings(state(**STAGED)), state(**{**SWITCHED, **now}))


def test_a_default_that_moved_unasked_is_told_with_the_command_that_gives_it_back() -> None:
    told = hurt(Plan(settings={DEFAULT: Both(SELF, SELF)}), default="new")
    assert told.id == "exchange.default-smtp-changed" and told.subject == DEFAULT
    assert f"was {SELF} and is {NEW}" in told.text
    assert told.text.endswith(f"Enable-ExchangeCertificate -Thumbprint {SELF} -Services SMTP -Force")
    assert hurt(Plan(), default="new") is not None, "not even a plan that says nothing of it may move it"
    assert hurt(Plan(settings={DEFAULT: Both(SELF, NEW)}), default="new") is None, "it was asked for"
    assert hurt(Plan(settings={DEFAULT: Both(SELF, SELF)})) is None


def test_port_444_is_watched() -> None:
    told = hurt(Plan(), back="new")
    assert told.subject == PORT_444 and f"was bound to {SELF} and is bound to {NEW}" in told.text
    gone = EXCHANGE.hurt(Plan(), EXCHANGE.settings(state(**STAGED)), state(**SWITCHED, bindings=()))
    assert gone is not None and gone.text.endswith("is bound to nothing")


def test_a_connector_that_did_not_take_its_name_is_told() -> None:
    new, old = "<I>CN=New CA<S>CN=mail", "<I>CN=Old CA<S>CN=mail"
    plan = Plan(settings={"Send connector Out": Both(old, new), DEFAULT: Both(SELF, SELF)})
    left = state(**SWITCHED, connectors=(Connector("send", "Out", "", old, ""), Connector("send", "In", "", old, "")))
    assert EXCHANGE.left(plan, left) == ("Send connector Out shows another name",)
    took = state(**SWITCHED, connectors=(Connector("send", "Out", "", new.upper(), ""),))
    assert EXCHANGE.left(plan, took) == ()


# -- which certificate has a service -----------------------------------------------------------------------------------


def serves(wanted: str = NEW, *uses: str, **given: Any) -> dict[str, str]:
    """Use -> what has it."""
    asked = dict.fromkeys(uses or ("IIS", "SMTP", "POP", "IMAP"), wanted)
    return dict(EXCHANGE.serves(state(**given), asked))


def test_the_wanted_one_counts_as_soon_as_it_has_a_service() -> None:
    assert set(serves(**SWITCHED).values()) == {NEW}
    assert set(serves(**STAGED).values()) == {OLD}
    half = {**SWITCHED, "shown": {"old": "IMAP, POP, SMTP", "new": "SMTP", "self": "SMTP"}, "web": "old"}
    assert serves(**half) == {"IIS": OLD, "SMTP": NEW, "POP": OLD, "IMAP": OLD}


def test_a_certificate_of_a_ca_goes_before_the_servers_own_and_the_certain_before_the_doubtful() -> None:
    every = {"old": "IIS, SMTP", "self": "IIS, SMTP"}
    assert serves(shown=every, default="self")["SMTP"] == OLD
    alone = serves(shown={"self": "IIS, SMTP"}, my=("self", "auth"), web="self")
    assert alone["SMTP"] == SELF and "POP" not in alone, "nothing covers its name"
    # The newer one may have POP, nobody can say; the older one is on the web site, and so has it for certain.
    doubt = serves(made("wildcard").thumbprint, my=("old", "new", "self"), readers=("old", "new"), shown={})
    assert doubt["POP"] == OLD


def test_a_web_site_whose_certificate_is_gone_is_told_by_its_binding() -> None:
    assert serves(my=("self", "auth"), web="old", shown={"self": "SMTP"})["IIS"] == OLD
    here = state(my=("self",), bindings=(), shown={"self": "SMTP"})
    assert "IIS" not in EXCHANGE.serves(here, {}), "nothing is bound"


# -- POP and IMAP ------------------------------------------------------------------------------------------------------


def test_services_that_a_server_does_not_have_are_not_asked_for() -> None:
    web = server(services=tuple(name for name in MAILBOX if "POP3" not in name))
    assert "POP" not in serves(at=web, **STAGED) and "POP" not in evidence(state(web, **STAGED)).plan.uses
