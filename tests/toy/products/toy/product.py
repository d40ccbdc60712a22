# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A toy server behind the products' interface: the smallest product that has everything. Pure.

Two uses, each with a service that takes its certificate when it starts; a setting that must not move; a directory that
one member tells, last of all, which certificate the array has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ...findings.entry import Entry
from ...findings.finding import Finding, finding
from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...plain import loosely
from ...stores.store import NETWORK_SERVICE, label, read_calls, test_calls
from ...stores.wanted import Wanted
from ...windows.calls import Call, Kind, Reply
from ..interface import Asks, Seen, Unread
from ..values import (
    NO_EMERGENCY,
    RUNNING,
    STOPPED,
    Address,
    ArrayPlan,
    Ask,
    Confirmed,
    Context,
    Depth,
    Emergency,
    Plan,
    Record,
    Scheduled,
)
from . import plan
from .catalogue import TOY
from .cmdlets import CMDLETS
from .state import (
    CONSOLE,
    GREETING,
    NEEDED,
    PUBLISHED,
    RELAY,
    SERVICES,
    USES,
    ToyState,
    bindings_call,
    services_call,
    small_calls,
    state_from,
)


@dataclass(frozen=True)
class ToyOwn:
    """It has no option of its own."""


class ToyAsks:
    """Nothing is particular about a request."""

    renewal = "ansible-playbook renew_toy.yml"

    def refused(self, given: Mapping[str, Any]) -> Iterable[str]:
        return ()

    def refused_on_server(self, given: Mapping[str, Any]) -> Iterable[str]:
        yield "request_on: expected controller, found server: a toy server makes no request"

    def reached_by(self, info: Mapping[str, Any], use: str) -> tuple[Address, ...]:
        return ()

    def by_convention(self, name: str) -> bool:
        return False

    def notes(self, wanted: Sequence[str]) -> tuple[str, ...]:
        return ()

    def of_wildcard(self, name: str) -> tuple[str, ...]:
        return ()


