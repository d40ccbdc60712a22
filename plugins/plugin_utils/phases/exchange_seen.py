# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read of an Exchange server: what it means, and the plain evidence that goes from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..array.findings import Finding, finding, in_order
from ..array.journal import Journal, JournalError
from ..products.exchange import BACK_END, STAGE, ExchangeState
from ..products.exchange_back import to_record
from ..products.exchange_read import STAGED, not_told, reach_in, state_in
from ..products.exchange_read import calls as product_calls
from ..products.exchange_services import usable_in
from ..products.exchange_state import server_of
from ..products.store import label
from ..windows.calls import Call, Reply
from ..windows.wire import decode, encode
from . import records
from .evidence import Wanted, digest
from .exchange_evidence import ExchangeJudged, assigned, conclude, rollback_possible
from .seen import certificate_rows, chain_pictures, host_facts, presented_of, reply_findings, windows_version
from .settings import Settings
from .stop import PhaseFailed

WAYS = (
    "The management shell is a connection of its own and needs a logon that can be passed on (CredSSP, Kerberos "
    "delegation); docs/second-hop.md says what each way needs on old hosts. rollout_shell: session logs on with the "
    "connection's own user and password instead; snapin works without either, but Microsoft does not support it"
)


def calls(tests: Sequence[Call] = ()) -> tuple[Call, ...]:
    """The document of one read. ``tests``: of keys, besides."""
    return (Call("journal", "Get-Journal"), *product_calls(), *tests)


@dataclass(frozen=True)
class ExchangeSeen:
    """A server as one read showed it."""

    member: str
    reply: Reply
    state: ExchangeState
    wanted: Wanted
    judged: ExchangeJudged
    journal: Journal | None
    lock: Mapping[str, Any] | None
    offset: float
    """Seconds that the member's clock is ahead of the controller's."""
    findings: tuple[Finding, ...]

    @property
    def untested(self) -> tuple[str, ...]:
        """The thumbprint that waits for its switch and whose key nobody has seen sign; nothing where it is in use."""
        order = self.judged.order
        if order is None or not self.judged.switch:
            return ()
        entry = self.state.stores.find("My" if self.in_my else STAGE, next(iter(self.wanted.uses.values())).sha256)
        asked = entry is None or entry.key is None or entry.key.signs is not None
        return () if asked else (order.thumbprint,)

    @property
    def in_my(self) -> bool:
        """Whether the wanted certificate lies in My with its key."""
        return any(usable_in("My", thumbprint, self.state.stores) for thumbprint in self.wanted.thumbprints)


def see(member: str, reply: Reply, received: datetime, settings: Settings, wanted: Wanted | None) -> ExchangeSeen:
    """Makes sense of a reply to :func:`calls`.

    ``wanted``: None takes from the journal what was wanted. ``received``: the controller's clock when the reply came.
    Raises PhaseFailed when there is no Exchange, its clock is missing, or a read failed that everything rests on.
    """
    clock = reply.host.clock
    if clock is None:
        raise PhaseFailed(f"{member} did not say what time it is; nothing can be judged without its clock")
    server = server_of(reply)
    if server is None:
        text = f"{member}: none of Exchange's services is on {reply.host.computer}; is it an Exchange server?"
        raise PhaseFailed(text, None, "exchange.not-found")
    for call, answer in not_told(reply, server):
        said = f"{answer.error.message} ({answer.error.fqid})" if answer.error else "it was not asked"
        cause = None
        if reply.host.load_error:
            said, cause = f"{reply.host.load_error} {WAYS}", "product.not-loaded"
        text = f"{member}: {call} could not be read, so nothing is known of it: {said}"
        raise PhaseFailed(text, None, cause)
    findings = list(reply_findings(member, reply))
    row = next(iter(reply.rows("journal")), {})
    journal = None
    if row.get("Text"):
        try:
            journal = records.read(row["Text"])
        except JournalError as error:
            findings.append(finding("journal.unreadable", member, "journal", str(error)))
    state = replace(state_in(reply, received, server), enabled=_enabled_by(journal))
    target = wanted if wanted is not None else _wanted_by(journal, state)
    rows = (*reply.rows("presented"), *reply.rows(f"{STAGED}presented"))
    presented = {row["Thumbprint"].upper(): presented_of(row) for row in rows if row.get("Present")}
    reach = reach_in(reply, server)
    lacks = [name for module in reply.host.loaded for name in module.lacks]
    judged = conclude(member, settings, target, state, presented, windows_version(reply.host.windows), reach, lacks)
    lock = row.get("Lock")
    findings += records.lock_findings(member, lock, settings)
    findings += records.journal_findings(member, journal, settings, server.services)
    return ExchangeSeen(
        member=member,
        reply=reply,
        state=state,
        wanted=target,
        judged=judged,
        journal=journal,
        lock=lock,
        offset=(clock - received).total_seconds(),
        findings=in_order([*findings, *judged.findings]),
    )


