"""Arrays with a history: a second renewal, from another vendor; members of two kinds; a controller that died early."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import bystander, truth
from integration import exchange_array as array
from integration.controller import Controller, Playbook, Run
from integration.test_renew_exchange import Start, start
from lab.client import LabProcess

__all__ = ["start"]
RIVAL = {use: "external-rival" for use in truth.NEW}
MEMBERS = ("edge1", "edge2", "edge3")


def rival(controller: Controller) -> dict[str, Any]:
    """The variables of a renewal with the other vendor's certificate, whose root no member has yet."""
    trust = controller.lab.directory / "trust"
    both = (trust / "roots.pem").read_text("ascii") + (trust / "rival-root.pem").read_text("ascii")
    return {
        "rollout_bundles": {"external": controller.bundle("rival.pfx", key=None)},
        "rollout_trust": both,
        "rollout_install_root": True,
    }


def told(run: Run, verdict: str, text: str, title: str) -> None:
    """One story in the report and on the terminal: the verdict, its sentence, the headline; nothing that denies it."""
    found = run.report["verdict"]
    assert run.verdict == verdict, found
    assert set(found["members"].values()) == {verdict.partition("-")[2]}, found
    assert found["reasons"] == {}, found
    assert found["text"].startswith(text), found
    assert f"{verdict}: {text}" in run.output, run.output[-3000:]
    assert f": {title}\n" in run.output, run.output[-3000:]
    page = (run.report_folder / "report.html").read_text("utf-8")
    assert title in page
    denied = ["neither", "mixed"] + (["Not switched yet"] if verdict == "all-new" else [])
    assert not [word for word in denied if word in run.output or word in page]


def journals(lab: LabProcess) -> dict[str, dict[str, Any]]:
    """Every member's journal."""
    return {name: json.loads(member["journal"]) for name, member in lab.state().items() if member["journal"]}


def journals_are(lab: LabProcess, state: str, run: Run | None = None) -> None:
    """Every member has a journal in that state, of that run; nobody holds a lock."""
    found = journals(lab)
    assert {name: of["state"] for name, of in found.items()} == dict.fromkeys(lab.state(), state)
    assert run is None or {of["run"] for of in found.values()} == {run.report["run"]}
    assert all(member["lock"] is None for member in lab.state().values()), "a lock was left"


def ports_show(lab: LabProcess, trust: str, thumbprint: str) -> None:
    """Clients outside that trust one vendor only accept every external port, and it presents that certificate."""
    for name in MEMBERS:
        for port in bystander.ports(lab, name):
            if port["use"] == "Internal":
                continue
            accepted, text = bystander.verified(lab, port, trust)
            assert accepted or "federation" in port["name"], text  # that port wants a client certificate, too
        assert {lab.state()[name]["assigned"][use] for use in (truth.ACCESS, truth.DATA)} == {thumbprint}


def certificate(lab: LabProcess, name: str) -> str:
    """The thumbprint of a lab certificate that a member has."""
    return next(t for member in lab.state().values() for t, of in member["names"].items() if of == name)


@pytest.fixture
def settled(controller: Controller, lab: LabProcess) -> Controller:
    """A pool that was renewed six hours ago, and settled."""
    controller.renew().succeeded()
    lab.advance(6 * 3600)
    controller.settle().succeeded()
    return controller


def test_a_pool_that_was_renewed_and_settled_is_renewed_again(settled: Controller, lab: LabProcess) -> None:
    run = settled.renew(**rival(settled)).succeeded()
    told(run, "all-new", "The new certificate is in use on all 3 members.", "Renewed")
    assert truth.array_truth(lab.state(), new=RIVAL, old=truth.NEW) == "all-new"
    journals_are(lab, "done", run)
    ports_show(lab, "rival-root.pem", certificate(lab, "external-rival"))
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)

    kept = truth.lasting(lab.state())
    again = settled.renew(**rival(settled)).succeeded()
    assert again.changed == 0 and truth.lasting(lab.state()) == kept, "an unchanged run changed a member"
    told(again, "all-new", "The new certificate is in use on all 3 members.", "Nothing to do")


