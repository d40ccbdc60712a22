# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One phase on one member, from plain evidence to plain evidence: the bridge between the role's tasks and the
phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..member import records
from ..member.edge_member import EdgeMember
from ..member.exchange_member import ExchangeMember
from ..member.journal import Journal
from ..member.member import Member
from ..member.settings import Settings
from ..member.stop import PhaseFailed
from ..products.edge import state as edge
from ..stores.store import Change
from ..windows.calls import OutcomeUnknown
from .gate import GateVerdict, gate_refusals

PHASES = ("read", "roll", "unroll", "switch", "rename", "prove", "settle", "take_back", "release")


class GateRefused(Exception):
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
    at: Member,
    settings: Settings,
    evidence: Mapping[str, Any],
    gate: Mapping[str, Any],
    check_mode: bool,
    since: datetime | None = None,
    stage: bool = False,
) -> dict[str, Any]:
    """Runs the phase and returns the task's result: ``changed``, ``evidence``, ``changes``.

    Raises PhaseFailed, GateRefused, and what the host raises, but for an answer that was cut off: then the member is
    asked again, since what was known of it may be over.
    """
    try:
        return _run(phase, at, settings, evidence, gate, check_mode, since, stage)
    except OutcomeUnknown as unknown:
        raise PhaseFailed(f"{at.member}: {unknown}", at.after_failure()) from None


def _run(
    phase: str,
    at: Member,
    settings: Settings,
    evidence: Mapping[str, Any],
    gate: Mapping[str, Any],
    check_mode: bool,
    since: datetime | None,
    stage: bool,
) -> dict[str, Any]:
    if phase == "read":
        done = at.prepare(stage, check_mode)
        return _result(done.evidence, _lines(done.changes)) | {"first": dict(done.first)}
    if phase in ("roll", "switch", "rename"):
        digest = None if phase == "rename" else str(evidence.get("digest", ""))
        demand_gate(gate, settings, at.member, digest, check_mode)
    if check_mode:
        return {"changed": True, "changes": _would(phase, evidence, gate)}
    if phase == "release":
        return _result(at.release(evidence), ())
    if phase == "take_back":
        return _result(at.take_back(), ["taken back as its journal says"])
    journal = Journal.loads(evidence["journal"]) if evidence.get("journal") else None
    if phase == "switch":
        uses = {use: str(evidence["wanted"][use]) for use in _uses(evidence, gate, at.member)}
        names = _renamed_along(gate, at.member)
        after = at.switch(uses, records.own(journal, settings, evidence), {**evidence, "rename": names})
        return _result(after, [f"{use}: {evidence['assigned'].get(use)} -> {new}" for use, new in uses.items()])
    if phase == "prove" and journal is not None:
        return _result(at.prove(journal, evidence, since), ())
    if isinstance(at, EdgeMember):
        return _run_edge(phase, at, settings, evidence, gate, journal)
    if phase == "rename" and isinstance(at, ExchangeMember):
        names = [str(name) for name in gate["rename"]["connectors"]]
        after = at.rename(names, records.own(journal, settings, evidence), evidence)
        return _result(after, [f"Send connector {name}: renamed" for name in names])
    raise PhaseFailed(f"{at.member}: {phase}: there is nothing to do on an Exchange server", evidence)


def _run_edge(
    phase: str,
    at: EdgeMember,
    settings: Settings,
    evidence: Mapping[str, Any],
    gate: Mapping[str, Any],
    journal: Journal | None,
) -> dict[str, Any]:
    """What only Edge servers have: the roll of A/V authentication."""
    if phase == "roll":
        instant = datetime.fromisoformat(gate["roll"]["instant"])
        after = at.roll(instant, records.own(journal, settings, evidence), evidence)
        return _result(after, [f"{edge.AV_USE}: successor rolled for {instant.isoformat()}"])
    if journal is None:
        raise PhaseFailed(f"{at.member}: there is no journal; nothing is known of a rollout there", evidence)
    if phase == "settle":
        return _result(at.settle(journal, evidence), ["A/V authentication: restarted on the successor"])
    previous = records.previous_av(journal)
    if previous is None:
        text = f"{at.member}: the journal does not say which A/V certificate was in force before the roll"
        raise PhaseFailed(text, evidence)
    return _result(at.unroll(journal, previous, evidence), [f"{edge.AV_USE}: scheduled successor cancelled"])


def _uses(evidence: Mapping[str, Any], gate: Mapping[str, Any], member: str) -> list[str]:
    """The uses to switch: those that differ, and A/V where the array replaces it."""
    uses = list(evidence["switch_uses"])
    if gate["roll"]["action"] == "replace" and member in gate["roll"]["members"] and edge.AV_USE not in uses:
        uses.append(edge.AV_USE)
    return uses


def _renamed_along(gate: Mapping[str, Any], member: str) -> list[str]:
    """The Send connectors that this member renames in its own switch, the last one of the array."""
    rename = gate.get("rename") or {}
    return (
        [str(name) for name in rename["connectors"]] if rename.get("member") == member and not rename["apart"] else []
    )


def _would(phase: str, evidence: Mapping[str, Any], gate: Mapping[str, Any]) -> list[str]:
    if phase == "roll":
        return [f"{edge.AV_USE}: would be rolled for {gate['roll']['instant']}"]
    if phase == "switch":
        return list(evidence.get("switch", ()))
    if phase == "rename":
        return [f"Send connector {name}: would be renamed" for name in gate["rename"]["connectors"]]
    return [f"{phase}: nothing is done in check mode"]


def _lines(changes: Sequence[Change]) -> list[str]:
    return [change.as_line() for change in changes]


def _result(evidence: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    return {"changed": bool(changes), "changes": list(changes), "evidence": dict(evidence)}
