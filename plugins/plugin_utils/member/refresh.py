# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small read behind a step: it judges anew what it read, and keeps what only the whole read proved. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ..findings.finding import from_problem, in_order
from ..products.interface import Plan, State
from ..stores.wanted import NOTHING
from ..windows.calls import Call, Reply
from . import records
from .evidence import Evidence, Lock
from .journal import Journal
from .read import Asking, demand_clock

REJUDGED = ("product.service-stopped", "product.use-", "event.", "journal.", "member.locked", "roll.")
"""Ids of findings that a read which is not whole judges anew; the others stay."""


def refresh(
    asking: Asking,
    evidence: Evidence,
    reply: Reply,
    received: datetime,
    journal: Journal | None,
    since: datetime | None,
    locked: bool,
) -> Evidence:
    """The evidence with what a read that is not whole says in place of what it said before.

    A roll or a switch of an Edge server changes no store and no key, so nothing of that is read again after it;
    everything else stays what the last whole read of this run proved. ``journal``: as it was written in the same
    document. Raises PhaseFailed when the member's clock is missing.
    """
    product, member = asking.product, asking.member
    demand_clock(member, reply)
    wanted = asking.wanted or NOTHING
    services = dict(product.statuses(reply)) or dict(evidence.services)
    logged = product.logged(reply, wanted.leaves, since) if since is not None else ()
    problems = [*product.down(evidence.wanted, services), *logged]
    kept = [found for found in evidence.findings if not found.id.startswith(REJUDGED)]
    after = replace(
        evidence,
        host=replace(
            evidence.host,
            clock=reply.host.clock or received,
            offset=round(((reply.host.clock or received) - received).total_seconds(), 1),
        ),
        lock=Lock(asking.settings.run) if locked else None,
        services=services,
        journal=journal,
        findings=in_order([*kept, *(from_problem(problem, member) for problem in problems)]),
        events_asked=evidence.events_asked
        if since is None
        else not any(problem.id == "event.unreadable" for problem in logged),
    )
    state = product.glance(reply, received)
    return after if state is None else _assigned_now(asking, after, state, journal)


def _assigned_now(asking: Asking, evidence: Evidence, state: State, journal: Journal | None) -> Evidence:
    """The evidence with the assignments that a small read shows."""
    product = asking.product
    assigned = dict(product.serves(state, evidence.wanted))
    left = {use: both for use, both in evidence.plan.uses.items() if assigned.get(use) != both.after}
    changes = tuple(change for change in evidence.plan.changes if change.subject in left)
    plan = replace(evidence.plan, uses=left, changes=changes) if left else Plan()
    shown = product.pending(state, evidence.wanted, records.confirmed(journal))
    pending = {
        use: replace(shown[use], ends=at.ends, outlive=at.outlive) if use in shown else at
        for use, at in evidence.pending.items()
    }
    return replace(evidence, assigned=assigned, plan=plan, pending=pending)


def is_whole(read: Iterable[Call]) -> bool:
    """Whether a read is a whole one, which judges the host, too; a small one only follows it up."""
    return any(call.name == "Get-StoreCertificate" for call in read)
