# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different between two reports of one array. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..findings.finding import Finding, in_order
from ..plain import to_plain
from ..words import short_thumbprint
from .report import Report
from .ticket import code, esc


@dataclass(frozen=True)
class Difference:
    """One value that is another one now."""

    member: str
    what: str
    """A use, a port, or ``state``."""
    before: str
    after: str
    """Empty: there is none."""


@dataclass(frozen=True)
class Comparison:
    """Two reports, the earlier one first."""

    array: str
    before: str
    """Run id."""
    after: str
    verdicts: tuple[str, ...]
    appeared: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changes: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Nothing is different."""
        return not (self.appeared or self.gone or self.changes or len(set(self.verdicts)) > 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and facts."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def changes_between(before: Report, after: Report) -> Comparison:
    """Compares by finding (id, member, subject), certificates in use, ports and members' states.

    The order of time is that of the reports, whatever order they are given in.
    """
    if after.started < before.started:
        before, after = after, before
    old, new = _by_key(before), _by_key(after)
    was, now = _values(before), _values(after)
    changes = [
        Difference(member, what, was.get((member, what), ""), now.get((member, what), ""))
        for member, what in dict.fromkeys((*was, *now))
        if was.get((member, what), "") != now.get((member, what), "")
    ]
    return Comparison(
        after.array,
        before.run,
        after.run,
        (before.verdict.verdict, after.verdict.verdict),
        in_order(item for key, item in new.items() if key not in old),
        in_order(item for key, item in old.items() if key not in new),
        tuple(changes),
    )


def _by_key(report: Report) -> Mapping[tuple[str, str, str], Finding]:
    return {(item.id, item.member, item.subject): item for item in report.all_findings}


def _values(report: Report) -> Mapping[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for member in report.members:
        found[member.name, "answers"] = "no" if member.state == "lost" else "yes"
        found |= {(member.name, use): of.after or of.before or "" for use, of in member.uses.items()}
        found |= {
            (member.name, f"{port.endpoint} {port.host}:{port.port}"): port.after or port.before or ""
            for port in member.wire
        }
    return found


def markdown(comparison: Comparison) -> str:
    """The comparison for people."""
    lines = [f"## {esc(comparison.array)}: what has changed", ""]
    lines += [f"Run {code(comparison.before)} compared with run {code(comparison.after)}.", ""]
    if comparison.same:
        return "\n".join([*lines, "Nothing is different.", ""])
    if len(set(comparison.verdicts)) > 1:
        lines += [f"Verdict: {comparison.verdicts[0]}, now {comparison.verdicts[1]}.", ""]
    lines += _listed("Found anew", comparison.appeared)
    lines += _listed("No longer found", comparison.gone)
    if comparison.changes:
        lines += ["| member | what | before | now |", "|---|---|---|---|"]
        for one in comparison.changes:
            cells = (esc(one.member), esc(one.what), _shown(one.before), _shown(one.after))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _listed(title: str, findings: Iterable[Finding]) -> list[str]:
    lines = [
        f"* **{item.severity}** `{item.id}`{f' on {esc(item.member)}' if item.member else ''}: {esc(item.text)}"
        for item in findings
    ]
    return [f"{title}:", "", *lines, ""] if lines else []


def _shown(value: str) -> str:
    return f"`{short_thumbprint(value)}`" if len(value) == 40 else esc(value) or "none"
