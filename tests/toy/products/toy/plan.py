# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch, the way back and the step over the array take on a toy server. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...stores.store import NETWORK_SERVICE, Change, label
from ...windows.calls import Call
from ..values import RUNNING, Both, Context, Plan, Record
from .state import GREETING, PUBLISHED, SERVICES, ToyState

NOTHING = Both(None, None)


def switch(state: ToyState, context: Context) -> Plan:
    """Binds what is wanted and starts the services once more. The greeting is written down, for it must not move.

    A use whose service goes on with the old certificate is bound anew: a run that was cut off may have left it so.
    """
    wanted = {use: leaf.thumbprint for use, leaf in context.wanted.uses.items()}
    uses = {use: Both(state.serves(use), new) for use, new in wanted.items() if not state.has(use, new)}
    kept = context.recorded.get(GREETING, NOTHING).after or state.settings.get(GREETING)
    changes = (*bind(uses, state), *write(GREETING, kept, state))
    if not changes:
        return Plan()
    restart = tuple(name for use in uses for name in SERVICES[use] if state.services.get(name) == RUNNING)
    settings = {GREETING: Both(state.settings.get(GREETING), kept)}
    return Plan(uses=uses, settings=settings, changes=changes, restart=restart, run=restart)


def back(record: Record, state: ToyState) -> Plan:
    """Binds what was bound, and writes what was written: a binding may move the greeting, so that comes last."""
    now = {use: state.serves(use) for use in record.uses}
    uses = {
        use: Both(now[use], both.before)
        for use, both in record.uses.items()
        if both.before and not state.has(use, both.before)
    }
    blocked = tuple(f"{use}: {why}" for use, both in uses.items() if (why := no_way_back(both.after, state)))
    settings = (write(name, both.before, state) for name, both in record.settings.items() if both.before)
    changes = () if blocked else (*bind(uses, state), *(change for found in settings for change in found))
    held = [name for use in uses for name in SERVICES[use] if state.services.get(name) == RUNNING]
    restart = tuple(dict.fromkeys((*record.services, *held))) if uses and changes else ()
    down = tuple(name for name in record.services if state.services.get(name) != RUNNING)
    run = tuple(dict.fromkeys((*record.services, *restart)))
    return Plan(uses, changes=changes, restart=restart, start=() if restart else down, run=run, blocked=blocked)


def publish(before: str | None, after: str) -> Plan:
    """The step of one member behind the last switch: the directory names the certificate that all have by now."""
    change = Change("publish", PUBLISHED, before or "", after, (setting_call(PUBLISHED, after),))
    return Plan(settings={PUBLISHED: Both(before, after)}, last=(change,))


def bind(uses: Mapping[str, Both], state: ToyState) -> Iterable[Change]:
    """The service's account reads the key, then the use has the certificate."""
    for use, both in uses.items():
        parameters = {"Store": "My", "Thumbprint": both.after, "Sid": NETWORK_SERVICE, "Rights": "Read"}
        grant = Call(f"grant-{use}", "Grant-StoreKey", parameters)
        give = Call(f"bind-{use}", "Set-ToyBinding", {"Use": use, "Thumbprint": both.after})
        yield Change("bind", use, shown(both.before, state), shown(both.after, state), (grant, give))


def write(name: str, value: str | None, state: ToyState) -> tuple[Change, ...]:
    """The setting as it was, where it is another now."""
    now = state.settings.get(name)
    return () if value in (None, now) else (Change("set", name, now or "", str(value), (setting_call(name, value),)),)


def setting_call(name: str, value: Any) -> Call:
    """Writes a setting."""
    return Call(f"set-{name}", "Set-ToySetting", {"Name": name, "Value": value})


def shown(thumbprint: str | None, state: ToyState) -> str:
    """The certificate for people."""
    mine = (c.certificate for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint)
    return next((label(certificate) for certificate in mine), thumbprint or "")


def no_way_back(thumbprint: str | None, state: ToyState) -> str:
    """Why a certificate cannot be bound again; empty when it can."""
    entry = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)
    if entry is None or entry.key is None:
        return f"{thumbprint} is not in LocalMachine\\My with its key any more"
    return f"{label(entry.certificate)} ends too soon" if entry.certificate.not_after <= state.clock else ""
