"""Ansible's own winrm and psrp connection plugins against the lab, each way to connect."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.release import __version__

from lab.inventory import FLAVOURS

from .conftest import Echo

every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
ACTIONS = Path(__file__).parent / "action"
CORE = tuple(int(number) for number in __version__.split(".")[:2])
Task = dict[str, Any]


def play(echo: Echo, flavour: str, folder: Path, tasks: dict[str, Task], **extra: Any) -> dict[str, Any]:
    """Run named tasks on the first host in one play; returns what each registered."""
    steps: list[Task] = []
    for name, task in tasks.items():
        steps.append({**task, "name": name, "register": "answer", "ignore_unreachable": True, "ignore_errors": True})
        steps.append({"remember": {"name": name, "value": "{{ answer }}"}})
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "echo1", "gather_facts": False, "tasks": steps}]), encoding="utf-8")
    memory = folder / "memory"
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
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook)]
    command += ["-i", str(echo.lab.directory / f"inventory-{flavour}.yml"), "-e", json.dumps(extra)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert memory.exists(), done.stdout + done.stderr
    found: dict[str, Any] = {}
    for line in memory.read_text(encoding="utf-8").splitlines():
        found.update(json.loads(line))
    assert list(found) == list(tasks), done.stdout + done.stderr
    assert echo.password not in done.stdout + done.stderr
    return found


@every_flavour
def test_exec_command_and_raw(echo: Echo, flavour: str, tmp_path: Path) -> None:
    stdin = "line one\nline two\n"
    long = "0123456789abcdef" * 4 + "\n"
    found = play(
        echo,
        flavour,
        tmp_path,
        {
            "stdin": {"exec_probe": {"script": "echo this", "stdin": stdin}},
            "no stdin": {"exec_probe": {"script": "echo that"}},
            "long stdin": {"exec_probe": {"script": "echo much", "stdin": long * 8000}},
            "long output": {"exec_probe": {"script": "long 7000"}},
            "exit code": {"exec_probe": {"script": "exit 7"}},
            "errors": {"exec_probe": {"script": "fail"}},
            "raw": {"raw": "echo raw"},
        },
    )
    shell = flavour.partition("-")[0].replace("winrm", "winrs")
    answers = {name: json.loads(found[name]["out"]) for name in ("stdin", "no stdin", "long stdin")}
    assert found["stdin"]["exit_code"] == 0 and found["stdin"]["err"] == ""
    # psrp of ansible-core before 2.19 ends the input with a line of its own.
    more = "\n" if shell == "psrp" and CORE < (2, 19) else ""
    assert answers["stdin"]["stdin"] == stdin + more
    assert answers["stdin"]["shell"] == shell
    assert answers["stdin"]["script"].startswith("echo this")
    assert answers["no stdin"]["stdin"] == ""
    assert answers["long stdin"]["sha256"] == hashlib.sha256((long * 8000 + more).encode()).hexdigest()
    lines = found["long output"]["out"].strip().split("\r\n")
    assert len(lines) == 7000 and lines[-1].endswith("006999")
    assert (found["exit code"]["exit_code"], found["exit code"]["out"].strip()) == (7, "leaving")
    assert found["errors"]["exit_code"] == 1
    assert "it broke: <no> & more" in found["errors"]["err"] and "second line" in found["errors"]["err"]
    assert json.loads(found["raw"]["stdout"])["host"] == "echo1"
    state = echo.state()
    assert len(state["runs"]) == len(found)
    assert state["open_shells"] == 0


@pytest.mark.parametrize(
    ("flavour", "requests"),
    [
        ("winrm-basic-https", 7),
        ("winrm-ntlm-http", 10),
        ("winrm-ntlm-https", 9),
        ("psrp-basic-https", 6),
        ("psrp-ntlm-http", 9),
    ],
)
def test_requests_of_one_command(echo: Echo, flavour: str, requests: int, tmp_path: Path) -> None:
    play(echo, flavour, tmp_path, {"one": {"exec_probe": {"script": "echo", "stdin": "x" * 1000 + "\n"}}})
    counts = echo.counts()
    assert (counts["commands"], counts["connections"], counts["requests"]) == (1, 1, requests)
    assert counts["bytes_up"] < 22_000


@every_flavour
def test_several_commands_on_one_connection(echo: Echo, flavour: str, tmp_path: Path) -> None:
    task = {"exec_probe": {"script": "echo", "stdin": "x\n", "times": 3}}
    assert play(echo, flavour, tmp_path, {"three": task})["three"]["exit_code"] == 0
    counts = echo.counts()
    assert (counts["commands"], counts["shells"], counts["connections"]) == (3, 1, 1)


@every_flavour
def test_a_wrong_password(echo: Echo, flavour: str, tmp_path: Path) -> None:
    task = {"exec_probe": {"script": "echo"}}
    found = play(echo, flavour, tmp_path, {"wrong": task}, ansible_password="wrong")
    assert found["wrong"].get("unreachable") or "raised" in found["wrong"]
    assert echo.state()["runs"] == []


@every_flavour
def test_a_connection_lost_before_and_after_the_effect(echo: Echo, flavour: str, tmp_path: Path) -> None:
    echo.lab.fault("echo1", do="drop-before", call="Set-Before")
    echo.lab.fault("echo1", do="drop-after", call="Set-After")
    names = ("Set-Before", "Set-After", "Set-It")
    tasks: dict[str, Task] = {name: {"exec_probe": {"script": f"call {name}", "stdin": "x\n"}} for name in names}
    found = play(echo, flavour, tmp_path, tasks)
    assert "exit_code" not in found["Set-Before"]
    assert "exit_code" not in found["Set-After"]
    assert found["Set-It"]["out"].strip() == "did Set-It"
    assert echo.state()["effects"] == ["Set-After", "Set-It"]


@every_flavour
def test_a_host_lost_in_the_command(echo: Echo, flavour: str, tmp_path: Path) -> None:
    echo.lab.fault("echo1", do="down-after", phase="write")
    task = {"exec_probe": {"script": "call Set-Thing", "stdin": "x\n"}}
    found = play(echo, flavour, tmp_path, {"lost": task, "gone": task})
    assert "exit_code" not in found["lost"]
    assert found["gone"].get("unreachable") or "raised" in found["gone"]
    assert echo.state()["effects"] == ["Set-Thing"]


def test_winrm_opens_a_new_shell_on_the_quota_fault(echo: Echo, tmp_path: Path) -> None:
    """From ansible-core 2.18 on; before, the task fails and nothing was done."""
    echo.lab.fault("echo1", do="quota")
    found = play(echo, "winrm-basic-https", tmp_path, {"quota": {"exec_probe": {"script": "call Set-Thing"}}})
    if CORE < (2, 18):
        assert "raised" in found["quota"] and echo.state()["effects"] == []
        return
    assert found["quota"]["out"].strip() == "did Set-Thing"
    assert echo.counts()["shells"] == 2
    assert echo.state()["effects"] == ["Set-Thing"]


def test_inventories_hold_what_members_say(echo: Echo) -> None:
    for name in ("inventory.yml", *(f"inventory-{flavour}.yml" for flavour in FLAVOURS)):
        path = echo.lab.directory / name
        document = yaml.safe_load(path.read_text(encoding="utf-8"))["all"]
        assert document["vars"]["echo_lab"] is True
        assert document["children"]["echo"]["hosts"]["echo2"]["echo_name"] == "echo2"
        assert path.stat().st_mode & 0o077 == 0
