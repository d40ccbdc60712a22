"""The whole Edge renewal with the shipped script run by PowerShell on each member, by Ansible's own connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from integration import truth
from integration.controller import Controller
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

from .conftest import NO_PWSH

MEMBERS = ("edge1", "edge2")  # two are enough: one before, one behind; pools of three are the integration tests' matter
#: What differs between two labs by nature: moments, addresses, and what hangs on keys made anew.
NATURAL = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z| UTC)?|"
    r"\d{8}T\d{6}Z-[0-9a-f]+|127\.\d+\.\d+\.\d+|\b[0-9a-f]{64}\b"
)


class Start(Protocol):
    """Starts a lab with this engine."""

    def __call__(self, engine: str, connection: str = ..., **settings: str) -> Controller: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    if find_pwsh() is None:
        pytest.skip(NO_PWSH)
    with ExitStack() as stack:

        def begin(engine: str, connection: str = "winrm-basic-https", **settings: str) -> Controller:
            own = {key: settings.pop(key) for key in ("powershell", "windows", "product") if key in settings}
            settings.setdefault("members", str(len(MEMBERS)))
            lab = LabProcess(
                settings.pop("scenario", "edge-pool"),
                directory=tmp_path / f"lab-{engine}",
                engine=engine,
                connection=connection,
                settings=settings,
                **own,
            )
            return Controller(tmp_path / f"controller-{engine}", stack.enter_context(lab))

        yield begin


def names(lab: LabProcess) -> dict[str, str]:
    """Thumbprints, serial numbers and what else is one certificate's own -> the certificate's name in the lab."""
    return {thumb: f"<{name}>" for member in lab.state().values() for thumb, name in member["names"].items()}


def normal(controller: Controller, report: Mapping[str, Any]) -> Any:
    """A report without what differs between two labs by nature."""
    known = {certificate["serial"]: "<serial>" for certificate in report["certificates"]} | names(controller.lab)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key not in ("digests", "digest", "clock_offset")}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if not isinstance(value, str):
            return value
        for text, name in known.items():
            value = value.replace(text, name)
        for folder in (controller.lab.directory, controller.folder):
            value = value.replace(str(folder), "<folder>")
        return NATURAL.sub("<of its own>", value)

    return plain(report)


WHOLE = pytest.mark.whole
# Basic over HTTPS is what the other tests of this file use.
CONNECTIONS = [
    *(pytest.param(name, marks=WHOLE) for name in ("winrm-basic-https", "winrm-ntlm-http")),
    "psrp-ntlm-http",
]


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_pool_is_renewed_and_settled(start: Start, connection: str) -> None:
    controller = start("pwsh", connection, powershell="2.0" if connection == "winrm-ntlm-http" else "4.0")
    lab = controller.lab
    for member in MEMBERS:
        lab.set_calls(member, 2)
        lab.configure(member, hang_up=2)
    run = controller.renew().succeeded()
    assert run.changed > 0 and run.verdict == truth.array_truth(lab.state()) == "all-new"
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)
    again = controller.renew().succeeded()
    assert again.changed == 0 and again.verdict == "all-new"
    if connection == "winrm-ntlm-http":  # what comes after the instant is the same for all
        return
    lab.advance(5 * 3600)
    assert controller.settle().succeeded().verdict == "all-new"
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)


@pytest.mark.whole
def test_both_engines_lead_to_one_report(start: Start) -> None:
    reports = []
    for engine in ("python", "pwsh"):
        controller = start(engine)
        run = controller.renew().succeeded()
        reports.append(normal(controller, run.report))
    assert reports[0] == reports[1]


@pytest.mark.parametrize("product", ["exchange2010", pytest.param("exchange2019", marks=WHOLE)])
def test_both_engines_lead_to_one_report_of_exchange(start: Start, product: str) -> None:
    """Read, stage, switch, prove: the shipped script and the simulation that stands for it elsewhere."""
    reports = []
    for engine in ("python", "pwsh"):
        controller = start(engine, scenario="exchange-array", product=product, second_hop="delegates")
        run = controller.renew_exchange().succeeded()
        assert run.verdict == "all-new" and run.changed > 0
        reports.append(normal(controller, run.report))
    assert reports[0] == reports[1]


@pytest.mark.whole
def test_the_missing_intermediate_is_seen_by_the_script_too(start: Start) -> None:
    """The incident of 2013 with the shipped script: the gate refuses, and nothing has been switched."""
    controller = start("pwsh")
    bundle = controller.bundle("incomplete.zip")
    run = controller.renew(rollout_bundles={"external": bundle})
    assert run.rc != 0 and truth.array_truth(controller.lab.state()) == "all-old"
    assert "G3" in run.output, "the missing certificate is named"


@pytest.mark.whole
def test_a_connection_lost_in_the_middle_of_a_write(start: Start) -> None:
    """The error says that the change may have been made; the next run finds out by reading, and ends well."""
    controller = start("pwsh")
    lab = controller.lab
    lab.fault("edge2", do="drop-after", call="Import-StorePfx")
    first = controller.renew()
    assert first.rc != 0 and first.verdict != "all-new"
    assert "took effect" in first.output or "may have" in first.output
    controller.rollback()
    second = controller.renew().succeeded()
    assert second.verdict == truth.array_truth(lab.state()) == "all-new"
    truth.all_running(lab)
    assert {member["orphan_keys"] for member in lab.state().values()} == {0}
