"""An inventory in which one address is given to two members: refused before any of them is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import truth
from integration.controller import Controller
from lab.client import LabProcess

Hosts = dict[str, Any]


def copied(hosts: Hosts) -> None:
    """edge2 and edge3 carry the ports of edge1."""
    for member in ("edge2", "edge3"):
        hosts[member]["rollout_endpoints"] = hosts["edge1"]["rollout_endpoints"]


def mixed_up(hosts: Hosts) -> None:
    """The Access Edge of edge2 has the address of edge3's, written otherwise."""
    of_edge3 = access(hosts["edge3"])
    access(hosts["edge2"])["host"] = "::ffff:" + of_edge3["host"]


def access(host: Mapping[str, Any]) -> dict[str, Any]:
    return next(port for port in host["rollout_endpoints"] if port["name"] == "Access Edge")


def inventory(controller: Controller, change: Callable[[Hosts], None]) -> Path:
    """The lab's inventory with a mistake in it."""
    data = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))
    change(data["all"]["children"]["edge"]["hosts"])
    file = controller.folder / f"{change.__name__}.yml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


@pytest.mark.parametrize(("change", "who"), [(copied, "edge1, edge2, edge3"), (mixed_up, "edge2, edge3")])
def test_a_renewal_is_refused(controller: Controller, lab: LabProcess, change: Any, who: str) -> None:
    told = (f"named by {who} in rollout_endpoints", "wire.address-shared", "No member was touched", "verify_front_ends")
    for way in ((), ("--check",)):
        controller.play("renew_edge_pool", *way, inventory=inventory(controller, change)).failed(*told)
    assert {name: counts["commands"] for name, counts in lab.counts().items()} == dict.fromkeys(lab.state(), 0)
    excluded = {"rollout_excluded": {"edge3": "broken disk"}}
    controller.play("renew_edge_pool", variables=excluded, inventory=inventory(controller, change)).failed(*told)
    assert truth.array_truth(lab.state()) == "all-old"


def test_a_verification_tells_it_and_judges_nobody_by_that_port(controller: Controller, lab: LabProcess) -> None:
    """Neither edge2 nor edge3 is as it should be by a port that may be the other one's."""
    variables = {"rollout_bundles": None, "verify_report_dir": str(controller.reports), "verify_warn_days": 14}
    run = controller.play("verify", variables=variables, inventory=inventory(controller, mixed_up))
    run.failed("wire.address-shared", "edge2, edge3")
    members = {member["name"]: member for member in run.report["members"]}
    for name, wire in ((n, [w for w in m["wire"] if w["endpoint"] == "Access Edge"]) for n, m in members.items()):
        assert bool(wire) is (name == "edge1"), (name, wire)
    assert all(any(f["id"] == "wire.address-shared" for f in members[m]["findings"]) for m in ("edge2", "edge3"))
    assert members["edge1"]["findings"] == []
    controller.play("verify", variables=variables).succeeded()


def test_a_rollback_is_not_held_up_by_it(controller: Controller, lab: LabProcess) -> None:
    lab.fault("edge2", do="error", call="Set-CsCertificate", nth=2)
    controller.renew(rollout_on_failure="hold").failed("the lab was told to fail this call")
    variables = {"rollout_bundles": None}
    back = controller.play("rollback", variables=variables, inventory=inventory(controller, copied)).succeeded()
    assert truth.array_truth(lab.state()) == "all-old" and back.verdict == "all-old"
    assert "wire.address-shared" in {finding["id"] for finding in back.report["findings"]}
    truth.all_running(lab)


@pytest.mark.whole
def test_what_is_proven_is_what_was_judged_for_that_member(controller: Controller, lab: LabProcess) -> None:
    """A port that is listed twice counts once, and the report has every member's own ports."""

    def twice(hosts: Hosts) -> None:
        hosts["edge2"]["rollout_endpoints"].append({**access(hosts["edge2"]), "name": "The same once more"})

    run = controller.play("renew_edge_pool", inventory=inventory(controller, twice)).succeeded()
    own = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]["children"]["edge"]["hosts"]
    assert "is listed 2 times; it counts once" in run.output
    for member in run.report["members"]:
        ports = {(p["host"], p["port"]) for p in own[member["name"]]["rollout_endpoints"]}
        assert {(wire["host"], wire["port"]) for wire in member["wire"]} == ports
        assert f"{member['name']}          proven on {len(ports)} port(s)" in run.output


@pytest.mark.whole
def test_ports_that_make_no_sense_are_named(controller: Controller, lab: LabProcess) -> None:
    def without_a_port(hosts: Hosts) -> None:
        del access(hosts["edge2"])["port"]

    for playbook in ("renew_edge_pool", "verify"):
        run = controller.play(playbook, inventory=inventory(controller, without_a_port))
        run.failed("edge2, entry 1", "expected a TCP port from 1 to 65535")
    assert {counts["commands"] for counts in lab.counts().values()} == {0}
