# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Edge server behind the interface of ``Host``: it does what it is sent, breaks where it is told, and remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    Call,
    OutcomeUnknown,
    RemoteError,
    Reply,
    Switch,
    check_calls,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost, KeyRefused, WriteRefused
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import OLD, error, host
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    SERVICES,
    assigned,
    flight,
    internal,
    issuing,
    keyed,
    new,
    old,
    old_issuing,
    store_rows,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

KNOWN = {one.certificate.thumbprint: one for one in (old(), new(), internal(), issuing(), old_issuing())}
ISSUER = {old().certificate: old_issuing(), new().certificate: issuing(), internal().certificate: old_issuing()}
EFFECTS = ("Add-", "Import-", "Set-Cs", "Stop-", "Start-", "Remove-")
"""What a user would notice; the journal and the lock have to be there before."""


@dataclass(frozen=True)
class Made:
    """A change as it was made, and what the member's records said at that moment."""

    call: str
    holder: str | None
    state: str | None
    """Of the journal."""


@dataclass
class FakeEdge:
    """A member. Documents are counted from 0; ``lost`` and ``garbled`` hold their numbers."""

    clock: datetime = NOW
    stores: list[dict[str, Any]] = field(default_factory=store_rows)
    uses: dict[str, str] = field(default_factory=lambda: {
        ACCESS: OLD, DATA: OLD, AV: OLD, INTERNAL: internal().certificate.thumbprint})  # fmt: skip
    shows_roll: bool = True
    """Whether Get-CsCertificate shows a successor before its instant."""
    successor: tuple[str, datetime] | None = None
    services: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICES, "Running"))
    dependents: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"RTCSRV": ("RTCMRAUTH",)})
    busy: int = 0
    """How many more looks find the services that drain with calls."""
    stubborn: bool = False
    """Services do not even stop when forced."""
    refuses_keys: bool = False
    """The connection must not carry one."""
    dead: set[str] = field(default_factory=set)
    """Services that do not start: the call ends without an error."""
    journal: str | None = None
    lock: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    fail: Callable[[int, Call], RemoteError | None] = lambda number, call: None
    lost: dict[int, str] = field(default_factory=dict)
    """Document -> ``before`` or ``after`` its effect; every later one is lost, too, with ``for good``."""
    garbled: set[int] = field(default_factory=set)
    documents: list[list[str]] = field(default_factory=list)
    """The ids of the calls of each document."""
    made: list[Made] = field(default_factory=list)
    writes: list[bool] = field(default_factory=list)
    """Per document whether it held a change."""

    # -- the interface of Host -----------------------------------------------------------------------------------------

    def read(self, load: Sequence[str], calls: Sequence[Call], *, facts: bool = True) -> Reply:
        if any(call.kind == "write" for call in calls):
            raise WriteRefused("a write in a read")
        return self._document(load, calls, facts)

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool, facts: bool = True) -> Reply:
        assert not check_mode
        if self.refuses_keys and any(call.carries_key for call in calls):
            raise KeyRefused("set ansible_winrm_scheme: https")
        return self._document(load, calls, facts)

    def _document(self, load: Sequence[str], calls: Sequence[Call], facts: bool) -> Reply:
        check_calls(load, calls)
        number, writes = len(self.documents), any(call.kind == "write" for call in calls)
        self.documents.append([call.id for call in calls])
        self.writes.append(writes)
        if self.lost.get(number) == "before" or "for good" in self.lost.values() and number > min(self.lost):
            raise HostLost("no route to host", may_have_applied=writes)
        answers: dict[str, Answer] = {}
        stopped = False
        for call in calls:
            answers[call.id] = Answer(not_run=True) if stopped else self._answer(number, call)
            stopped = stopped or (answers[call.id].error is not None and not call.optional)
        if number in self.lost:
            raise HostLost("connection reset", may_have_applied=writes)
        if number in self.garbled:
            raise OutcomeUnknown("the reply was cut off", may_have_applied=writes)
        little = {} if facts else {"admin": False, "bits": 0, "user": "", "language": "", "culture": ""}
        return Reply(host(clock=self.clock, **little), answers)

    def _answer(self, number: int, call: Call) -> Answer:
        told = self.fail(number, call)
        if told is not None:
            return Answer(error=told)
        answer = getattr(self, call.name.replace("-", "_").lower())(dict(call.parameters))
        if isinstance(answer, RemoteError):
            return Answer(error=answer)
        if call.name.startswith(EFFECTS):
            told_state = Journal.loads(self.journal).state if self.journal else None
            self.made.append(Made(call.id, self.lock["Run"] if self.lock else None, told_state))
        return Answer(tuple(answer or ()))

    # -- the calls -----------------------------------------------------------------------------------------------------

    def get_journal(self, _: Any) -> Any:
        return [{"Text": self.journal, "Lock": self.lock}]

    def _held_by_other(self, *runs: str | None) -> RemoteError | None:
        if self.lock and self.lock["Run"] not in runs:
            return error(f"locked by {self.lock['Run']}", "ucops.LockedByOther")
        return None

    def lock_member(self, given: Any) -> Any:
        refused = self._held_by_other(given["Run"], given["TakeFrom"])
        if not refused:
            self.lock = {"Run": given["Run"], "Text": given["Text"], "At": self.clock}
        return refused

    def unlock_member(self, given: Any) -> Any:
        if self.lock and self.lock["Run"] == given["Run"]:
            self.lock = None

    def set_journal(self, given: Any) -> Any:
        refused = self._held_by_other(given["Run"])
        if not refused:
            self.journal = given["Text"]
        return refused

    def get_storecertificate(self, given: Any) -> Any:
        return [row for row in self.stores if row["Store"] in given["Stores"]]

    def _in_my(self, thumbprints: Sequence[str]) -> list[Issued]:
        there = {row["RawData"] for row in self.stores if row["Store"] == "My" and row["HasPrivateKey"]}
        return [KNOWN[t] for t in thumbprints if t in KNOWN and KNOWN[t].der in there]

    def test_storekey(self, given: Any) -> Any:
        mine = [one.certificate.thumbprint for one in self._in_my(given["Thumbprints"])]
        return [{"Thumbprint": t, "Present": t in mine, "Signs": t in mine} for t in given["Thumbprints"]]

    def get_storekeyaccess(self, _: Any) -> Any:
        return []

    def test_tlspresented(self, given: Any) -> Any:
        pool = {row["RawData"] for row in self.stores if row["Store"] == "CA"}
        rows = []
        for one in self._in_my(given["Thumbprints"]):
            above = [ISSUER[one.certificate]] if ISSUER[one.certificate].der in pool else []
            rows.append({"Thumbprint": one.certificate.thumbprint, "Present": True, "Flight": flight(one, *above)})
        return rows

    def get_cscertificate(self, _: Any) -> Any:
        if self.successor and self.successor[1] <= self.clock:
            self.uses[AV], self.successor = self.successor[0], None
        rows = [assigned(use, KNOWN[thumbprint]) for use, thumbprint in self.uses.items()]
        if self.successor and self.shows_roll:
            rows.append(assigned(AV, KNOWN[self.successor[0]], self.successor[1], KNOWN[self.uses[AV]]))
        return rows

    def _look(self) -> None:
        draining = [name for name, status in self.services.items() if status == "Paused"]
        if draining and not self.busy:
            self.services.update(dict.fromkeys(draining, "Stopped"))
        self.busy = max(self.busy - 1, 0)

    def get_cswindowsservice(self, _: Any) -> Any:
        self._look()
        return [{"Name": name, "Status": status} for name, status in self.services.items()]

    def wait_stopped(self, given: Any) -> Any:
        self._look()
        if any(self.services[name] != "Stopped" for name in given["Names"]):
            return error("still running", "ucops.StillRunning")
        return None

    def get_csavedgeconfiguration(self, _: Any) -> Any:
        return [{"MaxTokenLifetime": "08:00:00"}]

    def get_serviceversion(self, _: Any) -> Any:
        return [{"FileVersion": "5.0.8308.1068"}]

    def find_event(self, given: Any) -> Any:
        return [row for row in self.events if row["Time"] >= given["After"]]

    def add_storecertificate(self, given: Any) -> Any:
        issued = next(one for one in KNOWN.values() if one.der == given["RawData"])
        self.stores.append(stored(issued, given["Store"]))

    def import_storepfx(self, given: Any) -> Any:
        content = pkcs12.load_pkcs12(given["Pfx"], given["Password"].text.encode())
        assert content.key is not None and content.cert is not None and not content.additional_certs
        issued = next(one for one in KNOWN.values() if one.key.private_numbers() == content.key.private_numbers())
        self.stores.append(keyed(issued, Exportable=given["Exportable"]))

    def set_cscertificate(self, given: Any) -> Any:
        (use,) = given["Type"]
        if given.get("Roll") == Switch(True):
            self.successor = (given["Thumbprint"], given["EffectiveDate"])
            return
        self.uses[use] = given["Thumbprint"]
        if use == AV:
            self.successor = None

    def stop_cswindowsservice(self, given: Any) -> Any:
        graceful = given.get("Graceful") == Switch(True)
        for name in (given["Name"], *self.dependents.get(given["Name"], ())):
            if self.services[name] != "Stopped" and not (self.stubborn and not graceful):
                self.services[name] = "Paused" if graceful and self.busy else "Stopped"

    def start_cswindowsservice(self, given: Any) -> Any:
        if self.services[given["Name"]] == "Paused":
            return error("the service cannot accept control messages at this time", "CannotStart")
        if given["Name"] not in self.dead:
            self.services[given["Name"]] = "Running"
        return None

    # -- for the tests -------------------------------------------------------------------------------------------------

    def controller(self) -> Clock:
        """The controller's time: sleeping lets the member's pass, too."""

        def sleep(seconds: float) -> None:
            self.clock += timedelta(seconds=seconds)

        return Clock(lambda: self.clock, lambda: (self.clock - NOW).total_seconds(), sleep)

    def forget(self) -> None:
        """Counts documents from 0 again, and breaks nothing any more."""
        self.documents, self.made, self.writes = [], [], []
        self.lost, self.garbled, self.fail = {}, set(), lambda number, call: None
