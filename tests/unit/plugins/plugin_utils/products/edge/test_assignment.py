# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Edge server by itself: what assigning takes, and what is refused because calls would drop."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.assignment import (
    AssignmentOrder,
    assignment_order,
    plan,
    refusals,
    unready,
    unshown,
    warnings,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    assigned,
    internal,
    issuing,
    key_test,
    keyed,
    new,
    old,
    root,
    staged_rows,
    state,
    stored,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW

LATER = NOW + timedelta(hours=4)
OLD, NEW = old().certificate.thumbprint, new().certificate.thumbprint
EXTERNAL = AssignmentOrder((DATA, ACCESS), NEW)
ROLL = AssignmentOrder((AV,), NEW, roll_at=LATER)
STAGED = state(staged_rows())


def test_each_use_that_differs_is_assigned_in_one_order() -> None:
    changes = plan(EXTERNAL, STAGED)
    assert [(c.kind, c.subject) for c in changes] == [("assign", ACCESS), ("assign", DATA)]
    assert plan(EXTERNAL, state(staged_rows(), use_rows(new()))) == ()
    assert refusals(EXTERNAL, STAGED) == (), "no call depends on these"


def test_a_roll_of_what_has_nothing_yet_is_an_assignment() -> None:
    bare = state(staged_rows(), [assigned(ACCESS, old())])
    assert [c.kind for c in plan(ROLL, bare)] == ["assign"]
    assert refusals(ROLL, bare) == ()


def test_a_roll_says_from_when_what() -> None:
    (change,) = plan(ROLL, STAGED)
    assert change.kind == "roll" and change.calls[0].parameters["EffectiveDate"] == LATER
    assert change.after.endswith("from 2026-11-23 16:00Z") and NEW in change.after and OLD in change.after


@pytest.mark.parametrize("seconds, left", [(0, 0), (59, 0), (-59, 0), (60, 1), (3600, 1)])
def test_a_roll_that_is_shown_is_done_to_the_minute(seconds: int, left: int) -> None:
    shown = state(staged_rows(), [assigned(AV, new(), LATER + timedelta(seconds=seconds), old())])
    assert len(plan(ROLL, shown)) == left


def test_a_roll_of_another_successor_is_not_this_one() -> None:
    other = state(staged_rows(), [assigned(AV, old()), assigned(AV, internal(), LATER)])
    (change,) = plan(ROLL, other)
    assert internal().certificate.thumbprint in change.before
    assert len(plan(ROLL, other, sent=True)) == 1, "it was sent, and the product shows another one"


def test_a_roll_that_the_product_keeps_to_itself_is_believed_only_after_it_was_sent() -> None:
    assert len(plan(ROLL, STAGED)) == 1
    assert plan(ROLL, STAGED, sent=True) == ()
    assert unshown(ROLL, STAGED)
    assert not unshown(ROLL, state(staged_rows(), [assigned(AV, new(), LATER, old())]))
    assert not unshown(ROLL, state(staged_rows(), use_rows(old(), new()))), "the successor is in force already"
    assert not unshown(EXTERNAL, STAGED)


# -- calls in progress -------------------------------------------------------------------------------------------------


def test_replacing_av_at_once_is_refused_unless_calls_may_drop() -> None:
    order = AssignmentOrder((AV, ACCESS), NEW)
    (problem,) = refusals(order, STAGED)
    assert problem.id == "roll.needed" and "roll: true" in problem.text and problem.evidence == {"current": OLD}
    assert refusals(replace(order, allow_call_drop=True), STAGED) == ()
    assert refusals(order, state(staged_rows(), use_rows(new()))) == (), "nothing is replaced"


def test_taking_av_away_is_refused_unless_calls_may_drop() -> None:
    order = AssignmentOrder((AV,), None, remove=True)
    (problem,) = refusals(order, STAGED)
    assert problem.id == "roll.needed" and problem.text.startswith("removing") and "roll it" not in problem.text
    assert refusals(replace(order, allow_call_drop=True), STAGED) == ()


@pytest.mark.parametrize("minutes", [0, -1, -600])
def test_an_instant_that_has_passed_by_the_member_s_clock(minutes: int) -> None:
    order = replace(ROLL, roll_at=NOW + timedelta(minutes=minutes), allow_call_drop=True)
    (problem,) = refusals(order, STAGED)
    assert problem.id == "roll.too-soon" and "2026-11-23 12:00Z" in problem.text


def test_the_old_certificate_has_to_outlive_the_tokens() -> None:
    ends = old().certificate.not_after
    last = ends - timedelta(hours=8)
    assert refusals(replace(ROLL, roll_at=last), STAGED) == ()
    (problem,) = refusals(replace(ROLL, roll_at=last + timedelta(minutes=1)), STAGED)
    assert problem.id == "roll.no-overlap" and f"up to {last:%Y-%m-%d %H:%M}Z" in problem.text
    assert refusals(replace(ROLL, roll_at=last + DAY, allow_call_drop=True), STAGED) == ()


