# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read of a member for a verification, whatever the product. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..findings.finding import Finding, finding, from_problem, in_order
from ..findings.problem import Problem
from ..member import records
from ..member.journal import Journal
from ..member.reply import JOURNAL, demand_clock, demand_journal, host_findings, journal_in, lock_in
from ..member.stop import PhaseFailed
from ..member.talk import Driver
from ..pki.certificate import Certificate
from ..products.interface import State, Unread, Verified
from ..products.values import Ask
from ..report.report import HostReport
from ..stores import in_use, readiness
from ..stores.pictures import MAX_PICTURES, pictures
from ..stores.presented import windows_version
from ..stores.store import test_calls
from ..windows.calls import Reply
from .look import Look, Rolled, Used, packed

ROLLOUT = timedelta(hours=12)
"""How long a rollout may take: its maintenance window by default."""


@dataclass(frozen=True)
class Asked:
    """What a verification wants to know of a member."""

    member: str
    received: datetime
    """The controller's clock."""
    event_hours: float = 24.0
    limits: in_use.Limits = in_use.Limits()
    exportable: bool | None = None


def look_at(host: Driver, product: Verified[Any], own: Any, asked: Asked) -> Look:
    """Reads the member in one command, and asks every key of My to sign: which are in use is only known with it.

    ``own``: the product's own settings. Raises PhaseFailed when nothing can be concluded from what the member said.
    """
    since = asked.received - timedelta(hours=asked.event_hours)
    reply = host.read(product.load(own), [JOURNAL, *product.read("verify", Ask(own, (), since))])
    demand_clock(asked.member, reply)
    demand_journal(asked.member, reply)
    try:
        state: State = product.see(reply, asked.received)
    except Unread as unread:
        raise PhaseFailed(f"{asked.member}: {unread}", None, unread.finding) from None
    demand_keys(asked.member, reply)
    return look(asked, product, reply, state)


