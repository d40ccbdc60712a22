"""Hooks and probes whose host is natively unreachable: nothing listens there, so Ansible itself loses it.

The run stops before the member that the hook is for is touched, takes back what was begun, and is told to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.release import __version__ as core

from integration import exchange_array as array
from integration import truth
from integration.controller import CHECKOUT, Controller, Run
from integration.test_renew_exchange import Start, start
from lab.client import LabProcess

__all__ = ["start"]
CORE = tuple(int(part) for part in core.split(".")[:2])
CHANGING = {"Copy-StoreCertificate", "Enable-ExchangeCertificate", "Set-CsCertificate", "Stop-CsWindowsService"}
Task = Mapping[str, Any]


def lost_hosts() -> dict[str, Any]:
    """Hosts behind a port on which nothing listens, by the connections that people have."""
    windows = {"ansible_connection": "winrm", "ansible_winrm_proxy": None}
    # A password would want sshpass on the controller, and without that the task fails before it looks for its host.
    linux = {"ansible_connection": "ssh", "ansible_password": "", "ansible_ssh_retries": 0}
    here = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    return {"balancer": {**here, **linux}, "winbalancer": {**here, **windows}, "vantage": {**here, **linux}}


def inventory(controller: Controller) -> Path:
    """The lab's inventory, with those hosts."""
    held = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))
    held["all"]["hosts"] = {**held["all"].get("hosts", {}), **lost_hosts()}
    file = controller.folder / "with-lost-hosts.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(held), encoding="utf-8")
    return file


def play(controller: Controller, playbook: str, *arguments: str, **variables: Any) -> Run:
    """A playbook of the collection with hosts that cannot be reached in its inventory."""
    key = "mail.key.pem" if playbook == "renew_exchange" else "external.key.pem"
    bundles = {"external": controller.bundle(key=key)} if playbook.startswith("renew") else None
    given = {"rollout_bundles": bundles, **variables}
    return controller.play(playbook, *arguments, variables=given, inventory=inventory(controller))


def hook(controller: Controller, *tasks: Task, name: str = "drain.yml") -> str:
    """A file of tasks in the folder where the playbook is started."""
    (controller.folder / name).write_text(json.dumps(tasks), encoding="utf-8")
    return name


def drain(where: str = "balancer", **more: Any) -> dict[str, Any]:
    """A task for a balancer."""
    return {"name": "Drain it", "ansible.builtin.raw": "drain", "delegate_to": where, **more}


def drain_unless(lost: str) -> dict[str, Any]:
    """A task for a balancer that is lost where the condition holds, and is the controller otherwise."""
    where = f"{{{{ 'balancer' if {lost} else 'localhost' }}}}"
    return {**drain(where), "ansible.builtin.raw": "true"}


def mark(text: str, **more: Any) -> dict[str, Any]:
    """A task on the controller that is seen in the output."""
    return {"name": "Mark", "ansible.builtin.debug": {"msg": f"MARK {text} {{{{ member }}}}"}, **more}


def marks(run: Run) -> list[str]:
    """What the marks said, in order."""
    said = [str(row["result"].get("msg", "")) for row in run.of("debug") if row["status"] == "ok"]
    return [text.removeprefix("MARK ") for text in said if text.startswith("MARK ")]


def changed(lab: LabProcess) -> set[str]:
    """Members on which anything that a service notices was called, by the lab's own record."""
    return {name for name, member in lab.state().items() if CHANGING & set(member["ran"])}


def stopped(run: Run, *texts: str) -> Run:
    """The run failed, was reported, and the table and report.json say why."""
    assert run.rc == 2, run.output[-6000:]
    sentence = run.report["sentence"]
    for text in texts:
        assert text in sentence, sentence
    assert (run.report_folder / "report.html").is_file()
    assert "Traceback" not in run.output
    return run


