# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in progress, ways back, and the lock: the phases on one member when something stands in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Missing
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import DesiredKey
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    NEW,
    OLD,
    RUN,
    error,
    ids,
    journal,
    roll_entry,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import at, go, ready_for
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    SERVICES,
    internal,
    new,
    old,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

READ = ["journal", "stores", "assignments", "services", "av", "version", "events"]
SMALL = ["assignments", "services"]
UP = dict.fromkeys(SERVICES, "Running")


def told(fake: FakeEdge) -> Journal:
    assert fake.journal is not None
    return Journal.loads(fake.journal)


# -- calls in progress -------------------------------------------------------------------------------------------------


def test_calls_are_waited_for_and_then_the_switch_goes_on() -> None:
    fake, seen, gate = ready_for("switch", busy=4)
    fake.busy = 4
    said: list[str] = []
    go("switch", fake, seen, gate, told=said)
    assert fake.uses[ACCESS] == NEW and fake.services == UP
    assert any("still has calls" in line for line in said)
    assert [m.call for m in fake.made].index(f"assign-{ACCESS}") > [m.call for m in fake.made].index("stop-RTCSRV")


def test_a_switch_says_what_it_switched_and_what_it_restarted() -> None:
    fake, seen, gate = ready_for("switch")
    said: list[str] = []
    go("switch", fake, seen, gate, told=said)
    (line,) = [line for line in said if "switched: " in line]
    assert line.startswith("  | edge1 ") and f"switched: {ACCESS}, {DATA}; " in line
    restarted = line.rpartition("; ")[2]
    assert restarted.endswith(" restarted") and {"RTCSRV", "RTCDATAPROXY"} <= set(restarted.replace(",", "").split())


def test_an_expired_drain_aborts_before_anything_was_assigned() -> None:
    fake, seen, gate = ready_for("switch")
    fake.busy = 10**6
    with pytest.raises(PhaseFailed, match="still had calls after 60 s.*rollout_drain_expired") as failed:
        go("switch", fake, seen, gate)
    assert fake.uses[ACCESS] == OLD and not any(m.call.startswith("assign") for m in fake.made)
    assert failed.value.evidence is not None and failed.value.evidence.services["RTCSRV"] == "Paused"
    fake.forget()
    go("take_back", fake)
    assert fake.services == UP and fake.uses[ACCESS] == OLD, "calls that are cut are the price of a way back"


def test_an_expired_drain_continues_where_the_user_said_so() -> None:
    run = settings(drain_expired="continue")
    fake, seen, gate = ready_for("switch", run)
    fake.busy = 10**6
    go("switch", fake, seen, gate, run)
    assert fake.uses[ACCESS] == NEW and fake.services == UP
    made = [m.call for m in fake.made]
    assert made.index(f"assign-{ACCESS}") > max(n for n, call in enumerate(made) if call == "stop-RTCSRV")
    assert made.count("stop-RTCSRV") == 2, "asked, then cut"


@pytest.mark.parametrize("calls", [6, 10**6])
def test_a_lock_that_was_taken_over_while_calls_ended_stops_before_anything_is_cut_or_assigned(calls: int) -> None:
    run = settings(drain_expired="continue")
    fake, seen, gate = ready_for("switch", run)
    fake.busy = calls

    def taken(number: int, call: Call) -> None:
        if number == 2:
            fake.lock = {"Run": "other", "Text": "{}", "At": NOW}

    fake.fail = taken
    with pytest.raises(PhaseFailed, match="run other holds it") as failed:
        go("switch", fake, seen, gate, run)
    assert [m.call for m in fake.made] == ["stop-RTCDATAPROXY", "stop-RTCSRV"] and fake.uses[ACCESS] == OLD
    assert failed.value.evidence is not None and not failed.value.evidence.locked


