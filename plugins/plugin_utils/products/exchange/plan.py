# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch takes on an Exchange server, and what is left for after the last one. Pure.

My is live on Exchange, so nothing goes there before the switch: the key waits in a store of the collection's own. The
switch is one document: rights on the key, the copy to My, this server's Receive connectors, the services, the default
SMTP certificate put back, POP and IMAP restarted, IIS, and, on the last member, the Send connectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...pki.certificate import Certificate
from ...stores.store import Change
from ...stores.wanted import Wanted
from ...windows.calls import Call
from ..interface import Seen
from ..values import RUNNING, Both, Context, Plan
from . import back, check
from .names import Rename, change_of, renames
from .own import ExchangeOwn
from .services import DEFAULT, MOVE, ServiceOrder, describe, enable_call, missing, plan_services
from .state import BACK_END, RESTART, TRANSPORT, Connector, ExchangeState

SERVICES = {**RESTART, "SMTP": ("MSExchangeFrontEndTransport", TRANSPORT)}
"""Service of a certificate -> the Windows services that hold it."""
PORT_444 = "port 444 (Exchange Back End)"
IIS_RESET = "restart"
"""Kind of the change that restarts IIS."""


def order_for(own: ExchangeOwn, wanted: Wanted) -> ServiceOrder | None:
    """What the run wants of a server that has these uses."""
    if not wanted.uses:
        return None
    names = {"POP": own.pop_name, "IMAP": own.imap_name}
    key = next(iter(wanted.keys), None)
    return ServiceOrder(
        thumbprint=next(iter(wanted.uses.values())).thumbprint,
        services=tuple(wanted.uses),
        default_smtp=own.default_smtp if "SMTP" in wanted.uses else None,
        require_ssl=own.require_ssl,
        names={protocol: name for protocol, name in names.items() if name and protocol in wanted.uses},
        exportable=key.exportable if key else True,
        friendly_name=key.friendly_name if key else None,
    )


def order_in(context: Context, state: ExchangeState) -> ServiceOrder | None:
    """What the run wants of this server as it is: in an emergency a default SMTP certificate that is replaced, has
    expired or is gone moves along, whatever was set. Kept, the one would stay in use and the other serve nobody."""
    order = order_for(context.own, context.wanted)
    if order is None or not context.emergency or order.moves or "SMTP" not in order.services:
        return order
    return replace(order, default_smtp=MOVE) if moves_along(order, context, state) else order


def moves_along(order: ServiceOrder, context: Context, state: ExchangeState) -> bool:
    """Whether the default SMTP certificate must not stay what it is."""
    if state.default_smtp in (None, order.thumbprint):
        return False
    entry = state.entry(state.default_smtp)
    if entry is None or entry.key is None or entry.certificate.not_after <= state.clock:
        return True
    keys = {old.spki_sha256 for old in check.replaced(order, next(iter(context.wanted.uses.values())), state)}
    return entry.certificate.spki_sha256 in keys


def brought_up(plan: Plan, state: ExchangeState, ran: Iterable[str]) -> Plan:
    """The plan with everything started that ran before a change that is not over, and is down."""
    down = tuple(s for s in ran if state.server.services.get(s, RUNNING) != RUNNING)
    return replace(plan, start=(*plan.start, *down), run=(*plan.run, *down)) if down else plan


def changes_for(order: ServiceOrder, leaf: Certificate, state: ExchangeState) -> tuple[Change, ...]:
    """The changes on this server.

    A Receive connector belongs to this server alone, so it is renamed as soon as the certificate lies in My: until
    then, and not a moment longer, its name finds the old one.
    """
    changes = plan_services(order, state)
    if "SMTP" not in order.services:
        return changes
    old = check.replaced(order, leaf, state)
    receive = [change_of(rename, state.server.computer) for rename in renames("receive", leaf, old, state)]
    at = next((i for i, change in enumerate(changes) if change.kind == "enable"), len(changes))
    return (*changes[:at], *receive, *changes[at:])