ONE: dict[str, Callable[[Controller], Sequence[Task]]] = {
    "plain": lambda _c: [drain()],
    "winrm": lambda _c: [drain("winbalancer")],
    "loop": lambda _c: [{**drain("{{ item }}", loop=["localhost", "balancer"]), "ansible.builtin.raw": "true"}],
    "rescue": lambda _c: [{"block": [drain()], "rescue": [mark("rescued")], "always": [mark("always")]}],
    "included": lambda c: [{"ansible.builtin.include_tasks": str(c.folder / hook(c, drain(), name="inner.yml"))}],
    "imported": lambda c: [{"ansible.builtin.import_tasks": str(c.folder / hook(c, drain(), name="inner.yml"))}],
    "async": lambda _c: [
        {"name": "Drain it", "ansible.builtin.command": "drain", "delegate_to": "balancer", "async": 5, "poll": 1}
    ],
    "registered": lambda _c: [drain(register="answer", failed_when=False)],
    "forgiving": lambda _c: [drain(ignore_errors=True)],
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in ("plain", "loop") else pytest.mark.whole) for kind in ONE]
)
def test_a_lost_host_of_a_hook_stops_before_the_member(start: Start, kind: str) -> None:
    """Before the first member: no service of any member notices anything, whatever shape the hook has."""
    controller = start(members="2")
    before = controller.lab.state()
    tasks = [*ONE[kind](controller), mark("drained")]
    run = play(controller, "renew_exchange", rollout_before_member=hook(controller, *tasks))
    stopped(run, "all-old", "'Drain it'", "winbalancer" if kind == "winrm" else "balancer", "drain.yml")
    assert marks(run) == [], "the hook went on without its host"
    assert run.verdict == "all-old" and run.report["result"] == "refused"
    assert not changed(controller.lab)
    array.as_before(before, controller.lab.state())


@pytest.mark.whole
def test_a_balancer_that_dies_in_between(start: Start) -> None:
    """Lost before the second member: it is not touched, the first is taken back, and all of it is told."""
    controller = start()
    before = controller.lab.state()
    run = play(
        controller,
        "renew_exchange",
        rollout_before_member=hook(controller, drain_unless("member == 'ex2'")),
        rollout_after_member=hook(controller, mark("back"), name="back.yml"),
    )
    stopped(run, "all-old", "ex2", "balancer")
    assert run.verdict == "all-old"
    assert changed(controller.lab) == {"ex1"}
    assert marks(run) == ["back ex1", "back ex1"], "once after its proof, once after it was taken back"
    array.as_before(before, controller.lab.state())


@pytest.mark.whole
def test_hold_leaves_what_was_switched(start: Start) -> None:
    controller = start(members="2")
    name = hook(controller, drain_unless("member == 'ex2'"))
    run = play(controller, "renew_exchange", rollout_before_member=name, rollout_on_failure="hold")
    stopped(run, "mixed", "ex2", "balancer")
    assert run.verdict == array.truth(controller.lab.state()) == "mixed"
    assert changed(controller.lab) == {"ex1"}


@pytest.mark.whole
def test_lost_after_a_member_takes_it_back(start: Start) -> None:
    """It is switched and proven, but not back in service: the next one is not touched, and this one is taken back."""
    controller = start(members="2")
    run = play(controller, "renew_exchange", rollout_after_member=hook(controller, drain()))
    stopped(run, "all-old", "ex1", "balancer")
    assert run.verdict == array.truth(controller.lab.state()) == "all-old"
    assert changed(controller.lab) == {"ex1"}
    told = [item for item in run.report["findings"] if item["id"] == "rollback.failed"]
    assert [item["subject"] for item in told] == ["ex1"] and "balancer" in told[0]["text"], "it is out of the balancer"


