# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as text: what a run ends with on the terminal. It fits 100 columns and needs no colour."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

from ..next_step import command_lines, to_add
from ..text import clean
from ..words import day, listed, moment, relative, short_thumbprint, shorten, span
from .advice import headline, next_steps, told
from .report import CHECKS, MemberReport, Report

WIDTH = 100

_CELL = {"ok": "ok", "warning": "warn", "error": "ERROR", "not-run": "-"}
_LONGEST_NAME = 22


def text_table(report: Report, width: int = WIDTH) -> str:
    """The whole report as text: how it ended, members x checks, dates, findings with remedies, what to do next.

    :param width: columns that the text may use; the table itself needs 100.
    """
    top = headline(report)
    parts = [
        [f"{report.whose}: {top.title}", *_wrapped(top.sentence, width)],
        [f"  {line}" for line in _about(report)],
        [f"  {line}" for line in _members(report)],
        [f"  {line}" for line in _dates(report)],
        _plan(report, width) if report.result == "planned" or report.check_mode else [],
        *_findings(report, width),
        _accepted(report, width),
        _steps(report, width),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts if part) + "\n"


def _about(report: Report) -> list[str]:
    who = " on ".join(clean(name) for name in (report.operator, report.controller) if name)
    lines = [f"run {clean(report.run)}" + (f" by {who}" if who else "") + (", check mode" if report.check_mode else "")]
    lines.append(
        f"{moment(report.started, True)}, {span(report.finished - report.started)}"
        + (f", ucops.certificates {report.collection}" if report.collection else "")
    )
    if report.phases:
        lines.append(" > ".join(f"{phase.name} {phase.result}" for phase in report.phases if phase.result != "skipped"))
    return [line for text in lines for line in textwrap.wrap(text, WIDTH - 2)]


def _members(report: Report) -> list[str]:
    if not report.members:
        return ["(no members)"]
    rows = [["member", "state", *CHECKS]]
    rows += [
        [shorten(clean(member.name), _LONGEST_NAME), member.state, *(_cell(member, name) for name in CHECKS)]
        for member in report.members
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(value.ljust(size) for value, size in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * size for size in widths))
    lines += [f"excluded: {clean(member)} ({clean(reason)})" for member, reason in report.excluded.items()]
    return lines


def _cell(member: MemberReport, name: str) -> str:
    return _CELL[member.check(name).result]


def _dates(report: Report) -> list[str]:
    lines = [
        shorten(
            f"{item.role} certificate  {short_thumbprint(item.thumbprint)}  until {moment(item.not_after)} "
            f"({relative(item.not_after, report.finished)})  {clean(item.subject)}",
            WIDTH - 2,
        )
        for item in report.certificates
    ]
    roll = report.roll
    if roll and roll.instant and roll.state in ("planned", "rolling", "rolled", "settled"):
        lines.append(
            f"{report.succession}: successor {short_thumbprint(roll.thumbprint)} {roll.state}, in force from "
            f"{moment(roll.instant)} ({relative(roll.instant, report.finished)})"
        )
    return lines


def _plan(report: Report, width: int) -> list[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for member in report.members:
        alike.setdefault(member.plan, []).append(member.name)
    lines = ["The plan"]
    for plan, names in alike.items():
        lines.append(f"  {clean(listed(names))}:")
        lines += [line for step in plan or ("nothing to change",) for line in _wrapped(step, width, "    ", "      ")]
    return lines


def _findings(report: Report, width: int) -> Iterable[list[str]]:
    brief = [one for one in told(report) if one.follows and report.purpose == "verify"]
    for group in told(report):
        if group in brief:
            continue
        item = group.finding
        where = f"  {clean(listed(group.members))}" if group.members else ""
        lines = [f"{item.severity.upper():<8} {item.id}{where}"]
        named = not item.subject or item.subject in item.text or item.subject in where
        lines += _wrapped(item.text if named else f"{item.subject}: {item.text}", width, " " * 9)
        if item.remedy and not group.follows and item.severity not in ("ok", "info"):
            lines += _wrapped(f"Next: {item.remedy}", width, " " * 9, " " * 15)
        if item.source and item.stops and not group.follows:
            lines += _wrapped(f"({item.source})", width, " " * 9)
        yield lines
    if brief:
        counted = Counter((one.finding.id, listed(one.members)) for one in brief)
        said = ", ".join(
            f"{id} on {where}" + (f" ({times})" if times > 1 else "") for (id, where), times in counted.items()
        )
        yield _wrapped(f"These follow from the above: {said}.", width)


def _accepted(report: Report, width: int) -> list[str]:
    lines = ["Accepted, and not counted"] if report.accepted else []
    for one in report.accepted:
        where = f" {one.finding.member}" if one.finding.member else ""
        text = f"{one.finding.id}{where}, until {day(one.until)}: {one.reason}. {one.finding.text}"
        lines += _wrapped(text, width, "  ", "      ")
    return lines


def _steps(report: Report, width: int) -> list[str]:
    steps = next_steps(report)
    if not steps:
        return ["Nothing is left to do."]
    lines = ["What to do next"]
    for number, step in enumerate(steps, 1):
        lines += _wrapped(step.why, width, f"{number:>3}. ", " " * 5)
        told = command_lines(step, report.line, width - 9)
        lines += ["", *(f"     {'    ' if at else ''}{line}" for at, line in enumerate(told)), ""] if told else []
        lines += _wrapped(to_add(step, report.line), width, " " * 5)
    return lines


def _wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        clean(text),
        width,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
    )
