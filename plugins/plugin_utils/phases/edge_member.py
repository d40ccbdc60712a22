# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a rollout on one Edge server that services notice: roll, switch, settle, take back.

What is to be done was decided elsewhere (``products``, ``array``); here it is sent. Every document that changes
something begins with the lock or the journal, so that a change is written down on the member before it is made, and
ends with a fresh read. The calls of a document stop at the first error, so a journal entry behind a change says that
the change was made, even when the reply never arrives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..array.journal import Journal
from ..products import edge, services
from ..windows.calls import Call, Reply
from . import light, records
from .drain import DrainExpired, drain
from .edge_reader import EdgeReader
from .evidence import why_no_way_back
from .member import Evidence, is_whole
from .seen import LOAD, Seen, to_evidence
from .stop import PhaseFailed

MAX_WAIT = 15.0
"""Seconds that one command may wait on a member; whoever takes longer is polled with short commands."""


@dataclass(frozen=True)
class Restart:
    """Services that are stopped for a change and started again."""

    names: tuple[str, ...]
    """Those to stop."""
    start: tuple[str, ...]
    """Those to start again: the same, and whatever was down already."""
    running: tuple[str, ...]
    """Everything that has to run afterwards."""
    change: Sequence[Call]
    """What is done while they are stopped."""
    tail: Sequence[Call]
    """What is written down once they run again."""
    read: Sequence[Call]
    what: str
    """For messages."""
    force: bool = False
    """Whether work that is left at the deadline is cut whatever ``drain_expired`` says."""


