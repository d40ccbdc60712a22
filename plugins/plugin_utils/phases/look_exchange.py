# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A read of an Exchange server for a verification: who it is, then what its version can be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..array.findings import Finding, from_problem, in_order
from ..array.look import Look, packed
from ..array.report import HostReport
from ..products import in_use
from ..products.exchange import ExchangeState, Server
from ..products.exchange_check import findings
from ..products.exchange_facts import assigned
from ..products.exchange_state import SHELLS, calls, server_calls, server_of, state_of
from ..products.store import stores_from_rows
from ..windows.calls import Call, Reply
from ..windows.host import Host
from .look_edge import MAX_PICTURES, Asked, expiries, host_findings, may_be_said, pictures, used
from .seen import windows_version
from .stop import PhaseFailed


def look_at_exchange(host: Host, asked: Asked, shell: str = "auto") -> Look:
    """Two reads over one session. Nothing is written. Raises PhaseFailed when nothing can be concluded."""
    member = asked.member
    who = (*server_calls(), Call("stores", "Get-StoreCertificate", {"Stores": ["My"], "Users": False}))
    first = host.read((), who)
    _demand(member, first, who)
    server = server_of(first)
    if server is None:
        raise PhaseFailed(f"{member}: none of Exchange's services is there; is it an Exchange server?")
    keyed = [c.certificate for c in stores_from_rows(first.rows("stores")).machine("My") if c.key is not None]
    everything = calls(server, [c.thumbprint for c in keyed], connectors=True)
    reply = host.read((SHELLS[shell],), everything)
    if reply.host.load_error:
        raise PhaseFailed(f"{member}: the cmdlets of Exchange could not be loaded: {reply.host.load_error}")
    _demand(member, reply, everything)
    return look(asked, reply, state_of(reply, asked.received, server), server)


def _demand(member: str, reply: Reply, asked: tuple[Call, ...]) -> None:
    for call in asked:
        answer = reply.answers.get(call.id)
        if answer is not None and answer.error is not None and not call.optional:
            raise PhaseFailed(f"{member}: {call.name} failed: {answer.error.message} ({answer.error.fqid})")


def look(asked: Asked, reply: Reply, state: ExchangeState, server: Server) -> Look:
    """What the reply shows, judged as far as one server alone can be."""
    member, host = asked.member, reply.host
    services = assigned(state)
    mine = {c.certificate.thumbprint: c.certificate for c in state.stores.machine("My")}
    uses = {t: tuple(name for name, held in services.items() if t in held) for t in mine}
    judged = {
        thumbprint: in_use.judge(mine[thumbprint], state.stores, state.clock, exportable=asked.exportable, readers=())
        for thumbprint, having in uses.items()
        if having
    }
    protected = {t: why for t, why in state.protected().items() if t in mine and t not in judged}
    found = [from_problem(problem, member) for problem in findings(state)]
    found += host_findings(member, reply)
    found += [from_problem(p, member) for p in in_use.store_problems(state.stores, windows_version(host.windows))]
    for judgement in judged.values():
        found += [from_problem(problem, member) for problem in may_be_said(judgement.problems, reply)]
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
