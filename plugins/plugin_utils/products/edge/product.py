# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge pools of Lync Server 2013 and Skype for Business Server, behind the products' interface. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ...findings.entry import Entry
from ...findings.finding import Finding, finding
from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...plain import loosely
from ...stores.eventlog import events_from_rows
from ...stores.presented import presented_in, windows_version
from ...stores.store import NETWORK_SERVICE, read_calls, test_calls
from ...stores.wanted import Wanted
from ...windows.calls import Call, Kind, Reply
from ..interface import ArrayPlan, Ask, Asks, Confirmed, Context, Depth, Plan, Record, Roll, Scheduled, Seen, Unread
from . import events, judge, plan, roll, services
from .asking import EdgeAsks
from .catalogue import EDGE
from .cmdlets import CMDLETS
from .facts import uses_call
from .own import EdgeOwn, give
from .state import (
    AV_USE,
    EXTERNAL_USES,
    INTERNAL_USE,
    STANDING_FIELDS,
    USES,
    EdgeState,
    assignments_call,
    assignments_from,
    calls,
    describe,
    state_from,
)

LOAD = ("lync",)
NEEDED = {
    "stores": "certificate stores",
    "keys": "private keys",
    "access": "rights on private keys",
    "assignments": "certificates in use (Get-CsCertificate)",
    "services": "services (Get-CsWindowsService)",
}
"""Reads without which nothing can be concluded: what they would have said is unknown, not absent."""


