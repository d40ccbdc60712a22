"""Eight faults of an Edge pool, each planted alone, and how a verification names them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.client import LabProcess

AV = "AudioVideoAuthentication"
NETWORK_SERVICE = "S-1-5-20"
SESSION_KEY = "The Access Edge Server failed to import a shared session key due to invalid signature."


@dataclass(frozen=True)
class Fault:
    """One fault."""

    finding: str
    """Id that has to be found."""
    member: str
    story: str
    """What somebody did, or what happened."""
    plant: Callable[[LabProcess], object]


def _imported_for_an_admin(lab: LabProcess) -> None:
    lab.store("edge1", store="CA", remove=["issuing-old"])
    lab.store("edge1", store="CA", location="CurrentUser", add=["issuing-old"])


def _another_certificate(lab: LabProcess) -> None:
    stores = [{"store": "My", "add": ["av-new"], "key": True}, {"store": "CA", "add": ["issuing-new"]}]
    lab.configure("edge2", store=stores, assigned={AV: "av-new"})


def _cross_certificate(lab: LabProcess) -> None:
    lab.configure("edge3", store=[{"store": "CA", "add": ["root-cross"]}, {"store": "Root", "add": ["root-legacy"]}])


def _event(lab: LabProcess) -> None:
    event = {"id": 60000, "source": "LS Protocol Stack", "message": SESSION_KEY, "ago": 3600}
    lab.configure("edge3", events=[event])


FAULTS = (
    Fault(
        "store.intermediate-user-only",
        "edge1",
        "The intermediate was imported by double-click, into the administrator's own store.",
        _imported_for_an_admin,
    ),
    Fault(
        "array.thumbprint-differs",
        "edge2",
        "A/V authentication was given a certificate of its own, on this one server.",
        _another_certificate,
    ),
    Fault("array.clock-differs", "edge2", "Its clock runs three minutes ahead.", lambda lab: lab.clock("edge2", 180)),
    Fault(
        "key.access",
        "edge3",
        "The right of NETWORK SERVICE on the key of the internal certificate was lost.",
        lambda lab: lab.configure("edge3", key={"certificate": "internal-old", "revoke": NETWORK_SERVICE}),
    ),
    Fault(
        "product.service-stopped",
        "edge3",
        "Web Conferencing Edge was stopped and not started again.",
        lambda lab: lab.configure("edge3", services={"RTCDATAPROXY": "Stopped"}),
    ),
    Fault("event.session-key", "edge3", "An hour ago the event log said what nobody read.", _event),
    Fault(
        "chain.ambiguous", "edge3", "A cross-certificate and its old root: two chains can be sent.", _cross_certificate
    ),
    Fault("member.lost", "edge4", "It is off the network.", lambda lab: lab.reachable("edge4", False)),
)


def plant(lab: LabProcess) -> None:
    """All of them, in a pool of four."""
    for fault in FAULTS:
        fault.plant(lab)


def expected() -> set[tuple[str, str]]:
    """(id, member) of each."""
    return {(fault.finding, fault.member) for fault in FAULTS}


def told(output: str) -> set[tuple[str, str]]:
    """(id, member) of what the table of a verification tells by itself; what follows from it is summed up there."""
    found = set()
    for line in output.splitlines():
        match = re.match(r"(?:CRITICAL|ERROR|WARNING) +([a-z]+[a-z-]*\.[a-z0-9-]+) *(.*)", line)
        if match:
            found |= {(match[1], member.strip()) for member in match[2].split(",")}
    return found
