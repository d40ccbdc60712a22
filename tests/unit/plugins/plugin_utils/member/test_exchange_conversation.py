# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation with an Exchange server: what is sent, what is left there, and what is told when it goes wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import DEFAULT
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, RemoteError
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


# -- the whole way -----------------------------------------------------------------------------------------------------


def test_a_renewal_leaves_the_server_renewed_and_free() -> None:
    fake = FakeExchange()
    seen = renew(fake)
    assert dict(seen.assigned) == dict.fromkeys(EVERY, NEW) and seen.ready and seen.plan.empty
    assert fake.ports == {443: NEW, 444: SELF} and fake.default == SELF and fake.services == UP
    assert fake.names == {"POP": "pop.contoso.example", "IMAP": "imap.contoso.example"}
    assert told(fake).state == "done" and told(fake).uses["IIS"].before == OLD and fake.lock is None
    assert len(fake.documents) <= 8


def test_a_second_run_is_one_command_and_changes_nothing() -> None:
    fake = FakeExchange()
    renew(fake)
    before = (fake.looks(), fake.journal)
    fake.forget()
    result = go("read", fake)
    assert len(fake.documents) == 1 and not any(fake.writes) and not result["changed"]
    gate = gate_over(result["evidence"])
    assert gate["passed"] and gate["switch"] == [] and (fake.looks(), fake.journal) == before


def test_staging_touches_nothing_that_a_service_looks_at() -> None:
    """My is live: a certificate there that fits a connector's name may be chosen for STARTTLS."""
    fake = FakeExchange()
    before = fake.looks()
    result = go("read", fake)
    assert fake.looks() == before and fake.mine == [OLD, SELF, thumb("auth")] and fake.waiting == [NEW]
    assert result["evidence"].keys and result["evidence"].locked


def test_the_switch_is_one_document_in_an_order_that_leaves_no_gap() -> None:
    fake, seen, gate = ready_for("switch")
    go("switch", fake, seen, gate)
    (document,) = fake.documents
    assert document[: document.index("journal-after") + 1] == [
        "journal-before", "grant", "copy", "enable", "default-back", "name-POP", "name-IMAP", "stop", "start",
        "journal-after",
    ]  # fmt: skip
    assert all(made.holder == RUN and made.state == "switching" for made in fake.made)


def test_what_was_there_before_is_written_down_before_it_is_changed() -> None:
    fake, seen, gate = ready_for("switch")
    fake.fail = lambda number, call: error() if call.id == "grant" else None
    with pytest.raises(PhaseFailed, match="switching: Grant-StoreKey failed: Access is denied."):
        go("switch", fake, seen, gate)
    journal = told(fake)
    assert journal.state == "switching" and {use: e.before for use, e in journal.uses.items()} == dict.fromkeys(
        EVERY, OLD
    )
    assert journal.settings[DEFAULT].before == SELF and list(journal.services) == RESTARTED


def test_the_web_site_is_restarted_where_the_user_wants_it() -> None:
    run = settings(members=("ex1",), restart=("IIS", "POP", "IMAP"))
    fake, seen, gate = ready_for("switch", run=run)
    go("switch", fake, seen, gate, run)
    assert fake.resets == 1
    plain, seen, gate = ready_for("switch")
    go("switch", plain, seen, gate)
    assert plain.resets == 0


def test_a_service_that_was_down_before_is_not_started() -> None:
    fake = FakeExchange(services=UP | {"MSExchangePOP3": "Stopped"})
    renew(fake)
    assert fake.services["MSExchangePOP3"] == "Stopped" and fake.services["MSExchangeIMAP4"] == "Running"


def test_the_default_smtp_certificate_moves_where_the_user_wants_it() -> None:
    run = settings(members=("ex1",), default_smtp="move")
    fake = FakeExchange()
    renew(fake, run)
    assert fake.default == NEW and told(fake).settings[DEFAULT].before == SELF
    go("take_back", fake, run=settings(members=("ex1",), purpose="rollback", completed=True))
    assert fake.default == SELF


# -- the gate ----------------------------------------------------------------------------------------------------------


def test_a_key_that_nobody_saw_sign_is_no_proven_key() -> None:
    fake, seen, _ = ready_for("switch")
    silent = replace(seen, keys={})
    assert not gate_over(silent)["passed"]
    fake.fail = lambda number, call: RemoteError("not asked", "t", "f", "c") if call.id == "staged-keys" else None
    blind = go("read", fake, check_mode=True)["evidence"]
    assert blind.staged == dict.fromkeys(EVERY, NEW) and blind.keys == {}, "it lies there, and that is all"
    closed = gate_over(blind)
    assert not closed["passed"] and "key.unusable" in ids(closed["verdict"]["findings"])


# -- what must not move ------------------------------------------------------------------------------------------------


