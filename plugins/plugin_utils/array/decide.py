# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's view, on the controller: may it be switched, what is done about A/V, was it proven. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..findings.finding import Finding, finding, in_order, stopping
from ..member.records import may_be_rolled, roll_in_doubt
from ..member.settings import Settings
from ..pki.certificate import Certificate
from ..products.edge import roll
from ..products.edge import state as edge
from . import connectors
from .gate import GateRead, GateVerdict, gate_verdict
from .verdict import ArrayVerdict, MemberFacts, WireFact, array_verdict
from .wire import Port, judge_port

Evidence = Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """The verdict that the roll and the switch demand, and what they will do."""

    verdict: GateVerdict
    roll: roll.Decision
    switch: tuple[str, ...]
    """Members that have something to switch, in inventory order."""
    on_failure: str
    """``hold`` where the array could not be taken back as a whole, whatever the user set."""
    unfinished: tuple[str, ...] = ()
    """Members on which an earlier run left its journal open: it is closed, something to switch or not."""
    rename: Mapping[str, Any] = field(default_factory=dict)
    """Exchange: ``member`` and the ``connectors`` whose certificate name is changed there after the last switch."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a fact."""
        return {
            "verdict": self.verdict.to_dict(),
            "passed": self.verdict.passed,
            "roll": {
                "action": self.roll.action,
                "instant": self.roll.instant.isoformat() if self.roll.instant else None,
                "members": list(self.roll.members),
                "text": self.roll.text,
            },
            "switch": list(self.switch),
            "on_failure": self.on_failure,
            "unfinished": list(self.unfinished),
            "rename": dict(self.rename),
        }


def gate(
    settings: Settings, evidence: Mapping[str, Evidence], reasons: Mapping[str, str], at: datetime, simulated: bool
) -> Gate:
    """Judges whether every member is proven ready, and decides what is done about A/V authentication.

    Only positive evidence of this run counts. ``simulated``: check mode, where what would be staged is judged.
    """
    present = {m: e for m in settings.members if (e := evidence.get(m))}
    found = [
        finding("member.not-prepared", member, "", reasons[member])
        for member in settings.members
        if reasons.get(member)
    ]
    decision = roll.Decision("none")
    if present and len(present) == len(settings.members):
        found += av_differs(settings, present)
        decision = decide_roll(settings, present)
        if decision.action == "stop":
            found.append(finding(decision.id, settings.array, edge.AV_USE, decision.text, severity="error"))
    switch = [
        m
        for m in settings.members
        if present.get(m, {}).get("switch_uses") or (decision.action == "replace" and m in decision.members)
    ]
    rename, kept = connectors.to_rename(settings, present, switch)
    found += kept
    limited: list[Finding] = []
    if settings.on_failure == "rollback":
        limited = list(rollback_findings(present, switch))
        found += limited
    desired = {use: wanted["thumbprint"] for use, wanted in settings.wanted.items()}
    keys = {use: wanted["key"] for use, wanted in settings.wanted.items()}
    reads = {m: gate_read(m, settings, e, simulated) for m, e in present.items()}
    verdict = gate_verdict(
        settings.run,
        settings.array,
        settings.members,
        reads,
        desired,
        at,
        desired_keys=keys,
        findings=found,
        simulated=simulated,
    )
    unfinished = [m for m, e in present.items() if any(f["id"] == "journal.unfinished" for f in e["findings"])]
    on_failure = "hold" if limited else settings.on_failure
    return Gate(verdict, decision, tuple(switch), on_failure, tuple(unfinished), rename)


