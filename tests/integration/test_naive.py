"""What the admin of 2013 did with the vendor's zip, beside what the collection does with it."""

from __future__ import annotations

import pytest

from integration import bystander, truth
from integration.controller import Controller
from lab.client import LabProcess

EXTERNAL = "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication"


def test_the_same_delivery_by_hand_and_by_the_collection(controller: Controller, lab: LabProcess) -> None:
    lab.set_calls("edge1", 12)
    refused = controller.renew(rollout_bundles={"external": controller.bundle("incomplete.pfx", key=None)})
    refused.failed("chain.issuer-missing", "Secure Certificate Authority - G3")
    state = lab.state()["edge1"]
    assert (state["calls"], state["dropped"], state["events"]) == (12, 0, [])

    # by hand: imported with the viewer, which downloads the intermediate into the admin's own store and is content
    lab.store("edge1", store="My", add=["external-new"], key=True)
    lab.store("edge1", location="CurrentUser", store="CA", add=["issuing-new"])
    new = next(t for t, name in lab.state()["edge1"]["names"].items() if name == "external-new")
    bystander.typed(lab, "edge1", f"Set-CsCertificate -Type {EXTERNAL} -Thumbprint {new}")

    state = lab.state()["edge1"]
    assert (state["calls"], state["dropped"]) == (0, 12), "replacing without -Roll drops the calls in progress"
    assert state["refused_tokens"] > 0, "the other members refuse its tokens"
    assert set(state["services"].values()) == {"Running"} and state["events"] == [], "and nothing tells"
    assert bystander.assigned(lab, "edge1")[truth.ACCESS] == new
    access, federation, webcon = bystander.ports(lab, "edge1")[:3]
    for port in (access, webcon):
        accepted, text = bystander.verified(lab, port)
        assert not accepted and "unable to get local issuer certificate" in text

    bystander.typed(lab, "edge1", "Stop-CsWindowsService", "Start-CsWindowsService")
    messages = [event["message"] for event in lab.state()["edge1"]["events"]]
    assert any("failed to import a shared session key due to invalid signature" in message for message in messages)
    assert federation["port"] == 5061


@pytest.mark.whole
def test_the_way_out_of_a_certificate_assigned_by_hand(controller: Controller, lab: LabProcess) -> None:
    """A/V authentication was replaced on one member, so calls have to be given up on the others."""
    lab.configure("edge1", store={"store": "My", "add": ["external-new"], "key": True})
    lab.configure("edge1", assigned=dict.fromkeys(truth.NEW, "external-new"))
    stuck = controller.renew().failed("roll.passed-unrolled", "rollout_allow_call_drop")
    assert stuck.verdict == "mixed"
    mended = controller.renew(rollout_allow_call_drop=True).succeeded()
    assert mended.verdict == truth.array_truth(lab.state()) == "all-new"
    assert bystander.verified(lab, bystander.ports(lab, "edge1")[0])[0]
    truth.all_running(lab)
