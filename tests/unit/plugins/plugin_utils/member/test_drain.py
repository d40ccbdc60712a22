# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for calls to end, with a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock, DrainExpired, drain
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import UNHURRIED
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

NAMES = ("RTCSRV", "RTCDATAPROXY")


def status(left: Sequence[str] | None) -> dict[str, str]:
    """The status of each service, these still having work; None: it could not be read."""
    return {} if left is None else {name: "Paused" if name in left else "Stopped" for name in NAMES}


class Member:
    """Answers one status after the other, the last one for ever; ``cost`` is how many seconds an answer takes."""

    def __init__(self, *answers: Any, cost: float = 0.0) -> None:
        self.answers, self.cost = list(answers), cost
        self.time, self.polls = 0.0, 0
        self.slept: list[float] = []
        self.said: list[str] = []

    def look(self) -> dict[str, str]:
        self.polls += 1
        self.time += self.cost
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return status(given)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.time += seconds

    def drain(self, seconds: float = 60, poll: float = 15) -> None:
        clock = Clock(lambda: NOW + timedelta(seconds=self.time), lambda: self.time, self.sleep)
        drain(self.look, NAMES, clock, seconds=seconds, poll_seconds=poll, tell=self.said.append)


def test_services_without_work_are_not_waited_for() -> None:
    member = Member([])
    member.drain()
    assert member.polls == 1 and member.slept == []


def test_it_waits_until_the_last_call_has_ended() -> None:
    member = Member(NAMES, NAMES, ["RTCSRV"], [])
    member.drain()
    assert member.polls == 4 and member.slept == [15, 15, 15]
    assert member.said[-1] == "draining: RTCSRV still has calls, 30 s left"


def test_at_the_deadline_it_says_who_still_had_calls() -> None:
    member = Member(["RTCSRV"])
    with pytest.raises(DrainExpired, match="RTCSRV still had calls after 60 s") as expired:
        member.drain()
    assert expired.value.left == ("RTCSRV",) and member.time == 60


def test_no_time_at_all_is_a_deadline_that_has_passed() -> None:
    with pytest.raises(DrainExpired):
        Member(["RTCSRV"]).drain(seconds=0)


def test_the_last_pause_is_cut_at_the_deadline() -> None:
    member = Member(["RTCSRV"])
    with pytest.raises(DrainExpired):
        member.drain(seconds=40, poll=15)
    assert member.slept == [15, 15, 10]


@UNHURRIED
@given(st.floats(0, 300), st.floats(0.1, 60), st.floats(0, 20))
def test_it_ends_soon_after_the_deadline_however_slow_the_member_answers(s: float, poll: float, cost: float) -> None:
    member = Member(["RTCSRV"], cost=cost)
    with pytest.raises(DrainExpired):
        member.drain(seconds=s, poll=poll)
    assert s <= member.time <= s + cost + 0.001


def test_a_status_that_could_not_be_read_does_not_end_the_drain() -> None:
    member = Member(NAMES, None, ["RTCSRV"], [])
    member.drain()
    assert member.polls == 4
    with pytest.raises(DrainExpired):
        Member(None).drain()


def test_a_member_that_is_lost_ends_it_at_once() -> None:
    member = Member(NAMES, HostLost("gone", may_have_applied=False))
    with pytest.raises(HostLost):
        member.drain()
    assert member.polls == 2
