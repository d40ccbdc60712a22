"""A member's clock: real time, moved by the lab."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


class Clock:
    """UTC as one member believes it to be."""

    def __init__(self) -> None:
        self.advanced = 0.0
        """Seconds the whole lab was moved forward."""
        self.offset = 0.0
        """Seconds this member is wrong."""

    def now(self) -> datetime:
        """What this member's clock shows, aware UTC."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.advanced + self.offset)

    def true(self) -> datetime:
        """The lab's time, without this member's error."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.advanced)


def iso(moment: datetime) -> str:
    """ISO-8601 UTC with seven fractional digits, as .NET's "o" format writes it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