def test_a_default_smtp_certificate_that_moved_is_noticed() -> None:
    """-Force answers yes to the question, and giving it back had no effect."""
    fake, seen, gate = ready_for("switch")
    fake.idle = {"default-back"}
    with pytest.raises(PhaseFailed, match=f"the {DEFAULT} was {SELF} and is {NEW}; give it back: Enable-") as failed:
        go("switch", fake, seen, gate)
    assert failed.value.finding == "exchange.default-smtp-changed" and failed.value.evidence is not None
    assert told(fake).state == "switched", "the way back knows what it was"
    fake.forget()
    fake.idle = set()
    go("take_back", fake)
    assert fake.default == SELF and fake.ports[443] == OLD


def test_a_back_end_binding_that_moved_is_noticed() -> None:
    fake, seen, gate = ready_for("switch")

    def along(number: int, call: Call) -> None:
        if call.id == "enable":
            fake.ports[444] = NEW

    fake.fail = along
    with pytest.raises(PhaseFailed, match=f"port 444 .* was bound to {SELF} and is bound to {NEW}"):
        go("switch", fake, seen, gate)


# -- effects that did not come -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["copy", "enable"])
def test_a_change_without_an_effect_is_no_change(call: str) -> None:
    fake, seen, gate = ready_for("switch")
    fake.idle = {call}
    with pytest.raises(PhaseFailed) as failed:
        go("switch", fake, seen, gate)
    assert "ex1" in str(failed.value) and failed.value.evidence is not None
    assert failed.value.evidence.assigned["IIS"] == OLD


def test_staging_without_an_effect_is_told() -> None:
    fake = FakeExchange()
    fake.idle = {f"import-{NEW}"}
    with pytest.raises(PhaseFailed, match="staged without an error, but the stores do not show it"):
        go("read", fake)


def test_a_service_that_does_not_come_up_is_a_failure_and_stays_written_down() -> None:
    fake, seen, gate = ready_for("switch")
    fake.dead = {"MSExchangeIMAP4"}
    with pytest.raises(PhaseFailed, match="MSExchangeIMAP4 did not come up again"):
        go("switch", fake, seen, gate)
    with pytest.raises(PhaseFailed, match="MSExchangeIMAP4 did not come up again"):
        go("take_back", fake)
    journal = told(fake)
    assert journal.state in records.OPEN and list(journal.services) == RESTARTED, "the next way back has to know"
    fake.dead = set()
    go("take_back", fake)
    assert fake.services == UP and told(fake).state == "taken-back"


def test_what_stopped_before_the_journal_is_closed_is_told() -> None:
    fake, seen, gate = ready_for("prove")
    fake.services["MSExchangePOP3"] = "Stopped"
    with pytest.raises(PhaseFailed, match="MSExchangePOP3 did not come up again"):
        go("prove", fake, seen, gate)


# -- connectors --------------------------------------------------------------------------------------------------------


def renames(fake: FakeExchange, seen: Any) -> tuple[Any, Any]:
    """A server that names another certificate, and the gate's decision about it."""
    row = {"name": "Out", "before": fake.send["Out"], "after": tls_certificate_name(made("new")), "sources": ["EX1"]}
    seen = replace(seen, own={"send": [row]})
    return seen, gate_over(seen)


def test_send_connectors_are_renamed_along_with_the_last_switch() -> None:
    fake, seen, _ = ready_for("switch", FakeExchange(send={"Out": OTHER_NAME}))
    seen, gate = renames(fake, seen)
    go("switch", fake, seen, gate)
    assert fake.send["Out"] == tls_certificate_name(made("new"))
    assert told(fake).settings["Send connector Out"].before == OTHER_NAME
    go("take_back", fake)
    assert fake.send["Out"] == OTHER_NAME


def test_send_connectors_apart_are_a_step_of_their_own() -> None:
    """Every member was switched by an earlier run that died before it."""
    fake = FakeExchange(send={"Out": OTHER_NAME})
    renew(fake)
    fake.forget()
    seen = go("read", fake, run=LATER)["evidence"]
    assert seen.plan.empty
    row = {"name": "Out", "before": OTHER_NAME, "after": tls_certificate_name(made("new")), "sources": ["EX1"]}
    seen = replace(seen, own={"send": [row]})
    gate = gate_over(seen, LATER)
    assert list(gate["after"]) == ["ex1"] and gate["switch"] == []
    result = go("rename", fake, seen, gate, LATER)
    assert fake.send["Out"] == tls_certificate_name(made("new")) and "Send connector Out" in result["changes"][0]
    assert told(fake).state == "switched" and told(fake).settings["Send connector Out"].before == OTHER_NAME
    assert [made.call for made in fake.made] == ["rename-Send connector Out"]


def test_a_connector_that_keeps_its_name_is_told() -> None:
    fake, seen, _ = ready_for("switch", FakeExchange(send={"Out": OTHER_NAME}))
    seen, gate = renames(fake, seen)
    fake.idle = {"rename-Send connector Out"}
    with pytest.raises(PhaseFailed, match="Send connector Out shows another name"):
        go("switch", fake, seen, gate)


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


# -- what stops a phase before it begins -------------------------------------------------------------------------------


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
