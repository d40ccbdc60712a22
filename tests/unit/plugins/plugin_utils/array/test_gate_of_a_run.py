# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the array be switched? Only with this run's evidence of every member; and nothing gets around the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.decide import Gate, gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.step import GateRefused, demand_gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import PlainError
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    FACTS,
    LATER,
    MEMBERS,
    NEW,
    OLD,
    error,
    everyone,
    evidence,
    ids,
    journal,
    journal_row,
    reply,
    roll_entry,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    assigned,
    internal,
    key_test,
    keyed,
    new,
    old,
    staged_rows,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW


def ask(
    members: dict[str, Any] | None = None, reasons: dict[str, str] | None = None, simulated: bool = False, **run: Any
) -> Gate:
    made = settings(**run)
    known = everyone() if members is None else members
    return gate(EDGE, EDGE.own(made.own), made, known, reasons or {}, NOW, simulated)


def stops(found: Gate) -> list[str]:
    return [f.id for f in found.verdict.findings if f.stops]


def test_three_members_that_lie_ready_open_the_gate() -> None:
    found = ask()
    assert found.verdict.passed and found.switch == MEMBERS and found.unfinished == ()
    assert found.roll.action == "roll" and found.roll.members == MEMBERS
    assert found.roll.instant == NOW + timedelta(hours=4), "noon is a full five minutes already"
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain and plain["passed"]


@pytest.mark.parametrize("lost", MEMBERS)
@pytest.mark.parametrize("nothing", [None, {}])
def test_one_member_short_and_nothing_is_switched_anywhere(lost: str, nothing: Any) -> None:
    found = ask(everyone() | {lost: nothing})
    assert stops(found) == ["member.lost"] and not found.verdict.passed and found.roll.action == "none"
    absent = everyone()
    del absent[lost]
    assert stops(ask(absent)) == ["member.lost"]


def test_a_member_that_failed_while_it_was_prepared_closes_the_gate_and_says_why() -> None:
    found = ask(reasons={"edge2": "Import-StorePfx failed"})
    assert stops(found) == ["member.not-prepared"]
    assert found.verdict.findings[0].text == "Import-StorePfx failed" and found.verdict.findings[0].member == "edge2"


def test_evidence_of_another_run_does_not_count() -> None:
    stale = evidence(run=settings(run="20261122T000000Z-0000"), member="edge3")
    assert stops(ask(everyone() | {"edge3": stale})) == ["gate.other-run"]


def test_a_member_that_was_not_staged_closes_the_gate() -> None:
    bare = evidence(reply(), "edge3")
    found = ask(everyone() | {"edge3": bare})
    assert "gate.no-evidence" in stops(found)
    assert any("not staged yet" in f.text for f in found.verdict.findings)


def test_check_mode_judges_what_would_be_staged_and_opens_nothing() -> None:
    bare = {m: evidence(reply(), m) for m in MEMBERS}
    found = ask(bare, simulated=True)
    assert found.verdict.passed and found.verdict.simulated
    with pytest.raises(GateRefused):
        demand_gate(found, settings(), "edge1", bare["edge1"].digest, simulated=False)
    demand_gate(found, settings(), "edge1", bare["edge1"].digest, simulated=True)


def test_check_mode_does_not_believe_a_wish() -> None:
    rootless = [row for row in reply().rows("stores") if row["Store"] != "Root"]
    bare = {m: evidence(reply(stores=rootless), m) for m in MEMBERS}
    assert any(id.startswith("chain.") for id in stops(ask(bare, simulated=True)))


def test_the_findings_of_a_member_are_the_gate_s() -> None:
    broken = evidence(staged(keys=[key_test(new(), False, "Keyset does not exist")]), "edge2")
    found = ask(everyone() | {"edge2": broken})
    assert set(stops(found)) == {"key.unusable"} and {f.member for f in found.verdict.findings if f.stops} == {"edge2"}


def test_another_certificate_on_one_member() -> None:
    rows = [row for row in staged_rows() if row["RawData"] != new().der]
    odd = evidence(staged(stores=[*rows, keyed(internal())]), "edge3")
    assert not ask(everyone() | {"edge3": odd}).verdict.passed


