# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of an Exchange server's rollout, step by step on one member, as the role's tasks take them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import decide
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.conversation import Conversation
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EXCHANGE,
    settings,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_exchange import FakeExchange
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import done
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    issuing,
    made,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, rsa_key

STEPS = ("read", "switch", "prove")
ALONE = settings(members=("ex1",))
"""A run over one server, so that the array is that server."""


def bundle() -> Bundle:
    """The delivery."""
    return Bundle(made("new"), (issuing().certificate,), (), rsa_key(which=1), "renewal.zip")


def at(fake: FakeExchange, run: Settings | None = None, told: list[str] | None = None) -> Conversation:
    """The conversation with that member; it is renewed unless the run has another purpose."""
    run, said = run or ALONE, [] if told is None else told
    passwords = iter(f"one-time-{number}" for number in range(9))
    return Conversation(
        host=fake,
        member="ex1",
        settings=run,
        product=EXCHANGE,
        own=EXCHANGE.own(run.own),
        wanted=wanted() if run.purpose == "renew" else None,
        clock=fake.controller(),
        tell=said.append,
        one_time_password=lambda: next(passwords),
        bundles={made("new").sha256: bundle()},
    )


def go(
    phase: str,
    fake: FakeExchange,
    evidence: Evidence | None = None,
    gate: Mapping[str, Any] | None = None,
    run: Settings | None = None,
    check_mode: bool = False,
    told: list[str] | None = None,
    since: datetime | None = None,
) -> dict[str, Any]:
    """One phase on that member, as the task does it; evidence comes back as a value."""
    return done(phase, at(fake, run, told), evidence, gate or {}, check_mode, since)


def gate_over(evidence: Evidence, run: Settings | None = None) -> dict[str, Any]:
    """The gate's verdict of a run in which every member says the same."""
    run = run or ALONE
    members = {member: replace(evidence, member=member) for member in run.members}
    return decide.gate(EXCHANGE, EXCHANGE.own(run.own), run, members, {}, NOW, simulated=False).to_dict()


def ready_for(
    phase: str, fake: FakeExchange | None = None, run: Settings | None = None
) -> tuple[FakeExchange, Any, Any]:
    """A member on which everything before ``phase`` was done, its evidence and the gate's verdict."""
    fake, evidence, gate = deepcopy(fake) if fake else FakeExchange(), None, {}
    for step in STEPS[: (*STEPS, "take_back").index(phase) if phase in STEPS else 2]:
        evidence = go(step, fake, evidence, gate, run)["evidence"]
        gate = gate or gate_over(evidence, run)
    fake.forget()
    return fake, evidence, gate


def told(fake: FakeExchange) -> Journal:
    """What the member's journal says."""
    assert fake.journal is not None
    return Journal.loads(fake.journal)
