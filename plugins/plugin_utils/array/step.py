# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a run on one member: what it demands, what the member is told to do, what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..errors import CollectionError
from ..member import records
from ..member.conversation import Conversation, Prepared
from ..member.evidence import Evidence
from ..member.journal import Journal
from ..member.settings import Settings
from ..member.stop import PhaseFailed
from ..products.values import Plan
from ..windows.calls import OutcomeUnknown
from .decide import Gate, plan_of
from .gate import gate_refusals
from .run import Do


class GateRefused(CollectionError):
    """The step needs a gate's verdict of this run, and there is none that covers this member as it is."""


@dataclass(frozen=True)
class Came:
    """What a step came to."""

    evidence: Evidence | None = None
    """What the member says now; None where it was not asked."""
    changes: tuple[str, ...] = ()
    """What was done, or in check mode would be, a line each."""


def demand_gate(gate: Gate | None, settings: Settings, member: str, digest: str | None, simulated: bool) -> None:
    """Lets a roll or a switch through only with the verdict of this run's gate over this very read.

    ``digest``: of that read; None for what follows the switch, which has changed the stores itself.

    Raises GateRefused. No tag and no --start-at-task gets around it, because the verdict is a value of the run.
    """
    desired = {use: wanted["thumbprint"] for use, wanted in settings.wanted.items()}
    refused = gate_refusals(
        gate.verdict if gate is not None else None,
        settings.run,
        settings.members,
        desired,
        {member: digest} if digest is not None else {},
    )
    if simulated:
        refused = tuple(f for f in refused if f.id != "gate.simulated")
    if refused:
        reasons = " ".join(f.text for f in refused)
        raise GateRefused(
            f"{member} is not touched. {reasons} Start the playbook from its beginning; with --tags switch the "
            f"gate is judged anew"
        )


def prepare(at: Conversation, stage: bool, check_mode: bool) -> Prepared:
    """Reads the member, plans, and with ``stage`` stages. Raises as :func:`take`."""
    try:
        return at.prepare(stage, check_mode)
    except OutcomeUnknown as unknown:
        raise PhaseFailed(f"{at.member}: {unknown}", at.after_failure()) from None


def take(
    do: Do,
    at: Conversation,
    evidence: Evidence | None,
    gate: Gate | None,
    check_mode: bool,
    since: datetime | None = None,
) -> Came:
    """Does what the step says. ``evidence``: what the member said last; None where nothing is known of it.

    Raises PhaseFailed, GateRefused, and what the host raises, but for an answer that was cut off: then the member is
    asked again, since what was known of it may be over.
    """
    try:
        if do == "ask":
            return Came(at.prepare(False, check_mode).evidence)
        if do == "take_back" and not check_mode:
            return Came(at.take_back(), ("taken back as its journal says",))
        if evidence is None:
            raise PhaseFailed(f"{at.member}: nothing is known of it in this run, so nothing is done there")
        return _change(do, at, evidence, gate, check_mode, since)
    except OutcomeUnknown as unknown:
        raise PhaseFailed(f"{at.member}: {unknown}", at.after_failure()) from None


def _change(
    do: Do, at: Conversation, evidence: Evidence, gate: Gate | None, check_mode: bool, since: datetime | None
) -> Came:
    plan = _plan(do, gate, at.member, evidence)
    if plan is not None:
        # What follows the switch has changed the stores itself: no digest is held against it.
        demand_gate(gate, at.settings, at.member, None if do == "rename" else evidence.digest, check_mode)
    if check_mode:
        return Came(None, plan.lines if plan is not None else (f"{do}: nothing is done in check mode",))
    if do == "release":
        return Came(at.release(evidence))
    journal = evidence.journal
    if plan is not None:
        begun = records.own(journal, at.settings, evidence)
        if do == "switch":
            after = at.switch(plan, begun, evidence)
            return Came(after, tuple(f"{use}: {both.before} -> {both.after}" for use, both in plan.uses.items()))
        what = "rolling" if do == "roll" else "changing what the array shares"
        return Came(at.step(plan, begun, evidence, what), plan.lines)
    if journal is None:
        raise PhaseFailed(f"{at.member}: there is no journal; nothing is known of a rollout there", evidence)
    if do == "close":
        return Came(at.prove(journal, evidence, since))
    if do == "settle":
        return Came(at.settle(journal, evidence), (f"{at.product.succeeds}: restarted on the successor",))
    return _cancel(at, journal, evidence)


def _plan(do: Do, gate: Gate | None, member: str, evidence: Evidence) -> Plan | None:
    """What the gate decided that the step does; None for a step on which no gate decides."""
    if do == "switch":
        return plan_of(gate, member, evidence)
    decided = {} if gate is None else {"roll": gate.before, "rename": gate.after}.get(do, {})
    return decided.get(member, Plan()) if do in ("roll", "rename") else None


def _cancel(at: Conversation, journal: Journal, evidence: Evidence) -> Came:
    roll = journal.roll
    if roll is None or roll.previous is None:
        text = f"{at.member}: the journal does not say which certificate was in force before the roll"
        raise PhaseFailed(text, evidence)
    use = roll.use or at.product.succeeds
    return Came(at.cancel(use, journal, roll.previous, evidence), (f"{use}: scheduled successor cancelled",))
