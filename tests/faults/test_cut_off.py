"""A run that is cut off, by Ctrl-C or a kill: what it left says what is, and the line in it leads out."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import truth
from integration.controller import Controller, Playbook, alive
from lab.client import LabProcess

MEMBERS = ("edge1", "edge2", "edge3")
TOKEN = "k4nn-n1emand-wissen"
AT_WORK, UNTOUCHED, ROLLED, PROVEN, CLOSED, BACK = "at work", "untouched", "rolled", "proven", "closed", "taken back"


@dataclass(frozen=True)
class Place:
    """Where a run is cut off."""

    name: str
    told: tuple[str, str, str]
    """What has to be said of the three members."""
    leads_to: str
    """What the array is behind the line that the file names."""
    member: str = ""
    call: str = ""
    """The call of that member that does not come back."""
    nth: int = 1
    way: str = "call"
    faults: tuple[tuple[str, dict[str, Any]], ...] = field(default=())
    playbook: str = "renew_edge_pool"

    def __str__(self) -> str:
        return self.name


FAILS = (("edge3", {"call": "Set-CsCertificate", "nth": 2, "do": "error"}),)
PLACES = (
    Place("while member 2 is staged", (UNTOUCHED,) * 3, "all-new", "edge2", "Import-StorePfx"),
    Place("behind the gate", (AT_WORK, UNTOUCHED, UNTOUCHED), "all-old", "edge1", "Set-Journal"),
    Place("in the roll of member 2", (ROLLED, AT_WORK, UNTOUCHED), "all-old", "edge2", "Set-CsCertificate"),
    Place("before the switch of member 1", (AT_WORK, ROLLED, ROLLED), "all-old", "edge1", "Set-Journal", 3),
    Place("before member 1 is started", (AT_WORK, ROLLED, ROLLED), "all-old", "edge1", "Start-CsWindowsService"),
    Place("behind the switch of member 1", ("switched", ROLLED, ROLLED), "all-old", way="probe"),
    Place("in a hook", (PROVEN, ROLLED, ROLLED), "all-old", way="hook"),
    Place("in the drain of member 2", (PROVEN, AT_WORK, ROLLED), "all-old", way="drain"),
    Place("on the way back", (PROVEN, AT_WORK, BACK), "all-old", "edge2", "Stop-CsWindowsService", 3, faults=FAILS),
    Place("while journals are closed", (CLOSED, AT_WORK, PROVEN), "all-new", "edge2", "Unlock-Member"),
)
QUICK = {
    "kill": ("before member 1 is started", "in the drain of member 2"),
    "interrupt": ("on the way back", "in the drain of member 2"),
}


def cases() -> Iterator[Any]:
    for how, few in QUICK.items():
        for place in PLACES:
            marks = () if place.name in few else (pytest.mark.whole,)
            yield pytest.param(place, how, marks=marks, id=f"{how}-{place.name.replace(' ', '-')}")


@pytest.mark.parametrize(("place", "how"), list(cases()))
def test_what_is_left_is_true_and_leads_out(
    controller: Controller, lab: LabProcess, tmp_path: Path, place: Place, how: str
) -> None:
    told, page = cut_off(controller, lab, tmp_path, place, how)
    assert told["members"] == dict(zip(MEMBERS, place.told, strict=True))
    agrees(told, lab)
    assert TOKEN not in page + json.dumps(told), "a variable's value was written down"
    command = told["next"]["command"]
    assert f"\n    {command}\n" in page
    if "rollback" not in command:
        assert "customer_token" in told["next"]["to_add"]
    led_out(controller, lab, told, place.leads_to)


@pytest.mark.whole
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_the_way_out_is_cut_off_too(controller: Controller, lab: LabProcess, tmp_path: Path, how: str) -> None:
    """Two dead runs, and each of them holds members: one line takes both over."""
    first, _page = cut_off(controller, lab, tmp_path, next(p for p in PLACES if p.way == "drain"), how)
    lab.fault("edge2", call="Start-CsWindowsService", nth=1, do="timeout", seconds=1)
    with controller.pasted(first["next"]["command"]) as running:
        running.until(lambda: bool(lab.state()["edge2"]["faults"]["struck"]), "member 2 was taken back")
        stop(running, how)
        lab.restart_winrm("edge2")
        lab.clear_faults("edge2")
    second, _page = left(controller)
    assert {lab.state()[name]["lock"]["run"] for name in MEMBERS} == {first["run"], second["run"]}
    led_out(controller, lab, second, "all-old")


@pytest.mark.whole
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_a_way_back_that_is_cut_off_goes_on(controller: Controller, lab: LabProcess, how: str) -> None:
    controller.renew().succeeded()
    asked = {"rollout_bundles": None, "rollout_completed": True}
    held(controller, lab, how, "rollback", asked, call="Stop-CsWindowsService", nth=1)
    told, _page = left(controller)
    assert told["members"] == {"edge1": UNTOUCHED, "edge2": AT_WORK, "edge3": BACK}
    state = lab.state()
    assert [truth.member_truth(state[name]) for name in ("edge1", "edge3")] == ["new", "old"]
    run = controller.paste(told["next"]["command"]).succeeded()
    assert run.report["purpose"] == "rollback"
    whole(controller, lab, run.verdict, "all-old")


@pytest.mark.whole
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_a_settling_that_is_cut_off_goes_on(controller: Controller, lab: LabProcess, how: str) -> None:
    renewed = controller.renew().succeeded()
    (due,) = [step for step in renewed.report["next"] if "ucops.certificates.settle" in step["playbooks"]]
    lab.advance(5 * 3600)
    held(controller, lab, how, "settle", {"rollout_bundles": None}, call="Start-CsWindowsService", nth=1)
    told, _page = left(controller)
    assert told["members"] == {"edge1": "settled", "edge2": AT_WORK, "edge3": UNTOUCHED}
    controller.paste(due["command"]).failed(f"wait for run {told['run']}")
    run = controller.paste(told["next"]["command"]).succeeded()
    assert run.report["purpose"] == "settle"
    whole(controller, lab, run.verdict, "all-new")


def held(controller: Controller, lab: LabProcess, how: str, playbook: str, asked: dict[str, Any], **call: Any) -> None:
    """Cut a run off while a call of member 2 does not come back."""
    lab.fault("edge2", do="timeout", seconds=1, **call)
    for folder in controller.reports.iterdir():
        folder.rename(controller.folder / folder.name)  # of the run before
    with controller.begin(playbook, variables=asked) as running:
        running.until(lambda: bool(lab.state()["edge2"]["faults"]["struck"]), f"{call['call']} was held")
        stop(running, how)
        lab.restart_winrm("edge2")
        lab.clear_faults("edge2")


def whole(controller: Controller, lab: LabProcess, told: str, expected: str) -> None:
    """A whole array, everything runs, nobody holds anything, nothing is left over."""
    assert told == truth.array_truth(lab.state()) == expected
    truth.all_running(lab)
    assert [name for name, member in lab.state().items() if member["lock"]] == [], "still held"
    assert not list(controller.reports.glob("*/unfinished.*")), "what is over is still told"


def test_a_renewal_that_could_leave_nothing_is_refused_and_a_way_back_goes_on(
    controller: Controller, lab: LabProcess
) -> None:
    file = controller.folder / "file"
    file.touch()
    controller.renew(rollout_report_dir=str(file)).failed("No member was touched.", "Set rollout_report_dir to")
    assert all(not member["ran"] for member in lab.state().values())
    back = controller.rollback(rollout_product="edge", rollout_report_dir=str(file))
    assert back.output.count("What a run leaves when it is cut off cannot be written") == 1
    assert "all-old: " in back.output, "it did not go on"


def cut_off(
    controller: Controller, lab: LabProcess, tmp_path: Path, place: Place, how: str
) -> tuple[dict[str, Any], str]:
    """Cut a run off there; return what it left, both files."""
    for member, fault in place.faults:
        lab.fault(member, **fault)
    with WAYS[place.way](lab, tmp_path, place) as (variables, holds, inventory):
        token = ("-e", f"customer_token={TOKEN}")
        with controller.begin(place.playbook, *token, variables=variables, inventory=inventory) as running:
            running.until(holds, f"it was {place.name}")
            stop(running, how)
            for member in MEMBERS:
                lab.restart_winrm(member)  # what was under way there ends where it is
                lab.clear_faults(member)
        assert not list(controller.reports.glob("*/report.json")), "nobody reports a run that was cut off"
    return left(controller)


def stop(running: Playbook, how: str) -> None:
    """Cut it off; return when no worker of it is left that would wait for a reply."""
    workers = running.workers()
    getattr(running, how)()
    if how == "interrupt":
        while any(alive(pid) for pid in workers):
            pass


def left(controller: Controller) -> tuple[dict[str, Any], str]:
    """The two files of the newest run, which nobody else may read."""
    file = max(controller.reports.glob("*/unfinished.json"))  # run ids begin with the time
    page = file.with_name("unfinished.txt")
    assert [path.stat().st_mode & 0o777 for path in (file, page)] == [0o600, 0o600]
    assert {path.name for path in file.parent.iterdir()} == {file.name, page.name}
    return json.loads(file.read_text(encoding="ascii")), page.read_text(encoding="utf-8")


def agrees(told: dict[str, Any], lab: LabProcess) -> None:
    """What is said of each member is what the lab shows; of the one at work nothing is claimed."""
    for name, member in lab.state().items():
        word, rolled = told["members"][name], bool(member["av_pending"])
        if word == AT_WORK:
            assert told["at_work"]["member"] == name
            continue
        new = word in ("switched", PROVEN, CLOSED)
        assert truth.member_truth(member) == ("new" if new else "old"), f"{name}: told {word}"
        assert rolled is (word != UNTOUCHED), f"{name}: told {word}, rolled: {rolled}"
        assert set(member["services"].values()) == {"Running"}, f"{name}: told {word}"
        if word != UNTOUCHED:
            assert (member["lock"] is None) is (word == CLOSED), f"{name}: told {word}, lock {member['lock']}"


def led_out(controller: Controller, lab: LabProcess, told: dict[str, Any], expected: str) -> None:
    """The line, pasted: a whole array, everything runs, nobody holds anything, nothing is left over."""
    run = controller.paste(told["next"]["command"]).succeeded()
    whole(controller, lab, run.verdict, expected)
    for name, member in lab.state().items():
        assert bool(member["av_pending"]) is (expected == "all-new"), f"{name}: {member['av_pending']}"


# -- how a run is brought to stand still -------------------------------------------------------------------------------

Held = tuple[dict[str, Any], Callable[[], bool], Path | None]


@contextmanager
def in_a_call(lab: LabProcess, folder: Path, place: Place) -> Iterator[Held]:
    """A call of a member does not come back."""
    del folder
    lab.fault(place.member, call=place.call, nth=place.nth, do="timeout", seconds=1)
    yield {}, lambda: f"timeout {place.call}" in lab.state()[place.member]["faults"]["struck"], None


@contextmanager
def in_the_drain(lab: LabProcess, folder: Path, place: Place) -> Iterator[Held]:
    """A member waits for its calls to end."""
    del folder, place
    lab.set_calls("edge2", 3)
    yield {"rollout_drain_seconds": 600}, lambda: "Paused" in lab.state()["edge2"]["services"].values(), None
    lab.set_calls("edge2", 0)


@contextmanager
def in_a_hook(lab: LabProcess, folder: Path, place: Place) -> Iterator[Held]:
    """A task of the user's before member 2 does not end."""
    del lab, place
    begun, wait, hook = folder / "begun", folder / "wait", folder / "hook.yml"
    os.mkfifo(wait)  # who reads from it waits for somebody who writes
    ask = f"touch {begun}; [ ! -e {wait} ] || read line < {wait} || true"
    task = {
        "name": "Wait",
        "ansible.builtin.command": {"argv": ["bash", "-c", ask]},
        "when": "member == 'edge2'",
        "changed_when": False,
    }
    hook.write_text(yaml.safe_dump([task]), encoding="utf-8")
    yield {"rollout_before_member": str(hook)}, begun.exists, None
    writer = os.open(wait, os.O_RDWR)
    wait.unlink()
    os.close(writer)


