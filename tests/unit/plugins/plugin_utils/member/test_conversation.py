# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases on one member when all goes well: what is sent, in which order, and what is left there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.step import GateRefused
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.records import settled_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    NEW,
    OLD,
    RUN,
    ids,
    roll_entry,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import (
    SETTLE,
    gate_over,
    go,
    ready_for,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    SERVICES,
    internal,
    staged_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

READ = ["journal", "stores", "assignments", "services", "av", "version", "events"]
SMALL = ["assignments", "services"]
UP = dict.fromkeys(SERVICES, "Running")


def told(fake: FakeEdge) -> Journal:
    assert fake.journal is not None
    return Journal.loads(fake.journal)


def renew(fake: FakeEdge, **more: Any) -> Evidence:
    """Everything until the journal is closed."""
    run = settings(**more)
    seen = go("read", fake, run=run)["evidence"]
    gate = gate_over(seen, run)
    assert gate["passed"], gate["verdict"]["findings"]
    if gate["roll"]["action"] == "roll":
        seen = go("roll", fake, seen, gate, run)["evidence"]
    seen = go("switch", fake, seen, gate, run)["evidence"]
    proven: Evidence = go("prove", fake, seen, gate, run)["evidence"]
    return proven


# -- the whole way -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shows_roll", [True, False])
def test_a_renewal_leaves_the_member_renewed_rolled_and_free(shows_roll: bool) -> None:
    fake = FakeEdge(shows_roll=shows_roll)
    seen = renew(fake)
    assert fake.uses == {ACCESS: NEW, DATA: NEW, AV: OLD, INTERNAL: internal().certificate.thumbprint}
    assert fake.successor == (NEW, LATER) and fake.services == UP and fake.lock is None
    assert told(fake).state == "done" and told(fake).uses[ACCESS].before == OLD
    assert seen.ready and seen.pending[AV].state == "scheduled" and not seen.locked
    assert len(fake.documents) <= 8, "commands of a first renewal, drain polls aside"


def test_a_second_run_is_one_command_and_changes_nothing() -> None:
    fake = FakeEdge()
    renew(fake)
    before = (fake.journal, dict(fake.uses), list(fake.stores))
    fake.forget()
    result = go("read", fake)
    assert fake.documents == [READ] and not result["changed"] and result["changes"] == []
    gate = gate_over(result["evidence"])
    assert gate["passed"] and gate["switch"] == [] and gate["roll"]["action"] == "none"
    assert (fake.journal, fake.uses, fake.stores) == before


@pytest.mark.parametrize("shows_roll", [True, False])
def test_after_the_instant_it_is_settled_once(shows_roll: bool) -> None:
    fake, seen, _ = ready_for("settle", shows_roll=shows_roll)
    assert seen.pending[AV].state == "done" and seen.journal.roll.instant == LATER.isoformat()
    after = go("settle", fake, seen, run=SETTLE)["evidence"]
    assert fake.uses[AV] == NEW and fake.services == UP and fake.lock is None
    assert {m.call for m in fake.made} == {
        f"{what}-{name}" for what in ("stop", "start") for name in ("RTCMRAUTH", "RTCMEDIARELAY")
    }, "nothing but A/V authentication is touched"
    assert settled_of(after.journal) and told(fake).state == "done"


def test_what_does_not_come_up_again_is_not_settled() -> None:
    fake, seen, _ = ready_for("settle")
    fake.dead = {"RTCMEDIARELAY"}
    with pytest.raises(PhaseFailed, match="RTCMEDIARELAY did not come up again"):
        go("settle", fake, seen, run=SETTLE)
    roll = told(fake).roll
    assert roll is not None and roll.state == "rolled", "the next settling has to know"
    fake.dead = set()
    again = go("read", fake, run=SETTLE)["evidence"]
    assert settled_of(go("settle", fake, again, run=SETTLE)["evidence"].journal) and fake.services == UP


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_staging_takes_the_lock_first_and_asks_what_it_made() -> None:
    fake = FakeEdge()
    result = go("read", fake)
    read, stage = fake.documents
    assert read == READ
    assert [call.split("-")[0] for call in stage] == ["lock", "add", "import", "stores", "keys", "access", "presented"]
    assert result["changed"] and len(result["changes"]) == 2
    assert result["first"].forecast and not result["evidence"].forecast
    assert result["evidence"].locked and fake.lock is not None and fake.lock["Run"] == RUN
    assert fake.uses[ACCESS] == OLD and fake.services == UP, "nobody notices"


def test_what_lies_staged_already_is_only_asked() -> None:
    fake = FakeEdge(stores=staged_rows())
    result = go("read", fake)
    assert fake.documents == [READ, ["keys", "access", "presented"]] and not result["changed"]
    assert result["evidence"].keys and result["evidence"].ready


def test_a_member_that_the_gate_would_refuse_is_not_staged() -> None:
    fake = FakeEdge(services=UP | {"RTCSRV": "Stopped"})
    result = go("read", fake)
    assert fake.documents == [READ] and not any(fake.writes)
    assert ids(result["evidence"].findings) == ["product.service-stopped"]


def test_check_mode_reads_and_plans_and_writes_nothing() -> None:
    fake = FakeEdge()
    result = go("read", fake, check_mode=True)
    assert not any(fake.writes) and result["changed"] and len(result["changes"]) == 2
    gate = gate_over(result["evidence"])
    gate["verdict"] = {**gate["verdict"], "passed": True, "findings": [], "simulated": True}
    fake.forget()
    for phase, said in (("roll", f"{AV}: {OLD} -> {NEW} from 2026-11-23 16:00:00Z on"), ("switch", ACCESS)):
        planned = go(phase, fake, result["evidence"], gate, check_mode=True)
        assert planned["changed"] and said in planned["changes"][0]
    assert fake.documents == []


def test_the_document_is_shown_on_demand_and_holds_no_key() -> None:
    said: list[str] = []
    go("read", FakeEdge(), run=settings(show_calls=True), check_mode=True, told=said)
    shown = json.loads(said[0].split("\n", 1)[1])
    assert [call["name"] for call in shown["calls"]][0] == "Get-Journal" and "Pfx" not in said[0]
    (log,) = (call["with"] for call in shown["calls"] if call["name"] == "Find-Event")
    assert log["After"] == {"$datetime": "2026-11-22T12:00:00.000000Z"}, "a day of events is there to compare with"


def test_a_roll_is_written_down_made_and_confirmed_in_one_command() -> None:
    fake, seen, gate = ready_for("roll")
    result = go("roll", fake, seen, gate)
    assert fake.documents == [["journal-before", "roll", "journal-after", *SMALL]]
    assert result["changes"] == [f"{AV}: {OLD} -> {NEW} from {LATER:%Y-%m-%d %H:%M:%SZ} on"]
    assert told(fake).roll == roll_entry() and told(fake).state == "rolled"


def test_a_switch_without_calls_is_one_command_and_what_stopped_along_is_started() -> None:
    fake, seen, gate = ready_for("switch")
    go("switch", fake, seen, gate)
    first, second = fake.documents
    assert first == [
        "journal-before", "stop-RTCDATAPROXY", "stop-RTCSRV", "wait", f"assign-{ACCESS}", f"assign-{DATA}",
        "start-RTCSRV", "start-RTCDATAPROXY", "journal-after", *SMALL,
    ]  # fmt: skip
    assert second == ["start-RTCMRAUTH", *SMALL], "a dependent that nobody had named"
    assert fake.services == UP


def test_a_service_that_was_down_before_stays_down() -> None:
    """The gate told of it; whoever forced it past that does not want it started."""
    fake, seen, gate = ready_for("switch")
    down = UP | {"RTCMEDIARELAY": "Stopped"}
    fake.services = dict(down)
    go("switch", fake, go("read", fake)["evidence"], gate)
    assert fake.services == UP | {"RTCMEDIARELAY": "Stopped"}


def test_only_what_differs_is_switched() -> None:
    fake, seen, gate = ready_for("switch", uses={ACCESS: NEW, DATA: OLD, AV: OLD})
    go("switch", fake, seen, gate)
    assert [m.call for m in fake.made] == ["stop-RTCDATAPROXY", f"assign-{DATA}", "start-RTCDATAPROXY"]


def test_av_is_replaced_with_the_switch_where_nothing_can_drop() -> None:
    fake, seen, gate = ready_for("read", uses={ACCESS: OLD, DATA: OLD})
    renew(fake)
    assert fake.uses == {ACCESS: NEW, DATA: NEW, AV: NEW} and fake.successor is None and gate == {} and seen is None


@pytest.mark.parametrize("phase", ["roll", "switch"])
def test_without_the_gate_nothing_is_sent(phase: str) -> None:
    fake, seen, gate = ready_for(phase)
    for given, read in (({}, seen), (gate, replace(seen, digest="0" * 64)), (gate | {"verdict": None}, seen)):
        with pytest.raises(GateRefused):
            go(phase, fake, read, given)
    assert fake.documents == []


@pytest.mark.parametrize("phase", ["prove", "settle", "unroll"])
def test_without_a_journal_nothing_is_known_and_nothing_is_sent(phase: str) -> None:
    fake = FakeEdge()
    seen = go("read", fake)["evidence"]
    fake.forget()
    with pytest.raises(PhaseFailed, match="there is no journal"):
        go(phase, fake, seen)
    assert fake.documents == []


def test_closing_the_journal_gives_up_the_lock_and_counts_events_since_the_start() -> None:
    fake, seen, _ = ready_for("prove")
    fake.events = [{"Id": 1, "Source": "x", "Time": NOW + timedelta(seconds=s), "Level": "Error",
                    "Message": "shared session key"} for s in (-5, 5)]  # fmt: skip
    fake.clock += timedelta(minutes=1)
    after = go("prove", fake, seen)["evidence"]
    assert fake.documents == [["journal-before", "unlock", *SMALL, "events"]]
    assert ids(after.findings) == ["event.session-key"] and not after.ready
