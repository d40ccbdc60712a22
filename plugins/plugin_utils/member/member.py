# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every phase on a member needs, whatever the product: progress, changes that are followed by a read, the lock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..pki.bundle import Bundle
from ..pki.pfx import rewrap_pfx
from ..stores.store import Change, StoredCertificate, StoredKey, Stores, plan_stores
from ..windows.calls import Call, Reply
from ..windows.host import Host
from . import records
from .drain import Clock
from .evidence import Wanted
from .journal import Journal
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
class Member(ABC):
    """One member for the length of one phase. Each phase returns the evidence of what the member says after it."""

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

    @property
    @abstractmethod
    def load(self) -> tuple[str, ...]:
        """What is loaded before the product's cmdlets can be called."""

    @abstractmethod
    def prepare(self, stage: bool, check_mode: bool) -> Prepared:
        """Reads the member, plans, and with ``stage`` puts what is missing where no service looks at it."""

    @abstractmethod
    def evidence_now(self) -> Evidence:
        """One whole read, as evidence."""

    @abstractmethod
    def switch(self, uses: Mapping[str, str], before: Journal, evidence: Evidence) -> Evidence:
        """Makes the product use what is staged. ``uses`` -> the new thumbprint; ``before``: the run's own journal."""

    @abstractmethod
    def prove(self, journal: Journal, evidence: Evidence, since: datetime | None) -> Evidence:
        """Reads once more, closes the journal, gives up the lock. ``since``: from when certificate events count."""

    @abstractmethod
    def take_back(self) -> Evidence:
        """Puts back what the member's own journal names, whatever half of it was done; then proves it."""

    def say(self, text: str) -> None:
        """Shows progress with the member's name in front."""
        self.tell(f"  | {self.member:<14} {text}")

    def after_failure(self) -> Evidence | None:
        """What the member says after something failed there; None when it says nothing any more."""
        try:
            return self.evidence_now()
        except Exception:  # the failure before this one is what the user must read
            return None

    def release(self, evidence: Evidence) -> Evidence:
        """Gives up the lock, if this run holds it or was told to take it over from a dead one."""
        take = () if evidence.get("locked") else (records.lock_call(self.settings),)
        self.host.apply((), [*take, records.unlock_call(self.settings)], check_mode=False, facts=False)
        return {**evidence, "locked": False, "lock": None}

    def _send(self, sent: Sequence[Call], read: Sequence[Call], what: str, load: Sequence[str] | None = None) -> Reply:
        """Sends changes and a read in one document. Raises PhaseFailed naming the call that failed."""
        loaded = self.load if load is None else load
        reply = self.host.apply(loaded, [*sent, *read], check_mode=False, facts=is_whole(read))
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

    def plan_stage(self, missing: Sequence[Mapping[str, str]], send: bool) -> tuple[Change, ...]:
        """The staging changes; with ``send`` their calls hold the keys, re-wrapped under a one-time password.

        ``missing``: store and SHA-256 of each, as this run's read found them.
        """
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
