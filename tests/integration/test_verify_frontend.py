"""Front End servers and a Director on the lab: as they should be nothing is found, each planted fault is, and what only
can be verified is neither rolled out nor requested."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Start
from integration.controller import Controller, Run
from integration.test_verify import causes, only_read, told, verify
from lab.client import LabProcess

WHOLE = pytest.mark.whole
ENGINES = ["python", pytest.param("pwsh", marks=[pytest.mark.pwsh, WHOLE])]


def start(start_lab: Start, tmp_path: Path, **options: Any) -> tuple[LabProcess, Controller]:
    lab = start_lab(scenario="frontend-pool", **options)
    return lab, Controller(tmp_path / "controller", lab)


def reports(run: Run) -> Mapping[str, Any]:
    """Array -> what set_stats has of it."""
    (stats,) = run.of("set_stats")
    found: Mapping[str, Any] = stats["result"]["ansible_stats"]["data"]["ucops_verify"]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_a_healthy_pool_and_a_director_have_no_finding(start_lab: Start, tmp_path: Path, engine: str) -> None:
    """Each Front End has a certificate of its own, by right; one for the tokens is on all."""
    lab, controller = start(start_lab, tmp_path, engine=engine)
    before = lab.state()
    run = verify(controller).succeeded()
    assert told(run) == [] and causes(run) == set() and run.changed == 0, run.output[-6000:]
    only_read(before, lab.state())
    assert {array: (of["result"], of["verdict"], of["findings"]) for array, of in reports(run).items()} == {
        "frontend": ("ok", "alike", []),
        "director": ("ok", "alike", []),
    }
    assert "All 2 members carry the same OAuthTokenIssuer; of the rest each may have its own." in run.output
    assert "6 of 6 ports read" in run.output and "3 of 3 ports read" in run.output
    assert all(counts["commands"] == 1 for counts in lab.counts().values())


def give(lab: LabProcess, member: str, certificate: str, *uses: str, **options: Any) -> None:
    """A certificate with its key, assigned to uses; without any the key alone is added."""
    lab.configure(member, store={"store": "My", "add": [certificate], "key": True}, **options)
    lab.configure(member, assigned=dict.fromkeys(uses, certificate))


@pytest.mark.parametrize("engine", ENGINES)
def test_each_planted_fault_is_found_and_nothing_else(start_lab: Start, tmp_path: Path, engine: str) -> None:
    lab, controller = start(start_lab, tmp_path, engine=engine)
    lab.configure("front1", store={"store": "CA", "remove": ["corp-issuing"]})
    give(lab, "front2", "front2-expired", "Default")
    lab.configure("director1", assigned={"OAuthTokenIssuer": None})
    before = lab.state()
    run = verify(controller)
    assert run.rc == 2 and causes(run) == {
        ("store.intermediate-missing", "front1"),
        ("leaf.expired-in-use", "front2"),
        ("frontend.oauth-missing", "director1"),
    }, run.output[-6000:]
    only_read(before, lab.state())
    assert reports(run)["director"]["result"] == "warning"

    lab.configure("front1", store={"store": "CA", "add": ["corp-issuing"]})
    lab.configure("front2", assigned={"Default": "front2"})
    give(lab, "front2", "oauth-other", "OAuthTokenIssuer")
    give(lab, "front2", "front2-renewed", "Default", applies="on-restart")
    lab.configure("director1", assigned={"OAuthTokenIssuer": "oauth"}, services={"W3SVC": "Stopped"})
    before = lab.state()
    run = verify(controller)
    assert run.rc == 2 and causes(run) == {
        ("frontend.oauth-differs", "frontend"),
        ("wire.leaf-differs", "front2"),
        ("product.service-stopped", "director1"),
    }, run.output[-6000:]
    only_read(before, lab.state())
    assert reports(run)["frontend"]["verdict"] == "mixed"


def test_names_and_dates_and_ports_alone(start_lab: Start, tmp_path: Path) -> None:
    lab, controller = start(start_lab, tmp_path, iis="not-listed")
    give(lab, "front2", "front2-nameless", "Default")
    run = verify(controller, verify_names=["meet.contoso.example"])
    assert run.rc == 2 and causes(run) == {
        ("frontend.default-names", "front2"),
        ("names.not-covered", "front2"),
        ("wire.name-differs", "front2"),
    }, run.output[-6000:]
    give(lab, "front2", "front2-expired", "Default")
    assert causes(verify(controller, playbook="expiry")) == {("leaf.expired-in-use", "front2")}

    lab.configure("front2", assigned={"Default": "front2"})
    for member in ("front1", "front2", "director1"):
        lab.reachable(member, False)
    alone = {"verify_wire_only": True, "verify_fail_on": "warning"}
    assert told(verify(controller, **alone).succeeded()) == [], "each has its own certificate, and may"


def test_what_can_only_be_verified_is_refused_before_any_member_is_asked(start_lab: Start, tmp_path: Path) -> None:
    lab, controller = start(start_lab, tmp_path)
    only = "found frontend: a Front End server or Director can only be verified"
    for playbook in ("renew_edge_pool", "rollback"):
        run = controller.play(playbook, variables={"rollout_array": "frontend", "rollout_product": "frontend"})
        run.failed(f"rollout_product: expected edge or exchange, {only}")
    wanted = {
        "request_product": "frontend",
        "request_array": "frontend",
        "request_names": ["front1.corp.contoso.example"],
    }
    controller.play("request", variables=wanted).failed(f"request_product: expected edge or exchange, {only}")
    assert all(counts["commands"] == 0 for counts in lab.counts().values())


def test_a_first_look_names_the_uses_that_it_saw(start_lab: Start, tmp_path: Path) -> None:
    _lab, controller = start(start_lab, tmp_path)
    looked = {"rollout_bundles": None, "hostcheck_hosts": "frontend:director", "hostcheck_product": "frontend"}
    run = controller.play("hostcheck", variables=looked).succeeded()
    shown = "Get-CsCertificate: Default, WebServicesInternal, WebServicesExternal, OAuthTokenIssuer"
    assert run.output.count(shown) == 3


def test_an_edge_server_in_the_group_is_told_from_a_front_end(start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=1)
    run = verify(Controller(tmp_path / "controller", lab), verify_edge_arrays=[], verify_frontend_arrays=["edge"])
    run.failed("this is no Front End server and no Director", "AccessEdgeExternal")
    assert run.verdict == "unknown"