class Toy:
    """The product. What each answers is said in the interface; here stands what is particular."""

    name: str = "toy"
    title: str = "Toy server"
    rolls: bool = True
    by_hand: str = "Get-ToyBinding"
    uses: tuple[str, ...] = USES
    outside: frozenset[str] = frozenset({RELAY})
    inside: frozenset[str] = frozenset({CONSOLE})
    front: str = RELAY
    services_of: Mapping[str, tuple[str, ...]] = SERVICES
    readers: tuple[str, ...] = (NETWORK_SERVICE,)
    cmdlets: Mapping[str, Kind] = CMDLETS
    ways: Mapping[str, bool] = {"toy": False}
    shells: tuple[str, ...] = ()
    event_log: str = "Toy Server"
    event_sources: tuple[str, ...] = ("Toy Relay",)
    catalogue: Mapping[str, Entry] = TOY
    checks: frozenset[str] = frozenset({"reachable", "store", "key", "chain", "tls", "product", "wire"})
    asks: Asks = ToyAsks()
    key_store: str = "My"
    succeeds: str = ""
    succession: str = ""
    restartable: tuple[str, ...] = ()
    wildcards: bool = True

    def own(self, options: Mapping[str, Any]) -> ToyOwn:
        return loosely(ToyOwn, options, "rollout_")

    def give(self, bundles: Sequence[str], own: ToyOwn) -> Mapping[str, str]:
        """One certificate for both uses."""
        if other := [name for name in bundles if name != "external"]:
            raise ValueError(f"rollout_bundles: toy servers take one, named external; found {', '.join(other)}")
        return dict.fromkeys(USES, "external") if bundles else {}

    def load(self, own: ToyOwn, depth: Depth = "whole") -> tuple[str, ...]:
        return () if depth == "closing" else ("toy",)

    # -- reading -------------------------------------------------------------------------------------------------------

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        if depth == "whole":
            return (*read_calls(thumbprints=ask.leaves), *small_calls())
        if depth == "verify":
            return (*read_calls(), *(replace(call, optional=True) for call in test_calls(None)), *small_calls())
        return small_calls() if depth == "after" else (services_call(),)

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        return test_calls(leaves, store)

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        return read_calls(thumbprints=leaves)

    def see(self, reply: Reply, received: datetime) -> ToyState:
        for call in NEEDED:
            answer = reply.answers.get(call)
            if answer is not None and answer.error is not None:
                said = reply.host.load_error or answer.error.message
                raise Unread(f"{call} could not be read, so nothing is known of it: {said}", "product.not-loaded")
        return state_from(reply, received)

    def remembering(self, state: ToyState, given: Mapping[str, frozenset[str]]) -> ToyState:
        return state

    def glance(self, reply: Reply, received: datetime) -> ToyState | None:
        return state_from(reply, received) if "bindings" in reply.answers else None

    def version(self, state: ToyState) -> tuple[str, str]:
        return "Toy Server", state.version

    def offers(self, state: ToyState) -> tuple[str, ...]:
        """A server may have no console."""
        return tuple(use for use in USES if use in state.bound)

    def assigned(self, state: ToyState) -> Mapping[str, tuple[str, ...]]:
        both = {use: dict.fromkeys((state.bound[use], state.held.get(use))) for use in state.bound}
        return {use: found for use in both if (found := tuple(one for one in both[use] if one))}

    def serves(self, state: ToyState, wanted: Mapping[str, str]) -> Mapping[str, str]:
        return {use: thumbprint for use in state.bound if (thumbprint := state.serves(use))}

    def settings(self, state: ToyState) -> Mapping[str, str | None]:
        return dict(state.settings)

    def pending(
        self, state: ToyState, wanted: Mapping[str, str], confirmed: Confirmed | None
    ) -> Mapping[str, Scheduled]:
        return {}

    def services(self, state: ToyState) -> Mapping[str, str]:
        return state.services

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        return ()

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        return (bindings_call(),)

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        return tuple(str(row["Use"]) for row in reply.rows("bindings"))

    # -- judging -------------------------------------------------------------------------------------------------------

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        return ()

    def judge(self, state: ToyState, context: Context) -> Iterable[Problem]:
        return ()

    def down(self, uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        for name in dict.fromkeys((*(name for use in uses for name in SERVICES[use]), *ran)):
            if services.get(name) != RUNNING:
                text = f"expected Running, found {services.get(name) or 'nothing'}"
                yield Problem("product.service-stopped", name, text)

    def check(self, member: str, state: ToyState) -> Iterable[Finding]:
        if state.settings.get(PUBLISHED) != state.bound.get(RELAY):
            text = f"the directory names {state.settings.get(PUBLISHED)}, the relay has {state.bound.get(RELAY)}"
            yield finding("toy.unpublished", member, PUBLISHED, text)

    def differs(self, use: str) -> str:
        """Each use has one certificate over the array."""
        return "array.thumbprint-differs"

    def others(self, state: ToyState) -> Mapping[str, str]:
        return {}

    def successor(self, state: ToyState) -> Confirmed | None:
        return None

    def baseline(self, member: str, state: ToyState, context: Context, switches: bool) -> Iterable[Finding]:
        return ()

    # -- changing ------------------------------------------------------------------------------------------------------

    def switch(self, state: ToyState, context: Context) -> Plan:
        return plan.switch(state, context)

    def back(self, record: Record, state: ToyState, context: Context) -> Plan:
        return plan.back(record, state)

    def no_way_back(self, thumbprint: str | None, use: str, state: ToyState, window: timedelta) -> str:
        return plan.no_way_back(thumbprint, replace(state, clock=state.clock + window)) if thumbprint else ""

    def left(self, plan: Plan, state: ToyState) -> tuple[str, ...]:
        wrong = (use for use, both in plan.uses.items() if not state.has(use, both.after))
        settings = (name for name, both in plan.settings.items() if state.settings.get(name) != both.after)
        return (*wrong, *settings)

    def hurt(self, plan: Plan, before: Mapping[str, str | None], state: ToyState) -> Problem | None:
        """The greeting is what it was, or what the plan gives back."""
        kept = plan.settings[GREETING].after if GREETING in plan.settings else before.get(GREETING)
        if state.settings.get(GREETING) == kept:
            return None
        text = f"the greeting was {kept!r} and is {state.settings.get(GREETING)!r}"
        return Problem("toy.greeting-moved", GREETING, text)

    def mine(self, state: ToyState, context: Context) -> Mapping[str, Any]:
        return {PUBLISHED: state.settings.get(PUBLISHED)}

    def labels(self, state: ToyState) -> Mapping[str, str]:
        return {c.certificate.thumbprint: label(c.certificate) for c in state.stores.machine("My")}

    def cancel(self, use: str, previous: str) -> Plan:
        return Plan(blocked=("nothing waits for an instant on a toy server",))

    def settle(self, seen: Seen) -> Plan:
        return Plan(blocked=("nothing waits for an instant on a toy server",))

    def stop(self, names: Sequence[str], graceful: bool) -> tuple[Call, ...]:
        return (Call("stop", "Set-ServiceState", {"Names": list(names), "Status": STOPPED}),) if names else ()

    def start(self, names: Sequence[str]) -> tuple[Call, ...]:
        return (Call("start", "Set-ServiceState", {"Names": list(names), "Status": RUNNING}),) if names else ()

    def restart(self, names: Sequence[str]) -> tuple[Call, ...]:
        return (*self.stop(names, False), *self.start(names))

    def wait(self, names: Sequence[str], seconds: float) -> tuple[Call, ...]:
        return ()

    def status(self) -> tuple[Call, ...]:
        return (services_call(),)

    def statuses(self, reply: Reply) -> Mapping[str, str]:
        return {str(row["Name"]): str(row.get("Status") or "") for row in reply.rows("services")}

    # -- the array -----------------------------------------------------------------------------------------------------

    def array(
        self, name: str, members: Mapping[str, Seen], own: ToyOwn, emergency: Emergency = NO_EMERGENCY
    ) -> ArrayPlan:
        """The last member publishes, once all have the certificate."""
        for member, seen in reversed(list(members.items())):
            wanted, now = seen.wanted.get(RELAY), seen.own[PUBLISHED]
            if wanted not in (None, now):
                return ArrayPlan(after={member: plan.publish(now, str(wanted))}, note=f"published last, by {member}")
        return ArrayPlan()

    def mixed(self, finding_id: str) -> bool:
        return False


PRODUCT = Toy()
