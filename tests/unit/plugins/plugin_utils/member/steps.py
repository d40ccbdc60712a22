# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a rollout, step by step on one member, as the role's tasks take them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import decide
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.decide import Gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.step import prepare, take
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.conversation import Conversation
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import instant
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    bundle,
    settings,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import new
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

SETTLE = settings(purpose="settle", wanted={}, run="20261123T170000Z-5e77")
"""The run after the roll's instant."""
STEPS = ("read", "roll", "switch", "prove")
BEFORE = {"read": 0, "roll": 1, "switch": 2, "unroll": 2, "prove": 3, "take_back": 3, "settle": 4}
"""How many steps come before a phase."""


def at(fake: FakeEdge, run: Settings | None = None, told: list[str] | None = None) -> Conversation:
    """The phases on that member; it is renewed unless the run has another purpose."""
    run, said = run or settings(), [] if told is None else told
    passwords = iter(f"one-time-{number}" for number in range(9))
    return Conversation(
        host=fake,
        member="edge1",
        settings=run,
        product=EDGE,
        own=EDGE.own(run.own),
        wanted=wanted() if run.purpose == "renew" else None,
        clock=fake.controller(),
        tell=said.append,
        one_time_password=lambda: next(passwords),
        bundles={new().certificate.sha256: bundle()},
    )


def go(
    phase: str,
    fake: FakeEdge,
    evidence: Evidence | None = None,
    gate: Mapping[str, Any] | None = None,
    run: Settings | None = None,
    check_mode: bool = False,
    told: list[str] | None = None,
) -> dict[str, Any]:
    """One phase on that member, as the task does it; evidence comes back as a value."""
    return done(phase, at(fake, run, told), evidence, gate or {}, check_mode)


def done(
    phase: str,
    talk: Conversation,
    evidence: Evidence | None,
    gate: Mapping[str, Any],
    check_mode: bool = False,
    since: datetime | None = None,
) -> dict[str, Any]:
    """One step over plain data: evidence and gate go through the form in which they are kept between two tasks."""
    if phase == "read":
        prepared = prepare(talk, True, check_mode)
        lines = [change.as_line() for change in prepared.changes]
        seen = {"evidence": again(prepared.evidence), "first": again(prepared.first)}
        return {"changes": lines, "changed": bool(lines), **seen}
    judged = Gate.from_dict(json.loads(json.dumps(gate))) if gate.get("verdict") else None
    do: Any = {"prove": "close"}.get(phase, phase)
    came = take(do, talk, again(evidence) if evidence else None, judged, check_mode, since)
    seen = {"evidence": again(came.evidence)} if came.evidence is not None else {}
    return {"changes": list(came.changes), "changed": bool(came.changes), **seen}


def again(evidence: Evidence) -> Evidence:
    """Evidence as it is after it lay in a file."""
    return Evidence.from_plain(json.loads(json.dumps(evidence.to_plain())))


def gate_over(evidence: Evidence, run: Settings | None = None) -> dict[str, Any]:
    """The gate's verdict of a run in which every member says the same."""
    run = run or settings()
    members = {member: replace(evidence, member=member) for member in run.members}
    return decide.gate(EDGE, EDGE.own(run.own), run, members, {}, NOW, simulated=False).to_dict()


_ready: dict[str, tuple[FakeEdge, Any, dict[str, Any]]] = {}


def ready_for(phase: str, run: Settings | None = None, **facts: Any) -> tuple[FakeEdge, Any, dict[str, Any]]:
    """A member on which everything before ``phase`` was done, its evidence and the gate's verdict."""
    run = run or settings()
    name = repr((phase, run, facts))
    if name not in _ready:
        _ready[name] = _made_ready(phase, run, **facts)
    return deepcopy(_ready[name])


def _made_ready(phase: str, run: Settings, **facts: Any) -> tuple[FakeEdge, Any, dict[str, Any]]:
    fake = FakeEdge(**facts)
    evidence: Any = None
    gate: dict[str, Any] = {}
    for step in STEPS[: BEFORE[phase]]:
        evidence = go(step, fake, evidence, gate, run)["evidence"]
        gate = gate or gate_over(evidence, run)
    if phase == "settle":
        fake.clock = instant(gate["roll"]["instant"]) + timedelta(minutes=5)
        evidence = go("read", fake, run=SETTLE)["evidence"]
    fake.forget()
    return fake, evidence, gate
