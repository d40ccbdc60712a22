# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to one member: what every phase needs, whatever the product. Calls go through a driver.

The calls of a document stop at the first error, so a journal entry behind a change says that the change was made, even
when the reply never arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..pki.bundle import Bundle
from ..products.interface import Product
from ..products.values import RUNNING, Ask, Plan
from ..stores.wanted import Wanted
from ..windows.calls import Call, Reply
from . import records
from .drain import Clock
from .evidence import Evidence, Lock
from .journal import Journal
from .read import Asking, Sight, refresh, see
from .reply import JOURNAL, is_whole
from .settings import Settings
from .stop import PhaseFailed


class Driver(Protocol):
    """What carries calls to a member and answers back; :class:`windows.host.Host` is one."""

    def read(self, load: Sequence[str], calls: Sequence[Call], *, facts: bool = True) -> Reply:
        """Answers of read calls."""

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool, facts: bool = True) -> Reply:
        """Answers of calls that change the member, and of the reads behind them."""


@dataclass(frozen=True)
class Talk:
    """One member for the length of one phase."""

    host: Driver
    member: str
    settings: Settings
    product: Product[Any]
    own: Any
    """The product's own part of the settings."""
    wanted: Wanted | None
    """None when the journal says what was wanted."""
    clock: Clock
    tell: Callable[[str], None]
    one_time_password: Callable[[], str]
    bundles: Mapping[str, Bundle] = field(default_factory=dict, repr=False)
    """SHA-256 of a leaf -> its bundle, for the phase that sends keys."""

    @property
    def asking(self) -> Asking:
        """Who asks, for the judgement."""
        return Asking(self.product, self.own, self.member, self.settings, self.wanted)

    @property
    def load(self) -> tuple[str, ...]:
        """What is loaded before the product's cmdlets can be called."""
        return self.product.load(self.own)

    def say(self, text: str) -> None:
        """Shows progress with the member's name in front."""
        self.tell(f"  | {self.member:<14} {text}")

    # -- reading ---------------------------------------------------------------------------------------------------

    def look(self, since: datetime | None = None) -> Sight:
        """Reads everything in one command, and plans."""
        reply = self.host.read(self.load, self.whole(since, tested=True))
        return see(self.asking, reply, self.clock.now(), since)

    def behind(self, reply: Reply | None = None) -> Sight:
        """What a whole read behind a change shows; it is asked for when there is no ``reply`` yet.

        Raises PhaseFailed with what another read says: whoever has answered before is asked again.
        """
        try:
            return self.look() if reply is None else see(self.asking, reply, self.clock.now())
        except PhaseFailed as failed:
            raise PhaseFailed(str(failed), self.after_failure(), failed.finding) from None

    def evidence_now(self) -> Evidence:
        """One whole read, as evidence."""
        return self.look().evidence

    def after_failure(self) -> Evidence | None:
        """What the member says after something failed there; None when it says nothing any more."""
        try:
            return self.evidence_now()
        except Exception:  # the failure before this one is what the user must read
            return None

    def whole(self, since: datetime | None, tested: bool) -> tuple[Call, ...]:
        begun = since or self.clock.now() - timedelta(hours=self.settings.event_hours)
        leaves = self.wanted.thumbprints if self.wanted is not None and tested else ()
        return (JOURNAL, *self.product.read("whole", Ask(self.own, leaves, begun)))

    def after(self, since: datetime | None) -> tuple[Call, ...]:
        """What a change may have changed; the journal is known, since this run has just written it."""
        read = self.product.read("after", Ask(self.own, (), since))
        return (JOURNAL, *read) if is_whole(read) else read

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(self, sent: Sequence[Call], read: Sequence[Call], what: str, load: Sequence[str] | None = None) -> Reply:
        """Sends changes and a read in one document. Raises PhaseFailed naming the call that failed."""
        loaded = self.load if load is None else load
        reply = self.host.apply(loaded, [*sent, *read], check_mode=False, facts=is_whole(read))
        self.demand_made([*sent, *read], reply, what)
        return reply

    def demand_made(self, calls: Sequence[Call], reply: Reply, what: str) -> None:
        """Every change was made and every read behind it answered: what was not read is not known."""
        failed = next((call for call in calls if not (call.optional or reply.answers[call.id].ok)), None)
        if failed is not None:
            error = reply.answers[failed.id].error
            words = f"{error.message} ({error.fqid})" if error else "it was not run"
            raise PhaseFailed(f"{self.member}: {what}: {failed.name} failed: {words}", self.after_failure())

    def begin(self, evidence: Evidence, journal: Journal) -> tuple[Call, ...]:
        """The lock where this run does not hold it yet, then the journal, which is refused when somebody else does."""
        lock = () if evidence.locked else (records.lock_call(self.settings, evidence.lock),)
        return (*lock, records.journal_call("journal-before", self.settings, journal))

    def demand_running(self, names: Sequence[str], evidence: Evidence) -> None:
        stopped = [name for name in names if evidence.services.get(name) != RUNNING]
        if stopped:
            raise PhaseFailed(f"{self.member}: {', '.join(stopped)} did not come up again", evidence)

    def down(self, names: Sequence[str], reply: Reply) -> tuple[str, ...]:
        now = self.product.statuses(reply)
        return tuple(name for name in names if now.get(name) != RUNNING) if now else ()

    # -- judging ---------------------------------------------------------------------------------------------------

    def judged(self, plan: Plan, before: Evidence, reply: Reply, read: Sequence[Call], journal: Journal) -> Evidence:
        """The evidence behind a change; fails when the member does not show it, or shows more than was asked for."""
        if not is_whole(read):
            after = self.refreshed(before, reply, read, journal)
            state = self.product.glance(reply, self.clock.now())
        else:
            seen = self.behind(reply)
            after, state = replace(seen.evidence, lock=Lock(self.settings.run)), seen.state
        hurt = self.product.hurt(plan, before.settings, state) if state is not None else None
        if hurt is not None:
            raise PhaseFailed(f"{self.member}: {hurt.text}", after, hurt.id)
        left = [*(self.product.left(plan, state) if state is not None else ())]
        left += [line for line in after.plan.lines if is_whole(read)]
        if left:
            text = f"{self.member}: changed without an error, but it still shows the old state: {'; '.join(left)}"
            raise PhaseFailed(text, after)
        return after

    def refreshed(self, evidence: Evidence, reply: Reply, read: Sequence[Call], journal: Journal) -> Evidence:
        if is_whole(read):
            seen = self.behind(reply)
            return replace(seen.evidence, lock=Lock(self.settings.run), journal=journal)
        return refresh(self.asking, evidence, reply, self.clock.now(), journal, None, True)


def merged(before: Reply, after: Reply) -> Reply:
    """Two replies of one member as one: what the later one answers counts."""
    return Reply(after.host, {**before.answers, **after.answers})