def test_a_service_that_does_not_even_stop_by_force_is_told_and_nothing_is_assigned() -> None:
    run = settings(drain_expired="continue")
    fake, seen, gate = ready_for("switch", run)
    fake.busy, fake.stubborn = 10**6, True
    with pytest.raises(PhaseFailed, match="did not stop, not even when forced"):
        go("switch", fake, seen, gate, run)
    assert fake.uses[ACCESS] == OLD


def test_a_service_that_does_not_come_up_is_a_failure() -> None:
    fake, seen, gate = ready_for("switch")
    fake.dead = {"RTCDATAPROXY"}
    with pytest.raises(PhaseFailed, match="RTCDATAPROXY did not come up again") as failed:
        go("switch", fake, seen, gate)
    assert failed.value.evidence is not None and failed.value.evidence.assigned[ACCESS] == NEW


# -- taking back -------------------------------------------------------------------------------------------------------


def test_taking_back_restores_what_the_journal_names() -> None:
    fake, _, _ = ready_for("take_back")
    fake.lock = None
    result = go("take_back", fake)
    assert fake.uses[ACCESS] == fake.uses[DATA] == OLD and fake.services == UP
    assert fake.successor == (NEW, LATER) and told(fake).state == "rolled", "a scheduled roll is another matter"
    assert dict(told(fake).uses) == {} and result["evidence"].locked
    assert list(result["evidence"].plan.uses) == [ACCESS, DATA]


def test_there_is_no_way_back_to_a_certificate_that_has_expired_meanwhile() -> None:
    fake, _, _ = ready_for("take_back")
    fake.clock = old().certificate.not_after + timedelta(seconds=1)
    with pytest.raises(PhaseFailed, match="services do not start with an expired one") as failed:
        go("take_back", fake)
    assert not any(fake.writes) and failed.value.evidence is not None
    assert failed.value.evidence.assigned[ACCESS] == NEW, "it stays on what works"


def test_where_there_is_no_way_back_what_was_stopped_is_started_all_the_same() -> None:
    fake, _, _ = ready_for("take_back")
    fake.clock = old().certificate.not_after + timedelta(seconds=1)
    fake.services["RTCSRV"] = "Stopped"
    with pytest.raises(PhaseFailed, match="cannot be taken back") as failed:
        go("take_back", fake)
    assert failed.value.evidence is not None and failed.value.evidence.locked, "nobody would give the lock up"
    assert fake.services == UP and fake.uses[ACCESS] == NEW
    assert [m.call for m in fake.made] == ["start-RTCSRV"] and fake.made[0].holder == RUN, "under the lock"


def test_what_does_not_even_start_where_there_is_no_way_back_is_told_beside_it() -> None:
    fake, _, _ = ready_for("take_back")
    fake.clock = old().certificate.not_after + timedelta(seconds=1)
    fake.services["RTCSRV"] = "Stopped"
    fake.fail = lambda number, call: error("logon failure") if call.id == "start-RTCSRV" else None
    said: list[str] = []
    with pytest.raises(PhaseFailed, match="edge1 cannot be taken back: .*services do not start with an expired one"):
        go("take_back", fake, told=said)
    (line,) = [line for line in said if "RTCSRV" in line]
    assert "RTCSRV could not be started" in line and "logon failure" in line


def test_what_had_no_certificate_before_has_none_to_go_back_to() -> None:
    fake, _, _ = ready_for("take_back", uses={ACCESS: OLD, AV: OLD})
    go("take_back", fake)
    assert fake.uses == {ACCESS: OLD, DATA: NEW, AV: OLD}


@pytest.mark.parametrize("text", [None, journal("done", uses={}).dumps()])
def test_a_journal_that_names_nothing_is_nothing_to_take_back(text: str | None) -> None:
    fake = FakeEdge(journal=text)
    result = go("take_back", fake)
    assert not any(fake.writes) and result["evidence"].assigned[ACCESS] == OLD


def test_taking_back_twice_is_taking_back_once() -> None:
    fake, _, _ = ready_for("take_back")
    go("take_back", fake)
    fake.forget()
    go("take_back", fake)
    assert not any(fake.writes)


