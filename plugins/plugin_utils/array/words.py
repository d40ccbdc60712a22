# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small words for people: instants, spans, thumbprints, lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, the last one an ellipsis when something was left out."""
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def moment(at: datetime, seconds: bool = False) -> str:
    """``2026-11-23 02:15 UTC``."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC")


def day(at: datetime) -> str:
    """``2026-11-23``, in UTC."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d")


def span(length: timedelta) -> str:
    """A length of time in its two largest fitting words: ``3 s``, ``12 min``, ``4 h``, ``8 days``, ``13 months``."""
    seconds = abs(length.total_seconds())
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    if seconds < 100 * 86400:
        return f"{seconds / 86400:.0f} days"
    return f"{seconds / 86400 / 30.44:.0f} months"


def relative(at: datetime, now: datetime) -> str:
    """``in 4 h``, ``8 days ago`` or ``now``."""
    if abs((at - now).total_seconds()) < 1:
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def short_thumbprint(thumbprint: str | None) -> str:
    """The first and last digits of a thumbprint, as people compare them; a dash for none."""
    if not thumbprint:
        return "\N{EN DASH}"
    return thumbprint if len(thumbprint) <= 14 else f"{thumbprint[:8]}\N{HORIZONTAL ELLIPSIS}{thumbprint[-4:]}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """``edge1, edge2 and 12 more``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