def test_clocks_more_than_a_minute_apart() -> None:
    late = evidence(member="edge3", received=NOW + timedelta(seconds=61))
    assert stops(ask(everyone() | {"edge3": late})) == ["array.clock-differs"]
    near = evidence(member="edge3", received=NOW + timedelta(seconds=60))
    assert ask(everyone() | {"edge3": near}).verdict.passed


def test_a_run_that_wants_nothing_proves_nothing() -> None:
    assert "gate.no-evidence" in stops(ask(wanted={}))


def test_a_use_that_no_member_was_asked_about() -> None:
    more = {ACCESS: FACTS, INTERNAL: FACTS}
    assert "store.leaf-missing" in stops(ask(wanted=more))


# -- what will be done -------------------------------------------------------------------------------------------------


def test_members_that_have_it_already_are_not_switched() -> None:
    done = evidence(staged(assignments=use_rows(new())), "edge1")
    found = ask(everyone() | {"edge1": done}, av="leave")
    assert found.switch == ("edge2", "edge3")
    assert stops(found) == ["roll.passed-unrolled"], "tokens of the first are refused by the others already"


def test_a_renewed_array_has_nothing_to_do() -> None:
    found = ask({m: evidence(staged(assignments=use_rows(new())), m) for m in MEMBERS})
    assert found.verdict.passed and found.switch == () and found.roll.action == "none"


def test_a_member_that_an_earlier_run_left_is_closed_although_nothing_is_to_switch() -> None:
    told = journal("switched").dumps()
    left = evidence(staged(assignments=use_rows(new()), journal=journal_row(told)), "edge2")
    all_done = {m: evidence(staged(assignments=use_rows(new())), m) for m in MEMBERS}
    found = ask(all_done | {"edge2": left})
    assert found.verdict.passed and found.switch == () and found.unfinished == ("edge2",)


def test_an_instant_that_one_member_has_is_adopted_by_all() -> None:
    told = journal("rolled", uses={}, roll=roll_entry()).dumps()
    rolled = evidence(staged(journal=journal_row(told)), "edge1")
    found = ask(everyone() | {"edge1": rolled})
    assert found.roll.action == "roll" and found.roll.instant == LATER and found.roll.members == ("edge2", "edge3")


def test_different_instants_close_the_gate() -> None:
    members = everyone()
    for member, hours in (("edge1", 4), ("edge2", 5)):
        told = journal("rolled", uses={}, roll=roll_entry(instant=NOW + timedelta(hours=hours))).dumps()
        members[member] = evidence(staged(journal=journal_row(told)), member)
    assert stops(ask(members)) == ["roll.mixed"]


def test_the_latest_clock_and_the_longest_lifetime_decide_about_the_roll() -> None:
    members = everyone()
    members["edge3"] = evidence(staged(av=[{"MaxTokenLifetime": "29.23:45:00"}]), "edge3")
    assert stops(ask(members)) == ["roll.no-overlap"]
    dropped = ask(members, allow_call_drop=True)
    assert dropped.verdict.passed and dropped.roll.action == "replace"
    soon = NOW + timedelta(minutes=30, seconds=30)
    assert ask(roll_at=soon.isoformat()).verdict.passed
    ahead = {m: evidence(staged({"clock": NOW + timedelta(seconds=59)} if m == "edge2" else {}), m) for m in MEMBERS}
    assert stops(ask(ahead, roll_at=soon.isoformat())) == ["roll.no-overlap"]


@pytest.mark.parametrize("first", MEMBERS)
def test_the_certificate_in_force_that_ends_first_times_the_roll(first: str) -> None:
    """On any member: until the instant, and a token's lifetime behind it, that one has to live."""
    members = everyone()
    at = members[first].pending[AV]
    soon = NOW + timedelta(hours=10)
    members[first] = replace(members[first], pending={AV: replace(at, ends=soon)})
    found = ask(members)
    assert found.roll.action == "roll" and found.roll.instant == soon - timedelta(seconds=at.outlive)
    members[first] = replace(members[first], pending={AV: replace(at, ends=NOW + timedelta(hours=8))})
    assert stops(ask(members)) == ["roll.no-overlap"]


