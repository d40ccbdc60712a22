# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A renewal that cannot wait: when it is refused, what it skips, where the old key lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import emergency, old_keys
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.decide import Gate, closed, gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.kept import Kept
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.old_keys import Elsewhere
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Run
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import Refused
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence, Held
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.records import own
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Emergency
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    FACTS,
    MEMBERS,
    NEW,
    OLD,
    everyone,
    evidence,
    ids,
    journal,
    journal_row,
    roll_entry,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    assigned,
    internal,
    keyed,
    new,
    old,
    running,
    staged_rows,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, issue, rsa_key

EXPIRED, COMPROMISED = Emergency("expired"), Emergency("compromised")
AFTER = NOW + timedelta(days=31)
"""A day after the certificate in use has ended."""
DOWN = running(RTCSRV="Stopped", RTCDATAPROXY="Stopped", RTCMRAUTH="Stopped", RTCMEDIARELAY="Stopped")
OLD_KEY = old().certificate.spki_sha256


def urgent(cause: Emergency, **more: Any) -> Settings:
    return emergency.urgent(settings(emergency=cause, **more))


def seen(run: Settings, at: Any = NOW, **rows: Any) -> dict[str, Evidence]:
    """Every member, as it is at that instant."""
    return everyone_at(staged({"clock": at}, **rows), run, at)


def everyone_at(read: Any, run: Settings, at: Any) -> dict[str, Evidence]:
    one = evidence(read, run=run, received=at)
    return {member: replace(one, member=member) for member in run.members}


def judged(run: Settings, known: dict[str, Evidence], elsewhere: dict[str, Elsewhere] | None = None) -> Gate:
    found = emergency.gate_findings(EDGE, run, known, known, elsewhere or {})
    made = gate(EDGE, EDGE.own(run.own), run, known, {}, NOW, False, found)
    return made if made.verdict.passed else closed(made, emergency.way_in(run, known))


def stops(found: Gate) -> list[str]:
    return sorted({f.id for f in found.verdict.findings if f.stops})


def of(found: Gate, id: str) -> Finding:
    return next(f for f in found.verdict.findings if f.id == id)


def test_expired_with_services_down_opens_the_gate_and_replaces_everything_at_once() -> None:
    run = urgent(EXPIRED)
    found = judged(run, seen(run, AFTER, services=DOWN))
    assert stops(found) == [] and found.roll.action == "replace" and found.on_failure == "hold"
    plan = found.plans["edge1"]
    assert set(plan.uses) == {ACCESS, DATA, AV}
    assert plan.stop == () and plan.start == ("RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY")
    assert plan.run == ("REPLICA", *plan.start)
    text = of(found, "emergency.skipped").text
    assert "calls drop" in text and "not taken back" in text and "not at all" in text and "one key on all" in text


def test_an_ordinary_run_in_the_same_night_names_the_way_in() -> None:
    run = settings()
    found = judged(run, seen(run, AFTER, services=DOWN))
    assert stops(found) == ["emergency.way-in", "product.service-stopped", "roll.no-overlap"]
    text = of(found, "emergency.way-in").text
    assert "-e rollout_emergency=expired" in text and "ended 2026-12-23 12:00Z, 24 h ago, on edge1, edge2" in text


def test_the_way_in_is_not_told_to_who_does_not_need_it() -> None:
    assert list(emergency.way_in(settings(), everyone())) == [], "twenty days are left"
    assert list(emergency.way_in(urgent(EXPIRED), seen(urgent(EXPIRED), AFTER))) == []
    done = everyone(staged(assignments=use_rows(new())))
    assert list(emergency.way_in(settings(), done)) == [], "it is renewed already"


@pytest.mark.parametrize(("left", "refused"), [(11, False), (13, True)])
def test_expired_is_refused_while_the_one_in_use_lives_longer_than_the_window(left: int, refused: bool) -> None:
    run = urgent(EXPIRED)
    at = old().certificate.not_after - timedelta(hours=left)
    found = judged(run, seen(run, at))
    assert stops(found) == (["emergency.not-expired"] if refused else [])
    if refused:
        assert "ends 2026-12-23 12:00Z, in 13 h" in of(found, "emergency.not-expired").text


def test_one_member_that_is_left_on_it_is_enough_and_none_is_no_refusal() -> None:
    run = urgent(EXPIRED)
    done = seen(run, AFTER, assignments=use_rows(new()))
    assert stops(judged(run, done)) == [], "repeated when all is done"
    half = {**done, "edge3": seen(run, AFTER, services=DOWN)["edge3"]}
    found = judged(run, half)
    assert stops(found) == [] and found.switch == ("edge3",)


