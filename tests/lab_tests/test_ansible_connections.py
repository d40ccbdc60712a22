"""Ansible's own winrm and psrp connection plugins against the lab, each way to connect."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible.release import __version__

from lab.inventory import FLAVOURS

from .conftest import Echo

ACTIONS = Path(__file__).parent / "action"
CORE = tuple(int(number) for number in __version__.split(".")[:2])
Task = dict[str, Any]


def play(
    echo: Echo, folder: Path, tasks: dict[str, Task], flavours: Sequence[str] = FLAVOURS, **extra: Any
) -> dict[str, dict[str, Any]]:
    """Run named tasks in one play, each way to connect on the host of its name; way -> task -> what it registered."""
    steps: list[Task] = []
    for name, task in tasks.items():
        steps.append({**task, "name": name, "register": "answer", "ignore_unreachable": True, "ignore_errors": True})
        steps.append({"remember": {"name": [name, "{{ inventory_hostname }}"], "value": "{{ answer }}"}})
    playbook, inventory, memory = (folder / name for name in ("play.yml", "inventory.json", "memory"))
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": steps}]), encoding="utf-8")
    hosts = {}
    for flavour in flavours:
        document = yaml.safe_load((echo.lab.directory / f"inventory-{flavour}.yml").read_text(encoding="utf-8"))["all"]
        hosts[flavour] = {**document["vars"], **document["children"]["echo"]["hosts"][flavour], **extra}
    inventory.touch(0o600)
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    config = folder / "ansible.cfg"
    config.touch()
    environment = {
        **os.environ,
        "ANSIBLE_ACTION_PLUGINS": str(ACTIONS),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_NOCOLOR": "1",
        "LAB_TEST_MEMORY": str(memory),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(inventory)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert memory.exists(), done.stdout + done.stderr
    found: dict[str, dict[str, Any]] = {flavour: {} for flavour in flavours}
    for line in memory.read_text(encoding="utf-8").splitlines():
        (name, host), value = json.loads(line)
        found[host][name] = value
    assert all(list(answers) == list(tasks) for answers in found.values()), done.stdout + done.stderr
    assert echo.password not in done.stdout + done.stderr
    return found


def test_exec_command_and_raw(echo: Echo, tmp_path: Path) -> None:
    stdin = "line one\nline two\n"
    long = "0123456789abcdef" * 4 + "\n"
    tasks: dict[str, Task] = {
        "stdin": {"exec_probe": {"script": "echo this", "stdin": stdin}},
        "no stdin": {"exec_probe": {"script": "echo that"}},
        "long stdin": {"exec_probe": {"script": "echo much", "stdin": long * 8000}},
        "long output": {"exec_probe": {"script": "long 7000"}},
        "exit code": {"exec_probe": {"script": "exit 7"}},
        "errors": {"exec_probe": {"script": "fail"}},
        "raw": {"raw": "echo raw"},
    }
    for flavour, found in play(echo, tmp_path, tasks).items():
        shell = flavour.partition("-")[0].replace("winrm", "winrs")
        answers = {name: json.loads(found[name]["out"]) for name in ("stdin", "no stdin", "long stdin")}
        assert found["stdin"]["exit_code"] == 0 and found["stdin"]["err"] == "", flavour
        # psrp of ansible-core before 2.19 ends the input with a line of its own.
        more = "\n" if shell == "psrp" and CORE < (2, 19) else ""
        assert answers["stdin"]["stdin"] == stdin + more, flavour
        assert answers["stdin"]["shell"] == shell, flavour
        assert answers["stdin"]["script"].startswith("echo this"), flavour
        assert answers["no stdin"]["stdin"] == "", flavour
        assert answers["long stdin"]["sha256"] == hashlib.sha256((long * 8000 + more).encode()).hexdigest(), flavour
        lines = found["long output"]["out"].strip().split("\r\n")
        assert len(lines) == 7000 and lines[-1].endswith("006999"), flavour
        assert (found["exit code"]["exit_code"], found["exit code"]["out"].strip()) == (7, "leaving"), flavour
        assert found["errors"]["exit_code"] == 1, flavour
        errors = found["errors"]["err"]
        assert "it broke: <no> & more" in errors and "second line" in errors, flavour
        assert json.loads(found["raw"]["stdout"])["host"] == flavour
        state = echo.state(flavour)
        assert len(state["runs"]) == len(found), flavour
        assert state["open_shells"] == 0, flavour


REQUESTS = {
    "winrm-basic-https": 7,
    "winrm-ntlm-http": 10,
    "winrm-ntlm-https": 9,
    "psrp-basic-https": 6,
    "psrp-ntlm-http": 9,
}


def test_requests_of_one_command(echo: Echo, tmp_path: Path) -> None:
    play(echo, tmp_path, {"one": {"exec_probe": {"script": "echo", "stdin": "x" * 1000 + "\n"}}})
    counts = {flavour: echo.counts(flavour) for flavour in FLAVOURS}
    assert {flavour: count["requests"] for flavour, count in counts.items()} == REQUESTS
    for flavour, count in counts.items():
        assert (count["commands"], count["connections"]) == (1, 1), flavour
        assert count["bytes_up"] < 22_000, flavour


def test_several_commands_on_one_connection(echo: Echo, tmp_path: Path) -> None:
    task = {"exec_probe": {"script": "echo", "stdin": "x\n", "times": 3}}
    for flavour, found in play(echo, tmp_path, {"three": task}).items():
        assert found["three"]["exit_code"] == 0, flavour
        counts = echo.counts(flavour)
        assert (counts["commands"], counts["shells"], counts["connections"]) == (3, 1, 1), flavour


def test_a_wrong_password(echo: Echo, tmp_path: Path) -> None:
    task = {"exec_probe": {"script": "echo"}}
    for flavour, found in play(echo, tmp_path, {"wrong": task}, ansible_password="wrong").items():
        assert found["wrong"].get("unreachable") or "raised" in found["wrong"], flavour
        assert echo.state(flavour)["runs"] == [], flavour


def test_a_connection_lost_before_and_after_the_effect(echo: Echo, tmp_path: Path) -> None:
    for flavour in FLAVOURS:
        echo.lab.fault(flavour, do="drop-before", call="Set-Before")
        echo.lab.fault(flavour, do="drop-after", call="Set-After")
    names = ("Set-Before", "Set-After", "Set-It")
    tasks: dict[str, Task] = {name: {"exec_probe": {"script": f"call {name}", "stdin": "x\n"}} for name in names}
    for flavour, found in play(echo, tmp_path, tasks).items():
        assert "exit_code" not in found["Set-Before"], flavour
        assert "exit_code" not in found["Set-After"], flavour
        assert found["Set-It"]["out"].strip() == "did Set-It", flavour
        assert echo.state(flavour)["effects"] == ["Set-After", "Set-It"], flavour


def test_a_host_lost_in_the_command(echo: Echo, tmp_path: Path) -> None:
    for flavour in FLAVOURS:
        echo.lab.fault(flavour, do="down-after", phase="write")
    task = {"exec_probe": {"script": "call Set-Thing", "stdin": "x\n"}}
    for flavour, found in play(echo, tmp_path, {"lost": task, "gone": task}).items():
        assert "exit_code" not in found["lost"], flavour
        assert found["gone"].get("unreachable") or "raised" in found["gone"], flavour
        assert echo.state(flavour)["effects"] == ["Set-Thing"], flavour


def test_winrm_opens_a_new_shell_on_the_quota_fault(echo: Echo, tmp_path: Path) -> None:
    """From ansible-core 2.18 on; before, the task fails and nothing was done."""
    flavour = "winrm-basic-https"
    echo.lab.fault(flavour, do="quota")
    found = play(echo, tmp_path, {"quota": {"exec_probe": {"script": "call Set-Thing"}}}, [flavour])[flavour]
    if CORE < (2, 18):
        assert "raised" in found["quota"] and echo.state(flavour)["effects"] == []
        return
    assert found["quota"]["out"].strip() == "did Set-Thing"
    assert echo.counts(flavour)["shells"] == 2
    assert echo.state(flavour)["effects"] == ["Set-Thing"]


def test_inventories_hold_what_members_say(echo: Echo) -> None:
    for name in ("inventory.yml", *(f"inventory-{flavour}.yml" for flavour in FLAVOURS)):
        path = echo.lab.directory / name
        document = yaml.safe_load(path.read_text(encoding="utf-8"))["all"]
        assert document["vars"]["echo_lab"] is True
        assert document["children"]["echo"]["hosts"]["echo2"]["echo_name"] == "echo2"
        assert path.stat().st_mode & 0o077 == 0