def test_members_without_any_av_certificate_get_it_with_the_switch() -> None:
    bare = {m: evidence(staged(assignments=use_rows(old())[:2]), m) for m in MEMBERS}
    found = ask(bare)
    assert found.roll.action == "replace" and found.roll.members == MEMBERS


def test_replacing_av_alone_is_a_switch() -> None:
    uses = [assigned(ACCESS, new()), assigned(DATA, new())]
    found = ask({m: evidence(staged(assignments=uses), m) for m in MEMBERS})
    assert found.roll.action == "replace" and found.switch == MEMBERS


def test_members_that_differ_already_are_told_about_not_blamed() -> None:
    uses = [*use_rows(old())[:2], assigned(AV, internal())]
    other = evidence(staged(assignments=uses), "edge3", settings(av="follow"))
    found = ask(everyone() | {"edge3": other})
    told = [f for f in found.verdict.findings if f.id == "array.thumbprint-differs"]
    assert len(told) == 1 and not told[0].stops and "edge3" in told[0].text and found.verdict.passed


def test_where_there_is_no_way_back_it_is_told_beforehand() -> None:
    ends = old().certificate.not_after - timedelta(hours=3)
    late = {m: evidence(staged({"clock": ends}), m, received=ends) for m in MEMBERS}
    found = ask(late, allow_call_drop=True)
    limited = [f for f in found.verdict.findings if f.id == "rollback.limited"]
    assert {f.member for f in limited} == set(MEMBERS) and {f.subject for f in limited} == {ACCESS, DATA}
    assert found.verdict.passed, "told, not refused"
    assert found.on_failure == found.to_dict()["on_failure"] == "hold", "half an array back is worse than none"
    assert ask().on_failure == "rollback" and ask(on_failure="hold").on_failure == "hold"
    assert "rollback.limited" not in ids(ask(late, allow_call_drop=True, on_failure="hold").verdict.findings)


# -- the roll and the switch demand the verdict ------------------------------------------------------------------------

DIGEST = evidence().digest


def refused(given: Any, digest: str = DIGEST, run: Any = None, member: str = "edge1") -> str:
    with pytest.raises(GateRefused) as said:
        demand_gate(given, run or settings(), member, digest, simulated=False)
    assert str(said.value).startswith(f"{member} is not touched")
    return str(said.value)


def test_the_verdict_of_this_run_over_this_read_lets_through() -> None:
    demand_gate(ask(), settings(), "edge1", DIGEST, simulated=False)


def test_no_verdict_no_switch() -> None:
    assert "from its beginning" in refused(None)


def test_a_verdict_that_cannot_be_read_is_none() -> None:
    with pytest.raises(PlainError):
        Gate.from_dict({**ask().to_dict(), "verdict": {"run": 7}})


def test_a_closed_gate_lets_nobody_through() -> None:
    closed = ask(everyone() | {"edge3": {}})
    refused(closed)
    refused(replace(closed, verdict=replace(closed.verdict, passed=True)))


def test_the_verdict_of_another_run_of_other_members_or_of_another_certificate() -> None:
    open_gate = ask()
    refused(open_gate, run=settings(run="20261124T000000Z-ffff"))
    refused(open_gate, run=settings(members=(*MEMBERS, "edge4")))
    refused(open_gate, run=settings(members=MEMBERS[:2]))
    refused(open_gate, run=settings(wanted={ACCESS: FACTS | {"thumbprint": OLD}}))
    refused(open_gate, run=settings(wanted={ACCESS: FACTS}))


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_member_that_is_not_as_it_was_at_the_gate(digest: str) -> None:
    refused(ask(), digest)
    refused(ask(), DIGEST, member="edge9")


def test_nothing_of_the_gate_is_lost_on_its_way_through_a_file() -> None:
    given = ask()
    gone = Gate.from_dict(json.loads(json.dumps(given.to_dict())))
    demand_gate(gone, settings(), "edge2", DIGEST, simulated=False)
    assert gone == replace(given, note="")
    assert NEW in str(gone) and finding("gate.missing").stops and error().message
