# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a rollout on one Exchange server: read, stage, switch, rename, prove, take back.

My is live on Exchange, so nothing goes there before the switch: the key waits in a store of the collection's own. The
switch is one document: journal, rights on the key, the copy to My, this server's Receive connectors, the services, the
default SMTP certificate put back, POP and IMAP restarted, journal, and a fresh read. Its calls stop at the first error,
so a journal entry behind a change says that the change was made, even when the reply never arrives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..findings.finding import from_problem
from ..products.exchange import back
from ..products.exchange import events as exchange_events
from ..products.exchange.names import Rename, change_of, same_name
from ..products.exchange.read import key_calls, reach_calls, stage_calls
from ..products.exchange.rows import SHELLS, send_call, server_calls
from ..products.exchange.services import DEFAULT
from ..products.exchange.state import RESTART, TRANSPORT, Connector
from ..stores.store import Change
from ..windows.calls import Call
from ..windows.host import KeyRefused
from ..windows.wire import document
from . import records
from .exchange_seen import ExchangeSeen, calls, calls_again, see, to_evidence
from .journal import Journal
from .member import Evidence, Member, Prepared, together
from .stop import PhaseFailed

SERVICES = {**RESTART, "SMTP": ("MSExchangeFrontEndTransport", TRANSPORT)}
"""Service of a certificate -> the Windows services that hold it."""


