# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array is now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.verdict import (
    ArrayVerdict,
    MemberFacts,
    WireFact,
    array_verdict,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report.examples import (
    ACCESS,
    AV,
    DATA,
    NEW,
    OLD,
    sha1,
)

OTHER = sha1("other")
WANTED = {ACCESS: NEW, DATA: NEW}
MEMBERS = ("edge1", "edge2", "edge3")
BEFORE = {name: {ACCESS: OLD, DATA: OLD} for name in MEMBERS}


def facts(access: str = NEW, data: str = NEW, **more: Any) -> MemberFacts:
    return MemberFacts({ACCESS: access, DATA: data}, **more)


def judge(*of: MemberFacts | None, **more: Any) -> ArrayVerdict:
    names = MEMBERS[: len(of)]
    return array_verdict(
        names,
        dict(zip(names, of, strict=True)),
        dict.fromkeys(names, more.pop("desired", WANTED)),
        more.pop("old", BEFORE),
        **more,
    )


def wire(leaf: str | None, counts: bool = True) -> tuple[WireFact, ...]:
    return (WireFact("Access Edge 192.0.2.1:443", ACCESS, leaf, counts),)


def test_all_new() -> None:
    verdict = judge(facts(), facts(), facts(wire=wire(NEW)))
    assert verdict.verdict == "all-new"
    assert verdict.text == "The new certificate is in use on all 3 members."


def test_all_old() -> None:
    verdict = judge(facts(OLD, OLD, wire=wire(OLD)), facts(OLD, OLD))
    assert verdict.verdict == "all-old"
    assert set(verdict.members.values()) == {"old"}


def test_mixed_says_which_member_is_what() -> None:
    verdict = judge(facts(), facts(OLD, OLD), facts(NEW, OLD))
    assert verdict.verdict == "mixed"
    assert verdict.members == {"edge1": "new", "edge2": "old", "edge3": "partly"}
    assert "edge3 between old and new" in verdict.text and "edge1 on the new" in verdict.text


def test_a_foreign_certificate_is_neither() -> None:
    verdict = judge(facts(), facts(NEW, OTHER))
    assert (verdict.verdict, verdict.members["edge2"]) == ("mixed", "other")
    assert verdict.reasons["edge2"] == (f"{DATA}: neither the old nor the new one",)


def test_a_use_without_a_certificate() -> None:
    verdict = judge(MemberFacts({ACCESS: NEW}))
    assert verdict.members["edge1"] == "other" and "no certificate is assigned" in verdict.reasons["edge1"][0]


def test_who_is_lost_makes_it_unknown() -> None:
    verdict = judge(facts(), None, facts(OLD, OLD))
    assert (verdict.verdict, verdict.lost) == ("unknown", ("edge2",))
    assert verdict.members == {"edge1": "new", "edge2": "lost", "edge3": "old"}
    assert "edge2 not heard of" in verdict.text


@pytest.mark.parametrize(
    ("leaf", "state", "word"),
    [
        (OLD, "partly", "the old one"),
        (OTHER, "other", f"another one ({OTHER})"),
        (None, "partly", "cannot be read now"),
    ],
)
def test_the_wire_contradicts_the_product(leaf: str | None, state: str, word: str) -> None:
    verdict = judge(facts(), facts(wire=wire(leaf)))
    assert (verdict.verdict, verdict.members["edge2"]) == ("mixed", state)
    assert word in verdict.reasons["edge2"][0]


def test_a_port_that_was_unreadable_before_proves_nothing() -> None:
    assert judge(facts(wire=wire(None, counts=False))).verdict == "all-new"


def test_members_that_are_partly_switched_alike_are_told_use_by_use() -> None:
    verdict = judge(facts(NEW, OLD), facts(NEW, OLD))
    assert (verdict.verdict, verdict.members) == ("mixed", {"edge1": "partly", "edge2": "partly"})
    assert verdict.text == f"Partly switched, alike on all 2 members: {ACCESS} new, {DATA} old."
    apart = judge(facts(NEW, OLD), facts(OLD, NEW))
    assert "alike" not in apart.text and "edge1, edge2 between old and new" in apart.text
    ported = judge(facts(NEW, OLD), facts(NEW, OLD, wire=wire(OLD)))
    assert "alike" not in ported.text, "a port says otherwise on one of them"


