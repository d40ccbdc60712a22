"""The playbook `request`: the request of an array in both ways, its names, the vendor's answer; on the lab."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from integration.controller import Controller, Run
from integration.tasks import READS, Tasks
from integration.test_exchange_modules import STAGE
from integration.test_exchange_request import seen
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

WHOLE = pytest.mark.whole
# In `make test` the oldest for the whole way; the newest is what the other tests run on.
YEARS = (2010, 2013, 2016, 2019, "se")
# `pwsh`: the shipped script itself, under PowerShell 7.
PRODUCTS = [
    pytest.param(engine, f"exchange{year}", marks=() if (engine, year) == ("python", 2010) else WHOLE)
    for engine in ("python", "pwsh")
    for year in YEARS
]
NAMES = [f"{name}.contoso.example" for name in ("mail", "autodiscover", "smtp", "imap", "pop")]
USUAL = {"request_names": NAMES, "request_subject": {"organization": "Contoso", "country": "US"}}
PASSWORD = "the key's password, from a vault"
Start = Callable[..., Controller]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts labs of two servers: ``start("exchange2010")``."""
    with ExitStack() as stack:

        def begin(product: str = "exchangese", engine: str = "python", **options: str) -> Controller:
            if engine == "pwsh" and find_pwsh() is None:
                pytest.skip("no pwsh on the PATH and none in a shared tools folder beside the checkout")
            settings = {"members": "2", "second_hop": "delegates", **options}
            flavour = "winrm-basic-https"
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / "lab",
                product=product,
                connection=flavour,
                engine=engine,
                settings=settings,
            )
            return Controller(tmp_path / "controller", stack.enter_context(lab))

        yield begin


def ask(controller: Controller, *arguments: str, **variables: Any) -> Run:
    """The playbook with the usual names."""
    return controller.play("request", *arguments, variables={**USUAL, **variables})


