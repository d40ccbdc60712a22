# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read of an Edge server for a verification, and the second one that asks the keys that are in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..array.findings import Finding, finding, from_problem, in_order
from ..array.journal import Journal, JournalError
from ..array.look import Look, Rolled, Used, packed
from ..array.plain import from_plain
from ..array.report import Chain, HostReport
from ..pki.certificate import Certificate
from ..pki.names import has_wildcard
from ..products import edge, events, in_use, readiness, services
from ..products.problem import Problem
from ..products.store import label, test_calls
from ..windows.calls import Call, Reply
from ..windows.host import Host
from . import records
from .evidence import chain_picture
from .seen import LOAD, calls, demand_read, presented_of, reply_findings, windows_version
from .stop import PhaseFailed

MAX_PICTURES = 3
"""Chains of one leaf that a report draws."""


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


def look_at_edge(host: Host, asked: Asked) -> Look:
    """Reads the member in one command, and asks every key of My to sign: which are in use is only known with it.

    Nothing is written. Raises PhaseFailed when nothing can be concluded from what the member said.
    """
    since = asked.received - timedelta(hours=asked.event_hours)
    reply = host.read(LOAD, [*calls((), since), *key_calls()])
    demand_keys(asked.member, reply)
    return look(asked, reply, state_of(asked.member, reply))


def key_calls() -> tuple[Call, ...]:
    """Asks every key of My to sign, and Schannel what it would send; an account without rights may be refused."""
    return tuple(replace(call, optional=True) for call in test_calls(None))


