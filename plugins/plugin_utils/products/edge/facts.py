# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a short look at one Edge server tells: assignments, services, token lifetime, product. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...stores.shown import certificate_row, instant
from ...stores.store import read_calls
from ...windows.calls import Call, Reply
from ..cs.certificates import Assignment
from . import state as edge

LOOK = ("assignments", "services", "av", "version")


def look_calls(now: datetime) -> tuple[Call, ...]:
    """The calls of a look: those of a rollout's read that cost little, and LocalMachine\\My for the names."""
    return (*read_calls(stores=("My",), users=False), *_some(LOOK, (), now))


def assignment_calls(thumbprint: str | None, now: datetime) -> tuple[Call, ...]:
    """What has to be known before a use gets another certificate: the stores, its key, assignments, tokens."""
    wanted = (thumbprint,) if thumbprint else ()
    return _some(("stores", "keys", "assignments", "av"), wanted, now)


def _some(ids: Sequence[str], thumbprints: Sequence[str], now: datetime) -> tuple[Call, ...]:
    return tuple(call for call in edge.calls(thumbprints, now) if call.id in ids)


def state_of(reply: Reply, now: datetime) -> edge.EdgeState:
    """The state that a reply shows. ``now``: the controller's time, for a host that does not tell its own."""
    rows = {name: reply.rows(name) for name in reply.answers}
    windows = tuple(int(part) for part in reply.host.windows.split(".") if part.isdigit())
    return edge.state_from(rows, reply.host.clock or now, windows, {})


def pending(state: edge.EdgeState) -> dict[str, dict[str, Any]]:
    """Use -> the successor that the product shows, and its instant."""
    shown = {use: state.scheduled(use) for use in edge.USES}
    return {
        use: {"thumbprint": found.thumbprint, "effective": instant(found.effective)}
        for use, found in shown.items()
        if found is not None
    }


def facts(state: edge.EdgeState) -> dict[str, Any]:
    """The look as plain data; ``assigned`` and ``pending`` are what a verdict over the array needs."""
    return {
        "product": state.product,
        "version": state.version,
        "assigned": state.assigned(),
        "pending": pending(state),
        "assignments": [_assignment_row(assignment, state) for assignment in state.assignments],
        "services": dict(state.services),
        "token_lifetime_seconds": int(state.token_lifetime.total_seconds()),
        "token_lifetime_read": state.token_lifetime_read,
    }


def _assignment_row(assignment: Assignment, state: edge.EdgeState) -> dict[str, Any]:
    entry = state.mine(assignment.thumbprint)
    return {
        "use": assignment.use,
        "thumbprint": assignment.thumbprint,
        "in_force": state.current(assignment.use) == assignment.thumbprint,
        "effective": instant(assignment.effective),
        "previous": assignment.previous,
        "not_after": instant(assignment.not_after),
        "has_private_key": bool(entry and entry.key),
        "certificate": certificate_row(entry.certificate) if entry else None,
    }
