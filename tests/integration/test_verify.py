"""The verification on the lab: a healthy array has no finding, each planted fault is found, and nothing is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml
from demo import eight

from integration import truth
from integration.conftest import Start
from integration.controller import CHECKOUT, Controller, Run
from integration.tasks import READS
from lab.client import LabProcess

WHOLE = pytest.mark.whole


def verify(controller: Controller, *arguments: str, playbook: str = "verify", **variables: Any) -> Run:
    """A verification that takes the lab's certificate, which has twenty days, for good."""
    given = {"rollout_bundles": None, "verify_report_dir": str(controller.reports), "verify_warn_days": 14}
    return controller.play(playbook, *arguments, variables=given | variables)


def told(run: Run) -> list[Mapping[str, Any]]:
    """Every finding of the report."""
    report = run.report
    return [*report["findings"], *(f for member in report["members"] for f in member["findings"])]


def causes(run: Run) -> set[tuple[str, str]]:
    """(id, member) of what the table tells by itself."""
    return eight.told(run.output)


def only_read(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Nothing lasting is different, and nothing but reads was sent.

    The event log is left out: a handshake that a member cannot make is logged there, whoever tries it.
    """
    kept = [
        {m: {k: v for k, v in of.items() if k != "events"} for m, of in truth.lasting(s).items()}
        for s in (before, after)
    ]
    assert kept[0] == kept[1]
    for name, member in after.items():
        sent = member["ran"][len(before[name]["ran"]) :]
        assert all(call.startswith(READS) for call in sent), sent


def test_a_healthy_pool_and_the_same_with_eight_faults(start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=4)
    controller = Controller(tmp_path / "controller", lab)
    before = lab.state()
    textfile = tmp_path / "ucops.prom"
    run = verify(controller, verify_textfile=str(textfile)).succeeded()
    assert told(run) == [] and run.verdict == "alike" and run.changed == 0
    only_read(before, lab.state())
    assert all(counts["commands"] == 1 and counts["connections"] == 1 for counts in lab.counts().values())
    (stats,) = run.of("set_stats")
    assert stats["result"]["ansible_stats"]["data"]["ucops_verify"]["edge"]["result"] == "ok"
    healthy = run.report_folder

    eight.plant(lab)
    before = lab.state()
    run = verify(controller, verify_textfile=str(textfile), verify_compare_with=str(healthy / "report.json"))
    assert run.rc == 2 and causes(run) == eight.expected(), run.output[-6000:]
    only_read(before, lab.state())
    assert {(f["id"], f["member"]) for f in told(run)} >= eight.expected()
    assert run.verdict == "unknown" and run.report["verdict"]["lost"] == ["edge4"]
    assert "edge: what has changed" in run.output
    folder = run.report_folder
    schema = json.loads((CHECKOUT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(run.report)
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.html", "junit.xml", "summary.md"}
    assert int(ET.parse(folder / "junit.xml").getroot().get("failures", "0")) >= 8
    text = textfile.read_text(encoding="utf-8")
    assert 'ucops_certificates_member_up{array="edge",member="edge4"} 0' in text
    assert not list(tmp_path.glob(".ucops-*"))


def test_dates_alone_and_ports_alone_and_what_is_accepted(start_lab: Start, tmp_path: Path) -> None:
    """Playbook expiry; then without WinRM: no account on the members is needed, and none is asked."""
    lab = start_lab(members=2)
    controller = Controller(tmp_path / "controller", lab)
    lab.configure("edge2", services={"RTCDATAPROXY": "Stopped"})
    run = verify(controller, playbook="expiry", verify_warn_days=30, verify_fail_on="warning")
    assert run.rc == 2 and causes(run) == {("leaf.expires-soon", "edge1"), ("leaf.expires-soon", "edge2")}

    lab.configure("edge2", services={"RTCDATAPROXY": "Running"})
    for member in ("edge1", "edge2"):
        lab.reachable(member, False)
    lab.reset_counts()
    lab.store("edge2", store="CA", remove=["issuing-old"])
    accept = {"id": "wire.incomplete", "member": "edge2", "reason": "change 4711", "until": "2099-12-31"}
    alone = {"verify_wire_only": True, "verify_trust": str(lab.directory / "trust" / "roots.pem")}
    run = verify(controller, verify_accept=[accept], **alone).succeeded()
    assert told(run) == [] and len(run.report["accepted"]) == 3 and "change 4711" in run.output
    ended = verify(controller, verify_accept=[{**accept, "until": "2020-01-01"}], **alone)
    assert ended.rc == 2 and {f["id"] for f in told(ended)} == {"wire.incomplete", "accept.ended"}
    assert all(counts["commands"] == 0 for counts in lab.counts().values())


@WHOLE
def test_input_that_makes_no_sense(controller: Controller) -> None:
    """Refused before any member is asked."""
    limited = verify(controller, "--limit", "edge1,localhost").failed("--limit edge1,localhost leaves out members")
    assert "edge2" not in limited.recap
    wrong = [{"id": "wire.*", "reason": "because", "until": "soon"}]
    verify(controller, verify_accept=wrong).failed("such as 2027-01-31")
    assert all(counts["commands"] == 0 for counts in controller.lab.counts().values())


@WHOLE
def test_ports_from_other_hosts(start_lab: Start, tmp_path: Path) -> None:
    """One that is lost is a finding; what the others saw still counts. So is a balancer that does not answer."""
    lab = start_lab(members=2)
    inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    near = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    dead = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory["all"]["children"]["vantage"] = {"hosts": {"near": near, "dead": dead}}
    (tmp_path / "inventory.yml").touch(mode=0o600)
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    variables = {"rollout_bundles": None, "verify_report_dir": str(tmp_path / "reports"), "verify_warn_days": 14}
    controller = Controller(tmp_path / "controller", lab)
    front = {"name": "Balancer", "host": "127.0.0.1", "port": 1, "use": truth.ACCESS}
    run = controller.play(
        "verify",
        variables={
            **variables,
            "verify_vantage_hosts": ["dead", "near", "localhost"],
            "verify_front_ends": {"edge": [front]},
        },
        inventory=tmp_path / "inventory.yml",
    )
    assert run.rc == 2 and causes(run) == {("wire.vantage-lost", "edge"), ("wire.no-answer", "edge")}
    (document,) = (tmp_path / "reports").glob("*/report.json")
    wire = json.loads(document.read_text(encoding="utf-8"))["members"][0]["wire"]
    assert len(wire) == 14 and sum(port["endpoint"].endswith(", from near") for port in wire) == 7
    assert all(port["after"] and port["ok"] for port in wire)


@WHOLE
@pytest.mark.parametrize("product", ["lync2013", "sfb2015", "sfb2019"])
def test_a_renewed_pool_has_no_finding(product: str, start_lab: Start, tmp_path: Path) -> None:
    """Before its roll is settled that is told, and it is no fault; after it nothing is."""
    lab = start_lab(members=2, **({} if product == "lync2013" else {"product": product}))
    controller = Controller(tmp_path / "controller", lab)
    controller.renew().succeeded()
    # Until the last member had been switched, the members refused each other's session keys.
    pending = {f["id"]: f["severity"] for f in told(verify(controller).succeeded())}
    assert pending == {"roll.pending": "info", "event.session-key": "warning"}
    lab.advance(5 * 3600)
    assert {f["id"] for f in told(verify(controller).succeeded())} == {"roll.unsettled", "event.session-key"}
    controller.settle().succeeded()
    lab.advance(24 * 3600)
    assert told(verify(controller).succeeded()) == []


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Any]:
    """Starts arrays of Exchange servers."""
    with ExitStack() as stack:

        def start(product: str) -> Controller:
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / f"lab-{product}",
                product=product,
                connection="winrm-basic-https",
                settings={"members": "2", "second_hop": "delegates"},
            )
            return Controller(tmp_path / f"controller-{product}", stack.enter_context(lab))

        yield start


EXCHANGE = [
    pytest.param("exchange2010", marks=WHOLE),
    pytest.param("exchange2013", marks=WHOLE),
    pytest.param("exchange2016", marks=WHOLE),
    "exchange2019",
    pytest.param("exchangese", marks=WHOLE),
]


@pytest.mark.parametrize("product", EXCHANGE)
def test_an_array_of_exchange_servers(product: str, exchange: Any) -> None:
    """Healthy, then with one server on another certificate, one without its intermediate, one service down."""
    controller = exchange(product)
    lab = controller.lab
    before = lab.state()
    run = verify(controller).succeeded()
    assert told(run) == [] and run.verdict == "alike"
    for name, member in lab.state().items():
        assert all(call.startswith(READS) for call in member["ran"][len(before[name]["ran"]) :])
    lab.store("ex1", store="CA", remove=["issuing-old"])
    lab.configure(
        "ex2", store=[{"store": "CA", "add": ["issuing-new"]}, {"store": "My", "add": ["mail-new"], "key": True}]
    )
    lab.configure("ex2", bind={"443": "mail-new"})
    run = verify(controller)
    assert run.rc == 2
    ids = {(f["id"], f["member"]) for f in told(run)}
    assert ("store.intermediate-missing", "ex1") in ids, run.output[-5000:]
    assert any(id == "array.thumbprint-differs" for id, _member in ids)
