# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge pools of Lync Server 2013 and Skype for Business Server, behind the products' interface. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ...findings.entry import Entry
from ...findings.finding import Finding, finding
from ...findings.problem import Problem
from ...plain import loosely
from ...windows.calls import Call, Kind
from ..cs.services import status_call
from ..interface import Asks, Product, Seen
from ..values import NO_EMERGENCY, ArrayPlan, Context, Emergency, Plan, Record, Roll
from . import judge, plan, roll, services
from .asking import EdgeAsks
from .catalogue import EDGE
from .cmdlets import CMDLETS
from .judging import Judging
from .own import EdgeOwn, give
from .reading import Reading
from .state import (
    AV_USE,
    EXTERNAL_USES,
    INTERNAL_USE,
    USES,
    EdgeState,
    describe,
)


class Edge(Reading, Judging):
    """The product."""

    name: str = "edge"
    title: str = "Edge server"
    rolls: bool = True
    uses: tuple[str, ...] = USES
    outside: frozenset[str] = frozenset(EXTERNAL_USES)
    inside: frozenset[str] = frozenset({INTERNAL_USE})
    front: str = EXTERNAL_USES[0]
    services_of: Mapping[str, tuple[str, ...]] = services.SERVICES_OF_USE
    cmdlets: Mapping[str, Kind] = CMDLETS
    catalogue: Mapping[str, Entry] = EDGE
    checks: frozenset[str] = frozenset(
        {"reachable", "store", "key", "chain", "tls", "product", "wire", "events", "roll"}
    )
    asks: Asks = EdgeAsks()
    key_store: str = "My"
    """Only assigned thumbprints matter there."""
    succeeds: str = AV_USE
    succession: str = "A/V authentication"
    restartable: tuple[str, ...] = ()
    wildcards: bool = False

    def own(self, options: Mapping[str, Any]) -> EdgeOwn:
        """``rollout_av`` and what the roll needs."""
        return loosely(EdgeOwn, options, "rollout_")

    def give(self, bundles: Sequence[str], own: EdgeOwn) -> Mapping[str, str]:
        """External, A/V authentication, internal."""
        return give(bundles, own)

    # -- changing --------------------------------------------------------------------------------------------------

    def switch(self, state: EdgeState, context: Context) -> Plan:
        """Everything but A/V authentication."""
        planned = plan.switch(context.wanted, state)
        if not context.emergency:
            return planned
        return plan.brought_up(planned, context.wanted.uses, state.services, context.ran)

    def back(self, record: Record, state: EdgeState, context: Context) -> Plan:
        """What the journal says was assigned."""
        return plan.back(record, state)

    def no_way_back(self, thumbprint: str | None, use: str, state: EdgeState, window: timedelta) -> str:
        """Expired within the window, or gone."""
        if not thumbprint:
            return ""
        return judge.why_no_way_back(thumbprint, replace(state, clock=state.clock + window), bool(window))

    def left(self, plan: Plan, state: EdgeState) -> tuple[str, ...]:
        """Uses that show another certificate, and a successor that waits though its use was replaced at once."""
        wrong = {use: state.current(use) for use, both in plan.uses.items() if state.current(use) != both.after}
        waiting = state.scheduled(AV_USE) if AV_USE in plan.uses else None
        still = (f"{AV_USE}: {waiting.thumbprint} still waits for its instant",) if waiting is not None else ()
        return (*(f"{use}: {now}" for use, now in wrong.items()), *still)

    def hurt(self, plan: Plan, before: Mapping[str, str | None], state: EdgeState) -> Problem | None:
        """There is nothing beside the uses."""
        return None

    def mine(self, state: EdgeState, context: Context) -> Mapping[str, Any]:
        """Nothing beside the evidence."""
        return {}

    def labels(self, state: EdgeState) -> Mapping[str, str]:
        """Of everything in My."""
        return {c.certificate.thumbprint: describe(c.certificate.thumbprint, state) for c in state.stores.machine("My")}

    def cancel(self, use: str, previous: str) -> Plan:
        """The certificate in force is assigned once more."""
        return plan.cancel(previous)

    def settle(self, seen: Seen) -> Plan:
        """A/V authentication is restarted."""
        return plan.settle(seen.services)

    def stop(self, names: Sequence[str], graceful: bool) -> tuple[Call, ...]:
        """Stop-CsWindowsService."""
        return services.stop_calls(names, graceful=graceful)

    def wait(self, names: Sequence[str], seconds: float) -> tuple[Call, ...]:
        """On the member, for a few seconds."""
        return (services.wait_call(names, seconds),)

    def start(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Start-CsWindowsService."""
        return services.start_calls(names)

    def restart(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Nothing is restarted without being drained."""
        return ()

    def status(self) -> tuple[Call, ...]:
        """Get-CsWindowsService."""
        return (status_call(),)

    # -- the array -------------------------------------------------------------------------------------------------

    def array(
        self, name: str, members: Mapping[str, Seen], own: EdgeOwn, emergency: Emergency = NO_EMERGENCY
    ) -> ArrayPlan:
        """The roll of A/V authentication: one instant for all, or none."""
        found = list(_differs(name, members))
        standings = {
            member: roll.Standing(at.state, at.instant, at.previous)
            for member, seen in members.items()
            if (at := seen.pending.get(AV_USE)) is not None
        }
        if not standings:
            return ArrayPlan(tuple(found))
        ends = [at.ends for seen in members.values() if (at := seen.pending.get(AV_USE)) and at.ends]
        outlive = max(at.outlive for seen in members.values() if (at := seen.pending.get(AV_USE)))
        decision = roll.decide(
            standings,
            now=max(seen.clock for seen in members.values()),
            old_not_after=min(ends, default=None),
            token_lifetime=timedelta(seconds=outlive),
            hours_ahead=own.roll_hours,
            at=own.roll_instant,
            allow_call_drop=own.allow_call_drop,
            emergency=emergency,
        )
        if decision.action == "stop":
            found.append(finding(decision.id, name, AV_USE, decision.text, severity="error"))
        at_once = decision.members if decision.action == "replace" else ()
        before = {}
        if decision.action == "roll" and decision.instant is not None:
            before = {m: plan.rolling(members[m].pending[AV_USE], decision.instant) for m in decision.members}
        plans = {
            m: plan.with_replaced(
                members[m].plan, members[m].assigned.get(AV_USE), members[m].pending[AV_USE], members[m].services,
                members[m].labels,
            )
            for m in at_once
        }  # fmt: skip
        what = Roll(decision.action, AV_USE, decision.instant, decision.members, decision.text)
        return ArrayPlan(tuple(found), plans, what, before)

    def mixed(self, finding_id: str) -> bool:
        """A shared-session-key event asks to "ensure that all servers in the array have the same certificate": that is
        true again after the last member, and from then on the event counts."""
        return finding_id == "event.session-key"


def _differs(name: str, members: Mapping[str, Seen]) -> Iterable[Finding]:
    """Members that already differ in what they use for A/V authentication, before anything was done."""
    wanted = next((seen.wanted[AV_USE] for seen in members.values() if AV_USE in seen.wanted), None)
    av = {member: seen.assigned.get(AV_USE) for member, seen in members.items()}
    if len(set(av.values())) > 1 and wanted not in av.values():
        listed = ", ".join(f"{member}: {thumbprint or 'none'}" for member, thumbprint in av.items())
        text = (
            f"the members already use different A/V authentication certificates ({listed}); tokens of "
            f"one are refused by the other"
        )
        yield finding("array.thumbprint-differs", name, AV_USE, text, severity="warning")


PRODUCT: Product[EdgeState] = Edge()
