# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the A/V successor may take over, and what a run does with what an earlier one left."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.roll import MIN_LEAD, Standing, decide
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import UNHURRIED

NOW = datetime(2026, 11, 24, 14, 3, 27, tzinfo=timezone.utc)
LIFETIME = timedelta(hours=8)
MEMBERS = ("edge1", "edge2", "edge3")


def all_of(state: str, instant: datetime | None = None) -> dict[str, Standing]:
    return {member: Standing(state, instant, "OLD") for member in MEMBERS}


def test_one_instant_for_all_hours_ahead_on_a_full_five_minutes() -> None:
    decision = decide(all_of("needed"), NOW, NOW + timedelta(days=20), LIFETIME)
    assert (decision.action, decision.members) == ("roll", MEMBERS)
    assert decision.instant == datetime(2026, 11, 24, 18, 5, tzinfo=timezone.utc)


def test_a_rerun_adopts_the_instant_and_rolls_only_who_is_left() -> None:
    instant = NOW + timedelta(hours=1)
    standings = all_of("needed") | {"edge1": Standing("scheduled", instant, "OLD")}
    decision = decide(standings, NOW, NOW + timedelta(days=20), LIFETIME)
    assert (decision.action, decision.instant, decision.members) == ("roll", instant, ("edge2", "edge3"))


def test_all_rolled_is_nothing_to_do_and_tells_the_instant() -> None:
    instant = NOW + timedelta(hours=1)
    assert decide(all_of("scheduled", instant), NOW, None, LIFETIME).action == "none"
    assert decide(all_of("scheduled", instant), NOW, None, LIFETIME).instant == instant
    assert decide(all_of("done"), NOW, None, LIFETIME).action == "none"


def test_different_instants_stop() -> None:
    standings = {m: Standing("scheduled", NOW + timedelta(hours=h), "OLD") for h, m in enumerate(MEMBERS, 1)}
    decision = decide(standings, NOW, None, LIFETIME)
    assert (decision.action, decision.id) == ("stop", "roll.mixed")
    assert "edge1" in decision.text and "edge3" in decision.text


def test_the_instant_has_passed_with_a_member_not_rolled() -> None:
    standings = all_of("done") | {"edge3": Standing("needed", None, "OLD")}
    decision = decide(standings, NOW, NOW + timedelta(days=20), LIFETIME)
    assert (decision.action, decision.id, decision.members) == ("stop", "roll.passed-unrolled", ("edge3",))
    assert decide(standings, NOW, NOW + timedelta(days=20), LIFETIME, allow_call_drop=True).action == "replace"


def test_an_old_certificate_that_ends_soon_pulls_the_instant_forward() -> None:
    ends = NOW + LIFETIME + timedelta(hours=1)
    decision = decide(all_of("needed"), NOW, ends, LIFETIME)
    assert decision.action == "roll" and decision.instant is not None
    assert NOW + MIN_LEAD <= decision.instant <= ends - LIFETIME


def test_no_overlap_is_refused_unless_calls_may_drop() -> None:
    ends = NOW + LIFETIME
    assert decide(all_of("needed"), NOW, ends, LIFETIME).id == "roll.no-overlap"
    assert decide(all_of("needed"), NOW, ends, LIFETIME, allow_call_drop=True).action == "replace"


@pytest.mark.parametrize("minutes", [5, -60])
def test_an_instant_of_the_user_must_be_far_enough_ahead(minutes: int) -> None:
    decision = decide(all_of("needed"), NOW, NOW + timedelta(days=20), LIFETIME, at=NOW + timedelta(minutes=minutes))
    assert (decision.action, decision.id) == ("stop", "roll.no-overlap")


def test_without_any_certificate_yet_nothing_can_drop() -> None:
    assert decide(all_of("first"), NOW, None, LIFETIME).action == "replace"


@UNHURRIED
@given(
    hours=st.floats(0, 400),
    ahead=st.floats(0.5, 48),
    lifetime=st.integers(1, 60 * 24 * 3),
    states=st.lists(st.sampled_from(["needed", "done", "scheduled"]), min_size=3, max_size=3),
)
def test_no_roll_ever_breaks_the_two_rules(hours: float, ahead: float, lifetime: int, states: list[str]) -> None:
    """Whatever is decided: the old certificate outlives the instant by the token lifetime, and an adopted instant
    stays."""
    ends, span = NOW + timedelta(hours=hours), timedelta(minutes=lifetime)
    there = NOW + timedelta(minutes=40)
    pairs = zip(MEMBERS, states, strict=True)
    standings = {m: Standing(s, there if s == "scheduled" else None, "OLD") for m, s in pairs}
    decision = decide(standings, NOW, ends, span, hours_ahead=ahead)
    if decision.action == "roll":
        assert decision.instant is not None
        assert decision.instant >= NOW and decision.instant + span <= ends
        assert "done" not in states
        if "scheduled" in states:
            assert decision.instant == there
    assert decision.action != "replace"
