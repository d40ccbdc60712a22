# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member in the report: its checks, uses, chains, ports and what was planned for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..array.decide import plan_of
from ..array.run import Run
from ..array.verdict import ArrayVerdict
from ..array.wire import Port
from ..findings.finding import finding, in_order
from ..member.evidence import Evidence
from ..member.records import settled_of
from ..plain import instant, iso
from .report import CHECKS, HostReport, MemberReport, RollReport, UseReport, WireReport, checks


@dataclass(frozen=True)
class Ports:
    """What all ports presented, read once for the whole report."""

    before: tuple[Port, ...]
    after: tuple[Port, ...] | None
    """None where nobody looked again."""

    @classmethod
    def of(cls, run: Run) -> Ports:
        """The ports of a run."""
        return cls(run.ports(run.before), run.ports(run.after) if run.after is not None else None)


def member_report(
    run: Run,
    ports: Ports,
    verdict: ArrayVerdict,
    member: str,
    first: Mapping[str, str],
    desired: Mapping[str, str],
) -> MemberReport:
    """Everything about one member; a lost one says only that."""
    state = verdict.members.get(member, "lost")
    seen = run.known.get(member)
    own = [f for f in run.proof if f.member == member]
    if seen is None:
        reason = str(run.reasons.get(member) or "nothing was heard of it any more")
        return MemberReport(member, state, findings=(finding("member.lost", member, member, reason), *own))
    host = seen.host
    found = in_order([*seen.findings, *own])
    wire = _wire(run, ports, member, seen)
    ran = set(CHECKS) - {"wire", "tls", "roll"}
    # What a port presented before a change says nothing of it after: with nobody to look again, it was not looked at.
    unread = ports.after is None and member in run.touched
    ran |= {"wire"} if any(w.ok is not None for w in wire) or (ports.before and not unread) else set()
    ran |= set() if seen.forecast else {"tls"}
    ran |= {"roll"} if seen.pending else set()
    ran -= set() if seen.events_asked else {"events"}
    uses = sorted({*first, *seen.assigned, *desired})
    return MemberReport(
        name=member,
        state=state,
        host=HostReport(host.computer, host.windows, host.product, host.version, host.powershell, host.offset),
        checks=checks(found, ran),
        uses={use: UseReport(first.get(use), seen.assigned.get(use), desired.get(use)) for use in uses},
        chains=seen.chains,
        wire=wire,
        roll=_roll(run, seen),
        plan=tuple(_planned(run, member)),
        findings=found,
    )


def _planned(run: Run, member: str) -> Sequence[str]:
    """What was done or would be done on the member, as this run's first read and its gate planned it."""
    seen = run.first.get(member)
    if seen is None:
        return ()
    lines = list(seen.stage)
    roll = run.gate.roll if run.gate is not None else None
    if roll is not None and roll.action == "roll" and member in roll.members and roll.instant is not None:
        lines.append(f"{roll.use}: successor rolled for {iso(roll.instant)}")
    return [*lines, *plan_of(run.gate, member, seen).lines]


def _roll(run: Run, seen: Evidence) -> RollReport | None:
    at = seen.pending.get(run.product.succeeds)
    if at is None:
        return None
    if at.state == "scheduled":
        return RollReport("rolled", at.instant, at.thumbprint, at.previous)
    recorded = seen.journal.roll if seen.journal is not None else None
    if at.state == "done" and recorded is not None:
        return RollReport("settled" if settled_of(seen.journal) else "rolled", instant(recorded.instant), at.thumbprint)
    return RollReport("none")


def _wire(run: Run, ports: Ports, member: str, seen: Evidence) -> tuple[WireReport, ...]:
    earlier = {port.key: port for port in ports.before}
    rows = []
    for port in ports.after if ports.after is not None else ports.before:
        if port.member != member:
            continue
        before = earlier.get(port.key)
        old = before.leaf.thumbprint if before is not None and before.leaf else None
        new = port.leaf.thumbprint if port.leaf else None
        wanted = seen.wanted.get(port.use) if port.use != run.product.succeeds else None
        judged = ports.after is not None and (new is not None or old is not None)
        ok = (new is not None and (wanted is None or new == wanted)) if judged else None
        shown = new if ports.after is not None else None
        rows.append(WireReport(port.name, port.host, port.port, port.use, old, shown, ok, port.error or ""))
    return tuple(rows)
