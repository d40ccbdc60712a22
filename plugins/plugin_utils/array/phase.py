# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One phase on one member, from plain evidence to plain evidence: the bridge between the role's tasks and the
phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import CollectionError
from ..member import records
from ..member.conversation import Conversation
from ..member.evidence import Evidence
from ..member.journal import Journal
from ..member.settings import Settings
from ..member.stop import PhaseFailed
from ..products.values import Plan
from ..stores.store import Change
from ..windows.calls import OutcomeUnknown
from .decide import plan_of
from .gate import GateVerdict, gate_refusals

PHASES = ("read", "roll", "unroll", "switch", "rename", "prove", "settle", "take_back", "release")


class GateRefused(CollectionError):
    """The step needs a gate's verdict of this run, and there is none that covers this member as it is."""


def demand_gate(gate: Mapping[str, Any], settings: Settings, member: str, digest: str | None, simulated: bool) -> None:
    """Lets a roll or a switch through only with the verdict of this run's gate over this very read.

    ``digest``: of that read; None for what follows the switch, which has changed the stores itself.

    Raises GateRefused. No tag and no --start-at-task gets around it, because the verdict is a value of the run.
    """
    try:
        verdict = GateVerdict.from_dict(gate["verdict"]) if gate.get("verdict") else None
    except ValueError as error:
        raise GateRefused(f"{member} is not touched: the gate's verdict cannot be read: {error}") from None
    desired = {use: wanted["thumbprint"] for use, wanted in settings.wanted.items()}
    refused = gate_refusals(
        verdict, settings.run, settings.members, desired, {member: digest} if digest is not None else {}
    )
    if simulated:
        refused = tuple(f for f in refused if f.id != "gate.simulated")
    if refused:
        reasons = " ".join(f.text for f in refused)
        raise GateRefused(
            f"{member} is not touched. {reasons} Start the playbook from its beginning; with --tags switch the "
            f"gate is judged anew"
        )


def run_phase(
    phase: str,
    at: Conversation,
    evidence: Evidence | None,
    gate: Mapping[str, Any],
    check_mode: bool,
    since: datetime | None = None,
    stage: bool = False,
) -> dict[str, Any]:
    """Runs the phase and returns the task's result: ``changed``, ``evidence``, ``changes``.

    ``evidence``: what the member said last; None where nothing is known yet. Raises PhaseFailed, GateRefused, and what
    the host raises, but for an answer that was cut off: then the member is asked again, since what was known of it may
    be over.
    """
    try:
        if phase == "read":
            done = at.prepare(stage, check_mode)
            return _result(done.evidence, _lines(done.changes)) | {"first": done.first.to_plain()}
        if phase == "take_back" and not check_mode:
            return _result(at.take_back(), ["taken back as its journal says"])
        if evidence is None:
            raise PhaseFailed(f"{at.member}: nothing is known of it in this run, so nothing is done there")
        return _change(phase, at, evidence, gate, check_mode, since)
    except OutcomeUnknown as unknown:
        raise PhaseFailed(f"{at.member}: {unknown}", at.after_failure()) from None


def _change(
    phase: str,
    at: Conversation,
    evidence: Evidence,
    gate: Mapping[str, Any],
    check_mode: bool,
    since: datetime | None,
) -> dict[str, Any]:
    kind = {"switch": "plans", "roll": "before", "rename": "after"}.get(phase)
    plan = plan_of(gate, at.member, evidence, kind) if kind else Plan()
    if kind:
        # What follows the switch has changed the stores itself: no digest is held against it.
        digest = None if phase == "rename" else evidence.digest
        demand_gate(gate, at.settings, at.member, digest, check_mode)
    if check_mode:
        return {"changed": True, "changes": _would(phase, plan)}
    if phase == "release":
        return _result(at.release(evidence), ())
    journal = evidence.journal
    if phase == "switch":
        after = at.switch(plan, records.own(journal, at.settings, evidence), evidence)
        return _result(after, [f"{use}: {both.before} -> {both.after}" for use, both in plan.uses.items()])
    if kind:
        after = at.step(plan, records.own(journal, at.settings, evidence), evidence, _WHAT[phase])
        return _result(after, plan.lines)
    if journal is None:
        raise PhaseFailed(f"{at.member}: there is no journal; nothing is known of a rollout there", evidence)
    if phase == "prove":
        return _result(at.prove(journal, evidence, since), ())
    if phase == "settle":
        return _result(at.settle(journal, evidence), [f"{at.product.succeeds}: restarted on the successor"])
    return _cancel(at, journal, evidence)


_WHAT = {"roll": "rolling", "rename": "changing what the array shares"}


def _cancel(at: Conversation, journal: Journal, evidence: Evidence) -> dict[str, Any]:
    roll = journal.roll
    if roll is None or roll.previous is None:
        text = f"{at.member}: the journal does not say which certificate was in force before the roll"
        raise PhaseFailed(text, evidence)
    use = roll.use or at.product.succeeds
    return _result(at.cancel(use, journal, roll.previous, evidence), [f"{use}: scheduled successor cancelled"])


def _would(phase: str, plan: Plan) -> list[str]:
    if phase in ("switch", "roll", "rename"):
        return list(plan.lines)
    return [f"{phase}: nothing is done in check mode"]


def _lines(changes: Sequence[Change]) -> list[str]:
    return [change.as_line() for change in changes]


def _result(evidence: Evidence, changes: Sequence[str]) -> dict[str, Any]:
    return {"changed": bool(changes), "changes": list(changes), "evidence": evidence.to_plain()}
