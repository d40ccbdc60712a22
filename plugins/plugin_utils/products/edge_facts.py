# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a short look at one Edge server tells: assignments, services, token lifetime, product. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..windows.calls import Call
from . import edge
from .shown import certificate_row, instant
from .store import read_calls

READ = ("assignments", "services", "av", "version")


def calls(now: datetime) -> tuple[Call, ...]:
    """The calls of a look: those of a rollout's read that cost little, and LocalMachine\\My for the names."""
    return (
        *read_calls(stores=("My",), users=False),
        *(call for call in edge.calls((), now) if call.id in READ),
    )


def facts(state: edge.EdgeState) -> dict[str, Any]:
    """The look as plain data; ``assigned`` and ``pending`` are what a verdict over the array needs."""
    scheduled = {use: state.scheduled(use) for use in edge.USES}
    return {
        "product": state.product,
        "version": state.version,
        "assigned": state.assigned(),
        "pending": {use: a.thumbprint for use, a in scheduled.items() if a is not None},
        "assignments": [_assignment_row(assignment, state) for assignment in state.assignments],
        "services": dict(state.services),
        "token_lifetime_seconds": int(state.token_lifetime.total_seconds()),
        "token_lifetime_read": state.token_lifetime_read,
    }


def _assignment_row(assignment: edge.Assignment, state: edge.EdgeState) -> dict[str, Any]:
    entry = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == assignment.thumbprint), None)
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