@contextmanager
def behind_the_switch(lab: LabProcess, folder: Path, place: Place) -> Iterator[Held]:
    """Who looks at the ports of member 1 gets no answer from one more port, which was closed before."""
    del place
    server, asked, over = socket.create_server(("127.0.0.1", 0)), threading.Event(), threading.Event()

    def serve() -> None:
        seen = []
        with suppress(OSError):
            while True:
                seen.append(server.accept()[0])
                if truth.member_truth(lab.state()["edge1"]) == "new":
                    asked.set()
                    over.wait()
                for one in seen:
                    one.close()

    thread = threading.Thread(target=serve)
    thread.start()
    inventory = yaml.safe_load((lab.directory / "inventory.yml").read_text(encoding="utf-8"))
    member(inventory, "edge1").setdefault("rollout_endpoints", []).append(
        {"name": "one more", "host": "127.0.0.1", "port": server.getsockname()[1]}
    )
    file = folder / "inventory.yml"
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    try:
        yield {"rollout_probe_timeout": 600}, asked.is_set, file
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def member(inventory: Any, name: str) -> dict[str, Any]:
    """The variables of a host, wherever in the inventory it stands."""
    if isinstance(inventory, dict):
        if isinstance(inventory.get("hosts"), dict) and isinstance(inventory["hosts"].get(name), dict):
            return inventory["hosts"][name]
        for part in inventory.values():
            with suppress(LookupError):
                return member(part, name)
    raise LookupError(name)


WAYS: dict[str, Callable[[LabProcess, Path, Place], Any]] = {
    "call": in_a_call,
    "drain": in_the_drain,
    "hook": in_a_hook,
    "probe": behind_the_switch,
}
