"""Lost members and dead controllers, by name: each ends as the design says, and what is told is what is."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import judge
from integration import truth
from integration.controller import Controller, Run, alive
from lab.client import LabProcess


def back_again(lab: LabProcess, member: str) -> None:
    """The member is on the network again."""
    lab.clear_faults(member)
    lab.reachable(member, True)


def lost(run: Run, lab: LabProcess, member: str) -> None:
    """What must hold after a run that lost a member: an honest report, exit code, nothing dropped, nothing orphaned."""
    assert run.rc != 0
    assert run.verdict == "unknown" and run.report["verdict"]["lost"] == [member]
    assert (run.report_folder / "report.html").exists()
    judge.honest(run, lab, away=member)
    judge.tidy(lab)


def test_member_3_is_lost_while_it_is_staged(controller: Controller, lab: LabProcess) -> None:
    lab.fault("edge3", call="Import-StorePfx", do="down-after")
    run = controller.renew().failed("edge3")
    lost(run, lab, "edge3")
    judge.gated(run, lab)
    assert truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


@pytest.mark.whole
def test_member_3_is_lost_before_its_certificate_is_assigned(controller: Controller, lab: LabProcess) -> None:
    switched(controller, lab, "down-before", ["external-old", "external-old"])


def test_member_3_is_lost_after_its_certificate_is_assigned(controller: Controller, lab: LabProcess) -> None:
    switched(controller, lab, "down-after", ["external-new", "external-old"])


def switched(controller: Controller, lab: LabProcess, do: str, left_with: list[str]) -> None:
    """Lose member 3 at the first assignment of its switch; the other two are taken back."""
    lab.fault("edge3", call="Set-CsCertificate", nth=2, do=do)
    run = controller.renew().failed("edge3")
    lost(run, lab, "edge3")
    state = lab.state()
    assert [truth.carried(state["edge3"])[use] for use in (truth.ACCESS, truth.DATA)] == left_with
    for name in ("edge1", "edge2"):
        assert truth.member_truth(state[name]) == "old", f"{name} was not taken back"
        assert set(state[name]["services"].values()) == {"Running"}
        assert state[name]["av_pending"], "half a roll is worse than a whole one: it stays while edge3 cannot be asked"
    back_again(lab, "edge3")
    back = controller.rollback(**judge.what_it_asks_for(controller.rollback())).succeeded()
    assert back.verdict == truth.array_truth(lab.state()) == "all-old"
    assert all(member["av_pending"] is None for member in lab.state().values()), "now the roll can be cancelled"
    truth.all_running(lab)


def test_a_switched_member_is_lost_when_it_is_taken_back(controller: Controller, lab: LabProcess) -> None:
    lab.fault("edge2", call="Set-CsCertificate", nth=2, do="error")
    lab.fault("edge1", call="Stop-CsWindowsService", nth=3, do="down-before")
    run = controller.renew().failed("the lab was told to fail this call", "edge1")
    lost(run, lab, "edge1")
    state = lab.state()
    assert truth.member_truth(state["edge1"]) == "new", "it went before it was taken back"
    for name in ("edge2", "edge3"):
        assert truth.member_truth(state[name]) == "old"
        assert set(state[name]["services"].values()) == {"Running"}, f"{name}: {state[name]['services']}"
    assert "edge1" in str(run.report["findings"]) or "rollback.failed" in run.output
    back_again(lab, "edge1")
    back = controller.rollback(**judge.what_it_asks_for(controller.rollback())).succeeded()
    assert back.verdict == truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


@pytest.mark.whole
def test_all_members_are_lost_in_the_middle(controller: Controller, lab: LabProcess) -> None:
    for member in ("edge1", "edge3"):
        lab.fault(member, call="Set-Journal", nth=2, do="down-after")  # the end of its roll
    lab.fault("edge2", call="Set-Journal", nth=1, do="down-before")
    run = controller.renew().failed()
    assert run.verdict == "unknown" and "edge1" in run.report["verdict"]["lost"]
    judge.tidy(lab)
    for member in lab.state():
        back_again(lab, member)
    judge.converge(controller, lab, run)


def draining(lab: LabProcess, member: str) -> Callable[[], bool]:
    """Asks whether the member waits for its calls to end."""
    return lambda: "Paused" in lab.state()[member]["services"].values()


def test_the_controller_is_killed_in_the_switch(controller: Controller, lab: LabProcess, tmp_path: Path) -> None:
    lab.set_calls("edge2", 3)
    with controller.begin("renew_edge_pool", variables={"rollout_drain_seconds": 600}) as running:
        running.until(draining(lab, "edge2"), "edge2 was drained")
        orphans = running.workers()
        assert orphans
        running.kill()
    while any(alive(pid) for pid in orphans):
        assert lab.state()["edge2"]["calls"] == 3  # they end by themselves, without waiting for the calls
    state = lab.state()
    assert [truth.member_truth(state[name]) for name in ("edge1", "edge2", "edge3")] == ["new", "old", "old"]
    assert "Paused" in state["edge2"]["services"].values()
    dead = state["edge1"]["lock"]["run"]
    assert not list(controller.reports.glob("*/report.json")), "a dead controller writes no report"

    other = Controller(tmp_path / "another" / "controller", lab)
    refused = other.rollback().failed(dead, f"rollout_take_over={dead}")
    judge.honest(refused, lab)
    assert [truth.member_truth(m) for m in lab.state().values()] == ["new", "old", "old"], "it changed something"
    back = other.rollback(rollout_take_over=dead).succeeded()
    state = lab.state()
    assert back.verdict == truth.array_truth(state) == "all-old"
    truth.all_running(lab)
    judge.tidy(lab)
    assert state["edge2"]["calls"] == 3, "calls were cut"
    assert all(member["lock"] is None for member in state.values())


@pytest.mark.whole
def test_a_controller_that_wakes_up_again_does_no_harm(controller: Controller, lab: LabProcess, tmp_path: Path) -> None:
    """It was only asleep when another one took its lock and went back: what it wanted to do next is refused."""
    lab.set_calls("edge2", 3)
    with controller.begin("renew_edge_pool", variables={"rollout_drain_seconds": 600}) as running:
        running.until(draining(lab, "edge2"), "edge2 was drained")
        asleep = [running.process.pid, *running.workers()]
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        dead = lab.state()["edge1"]["lock"]["run"]
        other = Controller(tmp_path / "another", lab)
        other.rollback(rollout_take_over=dead).succeeded()
        lab.set_calls("edge2", 0)
        lab.configure("edge1", lock={"run": "20261123T235959Z-aaaa", "text": "{}"})
        lab.configure("edge2", lock={"run": "20261123T235959Z-aaaa", "text": "{}"})
        lab.configure("edge2", services={"RTCSRV": "Stopped", "RTCDATAPROXY": "Stopped"})  # the other one at work
        before = truth.lasting(lab.state())
        for pid in reversed(asleep):
            os.kill(pid, signal.SIGCONT)
        run = running.end().failed("run 20261123T235959Z-aaaa holds it")
    assert truth.lasting(lab.state()) == before, "a run that had lost its lock changed something"
    assert run.rc != 0


@pytest.mark.whole
def test_a_second_controller_is_refused(controller: Controller, lab: LabProcess, tmp_path: Path) -> None:
    lab.set_calls("edge1", 2)
    with controller.begin("renew_edge_pool", variables={"rollout_drain_seconds": 600}) as first:
        first.until(draining(lab, "edge1"), "edge1 was drained")
        holder = lab.state()["edge1"]["lock"]["run"]
        for playbook in ("renew", "rollback"):
            second = getattr(Controller(tmp_path / playbook, lab), playbook)()
            second.failed(holder, "rollout_take_over")
            assert {member["lock"]["run"] for member in lab.state().values()} == {holder}
        lab.set_calls("edge1", 0)
        run = first.end().succeeded()
    assert run.verdict == truth.array_truth(lab.state()) == "all-new"
    truth.all_running(lab)
    judge.tidy(lab)


@pytest.mark.whole
def test_two_controllers_start_at_once(controller: Controller, lab: LabProcess, tmp_path: Path) -> None:
    """At most one gets all members; whatever comes of it, nothing is lost and the next run goes through."""
    other = Controller(tmp_path / "other", lab)
    with controller.begin("renew_edge_pool") as one, other.begin("renew_edge_pool") as two:
        runs = [one.end(), two.end()]
    won = [run for run in runs if run.rc == 0]
    refused = [run for run in runs if run.rc != 0]
    assert refused, "both think that they have renewed the array"
    assert all(re.search(r"locked|holds it", run.output) for run in refused)
    assert truth.array_truth(lab.state()) == ("all-new" if won else "all-old")
    truth.all_running(lab)
    judge.tidy(lab)
    judge.converge(controller, lab, runs[0])
