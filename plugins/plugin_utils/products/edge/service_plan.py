# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services are stopped and started, on one Edge server, for one wish. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...stores.store import Change
from ...windows.calls import Call
from ..cs.services import not_running, not_stopped, status_call
from ..values import RUNNING, STOPPED
from .services import in_order, running, start_calls, stop_calls

STATES = ("started", "stopped", "restarted")


@dataclass(frozen=True)
class ServicePlan:
    """What a wish takes."""

    stop: tuple[str, ...]
    """Services that run, drain or hang and have to be stopped, in start order."""
    start: tuple[str, ...]
    """Services that must run in the end, those included that ran before and are stopped along as dependents."""
    changes: tuple[Change, ...]
    absent: tuple[str, ...] = ()
    """Named, but not installed."""


def plan(names: Sequence[str], state: str, statuses: Mapping[str, str]) -> ServicePlan:
    """Plans ``state`` (one of STATES) for ``names``."""
    wanted = in_order(names)
    absent = tuple(service for service in wanted if service not in statuses)
    present = [service for service in wanted if service in statuses]
    stop: list[str] = []
    start: list[str] = []
    if state == "started":
        start = [service for service in present if statuses[service] != RUNNING]
    else:
        stop = [service for service in present if statuses[service] != STOPPED]
    if state == "restarted":
        ran = running(statuses) if stop else ()
        start = list(in_order((*present, *ran)))
    return ServicePlan(tuple(stop), tuple(start), tuple(_changes(stop, start, present, statuses)), absent)


def _changes(
    stop: Sequence[str], start: Sequence[str], named: Sequence[str], statuses: Mapping[str, str]
) -> list[Change]:
    changes = []
    for service in named:
        if service in stop and service in start:
            changes.append(Change("restart", service, statuses[service], f"stopped, then {RUNNING}"))
        elif service in stop:
            changes.append(Change("stop", service, statuses[service], STOPPED))
        elif service in start:
            changes.append(Change("start", service, statuses[service], RUNNING))
    return changes


def stops(services: Sequence[str], graceful: bool) -> tuple[Call, ...]:
    """Stops services and reads what became of it."""
    return (*stop_calls(services, graceful), status_call())


def starts(services: Sequence[str]) -> tuple[Call, ...]:
    """Starts services and reads what became of it."""
    return (*start_calls(services), status_call())


def fallen(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What ran before and does not now: also services that were stopped along as dependents."""
    return not_running(running(before), now)


def left(wish: ServicePlan, statuses: Mapping[str, str]) -> tuple[str, ...]:
    """What is not as the plan wants it, as sentences; nothing when all is."""
    down = [f"{s} does not run ({statuses.get(s) or 'not shown'})" for s in not_running(wish.start, statuses)]
    halted = [s for s in wish.stop if s not in wish.start]
    return (*down, *(f"{s} is not stopped ({statuses.get(s)})" for s in not_stopped(halted, statuses)))
