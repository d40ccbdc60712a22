"""exchange_maintenance on the lab: what was before is back in the end, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import READS, Done, Tasks
from integration.test_exchange_modules import START
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

SHOWN = ("components", "requests", "queue", "databases", "activation", "maintenance", "services")
IN = {"state": "maintenance", "redirect_to": ["ex1", "ex2", "ex3"], "drain_poll_seconds": 0.01}
OUT = {"state": "active"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    """Starts an array in a DAG: ``start("exchange2016", members="2")``."""
    with ExitStack() as stack:

        def begin(product: str = "exchange2019", engine: str = "python", **options: str) -> Tasks:
            if engine == "pwsh" and find_pwsh() is None:
                pytest.skip("no pwsh on the PATH and none in a shared tools folder beside the checkout")
            settings = {"members": "3", "dag": "1", "second_hop": "delegates", **options}
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / "lab",
                product=product,
                connection="winrm-basic-https",
                engine=engine,
                settings=settings,
            )
            return Tasks(stack.enter_context(lab), tmp_path / "tasks", "ex1")

        yield begin


def put(tasks: Tasks, member: str, orders: Mapping[str, Any]) -> None:
    """Orders for the lab."""
    tasks.lab.configure(member, **orders)


def shown(state: Mapping[str, Any]) -> dict[str, Any]:
    """What maintenance is about, of all servers; components that were asked to be Active say no more than none."""
    found = {name: {key: member[key] for key in SHOWN} for name, member in state.items()}
    for member in found.values():
        asked = member.pop("requests").items()
        member["asked"] = {f"{c} {who}": s for c, by in asked for who, s in by.items() if s != "Active"}
    return found


def run(tasks: Tasks, *options: Mapping[str, Any], **more: Any) -> Done:
    """The module, once for each."""
    return tasks.run(*({"exchange_maintenance": one, "diff": True, **more} for one in options))


# The shipped script itself, under PowerShell 7, beside the Python engine.
VERSIONS = [
    ("exchange2019", "python"),
    *(pytest.param(f"exchange{v}", "python", marks=pytest.mark.whole) for v in ("2013", "2016", "se")),
    *(pytest.param(f"exchange{v}", "pwsh", marks=pytest.mark.whole) for v in ("2016", "2019")),
]


@pytest.mark.parametrize(("product", "engine"), VERSIONS)
def test_out_and_back_to_what_it_was(start: START, product: str, engine: str) -> None:
    tasks = start(product, engine)
    put(tasks, "ex1", {"queue": {"messages": 7, "shadow": 2, "poison": 1}, "activation": {"policy": "IntrasiteOnly"}})
    before = tasks.lab.state()
    done = tasks.run(*({"exchange_maintenance": one, "diff": True, **more} for one in (IN, OUT)
                       for more in ({"check_mode": True}, {}, {})))  # fmt: skip
    assert done.rc == 0, done.output[-6000:]
    assert [row["result"]["changed"] for row in done.rows] == [True, True, False, True, True, False]
    checked, ran, again = (row["result"] for row in done.rows[:3])
    assert checked["changes"] == ran["changes"] and checked["diff"] == ran["diff"] and not again["changes"]
    assert shown(done.states[0]) == shown(before)
    assert all(name.startswith(READS) for name in done.states[0]["ex1"]["ran"][len(before["ex1"]["ran"]) :])
    inside = done.states[1]
    assert inside["ex1"]["components"]["ServerWideOffline"] == "Inactive"
    assert inside["ex1"]["databases"] == {name: "Healthy" for name in ("DB1", "DB2", "DB3")}
    assert inside["ex1"]["activation"] == {"policy": "Blocked", "disabled": True}
    assert (
        inside["ex1"]["queue"] == {"messages": 0, "shadow": 2, "poison": 1} and inside["ex2"]["queue"]["messages"] == 7
    )
    assert inside["ex1"]["components"].get("UMCallRouter") == (
        "Inactive" if product in ("exchange2013", "exchange2016") else None
    )
    after = shown(tasks.lab.state())
    expected = shown(before)
    expected["ex1"]["queue"]["messages"], expected["ex2"]["queue"]["messages"] = 0, 7
    assert after == expected


def test_2010_moves_its_databases_and_says_what_it_cannot(start: START) -> None:
    tasks = start("exchange2010")
    before = shown(tasks.lab.state())
    done = run(tasks, IN, OUT)
    assert done.rc == 0, done.output[-6000:]
    assert done.states[0]["ex1"]["databases"]["DB1"] == "Healthy"
    assert done.states[0]["ex1"]["activation"]["policy"] == "Blocked"
    assert "no component states" in done.rows[0]["result"]["warnings"][0]
    assert "Set-ServerComponentState" not in tasks.state()["ran"]
    assert shown(tasks.lab.state()) == before


@pytest.mark.parametrize(
    ("others", "said"),
    [
        pytest.param(
            {"EX2": "FailedAndSuspended", "EX3": "Failed"}, "EX2: FailedAndSuspended, EX3: Failed", id="failed"
        ),
        pytest.param({"EX2": None, "EX3": None}, "no other copy", id="none"),
    ],
)
def test_refused_where_no_other_server_holds_a_healthy_copy(start: START, others: Any, said: str) -> None:
    tasks = start()
    put(tasks, "ex1", {"databases": {"DB1": others}})
    before = tasks.lab.state()
    told = run(tasks, IN).failed()["msg"]
    assert "DB1 is mounted here" in told and said in told and "EX1 stays in service" in told
    assert shown(tasks.lab.state()) == shown(before)
    assert all(name.startswith(READS) for name in tasks.state()["ran"][len(before["ex1"]["ran"]) :])
    run(tasks, {**IN, "databases": "leave"}, OUT).ok()
    assert shown(tasks.lab.state()) == shown(before)


@pytest.mark.whole
def test_a_healthy_copy_that_may_not_be_activated_does_not_count(start: START) -> None:
    tasks = start(members="2")
    put(tasks, "ex2", {"activation": {"policy": "Blocked"}})
    assert "EX2: Healthy, activation is blocked" in run(tasks, IN).failed()["msg"]


def test_refused_where_nobody_takes_the_messages(start: START) -> None:
    tasks = start(members="2")
    put(tasks, "ex2", {"components": {"HubTransport": {"Functional": "Inactive"}}})
    before = shown(tasks.lab.state())
    assert (
        "ex2: Inactive, nobody: not found"
        in run(tasks, {**IN, "redirect_to": ["ex1", "ex2", "nobody"]}).failed()["msg"]
    )
    assert "found none named" in run(tasks, {"state": "maintenance"}).failed()["msg"]
    assert shown(tasks.lab.state()) == before


def test_what_does_not_drain_is_put_back(start: START) -> None:
    tasks = start(redirect_leaves="3")
    put(tasks, "ex1", {"queue": {"messages": 5}})
    before = shown(tasks.lab.state())
    result = run(tasks, {**IN, "drain_seconds": 0}).failed()
    assert result["left"] == ["3 messages wait"] and "in service as before" in result["msg"]
    now = shown(tasks.lab.state())
    assert now.pop("ex1") | {"queue": None} == before.pop("ex1") | {"queue": None}
    run(tasks, {**IN, "drain_seconds": 0, "drain_expired": "continue"}, OUT).ok()
    assert tasks.state()["components"] == {} and tasks.state()["maintenance"] is None


@pytest.mark.whole
def test_messages_that_leave_by_themselves_are_waited_for(start: START) -> None:
    tasks = start(redirect_leaves="3", queue_leaves="1")
    put(tasks, "ex1", {"queue": {"messages": 5}})
    assert run(tasks, IN).ok()["messages"] == 0
    assert tasks.state()["ran"].count("Get-Queue") >= 3


@pytest.mark.parametrize("call", ["Redirect-Message", "Set-MailboxServer", "Set-ServiceState"])
def test_a_step_that_fails_is_taken_back(start: START, call: str) -> None:
    tasks = start()
    put(tasks, "ex1", {"queue": {"messages": 5}})
    before = shown(tasks.lab.state())
    tasks.lab.fault("ex1", call=call, do="error")
    told = run(tasks, IN).failed()["msg"]
    assert call in told and "in service as before" in told
    after = shown(tasks.lab.state())
    for state in (before, after):
        for member in state.values():
            member.pop("queue")
    assert after == before


def test_a_begin_that_was_cut_off_is_taken_back_to_what_was_before_it(start: START) -> None:
    """The connection is lost in the middle: the record lies there, and the second begin does not overwrite it."""
    tasks = start()
    put(tasks, "ex1", {"activation": {"policy": "IntrasiteOnly"}})
    before = shown(tasks.lab.state())
    tasks.lab.fault("ex1", call="Set-MailboxServer", do="drop-after")
    assert run(tasks, IN).rc != 0
    assert json.loads(tasks.state()["maintenance"])["policy"] == "IntrasiteOnly"
    run(tasks, IN, OUT).ok()
    assert shown(tasks.lab.state()) == before


def test_a_server_that_somebody_else_put_into_maintenance_stays_there(start: START) -> None:
    tasks = start()
    asked = {"ServerWideOffline": {"Maintenance": "Inactive"}, "HubTransport": {"Functional": "Inactive"}}
    put(tasks, "ex1", {"components": asked, "activation": {"policy": "Blocked", "disabled": True}})
    put(tasks, "ex2", {"databases": {"DB1": {"EX2": "Mounted"}}})
    before = shown(tasks.lab.state())
    done = run(tasks, IN, OUT)
    assert done.rc == 0, done.output[-4000:]
    assert [row["result"]["changed"] for row in done.rows] == [False, False]
    assert "ServerWideOffline is Inactive, and not by this module" in str(done.rows[1]["result"]["warnings"])
    assert shown(tasks.lab.state()) == before


@pytest.mark.whole
def test_a_component_that_others_took_meanwhile_is_told_and_keeps_its_record(start: START) -> None:
    tasks = start()
    run(tasks, IN).ok(changed=True)
    put(tasks, "ex1", {"components": {"ServerWideOffline": {"Functional": "Inactive"}}})
    told = run(tasks, OUT).failed()["msg"]
    assert "not back in service" in told and "ServerWideOffline is Inactive" in told and "LocalStates" in told
    put(tasks, "ex1", {"components": {"ServerWideOffline": {"Functional": "Active"}}})
    assert tasks.state()["maintenance"]
    run(tasks, OUT).ok()
    assert tasks.state()["components"] == {} and tasks.state()["databases"]["DB1"] == "Mounted"


@pytest.mark.whole
def test_a_database_whose_copy_is_not_healthy_any_more_is_left_where_it_is(start: START) -> None:
    tasks = start()
    run(tasks, IN).ok()
    put(tasks, "ex1", {"databases": {"DB1": {"EX1": "Failed"}}})
    assert "DB1 was mounted here before" in str(run(tasks, OUT).ok()["warnings"])
    assert tasks.state()["databases"]["DB1"] == "Failed" and tasks.state()["components"] == {}


def test_an_edge_transport_server_is_refused(start: START) -> None:
    tasks = start(members="1", edge_transport="1")
    tasks.member = "gate1"
    assert "Edge Transport" in run(tasks, IN).failed()["msg"]