def test_the_end_of_a_certificate_that_left_the_store_is_what_the_product_says() -> None:
    gone = state([stored(root(), "Root"), stored(issuing(), "CA"), keyed(new())], [assigned(AV, old())])
    late = replace(ROLL, roll_at=old().certificate.not_after)
    assert [p.id for p in refusals(late, gone)] == ["roll.no-overlap"]


@pytest.mark.parametrize("minutes, told", [(29, True), (30, False)])
def test_little_lead_is_told_not_refused(minutes: int, told: bool) -> None:
    order = replace(ROLL, roll_at=NOW + timedelta(minutes=minutes))
    assert refusals(order, STAGED) == ()
    assert bool(warnings(order, STAGED)) is told
    if told:
        assert "only 29 minutes ahead" in warnings(order, STAGED)[0]
    assert warnings(EXTERNAL, STAGED) == ()


# -- readiness ---------------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_there_has_to_be_imported_first() -> None:
    (problem,) = unready(EXTERNAL, state())
    assert problem.id == "store.leaf-missing" and "ucops.certificates.store" in problem.text
    assert [p.id for p in unready(replace(EXTERNAL, check_ready=False), state())] == ["store.leaf-missing"]


def test_a_member_that_would_send_an_incomplete_chain_is_not_ready() -> None:
    bare = state([stored(root(), "Root"), keyed(old()), keyed(new())], keys=[key_test(new())])
    order = replace(EXTERNAL, intended=(issuing().certificate,))
    assert {p.id for p in unready(order, bare)} == {"store.intermediate-missing", "chain.issuer-missing"}
    assert unready(replace(order, check_ready=False), bare) == ()
    assert unready(order, state(staged_rows(), keys=[key_test(new())])) == ()


@pytest.mark.parametrize(
    "clock, expected",
    [(new().certificate.not_after + DAY, "leaf.expired"), (new().certificate.not_before - DAY, "leaf.not-yet-valid")],
)
def test_the_member_s_clock_decides_whether_it_is_valid(clock: datetime, expected: str) -> None:
    assert [p.id for p in unready(EXTERNAL, state(staged_rows(), clock=clock))] == [expected]


def test_nothing_to_do_needs_no_readiness() -> None:
    assert unready(EXTERNAL, state([], use_rows(new()))) == ()
    assert unready(AssignmentOrder((ACCESS,), None, remove=True), state([])) == ()


# -- removing ----------------------------------------------------------------------------------------------------------


def test_removing_takes_what_is_named_and_never_asks() -> None:
    """Remove-CsCertificate prompts for a certificate in use; a prompt would hang."""
    (change,) = plan(AssignmentOrder((ACCESS,), OLD, remove=True), STAGED)
    assert change.kind == "unassign" and change.after == ""
    assert change.calls[0].parameters == {"Type": [ACCESS], "Force": Switch(True), "Confirm": Switch(False)}
    assert plan(AssignmentOrder((ACCESS,), NEW, remove=True), STAGED) == (), "another one is in use"
    assert len(plan(AssignmentOrder((ACCESS, DATA), None, remove=True), STAGED)) == 2
    assert plan(AssignmentOrder((ACCESS,), None, remove=True), state(uses=[])) == ()


# -- what the options mean ---------------------------------------------------------------------------------------------

PRESENT: dict[str, Any] = {
    "state": "present", "use": [ACCESS], "thumbprint": OLD, "roll": False, "allow_call_drop": False, "check_ready": True
}  # fmt: skip


@pytest.mark.parametrize(
    "options, roll_at, says",
    [
        ({"state": "absent", "roll": True}, None, "belong to state: present"),
        ({"state": "absent"}, LATER, "belong to state: present"),
        ({"thumbprint": None}, None, "needs thumbprint or bundle"),
        ({"roll": True, "use": [AV]}, None, "roll needs effective_date"),
        ({}, LATER, "counts only with roll: true"),
        ({"roll": True, "use": [AV, ACCESS]}, LATER, "only AudioVideoAuthentication can be rolled"),
        ({"thumbprint": "12 34"}, None, "expected 40 hexadecimal digits"),
    ],
)
def test_what_cannot_be_meant_is_said(options: dict[str, Any], roll_at: datetime | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        assignment_order(PRESENT | options, None, roll_at)


def test_a_thumbprint_may_be_pasted_from_the_certificate_viewer() -> None:
    pasted = "\u200e" + " ".join(OLD[i : i + 2].lower() for i in range(0, 40, 2))
    assert assignment_order(PRESENT | {"thumbprint": pasted}, None, None).thumbprint == OLD
    assert assignment_order(PRESENT | {"state": "absent", "thumbprint": None}, None, None).thumbprint is None
