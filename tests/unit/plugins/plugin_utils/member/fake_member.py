# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member behind the interface of ``Host``, whatever its product: it does what it is sent, breaks where it is told,
and remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    Call,
    OutcomeUnknown,
    RemoteError,
    Reply,
    check_calls,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost, KeyRefused, WriteRefused
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error, host
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

RECORDS = ("Lock-Member", "Unlock-Member", "Set-Journal")
"""Writes that no user notices: they have to be there before the others."""


@dataclass(frozen=True)
class Made:
    """A change as it was made, and what the member's records said at that moment."""

    call: str
    holder: str | None
    state: str | None
    """Of the journal."""


@dataclass
class FakeMember:
    """A member. Documents are counted from 0; ``lost`` and ``garbled`` hold their numbers."""

    COMPUTER: ClassVar[str] = "EDGE1"

    clock: datetime = NOW
    stores: list[dict[str, Any]] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    refuses_keys: bool = False
    """The connection must not carry one."""
    journal: str | None = None
    lock: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    fail: Callable[[int, Call], RemoteError | None] = lambda number, call: None
    idle: set[str] = field(default_factory=set)
    """Ids of changes that end without an error and without an effect."""
    lost: dict[int, str] = field(default_factory=dict)
    """Document -> ``before`` or ``after`` its effect; every later one is lost, too, with ``for good``."""
    garbled: set[int] = field(default_factory=set)
    documents: list[list[str]] = field(default_factory=list)
    """The ids of the calls of each document."""
    sent: list[Call] = field(default_factory=list)
    """Every call that came, whatever became of it."""
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
        self.sent += calls
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
        return Reply(host(computer=self.COMPUTER, clock=self.clock, **little), answers)

    def _answer(self, number: int, call: Call) -> Answer:
        told = self.fail(number, call)
        if told is not None:
            return Answer(error=told)
        name = call.name.replace("-", "_").lower()
        answer = None if call.id in self.idle else getattr(self, name)(dict(call.parameters))
        if isinstance(answer, RemoteError):
            return Answer(error=answer)
        if call.kind == "write" and call.name not in RECORDS:
            told_state = Journal.loads(self.journal).state if self.journal else None
            self.made.append(Made(call.id, self.lock["Run"] if self.lock else None, told_state))
        return Answer(tuple(answer or ()))

    # -- the calls that every product has ------------------------------------------------------------------------------

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

    def get_storekeyaccess(self, _: Any) -> Any:
        return []

    def find_event(self, given: Any) -> Any:
        return [row for row in self.events if row["Time"] >= given["After"]]

    def pfx(self, given: Any) -> Any:
        """What a PFX holds: one key, its certificate and nothing else."""
        content = pkcs12.load_pkcs12(given["Pfx"], given["Password"].text.encode())
        assert content.key is not None and content.cert is not None and not content.additional_certs
        return content

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
