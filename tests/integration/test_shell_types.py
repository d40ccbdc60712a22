"""``ansible_shell_type: powershell`` for all hosts, as many inventories have it, localhost included."""

from __future__ import annotations

from pathlib import Path

import yaml

from integration import truth
from integration.controller import Controller
from lab.client import LabProcess

# From ansible-core 2.21 on it is wrong for winrm, whose shell is cmd, and Ansible says so.
ADVICE = "The winrm connection plugin should have the shell type of cmd"


def test_powershell_to_all(controller: Controller, lab: LabProcess, tmp_path: Path) -> None:
    held = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    assert "ansible_shell_type" not in held["all"]["vars"], "the lab's own inventory leaves it to the connection"
    held["all"]["vars"]["ansible_shell_type"] = "powershell"
    file = tmp_path / "inventory.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(held), encoding="utf-8")
    controller.warned = [ADVICE]
    run = controller.play("renew_edge_pool", inventory=file).succeeded()
    assert run.verdict == truth.array_truth(lab.state()) == "all-new"
    looks = {"rollout_bundles": None, "verify_report_dir": str(controller.reports), "verify_warn_days": 14}
    controller.play("verify", variables=looks, inventory=file).succeeded()
