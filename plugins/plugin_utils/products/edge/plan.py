# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch, a roll and the way back take on an Edge server. Pure.

Data and Access Edge are drained before their certificates change; A/V authentication gets a successor for an instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ...stores.store import Change, label
from ...stores.wanted import Wanted
from ..cs import services as cs
from ..values import STOPPED, Both, Plan, Record, Scheduled
from . import services
from .judge import why_no_way_back
from .state import AV_USE, USES, EdgeState, assign_call, describe, roll_call


def switch(wanted: Wanted, state: EdgeState) -> Plan:
    """Every use that has another certificate now.

    Audio/Video authentication is left to the roll: a plain replacement makes every token invalid at once and drops the
    calls in progress (Microsoft, stage A/V and OAuth certificates).
    """
    uses = {
        use: Both(state.current(use), wanted.uses[use].thumbprint)
        for use in USES
        if use in wanted.uses and use != AV_USE and state.current(use) != wanted.uses[use].thumbprint
    }
    labels = {both.after: label(wanted.uses[use]) for use, both in uses.items()}
    before = {both.before: describe(both.before, state) for both in uses.values()}
    return assigning(uses, state.services, {**before, **labels})


def assigning(uses: Mapping[str, Both], state: Mapping[str, str], labels: Mapping[Any, str]) -> Plan:
    """Assigns: drains what uses the certificates, and starts it again. ``state``: service -> status."""
    if not uses:
        return Plan()
    running = services.running(state)
    names = tuple(name for name in services.affected(uses, state) if name in running)
    changes = tuple(
        Change(
            "assign",
            use,
            labels.get(both.before, both.before or "") if both.before else "",
            labels.get(both.after, both.after or ""),
            (assign_call(use, str(both.after)),),
        )
        for use, both in uses.items()
    )
    return Plan(uses=uses, stop=names, changes=changes, start=names, run=running)


def brought_up(plan: Plan, uses: Iterable[str], state: Mapping[str, str], ran: Iterable[str]) -> Plan:
    """The plan with everything started that is down: what rests on ``uses``, and what ``ran`` before a change that is
    not over. Services do not start with an expired certificate, so in an emergency they may be down already.

    One that neither runs nor has stopped, such as one that hangs in its start, is stopped first.
    """
    down = cs.not_running([s for s in services.in_order({*services.affected(uses, state), *ran}) if s in state], state)
    if not down:
        return plan
    return replace(
        plan,
        stop=services.in_order({*plan.stop, *(s for s in down if state[s] != STOPPED)}),
        start=services.in_order({*plan.start, *down}),
        run=services.in_order({*plan.run, *services.running(state), *down}),
    )


def with_replaced(
    plan: Plan, now: str | None, successor: Scheduled, state: Mapping[str, str], labels: Mapping[str, str]
) -> Plan:
    """The plan with A/V authentication replaced at once, as the array decided."""
    uses = {**plan.uses, AV_USE: Both(now, successor.thumbprint)}
    whole = assigning({use: uses[use] for use in USES if use in uses}, state, dict(labels))
    shown = {change.subject: change for change in plan.changes}
    return replace(
        whole,
        stop=services.in_order({*whole.stop, *plan.stop}),
        start=services.in_order({*whole.start, *plan.start}),
        run=services.in_order({*whole.run, *plan.run}),
        changes=tuple(shown.get(change.subject, change) for change in whole.changes),
    )


def rolling(successor: Scheduled, instant: datetime) -> Plan:
    """Schedules the successor of A/V authentication; no service is stopped."""
    then = f"{successor.thumbprint} from {instant:%Y-%m-%d %H:%M:%SZ} on"
    change = Change("roll", AV_USE, successor.previous or "", then, (roll_call(successor.thumbprint, instant),))
    return Plan(changes=(change,), pending={AV_USE: replace(successor, state="scheduled", instant=instant)})


def cancel(previous: str) -> Plan:
    """Takes a scheduled successor back: the certificate that is in force is assigned again, without -Roll."""
    change = Change("assign", AV_USE, "", previous, (assign_call(AV_USE, previous),))
    return Plan(uses={AV_USE: Both(None, previous)}, changes=(change,))


def settle(state: Mapping[str, str]) -> Plan:
    """Restarts what uses A/V authentication."""
    running = services.running(state)
    names = services.affected([AV_USE], state)
    stop = tuple(name for name in names if name in running)
    return Plan(stop=stop, start=names, run=services.in_order({*running, *names}))


def back(record: Record, state: EdgeState) -> Plan:
    """Assigns again what was assigned, and starts everything that ran before."""
    uses = {
        use: Both(state.current(use), both.before)
        for use, both in record.uses.items()
        if both.before and state.current(use) != both.before
    }
    blocked = [f"{use}: {why}" for use, both in uses.items() if (why := why_no_way_back(str(both.after), state))]
    names = services.affected(uses, state.services)
    stop = cs.not_stopped(names, state.services)
    run = services.in_order({*record.services, *names, *services.running(state.services)})
    down = cs.not_running(run, state.services)
    if blocked:
        return Plan(uses=uses, start=down, run=run, blocked=tuple(blocked))
    start = services.in_order({*stop, *down})
    changes = tuple(
        Change("assign", use, describe(both.before, state), describe(both.after, state),
               (assign_call(use, str(both.after)),))
        for use, both in uses.items()
    )  # fmt: skip
    return Plan(uses=uses, stop=stop, changes=changes, start=start, run=run)
