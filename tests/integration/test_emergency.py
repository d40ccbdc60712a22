"""It expired tonight, or the key is in other hands: one command that goes forward, and says what it skips."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import bystander, truth
from integration import exchange_array as array
from integration.controller import Controller, Run
from lab.client import LabProcess

MEMBERS = ("edge1", "edge2", "edge3")
DOWN = ("RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY")
EXPIRED = 21 * 86400
"""Seconds after which the lab's certificates in use have ended, a day ago."""
RIVAL = {use: "external-rival" for use in truth.NEW}


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labs that are started side by side make each key once."""
    if "UCOPS_LAB_KEYS" not in os.environ:
        (tmp_path / "keys").mkdir(mode=0o700)
        monkeypatch.setenv("UCOPS_LAB_KEYS", str(tmp_path / "keys"))


def expired(lab: LabProcess) -> None:
    """The night after: the certificate ended yesterday, a server was restarted, and nothing came up again."""
    lab.advance(EXPIRED)
    for member in MEMBERS:
        lab.configure(member, services=dict.fromkeys(DOWN, "Stopped"))


def ids(run: Run) -> set[str]:
    """Every finding of the report."""
    report = run.report
    return {f["id"] for part in (report, *report["members"]) for f in part["findings"]}


def finding(run: Run, id: str, member: str = "") -> dict[str, Any]:
    """One finding about the array, or about one member."""
    found = next((m for m in run.report["members"] if m["name"] == member), run.report)["findings"]
    return next(f for f in found if f["id"] == id)


def untouched(before: Any, lab: LabProcess) -> None:
    assert truth.lasting(lab.state()) == truth.lasting(before), "a member was touched"


def serving(lab: LabProcess) -> None:
    """Every external port answers with a chain that clients accept."""
    for member in MEMBERS:
        for port in bystander.ports(lab, member):
            if port["use"] != "Internal" and "federation" not in port["name"]:
                accepted, text = bystander.verified(lab, port)
                assert accepted, text


def test_expired_with_services_down(controller: Controller, lab: LabProcess) -> None:
    expired(lab)
    before = lab.state()
    refused = controller.renew().failed("-e rollout_emergency=expired", "emergency.way-in", "ended 20")
    assert refused.verdict == "all-old" and "1 day" in refused.output or "24 h ago" in refused.output
    assert not {"Set-CsCertificate", "Start-CsWindowsService"} & set(lab.state()["edge1"]["ran"])
    assert {n: m["assigned"] for n, m in lab.state().items()} == {n: m["assigned"] for n, m in before.items()}

    kept = lab.state()
    looked = controller.renew("-e", "rollout_emergency=expired", "--check").succeeded()
    untouched(kept, lab)
    assert looked.report["result"] == "planned" and "RTCSRV" in finding(looked, "emergency.down", "edge1")["subject"]

    run = controller.renew("-e", "rollout_emergency=expired").succeeded()
    state = lab.state()
    assert run.verdict == truth.array_truth(state) == "all-new"
    assert all(member["av_pending"] is None for member in state.values()), "A/V authentication was rolled"
    assert all(truth.carried(member)[truth.AV] == "external-new" for member in state.values())
    truth.all_running(lab)
    serving(lab)
    first = run.output.index("EMERGENCY: the certificate in use has expired")
    assert first < run.output.index("Read the member, plan"), "it is not what the run says first"
    assert "A/V authentication is not rolled" in run.output and "calls drop" in run.output
    said = finding(run, "emergency.skipped")["text"]
    assert "not taken back" in said and "Proven all the same" in said
    assert "emergency.down" not in ids(run), "services run again, and that they were down is still told"


@pytest.mark.whole
def test_expired_is_not_said_of_what_lives(controller: Controller, lab: LabProcess) -> None:
    before = lab.state()
    run = controller.renew("-e", "rollout_emergency=expired").failed("emergency.not-expired", "in 20 days", "(Access")
    assert run.verdict == "all-old"
    assert {n: m["assigned"] for n, m in lab.state().items()} == {n: m["assigned"] for n, m in before.items()}
    controller.renew("-e", "rollout_emergency=expird").failed("expired, compromised")
    controller.rollback("-e", "rollout_emergency=expired").failed("is for a renewal")


@pytest.mark.whole
def test_a_failure_at_the_second_member_is_held_and_the_same_command_leads_out(
    controller: Controller, lab: LabProcess
) -> None:
    expired(lab)
    lab.configure("edge2", service_fails="RTCDATAPROXY")
    run = controller.renew("-e", "rollout_emergency=expired").failed("RTCDATAPROXY", "run the same command again")
    state = lab.state()
    assert truth.member_truth(state["edge1"]) == "new" and truth.member_truth(state["edge3"]) == "old"
    assert set(state["edge1"]["services"].values()) == {"Running"}, "edge1 was taken back"
    assert "rollback.yml" not in run.output and "Put back" not in run.output
    assert run.verdict in ("mixed", "unknown") and all(member["lock"] is None for member in state.values())

    lab.configure("edge2", service_fails="")
    controller.rollback().failed("cannot be taken back")
    assert all(member["lock"] is None for member in lab.state().values()), "a lock was left"
    again = controller.renew("-e", "rollout_emergency=expired").succeeded()
    assert again.verdict == truth.array_truth(lab.state()) == "all-new"
    truth.all_running(lab)
    serving(lab)


def rival(controller: Controller) -> dict[str, Any]:
    """The next certificate, with a key of its own, and the roots with which clients know it."""
    trust = controller.lab.directory / "trust"
    roots = controller.folder / "roots.pem"
    both = (trust / "roots.pem").read_text("ascii") + (trust / "rival-root.pem").read_text("ascii")
    roots.write_text(both, encoding="ascii")
    return {
        "rollout_bundles": {"external": controller.bundle("rival.pfx", key=None)},
        "rollout_trust": str(roots),
        "rollout_install_root": True,
    }


@pytest.fixture
def both(lab: LabProcess, controller: Controller, start_lab: Any) -> Path:
    """An inventory with an Exchange array beside the Edge pool; its first server holds the pool's key."""
    other = start_lab(scenario="exchange-array", members="2", product="exchange2019", second_hop="delegates")
    mine, theirs = (yaml.safe_load(one.inventory.read_text("utf-8")) for one in (lab, other))
    # Both labs have their keys from one folder: there it is the key of another certificate.
    other.configure("ex1", store={"store": "My", "add": ["external-new"], "key": True})
    variables = theirs["all"].get("vars", {})
    for host in theirs["all"]["children"]["exchange"]["hosts"].values():
        host.update({**variables, **host})
    mine["all"]["children"]["exchange"] = theirs["all"]["children"]["exchange"]
    file = controller.folder / "both.yml"
    file.write_text(yaml.safe_dump(mine), encoding="utf-8")
    return file


