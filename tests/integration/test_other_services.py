"""An Edge pool with a service that not every Edge Server has: what ran before runs after, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration import truth
from integration.conftest import Start
from integration.controller import Controller
from integration.tasks import Tasks
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

XMPP = "RTCXMPPTGWPXY"
MEMBERS = ("edge1", "edge2", "edge3")


def plant(lab: LabProcess, *members: str, depends_on: str = "RTCSRV", status: str = "Running") -> None:
    for member in members or MEMBERS:
        lab.configure(member, service={"name": XMPP, "depends_on": depends_on, "status": status})


@pytest.mark.parametrize("engine", ["python", pytest.param("pwsh", marks=pytest.mark.whole)])
def test_a_renewal_brings_it_back_and_leaves_alone_what_was_stopped(
    start_lab: Start, tmp_path: Path, engine: str
) -> None:
    if engine == "pwsh" and find_pwsh() is None:
        pytest.skip("no pwsh on the PATH and none in a shared tools folder beside the checkout")
    lab = start_lab(engine=engine)
    plant(lab, "edge1", "edge2")
    plant(lab, "edge3", status="Stopped")
    before = {name: member["services"] for name, member in lab.state().items()}
    run = Controller(tmp_path / "controller", lab).renew().succeeded()
    assert run.verdict == truth.array_truth(lab.state()) == "all-new"
    assert {name: member["services"] for name, member in lab.state().items()} == before
    truth.serves_nobody_wrong(lab)


def test_a_renewal_that_is_taken_back_brings_it_back(controller: Controller, lab: LabProcess) -> None:
    plant(lab)
    lab.fault("edge2", do="error", call="Set-CsCertificate", nth=3)
    run = controller.renew().failed("the lab was told to fail this call")
    assert run.verdict == truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


def test_one_that_does_not_start_is_told_and_a_later_rollback_starts_it(
    controller: Controller, lab: LabProcess
) -> None:
    plant(lab)
    lab.configure("edge2", service_fails=XMPP)
    run = controller.renew().failed(XMPP)
    state = lab.state()
    assert truth.array_truth(state) == "all-old", "the certificates are back all the same"
    assert state["edge2"]["services"][XMPP] == "Stopped" and set(state["edge1"]["services"].values()) == {"Running"}
    told = {(f["id"], f["subject"]) for member in run.report["members"] for f in member["findings"]}
    assert ("product.service-stopped", XMPP) in told
    assert XMPP in json.loads(state["edge2"]["journal"])["services"], "nobody knows any more that it ran"

    again = Controller(controller.folder / "elsewhere", lab)
    again.rollback().failed(XMPP)
    lab.configure("edge2", service_fails="")
    again.rollback().succeeded()
    truth.all_running(lab)
    assert truth.array_truth(lab.state()) == "all-old"


def test_a_controller_that_dies_while_it_is_down(controller: Controller, lab: LabProcess) -> None:
    """The rollback from another controller reads in the journal that it ran."""
    plant(lab)
    lab.fault("edge1", do="timeout", call="Start-CsWindowsService", nth=3)  # after the two that were asked to stop
    with controller.begin("renew_edge_pool") as running:
        running.until(lambda: bool(lab.state()["edge1"]["faults"]["struck"]), "it was started again")
        running.kill()
    state = lab.state()["edge1"]
    assert state["services"][XMPP] == "Stopped"
    taken = {"rollout_take_over": state["lock"]["run"]} if state["lock"] else {}
    back = Controller(controller.folder / "elsewhere", lab).rollback(**taken).succeeded()
    assert back.verdict == truth.array_truth(lab.state()) == "all-old"
    truth.all_running(lab)


@pytest.mark.whole
def test_settling_brings_back_what_depends_on_av_authentication(controller: Controller, lab: LabProcess) -> None:
    plant(lab, depends_on="RTCMRAUTH")
    controller.renew().succeeded()
    lab.advance(5 * 3600)
    lab.configure("edge2", service_fails=XMPP)
    controller.settle().failed(XMPP)
    assert lab.state()["edge2"]["services"][XMPP] == "Stopped"
    lab.configure("edge2", service_fails="")
    controller.settle().succeeded()
    truth.all_running(lab)


@pytest.mark.whole
def test_the_module_edge_service_brings_it_back(lab: LabProcess, tmp_path: Path) -> None:
    plant(lab)
    tasks = Tasks(lab, tmp_path / "tasks")
    done = tasks.run({"edge_service": {"name": ["RTCSRV"], "state": "restarted", "drain_poll_seconds": 0.05}})
    assert done.rows[0]["result"]["services"][XMPP] == "Running"
    truth.all_running(lab)
