"""The modules for Edge servers and pools, and the first look at a host: as users run them, on the lab."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import Tasks
from integration.truth import lasting
from lab.client import LabProcess

ACCESS, DATA, AV = "AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication"
EXTERNAL = [ACCESS, DATA]


@pytest.fixture
def tasks(lab: LabProcess, tmp_path: Path) -> Tasks:
    """Tasks for the first member."""
    return Tasks(lab, tmp_path / "tasks")


def later(state: Any, **more: float) -> str:
    """An instant by the member's clock, in whole minutes."""
    moment = datetime.fromisoformat(state["clock"].replace("Z", "+00:00")) + timedelta(**more)
    return f"{moment:%Y-%m-%dT%H:%M:00Z}"


def test_the_incident_is_refused(tasks: Tasks) -> None:
    """The vendor's PFX without its intermediate, imported by hand: the viewer would say valid, here it is refused."""
    external = {"use": EXTERNAL, "bundle": tasks.bundle()}
    done = tasks.run(
        {"store": {"bundle": tasks.bundle("incomplete.pfx")}},
        {"edge_certificate": external, "ignore_errors": True},
        {"edge_certificate": {"use": EXTERNAL, "thumbprint": tasks.thumbprint()}, "ignore_errors": True},
        {"edge_certificate": external, "check_mode": True},
    )
    by_bundle, by_thumbprint, checked = (row["result"] for row in done.rows[1:])
    assert [row["status"] for row in done.rows] == ["ok", "failed", "failed", "ok"]
    assert "Example Trust Secure Certificate Authority - G3" in by_thumbprint["msg"]
    assert {found["id"] for found in by_bundle["findings"]} == {"chain.issuer-missing", "store.intermediate-missing"}
    assert checked["changed"] and "would be refused now" in " ".join(checked["warnings"])
    assert "Set-CsCertificate" not in tasks.state()["ran"]
    assert set(tasks.state()["names"][thumb] for thumb in tasks.state()["assigned"].values()) == {
        "external-old",
        "internal-old",
    }


def test_switch_and_roll(tasks: Tasks) -> None:
    """External uses at once, A/V authentication for an instant; each announced, done, and done once."""
    tasks.run({"store": {"bundle": tasks.bundle()}}).ok(changed=True)
    tasks.lab.set_calls(tasks.member, 5)
    roll = {"use": [AV], "bundle": tasks.bundle(), "roll": True, "effective_date": later(tasks.state(), hours=4)}
    done = tasks.story(
        {"edge_certificate": {"use": EXTERNAL, "thumbprint": tasks.thumbprint()}},
        {"edge_certificate": roll},
    )
    state, new = done.states[-1][tasks.member], tasks.thumbprint()
    assert state["assigned"][ACCESS] == state["assigned"][DATA] == new
    assert state["av_pending"]["thumbprint"] == new and state["av_pending"]["at"].startswith(
        roll["effective_date"][:16]
    )
    assert (state["calls"], state["dropped"]) == (5, 0)
    rolled = done.rows[-1]["result"]
    assert rolled["pending"] == {AV: {"thumbprint": new, "effective": roll["effective_date"]}}
    tasks.lab.advance(5 * 3600)
    after = tasks.run({"edge_certificate": roll}, {"edge_info": {}})
    assert not after.rows[0]["result"]["changed"], "after the instant the same task has nothing to do"
    assert after.ok()["assigned"][AV] == new and after.result["pending"] == {}


def test_a_roll_that_the_product_does_not_show(start_lab: Callable[..., LabProcess], tmp_path: Path) -> None:
    """What Get-CsCertificate shows until the instant is not documented: where it shows nothing, that is said."""
    tasks = Tasks(start_lab(rolled_shape="old"), tmp_path / "tasks")
    roll = {"use": [AV], "bundle": tasks.bundle(), "roll": True, "effective_date": later(tasks.state(), minutes=20)}
    done = tasks.run({"store": {"bundle": tasks.bundle()}}, {"edge_certificate": roll})
    said = " ".join(done.ok(changed=True)["warnings"])
    assert "does not show the successor" in said and "minutes ahead" in said
    assert tasks.state()["av_pending"]["thumbprint"] == tasks.thumbprint()