def test_a_compromised_key_is_replaced_at_once_and_found(controller: Controller, lab: LabProcess, both: Path) -> None:
    """A successor with the compromised key waits for its instant; a call is on a member."""
    controller.renew().succeeded()
    assert all(member["av_pending"] for member in lab.state().values())
    lab.set_calls("edge2", 3)
    before = lab.state()

    same = {"rollout_bundles": {"external": controller.bundle("bad/older-than-current.pfx", key=None)}}
    controller.renew("-e", "rollout_emergency=compromised", **same).failed("emergency.same-key", "has the same key as")
    untouched(before, lab)

    urgent = ("-e", "rollout_emergency=compromised", "-e", "rollout_drain_seconds=1")
    run = controller.play("renew_edge_pool", *urgent, variables=rival(controller), inventory=both).succeeded()
    state = lab.state()
    assert run.verdict == truth.array_truth(state, new=RIVAL) == "all-new"
    assert all(member["av_pending"] is None for member in state.values()), "the compromised successor still waits"
    assert state["edge2"]["dropped"] == 3
    truth.all_running(lab)
    old = next(t for t, name in state["edge1"]["names"].items() if name == "external-new")
    lies = [f for f in run.report["findings"] if f["id"] == "emergency.key-lies"]
    assert len(lies) == 2, "the key of before is in force for A/V authentication, that of its successor waits"
    where = next(f for f in lies if old in f["subject"])
    assert f"edge: edge1, edge2, edge3 (LocalMachine\\My {old})" in where["text"]
    assert re.search(r"exchange: ex1 \(LocalMachine\\My [0-9A-F]{40}\)", where["text"]), where["text"]
    assert "revoke" in where["remedy"]
    assert run.output.index(f"key of {old}") < run.output.index("Switch edge1"), "not told before the switch"
    assert {"ex1", "ex2"} <= {row["host"] for row in run.of("rollout_member")}, "the other array was not looked at"
    assert "emergency.not-looked" not in ids(run)

    kept = lab.state()
    controller.renew(*urgent, **rival(controller)).failed("emergency.same-key", "nothing is left to do")
    untouched(kept, lab)


@pytest.mark.whole
def test_an_exchange_array_whose_certificate_expired(tmp_path: Path, start_lab: Any) -> None:
    lab = start_lab(scenario="exchange-array", members="2", product="exchange2019", second_hop="delegates")
    controller = Controller(tmp_path / "exchange", lab)
    lab.advance(EXPIRED)
    run = controller.renew_exchange("-e", "rollout_emergency=expired").succeeded()
    assert run.verdict == array.truth(lab.state()) == "all-new"
    assert "EMERGENCY: the certificate in use has expired" in run.output