def test_no_member_proves_nothing() -> None:
    verdict = array_verdict((), {}, {}, {})
    assert (verdict.verdict, verdict.text) == ("unknown", "No member: nothing is proven.")
    nothing = judge(facts(), facts(), desired={})
    assert (nothing.verdict, nothing.text) == ("unknown", "No certificate was asked for, so nothing is proven.")


def test_a_port_is_not_held_against_what_nobody_knows() -> None:
    """A successor waits, and what was in force before it is not known."""
    waiting = MemberFacts({ACCESS: NEW, AV: OLD}, {AV: NEW}, (WireFact("A/V 192.0.2.1:443", AV, OTHER, True),))
    verdict = judge(waiting, desired={ACCESS: NEW, AV: NEW}, old={"edge1": {ACCESS: OLD}})
    assert verdict.members == {"edge1": "new"} and not verdict.reasons.get("edge1")
    known = judge(waiting, desired={ACCESS: NEW, AV: NEW}, old={"edge1": {ACCESS: OLD, AV: OLD}})
    assert known.members == {"edge1": "other"} and f"another one ({OTHER})" in known.reasons["edge1"][0]


def test_thumbprints_are_compared_as_they_are_copied() -> None:
    spaced = " ".join(NEW[i : i + 2] for i in range(0, 40, 2)).lower()
    assert judge(facts("\N{LEFT-TO-RIGHT MARK}" + spaced, spaced)).verdict == "all-new"


def test_a_waiting_successor_is_new_and_told() -> None:
    rolled = MemberFacts({ACCESS: NEW, AV: OLD}, {AV: NEW})
    verdict = judge(
        rolled, rolled, desired={ACCESS: NEW, AV: NEW}, old={name: {ACCESS: OLD, AV: OLD} for name in MEMBERS}
    )
    assert (verdict.verdict, verdict.pending) == ("all-new", (AV,))
    assert "takes over at its instant" in verdict.text


def test_rolled_but_not_switched_is_still_old_and_says_so() -> None:
    rolled = MemberFacts({ACCESS: OLD, AV: OLD}, {AV: NEW})
    verdict = judge(
        rolled, rolled, desired={ACCESS: NEW, AV: NEW}, old={name: {ACCESS: OLD, AV: OLD} for name in MEMBERS}
    )
    assert verdict.verdict == "all-old"
    assert verdict.pending == (AV,)
    assert "takes over at its instant" in verdict.text


def test_rolled_on_some_members_only_is_mixed() -> None:
    rolled = MemberFacts({ACCESS: OLD, AV: OLD}, {AV: NEW})
    plain = MemberFacts({ACCESS: OLD, AV: OLD})
    old = {name: {ACCESS: OLD, AV: OLD} for name in MEMBERS}
    assert judge(rolled, plain, desired={ACCESS: NEW, AV: NEW}, old=old).verdict == "mixed"


def test_announced_here_and_in_force_there_is_not_all_new() -> None:
    verdict = judge(
        MemberFacts({AV: OLD}, {AV: NEW}),
        MemberFacts({AV: NEW}),
        desired={AV: NEW},
        old={name: {AV: OLD} for name in MEMBERS},
    )
    assert verdict.verdict == "mixed"


def test_a_foreign_successor_is_not_the_old_state() -> None:
    assert judge(MemberFacts({AV: OLD}, {AV: OTHER}), desired={AV: NEW}, old={"edge1": {AV: OLD}}).verdict == "mixed"
    assert judge(MemberFacts({AV: NEW}, {AV: OTHER}), desired={AV: NEW}, old={"edge1": {AV: OLD}}).verdict == "mixed"


