"""Members that say what acts on a terminal: none of it reaches the operator's screen, the log or a report."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from integration.controller import Controller, Run
from integration.tasks import Tasks
from lab.client import LabProcess

ERASE, TITLE, C1 = "\x1b[2J\x1b[1;1H", "\x1b]0;all-new\x07", "\x9b31m"
EVIL = f"it failed {ERASE}{TITLE}\u202enew\u2066 {C1} \u200b\ufeff \u2028\r\nok: [edge1] => all-new\r\tthe end \x00\x7f"
"""Escape sequences, controls in both ranges, marks of direction, what nobody sees, and a forged line of output."""
FACTS = dict.fromkeys(("computer", "user", "language", "culture", "powershell", "windows"), EVIL) | {"load_error": EVIL}
HARMLESS = {"\n", "\t"}


def raw(text: str) -> set[str]:
    """The characters of a text that act on a terminal, turn it around or cannot be seen."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - HARMLESS


def nothing_raw(run: Run, controller: Controller) -> None:
    """What a person can look at afterwards: screen, log, every file of every report."""
    assert not raw(run.output), ascii(run.output)
    forged = [row["result"]["msg"] for row in run.results if "\nok: [edge1]" in str(row["result"].get("msg"))]
    assert not forged, "Ansible may wrap a line there, but no message has one"
    looked_at = [controller.folder / "ansible.log", *controller.reports.rglob("*.*")]
    for file in [file for file in looked_at if file.is_file()]:
        assert not raw(file.read_bytes().decode("utf-8")), file.name


@pytest.fixture
def controller(lab: LabProcess, tmp_path: Path) -> Controller:
    """One that keeps a log, of an array whose members all say odd things about themselves."""
    folder = tmp_path / "controller"
    for member in ("edge1", "edge2", "edge3"):
        lab.configure(member, facts={"user": EVIL, "culture": EVIL})
    return Controller(folder, lab, environment={"ANSIBLE_LOG_PATH": str(folder / "ansible.log")})


def test_an_error_in_a_switch_and_in_the_way_back(controller: Controller, lab: LabProcess) -> None:
    lab.fault("edge2", do="error", call="Set-CsCertificate", nth=2, message=EVIL, fqid=EVIL)
    run = controller.renew("-v", "--diff", rollout_on_failure="hold").failed("it failed", "the end")
    nothing_raw(run, controller)
    lab.clear_faults("edge2")
    lab.fault("edge1", do="error", call="Set-CsCertificate", message=EVIL)
    nothing_raw(controller.rollback("-v").failed("it failed"), controller)
    told = json.dumps(run.report, ensure_ascii=False)
    assert "it failed \N{REPLACEMENT CHARACTER}[2J" in told, "what it said can still be seen"


def test_a_lock_and_a_journal(controller: Controller, lab: LabProcess) -> None:
    who = json.dumps({"operator": f"root{EVIL}", "controller": EVIL}, ensure_ascii=False)
    lab.configure("edge2", lock={"run": f"run{EVIL}", "text": who})
    lab.configure("edge3", journal=f'{{"schema": 1, "run": "{EVIL}"')
    for play in (controller.renew, controller.rollback, controller.settle):
        nothing_raw(play("-v").failed("edge2"), controller)


def test_verification(controller: Controller, lab: LabProcess) -> None:
    source = "LS Access Edge Server"
    events = [{"id": 14397, "source": source, "message": f"shared session key {EVIL}", "level": "Error", "ago": 60}]
    lab.configure("edge1", events=events, facts=FACTS)
    lab.fault("edge2", do="error", call="Get-CsCertificate", message=EVIL)
    given = {"rollout_bundles": None, "verify_report_dir": str(controller.reports)}
    run = controller.play("verify", "-v", variables=given)
    nothing_raw(run.failed("it failed"), controller)


def test_the_first_look(controller: Controller, lab: LabProcess) -> None:
    lab.configure("edge1", facts=FACTS)
    lab.fault("edge2", do="error", call="Get-StoreCertificate", message=EVIL)
    lab.fault("edge3", do="http-500")
    run = controller.play("hostcheck", "-v", "-e", "hostcheck_hosts=edge", variables={"rollout_bundles": None})
    nothing_raw(run.failed("\N{REPLACEMENT CHARACTER}[2J"), controller)


@pytest.mark.parametrize(("module", "call"), [("store_info", "Get-StoreCertificate"), ("event_info", "Find-Event")])
def test_a_task_of_the_users_own(module: str, call: str, controller: Controller, lab: LabProcess) -> None:
    """Its result shown, on a member that answers and on one whose call fails."""
    lab.configure("edge1", events=[{"id": 1, "source": "LS Protocol Stack", "message": EVIL, "ago": 60}])
    lab.fault("edge2", do="error", call=call, message=EVIL)
    for member in ("edge1", "edge2"):
        done = Tasks(lab, controller.folder / "tasks", member).run({module: {}}, arguments=["-v"])
        assert not raw(done.output), ascii(done.output)
    assert "it failed" in done.output
