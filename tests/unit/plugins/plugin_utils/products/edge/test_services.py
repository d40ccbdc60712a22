# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a certificate concerns, and in which order they go down and come up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import from_problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.cs import services as cs
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import service_plan, services
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    SERVICES,
    UNHURRIED,
    running,
)

ALL = dict.fromkeys(SERVICES, "Running")
STATUS = st.sampled_from(["Running", "Stopped", "Paused", "StopPending"])
OTHERS = ("RTCXMPPTGWPXY", "RTCCLSAGT", "AAA")
"""Services that not every Edge Server has."""
MEMBER = st.dictionaries(st.sampled_from((*SERVICES, *OTHERS)), STATUS)


@pytest.mark.parametrize(
    "uses, expected",
    [
        ([ACCESS], ("RTCSRV",)),
        ([DATA, ACCESS], ("RTCSRV", "RTCDATAPROXY")),
        ([AV], ("RTCMRAUTH", "RTCMEDIARELAY")),
        ([INTERNAL], SERVICES),
        (["WebServicesExternal"], ()),
    ],
)
def test_the_services_of_a_use(uses: list[str], expected: tuple[str, ...]) -> None:
    assert services.affected(uses, SERVICES) == expected


def test_a_service_that_is_not_installed_is_left_out() -> None:
    assert services.affected([AV], ["RTCSRV", "RTCMRAUTH"]) == ("RTCMRAUTH",)


def test_names_are_compared_as_windows_does() -> None:
    assert cs.statuses([{"Name": "RtcSrv", "Status": "Running"}, {"Name": None}]) == {"RTCSRV": "Running"}


def test_stopping_goes_the_other_way_round_and_a_graceful_one_never_waits() -> None:
    """-Graceful waits without a limit; the deadline is ours."""
    calls = services.stop_calls(["RTCSRV", "RTCDATAPROXY"], graceful=True)
    assert [c.parameters["Name"] for c in calls] == ["RTCDATAPROXY", "RTCSRV"]
    assert all(c.parameters["NoWait"] == Switch(True) and "Force" not in c.parameters for c in calls)
    forced = services.stop_calls(["RTCSRV"], graceful=False)[0].parameters
    assert forced["Force"] == Switch(True) and "Graceful" not in forced


def test_starting_goes_in_order_and_waits_to_the_end() -> None:
    calls = services.start_calls(["RTCMEDIARELAY", "RTCSRV"])
    assert [c.parameters["Name"] for c in calls] == ["RTCSRV", "RTCMEDIARELAY"]
    assert all("NoWait" not in c.parameters for c in calls), "a service that does not start has to be an error there"


@UNHURRIED
@given(st.lists(st.sampled_from((*SERVICES, *OTHERS)), unique=True))
def test_services_that_nobody_knows_are_started_last_and_stopped_first(names: list[str]) -> None:
    started = [c.parameters["Name"] for c in services.start_calls(names)]
    stopped = [c.parameters["Name"] for c in services.stop_calls(names, graceful=True)]
    known = [s for s in SERVICES if s in names]
    assert set(started) == set(names) and started[: len(known)] == known
    assert stopped == list(reversed(started))


@UNHURRIED
@given(MEMBER)
def test_a_drain_is_over_when_every_service_is_seen_stopped(state: dict[str, str]) -> None:
    left = cs.not_stopped(SERVICES, state)
    assert set(left) == {s for s in SERVICES if state.get(s) != "Stopped"}


@UNHURRIED
@given(MEMBER)
def test_only_a_service_that_is_seen_running_runs(state: dict[str, str]) -> None:
    assert set(cs.not_running(SERVICES, state)) == {s for s in SERVICES if state.get(s) != "Running"}
    assert set(services.running(state)) == {s for s, status in state.items() if status == "Running"}


def test_a_service_that_is_down_before_the_switch_is_told_then() -> None:
    state = cs.statuses(running(RTCDATAPROXY="Stopped"))
    (problem,) = services.problems([ACCESS, DATA], state)
    assert problem.id == "product.service-stopped"
    assert problem.subject == "RTCDATAPROXY (Web Conferencing Edge)" and "found Stopped" in problem.text
    assert from_problem(problem).remedy.startswith("Start it with Start-CsWindowsService")
    assert list(services.problems([ACCESS], state)) == [], "that use has nothing to do with it"


# -- the module edge_service -------------------------------------------------------------------------------------------


@UNHURRIED
@given(MEMBER, st.lists(st.sampled_from(SERVICES), unique=True), st.sampled_from(service_plan.STATES))
def test_a_wish_come_true_leaves_nothing_and_asks_for_nothing_more(
    before: dict[str, str], names: list[str], wish: str
) -> None:
    plan = service_plan.plan(names, wish, before)
    after = before | dict.fromkeys(plan.stop, "Stopped") | dict.fromkeys(plan.start, "Running")
    assert service_plan.left(plan, after) == ()
    if wish != "restarted":
        assert service_plan.plan(names, wish, after).changes == ()
    assert {c.subject for c in plan.changes} <= set(names)
    assert set(plan.absent) == {n for n in names if n not in before}


def test_a_restart_brings_back_what_ran_and_was_stopped_along() -> None:
    plan = service_plan.plan(["RTCSRV"], "restarted", ALL | {"RTCMEDIARELAY": "Stopped"})
    assert plan.stop == ("RTCSRV",)
    assert plan.start == ("REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH")
    assert [c.as_line() for c in plan.changes] == ["RTCSRV: Running -> stopped, then Running"]


def test_a_restart_brings_back_a_dependent_that_nobody_knows() -> None:
    before = ALL | {"RTCXMPPTGWPXY": "Running", "RTCCLSAGT": "Stopped"}
    plan = service_plan.plan(["RTCSRV"], "restarted", before)
    assert plan.stop == ("RTCSRV",) and plan.start == (*SERVICES, "RTCXMPPTGWPXY")
    now = before | {"RTCXMPPTGWPXY": "Stopped"}
    assert service_plan.fallen(before, now) == ("RTCXMPPTGWPXY",), "also when a drain is broken off"
    assert service_plan.left(plan, now) == ("RTCXMPPTGWPXY does not run (Stopped)",)


def test_a_restart_of_what_is_stopped_is_a_start() -> None:
    plan = service_plan.plan(["RTCSRV"], "restarted", {"RTCSRV": "Stopped", "RTCMRAUTH": "Running"})
    assert (plan.stop, plan.start) == ((), ("RTCSRV",))


def test_a_service_that_hangs_is_stopped_and_what_did_not_obey_is_named() -> None:
    plan = service_plan.plan(["RTCSRV"], "stopped", {"RTCSRV": "Paused"})
    assert [c.as_line() for c in plan.changes] == ["RTCSRV: Paused -> Stopped"]
    assert service_plan.left(plan, {"RTCSRV": "Paused"}) == ("RTCSRV is not stopped (Paused)",)
    start = service_plan.plan(["RTCSRV"], "started", {"RTCSRV": "Stopped"})
    assert service_plan.left(start, {}) == ("RTCSRV does not run (not shown)",)


def test_stops_and_starts_end_with_a_look() -> None:
    for calls in (service_plan.stops(["RTCSRV"], True), service_plan.starts(["RTCSRV"])):
        assert calls[-1].name == "Get-CsWindowsService" and len(calls) == 2
