"""Drains that do not end, services that do not start, what is done about it; members left out on purpose."""

from __future__ import annotations

import pytest
import yaml

from integration import truth
from integration.controller import Controller
from lab.client import LabProcess


def test_a_drain_that_does_not_end_takes_the_array_back(controller: Controller, lab: LabProcess) -> None:
    lab.set_calls("edge2", 5)
    run = controller.renew(rollout_drain_seconds=0).failed("still had calls", "rollout_drain_expired")
    assert run.verdict == truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)
    assert lab.state()["edge2"]["calls"] == 5, "calls in progress were cut"
    truth.serves_nobody_wrong(lab)
    assert all(member["av_pending"] is None for member in lab.state().values()), "the roll was left scheduled"
    assert all(member["lock"] is None for member in lab.state().values())


@pytest.mark.whole
def test_a_drain_that_may_be_cut_short(controller: Controller, lab: LabProcess) -> None:
    lab.set_calls("edge2", 5)
    run = controller.renew(rollout_drain_seconds=0, rollout_drain_expired="continue").succeeded()
    state = lab.state()
    assert run.verdict == truth.array_truth(state) == "all-new"
    assert state["edge2"]["dropped"] == 5 and state["edge1"]["dropped"] == 0
    assert "edge2" in run.output and "stopped with what was left" in run.output
    truth.all_running(lab)


@pytest.mark.whole
def test_calls_that_end_in_time_are_waited_for(controller: Controller, lab: LabProcess) -> None:
    lab.set_calls("edge3", 6)
    lab.configure("edge3", hang_up=1)
    run = controller.renew(rollout_drain_seconds=60).succeeded()
    assert "draining" in run.output and run.verdict == "all-new"
    truth.serves_nobody_wrong(lab)


def test_a_service_that_does_not_start_again(controller: Controller, lab: LabProcess) -> None:
    lab.configure("edge2", service_fails="RTCDATAPROXY")
    run = controller.renew().failed("RTCDATAPROXY")
    state = lab.state()
    assert truth.array_truth(state) == "all-old"
    assert run.verdict == "mixed", "a port that does not answer any more is not all-old"
    assert any("cannot be read now" in why for why in run.report["verdict"]["reasons"]["edge2"])
    assert "edge3" not in {n for n, m in state.items() if "Stop-CsWindowsService" in m["ran"]}, "it did not stop there"
    assert set(state["edge1"]["services"].values()) == {"Running"}
    told = {finding["id"] for member in run.report["members"] for finding in member["findings"]}
    assert {"rollback.failed", "product.service-stopped"} & told, told

    lab.configure("edge2", service_fails="")
    back = controller.rollback()
    assert back.rc == 0, back.failures
    assert truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


def test_hold_leaves_everything_to_be_looked_at(controller: Controller, lab: LabProcess) -> None:
    lab.fault("edge2", do="error", call="Set-CsCertificate", nth=2)
    run = controller.renew(rollout_on_failure="hold").failed("the lab was told to fail this call")
    state = lab.state()
    assert run.verdict == truth.array_truth(state) == "mixed"
    assert truth.member_truth(state["edge1"]) == "new" and truth.member_truth(state["edge3"]) == "old"
    assert run.report["verdict"]["members"]["edge1"] == "new"
    back = controller.rollback().succeeded()
    assert back.verdict == truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


@pytest.mark.whole
def test_a_member_left_out_is_told_of_in_every_report(controller: Controller, lab: LabProcess) -> None:
    lab.reachable("edge3", False)
    lost = controller.renew().failed("edge3")
    assert lost.verdict == "unknown" and truth.array_truth(lab.state()) == "all-old"
    assert not {"Set-CsCertificate", "Stop-CsWindowsService"} & set(lab.state()["edge1"]["ran"])

    run = controller.renew(rollout_excluded={"edge3": "mainboard, back on Monday"}).succeeded()
    assert "mainboard, back on Monday" in run.output
    assert run.report["excluded"] == {"edge3": "mainboard, back on Monday"}
    assert run.verdict == "all-new" and truth.array_truth(lab.state(), ["edge1", "edge2"]) == "all-new"

    lab.reachable("edge3", True)
    assert truth.member_truth(lab.state()["edge3"]) == "old"
    back = controller.renew().succeeded()
    assert back.verdict == truth.array_truth(lab.state()) == "all-new"
    assert {m["av_pending"]["at"] for m in lab.state().values()} == {lab.state()["edge1"]["av_pending"]["at"]}


@pytest.mark.whole
def test_a_pool_of_one(controller: Controller, lab: LabProcess) -> None:
    """A group of its own with one member: the least array there is."""
    inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    edge = inventory["all"]["children"]["edge"]["hosts"]
    inventory["all"]["children"] = {"branch": {"hosts": {"edge1": edge["edge1"]}}}
    file = controller.folder / "branch.yml"
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    run = controller.play("renew_edge_pool", variables={"rollout_array": "branch"}, inventory=file).succeeded()
    assert run.verdict == "all-new" and truth.array_truth(lab.state(), ["edge1"]) == "all-new"
    assert truth.array_truth(lab.state(), ["edge2", "edge3"]) == "all-old"
