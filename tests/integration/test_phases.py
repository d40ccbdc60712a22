"""Phases run apart, and what cannot be got around: the gate, the whole array, the lock."""

from __future__ import annotations

import pytest

from integration import truth
from integration.conftest import Start
from integration.controller import Controller
from lab.client import LabProcess

CHANGING = {"Set-CsCertificate", "Stop-CsWindowsService", "Start-CsWindowsService", "Remove-CsCertificate"}
STAGING = {"Add-StoreCertificate", "Import-StorePfx"}


@pytest.fixture
def lab(start_lab: Start) -> LabProcess:
    """A pool of two: there is one before and one behind, and that is all that is needed here."""
    return start_lab(members=2)


def ran(lab: LabProcess) -> set[str]:
    """The names of all calls begun on any member."""
    return {call for member in lab.state().values() for call in member["ran"]}


def nothing_staged(lab: LabProcess) -> None:
    """No member got a certificate or a key."""
    assert not STAGING & ran(lab)
    nothing_switched(lab)


def nothing_switched(lab: LabProcess) -> None:
    """Every member is as it was, and no service was touched."""
    assert not CHANGING & ran(lab), ran(lab)
    assert truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


def test_stage_and_roll_in_the_afternoon_switch_and_prove_at_night(controller: Controller, lab: LabProcess) -> None:
    afternoon = controller.renew("--tags", "stage,roll,prove").succeeded()  # proof of what was done, not of the night
    state = lab.state()
    assert all(member["av_pending"] for member in state.values())
    assert all(member["assigned"][truth.ACCESS] != member["av_pending"]["thumbprint"] for member in state.values())
    assert not {"Stop-CsWindowsService", "Start-CsWindowsService"} & ran(lab)
    assert all(member["lock"] is None for member in state.values()), "the afternoon left a lock for the night"
    assert afternoon.verdict == truth.array_truth(state) == "all-old"

    lab.advance(2 * 3600)
    night = controller.renew("--tags", "switch,prove").succeeded()
    assert night.verdict == truth.array_truth(lab.state()) == "all-new"
    assert {m["av_pending"]["at"] for m in lab.state().values()} == {m["av_pending"]["at"] for m in state.values()}
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)


@pytest.mark.whole
def test_plan_gate_and_report_change_nothing(controller: Controller, lab: LabProcess) -> None:
    before = truth.lasting(lab.state())
    plan = controller.renew("--tags", "plan").succeeded()
    assert truth.lasting(lab.state()) == before
    assert "LocalMachine\\My" in plan.output or any(row["result"].get("evidence") for row in plan.of("rollout_member"))
    report = controller.renew("--tags", "report").succeeded()
    assert report.verdict == "all-old"
    gate = controller.renew("--tags", "gate").failed("not staged yet")
    assert gate.verdict == "all-old"
    assert truth.lasting(lab.state()) == before


@pytest.mark.whole
def test_stage_alone_then_gate_alone_then_roll_alone(controller: Controller, lab: LabProcess) -> None:
    controller.renew("--tags", "stage").succeeded()
    assert ran(lab) >= STAGING
    nothing_switched(lab)
    assert all(member["lock"] is None for member in lab.state().values())
    gate = controller.renew("--tags", "gate").succeeded()
    assert "gate open" in gate.output
    nothing_switched(lab)
    roll = controller.renew("--tags", "roll").succeeded()
    assert roll.verdict == "all-old" and all(member["av_pending"] for member in lab.state().values())
    assert truth.array_truth(lab.state()) == "all-old"


def test_switch_before_anything_is_staged_is_refused(controller: Controller, lab: LabProcess) -> None:
    run = controller.renew("--tags", "switch").failed("not staged yet")
    assert run.verdict == "all-old"
    nothing_staged(lab)


def test_skipping_the_gate_opens_nothing(controller: Controller, lab: LabProcess) -> None:
    run = controller.renew("--skip-tags", "gate").failed()
    assert "gate" in run.failures
    nothing_switched(lab)
    assert run.verdict == "all-old"


def test_starting_behind_the_gate_opens_nothing(controller: Controller, lab: LabProcess) -> None:
    for task in ("Judge whether every member is ready", "Go through the steps, member by member"):
        controller.play("renew_edge_pool", "--start-at-task", f"ucops.certificates.rollout : {task}").failed()
        nothing_staged(lab)


def test_a_delivery_without_its_intermediate(controller: Controller, lab: LabProcess) -> None:
    """The incident of 2013: refused at the gate, the missing certificate named, nothing switched, no key sent."""
    incomplete = {"external": controller.bundle("incomplete.zip")}
    run = controller.renew(rollout_bundles=incomplete).failed("chain.issuer-missing")
    assert "Secure Certificate Authority - G3" in run.failures and "with key identifier" in run.failures
    assert run.verdict == "all-old"
    nothing_switched(lab)
    assert "Import-StorePfx" not in ran(lab), "a key was staged although its chain is incomplete"


@pytest.mark.whole
def test_the_missing_intermediate_given_apart(controller: Controller, lab: LabProcess) -> None:
    mended = controller.bundle("incomplete.zip", extra_paths=[str(controller.vendor / "issuing-ca.crt")])
    assert controller.renew(rollout_bundles={"external": mended}).succeeded().verdict == "all-new"


@pytest.mark.whole
def test_no_member_in_two_runs(controller: Controller, lab: LabProcess) -> None:
    """Somebody else's run holds one member: nothing is changed on any, and its name and age are told."""
    lab.configure("edge2", lock={"run": "20261123T010203Z-beef", "text": '{"operator": "night shift"}', "age": 30})
    run = controller.renew().failed("20261123T010203Z-beef", "night shift", "rollout_take_over=20261123T010203Z-beef")
    nothing_switched(lab)
    assert lab.state()["edge2"]["lock"]["run"] == "20261123T010203Z-beef"
    assert run.verdict == "all-old"
    controller.renew("--check", rollout_take_over="20261123T010203Z-0000").failed("20261123T010203Z-beef")
    taken = controller.renew(rollout_take_over="20261123T010203Z-beef").succeeded()
    assert taken.verdict == "all-new"
    assert all(member["lock"] is None for member in lab.state().values())
