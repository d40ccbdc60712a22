"""How many tasks a run forks: one a member in a verification, a few more with each member of a renewal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from integration.conftest import Start
from integration.controller import Controller, Run
from integration.test_verify import told, verify

SERIAL = 10
"""Task results that a further member of a renewal may add, one after the other."""


def results(run: Run) -> Counter[str]:
    """Host to the number of its task results; what was skipped was forked, too."""
    return Counter(row["host"] for row in run.results)


def test_a_verification_is_one_task_a_member_and_tells_why_one_was_not_read(start_lab: Start, tmp_path: Path) -> None:
    """Also where the task failed before it began: no such connection plugin, a variable that nobody has defined."""
    lab = start_lab(members=4)
    controller = Controller(tmp_path / "controller", lab)
    healthy = results(verify(controller).succeeded())
    assert [healthy[f"edge{number}"] for number in (1, 2, 3, 4)] == [1, 1, 1, 1], healthy
    alone = healthy["localhost"]

    inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    hosts = inventory["all"]["children"]["edge"]["hosts"]
    hosts["edge1"]["ansible_connection"] = "carrier_pigeon"
    hosts["edge2"]["ansible_password"] = "{{ nobody_knows_it }}"
    lab.reachable("edge3", False)
    file = tmp_path / "inventory.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    given = {"rollout_bundles": None, "verify_report_dir": str(controller.reports), "verify_warn_days": 14}
    run = controller.play("verify", variables=given, inventory=file)
    assert run.rc == 2, run.output[-4000:]
    why = {found["member"]: found["text"] for found in told(run) if found["id"] == "member.lost"}
    assert set(why) == {"edge1", "edge2", "edge3"}, run.output[-4000:]
    assert "carrier_pigeon" in why["edge1"] and "nobody_knows_it" in why["edge2"], why
    count = results(run)
    assert count["edge4"] == 1 and count["localhost"] == alone
    assert not [row for row in run.results if row["status"] == "unreachable"], "a lost member is a failed task"


def test_a_member_that_is_left_out_is_told_and_not_asked(start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=2)
    run = verify(Controller(tmp_path / "controller", lab), verify_excluded={"edge2": "being replaced"}).succeeded()
    (row,) = run.of("verify_member", "edge2")
    assert row["status"] == "skipped" and "being replaced" in row["result"]["msg"]
    assert lab.counts()["edge2"]["commands"] == 0


def test_a_port_of_the_inventory_that_is_typed_wrong_is_refused_before_any_member_is_asked(
    start_lab: Start, tmp_path: Path
) -> None:
    """Members are not validated by Ansible once more; what only they have is still looked at, in both playbooks."""
    lab = start_lab(members=2)
    controller = Controller(tmp_path / "controller", lab)
    inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    port: dict[str, Any] = inventory["all"]["children"]["edge"]["hosts"]["edge2"]["rollout_endpoints"][0]
    port["server_nmae"] = port.pop("server_name")
    file = tmp_path / "inventory.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    for playbook in ("verify", "renew_edge_pool"):
        refused = controller.play(playbook, inventory=file).failed("of edge2, entry 1", "found server_nmae")
        assert set(refused.recap) == {"localhost"}
    assert all(counts["commands"] == 0 for counts in lab.counts().values())


def test_a_renewal_forks_a_few_tasks_more_with_each_member(start_lab: Start, tmp_path: Path) -> None:
    serial = {}
    for members in (2, 3, 4):
        run = Controller(tmp_path / f"controller{members}", start_lab(members=members)).renew().succeeded()
        count = results(run)
        assert [count[f"edge{number + 1}"] for number in range(members)] == [1] * members, count
        serial[members] = count["localhost"]
    assert serial[3] - serial[2] == serial[4] - serial[3] <= SERIAL, serial
