# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for calls to end: a graceful stop waits without a limit, so it is asked with short commands until a
deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..products.edge import services
from ..windows.calls import Reply
from ..windows.host import Host


@dataclass(frozen=True)
class Clock:
    """The controller's time, passed in so that tests do not wait."""

    now: Callable[[], datetime]
    """Aware wall-clock time."""
    monotonic: Callable[[], float]
    """Seconds that never go back."""
    sleep: Callable[[float], None]


class DrainExpired(Exception):
    """The deadline passed while services still had work."""

    def __init__(self, left: Sequence[str], seconds: float) -> None:
        self.left = tuple(left)
        super().__init__(f"{', '.join(left)} still had calls after {seconds:.0f} s")


def drain(
    host: Host,
    load: Sequence[str],
    names: Sequence[str],
    first: Reply,
    clock: Clock,
    *,
    seconds: float,
    poll_seconds: float,
    tell: Callable[[str], None],
) -> Reply:
    """Polls until every service of ``names`` is stopped; returns the last reply.

    ``first`` is the reply that already holds one status reading. Raises DrainExpired, or what ``host.read`` raises.
    """
    started, reply = clock.monotonic(), first
    left = services.not_stopped(names, services.statuses(reply.rows("services")))
    while left:
        spent = clock.monotonic() - started
        if spent >= seconds:
            raise DrainExpired(left, seconds)
        tell(f"draining: {', '.join(left)} still has calls, {seconds - spent:.0f} s left")
        clock.sleep(min(poll_seconds, max(seconds - spent, 0)))
        reply = host.read(load, [services.status_call()], facts=False)
        left = services.not_stopped(names, services.statuses(reply.rows("services")))
    return reply
