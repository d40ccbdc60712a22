# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event log entries as the user asks for them, and which of them concern certificates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..windows.calls import Call
from .pattern import Pattern


@dataclass(frozen=True)
class Event:
    """One entry of the event log."""

    id: int
    source: str
    time: datetime
    level: str
    message: str


def events_from_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Event, ...]:
    """Makes events of the rows of Find-Event, oldest first."""
    found = [
        Event(int(r["Id"]), str(r["Source"]), r["Time"], str(r.get("Level") or ""), str(r.get("Message") or ""))
        for r in rows
    ]
    return tuple(sorted(found, key=lambda event: event.time))


def read_call(log: str, sources: Sequence[str], after: datetime, newest: int) -> Call:
    """Reads the newest entries of any log since ``after`` (an aware instant). No source: all of them."""
    return Call("events", "Find-Event", {"Log": log, "After": after, "Sources": list(sources), "Newest": newest})


def select(events: Sequence[Event], pattern: Pattern | None) -> tuple[Event, ...]:
    """The entries whose text holds the pattern; all of them without one. Raises TooMuchWork."""
    return tuple(event for event in events if pattern is None or pattern.found(event.message))
