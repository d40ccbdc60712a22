"""The module exchange_connectors, as users run it, on the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import READS, Tasks
from integration.test_exchange_modules import lasting, thumb
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

WHOLE = pytest.mark.whole
YEARS = (2013, 2016, 2019, "se")
# `pwsh`: the shipped script itself, under PowerShell 7.
PRODUCTS = [
    pytest.param(engine, f"exchange{year}", marks=() if (engine, year) == ("python", "se") else WHOLE)
    for engine in ("python", "pwsh")
    for year in YEARS
]
OFFICE = "Outbound to Office 365"
Start = Callable[..., tuple[Tasks, Tasks]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a lab of two servers: tasks on the first and on the last of its members."""
    with ExitStack() as stack:

        def begin(
            product: str = "exchangese", last: str = "ex2", engine: str = "python", **options: str
        ) -> tuple[Tasks, Tasks]:
            if engine == "pwsh" and find_pwsh() is None:
                pytest.skip("no pwsh on the PATH and none in a shared tools folder beside the checkout")
            settings = {"members": "2", "second_hop": "delegates", **options}
            folder, flavour = tmp_path / "lab", "winrm-basic-https"
            lab = LabProcess(
                "exchange-array",
                directory=folder,
                product=product,
                connection=flavour,
                engine=engine,
                settings=settings,
            )
            lab = stack.enter_context(lab)
            return Tasks(lab, tmp_path / "one", "ex1"), Tasks(lab, tmp_path / "two", last)

        yield begin


