# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says first and last: how it ended, and what to do next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..array.onward import Ways
from ..findings.finding import Finding, Together, holds, rank, together
from ..next_step import NextStep
from ..words import listed, moment
from .report import Report

Tone = Literal["good", "warn", "bad", "calm"]


@dataclass(frozen=True)
class Headline:
    """The first thing a reader sees."""

    tone: Tone
    title: str
    """A few words."""
    sentence: str
    """One sentence."""


_DONE = {"renew": "Renewed", "settle": "Settled", "rollback": "Taken back", "verify": "As it should be"}


def headline(report: Report) -> Headline:
    """How the run ended."""
    # The first two lines: what follows in an error is told as findings, each with its remedy.
    lines = [line.strip() for line in (report.sentence or report.verdict.text).splitlines() if line.strip()]
    sentence = " ".join(lines[:2])
    if report.purpose == "verify":
        return _verified(report, sentence)
    if report.result == "planned":
        return Headline("calm", "A plan; nothing was changed" if _planned(report) else "Nothing to do", sentence)
    if report.result == "refused":
        return Headline("bad", "Refused; nothing was switched", sentence)
    if report.result == "failed":
        return Headline("bad", _FAILED[report.verdict.verdict], sentence)
    title = "Not switched yet" if _not_switched(report) else _DONE[report.purpose]
    if not report.changed:
        title = "Nothing to do"
    if report.result == "warning":
        return Headline("warn", f"{title}, with warnings", sentence)
    return Headline("good", title, sentence)


def _verified(report: Report, sentence: str) -> Headline:
    """A verification changes nothing: its headline is what it found."""
    found: Counter[str] = Counter(one.finding.severity for one in told(report) if not one.follows)
    said = [
        f"{found[severity]} {word if found[severity] == 1 else words}"
        for severity, word, words in _COUNTED
        if found[severity]
    ]
    if report.result == "failed":
        return Headline("bad", ", ".join(said) or "Not as it should be", sentence)
    if said:
        return Headline("warn", f"{_DONE[report.purpose]}, with {', '.join(said)}", sentence)
    return Headline("good", _DONE[report.purpose], sentence)


_COUNTED = (("critical", "critical", "critical"), ("error", "error", "errors"), ("warning", "warning", "warnings"))


def _planned(report: Report) -> bool:
    return any(member.plan for member in report.members)


def _not_switched(report: Report) -> bool:
    """A renewal that ended well before its switch: tags left it out."""
    return report.purpose == "renew" and report.result in ("ok", "warning") and report.verdict.verdict != "all-new"


_FAILED = {
    "all-new": "Failed; every member has the new certificate",
    "all-old": "Failed; every member has the old certificate",
    "mixed": "Failed; the array is mixed",
    "unknown": "Failed; not every member was heard of",
}


def next_steps(report: Report) -> tuple[NextStep, ...]:
    """What to do, in order; each once. Empty: nothing is left to do."""
    findings = report.all_findings
    held = [item for item in findings if holds(item)]
    if held:
        return _wait(report, held)
    # Only the remedy counts here: the same one on several members is one step, whatever was seen on each.
    groups = together(
        replace(item, subject="", text="") for item in findings if item.remedy and not follows(item, findings)
    )
    steps = [_step(group, report) for group in groups if group.finding.stops]
    steps += _by_result(report) if report.purpose != "verify" else []
    steps += _by_roll(report)
    steps += [_step(group, report) for group in groups if group.finding.severity == "warning"]
    steps += [
        NextStep(f"{member} is excluded ({reason}): mend it, take it off rollout_excluded and run again.")
        for member, reason in report.excluded.items()
        if not any(item.id == "member.excluded" and item.member == member for item in findings)
    ]
    return tuple(step for at, step in enumerate(steps) if step not in steps[:at])


@dataclass(frozen=True)
class Told:
    """A finding as it is told: on which members, and whether it only follows from another one."""

    finding: Finding
    members: tuple[str, ...]
    follows: bool
    """True: no remedy is told, the cause's is the one to take."""


def told(report: Report) -> tuple[Told, ...]:
    """All findings as a reader should get them: worst first, causes before what follows from them."""
    findings = report.all_findings
    causes = together(item for item in findings if not follows(item, findings))
    rest = together(item for item in findings if follows(item, findings))
    both = [Told(group.finding, group.members, group in rest) for group in (*causes, *rest)]
    return tuple(sorted(both, key=lambda one: -rank(one.finding.severity)))