class Edge:
    """The product."""

    name: str = "edge"
    title: str = "Edge server"
    uses: tuple[str, ...] = USES
    outside: frozenset[str] = frozenset(EXTERNAL_USES)
    inside: frozenset[str] = frozenset({INTERNAL_USE})
    front: str = EXTERNAL_USES[0]
    services_of: Mapping[str, tuple[str, ...]] = services.SERVICES_OF_USE
    readers: tuple[str, ...] = (NETWORK_SERVICE,)
    cmdlets: Mapping[str, Kind] = CMDLETS
    ways: Mapping[str, bool] = dict.fromkeys(LOAD, False)
    shells: tuple[str, ...] = ()
    event_log: str = events.LOG
    event_sources: tuple[str, ...] = events.SOURCES
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

    def load(self, own: EdgeOwn, depth: Depth = "whole") -> tuple[str, ...]:
        """The module of Lync or Skype for Business."""
        return LOAD

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """Stores, assignments, services and events; behind a change only what it changed."""
        since = ask.since or datetime.min.replace(tzinfo=timezone.utc)
        if depth == "whole":
            return calls(ask.leaves, since)
        if depth == "verify":
            return (*calls((), since), *(replace(call, optional=True) for call in test_calls(None)))
        small = (assignments_call(STANDING_FIELDS), services.status_call())
        return small if ask.since is None else (*small, events.read_call(ask.since))

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys of My."""
        return test_calls(leaves, store)

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Stores and keys."""
        return read_calls(thumbprints=leaves)

    def see(self, reply: Reply, received: datetime) -> EdgeState:
        """The state of a whole read. Raises Unread for a read that failed and that everything rests on."""
        for call, what in NEEDED.items():
            answer = reply.answers.get(call)
            if answer is not None and answer.error is not None:
                said = f"{answer.error.message} ({answer.error.fqid})"
                if reply.host.load_error and call in ("assignments", "services"):
                    remedy = finding("product.not-loaded").remedy
                    said = (
                        f"{reply.host.load_error.rstrip('.')}. {remedy} Where these are Exchange servers, say so: -e "
                        "rollout_product=exchange"
                    )
                raise Unread(f"its {what} could not be read, so nothing is known of it: {said}")
        names = ("stores", "keys", "access", "assignments", "services", "av", "version", "events")
        rows = {name: reply.rows(name) for name in names}
        windows = windows_version(reply.host.windows)
        return state_from(rows, reply.host.clock or received, windows, presented_in(reply.rows("presented")))

    def remembering(self, state: EdgeState, given: Mapping[str, frozenset[str]]) -> EdgeState:
        """Get-CsCertificate tells by itself."""
        return state

    def glance(self, reply: Reply, received: datetime) -> EdgeState | None:
        """Assignments and services."""
        rows = {name: reply.rows(name) for name in ("assignments", "services", "events")}
        return state_from(rows, reply.host.clock or received, (), {})

    def version(self, state: EdgeState) -> tuple[str, str]:
        """By the file version of RTCSRV."""
        return state.product, state.version

    def offers(self, state: EdgeState) -> tuple[str, ...]:
        """Every Edge server has every use."""
        return USES

    def assigned(self, state: EdgeState) -> Mapping[str, tuple[str, ...]]:
        """One certificate a use."""
        return {use: (thumbprint,) for use, thumbprint in state.assigned().items()}

    def serves(self, state: EdgeState, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """What Get-CsCertificate shows in force."""
        return state.assigned()

    def settings(self, state: EdgeState) -> Mapping[str, str | None]:
        """There are none beside the uses."""
        return {}

    def pending(
        self, state: EdgeState, wanted: Mapping[str, str], confirmed: Confirmed | None
    ) -> Mapping[str, Scheduled]:
        """A/V authentication."""
        thumbprint = wanted.get(AV_USE)
        if thumbprint is None:
            return {}
        recorded = roll.Recorded(confirmed.thumbprint, confirmed.instant, confirmed.previous) if confirmed else None
        now = roll.standing(thumbprint, state, recorded)
        ends, seconds = _ends(state), state.token_lifetime.total_seconds()
        return {AV_USE: Scheduled(thumbprint, now.state, now.instant, now.previous, ends, seconds)}

    def services(self, state: EdgeState) -> Mapping[str, str]:
        """By Get-CsWindowsService."""
        return state.services

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """Shared session keys, and errors that name a serial number of ours."""
        found: list[Problem] = []
        if since is not None:
            seen = events_from_rows(reply.rows("events"))
            found += events.problems(seen, leaves, since)
        unread = events.unreadable(reply.answers.get("events"))
        return (*found, *([unread] if unread is not None else []))

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """Which uses have which certificate."""
        return uses_call(now)

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """Each use once."""
        return tuple(dict.fromkeys(assignment.use for assignment in assignments_from(reply.rows("assignments"))))

    # -- judging ---------------------------------------------------------------------------------------------------

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        """One certificate inside and outside is most likely a mistake of copying."""
        return judge.shared_internal(wanted)

    def judge(self, state: EdgeState, context: Context) -> Iterable[Problem]:
        """Names, wildcards, hashes and dates."""
        yield from judge.use_problems(context.wanted, state, context.names)
        yield from judge.leaf_problems(context.wanted, state)

    def down(self, uses: Iterable[str], services_: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """A service that does not run now would be blamed on the switch later."""
        return services.problems(uses, services_, ran)

    def check(self, member: str, state: EdgeState) -> Iterable[Finding]:
        """Every use has a certificate that is there."""
        yield from judge.assignments(member, state)

    def others(self, state: EdgeState) -> Mapping[str, str]:
        """An Edge server has none."""
        return {}

    def successor(self, state: EdgeState) -> Confirmed | None:
        """Of A/V authentication."""
        shown = state.scheduled(AV_USE)
        if shown is None or shown.effective is None:
            return None
        return Confirmed(shown.thumbprint, shown.effective, shown.previous)

    def baseline(self, member: str, state: EdgeState, context: Context, switches: bool) -> Iterable[Finding]:
        """``rollout_av: auto`` and a certificate of its own."""
        return judge.av_findings(member, context.own, context.wanted, state)

    # -- changing --------------------------------------------------------------------------------------------------

    def switch(self, state: EdgeState, context: Context) -> Plan:
        """Everything but A/V authentication."""
        return plan.switch(context.wanted, state)

    def back(self, record: Record, state: EdgeState, context: Context) -> Plan:
        """What the journal says was assigned."""
        return plan.back(record, state)

    def no_way_back(self, thumbprint: str | None, use: str, state: EdgeState, window: timedelta) -> str:
        """Expired within the window, or gone."""
        if not thumbprint:
            return ""
        return judge.why_no_way_back(thumbprint, replace(state, clock=state.clock + window), bool(window))

    def left(self, plan: Plan, state: EdgeState) -> tuple[str, ...]:
        """Uses that show another certificate."""
        wrong = {use: state.current(use) for use, both in plan.uses.items() if state.current(use) != both.after}
        return tuple(f"{use}: {now}" for use, now in wrong.items())

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
        return (services.status_call(),)

    def statuses(self, reply: Reply) -> Mapping[str, str]:
        """Service -> status."""
        return services.statuses(reply.rows("services"))

    # -- the array -------------------------------------------------------------------------------------------------

    def array(self, name: str, members: Mapping[str, Seen], own: EdgeOwn) -> ArrayPlan:
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


def _ends(state: EdgeState) -> datetime | None:
    """When the A/V authentication certificate in force expires: by the store, else by the product's word."""
    old = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == state.current(AV_USE)), None)
    if old is not None:
        return old.certificate.not_after
    return next((a.not_after for a in state.assignments if a.use == AV_USE and a.not_after), None)


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


PRODUCT = Edge()