def demand_keys(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when an administrator was not told about the keys."""
    for call in test_calls(None):
        answer = reply.answers[call.id]
        if answer.error is not None and not call.optional and reply.host.admin:
            raise PhaseFailed(f"{member}: {call.name} failed: {answer.error.message} ({answer.error.fqid})")


def state_of(member: str, reply: Reply) -> edge.EdgeState:
    """The member's state. Raises PhaseFailed without its clock or one of the reads that everything rests on."""
    if reply.host.clock is None:
        raise PhaseFailed(f"{member} did not say what time it is; nothing can be judged without its clock")
    demand_read(member, reply)
    names = ("stores", "keys", "access", "assignments", "services", "av", "version", "events")
    presented = {row["Thumbprint"].upper(): presented_of(row) for row in reply.rows("presented")}
    rows = {name: reply.rows(name) for name in names}
    return edge.state_from(rows, reply.host.clock, windows_version(reply.host.windows), presented)


def look(asked: Asked, reply: Reply, state: edge.EdgeState) -> Look:
    """What the reply shows, judged as far as one member alone can be."""
    member = asked.member
    mine = {c.certificate.thumbprint: c.certificate for c in state.stores.machine("My")}
    assigned = state.assigned()
    judged = {
        thumbprint: in_use.judge(
            mine[thumbprint],
            state.stores,
            state.clock,
            presented=state.presented.get(thumbprint),
            exportable=asked.exportable,
        )
        for thumbprint in dict.fromkeys(assigned.values())
        if thumbprint in mine
    }
    found, journal = _journal(member, reply)
    found += host_findings(member, reply)
    found += [from_problem(p, member) for p in in_use.store_problems(state.stores, state.windows)]
    found += _assignments(member, state, mine)
    for judgement in judged.values():
        found += [from_problem(problem, member) for problem in may_be_said(judgement.problems, reply)]
    since = state.clock - timedelta(hours=asked.event_hours)
    leaves = [judgement.leaf for judgement in judged.values()]
    logged = [from_problem(p, member) for p in events.problems(state.events, leaves, since)]
    found += [explained(item, journal) for item in logged]
    ran = records.restarted(journal, "")
    found += [from_problem(p, member) for p in services.problems(edge.USES, state.services, ran)]
    uses = {t: tuple(use for use, has in assigned.items() if has == t) for t in judged}
    found += expiries(member, judged.values(), uses, state.clock, asked.limits)
    rolled = _rolled(state, journal)
    links = {c.sha256: c for j in judged.values() for path in j.paths[:MAX_PICTURES] for c in path.certificates}
    links |= {c.sha256: c for j in judged.values() for path in j.good for c in path.certificates}
    successor = mine.get(rolled.thumbprint) if rolled is not None else None
    links |= {successor.sha256: successor} if successor is not None else {}
    host = reply.host
    return Look(
        member=member,
        product="edge",
        host=HostReport(
            host.computer,
            host.windows,
            state.product,
            state.version,
            host.powershell,
            round((state.clock - asked.received).total_seconds(), 1),
        ),
        clock=state.clock,
        assigned={use: (thumbprint,) for use, thumbprint in assigned.items()},
        used=tuple(used(judgement, uses[t]) for t, judgement in judged.items()),
        rolled=rolled,
        services=dict(state.services),
        findings=in_order(found),
        chains=tuple(chain for t, judgement in judged.items() for chain in pictures(judgement, uses[t])),
        intermediates=tuple(sorted({c.certificate.sha256 for c in state.stores.machine("CA")})),
        certificates=packed(links),
        admin=host.admin,
    )


def may_be_said(problems: Iterable[Problem], reply: Reply) -> Iterable[Problem]:
    """Without those that only say that the account may not open a key: it is no service's account."""
    return (p for p in problems if reply.host.admin or not p.id.startswith("key."))


def used(judgement: in_use.Judgement, uses: tuple[str, ...]) -> Used:
    """What the array needs to know of a judged certificate."""
    chains = [tuple(c.sha256 for c in readiness.sendable(path)) for path in judgement.good]
    leaf = judgement.leaf
    return Used(leaf.thumbprint, leaf.sha256, uses, tuple(dict.fromkeys(chains)), bool(judgement.good))


def pictures(judgement: in_use.Judgement, uses: tuple[str, ...]) -> list[Chain]:
    """The chains of one leaf for the report: the good ones, or the longest that there is."""
    shown = judgement.good[:MAX_PICTURES] or judgement.paths[:1]
    return [from_plain(Chain, {"uses": uses, **chain_picture(path)}) for path in shown]


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
                found.append(replace(from_problem(told[0], member), severity=told[1]))  # type: ignore[arg-type]
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


def host_findings(member: str, reply: Reply) -> list[Finding]:
    """What is wrong with the host itself, or with the account."""
    return [_for_a_look(item) for item in reply_findings(member, reply)]


def _for_a_look(item: Finding) -> Finding:
    """Without an administrator's rights most can be read, but the keys."""
    if item.id != "member.not-admin":
        return item
    text = "has no administrator's rights here, so the keys in use were not tried"
    remedy = "Use an administrator where the keys are to be tried, too; or accept this finding (verify_accept)."
    return replace(item, severity="warning", text=text, remedy=remedy)


def _assignments(member: str, state: edge.EdgeState, mine: Mapping[str, Certificate]) -> list[Finding]:
    found = []
    for use in edge.USES:
        thumbprint = state.current(use)
        if thumbprint is None:
            found.append(finding("product.use-unassigned", member, use, f"{use} has no certificate"))
        elif thumbprint not in mine:
            text = f"{use} has {thumbprint}, and there is no such certificate in LocalMachine\\My"
            found.append(finding("store.assigned-missing", member, use, text))
        elif state.version.startswith("5.") and has_wildcard(mine[thumbprint].dns_names):
            text = f"{use}: Lync Server 2013 does not support wildcard certificates"
            found.append(finding("names.wildcard", member, label(mine[thumbprint]), text))
    return found


def _journal(member: str, reply: Reply) -> tuple[list[Finding], Journal | None]:
    """The journal of a rollout, if one was here; one that did not end is told."""
    row = next(iter(reply.rows("journal")), {})
    if not row.get("Text"):
        return [], None
    try:
        journal = records.read(row["Text"])
    except JournalError as error:
        return [finding("journal.unreadable", member, "journal", str(error))], None
    if journal.state in records.OPEN:
        held = "; it still runs, or its controller died" if row.get("Lock") else ""
        text = f"run {journal.run} of {journal.operator or 'somebody'} did not end here ({journal.state}){held}"
        return [finding("journal.unfinished", member, journal.run, text)], journal
    return [], journal


def _rolled(state: edge.EdgeState, journal: Journal | None) -> Rolled | None:
    """The successor that the product shows, or that the journal recorded where the product keeps it to itself."""
    shown = state.scheduled(edge.AV_USE)
    if shown is not None and shown.effective is not None:
        return Rolled(shown.thumbprint, shown.effective)
    recorded = records.recorded_roll(journal)
    if recorded is None or journal is None or journal.roll is None:
        return None
    return Rolled(recorded.thumbprint, recorded.instant, journal.roll.state == "settled")