@pytest.mark.parametrize("shows_roll", [True, False])
def test_a_roll_is_cancelled_by_assigning_what_is_in_force(shows_roll: bool) -> None:
    fake, seen, _ = ready_for("unroll", shows_roll=shows_roll)
    after = go("unroll", fake, seen)["evidence"]
    assert fake.successor is None and fake.uses[AV] == OLD and told(fake).roll is None
    assert [m.call for m in fake.made] == [f"assign-{AV}"] and after.pending[AV].state == "needed"


def test_a_roll_that_is_still_there_after_it_was_cancelled_is_told() -> None:
    fake, seen, _ = ready_for("unroll")
    fake.idle.add(f"assign-{AV}")
    with pytest.raises(PhaseFailed, match="edge1: the scheduled successor is still there") as failed:
        go("unroll", fake, seen)
    assert failed.value.evidence is not None and failed.value.evidence.pending[AV].state == "scheduled"


def test_a_roll_in_whose_place_the_product_shows_another_is_told() -> None:
    """Somebody else had scheduled one, and -Roll left it."""
    fake, seen, gate = ready_for("roll")
    fake.idle.add("roll")
    fake.successor = (internal().certificate.thumbprint, NOW + timedelta(hours=9))
    with pytest.raises(PhaseFailed, match="neither the product nor the journal shows it") as failed:
        go("roll", fake, seen, gate)
    assert failed.value.finding == "roll.unconfirmed" and fake.successor is not None


def test_a_roll_that_cannot_be_cancelled_for_want_of_a_name() -> None:
    fake, seen, _ = ready_for("unroll")
    nameless = replace(told(fake), roll=replace(roll_entry(), previous=None))
    with pytest.raises(PhaseFailed, match="does not say which certificate was in force"):
        go("unroll", fake, replace(seen, journal=nameless))
    assert fake.documents == []


# -- the lock ----------------------------------------------------------------------------------------------------------


def test_a_member_that_another_run_holds_is_not_staged() -> None:
    fake = FakeEdge(lock={"Run": "other", "Text": "{}", "At": NOW})
    result = go("read", fake)
    assert not any(fake.writes) and ids(result["evidence"].findings) == ["member.locked"]
    go("read", fake, run=settings(take_over="other"))
    assert fake.lock is not None and fake.lock["Run"] == RUN


def test_a_connection_that_must_not_carry_a_key_leaves_the_member_as_it_was_read() -> None:
    fake = FakeEdge()
    fake.refuses_keys = True
    with pytest.raises(PhaseFailed, match="set ansible_winrm_scheme") as refused:
        go("read", fake)
    assert refused.value.finding == "transport.insecure" and fake.documents == [READ]
    assert refused.value.evidence is not None and refused.value.evidence.assigned[ACCESS] == OLD


def test_the_lock_is_given_up_only_by_its_holder() -> None:
    fake, seen, _ = ready_for("roll")
    assert go("release", fake, seen)["evidence"].locked is False and fake.lock is None
    fake.lock = {"Run": "other", "Text": "{}", "At": NOW}
    go("release", fake, seen)
    assert fake.lock["Run"] == "other"


def test_only_the_key_that_is_missing_travels() -> None:
    member = at(FakeEdge())
    assert member.wanted is not None
    both = (*member.wanted.keys, DesiredKey(internal().certificate, "My"))
    two = replace(member, wanted=replace(member.wanted, keys=both))
    changes = two.plan_stage([Missing("My", new().certificate.sha256)], send=True)
    assert [change.sha256 for change in changes if change.kind == "import-key"] == [new().certificate.sha256]


def test_one_time_passwords_are_used_once() -> None:
    member = at(FakeEdge())
    missing = [Missing("My", new().certificate.sha256)]
    passwords = [member.plan_stage(missing, send=True)[-1].calls[0].parameters["Password"].text for _ in range(2)]
    assert len(set(passwords)) == 2
