# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a rollout on one Edge server: which calls travel together, with the journal around them.

What is to be done was decided elsewhere (``products``, ``array``); here it is sent. Every document that changes
something begins with the lock and the journal, so that a change is written down on the member before it is made, and
ends with a fresh read. The calls of a document stop at the first error, so a journal entry behind a change says that
the change was made, even when the reply never arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..array.journal import Journal
from ..pki.bundle import Bundle
from ..pki.pfx import rewrap_pfx
from ..products import edge, services
from ..products.store import Change, StoredCertificate, StoredKey, Stores, plan_stores
from ..windows.calls import Call, Reply
from ..windows.host import Host
from . import records
from .drain import Clock, DrainExpired, drain
from .evidence import Wanted
from .seen import LOAD, PhaseFailed, Seen, calls, see
from .settings import Settings


@dataclass(frozen=True)
class EdgeMember:
    """One member for the length of one phase."""

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

    def read(self, events_since: datetime | None = None) -> Seen:
        """Reads everything in one command, and plans."""
        asked = calls(self._thumbprints(), self._events_from(events_since))
        return self._see(self.host.read(LOAD, asked), asked, events_since)

    def _see(self, reply: Reply, asked: Sequence[Call], events_since: datetime | None, replace_av: bool = False) -> Seen:
        return see(
            self.member,
            reply,
            self.clock.now(),
            self.settings,
            self.wanted,
            replace_av=replace_av,
            events_since=events_since,
        )

    def _thumbprints(self) -> tuple[str, ...]:
        return self.wanted.thumbprints if self.wanted is not None else ()

    def _events_from(self, since: datetime | None) -> datetime:
        return since or self.clock.now() - timedelta(hours=self.settings.event_hours)

    def _write(self, journal: Journal | None, changes: Sequence[Call], after: Journal | None, what: str, *,
               events_since: datetime | None = None, replace_av: bool = False, unlock: bool = False) -> Seen:
        """Lock, journal, changes, journal again, fresh read: one command.

        Raises PhaseFailed naming the call that failed, with what was read, or nothing if the read did not run.
        """
        sent: list[Call] = [records.lock_call(self.settings)]
        if journal is not None:
            sent.append(records.journal_call("journal-before", self.settings, journal))
        sent += changes
        if after is not None:
            sent.append(records.journal_call("journal-after", self.settings, after))
        if unlock:
            sent.append(records.unlock_call(self.settings))
        asked = calls(self._thumbprints(), self._events_from(events_since))
        reply = self.host.apply(LOAD, [*sent, *asked], check_mode=False)
        failed = next((c for c in sent if not reply.answers[c.id].ok), None)
        if failed is not None:
            error = reply.answers[failed.id].error
            words = f"{error.message} ({error.fqid})" if error else "it was not run"
            seen = self._read_after_failure(events_since)
            raise PhaseFailed(f"{self.member}: {what}: {failed.name} failed: {words}", seen)
        return self._see(reply, asked, events_since, replace_av)

    def _read_after_failure(self, events_since: datetime | None) -> Seen | None:
        """What the member says after something failed there; None when it says nothing any more."""
        try:
            return self.read(events_since)
        except Exception:  # the failure before this one is what the user must read
            return None

    # -- staging ---------------------------------------------------------------------------------------------------

    def stage(self, missing: Sequence[Mapping[str, str]]) -> tuple[tuple[Change, ...], Seen]:
        """Puts what the read found missing where no service looks; demands that nothing is left.

        ``missing``: store and SHA-256 of each, from the evidence of this run's read.
        """
        changes = self.plan_stage(missing, send=True)
        sent = [call for change in changes for call in change.calls]
        seen = self._write(None, sent, None, "staging")
        left = seen.judged.stage
        if left:
            lines = "; ".join(change.as_line() for change in left)
            raise PhaseFailed(f"{self.member}: staged without an error, but the stores do not show it: {lines}", seen)
        self.say(f"staged: {len(changes)} change(s), key signs, Schannel asked")
        return changes, seen

    def plan_stage(self, missing: Sequence[Mapping[str, str]], send: bool) -> tuple[Change, ...]:
        """The staging changes; with ``send`` their calls hold the keys, re-wrapped under a one-time password."""
        assert self.wanted is not None
        absent = {(m["store"], m["sha256"]) for m in missing}
        wrapped = {}
        if send:
            for key in self.wanted.keys:
                if (key.store, key.certificate.sha256) in absent:
                    password = self.one_time_password()
                    bundle = self.bundles[key.certificate.sha256]
                    wrapped[key.certificate.sha256] = (rewrap_pfx(bundle, password.encode("ascii"), key.friendly_name), password)
        return plan_stores(self.wanted.stores, _present(self.wanted, absent), wrapped)

    # -- A/V roll --------------------------------------------------------------------------------------------------

    def roll(self, instant: datetime, before: Journal, previous: str | None) -> Seen:
        """Schedules the A/V successor for ``instant`` and has it confirmed by the product or by the journal behind it."""
        wanted = self.wanted_leaf(edge.AV_USE)
        rolling = records.rolling(before, wanted, instant, previous)
        seen = self._write(rolling, [edge.roll_call(wanted, instant)], records.rolled(rolling), "rolling A/V authentication")
        standing = seen.judged.standing
        if standing is None or standing.state == "needed":
            raise PhaseFailed(f"{self.member}: -Roll ended without an error, but neither the product nor the journal shows it", seen)
        self.say(f"A/V successor rolled for {instant:%Y-%m-%d %H:%M:%SZ}")
        return seen

    def unroll(self, journal: Journal, previous: str) -> Seen:
        """Cancels a scheduled successor: the certificate that is in force is assigned again, without -Roll."""
        seen = self._write(journal, [edge.assign_call(edge.AV_USE, previous)], records.unrolled(journal), "cancelling the A/V roll")
        if seen.state.scheduled(edge.AV_USE) is not None or seen.state.current(edge.AV_USE) != previous:
            raise PhaseFailed(f"{self.member}: the scheduled A/V successor is still there", seen)
        self.say("A/V roll cancelled")
        return seen

    # -- switching -------------------------------------------------------------------------------------------------

    def switch(self, uses: Mapping[str, str], now: Mapping[str, str], running: Mapping[str, str], before: Journal) -> Seen:
        """Drains, assigns, starts, reads back: ``uses`` -> the new thumbprint, ``now`` -> the one that each has.

        ``running``: service -> status before. Raises PhaseFailed; DrainExpired becomes one as well.
        """
        names = services.affected(uses, running)
        restart = tuple(name for name in names if running.get(name) == services.RUNNING)
        switching = records.switching(before, uses, now, restart)
        self._stop(restart, switching, "switching")
        assign = [edge.assign_call(use, thumbprint) for use, thumbprint in uses.items()]
        began = records.started(before)
        seen = self._write(None, [*assign, *services.start_calls(restart)], records.switched(switching), "switching",
                           events_since=began, replace_av=edge.AV_USE in uses)
        wrong = {use: seen.state.current(use) for use in uses if seen.state.current(use) != uses[use]}
        if wrong:
            raise PhaseFailed(f"{self.member}: assigned without an error, but Get-CsCertificate shows {wrong}", seen)
        self._demand_running(restart, seen)
        self.say(f"switched: {', '.join(uses)}; {', '.join(restart) or 'no service'} restarted")
        return seen

    def _stop(self, names: Sequence[str], journal: Journal, what: str) -> None:
        """Journal first, then a graceful stop with a deadline; ``drain_expired`` decides what happens after it."""
        sent = [records.lock_call(self.settings), records.journal_call("journal-before", self.settings, journal)]
        sent += [*services.stop_calls(names, graceful=True), services.status_call()]
        reply = self.host.apply(LOAD, sent, check_mode=False)
        failed = next((c for c in sent if not reply.answers[c.id].ok), None)
        if failed is not None:
            error = reply.answers[failed.id].error
            seen = self._read_after_failure(None)
            raise PhaseFailed(f"{self.member}: {what}: {failed.name} failed: {error.message if error else 'it was not run'}", seen)
        try:
            drain(self.host, LOAD, names, reply, self.clock, seconds=self.settings.drain_seconds,
                  poll_seconds=self.settings.drain_poll_seconds, tell=self.say)
        except DrainExpired as expired:
            if self.settings.drain_expired != "continue":
                seen = self._read_after_failure(None)
                hint = "rollout_drain_expired: continue would cut them; rollout_drain_seconds gives them longer"
                raise PhaseFailed(f"{self.member}: {expired}. {hint}", seen) from None
            self.say(f"{expired}: stopped with what was left")
            self._force(expired.left)

    def _force(self, names: Sequence[str]) -> None:
        sent = [*services.stop_calls(names, graceful=False), services.status_call()]
        reply = self.host.apply(LOAD, sent, check_mode=False)
        left = services.not_stopped(names, services.statuses(reply.rows("services")))
        if left:
            raise PhaseFailed(f"{self.member}: {', '.join(left)} did not stop, not even when forced", self._read_after_failure(None))

    def _demand_running(self, names: Sequence[str], seen: Seen) -> None:
        stopped = services.not_running(names, seen.state.services)
        if stopped:
            raise PhaseFailed(f"{self.member}: {', '.join(stopped)} did not come up again", seen)

    # -- ending ----------------------------------------------------------------------------------------------------

    def prove(self, journal: Journal, since: datetime | None) -> Seen:
        """Reads once more, closes the journal, gives up the lock. ``since``: from when certificate events count."""
        since = since or records.started(journal)
        return self._write(None, [], records.done(journal), "closing the journal", events_since=since, unlock=True)

    def settle(self, journal: Journal) -> Seen:
        """Restarts what uses the A/V authentication certificate, after its roll took effect; closes the roll."""
        seen = self.read()
        names = services.affected([edge.AV_USE], seen.state.services)
        self._stop(names, journal, "settling")
        seen = self._write(None, list(services.start_calls(names)), records.settled(journal), "settling",
                           events_since=seen.state.clock, unlock=True)
        self._demand_running(names, seen)
        self.say(f"settled: {', '.join(names)} restarted on the new A/V certificate")
        return seen

    def take_back(self) -> Seen:
        """Puts back what the member's own journal names, whatever half of it was done; then proves it."""
        seen = self.read()
        if seen.journal is None:
            self.say("nothing to take back: no journal")
            return seen
        uses = records.to_restore(seen.journal, seen.state)
        names = services.affected(uses, seen.state.services)
        down = services.not_running(records.restarted(seen.journal), seen.state.services)
        if uses:
            self._stop(services.not_stopped(names, seen.state.services), records.taking_back(seen.journal), "taking back")
        assign = [edge.assign_call(use, thumbprint) for use, thumbprint in uses.items()]
        start = [*services.start_calls(sorted({*names, *down}))]
        after = self._write(records.taking_back(seen.journal), [*assign, *start], records.taken_back(seen.journal), "taking back",
                            events_since=seen.state.clock)
        left = records.to_restore(seen.journal, after.state)
        if left:
            raise PhaseFailed(f"{self.member}: the old certificate was assigned again, but {', '.join(left)} shows another one", after)
        self._demand_running([*names, *down], after)
        self.say(f"taken back: {', '.join(uses) or 'nothing had been assigned'}; {', '.join(sorted({*names, *down})) or 'no service'} started")
        return after

    def release(self) -> None:
        """Gives up the lock, if this run holds it."""
        self.host.apply((), [records.unlock_call(self.settings)], check_mode=False)

    def wanted_leaf(self, use: str) -> str:
        """The thumbprint wanted for a use."""
        if self.wanted is None or use not in self.wanted.uses:
            raise PhaseFailed(f"{self.member}: no certificate is wanted for {use}")
        return self.wanted.uses[use].thumbprint


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
