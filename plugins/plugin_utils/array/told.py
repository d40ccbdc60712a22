# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a phase over the array gives back to its task, beside its decision. Pure, but for who runs it."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime, timezone

from ..findings.finding import Finding, holds, together
from ..inputs import InputError


def lines_of(findings: Sequence[Finding]) -> str:
    """Findings as text: each said once with the members it was seen on, and what to do.

    Where another run holds a member there is one thing to do, which is to wait: nothing is advised against its work.
    """
    said = []
    held = any(map(holds, findings))
    for group in together(findings):
        where = f"{', '.join(group.members)}: " if group.members else ""
        next_line = "" if held and not holds(group.finding) else f"\n      Next: {group.finding.remedy}"
        said.append(f"[{group.finding.id}] {where}{group.finding.subject}: {group.finding.text}{next_line}")
    return "\n  ".join(said)


def instant_of(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InputError(
            "input.instant", f"rollout_roll_at: expected an instant such as 2026-11-24T02:00:00Z, found {text!r}"
        ) from None
    if value.tzinfo is None:
        raise InputError(
            "input.instant", f"rollout_roll_at: {text!r} has no time zone; write 2026-11-24T02:00:00Z or +01:00"
        )
    return value.astimezone(timezone.utc)


def operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def failure_of(task: str, action: str, message: str) -> str:
    """What failed, as one text. Tasks of the collection, and those that stop on purpose, say all in their message; of
    any other the name says what was being done."""
    whole = action.startswith("ucops.certificates.rollout_") or task.startswith(("Stop unless ", "Count "))
    return message if whole else f"{task}: {message}"
