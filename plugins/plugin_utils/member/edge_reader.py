# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an Edge server and staging on it: the part of a rollout that no service notices."""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..pki.certificate import Certificate
from ..stores.store import Change, test_calls
from ..stores.store import read_calls as store_calls
from ..windows.calls import Call, Reply
from ..windows.host import KeyRefused
from ..windows.wire import document
from . import light, records
from .journal import Journal
from .member import Evidence, Member, Prepared, together
from .seen import LOAD, Seen, calls, see, to_evidence
from .stop import PhaseFailed


class EdgeReader(Member, ABC):
    """One member for the length of one phase: reads it, stages on it, sends what the other phases need."""

    @property
    def load(self) -> tuple[str, ...]:
        """The module of Lync or Skype for Business."""
        return LOAD

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

    def evidence_now(self) -> Evidence:
        """One whole read, as evidence."""
        return to_evidence(self.look(), self.settings)

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
