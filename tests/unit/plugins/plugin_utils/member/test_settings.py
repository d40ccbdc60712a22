# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a run travel as facts, and come back the same."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import EDGE, settings
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import UNHURRIED

TEXT = st.text(max_size=8)


@UNHURRIED
@given(
    st.builds(
        Settings,
        run=st.text(min_size=1, max_size=8),
        array=TEXT,
        members=st.lists(TEXT, max_size=4).map(tuple),
        excluded=st.dictionaries(TEXT, TEXT, max_size=3),
        wanted=st.dictionaries(TEXT, st.dictionaries(TEXT, TEXT, max_size=2), max_size=3),
        names=st.lists(TEXT, max_size=3).map(tuple),
        window_hours=st.floats(0, 100),
        drain_seconds=st.integers(0, 9999),
        take_over=st.none() | st.just("20261101T000000Z-0001"),
        completed=st.booleans(),
        own=st.dictionaries(TEXT, st.none() | TEXT | st.booleans() | st.floats(0, 100), max_size=3),
    )
)
def test_settings_survive_the_way_through_a_fact(run: Settings) -> None:
    assert Settings.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_what_a_newer_controller_added_is_left_out() -> None:
    assert Settings.from_dict(settings().to_dict() | {"colour": "blue"}) == settings()


@pytest.mark.parametrize("data", [{}, {"run": ""}, {"array": "edge", "members": []}])
def test_a_start_in_the_middle_has_no_settings(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Start the playbook from its beginning"):
        Settings.from_dict(data)


@pytest.mark.parametrize("text", ["2026-11-24T02:00:00Z", "2026-11-24T02:00:00+00:00", "2026-11-24T03:00:00+01:00"])
def test_the_instant_of_the_roll_is_one_instant_however_it_is_written(text: str) -> None:
    assert EDGE.own({"roll_at": text}).roll_instant == datetime(2026, 11, 24, 2, tzinfo=timezone.utc)
    assert EDGE.own({"roll_at": None}).roll_instant is None


@given(roll_hours=st.floats(0, 100), allow_call_drop=st.booleans(), av=st.sampled_from(["auto", "follow", "leave"]))
def test_a_product_s_own_part_survives_it_too(roll_hours: float, allow_call_drop: bool, av: str) -> None:
    run = settings(roll_hours=roll_hours, allow_call_drop=allow_call_drop, av=av)
    own = EDGE.own(Settings.from_dict(json.loads(json.dumps(run.to_dict()))).own)
    assert (own.roll_hours, own.allow_call_drop, own.av) == (roll_hours, allow_call_drop, av)
