"""A renewal from the first look to the unchanged run, seen from outside; what it costs; after the instant."""

from __future__ import annotations

import re

from integration import bystander, truth
from integration.controller import Controller
from lab.client import LabProcess

FIRST_RENEWAL = {"commands": 8, "bytes_up": 120_000}
"""What a first renewal may cost a member at most, drain polls aside."""
MEMBERS = ("edge1", "edge2", "edge3")


def thumbprint(lab: LabProcess, name: str) -> str:
    """The thumbprint of a lab certificate that a member has."""
    return next(t for member in lab.state().values() for t, of in member["names"].items() if of == name)


def wire_shows(lab: LabProcess, name: str) -> None:
    """Every external port presents this certificate with a chain that clients accept."""
    for member in MEMBERS:
        for port in bystander.ports(lab, member):
            if port["use"] == "Internal":
                continue
            accepted, text = bystander.verified(lab, port)
            assert accepted or "federation" in port["name"], text  # that port wants a client certificate, too
    presented = {tuple(chain) for m in lab.state().values() for chain in m["presented"].values() if len(chain) > 1}
    issuing = {"external-old": "G2", "external-new": "G3"}[name]
    assert all(any(issuing in subject for subject in chain) for chain in presented), presented


def test_a_renewal_from_the_first_look_to_the_unchanged_run(controller: Controller, lab: LabProcess) -> None:
    for member in MEMBERS:
        lab.set_calls(member, 7)
        lab.configure(member, hang_up=4)
    before = truth.lasting(lab.state())

    looked = controller.renew("--check", "--diff").succeeded()
    assert truth.lasting(lab.state()) == before, "a check run changed a member"
    assert {name: counts["commands"] for name, counts in lab.counts().items()} == dict.fromkeys(MEMBERS, 1)
    for text in ("LocalMachine\\CA", "LocalMachine\\My", "AccessEdgeExternal", "DataEdgeExternal"):
        assert len(re.findall(rf"^\+.*{re.escape(text)}", looked.output, re.M)) >= len(MEMBERS), f"no plan for {text}"
    assert looked.report["check_mode"] and looked.report["result"] == "planned"
    assert looked.verdict == "all-old"
    wire_shows(lab, "external-old")

    run = controller.renew().succeeded()
    assert run.changed > 0 and run.verdict == "all-new"
    state = lab.state()
    assert truth.array_truth(state) == "all-new"
    assert {member["av_pending"]["at"] for member in state.values()} == {state["edge1"]["av_pending"]["at"]}
    new, old = thumbprint(lab, "external-new"), thumbprint(lab, "external-old")
    for member in MEMBERS:
        shown = bystander.assigned(lab, member)
        assert shown["AccessEdgeExternal"] == shown["DataEdgeExternal"] == new
        assert state[member]["assigned"][truth.AV] == old, "A/V authentication was replaced instead of rolled"
        assert (state[member]["journal"], state[member]["lock"]) != (None, None) and state[member]["lock"] is None
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)
    wire_shows(lab, "external-new")

    lab.reset_counts()
    kept = truth.lasting(lab.state())
    again = controller.renew(rollout_roll_hours=9).succeeded()  # the instant that is set is adopted
    assert again.changed == 0 and again.verdict == "all-new"
    assert truth.lasting(lab.state()) == kept, "an unchanged run changed a member"
    assert {name: counts["commands"] for name, counts in lab.counts().items()} == dict.fromkeys(MEMBERS, 1)


def test_the_first_renewal_within_its_budget_and_settled_after_the_instant(
    controller: Controller, lab: LabProcess
) -> None:
    controller.renew().succeeded()
    spent = lab.counts()
    early = controller.settle().failed("roll.pending")
    assert early.verdict == "all-new"
    assert all(member["in_use"]["RTCMRAUTH"][truth.AV] for member in lab.state().values())

    lab.advance(5 * 3600)
    settled = controller.settle().succeeded()
    assert settled.verdict == "all-new" and settled.changed > 0
    new = thumbprint(lab, "external-new")
    for member in lab.state().values():
        assert member["assigned"][truth.AV] == new and member["av_pending"] is None
        assert member["in_use"]["RTCMRAUTH"][truth.AV] == new
        assert member["lock"] is None
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)

    kept = truth.lasting(lab.state())
    lab.reset_counts()
    again = controller.settle().succeeded()
    assert again.changed == 0 and truth.lasting(lab.state()) == kept
    assert {counts["commands"] for counts in lab.counts().values()} == {2}, "its journal, then all"

    for name, counts in spent.items():
        over = {key: counts[key] for key, most in FIRST_RENEWAL.items() if counts[key] > most}
        assert not over, f"the first renewal cost {name} {over}, at most {FIRST_RENEWAL} is allowed"
