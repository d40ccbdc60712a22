"""Requests on Exchange servers and the vendor's answers to them, on the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import READS, Tasks
from lab.client import LabProcess

from .test_exchange_modules import STAGE, lasting, thumb

OLDER = ("exchange2010", "exchange2013", "exchange2016", "exchange2019")
PRODUCTS = [*(pytest.param(name, marks=pytest.mark.whole) for name in OLDER), "exchangese"]
NAMES = [f"{name}.contoso.example" for name in ("mail", "autodiscover", "smtp", "imap", "pop")]
WISH = {"names": NAMES, "organization": "Contoso", "country": "US", "friendly_name": "mail 2027"}


@pytest.fixture
def array(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tasks]:
    """Tasks on the first of two servers."""
    product = getattr(request, "param", "exchange2019")
    settings = {"members": "2", "second_hop": "delegates"}
    folder = tmp_path / "lab"
    with LabProcess(
        "exchange-array", directory=folder, product=product, connection="winrm-basic-https", settings=settings
    ) as lab:
        yield Tasks(lab, tmp_path / "tasks", "ex1")


def answer(tasks: Tasks, csr: str, **order: Any) -> str:
    """The vendor's zip for a request."""
    told = tasks.lab.configure("ex1", sign={"request": csr, **order} if order else csr)["answer"]
    return str(told["file"])


def seen(state: dict[str, Any]) -> dict[str, Any]:
    """What must not change when a request is made or answered: everything that a service or a user could notice."""
    return {k: v for k, v in lasting(state).items() if k not in ("stores", "keys", "events")} | {
        "My": state["stores"]["LocalMachine"]["My"]
    }


@pytest.mark.parametrize("array", PRODUCTS, indirect=True)
def test_from_the_request_to_the_services(array: Tasks) -> None:
    """Announced, made, found again; answered, staged, found again; then the services take it from there."""
    before = array.state()
    task = {"exchange_request": WISH, "diff": True}
    done = array.run({**task, "check_mode": True}, task, task)
    assert done.rc == 0, done.output[-4000:]
    checked, made, again = (row["result"] for row in done.rows)
    sent = done.states[0]["ex1"]["ran"][len(before["ran"]) :]
    assert checked["changed"] and checked["csr"] is None and all(name.startswith(READS) for name in sent), sent
    assert (made["changed"], again["changed"]) == (True, False) and checked["changes"] == made["changes"]
    assert made["csr"] == again["csr"] and made["request"]["names"] == NAMES
    said = subprocess.run(
        ["openssl", "req", "-noout", "-text", "-verify"], input=made["csr"], text=True, capture_output=True, check=True
    )
    assert ", ".join(f"DNS:{name}" for name in NAMES) in said.stdout and "verify OK" in said.stdout + said.stderr
    waits = array.state()
    assert len(waits["stores"]["LocalMachine"]["REQUEST"]) == 1 and waits["keys"] == before["keys"] + 1
    assert seen(waits) == seen(before)

    file = answer(array, made["csr"])
    task = {"exchange_request": {"answer": file}, "diff": True}
    done = array.run({**task, "check_mode": True}, task, task)
    assert done.rc == 0, done.output[-4000:]
    checked, imported, again = (row["result"] for row in done.rows)
    assert (checked["changed"], imported["changed"], again["changed"]) == (True, True, False)
    assert checked["changes"] == imported["changes"] and checked["staged"] is None
    state = array.state()
    assert state["stores"]["LocalMachine"][STAGE] == [imported["staged"]] and again["staged"] == imported["staged"]
    assert state["stores"]["LocalMachine"]["REQUEST"] == [] and state["orphan_keys"] == 0
    assert seen(state) == seen(before), "no service may notice"

    services = {"services": ["IIS", "SMTP", "POP", "IMAP"], "thumbprint": imported["staged"]}
    array.run({"exchange_services": services}).ok(changed=True)
    after = array.state()
    assert set(after["bindings"].values()) >= {imported["staged"]} and after["default_smtp"] == before["default_smtp"]
    assert set(after["leaves"].values()) >= {imported["staged"]}


@pytest.mark.whole
def test_an_answer_finds_its_own_request_only(array: Tasks) -> None:
    """For another server, for another request, twice, and nothing at all: refused before anything is changed."""
    first = array.run({"exchange_request": WISH}).ok(changed=True)
    other = array.run({"exchange_request": {**WISH, "names": NAMES[::-1], "common_name": NAMES[0]}}).ok(changed=True)
    assert first["csr"] != other["csr"] and len(other["pending"]) == 2, "another order is another request"
    file = answer(array, first["csr"])
    second = Tasks(array.lab, array.folder / "second", "ex2")
    before = second.state()
    refused = second.run({"exchange_request": {"answer": file}}).failed()
    assert refused["finding"] == "exchange.answer-foreign" and "Waiting there: none" in refused["msg"]
    assert lasting(second.state()) == lasting(before)
    bad = array.vendor / "complete.zip"
    refused = array.run({"exchange_request": {"answer": str(bad)}}).failed()
    assert (
        "answers none of the requests that wait on EX1" in refused["msg"] and ", ".join(NAMES[::-1]) in refused["msg"]
    )
    ca_only = array.run({"exchange_request": {"answer": str(array.vendor / "issuing-ca.crt")}}).failed()
    assert "expected one server certificate, found only certificates of CAs" in ca_only["msg"]
    array.run({"exchange_request": {"answer": file}}).ok(changed=True)
    assert [one["names"] for one in array.run({"exchange_request": {"answer": file}}).ok(changed=False)["pending"]] == [
        NAMES[::-1]
    ]


def test_a_request_whose_reply_was_lost_is_found_again(array: Tasks) -> None:
    array.lab.fault("ex1", call="New-ExchangeCertificate", do="drop-after")
    lost = array.run({"exchange_request": WISH})
    assert lost.rc != 0
    array.lab.clear_faults("ex1")
    found = array.run({"exchange_request": WISH}).ok(changed=False)
    assert found["csr"] and len(array.state()["stores"]["LocalMachine"]["REQUEST"]) == 1
    assert thumb(array, "mail-old") in array.state()["bindings"].values()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"names": ["mail contoso"]}, "expected DNS names"),
        ({"names": NAMES, "friendly_name": "x" * 64}, "fewer than 64 characters"),
        ({"answer": "missing.zip"}, "cannot be read"),
    ],
)
def test_bad_input_is_refused_before_the_server_is_asked(array: Tasks, options: dict[str, Any], told: str) -> None:
    before = len(array.state()["ran"])
    assert told in array.run({"exchange_request": options}).failed()["msg"]
    assert len(array.state()["ran"]) == before
