# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back on an Exchange server: everything that the journal names, in the right order, and nothing else."""

from __future__ import annotations

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.back import (
    MY,
    NAME,
    blocked,
    plan_back,
    to_record,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import (
    DEFAULT,
    ServiceOrder,
    plan_services,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector, ExchangeState
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Both, Record
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    made,
    state,
)

EVERY = ("IIS", "SMTP", "POP", "IMAP")
STAGED = {"my": ("old", "self", "auth"), "staged": ("new",)}
SWITCHED = {
    "my": ("old", "new", "self", "auth"),
    "staged": ("new",),
    "readers": ("old", "new", "self"),
    "shown": {"old": "SMTP", "new": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"},
    "web": "new",
}


def thumb(kind: str) -> str:
    return made(kind).thumbprint


def record(here: ExchangeState, **more: str) -> Record:
    """What the journal keeps of a switch to the new certificate."""
    order = ServiceOrder(thumb("new"), EVERY, names={"POP": more["pop"]} if "pop" in more else {})
    settings = to_record(thumb("new"), plan_services(order, here), here)
    uses = {use: Both(thumb("old"), thumb("new")) for use in EVERY}
    return Record(uses, {name: Both(before, after) for name, (before, after) in settings.items()})


def kinds(found: tuple[object, ...]) -> list[str]:
    return [change.kind for change in found]  # type: ignore[attr-defined]


def test_before_anything_was_done_there_is_nothing_to_do() -> None:
    here = state(**STAGED)
    assert plan_back(record(here), here) == ()
    assert blocked(record(here), here) == ()


def test_the_record_keeps_what_enabling_may_move() -> None:
    kept = record(state(**STAGED)).settings
    assert kept[DEFAULT] == Both(thumb("self"), thumb("self")), "enabling SMTP moves it and puts it back"
    assert kept[NAME + "POP"] == Both("pop.contoso.example", "pop.contoso.example")
    assert kept[MY + thumb("new")] == Both(None, thumb("new"))


def test_where_there_was_no_default_none_is_recorded() -> None:
    assert DEFAULT not in record(state(**STAGED, default=None)).settings


def test_a_whole_switch_is_undone_and_the_certificate_leaves_my_last() -> None:
    kept = record(state(**STAGED))
    changes = plan_back(kept, state(**SWITCHED))
    assert kinds(changes) == ["enable", "remove-certificate"]
    enable, out = (change.calls[0] for change in changes)
    assert enable.parameters["Thumbprint"] == thumb("old") and enable.parameters["Services"] == "IIS"
    assert out.parameters == {"Store": "My", "Thumbprint": thumb("new"), "DeleteKey": False}, "the key stays staged"


def test_the_default_that_was_left_moved_is_given_back_before_the_certificate_goes() -> None:
    """The connection broke between -Force and the call that puts it back."""
    changes = plan_back(record(state(**STAGED)), state(**{**SWITCHED, "default": "new"}))
    assert kinds(changes) == ["enable", "default-smtp", "remove-certificate"]
    assert changes[1].calls[0].parameters["Thumbprint"] == thumb("self")


def test_names_go_back_to_what_they_were() -> None:
    kept = record(state(**STAGED), pop="smtp.contoso.example")
    names = ("smtp.contoso.example", "mail.contoso.example")
    changes = plan_back(kept, state(**{**SWITCHED, "names": names}))
    told = {change.subject: change.after for change in changes if change.kind == "set-name"}
    assert told == {NAME + "POP": "pop.contoso.example", NAME + "IMAP": "imap.contoso.example"}


def test_connectors_go_back_first_and_only_those_of_the_journal() -> None:
    new, old = tls_certificate_name(made("new")), "<I>CN=Gone<S>CN=mail.contoso.example"
    ours, other = Connector("send", "Out", "", new, ""), Connector("receive", "Front", "", new, "")
    kept = Record({}, {ours.subject: Both(old, new)})
    changes = plan_back(kept, state(**{**SWITCHED, "connectors": (ours, other)}))
    assert [(change.subject, change.after) for change in changes] == [("Send connector Out", old)]
    assert changes[0].calls[0].parameters["Identity"] == "Out"


def test_a_certificate_that_lay_in_my_before_is_not_taken_out() -> None:
    """Somebody had imported it there himself: the record of a switch from that state does not name it."""
    here = state(**{**SWITCHED, "web": "old"})
    assert MY + thumb("new") not in record(here).settings
    assert kinds(plan_back(record(here), state(**SWITCHED))) == ["enable"]


def test_what_cannot_go_back_is_said() -> None:
    gone = {**SWITCHED, "my": ("new", "self", "auth")}
    assert [text for text in blocked(record(state(**STAGED)), state(**gone)) if "IIS" in text and "not in" in text]
    no_default = {**SWITCHED, "my": ("old", "new", "auth"), "default": "new"}
    assert [text for text in blocked(record(state(**STAGED)), state(**no_default)) if text.startswith(DEFAULT)]
    nothing = Record({"IIS": Both(None, thumb("new"))}, {})
    assert blocked(nothing, state(**SWITCHED)) == ("IIS: the journal does not say which certificate the web site had",)