def test_services_that_are_still_down_are_started_by_the_next_run() -> None:
    """The failure was in the start: everything is assigned, the journal is open, and services are down."""
    run = urgent(EXPIRED)
    open_journal = journal(services=("RTCSRV", "XMPP"))
    one = staged(
        {"clock": AFTER}, assignments=use_rows(new()), journal=journal_row(open_journal.dumps()),
        services=[*running(RTCSRV="Stopped"), {"Name": "XMPP", "Status": "Stopped"}],
    )  # fmt: skip
    known = {**seen(run, AFTER), "edge2": replace(evidence(one, run=run, received=AFTER), member="edge2")}
    found = judged(run, known)
    assert stops(found) == [] and known["edge2"].plan.start == ("RTCSRV", "XMPP")
    ordinary = evidence(one, run=settings(), received=AFTER)
    assert {"journal.unfinished", "product.service-stopped"} <= {f.id for f in ordinary.findings if f.stops}


def test_a_use_without_a_bundle_whose_certificate_has_expired_too() -> None:
    """The internal one: no service of an Edge server starts with it."""
    run, late = urgent(EXPIRED), internal().certificate.not_after + timedelta(days=1)
    found = judged(run, seen(run, late, services=DOWN))
    stays = of(found, "emergency.stays")
    assert stays.subject == "Internal" and stays.stops and "has expired" in stays.text and "edge1, edge2" in stays.text


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_compromised_key_is_found_on_all_members_and_arrays() -> None:
    run = urgent(COMPROMISED, elsewhere={"exchange": ("ex1", "ex2", "ex3"), "frontend": ("fe1",)})
    theirs = Held("ucops.certificates", "A" * 40, OLD_KEY, "mail", AFTER)
    elsewhere = {
        "ex1": Elsewhere("exchange", (theirs,)),
        "ex2": Elsewhere("exchange", (replace(theirs, key="other"),)),
        "ex3": Elsewhere("exchange", why="ex3 was lost: timed out"),
    }
    found = judged(run, seen(run), elsewhere)
    assert stops(found) == [] and found.roll.action == "replace" and found.plans["edge1"].uses[AV].after == NEW
    where = of(found, "emergency.key-lies")
    assert where.severity == "warning" and OLD in where.subject and where.evidence == {"key": OLD_KEY}
    assert f"edge: edge1, edge2, edge3 (LocalMachine\\My {OLD})" in where.text
    assert f"exchange: ex1 (LocalMachine\\ucops.certificates {'A' * 40})" in where.text
    texts = [f.text for f in found.verdict.findings if f.id == "emergency.not-looked"]
    assert len(texts) == 2 and "nobody looked at fe1" in texts[0] and "ex3 was lost: timed out" in texts[1]
    assert len(old_keys.lying(found.verdict.findings)) == 3


def test_a_key_that_lies_on_the_member_is_no_new_one_and_nothing_is_staged() -> None:
    again = issue("sip.contoso.example", key=rsa_key(which=2), serial=77)
    run = urgent(COMPROMISED)
    rows = [*staged_rows(), keyed(again)]
    one = evidence(staged(stores=rows), run=run)
    (found,) = [f for f in one.findings if f.id == "emergency.same-key"]
    assert found.stops and not one.ready and "has the same key as" in found.text
    assert "emergency.same-key" not in ids(evidence(staged(stores=rows), run=urgent(EXPIRED)).findings)
    assert "emergency.same-key" not in ids(evidence(run=run).findings), "the delivery itself, staged before"


def test_the_very_certificate_in_use_is_refused_over_the_array() -> None:
    run = urgent(COMPROMISED)
    found = judged(run, seen(run, assignments=use_rows(new())))
    assert stops(found) == ["emergency.same-key"] and "nothing is left to do" in of(found, "emergency.same-key").text
    half = {**seen(run, assignments=use_rows(new())), "edge3": seen(run)["edge3"]}
    assert stops(judged(run, half)) == [], "the run before ended at edge2"


def test_a_certificate_that_is_half_in_use_is_told() -> None:
    run = urgent(COMPROMISED)
    found = judged(run, seen(run, assignments=use_rows(new(), old())))
    assert stops(found) == []
    told = [f for f in found.verdict.findings if f.id == "emergency.used-already"]
    assert {f.subject for f in told} == {ACCESS, DATA} and all(OLD in f.text for f in told)


def test_a_use_that_keeps_the_compromised_key_closes_the_gate() -> None:
    run = urgent(COMPROMISED, wanted=dict.fromkeys((ACCESS, DATA), FACTS))
    one = replace(evidence(run=run), wanted={ACCESS: NEW, DATA: NEW}, pending={})
    found = judged(run, {member: replace(one, member=member) for member in MEMBERS})
    stays = of(found, "emergency.stays")
    assert stops(found) == ["emergency.stays"] and stays.subject == AV and "compromised key" in stays.text