def unnoticed(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """No service and no user of any member may notice."""
    for member, state in before.items():
        assert seen(after[member]) == seen(state), member


def sent(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What reached the members meanwhile."""
    return [name for member in before for name in after[member]["ran"][len(before[member]["ran"]) :]]


def said_in(csr: str) -> str:
    """What openssl reads in a request."""
    command = ["openssl", "req", "-noout", "-text", "-verify"]
    done = subprocess.run(command, input=csr, text=True, capture_output=True, check=True)
    assert "verify OK" in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("engine", "product"), PRODUCTS)
def test_on_a_server(engine: str, product: str, start: Start) -> None:
    """Announced, made, found again; answered, found again. Printed, written, and no service notices."""
    controller = start(product, engine)
    lab, file = controller.lab, controller.folder / "mail.csr"
    before = lab.state()
    given = {"request_file": str(file)}
    checked = ask(controller, "--check", "--diff", **given).succeeded()
    assert checked.changed == 1 and "would be made, on ex1" in checked.output and not file.exists()
    assert all(name.startswith(READS) for name in sent(before, lab.state()))

    made = ask(controller, **given).succeeded()
    csr = file.read_text(encoding="ascii")
    assert csr in made.output, "as it is, to be copied"
    assert ", ".join(f"DNS:{name}" for name in NAMES) in said_in(csr)
    for told in ("What to do next".lower(), "Leave the pending request on ex1 alone", "get from ex1 to ex2"):
        assert told in made.output
    waits = lab.state()
    assert len(waits["ex1"]["stores"]["LocalMachine"]["REQUEST"]) == 1
    assert not waits["ex2"]["stores"]["LocalMachine"].get("REQUEST")
    again = ask(controller, **given).succeeded()
    assert again.changed == 0 and csr in again.output and lab.state()["ex1"]["keys"] == waits["ex1"]["keys"]
    unnoticed(before, lab.state())

    answer = str(lab.configure("ex1", sign=csr)["answer"]["file"])
    imported = ask(controller, request_answer=answer).succeeded()
    staged = lab.state()["ex1"]["stores"]["LocalMachine"][STAGE]
    assert imported.changed == 1 and f"certutil -exportPFX {STAGE} {staged[0]}" in imported.output
    unnoticed(before, lab.state())


def test_names_that_members_have_and_the_request_lacks(start: Start) -> None:
    """Every one of every member is named with its setting, and nothing is made; what was accepted is no obstacle."""
    controller = start()
    lab = controller.lab
    lab.configure("ex2", urls={"ews": {"ExternalUrl": "https://ews.contoso.example/EWS/Exchange.asmx"}})
    lab.configure("ex1", fqdns={"Client Frontend EX1": "submit.contoso.example"}, client_names={"POP": "p.example"})
    before = lab.state()
    names = ["*.contoso.example", "www.fabrikam.example"]
    ask(controller, request_names=NAMES[:-1]).failed(
        "ews.contoso.example: EWS ExternalUrl (ex2)",
        "submit.contoso.example: receive connector Client Frontend EX1 (ex1)",
        "p.example: POP X509CertificateName (Get-PopSettings) (ex1)",
        "pop.contoso.example: certificate in use (IIS, SMTP, IMAP) (ex1); POP X509CertificateName",
        "Nothing was requested",
    )
    after = lab.state()
    assert {m: s["stores"] for m, s in after.items()} == {m: s["stores"] for m, s in before.items()}
    assert all(name.startswith(READS) for name in sent(before, after))
    wild = ask(controller, "--check", request_names=names, request_accept_missing=["p.example"]).succeeded()
    for told in (
        "left out     p.example",
        "superfluous  www.fabrikam.example",
        "exactly one label",
        "cannot be enabled for POP and IMAP",
        "would be made",
    ):
        assert told in wild.output


@WHOLE
def test_the_answer_finds_its_member(start: Start) -> None:
    """Made on the second server and not said so again; an answer to another request is refused by every member."""
    controller = start()
    lab = controller.lab
    file = controller.folder / "mail.csr"
    ask(controller, request_server="ex2", request_file=str(file)).succeeded()
    before = lab.state()
    foreign = str(controller.vendor / "complete.zip")
    refused = ask(controller, request_answer=foreign).failed("Nothing was changed")
    assert (
        "answers none of the requests that wait on EX1" in refused.failures
        and "Waiting there: none" in refused.failures
    )
    assert "on EX2: its key is another" in refused.failures and ", ".join(NAMES) in refused.failures
    assert {m: s["stores"] for m, s in lab.state().items()} == {m: s["stores"] for m, s in before.items()}
    answer = str(lab.configure("ex2", sign=file.read_text())["answer"]["file"])
    done = ask(controller, request_answer=answer).succeeded()
    assert ask(controller, request_answer=answer).succeeded().changed == 0
    assert "on ex2" in done.output and "how the key gets to ex1" in done.output
    assert len(lab.state()["ex2"]["stores"]["LocalMachine"][STAGE]) == 1


def test_on_the_controller(start: Start) -> None:
    """The key never leaves the control node, lies there encrypted, and fits the answer; no other does."""
    controller = start()
    lab, folder = controller.lab, controller.folder
    csr, key = folder / "mail.csr", folder / "mail.key.pem"
    given = {
        "request_on": "controller",
        "request_file": str(csr),
        "request_key_file": str(key),
        "request_key_password": PASSWORD,
    }
    before = lab.state()
    runs = [ask(controller, "-vvv", **given).succeeded()]
    assert csr.read_text() in runs[0].output and b"ENCRYPTED" in key.read_bytes() and key.stat().st_mode & 0o77 == 0
    assert ", ".join(f"DNS:{name}" for name in NAMES) in said_in(csr.read_text())
    runs.append(ask(controller, **given).succeeded())
    assert runs[1].changed == 0
    answer = str(lab.configure("ex1", sign=csr.read_text())["answer"]["file"])
    runs.append(ask(controller, **given, request_answer=answer).succeeded())
    assert "fits the key in" in runs[2].output and f"key_path: {key}" in runs[2].output
    foreign = str(controller.vendor / "complete.zip")
    runs.append(ask(controller, **given, request_answer=foreign).failed("find the key that was made with the request"))
    assert all(PASSWORD not in run.output for run in runs)
    assert all(name.startswith(READS) for name in sent(before, lab.state()))
    unnoticed(before, lab.state())


def test_an_edge_pool(start_lab: Callable[..., LabProcess], tmp_path: Path) -> None:
    """On the control node only; the names are those of the certificates that the pool uses."""
    controller = Controller(tmp_path / "controller", start_lab(members=2))
    given = {
        "request_product": "edge",
        "request_on": "controller",
        "request_file": str(tmp_path / "sip.csr"),
        "request_key_file": str(tmp_path / "sip.key.pem"),
        "request_key_password": PASSWORD,
    }
    lacks = controller.play("request", variables={**given, "request_names": ["sip.contoso.example"]})
    lacks.failed("webcon.contoso.example: certificate of AccessEdgeExternal (edge1, edge2)")
    told = [one for row in lacks.of("request_array") for one in row["result"].get("missing") or []]
    named = [one.partition(":")[0] for one in told]
    whole = ["sip.contoso.example", *named]
    made = controller.play("request", variables={**given, "request_names": whole}).succeeded()
    assert made.changed == 1 and ", ".join(f"DNS:{name}" for name in whole) in said_in(
        (tmp_path / "sip.csr").read_text()
    )


@WHOLE
@pytest.mark.parametrize("product", ["exchange2010", "exchangese"])
def test_from_the_request_to_the_rollout(product: str, start: Start, tmp_path: Path) -> None:
    """What the playbook says is typed, and the rollout gives every member the one certificate with the one key."""
    controller = start(product)
    lab, file = controller.lab, controller.folder / "mail.csr"
    ask(controller, request_file=str(file)).succeeded()
    answer = str(lab.configure("ex1", sign=file.read_text())["answer"]["file"])
    told = ask(controller, request_answer=answer).succeeded().output
    line = re.search(r"(certutil) (-exportPFX \S+ (\w+) (\S+))", told)
    assert line is not None
    command, rest, thumbprint, path = line.groups()
    admin = Tasks(lab, tmp_path / "admin", "ex1")
    typed = f"{command} -p of-the-admin {rest}\n[Convert]::ToBase64String([IO.File]::ReadAllBytes('{path}'))"
    said = str(admin.run({"ansible.builtin.raw": typed}).ok()["stdout"])
    (controller.folder / "mail.pfx").write_bytes(base64.b64decode(said.strip().splitlines()[-1]))
    bundle = {"path": str(controller.folder / "mail.pfx"), "password": "of-the-admin", "extra_paths": [answer]}
    controller.renew_exchange(rollout_bundles={"external": bundle}).succeeded()
    for member in lab.state().values():
        assert {member["leaves"][port] for port in ("Web", "SMTP submission", "POP3", "IMAP4")} == {thumbprint}
        assert member["bindings"]["0.0.0.0:443"] == thumbprint and member["orphan_keys"] == 0


@WHOLE
def test_a_key_that_may_not_leave_its_server(start: Start) -> None:
    """Refused in the first place; where somebody made it so by hand, the others are told that they never get it."""
    controller = start()
    lab, file = controller.lab, controller.folder / "mail.csr"
    ask(controller, request_exportable=False).failed("which all need the key")
    tasks = Tasks(lab, controller.folder / "admin", "ex1")
    subject = {"organization": "Contoso", "country": "US"}
    made = tasks.run({"exchange_request": {"names": NAMES, "exportable": False, **subject}}).ok(changed=True)
    file.write_text(made["csr"])
    answer = str(lab.configure("ex1", sign=made["csr"])["answer"]["file"])
    told = ask(controller, request_answer=answer).succeeded().output
    assert "may not be exported, so ex2 can never get it" in told and "certutil" not in told


@WHOLE
def test_a_look_at_a_request_on_the_controller_writes_nothing(start: Start) -> None:
    controller = start()
    files = [controller.folder / name for name in ("mail.csr", "mail.key.pem")]
    given = {"request_on": "controller", "request_key_password": PASSWORD}
    given |= {"request_file": str(files[0]), "request_key_file": str(files[1])}
    looked = ask(controller, "--check", "--diff", **given).succeeded()
    assert looked.changed == 1 and "would be made, on this control node" in looked.output
    assert not any(file.exists() for file in files)


@WHOLE
def test_a_member_that_is_not_heard_of(start: Start) -> None:
    """Its names are not known: nothing is made, until it is left out by name and reason."""
    controller = start()
    controller.lab.fault("ex2", call="Get-StoreCertificate", do="drop-before")
    ask(controller).failed("1 of 2 members of exchange were not read", "ex2", "request_excluded")
    assert not controller.lab.state()["ex1"]["stores"]["LocalMachine"].get("REQUEST")
    unchecked = ask(controller, "--check", request_check_names=False).succeeded()
    assert unchecked.changed == 1 and {row["status"] for row in unchecked.of("exchange_info")} == {"skipped"}
    ask(controller, request_excluded={"ex2": "disk, ticket 4711"}).succeeded()
    assert len(controller.lab.state()["ex1"]["stores"]["LocalMachine"]["REQUEST"]) == 1


@WHOLE
def test_a_setting_that_the_account_may_not_read(start: Start) -> None:
    """Its names are not known; that is told, and the rest is compared."""
    controller = start(rbac_missing="Get-OwaVirtualDirectory")
    assert "not read     ex1: OWA" in ask(controller, "--check").succeeded().output
    ask(controller, "--limit", "ex1").failed("Leave out --limit")


@WHOLE
def test_a_logon_that_cannot_be_passed_on(start: Start) -> None:
    """Every member says so, nothing is made; a session of its own and the snap-in are ways."""
    controller = start(second_hop="refused")
    ask(controller).failed("2 of 2 members of exchange were not read", "could not be loaded on EX1", "second-hop.md")
    assert ask(controller, request_shell="session").succeeded().changed == 1
    assert ask(controller, request_shell="snapin").succeeded().changed == 0


BAD: Mapping[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "several": (
        {"request_names": ["mail contoso"], "request_server": "ex9", "request_key_size": 3072, "request_file": "no/x"},
        ("expected DNS names", "found 'ex9'", "found 3072", "there is no folder"),
    ),
    "answer": ({"request_answer": "missing.zip"}, ("request_answer: missing.zip cannot be read",)),
    "kind": ({"request_on": "vendor"}, ("value of request_on must be one of",)),
    "names": ({"request_names": []}, ("request_names: expected the DNS names",)),
    "array": ({"request_array": "mailers"}, ("found none in 'mailers'",)),
    "edge": ({"request_product": "edge"}, ("expected controller, found server",)),
    "password": ({"request_on": "controller"}, ("request_key_password: needed",)),
    "precious": ({"request_file": "precious.txt"}, ("is there and is no certificate request. It is not overwritten",)),
    "key": (
        {
            "request_on": "controller",
            "request_file": "x.csr",
            "request_key_file": "precious.txt",
            "request_key_password": PASSWORD,
        },
        ("expected an encrypted private key",),
    ),
}


@pytest.mark.parametrize(
    "bad", [name if name in ("several", "answer") else pytest.param(name, marks=WHOLE) for name in BAD]
)
def test_bad_input_is_refused_before_any_host_is_touched(bad: str, tmp_path: Path) -> None:
    """There is no host behind this inventory: to touch one would be to wait for it."""
    variables, told = BAD[bad]
    folder = tmp_path / "controller"
    inventory = tmp_path / "inventory.ini"
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "password.txt").write_text("of no delivery")
    inventory.write_text("[exchange]\nex1 ansible_connection=winrm\nex2 ansible_connection=winrm\n")
    controller = Controller(folder, cast("LabProcess", SimpleNamespace(directory=tmp_path)))
    (folder / "precious.txt").write_text("precious")
    usual = {**USUAL, "rollout_bundles": None}
    run = controller.play("request", variables={**usual, **variables}, inventory=inventory).failed(*told)
    assert {row["host"] for row in run.results} == {"localhost"} and PASSWORD not in run.output
    assert sorted(path.name for path in folder.iterdir() if path.suffix in (".csr", ".pem")) == []
    assert (folder / "precious.txt").read_text() == "precious"
