# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings that somebody accepts for a while, with a reason and an end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from .finding import Finding, finding, in_order


@dataclass(frozen=True)
class Acceptance:
    """What is accepted, why, and until when."""

    id: str
    """Id of a finding; ``*`` stands for any characters."""
    reason: str
    until: datetime
    """From this instant on it counts again."""
    member: str = ""
    """Empty: any member."""
    subject: str = ""
    """Text that the finding's subject holds; empty: any."""

    def covers(self, item: Finding) -> bool:
        """Whether the finding is one of those meant, whatever the date."""
        return (
            fnmatchcase(item.id, self.id)
            and self.member in ("", item.member)
            and self.subject.lower() in item.subject.lower()
        )


@dataclass(frozen=True)
class Accepted:
    """A finding that does not count, and why."""

    finding: Finding
    reason: str
    until: datetime


@dataclass(frozen=True)
class Sorted:
    """Findings by whether they count."""

    counting: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]


def sort(findings: Iterable[Finding], acceptances: Sequence[Acceptance], at: datetime) -> Sorted:
    """Takes out what is accepted at an instant; an acceptance that has ended is told beside what it covered."""
    counting: list[Finding] = []
    accepted = []
    for item in findings:
        covering = [one for one in acceptances if one.covers(item)]
        current = next((one for one in covering if at <= one.until), None)
        if current is not None:
            accepted.append(Accepted(item, current.reason, current.until))
            continue
        counting.append(item)
        for one in covering[:1]:
            text = f"{item.id} was accepted until {one.until:%Y-%m-%d} ({one.reason}) and is still there"
            counting.append(finding("accept.ended", item.member, item.subject, text))
    return Sorted(in_order(counting), tuple(accepted))
