# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Edge server, some uses, one certificate: what assigning or unassigning it takes, and when that is refused. Pure.

This is for one member by itself. A pool is rolled out by the role, which knows the other members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...findings.problem import Problem
from ...pki.bundle import Bundle
from ...pki.certificate import Certificate
from ...stores.placement import thumbprint
from ...stores.readiness import judge
from ...stores.store import Change, label
from ...windows.calls import Call, Switch
from .roll import MIN_LEAD
from .state import AV_USE, USES, EdgeState, assign_call, describe, roll_call

SAME_INSTANT = 60.0
"""Seconds: the product shows whole minutes."""


@dataclass(frozen=True)
class AssignmentOrder:
    """What the user wants of one member."""

    uses: tuple[str, ...]
    thumbprint: str | None
    """What the uses shall have. None only together with ``remove``: whatever they have."""
    remove: bool = False
    roll_at: datetime | None = None
    """The instant from which the A/V authentication successor counts; None assigns at once."""
    allow_call_drop: bool = False
    check_ready: bool = True
    intended: tuple[Certificate, ...] = ()
    """Intermediates that must lie in LocalMachine\\CA."""


def find(thumbprint: str | None, state: EdgeState) -> Certificate | None:
    """The certificate with this thumbprint in LocalMachine\\My."""
    return next((c.certificate for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)


def plan(order: AssignmentOrder, state: EdgeState, sent: bool = False) -> tuple[Change, ...]:
    """What is left to do, one change a use.

    ``sent``: the changes were sent without an error. What Get-CsCertificate shows between -Roll and the instant is not
    documented, so a roll that it does not show then is not counted as left.
    """
    changes = []
    for use in (use for use in USES if use in order.uses):
        now = state.current(use)
        if order.remove:
            if now is not None and order.thumbprint in (None, now):
                changes.append(Change("unassign", use, describe(now, state), "", (_remove_call(use),)))
            continue
        if order.thumbprint is None:
            raise ValueError(f"{use}: there is no thumbprint to assign")
        wanted = find(order.thumbprint, state)
        after = label(wanted) if wanted else order.thumbprint
        if now == order.thumbprint:
            continue
        if order.roll_at is None or (now is None and state.scheduled(use) is None):
            changes.append(Change("assign", use, describe(now, state), after, (assign_call(use, order.thumbprint),)))
        elif not _scheduled(order, use, state) and not (sent and state.scheduled(use) is None):
            shown = state.scheduled(use)
            before = describe(now, state) + (f", then {_then(shown.thumbprint, shown.effective)}" if shown else "")
            then = f"{describe(now, state)}, then {_then(after, order.roll_at)}"
            changes.append(Change("roll", use, before, then, (roll_call(order.thumbprint, order.roll_at),)))
    return tuple(changes)


def unshown(order: AssignmentOrder, state: EdgeState) -> bool:
    """True when a roll was ordered and the product does not show it: only its error-free end speaks for it."""
    if order.roll_at is None or state.current(AV_USE) in (None, order.thumbprint):
        return False
    return not _scheduled(order, AV_USE, state)


def _scheduled(order: AssignmentOrder, use: str, state: EdgeState) -> bool:
    shown = state.scheduled(use)
    if shown is None or shown.effective is None or order.roll_at is None or shown.thumbprint != order.thumbprint:
        return False
    return abs((shown.effective - order.roll_at).total_seconds()) < SAME_INSTANT


def _then(what: str, moment: datetime | None) -> str:
    return f"{what} from {moment:%Y-%m-%d %H:%M}Z" if moment else what


def _remove_call(use: str) -> Call:
    """Remove-CsCertificate asks before it takes a certificate in use, unless -Force; a prompt would hang."""
    parameters = {"Type": [use], "Force": Switch(True), "Confirm": Switch(False)}
    return Call(f"remove-{use}", "Remove-CsCertificate", parameters)


def refusals(order: AssignmentOrder, state: EdgeState) -> tuple[Problem, ...]:
    """Why the order is not carried out on this member: it would cut calls, or its instant makes no sense."""
    return tuple(_call_problems(plan(order, state), order, state))


def unready(order: AssignmentOrder, state: EdgeState) -> tuple[Problem, ...]:
    """Why the member is not ready for it: what a task of the module ``store`` before this one may have to mend."""
    if order.remove or not plan(order, state):
        return ()
    return tuple(_certificate_problems(order, state))


def _certificate_problems(order: AssignmentOrder, state: EdgeState) -> Sequence[Problem]:
    wanted = find(order.thumbprint, state)
    if wanted is None:
        text = (
            "is not in LocalMachine\\My on this member; import it with its key first (module ucops.certificates.store)"
        )
        return (Problem("store.leaf-missing", str(order.thumbprint), text),)
    if not order.check_ready:
        return ()
    if not wanted.not_before <= state.clock <= wanted.not_after:
        early = state.clock < wanted.not_before
        text = f"is {'not valid yet' if early else 'expired'} by this member's clock ({state.clock:%Y-%m-%d %H:%M}Z)"
        return (Problem("leaf.not-yet-valid" if early else "leaf.expired", label(wanted), text),)
    return judge(wanted, state.stores, state.clock, intended=order.intended).problems


def _call_problems(changes: Sequence[Change], order: AssignmentOrder, state: EdgeState) -> Sequence[Problem]:
    """Whether audio and video of calls in progress would be cut."""
    av = next((change for change in changes if change.subject == AV_USE), None)
    now = state.current(AV_USE)
    if av is None or now is None:
        return ()
    clock = f"this member's clock ({state.clock:%Y-%m-%d %H:%M}Z)"
    if av.kind == "roll" and order.roll_at is not None:
        if order.roll_at <= state.clock:
            text = f"effective_date {order.roll_at:%Y-%m-%d %H:%M}Z has passed by {clock}"
            return (Problem("roll.too-soon", AV_USE, text),)
        return () if order.allow_call_drop else _overlap_problems(order.roll_at, now, state)
    if order.allow_call_drop:
        return ()
    way_out = "set" if order.remove else "roll it (roll: true with effective_date), or set"
    text = (
        f"{'removing' if order.remove else 'replacing'} the A/V authentication certificate at once makes every token "
        f"invalid and drops the audio and video of calls in progress; {way_out} allow_call_drop: true to accept that"
    )
    return (Problem("roll.needed", AV_USE, text, {"current": now}),)


def _overlap_problems(roll_at: datetime, now: str, state: EdgeState) -> Sequence[Problem]:
    """Tokens made with the old certificate live on after the instant; the old one has to outlive them."""
    old = find(now, state)
    ends = old.not_after if old else next((a.not_after for a in state.assignments if a.thumbprint == now), None)
    if ends is None or roll_at + state.token_lifetime <= ends:
        return ()
    text = (
        f"the certificate in use ends {ends:%Y-%m-%d %H:%M}Z, and tokens made with it live {state.token_lifetime}; "
        f"choose an effective_date up to {ends - state.token_lifetime:%Y-%m-%d %H:%M}Z, or accept dropped calls with "
        "allow_call_drop: true"
    )
    return (Problem("roll.no-overlap", AV_USE, text),)


def warnings(order: AssignmentOrder, state: EdgeState) -> tuple[str, ...]:
    """What is done all the same, but should be known."""
    if order.roll_at is None or not any(change.kind == "roll" for change in plan(order, state)):
        return ()
    lead = (order.roll_at - state.clock).total_seconds()
    if lead >= MIN_LEAD.total_seconds():
        return ()
    ahead = f"effective_date is only {int(lead // 60)} minutes ahead"
    return (f"{ahead}: every Edge server of the pool must have been rolled by then",)


def assignment_order(options: Mapping[str, Any], bundle: Bundle | None, roll_at: datetime | None) -> AssignmentOrder:
    """What the options of the module ``edge_certificate`` ask for. Raises ValueError for what cannot be meant."""
    remove, roll = options["state"] == "absent", options["roll"]
    if remove and (roll or roll_at):
        raise ValueError("roll and effective_date belong to state: present")
    if not remove and bundle is None and not options["thumbprint"]:
        raise ValueError("state: present needs thumbprint or bundle: which certificate shall the uses have?")
    if roll and roll_at is None:
        raise ValueError("roll needs effective_date: the instant of the successor, the same on every Edge server")
    if roll_at and not roll:
        raise ValueError("effective_date counts only with roll: true; without it the certificate is assigned at once")
    if roll and set(options["use"]) != {AV_USE}:
        raise ValueError(f"only {AV_USE} can be rolled; give the other uses a task of their own")
    given = thumbprint(options["thumbprint"]) if options["thumbprint"] else None
    return AssignmentOrder(
        uses=tuple(options["use"]),
        thumbprint=bundle.leaf.thumbprint if bundle else given,
        remove=remove,
        roll_at=roll_at,
        allow_call_drop=options["allow_call_drop"],
        check_ready=options["check_ready"],
        intended=bundle.intermediates if bundle else (),
    )