def test_lost_on_the_way_back_and_the_others_are_taken_back(start: Start) -> None:
    """One member's balancer cannot be asked on the way back: told, and the way back of the others goes on."""
    controller = start()
    name = hook(controller, drain_unless("member == 'ex2' and rollout_purpose == 'rollback'"))
    play(controller, "renew_exchange", rollout_before_member=name).succeeded()
    more = {"rollout_array": "exchange", "rollout_completed": True}
    run = play(controller, "rollback", rollout_before_member=name, **more)
    stopped(run, "mixed")
    assert run.verdict == array.truth(controller.lab.state()) == "mixed"
    assert run.report["verdict"]["members"] == {"ex1": "old", "ex2": "new", "ex3": "old"}
    told = [item for item in run.report["findings"] if item["id"] == "rollback.failed"]
    assert [item["subject"] for item in told] == ["ex2"] and "balancer" in told[0]["text"]
    again = play(controller, "rollback", rollout_before_member="", **more).succeeded()
    assert again.verdict == array.truth(controller.lab.state()) == "all-old"


def test_a_wish_of_the_users_own_holds(start: Start) -> None:
    """ignore_unreachable on the task itself, or on a block in the hook: the user says that its host may be away."""
    controller = start(members="2")
    tasks = [
        drain(ignore_unreachable=True),
        {"block": [drain()], "ignore_unreachable": True},
        mark("went on"),
    ]
    run = play(controller, "renew_exchange", rollout_before_member=hook(controller, *tasks)).succeeded()
    assert run.verdict == array.truth(controller.lab.state()) == "all-new"
    assert marks(run) == ["went on ex1", "went on ex2"]


@pytest.mark.parametrize(
    "words, told",
    [({"ignore_unreachable": False}, "ignore_unreachable: false"), ({"run_once": True}, "balancer")],
    ids=["not to be ignored", "run_once"],
)
def test_words_under_which_a_run_would_end_unreported(start: Start, words: Task, told: str) -> None:
    """Ansible itself would end the play with such a task's host; here it is reported like any other."""
    controller = start(members="2")
    before = controller.lab.state()
    name = hook(controller, {"block": [drain(**words)], "rescue": [mark("rescued")]}, mark("drained"))
    run = play(controller, "renew_exchange", rollout_before_member=name)
    stopped(run, "all-old", "run_once" if "run_once" in words and CORE < (2, 17) else told)
    assert marks(run) == [] and not changed(controller.lab)
    array.as_before(before, controller.lab.state())


@pytest.mark.whole
def test_a_role_as_a_hook(start: Start) -> None:
    controller = start(members="2")
    tasks = controller.folder / "roles" / "balancing" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(json.dumps([drain(), mark("drained")]), encoding="utf-8")
    controller.environment = {"ANSIBLE_ROLES_PATH": str(controller.folder / "roles")}
    name = hook(controller, {"ansible.builtin.include_role": {"name": "balancing"}})
    run = play(controller, "renew_exchange", rollout_before_member=name)
    stopped(run, "all-old", "balancer")
    assert marks(run) == [] and not changed(controller.lab)


def test_where_nobody_would_notice_hooks_are_refused(start: Start) -> None:
    """A playbook of the user's own does not bring the callback plugin along; import_playbook does."""
    controller = start(members="2")
    files = {
        "mine.yml": (CHECKOUT / "playbooks" / "renew_exchange.yml").read_text(encoding="utf-8"),
        "site.yml": "- ansible.builtin.import_playbook: ucops.certificates.renew_exchange\n",
    }
    mine, site = (controller.folder / name for name in files)
    for name, text in files.items():
        (controller.folder / name).write_text(text, encoding="utf-8")
    wanted = {
        "rollout_bundles": {"external": controller.bundle(key="mail.key.pem")},
        "rollout_before_member": hook(controller, drain()),
    }
    refused = play(controller, str(mine), **wanted).failed("No member was touched", "rollout_hooks")
    assert refused.rc == 2 and not any(member["ran"] for member in controller.lab.state().values())
    stopped(play(controller, str(site), **wanted), "all-old", "balancer")
    controller.environment = {"ANSIBLE_CALLBACKS_ENABLED": "ucops_results,ucops.certificates.rollout_hooks"}
    stopped(play(controller, str(mine), **wanted), "all-old", "balancer")
    both = stopped(play(controller, "renew_exchange", **wanted), "all-old", "balancer")
    assert both.report["sentence"].count("did not reach") == 1, "told twice by the same plugin"
    assert not changed(controller.lab)


