# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for calls to end: a graceful stop waits without a limit, so it is asked with short commands until a
deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..errors import CollectionError
from ..products.values import STOPPED


@dataclass(frozen=True)
class Clock:
    """The controller's time, passed in so that tests do not wait."""

    now: Callable[[], datetime]
    """Aware wall-clock time."""
    monotonic: Callable[[], float]
    """Seconds that never go back."""
    sleep: Callable[[float], None]


class DrainExpired(CollectionError):
    """The deadline passed while services still had work."""

    def __init__(self, left: Sequence[str], seconds: float) -> None:
        self.left = tuple(left)
        super().__init__(f"{', '.join(left)} still had calls after {seconds:.0f} s")


def drain(
    look: Callable[[], Mapping[str, str]],
    names: Sequence[str],
    clock: Clock,
    *,
    seconds: float,
    poll_seconds: float,
    tell: Callable[[str], None],
) -> None:
    """Polls until every service of ``names`` is stopped.

    ``look``: asks the member for the status of each. One that it does not name is not known to be stopped: a status
    that could not be read must not end a drain. Raises DrainExpired, or what ``look`` raises.
    """
    started = clock.monotonic()
    while left := _at_work(names, look()):
        spent = clock.monotonic() - started
        if spent >= seconds:
            raise DrainExpired(left, seconds)
        tell(f"draining: {', '.join(left)} still has calls, {seconds - spent:.0f} s left")
        clock.sleep(min(poll_seconds, max(seconds - spent, 0)))


def _at_work(names: Sequence[str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in names if now.get(name) != STOPPED)