def test_a_foreign_certificate_is_not_pending_because_our_successor_waits() -> None:
    """Something else replaced the old one after the roll: it is neither, whatever is announced."""
    verdict = judge(MemberFacts({AV: OTHER}, {AV: NEW}), desired={AV: NEW}, old={"edge1": {AV: OLD}})
    assert verdict.uses["edge1"] == {AV: "other"} and verdict.pending == ()
    assert (verdict.verdict, verdict.members["edge1"]) == ("mixed", "other")
    unknown = judge(MemberFacts({AV: OTHER}, {AV: NEW}), desired={AV: NEW}, old={})
    assert unknown.uses["edge1"] == {AV: "pending"}, "what was before is not known, so nothing contradicts it"


def test_a_use_that_nobody_had_to_change_does_not_hide_a_take_back() -> None:
    before = {name: {ACCESS: OLD, DATA: NEW} for name in MEMBERS}
    assert judge(facts(OLD, NEW), facts(OLD, NEW), old=before).verdict == "all-old"
    assert judge(facts(NEW, NEW), facts(NEW, NEW), old=before).verdict == "all-new"
    assert judge(facts(NEW, NEW), facts(OLD, NEW), old=before).verdict == "mixed"
    assert judge(facts(OLD, OTHER), facts(OLD, NEW), old=before).verdict == "mixed"


def test_nothing_to_do_is_all_new() -> None:
    assert judge(facts(), facts(), old={name: WANTED for name in MEMBERS}).verdict == "all-new"


def test_a_member_that_was_new_before_stays_new_when_the_others_go_back() -> None:
    before = {"edge1": {ACCESS: NEW, DATA: NEW}, "edge2": {ACCESS: OLD, DATA: OLD}}
    assert judge(facts(), facts(OLD, OLD), old=before).verdict == "mixed"


def test_no_member_and_no_wish_prove_nothing() -> None:
    assert array_verdict((), {}, {"edge1": WANTED}, {}).verdict == "unknown"
    verdict = array_verdict(MEMBERS, {name: facts(OLD, OLD) for name in MEMBERS}, {}, BEFORE)
    assert verdict.verdict == "unknown" and verdict.text == "No certificate was asked for, so nothing is proven."
    assert set(verdict.members.values()) == {"old"}
    assert array_verdict(MEMBERS, {name: facts() for name in MEMBERS}, {}, BEFORE).members["edge1"] == "other"


def test_the_excluded_are_named() -> None:
    verdict = judge(facts(), excluded={"edge9": "burnt"})
    assert verdict.verdict == "all-new" and "edge9 is excluded (burnt)" in verdict.text


THUMBS = st.sampled_from([OLD, NEW, OTHER, ""])
WIRES = st.lists(
    st.builds(WireFact, st.just("p"), st.sampled_from([ACCESS, DATA]), st.one_of(st.none(), THUMBS), st.booleans()),
    max_size=2,
).map(tuple)
FACTS = st.one_of(
    st.none(),
    st.builds(
        MemberFacts,
        st.dictionaries(st.sampled_from([ACCESS, DATA]), THUMBS),
        st.dictionaries(st.sampled_from([ACCESS, DATA]), THUMBS),
        WIRES,
    ),
)
OLDS = st.dictionaries(st.sampled_from([ACCESS, DATA]), st.sampled_from([OLD, NEW, OTHER]))


@given(st.lists(st.tuples(FACTS, OLDS), max_size=4))
def test_all_new_is_never_said_without_proof(members: list[tuple[MemberFacts | None, dict[str, str]]]) -> None:
    names = [f"m{number}" for number in range(len(members))]
    reads = {name: of for name, (of, _) in zip(names, members, strict=True)}
    verdict = array_verdict(
        names, reads, dict.fromkeys(names, WANTED), {name: old for name, (_, old) in zip(names, members, strict=True)}
    )
    proven = bool(names)
    for read in reads.values():
        for use, wanted in WANTED.items():
            proven = proven and read is not None and wanted in (read.assigned.get(use), read.pending.get(use))
            proven = proven and all(
                fact.leaf == wanted
                for fact in read.wire
                if fact.use == use and fact.counts and read.assigned.get(use) == wanted
            )
    if verdict.verdict == "all-new":
        assert proven and not verdict.lost
    if None in reads.values() or not names:
        assert verdict.verdict == "unknown"
    assert set(verdict.members) == set(names) and verdict.text
    assert ArrayVerdict.from_dict(verdict.to_dict()) == verdict
