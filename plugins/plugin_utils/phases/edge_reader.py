# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an Edge server and staging on it: the part of a rollout that no service notices."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..array.journal import Journal
from ..pki.bundle import Bundle
from ..pki.certificate import Certificate
from ..pki.pfx import rewrap_pfx
from ..products.store import Change, StoredCertificate, StoredKey, Stores, plan_stores, test_calls
from ..products.store import read_calls as store_calls
from ..windows.calls import Call, Reply
from ..windows.host import Host, KeyRefused
from ..windows.wire import document
from . import light, records
from .drain import Clock
from .evidence import Wanted
from .seen import LOAD, Seen, calls, see, to_evidence
from .settings import Settings
from .stop import PhaseFailed

Evidence = Mapping[str, Any]


@dataclass(frozen=True)
class Prepared:
    """What preparing a member found and did."""

    first: Evidence
    """What the member said before anything was staged."""
    evidence: Evidence
    """What it says now."""
    changes: tuple[Change, ...] = ()
    """What was staged; in check mode what would be."""


def is_whole(read: Sequence[Call]) -> bool:
    """Whether a read is a whole one, which judges the host, too; a small one only follows it up."""
    return any(call.name == "Get-StoreCertificate" for call in read)


def together(before: Reply, after: Reply) -> Reply:
    """Two replies of one member as one: what the later one answers counts."""
    return Reply(after.host, {**before.answers, **after.answers})


