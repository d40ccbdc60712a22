# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member in the report: its checks, uses, chains, ports and what was planned for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..array.findings import Finding, finding, in_order
from ..array.report import (
    CHECKS,
    Chain,
    HostReport,
    Link,
    MemberReport,
    RollReport,
    UseReport,
    WireReport,
    checks,
)
from ..array.verdict import ArrayVerdict

if TYPE_CHECKING:
    from .run_array import ArrayRun

AV_USE = "AudioVideoAuthentication"


def member_report(
    run: ArrayRun,
    verdict: ArrayVerdict,
    member: str,
    first: Mapping[str, str],
    desired: Mapping[str, str],
    proven: Sequence[Finding],
) -> MemberReport:
    """Everything about one member; a lost one says only that."""
    state = verdict.members.get(member, "lost")
    seen = run.evidence.get(member)
    own = [f for f in proven if f.member == member]
    if seen is None:
        reason = str(run.options["reasons"].get(member) or "nothing was heard of it any more")
        return MemberReport(member, state, findings=(finding("member.lost", member, member, reason), *own))
    host = seen["host"]
    found = in_order([*(Finding.from_dict(f) for f in seen["findings"]), *own])
    wire = _wire(run, member)
    ran = set(CHECKS) - {"wire", "tls", "roll"}
    # What a port presented before a change says nothing of it after: with nobody to look again, it was not looked at.
    unread = run.after is None and member in run.options["touched"]
    ran |= {"wire"} if any(w.ok is not None for w in wire) or (run.before and not unread) else set()
    ran |= set() if seen["forecast"] else {"tls"}
    ran |= {"roll"} if seen["standing"] else set()
    ran -= set() if seen.get("events_asked", True) else {"events"}
    uses = sorted({*first, *seen["assigned"], *desired})
    return MemberReport(
        name=member,
        state=state,
        host=HostReport(
            host["computer"],
            host["windows"],
            host["product"],
            host["version"],
            host["powershell"],
            float(host["offset"]),
        ),
        checks=checks(found, ran),
        uses={use: UseReport(first.get(use), seen["assigned"].get(use), desired.get(use)) for use in uses},
        chains=tuple(_chain(picture) for picture in seen["chains"]),
        wire=wire,
        roll=_roll(seen),
        plan=tuple(_planned(run, member)),
        findings=found,
    )


def _planned(run: ArrayRun, member: str) -> Sequence[str]:
    """What was done or would be done on the member, as this run's first read planned it."""
    seen = run.options["first"].get(member) or {}
    gate = run.options["gate"]
    lines = list(seen.get("stage", ()))
    roll = gate.get("roll", {})
    if roll.get("action") == "roll" and member in roll.get("members", ()):
        lines.append(f"{AV_USE}: successor rolled for {roll['instant']}")
    return [*lines, *seen.get("switch", ())]


def _chain(picture: Mapping[str, Any]) -> Chain:
    links = tuple(
        Link(
            link["subject"], link["thumbprint"], link["sha256"], datetime.fromisoformat(link["not_after"]), link["role"]
        )
        for link in picture["path"]
    )
    return Chain(tuple(picture["uses"]), links, tuple(picture["missing"]), picture["ok"])


def _roll(seen: Mapping[str, Any]) -> RollReport | None:
    standing = seen.get("standing")
    if not standing:
        return None
    wanted = seen["wanted"].get(AV_USE)
    instant = datetime.fromisoformat(standing["instant"]) if standing["instant"] else None
    if standing["state"] == "scheduled":
        return RollReport("rolled", instant, wanted, standing["previous"])
    recorded = seen.get("roll_instant")
    if standing["state"] == "done" and recorded:
        return RollReport("settled" if seen.get("roll_settled") else "rolled", datetime.fromisoformat(recorded), wanted)
    return RollReport("none")


def _wire(run: ArrayRun, member: str) -> tuple[WireReport, ...]:
    earlier = {port.key: port for port in run.before}
    rows = []
    for port in run.after if run.after is not None else run.before:
        if port.member != member:
            continue
        before = earlier.get(port.key)
        old = before.leaf.thumbprint if before is not None and before.leaf else None
        new = port.leaf.thumbprint if port.leaf else None
        wanted = run.evidence[member]["wanted"].get(port.use) if port.use != AV_USE else None
        judged = run.after is not None and (new is not None or old is not None)
        ok = (new is not None and (wanted is None or new == wanted)) if judged else None
        rows.append(
            WireReport(
                port.name,
                port.host,
                port.port,
                port.use,
                old,
                new if run.after is not None else None,
                ok,
                port.error or "",
            )
        )
    return tuple(rows)
