"""Several arrays in one run: each with its group's settings, wave by wave; one that fails stops what waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import exchange_array, truth
from integration.conftest import Start
from integration.controller import Controller, Run
from lab.client import LabProcess


class Arrays:
    """Labs with one inventory: an Edge pool each, or an Exchange array, as a group with its own variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labs: dict[str, LabProcess] = {}
        self.groups: dict[str, Any] = {}
        self.controller: Controller | None = None

    def add(self, name: str, lab: LabProcess, product: str = "edge", key: str = "external.key.pem", **own: Any) -> None:
        """A lab's array as a group; ``own``: more of the group's variables."""
        given = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
        common = dict(given["vars"])
        vendor = lab.directory / "vendor"
        bundle = {
            "path": str(vendor / "complete.zip"),
            "password": (vendor / "password.txt").read_text(encoding="ascii").strip(),
            "key_path": str(vendor / key),
        }
        hosts = {f"{name}-{member}": host for member, host in given["children"][product]["hosts"].items()}
        settings = {"rollout_product": product, "rollout_bundles": {"external": bundle}, **common, **own}
        self.labs[name] = lab
        self.groups[name] = {"hosts": hosts, "vars": settings}

    def renew(self, *waves: list[str], arguments: tuple[str, ...] = (), **more: Any) -> Run:
        """The playbook over all of them."""
        inventory = self.folder / "all.yml"
        inventory.touch(mode=0o600)
        inventory.write_text(yaml.safe_dump({"all": {"children": self.groups}}), encoding="utf-8")
        if self.controller is None:
            self.controller = Controller(self.folder / "controller", next(iter(self.labs.values())))
        variables = {"rollout_bundles": None, "rollout_waves": list(waves), **more}
        return self.controller.play("renew", *arguments, variables=variables, inventory=inventory)

    def verdict(self, name: str) -> str:
        """What the array really is."""
        state = self.labs[name].state()
        exchange = self.groups[name]["vars"]["rollout_product"] == "exchange"
        return exchange_array.truth(state) if exchange else truth.array_truth(state)


def reports(run: Run) -> dict[str, Mapping[str, Any]]:
    """Array -> the report of its last run."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in run.reports.glob("*/report.json")]
    return {report["array"]: report for report in sorted(found, key=lambda report: str(report["run"]))}


@pytest.fixture
def arrays(tmp_path: Path) -> Arrays:
    return Arrays(tmp_path)


def test_an_edge_pool_and_an_exchange_array_in_one_run(arrays: Arrays, start_lab: Start) -> None:
    """Checked, renewed, and left alone the second time; each with its own product and its own bundle."""
    arrays.add("edge_a", start_lab(members=2), rollout_site="Munich")
    arrays.add(
        "mail",
        start_lab(scenario="exchange-array", product="exchange2016", members=2, second_hop="delegates"),
        "exchange",
        "mail.key.pem",
    )
    for arguments, verdict in (("--check",), "all-old"), ((), "all-new"), ((), "all-new"):
        run = arrays.renew(["edge_a", "mail"], arguments=arguments).succeeded()
        assert "Every array ended well." in run.output
        assert {name: report["verdict"]["verdict"] for name, report in reports(run).items()} == {
            "edge_a": verdict, "mail": verdict
        }  # fmt: skip
        assert {arrays.verdict(name) for name in arrays.labs} == {verdict}
    assert run.changed == 0
    assert reports(run)["edge_a"]["site"] == "Munich" and any(run.reports.glob("Munich-edge_a-*/report.html"))


def test_one_that_fails_does_not_stop_the_other_of_its_wave_but_the_next_wave(arrays: Arrays, start_lab: Start) -> None:
    for name in ("edge_a", "edge_b", "edge_c"):
        arrays.add(name, start_lab(members=2))
    broken = arrays.labs["edge_a"]
    broken.fault("edge2", do="error", call="Set-CsCertificate", nth=2)
    run = arrays.renew(["edge_a", "edge_b"], ["edge_c"]).failed("2 of 3 arrays did not end well")
    assert run.rc == 2
    assert [arrays.verdict(name) for name in ("edge_a", "edge_b", "edge_c")] == ["all-old", "all-new", "all-old"]
    told = reports(run)
    assert (told["edge_a"]["result"], told["edge_b"]["result"], told["edge_c"]["result"]) == ("failed", "ok", "refused")
    assert "the wave before is not proven" in run.output and "Set-CsCertificate" not in str(
        [member["ran"] for member in arrays.labs["edge_c"].state().values()]
    )
    assert all(member["lock"] is None for name in arrays.labs for member in arrays.labs[name].state().values())
    broken.clear_faults("edge2")
    arrays.renew(["edge_a", "edge_b"], ["edge_c"]).succeeded()
    assert {arrays.verdict(name) for name in arrays.labs} == {"all-new"}


@pytest.mark.whole
def test_an_array_that_cannot_be_begun_is_told_and_the_other_goes_on(arrays: Arrays, start_lab: Start) -> None:
    arrays.add("edge_a", start_lab(members=2), rollout_size=5)
    arrays.add("edge_b", start_lab(members=2))
    arrays.renew(["edge_a", "edge_b"]).failed("1 of 2 arrays did not end well", "rollout_size says 5 members")
    assert [arrays.verdict(name) for name in ("edge_a", "edge_b")] == ["all-old", "all-new"]
    assert not any(member["ran"] for member in arrays.labs["edge_a"].state().values())


@pytest.mark.parametrize(
    ("waves", "told"),
    [
        ([], "rollout_waves names"),
        (["edge_a"], "each a list of groups"),
        ([["edge_a"], ["edge_a"]], "names edge_a twice"),
    ],
)
def test_waves_that_cannot_be_meant_are_refused(arrays: Arrays, start_lab: Start, waves: Any, told: str) -> None:
    arrays.add("edge_a", start_lab(members=2))
    arrays.renew(*waves).failed("No member was touched", told)
    assert not any(member["ran"] for member in arrays.labs["edge_a"].state().values())


def test_the_plan_that_was_approved_is_the_plan_that_runs(arrays: Arrays, start_lab: Start) -> None:
    """Approved by its digest out of a check run; another plan is refused with what is different."""
    arrays.add("edge_a", start_lab(members=2))
    arrays.renew(["edge_a"], arguments=("--check",)).succeeded()
    (planned,) = reports(arrays.renew(["edge_a"], arguments=("--check",))).values()
    digest = planned["plan"]["digest"]
    other = arrays.renew(["edge_a"], rollout_expect_plan="0123456789abcdef")
    other.failed("rollout_expect_plan says 0123456789abcdef", digest, "no report of the approved plan was found")
    assert arrays.verdict("edge_a") == "all-old"
    fewer = arrays.renew(["edge_a"], rollout_expect_plan=digest, rollout_excluded={"edge_a-edge2": "broken disk"})
    fewer.failed("what is different", "-edge_a-edge2 switch: AccessEdgeExternal", "+array edge_a: edge_a-edge1")
    assert arrays.verdict("edge_a") == "all-old"
    assert arrays.renew(["edge_a"], rollout_expect_plan=digest).succeeded().report["plan"]["digest"] == digest
    assert arrays.verdict("edge_a") == "all-new"