def test_a_hook_that_is_not_there(start: Start) -> None:
    controller = start(members="2")
    run = play(controller, "renew_exchange", "--check", rollout_after_member="nowhere.yml")
    run.failed("No member was touched", str(controller.folder / "nowhere.yml"))
    assert not any(member["ran"] for member in controller.lab.state().values())


def test_an_edge_pool_and_its_roll(controller: Controller, lab: LabProcess) -> None:
    """All members are rolled already when the hook of the second one loses its host: the roll is cancelled, too."""
    run = play(controller, "renew_edge_pool", rollout_before_member=hook(controller, drain_unless("member == 'edge2'")))
    stopped(run, "all-old", "edge2", "balancer")
    state = lab.state()
    assert run.verdict == truth.array_truth(state) == "all-old"
    assert "Stop-CsWindowsService" not in state["edge2"]["ran"] + state["edge3"]["ran"]
    assert all(member["av_pending"] is None and member["lock"] is None for member in state.values())
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)


def test_a_vantage_host_that_is_lost_proves_nothing(controller: Controller, lab: LabProcess) -> None:
    """Reached before the switch and lost after it: the first member is not proven and is taken back."""
    seen = controller.folder / "seen"
    mark = {"name": "Note it", "ansible.builtin.file": {"path": str(seen), "state": "touch", "mode": "0600"}}
    where = f"{{{{ 'vantage' if '{seen}' is exists else 'localhost' }}}}"
    name = hook(controller, mark)
    run = play(controller, "renew_edge_pool", rollout_vantage_host=where, rollout_before_member=name)
    stopped(run, "edge1 is not proven", "vantage")
    state = lab.state()
    assert truth.array_truth(state) == "all-old"
    assert "edge1          proven" not in run.output
    wire = {member["name"]: member["checks"]["wire"]["result"] for member in run.report["members"]}
    assert wire["edge1"] == "not-run", "nobody looked at its ports after they changed"
    assert "Stop-CsWindowsService" not in state["edge2"]["ran"] + state["edge3"]["ran"]
    truth.all_running(lab)


def test_a_vantage_host_that_is_lost_from_the_beginning(controller: Controller, lab: LabProcess) -> None:
    run = play(controller, "renew_edge_pool", rollout_vantage_host="vantage")
    stopped(run, "all-old", "vantage")
    assert not {"Set-CsCertificate", "Stop-CsWindowsService"} & {c for m in lab.state().values() for c in m["ran"]}


def test_verify_tells_a_lost_vantage_host(controller: Controller) -> None:
    """Told as not asked, with its cause; what the other vantage host saw counts all the same."""
    asked = {"verify_vantage_hosts": ["vantage", "localhost"], "verify_report_dir": str(controller.reports)}
    run = play(controller, "verify", rollout_report_dir=None, **asked)
    assert run.rc == 2
    told = [item for item in run.report["findings"] if item["id"] == "wire.vantage-lost"]
    assert [item["subject"] for item in told] == ["vantage"]
    assert "127.0.0.1 port 1" in told[0]["text"], told
    assert any(row["wire"] for row in run.report["members"]), "what localhost saw is gone"
    alone = play(controller, "verify", rollout_report_dir=None, **{**asked, "verify_vantage_hosts": ["vantage"]})
    assert alone.rc == 2 and "wire.vantage-lost" in {item["id"] for item in alone.report["findings"]}
