# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows services that Get-CsWindowsService shows. Which ones use a certificate, the product knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...findings.problem import Problem
from ...windows.calls import Call, Switch
from ..values import RUNNING, STOPPED

START_IT = "Start it with Start-CsWindowsService and read the event log if it does not start."


def statuses(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Service name -> status, from the rows of Get-CsWindowsService."""
    return {str(row["Name"]).upper(): str(row.get("Status") or "") for row in rows if row.get("Name")}


def status_call() -> Call:
    """Reads every service's status, without the slow activity level."""
    return Call("services", "Get-CsWindowsService", {"ExcludeActivityLevel": Switch(True)}, ("Name", "Status"))


def in_order(services: Iterable[str], first: Sequence[str]) -> tuple[str, ...]:
    """The services each once: those of ``first`` in its order, the others behind them by name."""
    wanted = set(services)
    return (*(s for s in first if s in wanted), *sorted(wanted.difference(first)))


def not_stopped(services: Sequence[str], state: Mapping[str, str]) -> tuple[str, ...]:
    """Those of ``services`` that still have work: a drain is over when this is empty. One that is not in ``state`` is
    not known to be stopped: a status that could not be read must not end a drain."""
    return tuple(service for service in services if state.get(service) != STOPPED)


def not_running(services: Sequence[str], state: Mapping[str, str]) -> tuple[str, ...]:
    """Those of ``services`` that should run and do not."""
    return tuple(service for service in services if state.get(service) != RUNNING)


def problems(
    services: Sequence[str], state: Mapping[str, str], before: Iterable[str], names: Mapping[str, str]
) -> Iterable[Problem]:
    """Those of ``services`` that do not run. ``before``: what ran before a change that is not over; ``names``: what
    a service is, where that is known."""
    ran = set(before)
    for service in not_running(services, state):
        text = f"expected Running, found {state.get(service) or 'nothing'}"
        if service in ran:
            text += "; it ran before the change"
        shown = f"{service} ({names[service]})" if service in names else service
        yield Problem("product.service-stopped", shown, text, remedy=START_IT)
