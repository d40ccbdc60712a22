# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the array be switched, and what does that take: decided on the controller over every member's evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..findings.finding import Finding, finding, in_order, stopping
from ..member.evidence import Evidence, plain_plan, plan_from
from ..member.settings import Settings
from ..plain import from_plain, iso
from ..products.interface import Product
from ..products.values import ArrayPlan, Plan, Roll
from .gate import GateRead, GateVerdict, gate_verdict


@dataclass(frozen=True)
class Gate:
    """The verdict that the roll and the switch demand, and what they will do."""

    verdict: GateVerdict
    roll: Roll
    switch: tuple[str, ...]
    """Members that have something to switch, in inventory order."""
    on_failure: str
    """``hold`` where the array could not be taken back as a whole, whatever the user set."""
    unfinished: tuple[str, ...] = ()
    """Members on which an earlier run left its journal open: it is closed, something to switch or not."""
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> what it does in place of the plan in its evidence, because only the array knows."""
    before: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> its step before any member is switched."""
    after: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> its step after the last switch."""
    note: str = ""
    after_title: str = ""
    """What the step after the last switch is called, before the member's name."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a fact."""
        return {
            "verdict": self.verdict.to_dict(),
            "passed": self.verdict.passed,
            "roll": {
                "action": self.roll.action,
                "use": self.roll.use,
                "instant": iso(self.roll.instant) if self.roll.instant else None,
                "members": list(self.roll.members),
                "text": self.roll.text,
            },
            "switch": list(self.switch),
            "on_failure": self.on_failure,
            "unfinished": list(self.unfinished),
            "plans": {member: plain_plan(plan) for member, plan in self.plans.items()},
            "before": {member: plain_plan(plan) for member, plan in self.before.items()},
            "after": {member: plain_plan(plan) for member, plan in self.after.items()},
            "after_title": self.after_title,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Gate:
        """Back from plain data. Raises PlainError naming the field that does not fit, CallError for a call that must
        not be sent."""
        return cls(
            GateVerdict.from_dict(data["verdict"]),
            from_plain(Roll, data["roll"]),
            tuple(data["switch"]),
            data["on_failure"],
            tuple(data["unfinished"]),
            _plans(data["plans"]),
            _plans(data["before"]),
            _plans(data["after"]),
            after_title=data["after_title"],
        )


def _plans(data: Mapping[str, Any]) -> dict[str, Plan]:
    return {member: plan_from(plan) for member, plan in data.items()}


def plan_of(gate: Gate | None, member: str, evidence: Evidence) -> Plan:
    """What the member's switch does: what the gate decided for it; its own plan where the gate decided nothing else."""
    return gate.plans.get(member, evidence.plan) if gate is not None else evidence.plan


def gate(
    product: Product[Any],
    own: Any,
    settings: Settings,
    evidence: Mapping[str, Evidence],
    reasons: Mapping[str, str],
    at: datetime,
    simulated: bool,
    urgent: Iterable[Finding] = (),
) -> Gate:
    """Judges whether every member is proven ready, and decides what is only decided over all of them.

    Only positive evidence of this run counts. ``simulated``: check mode, where what would be staged is judged.
    ``urgent``: what an emergency has to say.
    """
    present = {m: e for m in settings.members if (e := evidence.get(m))}
    found = [finding("member.not-prepared", m, "", reasons[m]) for m in settings.members if reasons.get(m)]
    whole = ArrayPlan()
    if present and len(present) == len(settings.members):
        whole = product.array(settings.array, present, own, settings.emergency)
        found += whole.findings
    found += urgent
    switch = tuple(m for m in settings.members if m in present and not whole.plans.get(m, present[m].plan).empty)
    limited = list(rollback_findings(present, switch)) if settings.on_failure == "rollback" else []
    found += limited
    keys = {use: wanted["key"] for use, wanted in settings.wanted.items()}
    verdict = gate_verdict(
        settings.run,
        settings.array,
        settings.members,
        {m: gate_read(m, settings, e, simulated) for m, e in present.items()},
        {use: wanted["thumbprint"] for use, wanted in settings.wanted.items()},
        at,
        desired_keys=keys,
        findings=found,
        simulated=simulated,
    )
    unfinished = tuple(m for m, e in present.items() if any(f.id == "journal.unfinished" for f in e.findings))
    on_failure = "hold" if limited else settings.on_failure
    return Gate(
        verdict,
        whole.roll,
        switch,
        on_failure,
        unfinished,
        whole.plans,
        whole.before,
        whole.after,
        whole.note,
        whole.after_title,
    )


def closed(gate: Gate, more: Iterable[Finding]) -> Gate:
    """A gate that is closed, with what else has to be known of that."""
    verdict = replace(gate.verdict, findings=in_order([*gate.verdict.findings, *more]))
    return replace(gate, verdict=verdict)


def gate_read(member: str, settings: Settings, seen: Evidence, simulated: bool) -> GateRead:
    """The evidence of one member as the gate wants it."""
    findings = list(seen.findings)
    if seen.run != settings.run:
        findings.append(
            finding("gate.other-run", member, "", f"its evidence is of run {seen.run}, this is {settings.run}")
        )
    if seen.forecast and not simulated and not stopping(findings):
        findings.append(finding("gate.no-evidence", member, "stage", f"not staged yet: {'; '.join(seen.stage)}"))
    return GateRead(
        member=seen.member,
        digest=seen.digest,
        wanted={use: facts["thumbprint"] for use, facts in settings.wanted.items() if use in seen.offers},
        staged=seen.wanted if seen.forecast else seen.staged,
        keys=seen.planned_keys if seen.forecast else seen.keys,
        clock_offset=seen.host.offset,
        findings=tuple(findings),
    )


def member_findings(
    settings: Settings, evidence: Mapping[str, Evidence], reasons: Mapping[str, str]
) -> Iterable[Finding]:
    """Every member's own findings; who was not heard of is a finding itself."""
    for member in settings.members:
        seen = evidence.get(member)
        if not seen:
            yield finding("member.lost", member, "", reasons.get(member) or "nothing was heard of it in this run")
            continue
        yield from seen.findings
        if reasons.get(member):
            yield finding("member.not-prepared", member, "", reasons[member])


def rollback_findings(evidence: Mapping[str, Evidence], switch: Sequence[str]) -> Iterable[Finding]:
    """Where the old certificate cannot be gone back to, ``rollout_on_failure`` is hold, and that is told beforehand."""
    for member in switch:
        for use in evidence[member].plan.uses:
            answer = evidence[member].back.get(use)
            if answer is not None and not answer.possible:
                yield finding("rollback.limited", member, use, f"cannot be taken back: {answer.why}")


def expected_while_mixed(product: Product[Any], found: Finding) -> Finding:
    """What is expected while the members differ by plan is told, but it fails nothing."""
    if not product.mixed(found.id):
        return found
    return replace(found, severity="warning", text=f"{found.text} (expected while members of the array still differ)")
