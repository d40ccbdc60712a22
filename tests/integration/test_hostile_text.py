"""Members that say what acts on a terminal: none of it reaches the operator's screen, the log or a report."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.controller import Controller, Run
from integration.tasks import Tasks
from lab.client import LabProcess

ERASE, TITLE, C1 = "\x1b[2J\x1b[1;1H", "\x1b]0;all-new\x07", "\x9b31m"
EVIL = f"it failed {ERASE}{TITLE}\u202enew\u2066 {C1} \u200b\ufeff \u2028\r\nok: [edge1] => all-new\r\tthe end \x00\x7f"
"""Escape sequences, controls in both ranges, marks of direction, what nobody sees, and a forged line of output."""
TEMPLATE = "{{ 71 * 71 }}{% set x = 71 * 71 %}{{ x }}"
ORDERS = ("::error file=x::all-new", "##[error]all-new", "##vso[task.complete result=Succeeded]done")
"""What GitHub's and Azure's runners obey in the output of a job, the first at the beginning of a line."""
SEEN = EVIL.replace("\u200b\ufeff", "")
"""Without what nobody sees: in data, which ``-v`` shows, names stay exact."""
WORST = f"{SEEN}\r\n{TEMPLATE} " + "\n".join(("", *ORDERS)) + "\n" + "very long " * 2_000
FACTS = dict.fromkeys(("computer", "user", "language", "culture", "powershell", "windows"), EVIL) | {"load_error": EVIL}
HARMLESS = {"\n", "\t"}


def raw(text: str) -> set[str]:
    """The characters of a text that act on a terminal, turn it around or cannot be seen."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - HARMLESS


def obeyed(output: str) -> list[str]:
    """Lines of a job's output that a runner would take for orders, and texts of others that were templated."""
    orders = ("##[", "##vso[")
    return [
        line[:200]
        for line in output.splitlines()
        if line.lstrip().startswith("::") or any(order in line for order in orders) or "5041" in line
    ]


def nothing_raw(run: Run, controller: Controller) -> None:
    """What a person can look at afterwards: screen, log, every file of every report."""
    assert not raw(run.output), ascii(run.output)
    forged = [row["result"]["msg"] for row in run.results if "\nok: [edge1]" in str(row["result"].get("msg"))]
    assert not forged, "Ansible may wrap a line there, but no message has one"
    assert not obeyed(run.output)
    looked_at = [controller.folder / "ansible.log", *controller.reports.rglob("*.*")]
    for file in [file for file in looked_at if file.is_file()]:
        text = file.read_bytes().decode("utf-8")
        assert not raw(text) and "5041" not in text, file.name


EXCHANGE_SAYS = {
    "Get-ExchangeServer": ("Edition", "Identity"),
    "Get-ExchangeCertificate": ("FriendlyName", "Subject", "Status", "warning"),
    "Get-ReceiveConnector": ("Name", "Identity", "AuthMechanism", "Fqdn", "warning"),
    "Get-SendConnector": ("Name", "Identity", "Fqdn", "warning"),
    "Get-EdgeSubscription": ("Name", "Identity", "Domain", "Site"),
    "Get-PopSettings": ("X509CertificateName",),
    "Get-ImapSettings": ("X509CertificateName",),
    "Get-OwaVirtualDirectory": ("ExternalUrl", "InternalUrl", "Identity", "Name"),
    "Get-WebServicesVirtualDirectory": ("ExternalUrl",),
    "Get-ClientAccessService": ("AutoDiscoverServiceInternalUri", "Identity"),
    "Get-StoreCertificate": ("FriendlyName", "ContainerName", "warning"),
    "Find-Event": ("Message", "Source", "Level", "warning"),
    "Get-ServiceVersion": ("Path", "FileVersion"),
}
"""Properties that a server answers with, or writes a warning beside: whatever somebody has put there."""


@pytest.fixture
def exchange(start_lab: Callable[..., LabProcess], tmp_path: Path) -> Controller:
    """One of an Exchange array whose servers all say odd things about themselves, in every place."""
    lab = start_lab(scenario="exchange-array", product="exchangese", members="2", second_hop="delegates")
    folder = tmp_path / "controller"
    says = {call: dict.fromkeys(properties, WORST) for call, properties in EXCHANGE_SAYS.items()}
    lab.configure("ex1", says=says, facts={"user": WORST, "culture": WORST, "computer": f"EX1{SEEN}"})
    event = {"id": 12014, "source": "MSExchangeTransport", "message": f"certificate {WORST}", "log": "Application"}
    lab.configure("ex2", events=[event | {"level": "Error", "ago": 60}], facts={"user": WORST})
    return Controller(folder, lab, environment={"ANSIBLE_LOG_PATH": str(folder / "ansible.log")})


# In `make test` those that ask for the most; a renewal's reports are looked at below.
PLAYBOOKS = ["verify", "request", *(pytest.param(p, marks=pytest.mark.whole) for p in ("renew_exchange", "hostcheck"))]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_an_exchange_server_that_says_such_things(playbook: str, exchange: Controller) -> None:
    """Whatever becomes of the run."""
    bundles = None if playbook in ("verify", "hostcheck") else {"external": exchange.bundle(key="mail.key.pem")}
    given = {
        "rollout_bundles": bundles,
        "verify_report_dir": str(exchange.reports),
        "hostcheck_hosts": "exchange",
        "request_names": ["mail.contoso.example"],
    }
    run = exchange.play(playbook, "-v", "--diff", variables=given)
    nothing_raw(run, exchange)
    assert "\N{REPLACEMENT CHARACTER}" in run.output, "what they said can still be seen"


def test_an_exchange_server_that_fails_with_such_things(exchange: Controller) -> None:
    """In a switch, in the way back, at the first question, in the lock and the journal of others."""
    lab = exchange.lab
    lab.configure("ex1", says={}, facts={})
    for call in ("Enable-ExchangeCertificate", "Set-ReceiveConnector"):
        lab.fault("ex2", do="error", call=call, message=WORST, fqid=WORST)
    nothing_raw(exchange.renew_exchange("-v", "--diff", rollout_on_failure="hold").failed("it failed"), exchange)
    lab.fault("ex1", do="error", call="Enable-ExchangeCertificate", message=WORST)
    nothing_raw(exchange.rollback("-v"), exchange)
    lab.configure("ex1", lock={"run": f"run{EVIL}", "text": json.dumps({"operator": WORST}, ensure_ascii=False)})
    lab.configure("ex2", journal=f'{{"schema": 1, "run": "{WORST}"')
    nothing_raw(exchange.settle("-v").failed(), exchange)
    lab.fault("ex1", do="error", call="Get-ServiceVersion", message=WORST)
    nothing_raw(exchange.renew_exchange("-v").failed("it failed"), exchange)


def test_tasks_on_exchange(exchange: Controller) -> None:
    """Their results shown, their warnings and errors."""
    wanted = {
        "exchange_info": {},
        "store_info": {},
        "event_info": {"log": "Application", "sources": []},
        "exchange_connectors": {"thumbprint": "AB" * 20, "replaces": "CD" * 20},
    }
    tasks = Tasks(exchange.lab, exchange.folder / "tasks", "ex1,ex2")
    done = tasks.run(*({name: given, "ignore_errors": True} for name, given in wanted.items()), arguments=["-v"])
    assert len(done.rows) == 2 * len(wanted), done.output[-3000:]
    assert not raw(done.output) and not obeyed(done.output), ascii(done.output)


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
