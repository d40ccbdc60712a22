# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a reply to evidence: once, for every product. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..findings.finding import Finding, from_problem, in_order
from ..findings.problem import Problem
from ..products.interface import Product, State, Unread
from ..products.values import RUNNING, Context, Emergency, Plan
from ..stores.pictures import pictures
from ..stores.readiness import Readiness, judge, store_problems
from ..stores.store import Change
from ..stores.wanted import NOTHING, Wanted, as_planned, plan_stage, ready_in
from ..windows.calls import Reply
from . import records
from .evidence import Evidence, Lock, Missing, WayBack
from .head import head_in
from .journal import Journal
from .reply import (
    demand_clock,
    demand_journal,
    digest,
    host_findings,
    host_seen,
    journal_in,
    known,
    lock_in,
)
from .settings import Settings
from .stop import OtherProduct, PhaseFailed
from .whereabouts import held_in, same_key

REJUDGED = ("product.service-stopped", "product.use-", "event.", "journal.", "member.locked", "roll.", "emergency.down")
"""Ids of findings that a read which is not whole judges anew; the others stay."""


@dataclass(frozen=True)
class Asking:
    """Who asks, and what is wanted of the member."""

    product: Product[Any]
    own: Any
    member: str
    settings: Settings
    wanted: Wanted | None
    """None: the journal says what was wanted."""


@dataclass(frozen=True)
class Sight:
    """A member as one whole read showed it: its evidence, and the product's state that no fact carries."""

    evidence: Evidence
    state: Any
    wanted: Wanted
    context: Context
    untested: tuple[str, ...]
    """Thumbprints whose key waits, and which nobody has seen sign: not asked yet, and not in use everywhere."""


def see(asking: Asking, reply: Reply, received: datetime, since: datetime | None = None) -> Sight:
    """Makes sense of the reply to a whole read.

    ``received``: the controller's clock when it came. ``since``: from when certificate events count; None leaves the
    event log out of the judgement. Raises PhaseFailed when the member's clock is missing or a read failed that
    everything rests on.
    """
    product, member, settings = asking.product, asking.member, asking.settings
    state, journal, found = _state(asking, reply, received)
    target = asking.wanted
    if target is None:
        target = records.wanted_by(journal, state.stores, product)
    ran = records.restarted(journal, settings.run)
    context, stage = _context(asking, state, target, journal, ran)
    wanted, where = context.wanted, context.ready_in
    services = product.services(state)
    planned = replace(state, stores=as_planned(wanted, state.stores, where))  # type: ignore[type-var]
    plan = product.switch(planned, context)
    after, urgent = _urgent(settings.emergency, wanted, state, services, plan)
    judged = tuple(_readiness(leaf, wanted, state, planned, where, bool(stage)) for leaf in wanted.leaves)
    found += [from_problem(problem, member) for problem in store_problems(state.stores)]
    found += [from_problem(problem, member) for one in judged for problem in one.problems]
    found += [from_problem(problem, member) for problem in product.judge(planned, context)]
    logged = product.logged(reply, wanted.leaves, since)
    found += [from_problem(p, member) for p in (*product.down(wanted.uses, after, ran), *urgent, *logged)]
    if asking.wanted is not None:
        found += product.baseline(member, state, context, not plan.empty)
    lock = lock_in(reply)
    thumbprints = {use: leaf.thumbprint for use, leaf in wanted.uses.items()}
    found += records.lock_findings(member, reply, settings)
    found += records.journal_findings(member, journal, settings, after)
    evidence = Evidence(
        member=member,
        run=settings.run,
        product=product.name,
        host=host_seen(reply, product.version(state), state.clock, received),
        digest=digest(state.stores),
        offers=product.offers(state),
        assigned=dict(product.serves(state, thumbprints)),
        wanted=thumbprints,
        staged={},
        keys={},
        planned_keys={use: leaf.spki_sha256 for use, leaf in wanted.uses.items()},
        stage=tuple(change.as_line() for change in stage),
        missing=tuple(Missing(change.subject.rsplit("\\", 1)[-1], change.sha256) for change in stage),
        plan=plan,
        pending=dict(product.pending(state, thumbprints, records.confirmed(journal))),
        services=dict(services),
        settings=dict(product.settings(state)),
        labels=dict(product.labels(state)),
        chains=tuple(chain for one in judged for chain in pictures(one.paths, _uses_of(one.leaf.sha256, wanted))),
        journal=journal,
        lock=lock,
        findings=in_order(found),
        events_asked="events" in reply.answers and not any(problem.id == "event.unreadable" for problem in logged),
        own=dict(product.mine(planned, context)),
        held=held_in(state.stores) if settings.emergency else (),
    )
    return _with_proof(asking, evidence, state, wanted, context)


def _state(asking: Asking, reply: Reply, received: datetime) -> tuple[State, Journal | None, list[Finding]]:
    """The product's state, the journal, and what is wrong with the host or the journal itself. Raises PhaseFailed."""
    product, member = asking.product, asking.member
    demand_clock(member, reply)
    demand_journal(member, reply)
    if asking.settings.purpose != "renew":
        _demand_product(member, reply, product)
    try:
        state: State = product.see(reply, received)
    except Unread as unread:
        raise PhaseFailed(f"{member}: {unread}", None, unread.finding) from None
    journal, unreadable = journal_in(member, reply, product.by_hand)
    return product.remembering(state, records.given_by(journal)), journal, [*host_findings(member, reply), *unreadable]


