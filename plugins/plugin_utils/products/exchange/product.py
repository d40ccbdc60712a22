# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange Server 2010 to SE and Edge Transport, behind the products' interface. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ...findings.entry import Entry
from ...findings.finding import finding
from ...findings.problem import Problem
from ...plain import loosely
from ...stores.store import label
from ...windows.calls import Call, Kind, Reply
from ..interface import Asks, Product, Seen
from ..values import NO_EMERGENCY, RUNNING, STOPPED, ArrayPlan, Both, Context, Depth, Emergency, Plan, Record
from . import back, events, plan
from .asking import ExchangeAsks
from .catalogue import EXCHANGE
from .cmdlets import CMDLETS
from .judging import Judging
from .names import same_name
from .own import ExchangeOwn, give
from .reading import Reading
from .rows import SHELLS, server_calls
from .services import DEFAULT
from .state import SERVICES, STAGE, ExchangeState, server_name


class Exchange(Reading, Judging):
    """The product."""

    name: str = "exchange"
    title: str = "Exchange server"
    rolls: bool = True
    uses: tuple[str, ...] = SERVICES
    outside: frozenset[str] = frozenset({"IIS", "POP", "IMAP"})
    inside: frozenset[str] = frozenset()
    front: str = "IIS"
    services_of: Mapping[str, tuple[str, ...]] = plan.SERVICES
    readers: tuple[str, ...] = ()
    """Who has to read a key depends on the services that its certificate has: Exchange's own check tells."""
    cmdlets: Mapping[str, Kind] = CMDLETS
    ways: Mapping[str, bool] = {way: way.endswith(":session") for way in SHELLS.values()}
    shells: tuple[str, ...] = tuple(SHELLS)
    event_log: str = events.LOG
    event_sources: tuple[str, ...] = events.SOURCES
    catalogue: Mapping[str, Entry] = EXCHANGE
    checks: frozenset[str] = frozenset({"reachable", "store", "key", "chain", "tls", "product", "wire", "events"})
    asks: Asks = ExchangeAsks()
    key_store: str = STAGE
    """My is live: a key waits where no service looks."""
    succeeds: str = ""
    succession: str = ""
    by_hand: str = "Get-ExchangeCertificate"
    restartable: tuple[str, ...] = SERVICES
    wildcards: bool = True

    def own(self, options: Mapping[str, Any]) -> ExchangeOwn:
        """Services, default SMTP certificate, names, the way to the cmdlets."""
        own = loosely(ExchangeOwn, options, "rollout_")
        if own.shell not in SHELLS:
            raise ValueError(f"rollout_shell: expected one of {', '.join(SHELLS)}, found {own.shell!r}")
        return own

    def give(self, bundles: Sequence[str], own: ExchangeOwn) -> Mapping[str, str]:
        """One certificate for all services."""
        return give(bundles, own)

    def load(self, own: ExchangeOwn, depth: Depth = "whole") -> tuple[str, ...]:
        """The way to the cmdlets; what is looked at when the journal is closed needs none."""
        return () if depth == "closing" else (SHELLS[own.shell],)

    # -- changing --------------------------------------------------------------------------------------------------

    def switch(self, state: ExchangeState, context: Context) -> Plan:
        """Copied to My and enabled."""
        thumbprints = {use: leaf.thumbprint for use, leaf in context.wanted.uses.items()}
        planned = plan.switch(context, self.serves(state, thumbprints), state)
        return plan.brought_up(planned, state, context.ran) if context.emergency else planned

    def back(self, record: Record, state: ExchangeState, context: Context) -> Plan:
        """Bindings, names and the default SMTP certificate as they were, and the certificate out of My."""
        return back.plan_of(record, state)

    def no_way_back(self, thumbprint: str | None, use: str, state: ExchangeState, window: timedelta) -> str:
        """Expired within the window, or gone."""
        if not thumbprint:
            return "the web site has no certificate today" if use == "IIS" else ""
        return back.no_way_back(thumbprint, replace(state, clock=state.clock + window))

    def left(self, plan: Plan, state: ExchangeState) -> tuple[str, ...]:
        """Connectors that show another name; what services lack is in the plan over the new state."""
        wrong = (
            connector.subject
            for connector in state.connectors
            if (both := plan.settings.get(connector.subject)) is not None
            and not same_name(connector.certificate_name, both.after)
        )
        return tuple(f"{subject} shows another name" for subject in wrong)

    def hurt(self, plan_: Plan, before: Mapping[str, str | None], state: ExchangeState) -> Problem | None:
        """The default SMTP certificate and the binding of port 444 are what they were."""
        now = self.settings(state)
        old, new = before.get(DEFAULT), now[DEFAULT]
        moves = plan_.settings.get(DEFAULT, Both(old, old)).after != old
        if old and not moves and new != old:
            text = (
                f"the {DEFAULT} was {old} and is {new}; give it back: "
                f"Enable-ExchangeCertificate -Thumbprint {old} -Services SMTP -Force"
            )
            return Problem("exchange.default-smtp-changed", DEFAULT, text)
        was, then = before.get(plan.PORT_444), now[plan.PORT_444]
        if was != then:
            text = f"{plan.PORT_444} was bound to {was or 'nothing'} and is bound to {then or 'nothing'}"
            return Problem("exchange.default-smtp-changed", plan.PORT_444, text)
        return None

    def mine(self, state: ExchangeState, context: Context) -> Mapping[str, Any]:
        """Send connectors that are to be renamed after the last member."""
        order = plan.order_in(context, state)
        leaf = next(iter(context.wanted.uses.values()), None)
        return {"send": plan.plain_renames(plan.send_renames(order, leaf, state))}

    def labels(self, state: ExchangeState) -> Mapping[str, str]:
        """Of everything in My."""
        return {c.certificate.thumbprint: label(c.certificate) for c in state.stores.machine("My")}

    def cancel(self, use: str, previous: str) -> Plan:
        """Nothing is ever scheduled."""
        return Plan(blocked=("nothing waits for an instant on an Exchange server",))

    def settle(self, seen: Seen) -> Plan:
        """Nothing is ever scheduled."""
        return Plan(blocked=("nothing waits for an instant on an Exchange server",))

    def stop(self, names: Sequence[str], graceful: bool) -> tuple[Call, ...]:
        """At once: who is sent elsewhere before is the load balancer's matter."""
        return (Call("stop", "Set-ServiceState", {"Names": list(reversed(names)), "Status": STOPPED}),) if names else ()

    def wait(self, names: Sequence[str], seconds: float) -> tuple[Call, ...]:
        """Stopping waits by itself."""
        return ()

    def start(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Each to its end."""
        return (Call("start", "Set-ServiceState", {"Names": list(names), "Status": RUNNING}),) if names else ()

    def restart(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Stops all, then starts all: POP and IMAP take a new certificate when both of their services start (Microsoft,
        Configure POP3)."""
        return (*self.stop(names, False), *self.start(names))

    def status(self) -> tuple[Call, ...]:
        """Windows' own."""
        return server_calls()

    def statuses(self, reply: Reply) -> Mapping[str, str]:
        """Service -> status."""
        return {str(row["Name"]): str(row.get("Status") or "") for row in reply.rows("services")}

    # -- the array -------------------------------------------------------------------------------------------------

    def array(
        self, name: str, members: Mapping[str, Seen], own: ExchangeOwn, emergency: Emergency = NO_EMERGENCY
    ) -> ArrayPlan:
        """Send connectors: renamed last, when all their source servers hold the certificate.

        The last member that is switched does it along with its switch, since all others hold the certificate by then;
        where nobody is switched any more it is a step of its own. Another server than the array's may not hold the new
        certificate, and the name would be taken without an error: such a connector is left alone.
        """
        computers = {seen.computer.upper() for seen in members.values()}
        switched = [member for member, seen in members.items() if not seen.plan.empty]
        seeing = [member for member, seen in members.items() if seen.own.get("send")]
        first = next((m for m in reversed(switched) if m in seeing), next(iter(seeing), None))
        if first is None:
            return ArrayPlan()
        names: list[Mapping[str, Any]] = []
        found = []
        for row in members[first].own["send"]:
            others = [source for source in row["sources"] if server_name(source) not in computers]
            if others:
                text = (
                    f"sends from {', '.join(others)} as well, which is no member of {name}; it keeps "
                    f"{row['before']}, which ends with the old certificate"
                )
                found.append(finding("exchange.connector-elsewhere", name, f"Send connector {row['name']}", text))
            else:
                names.append(row)
        if not names:
            return ArrayPlan(tuple(found))
        note = f"Send connectors to rename last, on {first}: {', '.join(str(row['name']) for row in names)}"
        if switched and first == switched[-1]:
            return ArrayPlan(tuple(found), plans={first: plan.along(members[first], names)}, note=note)
        changes, settings = plan.renaming(names, members[first].computer)
        title = "Rename the Send connectors on"
        return ArrayPlan(
            tuple(found), after={first: Plan(settings=settings, last=changes)}, after_title=title, note=note
        )

    def mixed(self, finding_id: str) -> bool:
        """Servers do not share keys with each other."""
        return False


PRODUCT: Product[ExchangeState] = Exchange()
