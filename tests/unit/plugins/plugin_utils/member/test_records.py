# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal and the lock of a member: what an earlier run left, and what a run writes down before it acts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Lock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import (
    Journal,
    JournalError,
    SettingEntry,
    UseEntry,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Both, Scheduled
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    LATER,
    MEMBERS,
    NEW,
    OLD,
    RUN,
    evidence,
    ids,
    journal,
    journal_row,
    reply,
    roll_entry,
    settings,
    sight,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    SERVICES,
    UNHURRIED,
    assigned,
    internal,
    new,
    old,
    staged_rows,
    state,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

UP = dict.fromkeys(SERVICES, "Running")
SUCCESSOR = Scheduled(NEW, "needed", LATER, OLD)
SETTING = {"name": Both("a", "b")}
LOCK = {"Run": "20261101T000000Z-0001", "Text": json.dumps({"operator": "bert", "controller": "ctl2"}), "At": NOW}


# -- the lock ----------------------------------------------------------------------------------------------------------


def locked(lock: dict[str, Any] | None, **run: Any) -> list[Any]:
    return records.lock_findings("edge1", reply(journal=journal_row(None, lock)), settings(**run))


def test_a_lock_of_another_run_stops_and_says_who_and_how_to_go_on() -> None:
    (found,) = locked(LOCK)
    assert found.id == "member.locked" and found.stops
    assert "bert on ctl2" in found.text and "-e rollout_take_over=20261101T000000Z-0001" in found.text


def test_no_lock_our_own_and_one_to_take_over_do_not_stop() -> None:
    assert locked(None) == []
    assert locked(LOCK | {"Run": RUN}) == []
    assert locked(LOCK, take_over=LOCK["Run"]) == []
    assert len(locked(LOCK, take_over="another")) == 1


@pytest.mark.parametrize("text", [None, "", "not json", "[]", "null", "7", '"text"', '{"operator": null}'])
def test_a_lock_with_an_odd_text_still_stops(text: str | None) -> None:
    (found,) = locked(LOCK | {"Text": text})
    assert found.stops and "somebody on an unknown controller" in found.text


def test_taking_the_lock_tells_who_and_takes_over_only_what_was_named() -> None:
    call = records.lock_call(settings(take_over="dead"), None)
    assert call.parameters["Run"] == RUN and call.parameters["TakeFrom"] == "dead"
    assert json.loads(call.parameters["Text"]) == {"operator": "anna", "controller": "ctl1", "array": "edge"}
    assert records.lock_call(settings(), None).parameters["TakeFrom"] is None


def test_of_several_dead_runs_the_one_that_holds_the_member_is_named() -> None:
    run = settings(take_over="dead1, dead2")
    assert [records.lock_call(run, Lock(held)).parameters["TakeFrom"] for held in ("dead1", "dead2")] == [
        "dead1",
        "dead2",
    ]
    assert records.lock_call(run, Lock("alive")).parameters["TakeFrom"] == "dead1", "nobody else's is taken"
    assert locked(LOCK, take_over=f"dead1,{LOCK['Run']}") == []


# -- what an earlier run left ------------------------------------------------------------------------------------------


def found(told: Journal | None, services: dict[str, str] | None = None, **run: Any) -> list[Any]:
    return records.journal_findings("edge1", told, settings(**run), services or UP)


@pytest.mark.parametrize("state", ["prepared", "rolled", "taken-back", "done"])
def test_a_run_that_ended_leaves_nothing_to_say(state: str) -> None:
    assert found(journal(state)) == []
    assert found(None) == []


@pytest.mark.parametrize("state", sorted(records.OPEN))
def test_a_run_left_unfinished_is_told(state: str) -> None:
    (one,) = found(journal(state, services=SERVICES))
    assert one.id == "journal.unfinished" and not one.stops and "of bert" in one.text and state in one.text
    assert found(journal(state), purpose="rollback") == [], "that is what it is there for"
    assert found(journal(state, run=RUN)) == [], "it is this very run's"


def test_services_left_stopped_by_a_dead_run_stop_the_next_one() -> None:
    """Only its journal knows which of them ran before."""
    (one,) = found(journal("switching", services=SERVICES), UP | {"RTCSRV": "Stopped"})
    assert one.stops and "with RTCSRV stopped" in one.text and "rollback" in one.remedy
    (gone,) = found(journal("switching", services=("RTCSRV",)), {"REPLICA": "Running"})
    assert gone.stops, "a service that is not shown does not run"
    (other,) = found(journal("switching", services=("REPLICA",)), UP | {"RTCSRV": "Stopped"})
    assert not other.stops, "that one was down before"


def test_a_journal_of_another_array() -> None:
    (one,) = found(journal("done", array="edge-east"))
    assert one.id == "array.member-twice" and one.stops and "edge-east" in one.text


