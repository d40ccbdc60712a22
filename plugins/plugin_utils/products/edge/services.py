# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of an Edge server: which one uses which certificate, and how they are stopped and started. Pure.

Names and uses: Microsoft, Edge Server environmental requirements and the service list of Skype for Business;
``Stop-CsWindowsService -Graceful`` waits without a limit, so it is always asked with ``-NoWait`` and polled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...findings.problem import Problem
from ...windows.calls import Call, Switch
from ..cs import services as cs
from ..values import RUNNING

START_ORDER = ("REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY")
"""Access Edge before what depends on it; stopping goes the other way round.

A server may have others, such as an XMPP gateway or the agent of the central logging: they follow, by name. Windows
itself starts first what a service depends on.
"""

SERVICE_NAMES = {
    "REPLICA": "Replica Replicator Agent",
    "RTCSRV": "Access Edge",
    "RTCDATAPROXY": "Web Conferencing Edge",
    "RTCMRAUTH": "Audio/Video Authentication",
    "RTCMEDIARELAY": "Audio/Video Edge",
}

SERVICES_OF_USE: Mapping[str, tuple[str, ...]] = {
    "AccessEdgeExternal": ("RTCSRV",),
    "DataEdgeExternal": ("RTCDATAPROXY",),
    "AudioVideoAuthentication": ("RTCMRAUTH", "RTCMEDIARELAY"),
    "Internal": START_ORDER,
}


def affected(uses: Iterable[str], installed: Iterable[str]) -> tuple[str, ...]:
    """The services to restart for ``uses``, in start order, of those that the member has."""
    needed = {service for use in uses for service in SERVICES_OF_USE.get(use, ())}
    present = set(installed)
    return tuple(service for service in START_ORDER if service in needed and service in present)


def running(state: Mapping[str, str]) -> tuple[str, ...]:
    """What runs now, in start order, whatever it is called. All of it has to run again after a switch: stopping a
    service stops its dependents, too (Stop-CsWindowsService), and which these are is not documented."""
    return in_order(service for service, status in state.items() if status == RUNNING)


def in_order(services: Iterable[str]) -> tuple[str, ...]:
    """The services in start order, each once; those that START_ORDER does not know come last."""
    return cs.in_order(services, START_ORDER)


def stop_calls(services: Sequence[str], graceful: bool) -> tuple[Call, ...]:
    """Stops services in reverse start order; returns at once, the caller polls.

    Without ``graceful`` live work is cut: that is what an expired drain asks for.
    """
    calls = []
    for service in reversed(in_order(services)):
        parameters: dict[str, object] = {"Name": service, "Confirm": Switch(False)}
        if graceful:
            parameters |= {"Graceful": Switch(True), "NoWait": Switch(True)}
        else:
            parameters["Force"] = Switch(True)
        calls.append(Call(f"stop-{service}", "Stop-CsWindowsService", parameters))
    return tuple(calls)


def wait_call(services: Sequence[str], seconds: float) -> Call:
    """Waits on the member, a few seconds at most, until all of ``services`` have stopped; otherwise STILL_RUNNING."""
    return Call("wait", "Wait-Stopped", {"Names": list(services), "Seconds": seconds})


def start_calls(services: Sequence[str]) -> tuple[Call, ...]:
    """Starts services in start order, each to its end: a service that does not start is an error there and then."""
    return tuple(
        Call(f"start-{service}", "Start-CsWindowsService", {"Name": service, "Confirm": Switch(False)})
        for service in in_order(services)
    )


def problems(uses: Iterable[str], state: Mapping[str, str], ran: Iterable[str] = ()) -> Iterable[Problem]:
    """A service that does not run now would be blamed on the switch later.

    ``ran``: what ran before a change that is not over yet, and so has to run again, whether it uses a certificate or
    was stopped along with one that does.
    """
    before = set(ran)
    return cs.problems(in_order({*affected(uses, state), *before}), state, before, SERVICE_NAMES)
