# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where private keys lie on a member, and what a switch in an emergency does there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Held
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.whereabouts import look
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Emergency
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    NEW,
    error,
    evidence,
    host,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import gate_over, go
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    AV,
    internal,
    keyed,
    new,
    old,
    running,
    stored,
)

URGENT = settings(emergency=Emergency("compromised"))


class Stores:
    """A member of another array that answers once."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.sent = answers, list[Any]()

    def read(self, load: Any, calls: Any, *, facts: bool = True) -> Reply:
        assert load == (), "a product was loaded"
        self.sent = list(calls)
        return Reply(host(), {c.id: self.answers.get(c.id, Answer(error=error("no such store"))) for c in calls})


def test_what_lies_on_a_member_of_another_array_in_one_read() -> None:
    waiting = {**keyed(new()), "Store": "ucops.certificates"}
    there = Stores(stores=Answer((keyed(old()), stored(internal(), "My"))), **{"stores-0": Answer((waiting,))})
    found = look(there, "ex1", ("My", "ucops.certificates", "gone"))  # type: ignore[arg-type]
    assert [(one.store, one.thumbprint) for one in found] == [
        ("My", old().certificate.thumbprint), ("ucops.certificates", NEW),
    ]  # fmt: skip
    assert found[0].key == old().certificate.spki_sha256
    assert {call.name for call in there.sent} == {"Get-StoreCertificate"} and len(there.sent) == 3


def test_a_store_that_cannot_be_read_is_not_an_empty_one() -> None:
    with pytest.raises(PhaseFailed, match="ex1: its certificate stores could not be read: Access is denied"):
        look(Stores(stores=Answer(error=error())), "ex1", ())  # type: ignore[arg-type]


def test_evidence_holds_every_key_of_the_machine() -> None:
    held = evidence(run=URGENT).held
    assert {one.thumbprint for one in held} == {one.certificate.thumbprint for one in (old(), new(), internal())}
    assert all(isinstance(one, Held) and one.not_after for one in held)


def test_services_that_the_switch_starts_are_told_and_stop_nobody() -> None:
    down = staged(services=running(RTCSRV="Stopped"))
    told = {f.id: f for f in evidence(down, run=URGENT).findings}
    assert "product.service-stopped" not in told and not told["emergency.down"].stops
    assert told["emergency.down"].subject == "RTCSRV"
    assert "product.service-stopped" in {f.id for f in evidence(down).findings}


@pytest.mark.parametrize("dead", [set(), {"RTCSRV"}])
def test_the_switch_starts_what_was_down_and_proves_it(dead: set[str]) -> None:
    fake = FakeEdge()
    fake.services.update(RTCSRV="Stopped", RTCDATAPROXY="Stopped")
    fake.dead = dead
    read = go("read", fake, run=URGENT)["evidence"]
    decided = gate_over(read, URGENT)
    assert decided["passed"] and decided["roll"]["action"] == "replace"
    if dead:
        with pytest.raises(PhaseFailed, match="RTCSRV did not come up again"):
            go("switch", fake, read, decided, run=URGENT)
        return
    after = go("switch", fake, read, decided, run=URGENT)["evidence"]
    assert set(fake.services.values()) == {"Running"} and fake.uses[AV] == NEW
    assert not {"emergency.down", "product.service-stopped"} & {f.id for f in after.findings}
    assert replace(after, findings=()).plan.empty
