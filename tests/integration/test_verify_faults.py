"""One fault a member, planted in the lab: each is found by its own id on its member, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Start
from integration.controller import Controller
from integration.test_verify import causes, only_read, verify
from lab.client import LabProcess

JOURNAL = {
    "schema": "ucops.certificates/journal/1",
    "run": "20261101T020000Z-dead",
    "operator": "ops",
    "controller": "jump1",
    "array": "edge",
    "members": [],
    "started": "2026-11-01T02:00:00Z",
    "state": "switching",
}


def stores(*orders: dict[str, Any]) -> Callable[[LabProcess, str], object]:
    return lambda lab, member: lab.configure(member, store=list(orders))


def options(**given: Any) -> Callable[[LabProcess, str], object]:
    return lambda lab, member: lab.configure(member, **given)


PLANTS: dict[str, Callable[[LabProcess, str], object]] = {
    "store.intermediate-missing": stores({"store": "CA", "remove": ["issuing-old"]}),
    "store.wrong-place": stores({"store": "CA", "remove": ["issuing-old"]}, {"store": "My", "add": ["issuing-old"]}),
    "store.intermediate-in-root": stores(
        {"store": "CA", "remove": ["issuing-old"]}, {"store": "Root", "add": ["issuing-old"]}
    ),
    "store.intermediate-expired": stores({"store": "CA", "add": ["issuing-old-expired"]}),
    "store.root-in-ca": stores({"store": "CA", "add": ["root"]}),
    "key.missing": stores(
        {"store": "My", "remove": ["internal-old"], "delete_key": True}, {"store": "My", "add": ["internal-old"]}
    ),
    "key.unusable": options(key={"certificate": "internal-old", "delete": True}),
    "key.provider-cng": options(
        key={"certificate": "internal-old", "provider": "Microsoft Software Key Storage Provider"}
    ),
    "product.use-unassigned": options(assigned={"Internal": None}),
    "product.service-stopped": options(services={"RTCSRV": "Stopped"}),
    "event.session-key": options(
        events=[
            {"id": 60000, "source": "LS Protocol Stack", "message": "Failed to import a shared session key", "ago": 60}
        ]
    ),
    "journal.unfinished": options(journal=json.dumps(JOURNAL)),
    "member.not-admin": options(admin="false"),
    "member.lost": lambda lab, member: lab.reachable(member, False),
}


@pytest.mark.whole
def test_one_fault_a_member_of_a_large_pool(start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=len(PLANTS) + 2)  # two that are as they should be
    controller = Controller(tmp_path / "controller", lab)
    planted = {f"edge{number}": id for number, id in enumerate(PLANTS, 1)}
    for member, id in planted.items():
        PLANTS[id](lab, member)
    before = lab.state()
    run = verify(controller)
    assert run.rc == 2
    expected, found = {(id, member) for member, id in planted.items()}, causes(run)
    assert not expected - found, "not found"
    assert not found - expected, "found, but not planted"
    only_read(before, lab.state())