class ExchangeMember(Member):
    """One server for the length of one phase. Each phase returns the evidence of what the server says after it."""

    @property
    def load(self) -> tuple[str, ...]:
        """The way to Exchange's cmdlets."""
        return (SHELLS[self.settings.shell],)

    def evidence_now(self) -> Evidence:
        """One whole read, as evidence."""
        return to_evidence(self.look(), self.settings)

    def look(self) -> ExchangeSeen:
        """Reads everything in one command, and plans."""
        reply = self.host.read(self.load, calls())
        return see(self.member, reply, self.clock.now(), self.settings, self.wanted)

    # -- reading and staging -----------------------------------------------------------------------------------------

    def prepare(self, stage: bool, check_mode: bool) -> Prepared:
        """Reads the server, plans, and with ``stage`` puts what is missing where no service looks at it.

        Nothing is staged that the gate would refuse.
        """
        if self.settings.show_calls:
            text = json.dumps(json.loads(document("0" * 16, self.load, calls(reach_calls()))), indent=2)
            self.tell(f"  | {self.member}: the document of the read (remote_calls.ps1 answers it)\n{text}")
        reply = self.host.read(self.load, calls(reach_calls()))
        seen = see(self.member, reply, self.clock.now(), self.settings, self.wanted)
        if seen.untested:
            reply = together(reply, self.host.read((), key_calls(seen.untested, not seen.in_my)))
            seen = see(self.member, reply, self.clock.now(), self.settings, self.wanted)
        first = to_evidence(seen, self.settings)
        if not first["stage"] or not stage:
            return Prepared(first, first)
        if check_mode or not first["ready"]:
            planned = self.plan_stage(first["missing"], send=False) if first["ready"] else ()
            return Prepared(first, first, planned)
        try:
            changes = self.plan_stage(first["missing"], send=True)
            sent = [records.lock_call(self.settings), *(call for change in changes for call in change.calls)]
            read = stage_calls(self.wanted.thumbprints if self.wanted else (), not seen.in_my)
            reply = together(reply, self._send(sent, read, "staging", load=()))
        except KeyRefused as refused:  # nothing was sent: what was read is still true
            raise PhaseFailed(f"{self.member}: {refused}", first, "transport.insecure") from None
        seen = see(self.member, reply, self.clock.now(), self.settings, self.wanted)
        seen = replace(seen, lock=records.own_lock(self.settings))
        evidence = to_evidence(seen, self.settings)
        if seen.judged.stage:
            lines = "; ".join(change.as_line() for change in seen.judged.stage)
            text = f"{self.member}: staged without an error, but the stores do not show it: {lines}"
            raise PhaseFailed(text, evidence)
        self.say(f"staged: {len(changes)} change(s), key signs, Schannel asked")
        return Prepared(first, evidence, changes)

    # -- switching ---------------------------------------------------------------------------------------------------

    def switch(self, uses: Mapping[str, str], before: Journal, evidence: Evidence) -> Evidence:
        """Gives the certificate its services. ``uses`` -> its thumbprint.

        What is sent is what was planned on this run's read, which the gate judged.
        """
        thumbprint = next(iter(uses.values()))
        running = evidence["services"]
        restarted = self._restarted(uses, running)
        renames = self._renames(evidence.get("rename", ()), evidence)
        settings = {name: (old, new) for name, (old, new) in evidence["settings"].items()}
        settings |= {r.connector.subject: (r.connector.certificate_name, str(r.name)) for r in renames}
        switching = records.switching(before, uses, evidence["assigned"], restarted, settings)
        old = evidence["default_smtp"]
        self.say(f"default SMTP certificate: {evidence['labels'].get(old, old or 'none')}")
        resets = "IIS" in uses and "IIS" in self.settings.restart and "W3SVC" in running
        sent = [
            *self._begin(evidence, switching),
            *calls_again(evidence["switch_calls"]),
            *_restart_calls(restarted),
            *((Call("iis", "Invoke-IisReset"),) if resets else ()),
            *(call for rename in renames for call in change_of(rename, str(evidence["host"]["computer"])).calls),
            records.journal_call("journal-after", self.settings, records.switched(switching)),
        ]
        reply = self._send(sent, calls(), "switching")
        after = to_evidence(see(self.member, reply, self.clock.now(), self.settings, self.wanted), self.settings)
        self._demand_unhurt(evidence, after, moved=settings.get(DEFAULT, (None, None))[1] == thumbprint)
        left = [
            *after["switch"],
            *(f"Send connector {c['name']}" for c in after["send"] if c["name"] in evidence["rename"]),
        ]
        if left:
            text = (
                f"{self.member}: changed without an error, but the server still shows the old state: {'; '.join(left)}"
            )
            raise PhaseFailed(text, after)
        self._demand_running(restarted, after)
        self.say(f"switched: {', '.join(uses)}; {', '.join(restarted) or 'no service'} restarted")
        return after

    def _restarted(self, uses: Iterable[str], running: Mapping[str, str]) -> tuple[str, ...]:
        """Windows services that run and go on with the old certificate until they are started again; IIS apart."""
        named = [use for use in uses if use in self.settings.restart and use != "IIS"]
        services = [service for use in named for service in SERVICES.get(use, ())]
        return tuple(service for service in dict.fromkeys(services) if running.get(service) == "Running")

    def _demand_unhurt(self, before: Evidence, after: Evidence, moved: bool) -> None:
        """The default SMTP certificate and the binding of port 444 are what they were, or the phase fails."""
        old, now = before["default_smtp"], after["default_smtp"]
        if old and not moved and now != old:
            text = (
                f"{self.member}: the default SMTP certificate was {old} and is {now}; give it back: "
                f"Enable-ExchangeCertificate -Thumbprint {old} -Services SMTP -Force"
            )
            raise PhaseFailed(text, after, "exchange.default-smtp-changed")
        if before["back_end"] != after["back_end"]:
            was, then = (", ".join(of["back_end"]) or "nothing" for of in (before, after))
            text = f"{self.member}: port 444 (Exchange Back End) was bound to {was} and is bound to {then}"
            raise PhaseFailed(text, after, "exchange.default-smtp-changed")

    def _demand_running(self, names: Sequence[str], evidence: Evidence) -> None:
        stopped = [name for name in names if evidence["services"].get(name) != "Running"]
        if stopped:
            raise PhaseFailed(f"{self.member}: {', '.join(stopped)} did not come up again", evidence)

    def rename(self, connectors: Sequence[str], before: Journal, evidence: Evidence) -> Evidence:
        """Gives Send connectors of the organization, by name, the new TlsCertificateName."""
        renames = self._renames(connectors, evidence)
        computer = str(evidence["host"]["computer"])
        settings = {r.connector.subject: (r.connector.certificate_name, r.name) for r in renames}
        switching = records.switching(before, {}, {}, before.services, settings)
        switched = records.switched(switching)
        sent = [
            *self._begin(evidence, switching),
            *(call for rename in renames for call in change_of(rename, computer).calls),
            records.journal_call("journal-after", self.settings, switched),
        ]
        reply = self._send(sent, (send_call(),), "renaming connectors")
        now = {str(row["Name"]): row.get("TlsCertificateName") for row in reply.rows("send")}
        wrong = [r.connector.name for r in renames if not same_name(now.get(r.connector.name), r.name)]
        after = {**evidence, "locked": True, "journal": switched.dumps(), "send": []}
        if wrong:
            text = f"{self.member}: renamed without an error, but {', '.join(wrong)} shows another name"
            raise PhaseFailed(text, self.after_failure())
        self.say(f"Send connectors renamed: {', '.join(connectors)}")
        return after

    @staticmethod
    def _renames(names: Sequence[str], evidence: Evidence) -> tuple[Rename, ...]:
        return tuple(
            Rename(Connector("send", str(c["name"]), "", c["before"], ""), str(c["after"]))
            for c in evidence["send"]
            if c["name"] in names
        )

    # -- ending ------------------------------------------------------------------------------------------------------

    def prove(self, journal: Journal, evidence: Evidence, since: datetime | None) -> Evidence:
        """Looks at services and events once more, closes the journal, gives up the lock.

        Exchange's cmdlets are not loaded for it: what they say was read after the last change on this server.
        """
        done = records.done(journal)
        sent = [*self._begin(evidence, done), records.unlock_call(self.settings)]
        began = since or records.started(journal)
        read = (*server_calls(), *((exchange_events.read_call(began),) if began else ()))
        reply = self._send(sent, read, "closing the journal", load=())
        statuses = {str(row["Name"]): str(row.get("Status") or "") for row in reply.rows("services")}
        unread = exchange_events.unreadable(reply.answers.get("events"))
        told = [*exchange_events.problems(reply.rows("events")), *([unread] if unread else [])]
        found = [*evidence["findings"], *(from_problem(problem, self.member).to_dict() for problem in told)]
        closed = {"locked": False, "lock": None, "journal": done.dumps(), "services": statuses, "findings": found}
        after = {**evidence, **closed, "events_asked": unread is None}
        self._demand_running(journal.services, after)
        return after

    def take_back(self) -> Evidence:
        """Puts back what the server's own journal names, whatever half of it was done; then proves it."""
        seen = self.look()
        journal = seen.journal
        if journal is None or not (journal.uses or journal.settings):
            self.say("nothing to take back: its journal names nothing")
            return to_evidence(seen, self.settings)
        record = back.Record(
            {use: (entry.before, entry.after) for use, entry in journal.uses.items()},
            {name: (entry.before, entry.after or "") for name, entry in journal.settings.items()},
        )
        blocked = back.blocked(record, seen.state)
        if blocked:
            text = f"{self.member} cannot be taken back: {'; '.join(blocked)}. Go forward: mend the cause and run again"
            raise PhaseFailed(text, to_evidence(seen, self.settings))
        changes = back.plan_back(record, seen.state)
        statuses = seen.state.server.services
        down = [name for name in journal.services if statuses.get(name) != "Running"]
        restarted = tuple(journal.services) if changes else tuple(down)
        sent = [
            records.lock_call(self.settings),
            records.journal_call("journal-before", self.settings, records.taking_back(journal)),
            *(call for change in changes for call in change.calls),
            *_restart_calls(restarted),
        ]
        reply = self._send(sent, calls(), "taking back")
        again = see(self.member, reply, self.clock.now(), self.settings, self.wanted)
        evidence = to_evidence(again, self.settings)
        left = back.plan_back(record, again.state)
        if left:
            lines = "; ".join(change.as_line() for change in left)
            raise PhaseFailed(f"{self.member}: taken back without an error, but there is left: {lines}", evidence)
        self._demand_running(journal.services, evidence)
        # The journal forgets what was there before only when all of it was seen there again.
        done = records.taken_back(journal)
        self._send([records.journal_call("journal-after", self.settings, done)], (), "taking back", load=())
        self.say(f"taken back: {_told(changes)}; {', '.join(restarted) or 'no service'} restarted")
        return {**evidence, "journal": done.dumps()}


def _restart_calls(names: Sequence[str]) -> tuple[Call, ...]:
    """Stops all, then starts all: POP and IMAP take a new certificate when both of their services start (Microsoft,
    Configure POP3)."""
    if not names:
        return ()
    return (
        Call("stop", "Set-ServiceState", {"Names": list(reversed(names)), "Status": "Stopped"}),
        Call("start", "Set-ServiceState", {"Names": list(names), "Status": "Running"}),
    )


def _told(changes: Sequence[Change]) -> str:
    return "; ".join(change.as_line() for change in changes) or "nothing had been changed"
