# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every product has to keep to, whatever it is: driven over a fake member through the one conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.step import GateRefused
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.catalogue import CATALOGUE
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import stopping
from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import (
    Evidence,
    plain_plan,
    plan_from,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS, NotRolled, rolled
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import Product, Verified, can_roll
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Ask
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    OWN,
    Call,
    OutcomeUnknown,
    RemoteError,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_member import FakeMember
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.subjects import (
    NEXT,
    Subject,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW


def test_what_people_are_told_to_type_is_a_cmdlet_that_only_looks(subject: Subject) -> None:
    assert subject.product.cmdlets[subject.product.by_hand] == "read"


@pytest.fixture(params=sorted(PRODUCTS))
def verified(request: pytest.FixtureRequest) -> Verified[Any]:
    """Every product: all can be verified."""
    return PRODUCTS[request.param]


def told(fake: FakeMember) -> Journal:
    assert fake.journal is not None
    return Journal.loads(fake.journal)


# -- what a verification asks ------------------------------------------------------------------------------------------


def test_a_verification_reads_with_what_the_product_allows(verified: Verified[Any]) -> None:
    calls = verified.read("verify", Ask(verified.own({}), (), NOW))
    assert len({call.id for call in calls}) == len(calls)
    for call in calls:
        assert call.kind == "read" and call.name in {*OWN, *verified.cmdlets}, call.name
    assert {"stores", "keys", "events"} <= {call.id for call in calls}
    assert set(verified.load(verified.own({}))) <= {*verified.ways, *verified.shells}


def test_what_is_said_of_uses_is_said_of_uses_that_there_are(verified: Verified[Any]) -> None:
    assert len(set(verified.uses)) == len(verified.uses) > 0
    assert {*verified.services_of, *verified.outside, *verified.inside, verified.front} <= set(verified.uses)
    assert not verified.outside & verified.inside
    assert verified.succeeds in ("", *verified.uses)
    assert {verified.differs(use) for use in verified.uses} - {""} <= set(CATALOGUE), "a finding that there is"


def test_a_product_answers_all_that_it_says_it_can(verified: Verified[Any]) -> None:
    asked = {*dir(Product)} - {*dir(Verified)} | set(Product.__annotations__)
    answered = {name for name in asked if hasattr(verified, name)}
    if can_roll(verified):
        assert answered == asked and rolled(verified.name) is verified
    else:
        assert "switch" not in answered and "asks" not in answered
        with pytest.raises(NotRolled, match=f"found {verified.name}: a {verified.title} can only be verified"):
            rolled(verified.name)


# -- the switch and the way back ---------------------------------------------------------------------------------------


def test_nothing_is_left_to_do_after_the_switch(subject: Subject) -> None:
    fake = subject.fake()
    subject.renew(fake, subject.run())
    again = subject.look(fake, subject.run(run=NEXT)).evidence
    assert again.plan.empty and not again.plan.lines and again.wanted
    assert {use: again.assigned[use] for use in again.wanted if use not in again.pending} == {
        use: thumbprint for use, thumbprint in again.wanted.items() if use not in again.pending
    }


def test_the_way_back_leads_to_what_was_before(subject: Subject) -> None:
    fake, run = subject.fake(), subject.run()
    before = deepcopy(subject.looks(fake))
    evidence, gate = subject.ready(fake, run)
    assert subject.looks(fake) == before, "staging is seen by nobody"
    subject.go("switch", fake, run, evidence, gate)
    assert subject.looks(fake) != before
    seen = subject.look(fake, run)
    record = records.record_of(told(fake), run.run)
    assert subject.product.back(record, seen.state, seen.context).lines
    back = subject.go("take_back", fake, run)
    assert subject.looks(fake) == before
    seen = subject.look(fake, run)
    left = subject.product.back(record, seen.state, seen.context)
    assert left.empty and not left.lines, "the plan over what was before has nothing in it"
    assert not told(fake).uses and not told(fake).settings and back.plan.uses


def test_every_recorded_setting_has_its_after_in_the_end(subject: Subject) -> None:
    fake = subject.fake()
    subject.renew(fake, subject.run())
    journal = told(fake)
    assert journal.uses
    assert {name: subject.setting(fake, name) for name in journal.settings} == {
        name: entry.after for name, entry in journal.settings.items()
    }
    shown = subject.product.settings(subject.look(fake).state)
    recorded = {name: entry.after for name, entry in journal.settings.items() if name in shown}
    assert recorded == {name: shown[name] for name in recorded}


# -- an answer that is lost --------------------------------------------------------------------------------------------


def cuts(subject: Subject, fake: FakeMember, evidence: Evidence, gate: dict[str, Any]) -> list[tuple[int, int]]:
    """Every call of every document behind the gate, as (document, call)."""
    whole = deepcopy(fake)
    subject.finish(whole, subject.run(), evidence, gate)
    return [(number, place) for number, calls in enumerate(whole.documents) for place in range(len(calls))]


def broken(
    subject: Subject, ready: tuple[FakeMember, Evidence, dict[str, Any]]
) -> Iterator[tuple[FakeMember, tuple[int, int]]]:
    """The member after a rollout that broke at each call behind the gate, with the answer lost for good."""
    fake, evidence, gate = ready
    for number, place in cuts(subject, *ready):
        member = deepcopy(fake)
        member.fail = breaking(member, number, place)
        member.lost = {number: "after"}
        with pytest.raises((HostLost, OutcomeUnknown, PhaseFailed)):
            subject.finish(member, subject.run(), evidence, gate)
        member.forget()
        yield member, (number, place)


def breaking(member: FakeMember, document: int, place: int) -> Any:
    """Nothing of a document is done from this call on."""

    def fail(number: int, call: Call) -> RemoteError | None:
        at = member.documents[-1].index(call.id)
        return error("the process ended") if number == document and at >= place else None

    return fail


@pytest.fixture
def ready(subject: Subject) -> tuple[FakeMember, Evidence, dict[str, Any]]:
    """A member before its switch."""
    fake = subject.fake()
    evidence, gate = subject.ready(fake, subject.run())
    fake.forget()
    return fake, evidence, gate


def test_the_way_back_leads_out_of_each_lost_reply(subject: Subject, ready: Any) -> None:
    before, tried = deepcopy(subject.looks(ready[0])), 0
    for member, where in broken(subject, ready):
        subject.go("take_back", member, subject.run())
        assert subject.looks(member) == before, where
        tried += 1
    assert tried > 5


def test_a_new_run_leads_out_of_each_lost_reply_or_says_what_does(subject: Subject, ready: Any) -> None:
    goal = deepcopy(ready[0])
    subject.finish(goal, subject.run(), *ready[1:])
    run = subject.run(run=NEXT, take_over=subject.run().run)
    before, ways = deepcopy(subject.looks(ready[0])), set()
    for member, where in broken(subject, ready):
        seen = subject.go("read", member, run)
        if seen.ready:
            subject.renew(member, run)
            assert subject.looks(member) == subject.looks(goal), where
            assert told(member).state == "done" and member.lock is None
            ways.add("forward")
        else:
            assert {f.id for f in stopping(seen.findings)} <= {"journal.unfinished", "product.service-stopped"}, where
            assert any("rollback" in f.remedy for f in seen.findings)
            subject.go("take_back", member, replace(run, purpose="rollback", wanted={}))
            assert subject.looks(member) == before, where
            ways.add("back")
    assert "forward" in ways


def test_without_a_gate_nothing_is_switched(subject: Subject, ready: Any) -> None:
    fake, evidence, _ = ready
    with pytest.raises(GateRefused):
        subject.go("switch", fake, subject.run(), evidence, {})
    assert not fake.made


# -- what travels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["ready", "switched"])
def test_evidence_survives_the_way_through_facts(subject: Subject, phase: str) -> None:
    fake, run = subject.fake(), subject.run()
    evidence = subject.renew(fake, run) if phase == "switched" else subject.ready(fake, run)[0]
    evidence = evidence if phase == "switched" else subject.look(fake).evidence
    again = Evidence.from_plain(json.loads(json.dumps(evidence.to_plain())))
    assert again == evidence
    if phase == "ready":
        calls = [call for change in (*again.plan.changes, *again.plan.last) for call in change.calls]
        assert calls and not any(call.carries_key for call in calls)


def test_what_the_array_decided_survives_as_well(subject: Subject) -> None:
    fake, run = subject.fake(), subject.run()
    seen = subject.go("read", fake, run)
    assert subject.gate(seen, run)["passed"]
    whole = subject.product.array("array", {"m1": seen}, subject.product.own(run.own))
    plans = [*whole.plans.values(), *whole.before.values(), *whole.after.values()]
    assert [plan_from(json.loads(json.dumps(plain_plan(plan)))) for plan in plans] == plans


def test_the_journal_carries_the_rollout(subject: Subject, ready: Any) -> None:
    fake, evidence, gate = ready
    subject.go("switch", fake, subject.run(), evidence, gate)
    journal = told(fake)
    assert Journal.loads(journal.dumps()) == journal
    assert journal.product == subject.name and journal.state == "switched" and set(journal.uses) <= set(evidence.wanted)
    plan = plan_from(gate["plans"]["m1"]) if "m1" in gate["plans"] else evidence.plan
    assert {use: (e.before, e.after) for use, e in journal.uses.items()} == {
        use: (both.before, both.after) for use, both in plan.uses.items()
    }
    assert set(journal.settings) == set(plan.settings) and journal.services == plan.run


def test_uses_come_from_offers_alone(subject: Subject) -> None:
    """A member that lacks a use is not asked to have it, whatever else its state shows of it."""
    whole = subject.look(subject.fake()).evidence
    assert set(whole.wanted) <= set(whole.offers) <= set(subject.product.uses)
    for lacking in whole.wanted:
        offers = tuple(use for use in whole.offers if use != lacking)
        fewer = type("Fewer", (type(subject.product),), {"offers": lambda self, state, found=offers: found})()
        fake, run = subject.fake(), subject.run()
        for seen in (subject.look(fake, run, fewer).evidence, subject.go("read", fake, run, product=fewer)):
            assert seen.offers == offers
            told_of = [seen.wanted, seen.staged, seen.keys, seen.planned_keys, seen.plan.uses, seen.pending, seen.back]
            assert not [names for names in told_of if lacking in names], lacking
            assert set(seen.wanted) == set(whole.wanted) - {lacking}
        assert subject.gate(seen, run)["passed"], f"it closes no gate that it lacks {lacking}"
