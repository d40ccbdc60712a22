# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small read after a step that leaves the stores alone: what is assigned, what runs, what the event log says.

A roll or a switch changes no store and no key, so nothing of that is read again after it; a document without those
functions is half as long, and a member in a switch is asked as little as possible. Everything else in the evidence
stays what the last whole read of this run proved. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..array.findings import Finding, from_problem, in_order
from ..array.journal import Journal
from ..pki.certificate import Certificate
from ..products import edge, events, roll, services
from ..products.problem import Problem
from ..windows.calls import Call, Reply
from . import records
from .stop import PhaseFailed

REJUDGED = ("product.service-stopped", "product.use-", "event.", "journal.", "member.locked", "roll.")
"""Ids of findings that a small read judges anew; the others stay."""


def calls(events_since: datetime | None) -> tuple[Call, ...]:
    """The small read; with ``events_since`` the event log, too."""
    asked = (edge.assignments_call(edge.STANDING_FIELDS), services.status_call())
    return asked if events_since is None else (*asked, events.read_call(events_since))


def refresh(
    evidence: Mapping[str, Any],
    reply: Reply,
    received: datetime,
    journal: Journal | None,
    leaves: Sequence[Certificate],
    events_since: datetime | None,
    locked: bool,
) -> dict[str, Any]:
    """The evidence with what the small read says in place of what it said before.

    ``journal``: as it was written in the same document. ``received``: the controller's clock when the reply came.
    Raises PhaseFailed when the member's clock is missing.
    """
    clock = reply.host.clock
    if clock is None:
        raise PhaseFailed(f"{evidence['member']} did not say what time it is; nothing can be judged without its clock")
    rows = {name: reply.rows(name) for name in ("assignments", "services", "events")}
    state = edge.state_from(rows, clock, (), {})
    wanted = dict(evidence["wanted"])
    av = wanted.get(edge.AV_USE)
    now = roll.standing(av, state, records.recorded_roll(journal)) if av else None
    left = [use for use in evidence["switch_uses"] if state.current(use) != wanted.get(use)]
    ran = records.restarted(journal, str(evidence["run"]))
    problems: list[Problem] = list(services.problems(wanted, state.services, ran))
    if events_since is not None:
        problems += events.problems(state.events, leaves, events_since)
        unread = events.unreadable(reply.answers.get("events"))
        problems += [unread] if unread is not None else []
    member = str(evidence["member"])
    kept = [Finding.from_dict(f) for f in evidence["findings"] if not str(f["id"]).startswith(REJUDGED)]
    found = in_order([*kept, *(from_problem(problem, member) for problem in problems)])
    host = {**evidence["host"], "clock": clock.isoformat(), "offset": round((clock - received).total_seconds(), 1)}
    return {
        **evidence,
        "host": host,
        "ready": not any(f.stops for f in found),
        "locked": locked,
        "lock": evidence.get("lock") if locked else None,
        "assigned": state.assigned(),
        "services": dict(state.services),
        "switch": [line for line in evidence["switch"] if line.split(":")[0] in left],
        "switch_uses": left,
        "standing": None if now is None else plain_standing(now),
        "journal": journal.dumps() if journal else None,
        **records.roll_facts(journal),
        "findings": [f.to_dict() for f in found],
    }


def plain_standing(standing: roll.Standing) -> dict[str, Any]:
    """Where a member stands with its roll, as plain data."""
    instant = standing.instant.isoformat() if standing.instant else None
    return {"state": standing.state, "instant": instant, "previous": standing.previous}