def _enabled_by(journal: Journal | None) -> dict[str, frozenset[str]]:
    """What the journal proves to have been enabled: it is written behind the calls, which stop at the first error."""
    if journal is None or journal.state not in ("switched", "done"):
        return {}
    given = {entry.after for entry in journal.uses.values()}
    return {t: frozenset(use for use, entry in journal.uses.items() if entry.after == t) for t in given}


def _wanted_by(journal: Journal | None, state: ExchangeState) -> Wanted:
    """What the journal says was wanted, with the certificate out of the server's own stores."""
    if journal is None:
        return Wanted({}, (), {}, (), {})
    entries = (*state.stores.machine("My"), *state.stores.machine(STAGE))
    known = {c.certificate.thumbprint: c.certificate for c in entries}
    uses = {use: known[entry.after] for use, entry in journal.uses.items() if entry.after in known}
    return Wanted(uses, (), {}, (), {})


def to_evidence(seen: ExchangeSeen, settings: Settings) -> dict[str, Any]:
    """The read as plain data. Thumbprints, names and instants only."""
    state, judged = seen.state, seen.judged
    now = assigned(state, seen.wanted)
    version = state.server.version
    keys = {use: leaf.spki_sha256 for use, leaf in seen.wanted.uses.items()}
    ready_in = "My" if seen.in_my else STAGE
    held = {
        use: entry
        for use, leaf in seen.wanted.uses.items()
        if (entry := state.stores.find(ready_in, leaf.sha256)) is not None and entry.key is not None
    }
    proven = {use: keys[use] for use, entry in held.items() if entry.key and (entry.key.signs or not judged.switch)}
    return {
        "member": seen.member,
        "run": settings.run,
        "ready": not any(f.stops for f in seen.findings),
        "forecast": judged.forecast,
        "locked": seen.lock is not None and seen.lock.get("Run") == settings.run,
        "host": host_facts(seen.reply, version.product, str(version), state.clock, seen.offset),
        "assigned": now,
        "wanted": {use: leaf.thumbprint for use, leaf in seen.wanted.uses.items() if use in state.server.offers},
        "staged": {use: seen.wanted.uses[use].thumbprint for use in held},
        "keys": proven,
        "planned_keys": keys,
        "labels": {c.certificate.thumbprint: label(c.certificate) for c in state.stores.machine("My")},
        "certificates": certificate_rows(seen.wanted, state.stores, now),
        "services": dict(state.server.services),
        "stage": [change.as_line() for change in judged.stage],
        "ready_in": ready_in,
        "missing": [{"store": c.subject.rsplit("\\", 1)[-1], "sha256": c.sha256} for c in judged.stage],
        "switch": [change.as_line() for change in judged.switch],
        "switch_calls": [call for change in judged.switch for call in plain_calls(change.calls)],
        "settings": {name: list(both) for name, both in settings_of(seen).items()},
        "switch_uses": list(judged.switch_uses),
        "standing": None,
        "av_old_ends": None,
        "token_seconds": 0.0,
        "rollback": rollback_possible(judged.switch_uses, now, state, timedelta(hours=settings.window_hours)),
        "chains": chain_pictures(judged.readiness, seen.wanted),
        "digest": digest(state.stores),
        "journal": seen.journal.dumps() if seen.journal else None,
        **records.roll_facts(seen.journal),
        "lock": None if seen.lock is None else {"run": seen.lock["Run"], "at": str(seen.lock.get("At") or "")},
        "events_asked": False,
        "default_smtp": state.default_smtp,
        "back_end": list(state.bound(BACK_END)),
        "send": [
            {
                "name": r.connector.name,
                "before": r.connector.certificate_name,
                "after": r.name,
                "sources": list(r.connector.sources),
            }
            for r in judged.send
        ],
        "findings": [f.to_dict() for f in seen.findings],
    }


def settings_of(seen: ExchangeSeen) -> dict[str, tuple[str | None, str]]:
    """Setting -> what it is and what the switch makes of it; empty when there is nothing to switch."""
    order = seen.judged.order
    if order is None or not seen.judged.switch:
        return {}
    return to_record(order.thumbprint, seen.judged.switch, seen.state)


def plain_calls(calls_: Sequence[Call]) -> list[dict[str, Any]]:
    """Calls that hold no key, as plain data; the switch makes them again, as they were judged at the gate."""
    return [
        {"id": c.id, "name": c.name, "with": {k: encode(v, c.name) for k, v in c.parameters.items()}} for c in calls_
    ]


def calls_again(plain: Sequence[Mapping[str, Any]]) -> tuple[Call, ...]:
    """The calls of :func:`plain_calls`. Raises CallError for a name that is not on the allowlist."""
    return tuple(Call(str(c["id"]), str(c["name"]), decode(dict(c["with"]))) for c in plain)
