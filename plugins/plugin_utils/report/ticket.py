# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one page of Markdown for a change ticket. Pure."""

from __future__ import annotations

import re

from ..next_step import command, to_add
from ..text import clean, clean_lines
from ..words import day, listed, moment, relative
from .advice import headline, next_steps, told
from .report import CHECKS, Report

_CELL = {"ok": "ok", "warning": "warning", "error": "**error**", "not-run": ""}


def summary_markdown(report: Report) -> str:
    """How it ended, members x checks, what was found and what to do, dates. Everything foreign in it is escaped."""
    top = headline(report)
    lines = [f"# {esc(report.array)}: {esc(top.title)}", "", esc(top.sentence), ""]
    who = " on ".join(name for name in (report.operator, report.controller) if name)
    lines += [f"Run {code(report.run)}{f' by {esc(who)}' if who else ''}, {moment(report.finished)}.", ""]
    lines += _members(report)
    found = told(report)
    if found:
        lines += ["## Findings", ""]
        for one in (one for one in found if not one.follows):
            item, where = one.finding, f" on {esc(listed(one.members))}" if one.members else ""
            named = not item.subject or item.subject in item.text or item.subject in one.members
            text = item.text if named else f"{item.subject}: {item.text}"
            lines.append(f"* **{item.severity}** `{item.id}`{where}: {esc(text)}")
        rest = sorted({f"`{one.finding.id}` on {esc(listed(one.members))}" for one in found if one.follows})
        lines += [*([f"* From these follow {', '.join(rest)}"] if rest else []), ""]
    if report.accepted:
        lines += ["## Accepted", ""]
        for kept in report.accepted:
            where = f" on {esc(kept.finding.member)}" if kept.finding.member else ""
            lines.append(f"* `{kept.finding.id}`{where} until {day(kept.until)}: {esc(kept.reason)}")
        lines.append("")
    steps = next_steps(report)
    if steps:
        lines += ["## Next", ""]
        for number, step in enumerate(steps, 1):
            lines.append(f"{number}. {esc(' '.join(filter(None, (step.why, to_add(step, report.line)))))}")
            if step.playbooks:
                lines += ["", f"       {command(step, report.line)}", ""]
        lines.append("")
    if report.certificates:
        lines += ["## Dates", "", "| certificate | for | until |", "|---|---|---|"]
        for used in report.certificates:
            until = f"{day(used.not_after)} ({relative(used.not_after, report.finished)})"
            lines.append(f"| {esc(used.subject)} {code(used.thumbprint)} | {esc(', '.join(used.uses))} | {until} |")
        lines.append("")
    return clean_lines("\n".join(lines).rstrip("\n") + "\n")


def _members(report: Report) -> list[str]:
    if not report.members:
        return []
    lines = [f"| member | state | {' | '.join(CHECKS)} |", f"|---|---|{'---|' * len(CHECKS)}"]
    for member in report.members:
        cells = [_CELL[member.check(column).result] for column in CHECKS]
        lines.append(f"| {esc(member.name)} | {member.state} | {' | '.join(cells)} |")
    lines += [f"| {esc(name)} | excluded: {esc(why)} |{' |' * len(CHECKS)}" for name, why in report.excluded.items()]
    return [*lines, ""]


def code(text: str) -> str:
    """Foreign text in Markdown that is shown as it is."""
    return f"`{clean(text).replace('`', chr(39))}`"


def esc(text: str) -> str:
    """Foreign text in Markdown: nothing in it is a link, a tag, an emphasis or the end of a table's cell."""
    return re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", clean(text))
