# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several arrays: which comes when, and how all of it ended; and the plan that somebody approved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import approved, waves
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.decide import gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.waves import Ended
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import Refused
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    MEMBERS,
    NEW,
    everyone,
    evidence,
    reply,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

GOOD, BAD = Ended("ok", "all-new: fine"), Ended("failed", "mixed: look")


def test_waves_are_taken_in_their_order() -> None:
    given = [["a"], ["b", "c"], ["d"]]
    assert waves.arrays_of(given) == ("a", "b", "c", "d")
    assert [waves.before(given, name) for name in "abcd"] == [(), ("a",), ("a",), ("a", "b", "c")]
    assert waves.before(given, "z") == () == waves.before([], "a")


@pytest.mark.parametrize("given", [[], "a", [[]], ["a"], [[1]], [["a"], [""]], {"a": 1}, [["a"], ["b", "a"]]])
def test_waves_that_cannot_be_meant(given: Any) -> None:
    with pytest.raises(Refused, match="No member was touched"):
        waves.arrays_of(given)


def test_a_wave_waits_for_all_of_the_one_before() -> None:
    waves.demand_proven("c", {"a": GOOD, "b": Ended("planned", "x")})
    for short in (BAD, Ended("refused", "no"), Ended()):
        with pytest.raises(Refused, match="(?s)on c: the wave before is not proven.*  b: ") as found:
            waves.demand_proven("c", {"a": GOOD, "b": short})
        assert "  a:" not in str(found.value)


def test_the_end_names_every_array() -> None:
    assert waves.summed({"a": GOOD, "bb": GOOD}) == (
        True, "Every array ended well.\n  a   all-new: fine\n  bb  all-new: fine",
    )  # fmt: skip
    well, text = waves.summed({"a": GOOD, "b": BAD, "c": Ended()})
    assert not well and text.startswith("2 of 3 arrays did not end well.") and "did not come to its end" in text


def planned(seen: Any = None, **more: Any) -> tuple[str, ...]:
    run, found = settings(**more), seen or everyone()
    judged = gate(EDGE, EDGE.own(run.own), run, found, {}, NOW, simulated=False)
    return approved.plan_lines(run, judged, found)


def test_the_plan_is_the_same_before_and_after_staging_and_at_any_time() -> None:
    bare = {m: evidence(reply(), m) for m in MEMBERS}
    assert planned() == planned(bare) == planned(run="20270101T000000Z-ffff")
    assert any(NEW in line for line in planned()) and not any("2026-" in line for line in planned())


def test_another_plan_is_refused_with_what_is_different() -> None:
    lines, fewer = planned(), planned(members=MEMBERS[:2])
    approved.demand_plan("", lines, None)
    approved.demand_plan(f" {approved.digest(lines).upper()} ", lines, None)
    with pytest.raises(Refused, match="(?s)what is different.*-edge3 switch: AccessEdgeExternal") as found:
        approved.demand_plan(approved.digest(lines), fewer, lines)
    assert f"-e rollout_expect_plan={approved.digest(fewer)}" in str(found.value) and "\n  -edge1 " not in str(
        found.value
    )
    with pytest.raises(Refused, match="(?s)no report of the approved plan was found.*edge1 switch"):
        approved.demand_plan("0" * 16, fewer, None)


def test_a_change_of_a_setting_is_another_plan() -> None:
    seen = everyone()
    other = replace(seen["edge1"], plan=replace(seen["edge1"].plan, stop=("X",)))
    assert planned({**seen, "edge1": other}) != planned()