def test_what_would_cut_calls_is_refused(tasks: Tasks) -> None:
    """Replacing, removing, an instant that has passed or is too late; and what makes no sense at all."""
    new, state = tasks.thumbprint(), tasks.state()
    roll = {"use": [AV], "thumbprint": new, "roll": True}
    ill: list[tuple[dict[str, Any], str]] = [
        ({"use": [*EXTERNAL, AV], "thumbprint": new}, "allow_call_drop"),
        ({"use": [AV], "state": "absent"}, "allow_call_drop"),
        ({**roll, "effective_date": later(state, hours=-1)}, "has passed"),
        ({**roll, "effective_date": later(state, days=19, hours=20)}, "choose an effective_date up to"),
        (roll, "needs effective_date"),
        ({**roll, "effective_date": "tonight"}, "2026-11-24T02:00:00Z"),
        ({**roll, "use": [ACCESS, AV], "effective_date": later(state, hours=4)}, "only AudioVideoAuthentication"),
        ({"use": EXTERNAL, "thumbprint": new, "effective_date": later(state, hours=4)}, "roll: true"),
        ({"use": EXTERNAL}, "thumbprint or bundle"),
        ({"use": ["Everything"], "thumbprint": new}, "AccessEdgeExternal"),
    ]
    given = [{"edge_certificate": options, "ignore_errors": True} for options, _text in ill]
    done = tasks.run({"store": {"bundle": tasks.bundle()}}, *given)
    for row, (options, text) in zip(done.rows[1:], ill, strict=True):
        assert row["status"] == "failed" and text in row["result"]["msg"], (options, row["result"])
    assert lasting(done.states[-1]) == lasting(done.states[0])
    drop = {"use": [AV], "thumbprint": new, "allow_call_drop": True}
    tasks.story({"edge_certificate": drop}, {"edge_certificate": {**drop, "state": "absent"}})
    assert tasks.state()["assigned"][AV] is None


def test_services_stop_start_and_drain(tasks: Tasks) -> None:
    """Stopped and started once; a restart is always one; calls are waited for, cut only when that was asked for."""
    quick = {"drain_seconds": 1, "drain_poll_seconds": 0.05}
    relay = {"name": ["RTCMEDIARELAY"], **quick}
    done = tasks.story(*({"edge_service": {**relay, "state": state}} for state in ("stopped", "started")))
    assert [state[tasks.member]["services"]["RTCMEDIARELAY"] for state in done.states] == ["Stopped", "Running"]
    tasks.lab.set_calls(tasks.member, 2)
    restart = {"name": ["RTCSRV", "RTCMRAUTH"], "state": "restarted", **quick}
    done = tasks.run(
        {"edge_service": restart, "check_mode": True},
        {"edge_service": {**restart, "drain_seconds": 0}, "ignore_errors": True},
        {"edge_service": {**restart, "drain_expired": "continue"}},
    )
    checked, aborted, cut = (row["result"] for row in done.rows)
    before, after_abort, after_cut = (state[tasks.member] for state in done.states)
    assert checked["changed"] and before["calls"] == 2
    assert done.rows[1]["status"] == "failed"
    assert aborted["finding"] == "product.drain-expired" and aborted["left"] and aborted["changed"]
    assert after_abort["calls"] == 2 and set(after_abort["services"].values()) == {"Running"}
    assert cut["changed"] and after_cut["calls"] == 0 and after_cut["dropped"] == 2
    assert set(after_cut["services"].values()) == {"Running"}
    assert "draining: " in done.output


def test_reading_changes_nothing_and_tells_what_is(tasks: Tasks) -> None:
    """edge_info and store_info against the lab's own word."""
    before = tasks.lab.state()
    done = tasks.run({"edge_info": {}}, {"store_info": {}}, {"event_info": {}}, {"host_check": {}})
    edge, stores = done.rows[0]["result"], done.rows[1]["result"]
    state = before[tasks.member]
    assert edge["assigned"] == state["assigned"] and edge["services"] == state["services"]
    assert edge["token_lifetime_seconds"] == 28800 and edge["token_lifetime_read"]
    assert edge["product"] == "Lync Server 2013" and edge["host"]["computer"] == "EDGE1"
    for name, held in state["stores"]["LocalMachine"].items():
        shown = [
            row["thumbprint"]
            for row in stores["certificates"]
            if row["location"] == "LocalMachine" and row["store"] == name
        ]
        assert sorted(shown) == sorted(held)
    assert lasting(tasks.lab.state()) == lasting(before)
    tasks.lab.configure(tasks.member, store={"location": "S-1-5-20", "store": "CA", "add": ["issuing-new"]})
    tasks.lab.configure(tasks.member, store={"store": "Root", "add": ["issuing-old"]})
    found = tasks.run({"store_info": {"stores": ["My"]}}).ok(changed=False)
    assert "NETWORK SERVICE" in [row["location_name"] for row in found["certificates"]]
    assert [problem["id"] for problem in found["problems"]] == ["store.intermediate-in-root"]


