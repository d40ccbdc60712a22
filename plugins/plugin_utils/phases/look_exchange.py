# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A read of an Exchange server for a verification."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ..array.findings import Finding, from_problem, in_order
from ..array.look import Look, packed
from ..array.report import HostReport
from ..products import exchange_events, in_use
from ..products.exchange import ExchangeState, Server
from ..products.exchange_check import findings
from ..products.exchange_facts import assigned, unknown
from ..products.exchange_read import calls, not_told, state_in
from ..products.exchange_state import SHELLS, server_of
from ..windows.calls import Reply
from ..windows.host import Host
from .look_edge import (
    MAX_PICTURES,
    Asked,
    demand_keys,
    expiries,
    host_findings,
    key_calls,
    may_be_said,
    pictures,
    used,
)
from .seen import presented_of, windows_version
from .stop import PhaseFailed


def look_at_exchange(host: Host, asked: Asked, shell: str = "auto") -> Look:
    """Reads the server in one command, and asks every key of My to sign. Nothing is written.

    Raises PhaseFailed when nothing can be concluded.
    """
    member = asked.member
    since = asked.received - timedelta(hours=asked.event_hours)
    tested = [call for call in key_calls() if call.id != "access"]  # the whole read asks that of all
    reply = host.read((SHELLS[shell],), [*calls(), *tested, exchange_events.read_call(since)])
    server = server_of(reply)
    if server is None:
        raise PhaseFailed(f"{member}: none of Exchange's services is there; is it an Exchange server?")
    if reply.host.load_error:
        raise PhaseFailed(f"{member}: the cmdlets of Exchange could not be loaded: {reply.host.load_error}")
    for call, answer in not_told(reply, server):
        said = f"{answer.error.message} ({answer.error.fqid})" if answer.error else "it was not asked"
        raise PhaseFailed(f"{member}: {call} could not be read: {said}")
    demand_keys(member, reply)
    return look(asked, reply, state_in(reply, asked.received, server), server)


def look(asked: Asked, reply: Reply, state: ExchangeState, server: Server) -> Look:
    """What the reply shows, judged as far as one server alone can be."""
    member, host = asked.member, reply.host
    # What may be in use is looked at as if it were; that nobody knows is told beside it.
    services, doubted = assigned(state), unknown(state)
    services = {service: [*held, *doubted.get(service, ())] for service, held in services.items()}
    mine = {c.certificate.thumbprint: c.certificate for c in state.stores.machine("My")}
    uses = {t: tuple(name for name, held in services.items() if t in held) for t in mine}
    presented = {row["Thumbprint"].upper(): presented_of(row) for row in reply.rows("presented") if row.get("Present")}
    judged = {
        thumbprint: in_use.judge(
            mine[thumbprint],
            state.stores,
            state.clock,
            presented=presented.get(thumbprint),
            exportable=asked.exportable,
            readers=(),
        )
        for thumbprint, having in uses.items()
        if having
    }
    protected = {t: why for t, why in state.protected().items() if t in mine and t not in judged}
    found = [from_problem(problem, member) for problem in findings(state)]
    found += host_findings(member, reply)
    found += [from_problem(p, member) for p in in_use.store_problems(state.stores, windows_version(host.windows))]
    for judgement in judged.values():
        found += [from_problem(problem, member) for problem in may_be_said(judgement.problems, reply)]
    found += [from_problem(p, member) for p in exchange_events.problems(reply.rows("events"))]
    unread = exchange_events.unreadable(reply.answers.get("events"))
    found += [from_problem(unread, member)] if unread is not None else []
    found += expiries(member, judged.values(), uses, state.clock, asked.limits)
    found += _others(member, state, protected, asked.limits)
    links = {c.sha256: c for j in judged.values() for path in j.paths[:MAX_PICTURES] for c in path.certificates}
    links |= {c.sha256: c for j in judged.values() for path in j.good for c in path.certificates}
    links |= {mine[t].sha256: mine[t] for t in protected}
    return Look(
        member=member,
        product="exchange",
        host=HostReport(
            host.computer,
            host.windows,
            server.version.product,
            str(server.version),
            host.powershell,
            _offset(state.clock, asked.received),
        ),
        clock=state.clock,
        assigned={service: tuple(held) for service, held in services.items() if held},
        used=tuple(used(judgement, uses[t]) for t, judgement in judged.items()),
        services=dict(state.server.services),
        findings=in_order(found),
        chains=tuple(chain for t, judgement in judged.items() for chain in pictures(judgement, uses[t])),
        intermediates=tuple(sorted({c.certificate.sha256 for c in state.stores.machine("CA")})),
        certificates=packed(links),
        admin=host.admin,
        others={mine[t].sha256: why for t, why in protected.items()},
    )


def _offset(clock: datetime, received: datetime) -> float:
    return round((clock - received).total_seconds(), 1)


def _others(member: str, state: ExchangeState, others: dict[str, str], limits: in_use.Limits) -> list[Finding]:
    """Dates of what no renewal touches; one that has expired is told by what it is there for."""
    found = []
    for thumbprint, why in others.items():
        entry = state.entry(thumbprint)
        told = in_use.expiry(entry.certificate, (why,), state.clock, limits) if entry is not None else None
        if told is not None and told[1] != "critical":
            found.append(replace(from_problem(told[0], member), severity=told[1]))  # type: ignore[arg-type]
    return found