@pytest.mark.whole
def test_the_second_renewal_of_a_pool_fails_and_is_taken_back(settled: Controller, lab: LabProcess) -> None:
    lab.fault("edge2", do="error", call="Set-CsCertificate", nth=2)
    run = settled.renew(**rival(settled)).failed("edge2", "the lab was told to fail this call")
    assert run.rc == 2
    told(
        run,
        "all-old",
        "The old certificate is in use on all 3 members.",
        "Failed; every member has the old certificate",
    )
    assert truth.array_truth(lab.state(), new=RIVAL, old=truth.NEW) == "all-old"
    assert all(member["av_pending"] is None for member in lab.state().values()), "the roll was left scheduled"
    found = journals(lab)
    assert {found[name]["state"] for name in ("edge1", "edge2")} == {"taken-back"}, found
    assert all(member["lock"] is None for member in lab.state().values()), "a lock was left"
    ports_show(lab, "roots.pem", certificate(lab, "external-new"))
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)

    lab.clear_faults("edge2")
    again = settled.renew(**rival(settled)).succeeded()
    told(again, "all-new", "The new certificate is in use on all 3 members.", "Renewed")
    assert truth.array_truth(lab.state(), new=RIVAL, old=truth.NEW) == "all-new"


@pytest.mark.whole
def test_the_second_renewal_of_an_exchange_array_fails_and_is_taken_back(start: Start) -> None:
    controller = start(members="2")
    lab = controller.lab
    first = controller.renew_exchange().succeeded().report["run"]
    between = lab.state()
    lab.fault("ex2", do="error", call="Enable-ExchangeCertificate", message="The operation could not be performed.")
    with array.watched(lab):
        run = controller.renew_exchange(**rival(controller)).failed("ex2", "The operation could not be performed.")
    assert run.rc == 2 and run.report["run"] != first
    told(
        run,
        "all-old",
        "The old certificate is in use on all 2 members.",
        "Failed; every member has the old certificate",
    )
    assert array.truth(lab.state(), "mail-rival", "mail-new") == "all-old"
    array.as_before(between, lab.state())
    journals_are(lab, "taken-back", run)

    lab.clear_faults("ex2")
    again = controller.renew_exchange(**rival(controller)).succeeded()
    told(again, "all-new", "The new certificate is in use on all 2 members.", "Renewed")
    assert array.truth(lab.state(), "mail-rival", "mail-new") == "all-new"
    journals_are(lab, "done", again)


def there(controller: Controller, count: str, inventory: Path | None = None, **variables: Any) -> None:
    """A check run that is green, a run that does it, a run that has nothing to do; no use is left out by hand."""
    lab, before = controller.lab, controller.lab.state()
    given = {"rollout_bundles": {"external": controller.bundle(key="mail.key.pem")}, **variables}

    def play(*arguments: str) -> Run:
        return controller.play("renew_exchange", *arguments, variables=given, inventory=inventory).succeeded()

    looked = play("--check")
    told(looked, "all-old", f"The old certificate is in use on {count}.", "A plan; nothing was changed")
    assert array.lasting(lab.state()) == array.lasting(before), "a check run changed a member"

    run = play()
    told(run, "all-new", f"The new certificate is in use on {count}.", "Renewed")
    state = lab.state()
    for member in run.report["members"]:
        name = member["name"]
        public = array.PUBLIC & set(state[name]["leaves"])
        assert public and array.serves(state[name], "mail-new") >= public, name
        assert json.loads(state[name]["journal"])["state"] == "done" and state[name]["lock"] is None
    array.unhurt(before, state)

    again = play()
    assert again.changed == 0 and array.lasting(lab.state()) == array.lasting(state), "an unchanged run changed it"
    told(again, "all-new", f"The new certificate is in use on {count}.", "Nothing to do")


def test_an_edge_transport_server_is_asked_for_what_it_has(start: Start) -> None:
    """The role's own list of services names IIS, POP and IMAP; this server has none of them."""
    controller = start(members="1", edge_transport="1")
    other = array.lasting(controller.lab.state())["ex1"]
    there(controller, "gate1", rollout_array="edge_transport", rollout_edge_subscription="renew")
    assert array.lasting(controller.lab.state())["ex1"] == other, "another array was touched"


@pytest.mark.whole
def test_a_mailbox_server_and_an_edge_transport_server_in_one_array(start: Start) -> None:
    controller = start(members="1", edge_transport="1")
    inventory = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))
    groups = inventory["all"]["children"]
    groups["exchange"]["hosts"] |= groups.pop("edge_transport")["hosts"]
    file = controller.folder / "both.yml"
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    there(controller, "all 2 members", file, rollout_edge_subscription="renew")