def gate_read(member: str, settings: Settings, seen: Evidence, simulated: bool) -> GateRead:
    """The evidence of one member as the gate wants it."""
    findings = [Finding.from_dict(f) for f in seen.get("findings", ())]
    if seen.get("run") != settings.run:
        findings.append(
            finding("gate.other-run", member, "", f"its evidence is of run {seen.get('run')}, this is {settings.run}")
        )
    planned = simulated and bool(seen.get("forecast"))
    if seen.get("forecast") and not simulated and not stopping(findings):
        findings.append(finding("gate.no-evidence", member, "stage", f"not staged yet: {'; '.join(seen['stage'])}"))
    return GateRead(
        member=str(seen.get("member")),
        digest=str(seen.get("digest")),
        staged=seen["wanted"] if planned or seen.get("forecast") else seen["staged"],
        keys=seen["planned_keys"] if planned or seen.get("forecast") else seen["keys"],
        clock_offset=float(seen["host"]["offset"]),
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
        yield from (Finding.from_dict(f) for f in seen.get("findings", ()))
        if reasons.get(member):
            yield finding("member.not-prepared", member, "", reasons[member])


def av_differs(settings: Settings, evidence: Mapping[str, Evidence]) -> Iterable[Finding]:
    """Members that already differ in what they use for A/V authentication, before anything was done."""
    wanted = settings.wanted.get(edge.AV_USE, {}).get("thumbprint")
    av = {member: e["assigned"].get(edge.AV_USE) for member, e in evidence.items()}
    if len(set(av.values())) > 1 and wanted not in av.values():
        listed = ", ".join(f"{m}: {t or 'none'}" for m, t in av.items())
        text = (
            f"the members already use different A/V authentication certificates ({listed}); tokens of "
            f"one are refused by the other"
        )
        yield finding("array.thumbprint-differs", settings.array, edge.AV_USE, text, severity="warning")


def decide_roll(settings: Settings, evidence: Mapping[str, Evidence]) -> roll.Decision:
    """What the array does about A/V authentication, by the members' own time."""
    standings = {}
    for member, seen in evidence.items():
        if seen["standing"]:
            standings[member] = roll.Standing(
                seen["standing"]["state"], _instant(seen["standing"]["instant"]), seen["standing"]["previous"]
            )
    if not standings:
        return roll.Decision("none")
    ends = [_instant(e["av_old_ends"]) for e in evidence.values() if e["av_old_ends"]]
    return roll.decide(
        standings,
        now=max(t for t in (_instant(e["host"]["clock"]) for e in evidence.values()) if t is not None),
        old_not_after=min((t for t in ends if t), default=None),
        token_lifetime=timedelta(seconds=max(float(e["token_seconds"]) for e in evidence.values())),
        hours_ahead=settings.roll_hours,
        at=settings.roll_instant,
        allow_call_drop=settings.allow_call_drop,
    )


def rollback_findings(evidence: Mapping[str, Evidence], switch: Sequence[str]) -> Iterable[Finding]:
    """Where the old certificate cannot be gone back to, ``rollout_on_failure`` is hold, and that is told beforehand."""
    for member in switch:
        for use in evidence[member]["switch_uses"]:
            answer = evidence[member]["rollback"].get(use, {})
            if not answer.get("possible", True):
                yield finding("rollback.limited", member, use, f"cannot be taken back: {answer['why']}")


def prove(
    settings: Settings,
    evidence: Mapping[str, Evidence],
    reasons: Mapping[str, str],
    before: Sequence[Port],
    after: Sequence[Port] | None,
    trust: Mapping[str, Sequence[Certificate]],
    touched: Sequence[str],
    only: str | None = None,
    rolled_only: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Everything that speaks against the members serving what they should.

    ``after``: None when no port was read again. ``trust``: use -> roots. ``only``: one member instead of all.
    ``rolled_only``: members that this run rolled and was not asked to switch (``--tags roll,prove``): what is left to
    switch there has to serve what it served before.
    """
    members = (only,) if only else settings.members
    found: list[Finding] = []
    for member in members:
        seen = evidence.get(member)
        if not seen:
            found.append(
                finding("member.lost", member, "", reasons.get(member) or "nothing was heard of it in this run")
            )
            continue
        own = [Finding.from_dict(f) for f in seen.get("findings", ())]
        found += [expected_while_mixed(f) for f in own] if only and waiting(settings, evidence, only) else own
        if member in touched:
            for use, thumbprint in seen["wanted"].items():
                if member in rolled_only and use in seen["switch_uses"]:
                    continue
                has = seen["assigned"].get(use)
                if use != edge.AV_USE and has != thumbprint:
                    found.append(
                        finding("product.use-differs", member, use, f"expected {thumbprint}, the product reports {has}")
                    )
    earlier = {port.key: port for port in before}
    for port in after if after is not None else before:
        if port.member not in members or not evidence.get(port.member):
            continue
        seen = evidence[port.member]
        wanted = seen["wanted"].get(port.use) if port.use != edge.AV_USE else None
        if (after is None or port.member in rolled_only) and port.use in seen["switch_uses"]:
            wanted = None  # the switch after which the port would present it was not made: check mode, or not asked for
        at = _instant(seen["host"]["clock"])
        if at is not None:
            found += judge_port(
                port, earlier.get(port.key), wanted, trust.get(port.use, ()), at, seen["assigned"].get(port.use)
            )
    return in_order(found)


def waiting(settings: Settings, evidence: Mapping[str, Evidence], switched: str) -> tuple[str, ...]:
    """Members that still have the old certificate while ``switched`` has the new one: the array is mixed by plan."""
    return tuple(m for m in settings.members if m != switched and evidence.get(m, {}).get("switch_uses"))


def expected_while_mixed(found: Finding) -> Finding:
    """A shared-session-key event while the members differ by plan is told, but it fails nothing.

    Its own text asks to "ensure that all servers in the array have the same certificate": that is true again after the
    last member, and from then on the event counts.
    """
    if found.id != "event.session-key":
        return found
    return replace(found, severity="warning", text=f"{found.text} (expected while members of the array still differ)")


def uniform_since(settings: Settings, evidence: Mapping[str, Evidence], touched: Sequence[str]) -> dict[str, str]:
    """Member -> the instant, by its own clock, from which all members had the same certificate."""
    offsets = {m: float(e["host"]["offset"]) for m, e in evidence.items() if e}
    seen = [(m, _instant(evidence[m]["host"]["clock"])) for m in touched if evidence.get(m)]
    last = max((clock - timedelta(seconds=offsets[m]) for m, clock in seen if clock is not None), default=None)
    if last is None:
        return {}
    return {m: (last + timedelta(seconds=offset)).isoformat() for m, offset in offsets.items()}


def verdict(
    settings: Settings,
    evidence: Mapping[str, Evidence],
    first: Mapping[str, Mapping[str, str]],
    before: Sequence[Port],
    after: Sequence[Port] | None,
    desired: Mapping[str, str],
) -> ArrayVerdict:
    """What the array is now. ``first``: member -> use -> thumbprint before this run or, by the journal, before its
    rollout."""
    facts: dict[str, MemberFacts | None] = {}
    readable = {port.key: port.leaf is not None for port in before}
    for member in settings.members:
        seen = evidence.get(member)
        if not seen:
            facts[member] = None
            continue
        pending = {edge.AV_USE: seen["wanted"][edge.AV_USE]} if may_be_rolled(seen) else {}
        wire = tuple(
            WireFact(
                f"{p.name} {p.host}:{p.port}",
                p.use,
                p.leaf.thumbprint if p.leaf else None,
                readable.get(p.key, p.leaf is not None),
            )
            for p in (after if after is not None else ())
            if p.member == member and p.use != edge.AV_USE
        )
        facts[member] = MemberFacts(seen["assigned"], pending, wire)
    told = array_verdict(settings.members, facts, desired, first, settings.excluded)
    return in_doubt(told, [m for m in settings.members if (seen := evidence.get(m)) and roll_in_doubt(seen)])


def in_doubt(told: ArrayVerdict, members: Sequence[str]) -> ArrayVerdict:
    """The verdict where nobody can tell whether a roll was made: the answer was lost, and the product does not show a
    successor before its instant."""
    if not members:
        return told
    text = f"Nobody can say whether the A/V successor was rolled on {', '.join(members)}: the answer was lost."
    why = {m: (*told.reasons.get(m, ()), f"{edge.AV_USE}: about to be rolled, and no answer came") for m in members}
    return replace(told, verdict="unknown", text=text, reasons={**told.reasons, **why})


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