def named(state: Mapping[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Names of the Receive connectors; name and certificate of the Send connector."""
    send = state["send_connectors"].get(OFFICE, {})
    return state["connectors"], send.get("tls_certificate_name"), send.get("certificate")


@pytest.mark.parametrize(("engine", "product"), PRODUCTS)
def test_the_last_server_takes_the_send_connector_along(start: Start, engine: str, product: str) -> None:
    """One server short: held back, or refused when asked for by name. All hold it: renamed, once; and mail goes out."""
    first, second = start(product, engine=engine)
    old, new = thumb(first, "mail-old"), first.thumbprint()
    services = {"exchange_services": {"services": ["SMTP"], "bundle": first.bundle()}}
    follow = {"exchange_connectors": {"thumbprint": new, "replaces": old}, "diff": True}
    begin = first.lab.state()
    done = first.run(services, {**follow, "check_mode": True}, follow, follow)
    assert done.rc == 0, done.output[-4000:]
    _services, checked, ran, again = (row["result"] for row in done.rows)
    assert (checked["changed"], ran["changed"], again["changed"]) == (True, True, False)
    assert (checked["changes"], checked["diff"]) == (ran["changes"], ran["diff"]) and len(ran["changes"]) == 1
    assert done.states[1]["ex1"]["connectors"] == begin["ex1"]["connectors"], "the check run changed something"
    held = ran["held_back"]
    assert [one["connector"] for one in held] == [f"Send connector {OFFICE}"] and "EX2 does not show it" in held[0][
        "reason"
    ]
    assert named(done.states[3]["ex1"])[1:] == named(begin["ex1"])[1:] and again["held_back"] == held
    assert ran["restart"] == {} and not again["changes"]
    by_name = first.run({"exchange_connectors": {"thumbprint": new, "send": [OFFICE]}})
    assert "EX2 does not show it" in by_name.failed("exchange.connector-uncovered")["msg"]

    done = second.run(services, follow, follow)
    assert done.rc == 0, done.output[-4000:]
    _services, ran, again = (row["result"] for row in done.rows)
    assert ran["changed"] and not again["changed"] and ran["held_back"] == []
    assert ran["restart"] == {"EX1": ["MSExchangeTransport"], "EX2": ["MSExchangeTransport"]}
    after = done.states[2]
    for member in ("ex1", "ex2"):
        receive, name, certificate = named(after[member])
        assert certificate == new and name == receive[f"Default Frontend {member.upper()}"]
        assert receive[f"Client Frontend {member.upper()}"] is None, "it names none and chooses by its FQDN"
    back = second.run({"exchange_connectors": {"thumbprint": old, "replaces": new}}).ok(changed=True)
    assert len(back["changes"]) == 2 and named(second.state()) == named(begin["ex2"])


def test_what_is_refused_leaves_everything_as_it_was(start: Start) -> None:
    """Another server's connector, none at all, a certificate that is not there, SMTP not enabled, and no wish."""
    first, _second = start(members="1", last="ex1")
    old = thumb(first, "mail-old")
    first.lab.store("ex1", store="My", add=["mail-new"], key=True)
    new = first.thumbprint()
    before = first.state()
    wishes: list[tuple[dict[str, Any], str, str | None]] = [
        ({"receive": ["EX2\\Default Frontend EX2"]}, "is a connector of EX2", "exchange.connector-foreign"),
        ({"receive": ["Default Frontend EX2"]}, "has no such Receive connector", "exchange.connector-foreign"),
        ({"send": ["Nowhere"]}, f"there are {OFFICE}", "exchange.connector-foreign"),
        ({"receive": ["Default Frontend EX1"]}, "not enabled for SMTP", "exchange.connector-uncovered"),
        ({"replaces": "AB" * 20}, "name the connectors instead", "store.leaf-missing"),
        ({"thumbprint": "AB" * 20, "replaces": old}, "is not in LocalMachine\\My", "store.leaf-missing"),
        ({}, "expected connectors by name", None),
    ]
    tasks = [
        {"exchange_connectors": {"thumbprint": new, **options}, "ignore_errors": True} for options, _text, _id in wishes
    ]
    done = first.run(*tasks)
    for row, (_options, text, finding) in zip(done.rows, wishes, strict=True):
        assert row["status"] == "failed" and text in row["result"]["msg"], row
        assert row["result"].get("finding") == finding, row
    after = first.state()
    assert lasting(after) == lasting(before) and named(after) == named(before)
    assert all(name.startswith(READS) for name in after["ran"][len(before["ran"]) :])


@WHOLE
def test_edge_transport_has_its_own(start: Start) -> None:
    """Inside, its certificates are not seen, so its Send connector is held back; on it, it is renamed."""
    first, gate = start(last="gate1", edge_transport="1")
    old, new = thumb(first, "mail-old"), first.thumbprint()
    services = {"exchange_services": {"services": ["SMTP"], "bundle": first.bundle()}}
    follow = {"exchange_connectors": {"thumbprint": new, "replaces": old}}
    inside = first.run(services, follow).ok(changed=True)
    assert "GATE1 does not show it" in inside["held_back"][0]["reason"]
    there = gate.run(services, follow).ok(changed=True)
    assert there["held_back"] == [] and there["restart"] == {"GATE1": ["MSExchangeTransport"]}
    assert named(gate.state())[2] == new


@WHOLE
def test_2010_has_no_such_name(start: Start) -> None:
    first, _second = start("exchange2010")
    old, new = thumb(first, "mail-old"), thumb(first, "ex1-self")
    task = {"exchange_connectors": {"thumbprint": new, "replaces": old}}
    assert "has no TlsCertificateName" in first.run(task).failed()["msg"]


@pytest.mark.parametrize("members", ["1", pytest.param("2", marks=WHOLE)])
def test_a_session_without_types(start: Start, members: str) -> None:
    """The server's own store proves the key that Exchange's answer denies; of another server nobody can say."""
    first, last = start(members=members, last=f"ex{members}", second_hop="refused", remote_exchange="missing")
    old, new = thumb(first, "mail-old"), first.thumbprint()
    services = {"exchange_services": {"services": ["SMTP"], "bundle": first.bundle(), "shell": "session"}}
    follow = {"exchange_connectors": {"thumbprint": new, "replaces": old, "shell": "session"}}
    if members == "2":
        last.run(services).ok(changed=True)
    done = first.run(services, follow, follow)
    assert done.rc == 0, done.output[-4000:]
    _services, ran, again = (row["result"] for row in done.rows)
    assert ran["changed"] and not again["changed"]
    receive, _name, certificate = named(first.state())
    assert receive["Default Frontend EX1"] != receive["Client Frontend EX1"] and len(ran["changes"]) == 3 - int(members)
    if members == "1":
        assert ran["held_back"] == [] and certificate == new
    else:
        assert "EX2 shows it, but whether it has its key" in ran["held_back"][0]["reason"] and certificate == old