def send_renames(order: ServiceOrder | None, leaf: Certificate | None, state: ExchangeState) -> tuple[Rename, ...]:
    """Send connectors of the organization that have to be renamed after the last member."""
    if order is None or leaf is None or "SMTP" not in order.services:
        return ()
    return renames("send", leaf, check.replaced(order, leaf, state), state)


def switch(
    context: Context,
    serves: Mapping[str, str],
    state: ExchangeState,
) -> Plan:
    """Gives the certificate its services. Empty when it has them and every setting is as wanted.

    What a rollout that has not ended recorded counts: it may have been cut off between the call that moves the default
    SMTP certificate along and the one that gives it back.
    """
    own, wanted, recorded = context.own, context.wanted, context.recorded
    order = order_in(context, state)
    if order is None:
        return Plan()
    leaf = next(iter(wanted.uses.values()))
    kept = None if order.moves else recorded.get(DEFAULT, back.NOTHING).after
    moved = kept is not None and kept != state.default_smtp and not back.no_way_back(kept, state)
    changes = changes_for(order, leaf, state)
    if moved:
        calls = (enable_call("default-kept", str(kept), ["SMTP"], True, state),)
        now, then = describe(state.default_smtp, state), describe(kept, state)
        changes = (*changes, Change("default-kept", DEFAULT, now, then, calls))
    if not changes:
        return Plan()
    uses = missing(order, state) or order.services
    touched = back.to_record(order.thumbprint, changes, state)
    settings = {name: Both(*values) for name, values in touched.items()}
    settings |= {DEFAULT: Both(state.default_smtp, kept)} if moved else {}
    bound = ", ".join(state.bound(BACK_END))
    settings |= {PORT_444: Both(bound, bound)} if bound else {}
    restart = tuple(restarted(uses, own.restart, state.server.services))
    return Plan(
        uses={use: Both(serves.get(use), order.thumbprint) for use in uses},
        settings=settings,
        changes=changes,
        restart=restart,
        run=restart,
        last=iis_reset(uses, own.restart, state.server.services),
    )


def restarted(uses: Iterable[str], restart: Sequence[str], running: Mapping[str, str]) -> Iterable[str]:
    """Windows services that run and go on with the old certificate until they are started again; IIS apart."""
    named = [use for use in uses if use in restart and use != "IIS"]
    services = [service for use in named for service in SERVICES.get(use, ())]
    return (service for service in dict.fromkeys(services) if running.get(service) == RUNNING)


def iis_reset(uses: Iterable[str], restart: Sequence[str], running: Mapping[str, str]) -> tuple[Change, ...]:
    """IIS, where the user wants it restarted."""
    if "IIS" not in uses or "IIS" not in restart or "W3SVC" not in running:
        return ()
    return (Change(IIS_RESET, "IIS", "", "restarted", (Call("iis", "Invoke-IisReset"),)),)


def renaming(connectors: Iterable[Mapping[str, Any]], computer: str) -> tuple[tuple[Change, ...], dict[str, Both]]:
    """The changes that rename Send connectors, and what the journal has to keep of them.

    ``connectors``: as :func:`plain_renames` made them."""
    changes, settings = [], {}
    for row in connectors:
        connector = Connector("send", str(row["name"]), "", row["before"], "")
        changes.append(change_of(Rename(connector, str(row["after"])), computer))
        settings[connector.subject] = Both(row["before"], str(row["after"]))
    return tuple(changes), settings


def plain_renames(found: Iterable[Rename]) -> list[dict[str, Any]]:
    """Renames as plain data, for the evidence."""
    return [
        {
            "name": r.connector.name,
            "before": r.connector.certificate_name,
            "after": r.name,
            "sources": list(r.connector.sources),
        }
        for r in found
    ]


def along(seen: Seen, connectors: Sequence[Mapping[str, Any]]) -> Plan:
    """The member's own plan with Send connectors renamed at its end, or only that where it has none."""
    changes, settings = renaming(connectors, seen.computer)
    return replace(seen.plan, last=(*seen.plan.last, *changes), settings={**seen.plan.settings, **settings})
