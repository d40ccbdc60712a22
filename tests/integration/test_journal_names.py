"""Taking back and settling with no variable but the array: the members' journals say what it is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from integration import exchange_array as array
from integration import truth
from integration.controller import Controller, Run
from integration.test_renew_exchange import Start, spent, start
from lab.client import LabProcess

__all__ = ["start"]
NAME = "mail_and_more"


def regrouped(controller: Controller) -> Path:
    """The lab's inventory with its group under another name."""
    data = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))
    children = data["all"]["children"]
    data["all"]["children"] = {NAME: children[next(iter(children))]}
    file = controller.folder / "regrouped.yml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def play(controller: Controller, playbook: str, *arguments: str, **variables: Any) -> Run:
    """A playbook over the array under its other name."""
    given = {"rollout_array": NAME, "rollout_bundles": None, **variables}
    return controller.play(playbook, *arguments, variables=given, inventory=regrouped(controller))


def rewritten(lab: LabProcess, member: str, **entries: Any) -> None:
    """The member's journal with other entries, as another version or another run left it; None takes one away."""
    text = {**json.loads(lab.state()[member]["journal"]), **entries}
    lab.configure(member, journal=json.dumps({k: v for k, v in text.items() if v is not None}))


def test_exchange_servers_are_taken_back(start: Start) -> None:
    """Without a variable for it, though one server's journal is older; one small command a server is all it costs."""
    controller = start(members="2")
    lab, before = controller.lab, controller.lab.state()
    bundles = {"external": controller.bundle(key="mail.key.pem")}
    play(controller, "renew_exchange", rollout_bundles=bundles).succeeded()
    renewed = array.lasting(lab.state())
    done = {"rollout_completed": True}

    lab.reset_counts()
    given = play(controller, "rollback", "--check", **done, rollout_product="exchange").succeeded()
    cost = spent(lab)
    assert "Read the journal alone" not in {row["task"] for row in given.results if row["status"] == "ok"}
    lab.reset_counts()
    play(controller, "rollback", "--check", **done).succeeded()
    assert spent(lab) == {name: commands + 1 for name, commands in cost.items()}

    lab.reset_counts()
    other = play(controller, "rollback", **done, rollout_product="edge")
    other.failed("rollout_product says edge", "name exchange", "-e rollout_product=exchange")
    written = lab.state()["ex2"]["journal"]
    rewritten(lab, "ex2", product="edge")
    told = (
        "ex1: exchange (run",
        "ex2: edge (run",
        "-e rollout_product=exchange (ex1) or -e rollout_product=edge (ex2)",
    )
    lab.reset_counts()
    play(controller, "rollback", **done).failed(*told)
    assert spent(lab) == {"ex1": 1, "ex2": 1}, "more was done than reading the journals"
    one = play(controller, "rollback", "--check", **done, rollout_product="exchange").failed("ex2")
    assert one.report["verdict"]["lost"] == ["ex2"] and "journal.other-product" in str(one.results)
    lab.configure("ex2", journal=written)
    assert array.lasting(lab.state()) == renewed, "a run that was refused changed a server"

    rewritten(lab, "ex2", product=None)
    with array.watched(lab):
        back = play(controller, "rollback", **done).succeeded()
    assert back.verdict == "all-old" == array.truth(lab.state())
    array.as_before(before, lab.state())


def test_an_edge_pool_is_settled(controller: Controller, lab: LabProcess) -> None:
    """Nothing is known before it was renewed; then the journals name it, also where one member is down."""
    empty = play(controller, "settle").failed(
        "no member of 'mail_and_more' has a journal", "edge2: no journal", "-e rollout_product=edge (Edge servers)"
    )
    assert not list(empty.reports.glob("*")) and truth.array_truth(lab.state()) == "all-old"
    assert {name: counts["commands"] for name, counts in lab.counts().items()} == dict.fromkeys(lab.state(), 1)

    play(controller, "renew_edge_pool", rollout_bundles={"external": controller.bundle()}).succeeded()
    lab.advance(5 * 3600)
    lab.reachable("edge1", False)
    play(controller, "settle").failed("member.lost", "edge1")
    lab.reachable("edge1", True)
    settled = play(controller, "settle").succeeded()
    assert settled.verdict == "all-new" and settled.changed > 0
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)

    for member in lab.state():
        rewritten(lab, member, product=None)
    play(controller, "settle").failed("edge3: written before journals named the product", "-e rollout_product=edge")
    assert play(controller, "settle", rollout_product="edge").succeeded().changed == 0