@contextmanager
def waiting(controller: Controller) -> Iterator[tuple[Mapping[str, str], Path]]:
    """Tasks before a member that wait for a file, as a balancer's may: the variables, and what says that they wait."""
    reached, go = controller.folder / "reached", controller.folder / "go"
    python = "{{ ansible_playbook_python }}"
    here = {"ansible_connection": "local", "ansible_shell_type": "sh", "ansible_python_interpreter": python}
    tasks = [
        {"name": "Say so", "ansible.builtin.file": {"path": str(reached), "state": "touch", "mode": "0600"}},
        {"name": "Wait", "ansible.builtin.wait_for": {"path": str(go), "timeout": 200}},
    ]
    file = controller.folder / "wait.yml"
    file.write_text(json.dumps([{**task, "vars": here} for task in tasks]), encoding="utf-8")
    try:
        yield {"rollout_before_member": str(file)}, reached
    finally:
        go.touch()


def still_old(lab: LabProcess, rolled: int) -> None:
    """The first members have a successor scheduled; every port is as it was."""
    state = lab.state()
    assert [bool(state[name]["av_pending"]) for name in MEMBERS] == [at < rolled for at in range(3)]
    assert {truth.member_truth(member) for member in state.values()} == {"old"}
    ports_show(lab, "roots.pem", certificate(lab, "external-old"))


def gone_back(other: Controller, lab: LabProcess, dead: str) -> None:
    """With the dead run's lock taken over the roll is cancelled, and that is what is told."""
    back = other.rollback(rollout_take_over=dead).succeeded()
    told(back, "all-old", "The old certificate is in use on all 3 members.", "Taken back")
    assert "successor is rolled" not in back.output
    still_old(lab, 0)
    assert all(member["lock"] is None for member in lab.state().values())
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)


def died(running: Playbook, lab: LabProcess) -> str:
    """The controller goes dark; the id of its run, which holds the lock."""
    running.power_off()
    return str(lab.state()["edge1"]["lock"]["run"])


@pytest.mark.parametrize("shape", ["successor", pytest.param("old", marks=pytest.mark.whole)])
def test_a_controller_that_died_between_the_roll_and_the_first_switch(
    start_lab: Any, tmp_path: Path, shape: str
) -> None:
    """The journals name the A/V successor and nothing else: what nobody recorded is not told as new."""
    lab = start_lab(rolled_shape=shape)
    controller = Controller(tmp_path / "controller", lab)
    with waiting(controller) as (hook, reached):
        with controller.begin("renew_edge_pool", variables=hook) as running:
            running.until(reached.exists, "the first switch was about to begin")
            dead = died(running, lab)
        still_old(lab, 3)
        other = Controller(tmp_path / "another" / "controller", lab)
        refused = other.rollback().failed(dead, f"rollout_take_over={dead}")
        told(
            refused,
            "all-old",
            "The old certificate is in use on all 3 members. AudioVideo",
            "Refused; nothing was switched",
        )
        assert "the successor is rolled and takes over at its instant" in refused.report["verdict"]["text"]
        still_old(lab, 3)
        gone_back(other, lab, dead)


@pytest.mark.whole
def test_a_controller_that_died_in_the_middle_of_the_roll(
    controller: Controller, lab: LabProcess, tmp_path: Path
) -> None:
    """One member is rolled, none is switched: they differ in that, and no member is told to be on the new one."""
    lab.fault("edge2", do="slow", call="Set-Journal", seconds=600)
    with controller.begin("renew_edge_pool") as running:
        running.until(lambda: bool(lab.state()["edge1"]["av_pending"]), "edge1 was rolled")
        dead = died(running, lab)
    still_old(lab, 1)
    other = Controller(tmp_path / "another" / "controller", lab)
    refused = other.rollback().failed(dead, f"rollout_take_over={dead}")
    assert refused.verdict == "mixed" == truth.array_truth(lab.state())
    assert "new certificate" not in refused.report["verdict"]["text"]
    assert set(refused.report["verdict"]["members"].values()) == {"old"}
    assert "edge1 is rolled, edge2, edge3 not" in refused.report["verdict"]["text"]
    gone_back(other, lab, dead)