def _demand_product(member: str, reply: Reply, product: Product[Any]) -> None:
    """Raises OtherProduct where the journal, which says what is to be done, is one of another product."""
    head = head_in(member, reply)
    if head.product and head.product != product.name:
        text = f"{member}: its journal names {head}, and this run is for {product.name}; nothing is done there"
        raise OtherProduct(text, head)


def _urgent(
    emergency: Emergency, wanted: Wanted, state: State, services: Mapping[str, str], plan: Plan
) -> tuple[Mapping[str, str], list[Problem]]:
    """In an emergency: services as the switch will leave them, so that what it starts speaks against nothing; and what
    has to be said of the member. Otherwise services as they are."""
    if not emergency:
        return services, []
    found = list(same_key(wanted, state.stores)) if emergency.compromised else []
    down = [name for name in plan.start if services.get(name, RUNNING) != RUNNING]
    if down:
        text = "expected Running; services do not start with an expired certificate, and the switch starts them"
        found.append(Problem("emergency.down", ", ".join(down), text))
    return {**services, **dict.fromkeys(plan.start, RUNNING)}, found


def _context(
    asking: Asking, state: State, target: Wanted, journal: Journal | None, ran: tuple[str, ...]
) -> tuple[Context, tuple[Change, ...]]:
    """What may be known to judge the member, and what has to be staged there."""
    wanted = target.of(asking.product.offers(state))
    where = ready_in(wanted, asking.product.key_store, state.stores)
    stage = plan_stage(wanted, state.stores, where) if wanted.uses else ()
    window = timedelta(hours=asking.settings.window_hours)
    return Context(
        own=asking.own,
        wanted=wanted,
        asked=tuple(target.uses),
        planned=bool(stage),
        ready_in=where,
        names=asking.settings.names,
        window=window,
        recorded=records.record_of(journal, asking.settings.run).settings
        if journal is not None and journal.state in records.OPEN
        else {},
        emergency=asking.settings.emergency,
        ran=ran,
        confirmed=records.confirmed(journal),
    ), stage


def _readiness(leaf: Any, wanted: Wanted, state: State, planned: State, where: str, forecast: bool) -> Readiness:
    """The judgement on one leaf; while something has still to be staged, on the stores as they will be."""
    desired = wanted.key_of(leaf)
    held = state.stores.find(where, leaf.sha256)
    return judge(
        leaf,
        planned.stores,
        state.clock,
        trust=wanted.trust.get(leaf.sha256, ()),
        intended=wanted.intermediates.get(leaf.sha256, ()),
        presented=state.presented.get(leaf.thumbprint) if not forecast else None,
        exportable=desired.exportable if desired and held is not None and held.key is not None else None,
        key_planned=forecast,
        store=where,
    )


def _with_proof(asking: Asking, evidence: Evidence, state: State, wanted: Wanted, context: Context) -> Sight:
    """What of the wanted lies ready, whose key was seen to sign, and what could be gone back to."""
    held = {
        use: entry
        for use, leaf in wanted.uses.items()
        if (entry := state.stores.find(context.ready_in, leaf.sha256)) is not None and entry.key is not None
    }
    used = {use for use in wanted.uses if in_use(use, evidence)}
    proven = [use for use, entry in held.items() if use in used or (entry.key is not None and entry.key.signs is True)]
    unasked = [
        wanted.uses[use].thumbprint
        for use, entry in held.items()
        if use not in used and entry.key is not None and entry.key.signs is None
    ]
    whole = replace(
        evidence,
        staged={use: evidence.wanted[use] for use in held},
        keys={use: evidence.planned_keys[use] for use in proven},
        back={use: _way_back(asking, use, evidence.assigned.get(use), state, context) for use in wanted.uses},
        certificates=known(wanted, state.stores, evidence.assigned),
    )
    return Sight(whole, state, wanted, context, tuple(dict.fromkeys(unasked)))


def in_use(use: str, evidence: Evidence) -> bool:
    """Whether the product has the wanted certificate for the use, now or from an instant on."""
    waiting = evidence.pending.get(use)
    if waiting is not None and waiting.state == "scheduled":
        return True
    return evidence.assigned.get(use) == evidence.wanted.get(use)


def _way_back(asking: Asking, use: str, now: str | None, state: State, context: Context) -> WayBack:
    why = asking.product.no_way_back(now, use, state, context.window)
    return WayBack(not why, why)


def _uses_of(sha256: str, wanted: Wanted) -> tuple[str, ...]:
    return tuple(use for use, leaf in wanted.uses.items() if leaf.sha256 == sha256)


# -- the small read behind a step ------------------------------------------------------------------------------------


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
    ran = records.restarted(journal, asking.settings.run)
    problems = [*product.down(evidence.wanted, services, ran), *logged]
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
    settings = dict(product.settings(state))
    return replace(evidence, assigned=assigned, plan=plan, pending=pending, settings=settings)