def test_the_verdict_over_a_pool(tasks: Tasks) -> None:
    """From edge_info of every member; a lost one makes it unknown, a switched one mixed. As in the documentation."""
    tasks.member = "edge"
    new = tasks.thumbprint()
    old = tasks.lab.state()["edge1"]["assigned"]
    pool = "dict(groups['edge'] | zip(groups['edge'] | map('extract', hostvars) | map(attribute='edge', default={})))"
    verdict = {
        "array_verdict": {
            "members": "{{ groups['edge'] }}",
            "evidence": f"{{{{ {pool} }}}}",
            "desired": {ACCESS: new, DATA: new},
            "old": {member: old for member in ("edge1", "edge2", "edge3")},
        },
        "delegate_to": "localhost",
        "run_once": True,
    }
    read = {"edge_info": {}, "register": "edge", "ignore_unreachable": True}
    assert tasks.run(read, verdict).ok(changed=False)["verdict"] == "all-old"
    tasks.lab.configure("edge2", store={"store": "My", "add": ["external-new"], "key": True})
    tasks.lab.configure("edge2", assigned={ACCESS: "external-new", DATA: "external-new"})
    mixed = tasks.run(read, verdict).ok(changed=False)
    assert (mixed["verdict"], mixed["members"]["edge2"], mixed["members"]["edge1"]) == ("mixed", "new", "old")
    tasks.lab.reachable("edge3", False)
    lost = tasks.run(read, verdict).result
    assert (lost["verdict"], lost["lost"]) == ("unknown", ["edge3"])


def test_the_first_look_at_hosts(tasks: Tasks) -> None:
    """hostcheck.yml: each host by itself, also one that does not answer; the text gives nobody away."""
    tasks.lab.reachable("edge2", False)
    tasks.lab.configure("edge3", admin=False, module="missing", language="ConstrainedLanguage", clock_offset=-300)
    before = lasting(tasks.lab.state())
    done = tasks.run(playbook="hostcheck", arguments=["-e", "hostcheck_hosts=edge"])
    assert done.rc != 0 and lasting(tasks.lab.state()) == before
    looks = {row["host"]: row["result"] for row in done.rows if row["action"].endswith("host_check")}
    assert looks["edge1"]["ok"] and {check["status"] for check in looks["edge1"]["checks"]} == {"ok"}
    assert looks["edge2"]["unreachable"] and "Nothing listens there" in looks["edge2"]["text"]
    bad = {check["id"]: check["status"] for check in looks["edge3"]["checks"] if check["status"] != "ok"}
    assert bad == {"rights": "error", "module": "error", "language": "error", "clock": "warning"}
    assert "LocalAccountTokenFilterPolicy" in looks["edge3"]["text"]
    address = tasks.lab.inventory.read_text(encoding="utf-8").split("ansible_host: ")[1].split()[0]
    for look in looks.values():
        told = look["text"]
        assert not [name for name in (address.rsplit(".", 1)[0], "EDGE", "edge1", "labadmin") if name in told], told
        assert told in done.output
    ended = {row["host"]: row["status"] for row in done.rows if row["action"].endswith("assert")}
    assert ended == {"edge1": "ok", "edge2": "failed", "edge3": "failed"}


def test_the_first_look_goes_nowhere_without_powershell(tasks: Tasks) -> None:
    """hosts: all may hold Linux hosts: nothing is sent to their shell."""
    local = {"hostcheck_hosts": "localhost", "ansible_connection": "local"}
    done = tasks.run(playbook="hostcheck", arguments=["-i", "localhost,", "-e", json.dumps(local)])
    look = next(row["result"] for row in done.rows if row["action"].endswith("host_check"))
    assert done.rc != 0 and "no PowerShell behind connection 'local'" in look["text"]
