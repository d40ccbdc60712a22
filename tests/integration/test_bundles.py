"""Which bundle serves which use: an A/V certificate of its own, the internal interface, deliveries in other shapes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from integration import truth
from integration.controller import Controller
from lab.client import LabProcess


@pytest.mark.whole
def test_av_gets_a_certificate_of_its_own(controller: Controller, lab: LabProcess) -> None:
    bundles = {"external": controller.bundle(), "av": controller.bundle("av.pfx", key=None)}
    run = controller.renew(rollout_bundles=bundles).succeeded()
    new = {**truth.NEW, truth.AV: "av-new"}
    assert truth.array_truth(lab.state(), new=new) == run.verdict == "all-new"
    assert all(truth.carried(member)[truth.AV] == "av-new" for member in lab.state().values())
    truth.serves_nobody_wrong(lab)

    # from now on A/V authentication has a certificate of its own: the external one alone asks what to do with it
    lab.advance(5 * 3600)
    external = {"external": controller.bundle("complete.pfx", key=None)}
    for member in lab.state():
        lab.configure(member, assigned={truth.ACCESS: "external-old", truth.DATA: "external-old"})
    controller.renew(rollout_bundles=external).failed("rollout_av", "product.av-own-certificate")
    left = controller.renew(rollout_bundles=external, rollout_av="leave").succeeded()
    assert truth.array_truth(lab.state(), new=new) == left.verdict == "all-new"


@pytest.mark.whole
def test_the_internal_interface_and_a_bundle_from_bytes(controller: Controller, lab: LabProcess) -> None:
    """External as a vault lookup would give it, internal from a file with roots of its own."""
    bundles = {
        "external": {
            "content": _base64(controller.vendor / "complete.zip"),
            "key_content": (controller.vendor / "external.key.pem").read_text(encoding="ascii"),
            "password": controller.password,
            "friendly_name": "contoso 2026",
        },
        "internal": controller.bundle(
            "internal.pfx", key=None, trust=str(lab.directory / "trust" / "corp-roots.pem"), exportable=False
        ),
    }
    run = controller.renew(rollout_bundles=bundles).succeeded()
    new = {**truth.NEW, truth.INTERNAL: "internal-new"}
    old = {**truth.OLD, truth.INTERNAL: "internal-old"}
    assert truth.array_truth(lab.state(), new=new, old=old) == run.verdict == "all-new"
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)


@pytest.mark.whole
def test_the_internal_interface_alone(controller: Controller, lab: LabProcess) -> None:
    trust = str(lab.directory / "trust" / "corp-roots.pem")
    bundles = {"internal": controller.bundle("internal.pfx", key=None, trust=trust)}
    run = controller.renew(rollout_bundles=bundles).succeeded()
    new, old = {truth.INTERNAL: "internal-new"}, {truth.INTERNAL: "internal-old"}
    assert truth.array_truth(lab.state(), new=new, old=old) == run.verdict == "all-new"
    assert truth.array_truth(lab.state()) == "all-old", "the external uses were touched"
    assert controller.renew(rollout_bundles=bundles).succeeded().changed == 0


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode("ascii")
