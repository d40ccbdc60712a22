# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: one stable id, a severity, a member, a subject, a sentence, a remedy, and what proves it.

A check anywhere in the collection names an id of :data:`CATALOGUE` and says what it saw; severity, remedy and the
source of the rule come from here, so that the same thing reads the same in a task's error, the report and the
documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from ..plain import from_plain, to_plain
from ..text import clean
from .catalogue import CATALOGUE
from .entry import Entry, Severity

SEVERITIES: tuple[Severity, ...] = ("ok", "info", "warning", "error", "critical")
"""All severities, mildest first. ``error`` and ``critical`` stop a rollout, the others never do."""

UNLISTED = Entry(
    "error",
    "A check without an entry in the catalogue",
    "The check named an id this version does not know.",
    "Read the sentence of the finding; report the missing id to the collection's issue tracker.",
    "",
)
"""What stands in for an id that is not in the catalogue: an unknown finding must stop a rollout, not pass it."""


class ProblemLike(Protocol):
    """Anything with an id, a subject and a text: what the pure checks of the other packages return."""

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Finding:
    """One observation, ready for a reader."""

    id: str
    """Stable id, such as ``store.intermediate-missing``; a key of CATALOGUE."""
    severity: Literal["ok", "info", "warning", "error", "critical"]
    """How bad it is; see SEVERITIES."""
    member: str = ""
    """The member it was seen on, or the array's name when it is about all of them."""
    subject: str = ""
    """What it is about: a use, a certificate's subject, a service, a port. Foreign input: cleaned here, as text and
    evidence are, so that no finding can carry it further."""
    text: str = ""
    """One sentence: what was expected, what was found, where."""
    remedy: str = ""
    """The next step, for somebody who has to take it tonight."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """What proves it: thumbprints, instants, ports, event ids. No secrets."""

    def __post_init__(self) -> None:
        for name in ("subject", "text", "remedy"):
            object.__setattr__(self, name, clean(getattr(self, name)))
        object.__setattr__(self, "evidence", {clean(key): clean(value) for key, value in self.evidence.items()})

    @property
    def stops(self) -> bool:
        """Whether this alone keeps a rollout from going on."""
        return rank(self.severity) >= rank("error")

    @property
    def title(self) -> str:
        """The catalogue's short name of the id."""
        return CATALOGUE.get(self.id, UNLISTED).title

    @property
    def source(self) -> str:
        """The public source of the rule, empty when it is the collection's own."""
        return CATALOGUE.get(self.id, UNLISTED).source

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and facts."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Back from plain data. Raises PlainError naming the field that does not fit."""
        return from_plain(cls, data)


def finding(
    id: str,
    member: str = "",
    subject: str = "",
    text: str = "",
    *,
    severity: Severity | None = None,
    remedy: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> Finding:
    """A finding with everything that is not given taken from the catalogue.

    :param id: a key of CATALOGUE; another id becomes an error (see UNLISTED), it never passes unseen.
    :param text: what was seen; empty: the catalogue's title and why.
    :param severity: overrides the catalogue's, for the rare check that knows better.
    :param evidence: values are made text; None values are left out.
    """
    entry = CATALOGUE.get(id, UNLISTED)
    shown = {str(key): str(value) for key, value in (evidence or {}).items() if value is not None}
    return Finding(
        id,
        severity or entry.severity,
        member,
        subject,
        text or f"{entry.title}: {entry.why}",
        remedy or entry.remedy,
        shown,
    )


def from_problem(problem: ProblemLike, member: str = "") -> Finding:
    """A finding out of what a pure check returned (id, subject, text and, if it has them, evidence and remedy)."""
    evidence, remedy = getattr(problem, "evidence", None), getattr(problem, "remedy", "")
    return finding(problem.id, member, problem.subject, problem.text, remedy=remedy, evidence=evidence)


def rank(severity: str) -> int:
    """The place of a severity in SEVERITIES; an unknown one counts as the worst."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def worst(findings: Iterable[Finding]) -> Severity:
    """The worst severity among the findings; ``ok`` when there are none."""
    return max((item.severity for item in findings), key=rank, default="ok")


def stopping(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Only those that keep a rollout from going on."""
    return tuple(item for item in findings if item.stops)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by id, member and subject; exact repeats once."""
    unique = {(item.id, item.severity, item.member, item.subject, item.text): item for item in findings}
    return tuple(sorted(unique.values(), key=lambda item: (-rank(item.severity), item.id, item.member, item.subject)))


def holds(item: Finding) -> bool:
    """Whether another run holds a member, as far as can be told: it may be at work there now."""
    return item.id == "member.locked" and item.stops


@dataclass(frozen=True)
class Together:
    """The same finding on several members, said once."""

    finding: Finding
    """The finding, without a member."""
    members: tuple[str, ...]
    """Where it was seen, in the order given."""


def together(findings: Iterable[Finding]) -> tuple[Together, ...]:
    """Findings that differ only in their member and evidence, said once with the members named; worst first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for item in in_order(findings):
        groups.setdefault((item.id, item.severity, item.subject, item.text, item.remedy), []).append(item)
    return tuple(
        Together(
            replace(group[0], member="", evidence=_shared(group)),
            tuple(dict.fromkeys(item.member for item in group if item.member)),
        )
        for group in groups.values()
    )


def _shared(group: list[Finding]) -> dict[str, str]:
    return {
        key: value for key, value in group[0].evidence.items() if all(item.evidence.get(key) == value for item in group)
    }