def test_keys_in_force_waiting_and_of_an_unfinished_run_are_all_replaced() -> None:
    run = urgent(COMPROMISED)
    rows = use_rows(new(), old())
    mine = staged(assignments=rows, journal=journal_row(journal("switched").dumps()))
    known = everyone_at(mine, run, NOW)
    assert list(old_keys.replaced_keys(run, known, known)) == [OLD_KEY]
    without = {member: replace(one, held=()) for member, one in known.items()}
    assert old_keys.replaced_keys(run, without, without) == {}


def test_a_successor_that_waits_is_replaced_at_once_and_its_journal_forgets_it() -> None:
    run = urgent(COMPROMISED)
    rolled = journal("rolled", uses={}, roll=roll_entry())
    rows = [*use_rows(new(), old()), assigned(AV, new(), NOW + timedelta(hours=4), old())]
    known = everyone_at(staged(assignments=rows, journal=journal_row(rolled.dumps())), run, NOW)
    found = judged(run, known)
    assert found.roll.action == "replace" and found.switch == MEMBERS and found.before == {}
    assert "product.av-own-certificate" not in ids(found.verdict.findings), "it follows the external one"


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cause", "asked", "drain"), [(EXPIRED, 99, 0), (COMPROMISED, 99, 60), (COMPROMISED, 5, 5)])
def test_work_is_hardly_waited_for_and_a_failure_holds(cause: Emergency, asked: int, drain: int) -> None:
    run = urgent(cause, drain_seconds=asked)
    assert (run.drain_seconds, run.drain_expired, run.on_failure) == (drain, "continue", "hold")
    assert Settings.from_dict(run.to_dict()) == replace(run, wanted=dict(run.wanted)), "it goes through a file"


def test_without_an_emergency_everything_is_as_it_was() -> None:
    run = settings(elsewhere={"exchange": ("ex1",)})
    assert emergency.urgent(run) == replace(run, elsewhere={})
    assert emergency.gate_findings(EDGE, run, everyone(), everyone(), {}) == [] and evidence().held == ()


@pytest.mark.parametrize("purpose", ["settle", "rollback"])
def test_only_a_renewal_can_be_one(purpose: str) -> None:
    with pytest.raises(Refused, match=f"this is a {purpose}: leave it out"):
        emergency.urgent(settings(emergency=EXPIRED, purpose=purpose))


@pytest.mark.parametrize("given", ["expird", "yes", True, 3])
def test_a_cause_that_is_none(given: Any) -> None:
    with pytest.raises(ValueError, match="rollout_emergency: expected expired or compromised, found"):
        Emergency.of(given)


@pytest.mark.parametrize("given", [None, "", {"cause": ""}])
def test_no_cause(given: Any) -> None:
    assert not Emergency.of(given) and Emergency.of("expired").expired and not Emergency.of("expired").compromised


def first_words(succession: str) -> Sequence[str]:
    return emergency.beginning(urgent(COMPROMISED), succession)


def test_what_is_said_first() -> None:
    assert first_words("A/V authentication")[0] == "EMERGENCY: the key in use is compromised"
    assert any("not longer than 60 s" in line for line in first_words(""))
    assert len(first_words("A/V authentication")) == len(first_words("")) + 1, "there is nothing to roll on others"


def test_what_others_said_lies_beside_the_run(tmp_path: Path) -> None:
    run = urgent(COMPROMISED, elsewhere={"exchange": ("ex1", "ex2")})
    kept = Kept(tmp_path, "edge")
    kept.begin(Run(run), [])
    seen = Elsewhere("exchange", (Held("My", OLD, OLD_KEY, "sip", NOW),))
    kept.elsewhere(run, "ex1", seen)
    assert dict(kept.read().elsewhere) == {"ex1": seen}


def test_who_is_in_several_groups_is_looked_at_once_and_our_own_not_at_all() -> None:
    groups = {"edge": ["edge1", "edge2", "far1", "far2"], "far": ["far1", "far2"], "ours": ["edge1", "edge2"]}
    assert old_keys.others(groups, ["edge1", "edge2"]) == {"far": ["far1", "far2"]}


def test_the_way_back_to_a_compromised_key_needs_a_word() -> None:
    left = {"edge1": journal("switched", emergency="compromised")}
    with pytest.raises(Refused, match="emergency.no-way-back[^$]*edge1 leads to the key") as refused:
        emergency.demand_consent(settings(purpose="rollback"), left, ["edge1"])
    assert refused.value.result["findings"][0]["id"] == "emergency.no-way-back"
    emergency.demand_consent(emergency.urgent(settings(purpose="rollback", emergency=COMPROMISED)), left, ["edge1"])
    emergency.demand_consent(settings(purpose="rollback"), {"edge1": journal("switched")}, ["edge1"])
    assert own(None, urgent(COMPROMISED), evidence(run=urgent(COMPROMISED))).emergency == "compromised"
