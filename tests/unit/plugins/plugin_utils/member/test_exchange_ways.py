# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of an Exchange server, and the conversation with it when a call fails or a connection breaks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import DEFAULT
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EVERY,
    RUN,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_steps import (
    ALONE,
    at,
    gate_over,
    go,
    ready_for,
    told,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_exchange import (
    KNOWN,
    FakeExchange,
    connectors,
    thumb,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error, ids
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    MAILBOX,
    made,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW

OLD, NEW, SELF = thumb("old"), thumb("new"), thumb("self")
UP = dict.fromkeys(MAILBOX, "Running")
RESTARTED = ["MSExchangePOP3", "MSExchangeIMAP4"]
LATER = settings(members=("ex1",), run="20261123T150000Z-0002", take_over=RUN)
OTHER_NAME = "<I>CN=Gone CA<S>CN=mail.contoso.example"


def with_connectors() -> FakeExchange:
    """A server whose old certificate is of another CA, and whose connectors name it."""
    named = tls_certificate_name(made("old"))
    return FakeExchange(receive=connectors(["Front"], named), send=connectors(["Out"], named))


def renew(fake: FakeExchange, run: Any = None) -> Any:
    """Everything until the journal is closed."""
    seen = go("read", fake, run=run)["evidence"]
    gate = gate_over(seen, run)
    assert gate["passed"], gate["verdict"]["findings"]
    seen = go("switch", fake, seen, gate, run)["evidence"]
    return go("prove", fake, seen, gate, run)["evidence"]


# -- taking back -------------------------------------------------------------------------------------------------------


def test_taking_back_leaves_the_server_as_it_was() -> None:
    before = FakeExchange().looks()
    fake, _, _ = ready_for("take_back")
    assert fake.looks() != before
    result = go("take_back", fake)
    assert fake.looks() == before and fake.waiting == [NEW], "the key stays staged"
    assert told(fake).state == "taken-back" and not told(fake).uses and not told(fake).settings
    assert result["evidence"].locked and result["evidence"].assigned["IIS"] == OLD
    fake.forget()
    go("take_back", fake)
    assert not any(fake.writes), "twice is once"


@pytest.mark.parametrize("kind", ["out-", "back-IIS", "back-default"])
def test_what_is_left_to_put_back_stays_in_the_journal(kind: str) -> None:
    fake, _, _ = ready_for("take_back")
    fake.default = NEW
    fake.idle = {f"out-{NEW}"} if kind == "out-" else {kind}
    with pytest.raises(PhaseFailed, match="taken back without an error, but there is left: ") as failed:
        go("take_back", fake)
    assert failed.value.evidence is not None
    assert told(fake).state in records.OPEN and told(fake).uses and told(fake).settings
    fake.forget()
    fake.idle = set()
    go("take_back", fake)
    assert fake.looks() == FakeExchange().looks() and told(fake).state == "taken-back"


def test_there_is_no_way_back_to_a_certificate_that_is_gone_or_has_expired() -> None:
    gone, _, _ = ready_for("take_back")
    gone.stores = [r for r in gone.stores if r["RawData"] != KNOWN[OLD].der]
    late, _, _ = ready_for("take_back")
    late.clock = made("old").not_after + DAY
    for fake, why in ((gone, "not in LocalMachine"), (late, "has expired")):
        with pytest.raises(PhaseFailed, match=f"ex1 cannot be taken back: .*{why}.*Go forward"):
            go("take_back", fake)
        assert not any(fake.writes) and fake.ports[443] == NEW, "it stays on what works"


def test_the_way_back_after_an_unfinished_run_leads_to_what_was_before_it() -> None:
    """The first run died before it gave the default back; the second one finished, and is taken back."""
    fake, seen, gate = ready_for("switch")
    fake.fail = lambda number, call: error("gone", "gone") if call.id == "default-back" else None
    with pytest.raises(PhaseFailed):
        go("switch", fake, seen, gate)
    assert fake.default == NEW and fake.ports[443] == NEW
    fake.forget()
    seen = go("read", fake, run=LATER)["evidence"]
    own = records.own(seen.journal, LATER, seen)
    assert own.settings[DEFAULT].before == SELF and own.uses["IIS"].before == OLD
    go("take_back", fake, run=LATER)
    assert fake.looks() == FakeExchange().looks()


def test_a_use_that_has_its_certificate_already_keeps_what_was_before_the_unfinished_run() -> None:
    run = settings(members=("ex1",), default_smtp="move")
    later = replace(LATER, own=run.own)
    fake, seen, gate = ready_for("switch", run=run)
    fake.lost = {0: "after"}
    with pytest.raises(HostLost):
        go("switch", fake, seen, gate, run)
    fake.forget()
    fake.default = SELF  # somebody gave it back by hand: the default alone is left to do
    seen = go("read", fake, run=later)["evidence"]
    assert set(seen.plan.uses) == set(EVERY)
    go("switch", fake, seen, gate_over(seen, later), later)
    assert told(fake).uses["IIS"].before == OLD and fake.default == NEW
    go("take_back", fake, run=later)
    assert fake.ports[443] == OLD and NEW not in fake.mine


# -- every call fails once, every connection breaks --------------------------------------------------------------------


def plain(call: str) -> str:
    """The id of a call without the thumbprint, which is another one in every run of the tests."""
    return re.sub("-[0-9A-F]{40}", "", call)


def documents(phase: str) -> list[list[str]]:
    fake, seen, gate = ready_for(phase)
    go(phase, fake, seen, gate)
    return [[plain(call) for call in document] for document in fake.documents]


CALLS = [(p, n, call) for p in ("switch", "prove", "take_back") for n, d in enumerate(documents(p)) for call in d]
NEEDED = {"services", "stores", "certificates", "transport", "bindings", "POP", "IMAP", "journal"}


def optional(phase: str, number: int, call: str) -> bool:
    """What a server of another version has not, and what is only told."""
    return not call.startswith(("journal", "unlock", "grant", "copy", "enable", "default", "name-", "stop", "start",
                                "lock", "back", "out")) and call not in NEEDED  # fmt: skip


@pytest.mark.parametrize(("phase", "number", "call"), [case for case in CALLS if not optional(*case)])
def test_a_call_that_fails_is_told_and_nothing_but_a_read_follows(phase: str, number: int, call: str) -> None:
    fake, seen, gate = ready_for(phase)
    fake.fail = lambda n, c: error() if (n, plain(c.id)) == (number, call) else None
    with pytest.raises(PhaseFailed, match="ex1.*Access is denied.") as failed:
        go(phase, fake, seen, gate)
    assert not any(fake.writes[number + 1 :])
    after = failed.value.evidence
    assert after is None or (after.settings[DEFAULT], dict(after.services)) == (fake.default, fake.services)
    assert after is not None or (phase, number) == ("take_back", 0), "whoever has answered before is asked again"


@pytest.mark.parametrize(("phase", "number"), sorted({case[:2] for case in CALLS}))
@pytest.mark.parametrize("when", ["before", "after"])
def test_from_wherever_a_connection_broke_there_is_a_way_back(phase: str, number: int, when: str) -> None:
    fake, seen, gate = ready_for(phase)
    fake.lost = {number: when}
    with pytest.raises(HostLost):
        go(phase, fake, seen, gate)
    fake.forget()
    go("take_back", fake)
    assert fake.looks() == FakeExchange().looks() or phase == "prove" and told(fake).state == "done"


@pytest.mark.parametrize(
    "call", ["grant", "copy", "enable", "default-back", "name-POP", "stop", "start", "journal-after"]
)
def test_from_wherever_a_switch_stopped_there_is_a_way_back(call: str) -> None:
    fake, seen, gate = ready_for("switch")
    fake.fail = lambda number, one: error() if one.id == call else None
    with pytest.raises(PhaseFailed):
        go("switch", fake, seen, gate)
    fake.forget()
    go("take_back", fake)
    assert fake.looks() == FakeExchange().looks() and told(fake).state == "taken-back"


def test_the_lock_of_another_run_stops_it() -> None:
    fake = FakeExchange(lock={"Run": "other", "Text": "{}", "At": NOW})
    seen = go("read", fake)["evidence"]
    assert ids(seen.findings)[0] == "member.locked" and not any(fake.writes) and not seen.ready


def test_nothing_is_sent_without_a_key_s_safe_way() -> None:
    fake = FakeExchange(refuses_keys=True)
    with pytest.raises(PhaseFailed, match="set ansible_winrm_scheme") as refused:
        go("read", fake)
    assert refused.value.finding == "transport.insecure" and not any(fake.writes)


def test_one_that_never_was_switched_has_nothing_to_cancel_or_settle() -> None:
    fake, seen, gate = ready_for("prove")
    with pytest.raises(PhaseFailed, match="the journal does not say which certificate was in force"):
        go("unroll", fake, seen, gate)
    with pytest.raises(PhaseFailed, match="nothing waits for an instant on an Exchange server"):
        go("settle", fake, seen, gate)
    assert not fake.documents and at(fake).settings == ALONE
