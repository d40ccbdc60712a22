# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation with one member: prepare, switch, prove, take back, release; once, whatever the product.

Every change is written to the member's journal before it is made, and ends with a fresh read. Calls go through a
driver, so that the same conversation runs over Ansible's connection, over a fake in a test, and over many simulated
members in one process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..pki.pfx import rewrap_pfx
from ..products.values import RUNNING, STOPPED, Ask, Plan
from ..stores.store import Change, plan_stores
from ..stores.wanted import NOTHING, as_read
from ..windows.calls import Call, Reply
from ..windows.host import KeyRefused
from ..windows.wire import document
from . import records
from .evidence import Evidence, Lock, Missing
from .execute import execute
from .journal import Journal
from .read import Sight, refresh, see
from .stop import PhaseFailed
from .talk import Talk, merged


@dataclass(frozen=True)
class Prepared:
    """What preparing a member found and did."""

    first: Evidence
    """What the member said before anything was staged."""
    evidence: Evidence
    """What it says now."""
    changes: tuple[Change, ...] = ()
    """What was staged; in check mode what would be."""


class Conversation(Talk):
    """One member for the length of one phase. Each phase returns the evidence of what the member says after it."""

    # -- reading and staging ---------------------------------------------------------------------------------------

    def prepare(self, stage: bool, check_mode: bool) -> Prepared:
        """Reads the member, plans, and with ``stage`` puts what is missing where no service looks at it.

        One command reads; keys are asked only where they lie staged and unused, since a certificate in use is proven by
        what is served. A second one stages, over the same connection. Nothing is staged that the gate would refuse.
        """
        calls = self.whole(None, tested=False)
        if self.settings.show_calls:
            text = json.dumps(json.loads(document("0" * 16, self.load, calls)), indent=2)
            self.tell(f"  | {self.member}: the document of the read (remote_calls.ps1 answers it)\n{text}")
        reply = self.host.read(self.load, calls)
        seen = see(self.asking, reply, self.clock.now())
        if seen.untested:
            asked = self.host.read((), self.product.test(seen.untested, seen.context.ready_in))
            reply = merged(reply, asked)
            seen = see(self.asking, reply, self.clock.now())
        first = seen.evidence
        if not first.stage or not stage:
            return Prepared(first, first)
        if check_mode or not first.ready:
            return Prepared(first, first, self.plan_stage(first.missing, send=False) if first.ready else ())
        try:
            return self.stage(seen, reply)
        except KeyRefused as refused:  # nothing was sent: what was read is still true
            raise PhaseFailed(f"{self.member}: {refused}", first, "transport.insecure") from None

    def stage(self, seen: Sight, before: Reply) -> Prepared:
        """Stages and reads the stores again; demands that nothing is left."""
        changes = self.plan_stage(seen.evidence.missing, send=True)
        lock = records.lock_call(self.settings, seen.evidence.lock)
        sent = [lock, *(call for change in changes for call in change.calls)]
        leaves = self.wanted.thumbprints if self.wanted is not None else ()
        read = self.product.staged(leaves, seen.context.ready_in)
        reply = merged(before, self.send(sent, read, "staging", load=()))
        after = self.behind(reply)
        evidence = replace(after.evidence, lock=Lock(self.settings.run))
        if evidence.stage:
            lines = "; ".join(evidence.stage)
            text = f"{self.member}: staged without an error, but the stores do not show it: {lines}"
            raise PhaseFailed(text, evidence)
        self.say(f"staged: {len(changes)} change(s), key signs, Schannel asked")
        return Prepared(seen.evidence, evidence, changes)

    def plan_stage(self, missing: Sequence[Missing], send: bool) -> tuple[Change, ...]:
        """The staging changes; with ``send`` their calls hold the keys, re-wrapped under a one-time password."""
        wanted = self.wanted or NOTHING
        absent = {(one.store, one.sha256) for one in missing}
        wrapped = {}
        for key in wanted.keys if send else ():
            if (key.store, key.certificate.sha256) in absent:
                password = self.one_time_password()
                bundle = self.bundles[key.certificate.sha256]
                pfx = rewrap_pfx(bundle, password.encode("ascii"), key.friendly_name)
                wrapped[key.certificate.sha256] = (pfx, password)
        held = as_read(wanted, absent)
        return tuple(c for c in plan_stores(wanted.stores, held, wrapped))

    # -- changing --------------------------------------------------------------------------------------------------

    def switch(self, plan: Plan, before: Journal, evidence: Evidence) -> Evidence:
        """Makes the product use what is staged: what was planned on this run's read, as the gate judged it."""
        switching = records.switching(before, plan.uses, plan.settings, plan.run)
        switched = records.switched(switching)
        tail = (records.journal_call("journal-after", self.settings, switched),)
        self._tell_settings(plan, evidence)
        read = self.after(None)
        reply = execute(self, plan, self.begin(evidence, switching), tail, read, "switching")
        after = self.judged(plan, evidence, reply, read, switched)
        self.demand_running(plan.run, after)
        told = ", ".join(plan.uses) or ", ".join(change.subject for change in (*plan.changes, *plan.last))
        self.say(f"switched: {told}; {', '.join((*plan.start, *plan.restart)) or 'no service'} restarted")
        return after

    def step(self, plan: Plan, before: Journal, evidence: Evidence, what: str) -> Evidence:
        """A step of its own before or after the switches: schedules a successor, or changes what the array shares."""
        if plan.pending:
            use, successor = next(iter(plan.pending.items()))
            begun = records.rolling(before, use, successor)
            ended = records.rolled(begun)
        else:
            begun = records.switching(before, plan.uses, plan.settings, before.services)
            ended = records.switched(begun)
        read = self.after(None)
        tail = (records.journal_call("journal-after", self.settings, ended),)
        reply = execute(self, plan, self.begin(evidence, begun), tail, read, what)
        after = self.judged(plan, evidence, reply, read, ended)
        for use, at in plan.pending.items():
            if after.pending[use].state not in ("scheduled", "done"):
                text = (
                    f"{self.member}: {use}: rolled without an error, but neither the product nor the journal shows it"
                )
                raise PhaseFailed(text, after, "roll.unconfirmed")
            self.say(f"{use}: successor rolled for {at.instant:%Y-%m-%d %H:%M:%SZ}")
        for change in plan.last:
            self.say(f"changed: {change.subject}")
        return after

    def cancel(self, use: str, journal: Journal, previous: str, evidence: Evidence) -> Evidence:
        """Takes back a scheduled successor."""
        plan = self.product.cancel(use, previous)
        cancelled = records.unrolled(journal)
        tail = (records.journal_call("journal-after", self.settings, cancelled),)
        read = self.after(None)
        reply = execute(self, plan, self.begin(evidence, journal), tail, read, "cancelling the roll")
        after = self.refreshed(evidence, reply, read, cancelled)
        if after.assigned.get(use) != previous or after.pending[use].state == "scheduled":
            raise PhaseFailed(f"{self.member}: the scheduled successor is still there", after)
        self.say("roll cancelled")
        return after

    def _tell_settings(self, plan: Plan, evidence: Evidence) -> None:
        """What must not move, said before it could."""
        for name, both in plan.settings.items():
            if name in evidence.settings and both.before == both.after and str(both.before) in evidence.labels:
                self.say(f"{name}: {evidence.labels[str(both.before)]}")

    # -- ending ----------------------------------------------------------------------------------------------------

    def prove(self, journal: Journal, evidence: Evidence, since: datetime | None) -> Evidence:
        """Looks at services and events once more, closes the journal, gives up the lock.

        ``since``: from when certificate events count.
        """
        begun, done = since or records.started(journal), records.done(journal)
        sent = [*self.begin(evidence, done), records.unlock_call(self.settings)]
        read = self.product.read("closing", Ask(self.own, (), begun))
        reply = self.send(sent, read, "closing the journal", self.product.load(self.own, "closing"))
        after = refresh(self.asking, evidence, reply, self.clock.now(), done, begun, False)
        self.demand_running(journal.services, after)
        return after

    def settle(self, journal: Journal, evidence: Evidence) -> Evidence:
        """Restarts what uses the successor after its instant; closes the roll."""
        plan = self.product.settle(evidence)
        begun = records.settling(journal, plan.run)
        plan = replace(plan, run=tuple(dict.fromkeys((*plan.run, *begun.settling))))
        if plan.blocked:
            raise PhaseFailed(f"{self.member}: {'; '.join(plan.blocked)}", evidence)
        since, settled = evidence.clock, records.settled(journal)
        reply = execute(self, plan, self.begin(evidence, begun), (), self.product.status(), "settling")
        down = self.down(plan.run, reply)
        if down:  # the roll stays open: the next settling starts them
            raise PhaseFailed(f"{self.member}: {', '.join(down)} did not come up again", self.after_failure())
        tail = [
            records.journal_call("journal-after", self.settings, settled),
            records.unlock_call(self.settings),
        ]
        reply = self.send(tail, self.product.read("after", Ask(self.own, (), since)), "settling")
        after = refresh(self.asking, evidence, reply, self.clock.now(), settled, since, False)
        self.demand_running(plan.run, after)
        self.say(f"settled: {', '.join(plan.start)} restarted on the successor")
        return after

    def take_back(self) -> Evidence:
        """Puts back what the member's own journal names, whatever half of it was done; then proves it.

        The journal forgets what was there before only when all of it was seen there again, services included.
        """
        seen = self.look()
        journal = seen.evidence.journal
        if journal is None or not (journal.uses or journal.settings or records.restarted(journal, self.settings.run)):
            self.say("nothing to take back: its journal names nothing")
            return seen.evidence
        record = records.record_of(journal, self.settings.run)
        plan = self.product.back(record, seen.state, seen.context)
        if plan.blocked:
            after = self._start_what_ran(plan, seen.evidence)
            text = f"{self.member} cannot be taken back: {'; '.join(plan.blocked)}. Go forward: mend the cause and run"
            raise PhaseFailed(f"{text} again", after)
        begin = (
            records.lock_call(self.settings, seen.evidence.lock),
            records.journal_call("journal-before", self.settings, records.taking_back(journal, plan.run)),
        )
        self._put_back(plan, begin, seen.evidence)
        # While only some members are back they cannot import each other's session keys: that event says nothing.
        again = self.behind()
        left = self.product.back(record, again.state, again.context)
        if left.changes or left.last:
            text = f"{self.member}: taken back without an error, but there is left: {'; '.join(left.lines)}"
            raise PhaseFailed(text, again.evidence)
        self.demand_running(plan.run, again.evidence)
        done = records.taken_back(journal)
        self.send([records.journal_call("journal-after", self.settings, done)], (), "taking back", load=())
        started = ", ".join((*plan.start, *plan.restart)) or "no service"
        self.say(f"taken back: {'; '.join(plan.lines) or 'nothing had been changed'}; {started} started")
        return replace(again.evidence, journal=done, lock=Lock(self.settings.run))

    def _put_back(self, plan: Plan, begin: Sequence[Call], evidence: Evidence) -> None:
        try:
            execute(self, plan, begin, (), self.product.status(), "taking back", force=True)
        except PhaseFailed:
            draining = tuple(n for n in plan.start if evidence.services.get(n) not in (RUNNING, STOPPED))
            if plan.changes or not draining:
                raise
            # A service that drains and cannot simply go on is stopped for good and started: the array comes first.
            again = (*self.product.stop(draining, graceful=False), *self.product.start(plan.run))
            self.send(again, self.product.status(), "taking back")

    def _start_what_ran(self, plan: Plan, evidence: Evidence) -> Evidence:
        """Starts what ran before the switch: a member that cannot go back need not stay down. What is known then says
        that this run holds the member, so that the lock is given up in the end."""
        if not plan.start:
            return evidence
        try:
            start = (records.lock_call(self.settings, evidence.lock), *self.product.start(plan.start))
            self.send(start, self.product.status(), "taking back")
        except PhaseFailed as failed:
            self.say(f"{', '.join(plan.start)} could not be started: {failed}")
            return failed.evidence or evidence
        self.say(f"{', '.join(plan.start)} started, on the certificate that is assigned now")
        return replace(evidence, lock=Lock(self.settings.run))

    def release(self, evidence: Evidence) -> Evidence:
        """Gives up the lock, if this run holds it or was told to take it over from a dead one."""
        take = () if evidence.locked else (records.lock_call(self.settings, evidence.lock),)
        self.host.apply((), [*take, records.unlock_call(self.settings)], check_mode=False, facts=False)
        return replace(evidence, lock=None)