def demand_keys(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when an administrator was not told about the keys."""
    for call in test_calls(None):
        answer = reply.answers[call.id]
        if answer.error is not None and not call.optional and reply.host.admin:
            raise PhaseFailed(f"{member}: {call.name} failed: {answer.error.message} ({answer.error.fqid})")


def look(asked: Asked, product: Verified[Any], reply: Reply, state: State) -> Look:
    """What the reply shows, judged as far as one member alone can be."""
    member, host = asked.member, reply.host
    mine = {c.certificate.thumbprint: c.certificate for c in state.stores.machine("My")}
    journal, found = _journal(member, reply, product.by_hand)
    state = product.remembering(state, records.given_by(journal))
    assigned = product.assigned(state)
    held = dict.fromkeys(t for thumbprints in assigned.values() for t in thumbprints if t in mine)
    uses = {t: tuple(use for use, thumbprints in assigned.items() if t in thumbprints) for t in held}
    judged = {t: _judged(asked, product, mine[t], state) for t in held}
    others = {t: why for t, why in product.others(state).items() if t in mine and t not in judged}
    found += [_for_a_look(item) for item in host_findings(member, reply)]
    windows = windows_version(host.windows)
    found += [from_problem(problem, member) for problem in in_use.store_problems(state.stores, windows)]
    found += product.check(member, state)
    ran = records.restarted(journal, "")
    down = product.down(product.offers(state), product.services(state), ran)
    found += [from_problem(problem, member) for problem in down]
    for judgement in judged.values():
        found += [from_problem(problem, member) for problem in may_be_said(judgement.problems, reply)]
    since = state.clock - timedelta(hours=asked.event_hours)
    logged = product.logged(reply, [judgement.leaf for judgement in judged.values()], since)
    found += [explained(from_problem(problem, member), journal) for problem in logged]
    found += expiries(member, judged.values(), uses, state.clock, asked.limits)
    found += _others_expire(member, {mine[t]: why for t, why in others.items()}, state.clock, asked.limits)
    rolled = _rolled(product, state, journal)
    successor = mine.get(rolled.thumbprint) if rolled is not None else None
    links = {c.sha256: c for j in judged.values() for path in j.paths[:MAX_PICTURES] for c in path.certificates}
    links |= {c.sha256: c for j in judged.values() for path in j.good for c in path.certificates}
    links |= {c.sha256: c for c in (*(mine[t] for t in others), *([successor] if successor is not None else []))}
    offset = round((state.clock - asked.received).total_seconds(), 1)
    name, version = product.version(state)
    return Look(
        member=member,
        product=product.name,
        host=HostReport(host.computer, host.windows, name, version, host.powershell, offset),
        clock=state.clock,
        assigned={use: tuple(thumbprints) for use, thumbprints in assigned.items() if thumbprints},
        used=tuple(used(judgement, uses[t]) for t, judgement in judged.items()),
        rolled=rolled,
        services=dict(product.services(state)),
        findings=in_order(found),
        chains=tuple(chain for t, j in judged.items() for chain in pictures(j.good or j.paths[:1], uses[t])),
        intermediates=tuple(sorted({c.certificate.sha256 for c in state.stores.machine("CA")})),
        certificates=packed(links),
        admin=host.admin,
        others={mine[t].sha256: why for t, why in others.items()},
    )


def _judged(asked: Asked, product: Verified[Any], leaf: Certificate, state: State) -> in_use.Judgement:
    """One certificate in use, by everything that its member said."""
    return in_use.judge(
        leaf,
        state.stores,
        state.clock,
        presented=state.presented.get(leaf.thumbprint),
        exportable=asked.exportable,
        readers=product.readers,
    )


def may_be_said(problems: Iterable[Problem], reply: Reply) -> Iterable[Problem]:
    """Without those that only say that the account may not open a key: it is no service's account."""
    return (p for p in problems if reply.host.admin or not p.id.startswith("key."))


def used(judgement: in_use.Judgement, uses: tuple[str, ...]) -> Used:
    """What the array needs to know of a judged certificate."""
    chains = [tuple(c.sha256 for c in readiness.sendable(path)) for path in judgement.good]
    leaf = judgement.leaf
    return Used(leaf.thumbprint, leaf.sha256, uses, tuple(dict.fromkeys(chains)), bool(judgement.good))


def expiries(
    member: str,
    judged: Iterable[in_use.Judgement],
    uses: Mapping[str, tuple[str, ...]],
    at: datetime,
    limits: in_use.Limits,
) -> list[Finding]:
    """Dates of leaves and of the weakest link above each."""
    found = []
    for judgement in judged:
        leaf = judgement.leaf
        for told in (
            in_use.expiry(leaf, uses[leaf.thumbprint], at, limits),
            in_use.chain_expiry(leaf, judgement.good, at, limits),
        ):
            if told is not None:
                found.append(replace(from_problem(told[0], member), severity=told[1]))
    return found


def _others_expire(
    member: str, others: Mapping[Certificate, str], at: datetime, limits: in_use.Limits
) -> list[Finding]:
    """Dates of what no renewal touches; one that has expired is told by what it is there for."""
    found = []
    for certificate, why in others.items():
        told = in_use.expiry(certificate, (why,), at, limits)
        if told is not None and told[1] != "critical":
            found.append(replace(from_problem(told[0], member), severity=told[1]))
    return found


def explained(item: Finding, journal: Journal | None) -> Finding:
    """An event out of the hours in which a rollout switched member by member: until the last one has the new
    certificate, the members refuse each other's session keys. It counts in full when it comes again."""
    begun = records.started(journal) if journal is not None and journal.state in ("done", "rolled") else None
    if begun is None or journal is None or not item.id.startswith("event.") or not item.evidence.get("time"):
        return item
    if not begun <= datetime.fromisoformat(item.evidence["time"]) <= begun + ROLLOUT:
        return item
    text = f"{item.text} (while run {journal.run} renewed the array; if it comes again, it is a fault)"
    return replace(item, severity="warning", text=text, remedy="Run the verification again tomorrow.")


def _for_a_look(item: Finding) -> Finding:
    """Without an administrator's rights most can be read, but the keys."""
    if item.id != "member.not-admin":
        return item
    text = "has no administrator's rights here, so the keys in use were not tried"
    remedy = "Use an administrator where the keys are to be tried, too; or accept this finding (verify_accept)."
    return replace(item, severity="warning", text=text, remedy=remedy)


def _journal(member: str, reply: Reply, by_hand: str) -> tuple[Journal | None, list[Finding]]:
    """The journal of a rollout, if one was here; one that did not end is told."""
    journal, found = journal_in(member, reply, by_hand)
    if journal is not None and journal.state in records.OPEN:
        held = "; it still runs, or its controller died" if lock_in(reply) is not None else ""
        text = f"run {journal.run} of {journal.operator or 'somebody'} did not end here ({journal.state}){held}"
        found.append(finding("journal.unfinished", member, journal.run, text))
    return journal, found


def _rolled(product: Verified[Any], state: State, journal: Journal | None) -> Rolled | None:
    """The successor that the product shows, or that the journal recorded where the product keeps it to itself."""
    shown = product.successor(state)
    if shown is not None:
        return Rolled(shown.thumbprint, shown.instant)
    recorded = records.confirmed(journal)
    if recorded is None or journal is None or journal.roll is None:
        return None
    return Rolled(recorded.thumbprint, recorded.instant, journal.roll.state == "settled")