def test_a_journal_that_names_members_which_this_run_does_not_see() -> None:
    more = journal("done", members=(*MEMBERS, "edge4", "edge5"))
    (one,) = found(more)
    assert one.id == "array.incomplete-run" and one.stops and one.subject == "edge4, edge5"
    (excluded,) = found(more, excluded={"edge4": "broken"})
    assert excluded.subject == "edge5"
    assert found(more, excluded={"edge4": "broken", "edge5": "gone"}) == []
    assert [f.severity for f in found(more, purpose="rollback")] == ["warning"], "the others are taken back"
    assert found(journal("done", members=("edge1",))) == [], "an array may grow"


def test_both_an_unfinished_run_and_missing_members_are_told() -> None:
    both = found(journal("switching", members=(*MEMBERS, "edge4")))
    assert ids(both) == ["array.incomplete-run", "journal.unfinished"]


# -- the journal of this run -------------------------------------------------------------------------------------------


def test_a_fresh_journal_says_who_what_and_when_by_the_member_s_clock() -> None:
    own = records.own(None, settings(), evidence())
    assert (own.run, own.operator, own.array, own.members) == (RUN, "anna", "edge", MEMBERS)
    assert own.state == "prepared" and own.uses == {} and own.roll is None
    assert records.started(own) == NOW


def test_this_run_s_journal_is_continued() -> None:
    mine = journal("rolled", run=RUN, roll=roll_entry())
    assert records.own(mine, settings(), evidence()) is mine


def test_a_roll_that_waits_for_its_instant_is_carried_over() -> None:
    own = records.own(journal("done", roll=roll_entry()), settings(), evidence())
    assert own.roll == roll_entry() and own.run == RUN and own.uses == {}


def test_a_roll_is_carried_over_by_a_run_that_has_nothing_to_do_with_it() -> None:
    """Renewing the internal interface between the roll and its instant must not make anybody forget to settle."""
    seen = replace(evidence(), wanted={INTERNAL: "A" * 40}, pending={})
    assert records.own(journal("done", roll=roll_entry()), settings(), seen).roll == roll_entry()


@pytest.mark.parametrize("change", [{"state": "rolling"}, {"state": "settled"}, {"thumbprint": "F" * 40}])
def test_a_roll_that_was_not_made_or_is_over_or_is_another_s_is_not(change: dict[str, Any]) -> None:
    entry = replace(roll_entry(), **change)
    assert records.own(journal("done", roll=entry), settings(), evidence()).roll is None


def test_the_way_back_after_an_unfinished_run_leads_to_what_was_before_it() -> None:
    half = records.own(journal("switched"), settings(), evidence())
    assert half.uses == {ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, NEW)}
    again = records.switching(half, {DATA: Both(OLD, NEW)}, {}, ())
    assert again.uses[ACCESS].before == OLD, "not the certificate that the unfinished run had just put there"
    other = journal("switched", uses={ACCESS: UseEntry(OLD, "F" * 40)})
    assert records.own(other, settings(), evidence()).uses == {}
    assert records.own(journal("done"), settings(), evidence()).uses == {}


STEPS = st.lists(st.sampled_from(["rolling", "rolled", "switching", "switched", "done", "taking", "taken"]), max_size=6)


@UNHURRIED
@given(STEPS)
def test_whatever_was_written_can_be_read_again(steps: list[str]) -> None:
    told = records.own(None, settings(), evidence())
    for step in steps:
        if step == "rolling":
            told = records.rolling(told, AV, SUCCESSOR)
        elif step == "rolled" and told.roll is not None:
            told = records.rolled(told)
        elif step == "switching":
            told = records.switching(told, {ACCESS: Both(OLD, NEW)}, SETTING, SERVICES)
        elif step == "switched":
            told = records.switched(told)
        elif step == "done":
            told = records.done(told)
        elif step == "taking":
            told = records.taking_back(told)
        elif step == "taken":
            told = records.taken_back(told)
        assert records.read(told.dumps()) == told


def test_before_a_change_the_journal_says_ing_and_behind_it_ed() -> None:
    own = records.own(None, settings(), evidence())
    rolling = records.rolling(own, AV, SUCCESSOR)
    assert (rolling.state, records.rolled(rolling).state) == ("rolling", "rolled")
    assert rolling.roll is not None and rolling.roll.state == "rolling"
    switching = records.switching(own, {ACCESS: Both(OLD, NEW), INTERNAL: Both(None, "B" * 40)}, SETTING, SERVICES)
    assert (switching.state, records.switched(switching).state) == ("switching", "switched")
    assert switching.uses == {ACCESS: UseEntry(OLD, NEW), INTERNAL: UseEntry(None, "B" * 40)}
    assert records.restarted(switching, "another") == SERVICES
    assert switching.services == SERVICES and switching.settings == {"name": SettingEntry("a", "b")}
    assert rolling.roll == replace(roll_entry("rolling"), previous=OLD) and rolling.roll.use == AV
    assert {rolling.state, switching.state, records.taking_back(own).state} <= records.OPEN


