"""The modules for Exchange servers, as users run them, on the lab: what springs by hand does not spring with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import READS, Done, Tasks
from lab.client import LabProcess
from lab.exchange.client import StarttlsWatch

EVERY = ["IIS", "SMTP", "POP", "IMAP"]
START = Callable[..., Tasks]
STAGE = "ucops.certificates"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    """Starts Exchange labs of one server: ``start("exchange2010", services_shape="null")``."""
    with ExitStack() as stack:
        count = 0

        def begin(product: str = "exchange2019", member: str = "ex1", **options: str) -> Tasks:
            nonlocal count
            count += 1
            settings = {"members": "1", "second_hop": "delegates", **options}
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / f"lab{count}",
                product=product,
                connection="winrm-basic-https",
                settings=settings,
            )
            return Tasks(stack.enter_context(lab), tmp_path / f"tasks{count}", member)

        yield begin


def lasting(state: Mapping[str, Any]) -> dict[str, Any]:
    """All of a server that a read must not change."""
    kept = ("stores", "keys", "orphan_keys", "services", "bindings", "default_smtp", "require_ssl", "smtp_enabled")
    more = ("connectors", "client_names", "um", "edge_sync", "leaves", "journal", "lock", "events")
    return {key: state[key] for key in (*kept, *more)}


def thumb(tasks: Tasks, name: str) -> str:
    """Thumbprint of a lab certificate that lies on the server."""
    return next(thumbprint for thumbprint, known in tasks.state()["names"].items() if known == name)


def three_times(tasks: Tasks, options: Mapping[str, Any]) -> Done:
    """Check run, run, unchanged run; the check run announces what the run does and sends nothing but reads."""
    before = tasks.state()
    task = {"exchange_services": options, "diff": True}
    done = tasks.run({**task, "check_mode": True}, task, task)
    assert done.rc == 0, done.output[-6000:]
    checked, ran, again = (row["result"] for row in done.rows)
    after_check, after, in_the_end = (state[tasks.member] for state in done.states)
    assert (checked["changed"], ran["changed"], again["changed"]) == (True, True, False), done.output[-6000:]
    assert lasting(after_check) == lasting(before), "the check run changed something"
    sent = after_check["ran"][len(before["ran"]) :]
    assert sent and all(name.startswith(READS) for name in sent), sent
    assert (checked["changes"], checked["diff"]) == (ran["changes"], ran["diff"]), "another was announced"
    assert lasting(after) != lasting(before)
    assert lasting(in_the_end) == lasting(after), "the unchanged run changed something"
    assert not again["changes"]
    return done


def back_end(state: Mapping[str, Any]) -> dict[str, str]:
    """The bindings of port 444."""
    return {where: what for where, what in state["bindings"].items() if where.endswith(":444")}


def unhurt(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What must be the same afterwards, whatever was enabled."""
    for key in ("default_smtp", "edge_sync", "client_names", "require_ssl", "orphan_keys", "back_end", "connectors"):
        assert after[key] == before[key], key
    assert back_end(after) == back_end(before)
    assert after["visits"]["tls_failures"] == before["visits"]["tls_failures"]


@pytest.mark.parametrize("product", ["exchange2010", "exchange2013", "exchange2016", "exchange2019", "exchangese"])
def test_a_renewal_of_one_server(start: START, product: str) -> None:
    """From the vendor's bundle: announced, done, done once; default SMTP certificate, 444 and names as they were."""
    tasks = start(product)
    before, new = tasks.state(), tasks.thumbprint()
    endpoints = _endpoints(tasks)
    with StarttlsWatch(endpoints) as watch:
        done = three_times(tasks, {"services": EVERY, "bundle": tasks.bundle()})
    assert not watch.problems, watch.problems
    after, ran = tasks.state(), done.rows[1]["result"]
    unhurt(before, after)
    assert after["bindings"]["0.0.0.0:443"] == after["leaves"]["Web"] == new
    assert new in after["smtp_enabled"] and after["leaves"]["SMTP submission"] == new
    assert set(after["stores"]["LocalMachine"]["My"]) == {*before["stores"]["LocalMachine"]["My"], new}
    assert all(new in ran["assigned"][service] for service in EVERY)
    assert ran["default_smtp"] == before["default_smtp"]
    assert "W3SVC" in ran["restart"] and "MSExchangePOP3" in ran["restart"]
    look = tasks.run({"exchange_info": {}}).ok(changed=False)
    assert look["default_smtp"] == before["default_smtp"] and look["assigned"]["IIS"] == [new]


def _endpoints(tasks: Tasks) -> list[tuple[str, int, str]]:
    import yaml

    inventory = yaml.safe_load(tasks.lab.inventory.read_text(encoding="utf-8"))
    hosts = inventory["all"]["children"]["exchange"]["hosts"]
    return [
        (port["host"], port["port"], port["server_name"])
        for port in hosts[tasks.member]["rollout_endpoints"]
        if port.get("starttls") == "smtp"
    ]
