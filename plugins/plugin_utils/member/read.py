# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a reply to evidence: once, for every product. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..findings.finding import Finding, finding, from_problem, in_order
from ..products.interface import Context, Product, State, Unread
from ..stores.pictures import pictures
from ..stores.readiness import Readiness, judge, store_problems
from ..stores.store import Change, Stores
from ..stores.wanted import Wanted, as_planned, plan_stage, ready_in
from ..windows.calls import Call, Reply
from . import records
from .evidence import Evidence, HostSeen, Known, Lock, Missing, WayBack
from .journal import Journal, JournalError
from .settings import Settings
from .stop import PhaseFailed

JOURNAL = Call("journal", "Get-Journal")


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
    demand_clock(member, reply)
    demand_journal(member, reply)
    try:
        state: State = product.see(reply, received)
    except Unread as unread:
        raise PhaseFailed(f"{member}: {unread}", None, unread.finding) from None
    found = host_findings(member, reply)
    journal, unreadable = journal_in(member, reply)
    found += unreadable
    target = asking.wanted
    if target is None:
        target = records.wanted_by(journal, state.stores, product)
    context, stage = _context(asking, state, target, journal)
    wanted, where = context.wanted, context.ready_in
    planned = replace(state, stores=as_planned(wanted, state.stores, where))  # type: ignore[type-var]
    judged = tuple(_readiness(leaf, wanted, state, planned, where, bool(stage)) for leaf in wanted.leaves)
    found += [from_problem(problem, member) for problem in store_problems(state.stores)]
    found += [from_problem(problem, member) for one in judged for problem in one.problems]
    found += [from_problem(problem, member) for problem in product.judge(planned, context)]
    logged = product.logged(reply, wanted.leaves, since)
    found += [from_problem(problem, member) for problem in logged]
    plan = product.switch(planned, context)
    if asking.wanted is not None:
        found += product.baseline(member, state, context, not plan.empty)
    lock = lock_in(reply)
    thumbprints = {use: leaf.thumbprint for use, leaf in wanted.uses.items()}
    services = product.services(state)
    found += records.lock_findings(member, reply, settings)
    found += records.journal_findings(member, journal, settings, services)
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
    )
    return _with_proof(asking, evidence, state, wanted, context)


def _context(
    asking: Asking, state: State, target: Wanted, journal: Journal | None
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


# -- the parts of a reply that every product's has -------------------------------------------------------------------


def demand_clock(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when the member did not say what time it is."""
    if reply.host.clock is None:
        raise PhaseFailed(f"{member} did not say what time it is; nothing can be judged without its clock")


def demand_journal(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when the journal was asked and could not be read: then nothing is known of earlier runs."""
    answer = reply.answers.get(JOURNAL.id)
    if answer is not None and answer.error is not None:
        said = f"{answer.error.message} ({answer.error.fqid})"
        raise PhaseFailed(f"{member}: its journal could not be read, so nothing is known of it: {said}")


def journal_in(member: str, reply: Reply) -> tuple[Journal | None, list[Finding]]:
    """The journal, and a finding where its text cannot be understood."""
    text = next(iter(reply.rows(JOURNAL.id)), {}).get("Text")
    if not text:
        return None, []
    try:
        return records.read(text), []
    except JournalError as error:
        return None, [finding("journal.unreadable", member, "journal", str(error))]


def lock_in(reply: Reply) -> Lock | None:
    """Who holds the member."""
    row = next(iter(reply.rows(JOURNAL.id)), {}).get("Lock")
    return None if row is None else Lock(str(row["Run"]), str(row.get("At") or ""))


def host_findings(member: str, reply: Reply) -> list[Finding]:
    """What is wrong with the host itself, whatever certificate it has."""
    found = []
    if not reply.host.admin:
        found.append(finding("member.not-admin", member, reply.host.user))
    if reply.host.bits and reply.host.bits != 64:
        found.append(finding("member.process-32-bit", member, f"{reply.host.bits}-bit process"))
    return found


def host_seen(reply: Reply, version: tuple[str, str], clock: datetime, received: datetime) -> HostSeen:
    """What the reply says of the host itself."""
    host = reply.host
    return HostSeen(
        computer=host.computer,
        windows=host.windows,
        product=version[0],
        version=version[1],
        powershell=host.powershell,
        user=host.user,
        admin=host.admin,
        clock=clock,
        offset=round((clock - received).total_seconds(), 1),
    )


def known(wanted: Wanted, stores: Stores, now: Mapping[str, str]) -> tuple[Known, ...]:
    """The certificates that the run is about: what is wanted, and what is assigned today (``now``)."""
    new = {leaf.thumbprint: leaf for leaf in wanted.leaves}
    mine = {c.certificate.thumbprint: c.certificate for c in stores.machine("My")}
    today = {use: thumbprint for use, thumbprint in now.items() if use in wanted.uses}
    uses: dict[str, list[str]] = {}
    for use, thumbprint in [*today.items(), *((u, c.thumbprint) for u, c in wanted.uses.items())]:
        if use not in uses.setdefault(thumbprint, []):
            uses[thumbprint].append(use)
    every = {t: mine[t] for t in today.values() if t in mine} | new
    return tuple(
        Known(
            thumbprint=c.thumbprint,
            subject=c.common_name or c.subject,
            issuer=c.issuer,
            not_before=c.not_before,
            not_after=c.not_after,
            role="new" if c.thumbprint in new else "old",
            uses=tuple(uses.get(c.thumbprint, ())),
            serial=c.serial_hex,
            sha256=c.sha256,
            names=c.dns_names,
        )
        for c in every.values()
    )


def digest(stores: Stores) -> str:
    """SHA-256 over what the gate judged: stores and keys, not dates, services or assignments."""
    rows = sorted(
        json.dumps(
            [
                c.location,
                c.store,
                c.certificate.sha256,
                None if c.key is None else [c.key.provider, c.key.container, c.key.exportable, c.key.signs],
            ]
        )
        for c in stores.certificates
        if c.location == "LocalMachine"
    )
    return hashlib.sha256("\n".join(rows).encode("ascii")).hexdigest()