@dataclass(frozen=True)
class EdgeMember(EdgeReader):
    """One member for the length of one phase. Each phase returns the evidence of what the member says after it."""

    # -- A/V roll --------------------------------------------------------------------------------------------------

    def roll(self, instant: datetime, before: Journal, evidence: Evidence) -> Evidence:
        """Schedules the A/V successor for ``instant`` and has it confirmed by the product or by the journal behind
        it."""
        thumbprint = str(evidence["wanted"][edge.AV_USE])
        rolling = records.rolling(before, thumbprint, instant, (evidence.get("standing") or {}).get("previous"))
        rolled = records.rolled(rolling)
        change = (edge.roll_call(thumbprint, instant), records.journal_call("journal-after", self.settings, rolled))
        reply = self._send([*self._begin(evidence, rolling), *change], light.calls(None), "rolling A/V authentication")
        after = self._refresh(evidence, reply, rolled, None)
        if after["standing"]["state"] in ("needed", "first"):
            text = f"{self.member}: -Roll ended without an error, but neither the product nor the journal shows it"
            raise PhaseFailed(text, after)
        self.say(f"A/V successor rolled for {instant:%Y-%m-%d %H:%M:%SZ}")
        return after

    def unroll(self, journal: Journal, previous: str, evidence: Evidence) -> Evidence:
        """Cancels a scheduled successor: the certificate that is in force is assigned again, without -Roll."""
        cancelled = records.unrolled(journal)
        change = (
            edge.assign_call(edge.AV_USE, previous),
            records.journal_call("journal-after", self.settings, cancelled),
        )
        reply = self._send([*self._begin(evidence, journal), *change], light.calls(None), "cancelling the A/V roll")
        after = self._refresh(evidence, reply, cancelled, None)
        if after["assigned"].get(edge.AV_USE) != previous or after["standing"]["state"] == "scheduled":
            raise PhaseFailed(f"{self.member}: the scheduled A/V successor is still there", after)
        self.say("A/V roll cancelled")
        return after

    # -- switching -------------------------------------------------------------------------------------------------

    def switch(self, uses: Mapping[str, str], before: Journal, evidence: Evidence) -> Evidence:
        """Drains, assigns, starts again what ran before, reads back. ``uses`` -> the new thumbprint."""
        running = services.running(evidence["services"])
        names = tuple(name for name in services.affected(uses, evidence["services"]) if name in running)
        switching = records.switching(before, uses, evidence["assigned"], running)
        switched = records.switched(switching)
        assign = [edge.assign_call(use, thumbprint) for use, thumbprint in uses.items()]
        tail = (records.journal_call("journal-after", self.settings, switched),)
        restart = Restart(names, names, running, assign, tail, light.calls(None), "switching")
        after = self._refresh(evidence, self._restart(restart, self._begin(evidence, switching)), switched, None)
        wrong = [f"{use}: {after['assigned'].get(use)}" for use in uses if after["assigned"].get(use) != uses[use]]
        if wrong:
            text = f"{self.member}: assigned without an error, but Get-CsCertificate shows {', '.join(wrong)}"
            raise PhaseFailed(text, after)
        self._demand_running(running, after)
        self.say(f"switched: {', '.join(uses)}; {', '.join(names) or 'no service'} restarted")
        return after

    def _restart(self, restart: Restart, begin: Sequence[Call]) -> Reply:
        """Journal, graceful stop, change, start and read; in one command where nothing has to be waited for.

        A member is out of service for as long as this takes, and every command loads the product's module anew.
        """
        patience = min(self.settings.drain_poll_seconds, self.settings.drain_seconds, MAX_WAIT)
        stop = [*services.stop_calls(restart.names, graceful=True), services.wait_call(restart.names, patience)]
        change = [*restart.change, *services.start_calls(restart.start), *restart.tail]
        sent = [*begin, *(stop if restart.names else ()), *change]
        reply = self.host.apply(LOAD, [*sent, *restart.read], check_mode=False, facts=is_whole(restart.read))
        waited = reply.answers.get("wait")
        if waited is not None and waited.error is not None and waited.error.fqid.startswith(services.STILL_RUNNING):
            # While it waited another run may have taken the lock over: each command asks for it anew.
            guard = begin[-1:]
            self._drain(restart, guard)
            self._demand_lock(restart.what)
            reply = self._send([*guard, *change], restart.read, restart.what)
        else:
            self._demand_made([*sent, *restart.read], reply, restart.what)
        down = services.not_running(restart.running, services.statuses(reply.rows("services")))
        if down:  # stopping a service stops its dependents, too, and which these are is not documented
            reply = self._send(services.start_calls(down), restart.read, restart.what)
        return reply

    def _drain(self, restart: Restart, guard: Sequence[Call]) -> None:
        """Waits for the work to end; what is left at the deadline is cut, or the phase fails.

        ``guard``: writes the journal, which is refused when another run has the lock.
        """
        try:
            drain(
                self.host,
                LOAD,
                restart.names,
                self.host.read(LOAD, [services.status_call()], facts=False),
                self.clock,
                seconds=self.settings.drain_seconds,
                poll_seconds=self.settings.drain_poll_seconds,
                tell=self.say,
            )
        except DrainExpired as expired:
            if self.settings.drain_expired != "continue" and not restart.force:
                hint = "rollout_drain_expired: continue would cut them; rollout_drain_seconds gives them longer"
                raise PhaseFailed(f"{self.member}: {expired}. {hint}", self.after_failure()) from None
            self._demand_lock(restart.what)
            self.say(f"{expired}: stopped with what was left")
            force = [*guard, *services.stop_calls(expired.left, graceful=False)]
            reply = self._send(force, [services.status_call()], restart.what)
            left = services.not_stopped(restart.names, services.statuses(reply.rows("services")))
            if left:
                text = f"{self.member}: {', '.join(left)} did not stop, not even when forced"
                raise PhaseFailed(text, self.after_failure()) from None

    def _demand_lock(self, what: str) -> None:
        """Raises PhaseFailed when this run does not hold the lock any more: taken over, or taken over and given up."""
        reply = self.host.read((), [Call("journal", "Get-Journal")], facts=False)
        lock = next(iter(reply.rows("journal")), {}).get("Lock")
        if lock is None or lock.get("Run") != self.settings.run:
            holder = f"run {lock['Run']} holds it" if lock else "nobody holds it"
            text = f"the lock was taken from this run while it waited ({holder}); it changes nothing more here"
            raise PhaseFailed(f"{self.member}: {what}: {text}", self.after_failure())

    def _demand_running(self, names: Sequence[str], evidence: Evidence) -> None:
        stopped = services.not_running(names, evidence["services"])
        if stopped:
            raise PhaseFailed(f"{self.member}: {', '.join(stopped)} did not come up again", evidence)

    def _demand_up(self, names: Sequence[str], reply: Reply) -> None:
        """Raises PhaseFailed before a journal is closed that knows alone what ran before."""
        down = services.not_running(names, services.statuses(reply.rows("services")))
        if down:
            raise PhaseFailed(f"{self.member}: {', '.join(down)} did not come up again", self.after_failure())

    # -- ending ----------------------------------------------------------------------------------------------------

    def prove(self, journal: Journal, evidence: Evidence, since: datetime | None) -> Evidence:
        """Reads once more, closes the journal, gives up the lock. ``since``: from when certificate events count."""
        since, done = since or records.started(journal), records.done(journal)
        sent = [*self._begin(evidence, done), records.unlock_call(self.settings)]
        return self._refresh(
            evidence, self._send(sent, light.calls(since), "closing the journal"), done, since, locked=False
        )

    def settle(self, journal: Journal, evidence: Evidence) -> Evidence:
        """Restarts what uses the A/V authentication certificate, after its roll took effect; closes the roll."""
        running = services.running(evidence["services"])
        names = services.affected([edge.AV_USE], evidence["services"])
        settled = records.settled(journal)
        tail = (
            records.journal_call("journal-after", self.settings, settled),
            records.unlock_call(self.settings),
        )
        since = datetime.fromisoformat(evidence["host"]["clock"])
        stop = tuple(name for name in names if name in running)
        begun = records.settling(journal, running)
        should = services.in_order({*begun.settling, *names})
        restart = Restart(stop, names, should, (), (), (services.status_call(),), "settling")
        reply = self._restart(restart, self._begin(evidence, begun))
        self._demand_up(should, reply)  # otherwise the roll stays open: the next settling starts them
        reply = self._send(tail, light.calls(since), "settling")
        after = self._refresh(evidence, reply, settled, since, locked=False)
        self._demand_running(should, after)
        self.say(f"settled: {', '.join(names)} restarted on the new A/V certificate")
        return after

    def take_back(self) -> Evidence:
        """Puts back what the member's own journal names, whatever half of it was done; then proves it."""
        seen = self.look()
        journal, state = seen.journal, seen.state
        ran = records.restarted(journal, self.settings.run)
        if journal is None or not (journal.uses or ran):
            self.say("nothing to take back: its journal names nothing")
            return to_evidence(seen, self.settings)
        uses = records.to_restore(journal, state)
        blocked = [f"{use}: {why}" for use, old in uses.items() if (why := why_no_way_back(old, state, timedelta(0)))]
        if blocked:
            self._start_what_ran(ran, seen)
            text = f"{self.member} cannot be taken back: {'; '.join(blocked)}. Go forward: mend the cause and run again"
            raise PhaseFailed(text, to_evidence(seen, self.settings))
        names = services.affected(uses, state.services)
        stop = services.not_stopped(names, state.services)
        should = services.in_order({*ran, *services.running(state.services), *names})
        begin = (
            records.lock_call(self.settings),
            records.journal_call("journal-before", self.settings, records.taking_back(journal, should)),
        )
        start = services.in_order({*stop, *services.not_running(should, state.services)})
        assign = [edge.assign_call(use, thumbprint) for use, thumbprint in uses.items()]
        status = (services.status_call(),)
        try:
            restart = Restart(stop, start, should, assign, (), status, "taking back", force=True)
            reply = self._restart(restart, begin)
        except PhaseFailed:
            draining = tuple(n for n in start if state.services.get(n) not in (services.RUNNING, services.STOPPED))
            if uses or not draining:
                raise
            # A service that drains and cannot simply go on is stopped for good and started: the array comes first.
            force = (*services.stop_calls(draining, graceful=False), *services.start_calls(should))
            reply = self._send(force, status, "taking back")
        self._demand_up(should, reply)
        # The journal forgets what ran before only when all of it was seen running again, dependents included.
        tail = (records.journal_call("journal-after", self.settings, records.taken_back(journal)),)
        # While only some members are back they cannot import each other's session keys: that event says nothing.
        after = self._see(self._send(tail, self._read_calls(state.clock), "taking back"), None)
        evidence = to_evidence(after, self.settings)
        left = records.to_restore(journal, after.state)
        if left:
            text = f"{self.member}: the old certificate was assigned again, but {', '.join(left)} shows another one"
            raise PhaseFailed(text, evidence)
        self._demand_running(should, evidence)
        self.say(
            f"taken back: {', '.join(uses) or 'nothing had been assigned'}; {', '.join(start) or 'no service'} started"
        )
        return evidence

    def _start_what_ran(self, ran: Sequence[str], seen: Seen) -> None:
        """Starts what the journal says ran before the switch: a member that cannot go back need not stay down."""
        down = services.not_running(services.in_order(ran), seen.state.services)
        if not down:
            return
        begin = (records.lock_call(self.settings), *services.start_calls(down))
        try:
            self._send(begin, (services.status_call(),), "taking back")
        except PhaseFailed as failed:
            self.say(f"{', '.join(down)} could not be started: {failed}")
        else:
            self.say(f"{', '.join(down)} started, on the certificate that is assigned now")