_MISSING = ("store.intermediate-missing", "store.intermediate-user-only", "store.wrong-place")
_CAUSES: Mapping[str, tuple[str, ...]] = {
    "chain.issuer-missing": _MISSING,
    "chain.incomplete": (*_MISSING, "chain.issuer-missing"),
    "tls.presented-incomplete": (*_MISSING, "chain.issuer-missing"),
    "tls.presented-differs": (*_MISSING, "chain.issuer-missing"),
    "wire.incomplete": (*_MISSING, "chain.issuer-missing"),
    "wire.chain-differs": _MISSING,
    "wire.untrusted": ("chain.untrusted-root", "chain.issuer-missing", "chain.expired", *_MISSING),
    "store.wrong-place": ("store.intermediate-in-root",),
    "key.access": ("key.unusable", "key.provider-cng"),
    "key.unusable": ("key.provider-cng",),
    "tls.unreadable": ("key.missing", "key.unusable", "key.provider-cng"),
    "store.intermediate-missing": ("store.intermediate-user-only",),
}
"""A finding to those that, on the same member, are its cause: then mending the cause is the step to take."""
BECAUSE = "because"
"""Evidence in which a check that knows better names the cause."""


def follows(item: Finding, findings: Sequence[Finding]) -> bool:
    """Whether another of the findings is the cause of this one, so that its own remedy need not be taken.

    What another run does while it holds a member may look like anything: a stopped service, a journal left open.
    """
    if not holds(item) and any(map(holds, findings)):
        return True
    causes = (*_CAUSES.get(item.id, ()), item.evidence.get(BECAUSE, ""))
    return any(other.id in causes and other.member == item.member for other in findings)


def ways(report: Report) -> Ways:
    """The ways on from the report's run."""
    return Ways(report.array, report.purpose, report.product, report.excluded, report.completed, report.line)


def _step(group: Together, report: Report) -> NextStep:
    where = f"{listed(group.members, 4)}: " if group.members else ""
    why = f"{where}{group.finding.remedy}"
    if group.finding.id == "journal.unfinished":
        return ways(report).back(why)
    return NextStep(why)


def _wait(report: Report, held: Sequence[Finding]) -> tuple[NextStep, ...]:
    """Another run holds members: nothing is right but to wait, or to know that it is dead."""
    runs = tuple(dict.fromkeys(item.subject for item in held))
    where, one = listed(tuple(dict.fromkeys(item.member for item in held)), 4), len(runs) == 1
    why = (
        f"{where}: wait for {'run' if one else 'runs'} {listed(runs)} to end, and read what is reported; "
        f"{'it' if one else 'one of them'} may be at work there now, and nothing else is right until then. Only if you "
        "know that the controller is dead: the same again takes the lock over."
    )
    return (ways(report).again(why, ",".join(runs)),)


def _by_result(report: Report) -> list[NextStep]:
    onward = ways(report)
    if report.result == "planned":
        rest = "with its other phases (--tags stage,roll; then --tags switch)"
        step = "without --check" if report.check_mode else rest
        tags = None if report.check_mode else ()
        return [onward.again(f"Run the same command {step} to do it.", tags=tags)] if _planned(report) else []
    if _not_switched(report):
        why = "When it is time to switch, run the same command with --tags switch, or without --tags."
        return [onward.again(why, tags=("switch", "prove"))]
    if report.result == "refused":
        return [
            onward.again("Then run the same command again. Nothing was switched, and what is staged already stays.")
        ]
    if report.result != "failed":
        return []
    # A lost member, or one that would not give it up, has the lock of this run; naming one that is gone does no harm.
    lock = report.run if report.verdict.lost or _left_locked(report) else ""
    if report.verdict.verdict == "mixed" and any(item.id == "emergency.skipped" for item in report.all_findings):
        why = "Bring the array together: mend the cause and run the same command again. Do not go back."
        return [onward.again(why, lock)]
    if report.verdict.verdict in ("mixed", "unknown"):
        return _together(report, lock)
    return [onward.again("Mend the cause, then run the same command again.", lock)]


def _together(report: Report, lock: str) -> list[NextStep]:
    """The ways to bring an array together that may differ; back is the safe one."""
    onward = ways(report)
    first = "Bring the array together."
    if report.verdict.lost:
        first = f"Get {listed(report.verdict.lost)} back on the network first; then bring the array together."
    elif report.verdict.verdict == "unknown":
        first = "Make certain what nobody can tell now."
    if report.purpose == "rollback":
        return [onward.again(f"{first} The same again goes on with the way back from what each member says.", lock)]
    if report.purpose == "settle":
        return [onward.again(f"{first} The same again goes on with what is left.", lock)]
    return [
        onward.back(f"{first} This goes back, which is the safe direction; it reads every member first.", lock),
        onward.again("Or go forward instead, once the cause is mended: the same again reads every member first.", lock),
    ]


def _left_locked(report: Report) -> bool:
    return any(item.id == "member.locked" and not item.stops for item in report.all_findings)


def _by_roll(report: Report) -> list[NextStep]:
    roll = report.roll
    if roll is None or roll.instant is None or roll.state != "rolled":
        return []
    if roll.instant <= report.finished:
        why = f"The successor of {report.succession} is in force since {moment(roll.instant)}: settle it."
    else:
        why = (
            f"After {moment(roll.instant)} settle it: this restarts {report.succession} and proves the successor. "
            "Keep the old certificate until it has expired."
        )
    return [ways(report).settle(why)]