def test_a_second_switch_adds_to_what_the_first_one_noted() -> None:
    first = records.switching(records.own(None, settings(), evidence()), {ACCESS: Both(OLD, NEW)}, SETTING, SERVICES)
    second = records.switching(
        first, {DATA: Both(OLD, NEW)}, {"name": Both("b", "c"), "more": Both(None, "x")}, SERVICES
    )
    assert set(second.uses) == {ACCESS, DATA} and second.settings["more"] == SettingEntry(None, "x")
    assert second.settings["name"].before == "a", "not what the first one had just set"


def test_what_was_taken_back_is_forgotten_but_a_waiting_roll_stays() -> None:
    told = records.taken_back(journal("taking-back", services=SERVICES, settings={"name": SettingEntry("a", "b")}))
    assert (told.state, dict(told.uses), told.services, dict(told.settings)) == ("taken-back", {}, (), {})
    rolled = records.taken_back(journal("taking-back", roll=roll_entry()))
    assert rolled.state == "rolled" and rolled.roll == roll_entry()
    assert records.unrolled(rolled).roll is None


def test_settling_closes_the_roll() -> None:
    told = records.settled(journal("done", roll=roll_entry()))
    assert told.state == "done" and told.roll is not None and told.roll.state == "settled"
    assert told.roll.instant == LATER.isoformat() and records.settled_of(told)
    assert not any(records.settled_of(one) for one in (journal("done", roll=roll_entry()), journal("done"), None))


# -- what the journal is for -------------------------------------------------------------------------------------------


def put_back(told: Journal, uses: Any) -> dict[str, str | None]:
    seen = sight(staged(assignments=uses))
    return {
        use: both.after
        for use, both in EDGE.back(records.record_of(told, "another"), seen.state, seen.context).uses.items()
    }


def test_only_what_differs_now_is_put_back() -> None:
    told = journal(uses={ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, NEW), INTERNAL: UseEntry(None, NEW)})
    half = [assigned(ACCESS, new()), assigned(DATA, old()), assigned(INTERNAL, new())]
    assert put_back(told, half) == {ACCESS: OLD}, "what had nothing before has nothing to go back to"
    assert put_back(told, use_rows(old())) == {}


def test_what_was_wanted_is_found_in_the_member_s_own_store() -> None:
    told = journal(uses={ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, "F" * 40)}, roll=roll_entry())
    asked = records.wanted_by(told, state(staged_rows()).stores, EDGE)
    assert asked.uses == {ACCESS: new().certificate, AV: new().certificate}, "one is not in the store any more"
    nameless = replace(told, roll=replace(roll_entry(), use=""))
    assert records.wanted_by(nameless, state(staged_rows()).stores, EDGE).uses == asked.uses, (
        "written before uses were named"
    )
    assert dict(records.wanted_by(None, state().stores, EDGE).uses) == {}


@pytest.mark.parametrize("entry, confirms", [("rolled", True), ("settled", True), ("rolling", False)])
def test_a_roll_about_to_be_made_confirms_nothing(entry: str, confirms: bool) -> None:
    recorded = records.confirmed(journal(roll=roll_entry(entry)))
    assert (recorded is not None) is confirms
    if recorded is not None:
        assert (recorded.thumbprint, recorded.instant, recorded.previous) == (NEW, LATER, OLD)
    assert records.confirmed(None) is records.confirmed(journal()) is None


@pytest.mark.parametrize("instant", ["tomorrow", "", "2026-11-23T16:00:00", "2026-13-01T00:00:00Z"])
def test_a_journal_whose_roll_has_no_instant_cannot_be_read(instant: str) -> None:
    bad = journal(roll=replace(roll_entry(), instant=instant))
    with pytest.raises(JournalError, match="instant of the roll"):
        records.read(bad.dumps())


@pytest.mark.parametrize("started", ["", "yesterday", "2026-11-23T12:00:00"])
def test_a_start_that_is_no_instant_is_unknown(started: str) -> None:
    assert records.started(journal(started=started)) is None


def test_members_are_taken_back_the_last_one_first() -> None:
    touched = journal("switched")
    journals = {"edge1": touched, "edge2": touched, "edge3": journal("rolled", uses={})}
    assert records.touched_order(journals, MEMBERS) == ["edge2", "edge1"]
    assert internal().certificate.thumbprint not in touched.dumps()