@dataclass(frozen=True)
class EdgeReader:
    """One member for the length of one phase: reads it, stages on it, sends what the other phases need."""

    host: Host
    member: str
    settings: Settings
    wanted: Wanted | None
    """None when the journal says what was wanted."""
    clock: Clock
    tell: Callable[[str], None]
    one_time_password: Callable[[], str]
    bundles: Mapping[str, Bundle] = field(default_factory=dict, repr=False)
    """SHA-256 of a leaf -> its bundle, for the phase that sends keys."""

    def say(self, text: str) -> None:
        """Shows progress with the member's name in front."""
        self.tell(f"  | {self.member:<14} {text}")

    # -- reading ---------------------------------------------------------------------------------------------------

    def look(self, events_since: datetime | None = None) -> Seen:
        """Reads everything in one command, and plans."""
        return self._see(self.host.read(LOAD, self._read_calls(events_since)), events_since)

    def prepare(self, stage: bool, check_mode: bool) -> Prepared:
        """Reads the member, plans, and with ``stage`` puts what is missing where no service looks at it.

        One command reads; keys are asked only where they lie staged and unused, since a certificate in use is proven by
        what is served. A second one stages, over the same connection. Nothing is staged that the gate would refuse.
        """
        if self.settings.show_calls:
            text = json.dumps(json.loads(document("0" * 16, LOAD, self._read_calls(None))), indent=2)
            self.tell(f"  | {self.member}: the document of the read (remote_calls.ps1 answers it)\n{text}")
        reply = self.host.read(LOAD, calls((), self._events_from(None)))
        seen = self._see(reply, None)
        if seen.untested:
            reply = together(reply, self.host.read((), test_calls(seen.untested)))
            seen = self._see(reply, None)
        first = to_evidence(seen, self.settings)
        if not first["stage"] or not stage:
            return Prepared(first, first)
        if check_mode or not first["ready"]:
            planned = self.plan_stage(first["missing"], send=False) if first["ready"] else ()
            return Prepared(first, first, planned)
        try:
            changes, evidence = self._stage(first["missing"], reply)
        except KeyRefused as refused:  # nothing was sent: what was read is still true
            raise PhaseFailed(f"{self.member}: {refused}", first, "transport.insecure") from None
        return Prepared(first, evidence, changes)

    def _read_calls(self, events_since: datetime | None) -> tuple[Call, ...]:
        return calls(self.wanted.thumbprints if self.wanted is not None else (), self._events_from(events_since))

    def _events_from(self, events_since: datetime | None) -> datetime:
        return events_since or self.clock.now() - timedelta(hours=self.settings.event_hours)

    def _see(self, reply: Reply, events_since: datetime | None) -> Seen:
        return see(self.member, reply, self.clock.now(), self.settings, self.wanted, events_since=events_since)

    def _leaves(self) -> tuple[Certificate, ...]:
        return self.wanted.leaves if self.wanted is not None else ()

    def after_failure(self) -> Evidence | None:
        """What the member says after something failed there; None when it says nothing any more."""
        try:
            return to_evidence(self.look(), self.settings)
        except Exception:  # the failure before this one is what the user must read
            return None

    def _send(self, sent: Sequence[Call], read: Sequence[Call], what: str, load: Sequence[str] = LOAD) -> Reply:
        """Sends changes and a read in one document. Raises PhaseFailed naming the call that failed."""
        reply = self.host.apply(load, [*sent, *read], check_mode=False, facts=is_whole(read))
        self._demand_made([*sent, *read], reply, what)
        return reply

    def _demand_made(self, calls: Sequence[Call], reply: Reply, what: str) -> None:
        """Every change was made and every read behind it answered: what was not read is not known."""
        failed = next((call for call in calls if not (call.optional or reply.answers[call.id].ok)), None)
        if failed is not None:
            error = reply.answers[failed.id].error
            words = f"{error.message} ({error.fqid})" if error else "it was not run"
            raise PhaseFailed(f"{self.member}: {what}: {failed.name} failed: {words}", self.after_failure())

    def _begin(self, evidence: Evidence, journal: Journal) -> tuple[Call, ...]:
        """The lock where this run does not hold it yet, then the journal, which is refused when somebody else does."""
        lock = () if evidence.get("locked") else (records.lock_call(self.settings),)
        return (*lock, records.journal_call("journal-before", self.settings, journal))

    def _refresh(
        self, evidence: Evidence, reply: Reply, journal: Journal, since: datetime | None, locked: bool = True
    ) -> Evidence:
        return light.refresh(evidence, reply, self.clock.now(), journal, self._leaves(), since, locked)

    # -- staging ---------------------------------------------------------------------------------------------------

    def _stage(self, missing: Sequence[Mapping[str, str]], before: Reply) -> tuple[tuple[Change, ...], Evidence]:
        """Stages and reads the stores again; demands that nothing is left.

        ``missing``: store and SHA-256 of each. ``before``: the read that found it, for what staging does not change.
        """
        changes = self.plan_stage(missing, send=True)
        sent = [records.lock_call(self.settings), *(call for change in changes for call in change.calls)]
        read = store_calls(thumbprints=self.wanted.thumbprints if self.wanted is not None else ())
        reply = together(before, self._send(sent, read, "staging", load=()))
        seen = replace(self._see(reply, None), lock=records.own_lock(self.settings))
        evidence = to_evidence(seen, self.settings)
        if seen.judged.stage:
            lines = "; ".join(change.as_line() for change in seen.judged.stage)
            text = f"{self.member}: staged without an error, but the stores do not show it: {lines}"
            raise PhaseFailed(text, evidence)
        self.say(f"staged: {len(changes)} change(s), key signs, Schannel asked")
        return changes, evidence

    def plan_stage(self, missing: Sequence[Mapping[str, str]], send: bool) -> tuple[Change, ...]:
        """The staging changes; with ``send`` their calls hold the keys, re-wrapped under a one-time password."""
        if self.wanted is None:
            return ()
        absent = {(m["store"], m["sha256"]) for m in missing}
        wrapped = {}
        for key in self.wanted.keys if send else ():
            if (key.store, key.certificate.sha256) in absent:
                password = self.one_time_password()
                bundle = self.bundles[key.certificate.sha256]
                pfx = rewrap_pfx(bundle, password.encode("ascii"), key.friendly_name)
                wrapped[key.certificate.sha256] = (pfx, password)
        return plan_stores(self.wanted.stores, _present(self.wanted, absent), wrapped)


def _present(wanted: Wanted, absent: set[tuple[str, str]]) -> Stores:
    """The stores as the read of this run found them, as far as staging is concerned."""
    desired = wanted.stores
    there = []
    for store, certificates in (("CA", desired.intermediates), ("Root", desired.roots)):
        there += [StoredCertificate("LocalMachine", store, c) for c in certificates if (store, c.sha256) not in absent]
    for key in desired.keys:
        if (key.store, key.certificate.sha256) not in absent:
            held = StoredKey("", "", None, True, key.exportable)
            there.append(StoredCertificate("LocalMachine", key.store, key.certificate, "", held))
    return Stores(tuple(there))
