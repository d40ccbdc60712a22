"""Every way to connect, every version, and both answers to every question that nobody could answer about Windows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integration import truth
from integration.conftest import Start
from integration.controller import Controller
from lab.client import LabProcess

WORLDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ps20-winrm-basic-https": (
        "winrm-basic-https",
        {"powershell": "2.0", "windows": "2008r2", "rolled_shape": "old", "tls_max": "1.0", "system_ca": "used"},
    ),
    "ps20-psrp-ntlm-http": (
        "psrp-ntlm-http",
        {"powershell": "2.0", "windows": "2008r2", "applies": "on-restart", "start_paused": "fails"},
    ),
    "lync2013-winrm-ntlm-http": (
        "winrm-ntlm-http",
        {"applies": "on-restart", "use_shape": "urn", "rolled_shape": "old", "dependents": "none"},
    ),
    "sfb2015-winrm-ntlm-https": (
        "winrm-ntlm-https",
        {"product": "sfb2015", "windows": "2016", "dependents": "all-on-access-edge", "drain_status": "StopPending"},
    ),
    "sfb2019-psrp-basic-https": (
        "psrp-basic-https",
        {"product": "sfb2019", "windows": "2019", "mixed_event": "never", "banner": True, "after_drop": "runs-on"},
    ),
}


SETTLED = ("ps20-winrm-basic-https", "sfb2019-psrp-basic-https")
WHOLE = pytest.mark.whole
# In `make test` the oldest; the rest is in the whole.
REST = ("ps20-psrp-ntlm-http", "lync2013-winrm-ntlm-http", "sfb2015-winrm-ntlm-https", "sfb2019-psrp-basic-https")


@pytest.mark.parametrize("world", [pytest.param(name, marks=WHOLE) if name in REST else name for name in WORLDS])
def test_a_renewal_there(world: str, start_lab: Start, tmp_path: Path) -> None:
    """Renewed with calls in progress, unchanged when run again; in some settled after the instant, and unchanged."""
    flavour, options = WORLDS[world]
    lab = start_lab(flavour, members=2, **options)
    controller = Controller(tmp_path / "controller", lab)
    for member in lab.state():
        lab.configure(member, calls=5, hang_up=3)
    run = controller.renew().succeeded()
    assert run.verdict == truth.array_truth(lab.state()) == "all-new"
    truth.all_running(lab)
    truth.serves_nobody_wrong(lab)
    in_use(lab, "AccessEdgeExternal", "RTCSRV", "external-new")

    kept = truth.lasting(lab.state())
    again = controller.renew().succeeded()
    assert again.changed == 0 and truth.lasting(lab.state()) == kept

    if world in SETTLED:
        lab.advance(5 * 3600)
        assert controller.settle().succeeded().verdict == "all-new"
        in_use(lab, truth.AV, "RTCMRAUTH", "external-new")
        truth.all_running(lab)
        truth.serves_nobody_wrong(lab)


SHAPES = [
    ("successor", "quiet"),
    pytest.param("old", "drops", marks=WHOLE),
    pytest.param("old", "quiet", marks=WHOLE),
    pytest.param("successor", "drops", marks=WHOLE),
]


@pytest.mark.parametrize(("shape", "cancel"), SHAPES)
def test_a_roll_taken_back(shape: str, cancel: str, start_lab: Start, tmp_path: Path) -> None:
    """A switch fails after the roll: all is as before, whatever -Roll shows. Whether cancelling drops is the lab's."""
    lab = start_lab(members=2, rolled_shape=shape, cancel_roll=cancel)
    controller = Controller(tmp_path / "controller", lab)
    lab.set_calls("edge2", 4)
    run = controller.renew(rollout_drain_seconds=0).failed("still had calls")
    state = lab.state()
    assert run.verdict == truth.array_truth(state) == "all-old"
    assert all(member["av_pending"] is None for member in state.values())
    assert state["edge2"]["dropped"] == (4 if cancel == "drops" else 0)
    truth.all_running(lab)


def in_use(lab: LabProcess, use: str, service: str, name: str) -> None:
    """What the running service works with, on every member."""
    for member in lab.state().values():
        assert member["names"][member["in_use"][service][use]] == name
