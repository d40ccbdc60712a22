# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a product has to answer so that the collection can verify its certificates (:class:`Verified`), and renew and
take them back as well (:class:`Product`).

A product is pure: calls go out, replies come in. It knows no host, no clock and no Ansible; who talks to the member,
holds its lock and writes its journal is :mod:`member.conversation`, and that exists once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeGuard, TypeVar

from ..errors import CollectionError
from ..findings.entry import Entry
from ..findings.finding import Finding
from ..findings.problem import Problem
from ..pki.certificate import Certificate
from ..stores.readiness import Presented
from ..stores.store import Stores
from ..stores.wanted import Wanted
from ..windows.calls import Call, Kind, Reply
from .values import NO_EMERGENCY, Address, ArrayPlan, Ask, Confirmed, Context, Depth, Emergency, Plan, Record, Scheduled


class Unread(CollectionError):  # noqa: N818 - the member's answer lacks something; it is told as a finding
    """A read that everything rests on did not answer. ``finding``: the id of the cause, where it has one."""

    def __init__(self, why: str, finding: str | None = None) -> None:
        super().__init__(why)
        self.finding = finding


class State(Protocol):
    """What every product's state has."""

    @property
    def stores(self) -> Stores: ...
    @property
    def clock(self) -> datetime: ...
    @property
    def presented(self) -> Mapping[str, Presented]: ...


class Seen(Protocol):
    """What the array's decisions see of a member: its evidence."""

    @property
    def member(self) -> str: ...
    @property
    def computer(self) -> str: ...
    @property
    def clock(self) -> datetime: ...
    @property
    def assigned(self) -> Mapping[str, str]: ...
    @property
    def wanted(self) -> Mapping[str, str]: ...
    @property
    def pending(self) -> Mapping[str, Scheduled]: ...
    @property
    def services(self) -> Mapping[str, str]: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def own(self) -> Mapping[str, Any]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


S = TypeVar("S", bound=State)


class Asks(Protocol):
    """What is particular about a request for a product's certificate."""

    renewal: str
    """The command that rolls the answer out."""

    def refused(self, given: Mapping[str, Any]) -> Iterable[str]:
        """What cannot be meant, a sentence each."""

    def refused_on_server(self, given: Mapping[str, Any]) -> Iterable[str]:
        """What cannot be meant where the request is made on a server."""

    def reached_by(self, info: Mapping[str, Any], use: str) -> tuple[Address, ...]:
        """The names that a member is reached by, out of what its info module shows."""

    def by_convention(self, name: str) -> bool:
        """Whether clients look for the name although no setting has it."""

    def notes(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """What should be known of the names."""

    def of_wildcard(self, name: str) -> tuple[str, ...]:
        """What the product makes of a wildcard."""


class Verified(Protocol[S]):
    """One product as a verification asks it. One that can only be verified answers no more than this."""

    name: str
    """The option's value, the usual name of its inventory group, the first word of its findings."""
    title: str
    """How people call a server of it."""
    rolls: bool
    """Whether certificates can be requested and rolled out: such a one is a :class:`Product`."""
    uses: tuple[str, ...]
    """In the order of reports."""
    outside: frozenset[str]
    """Uses that clients outside see."""
    inside: frozenset[str]
    """Uses that only the organization's own servers see."""
    front: str
    """The use whose certificate has the names that clients are sent to."""
    services_of: Mapping[str, tuple[str, ...]]
    """Use -> the Windows services that present its certificate."""
    readers: tuple[str, ...]
    """SIDs whose services have to be able to read a key in use."""
    cmdlets: Mapping[str, Kind]
    """The product's cmdlets that may be called."""
    ways: Mapping[str, bool]
    """What can be loaded for its cmdlets -> whether that takes a session of its own."""
    shells: tuple[str, ...]
    """Ways to its cmdlets that a user may choose; empty where there is one."""
    event_log: str
    event_sources: tuple[str, ...]
    catalogue: Mapping[str, Entry]
    """Its own findings."""
    checks: frozenset[str]
    """The report's columns that a read of it can answer."""
    succeeds: str
    """The use that is succeeded at an instant instead of being replaced; empty where there is none."""
    by_hand: str
    """The command with which people see which certificate each use has."""

    def own(self, options: Mapping[str, Any]) -> Any:
        """Its own part of the settings, a frozen value. Raises ValueError naming the option that does not fit."""

    def load(self, own: Any, depth: Depth = "whole") -> tuple[str, ...]:
        """What is loaded before the cmdlets of a read, or of a change, can be called."""

    # reading

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """The calls of one read; ids are the product's own."""

    def see(self, reply: Reply, received: datetime) -> S:
        """The state that a reply shows. ``received``: the controller's clock. Raises Unread."""

    def version(self, state: S) -> tuple[str, str]:
        """Name and version for people."""

    def offers(self, state: S) -> tuple[str, ...]:
        """The uses that this member has. The only place that knows."""

    def assigned(self, state: S) -> Mapping[str, tuple[str, ...]]:
        """Use -> every thumbprint that has it."""

    def services(self, state: S) -> Mapping[str, str]:
        """Windows service -> its status."""

    def remembering(self, state: S, given: Mapping[str, frozenset[str]]) -> S:
        """The state with what the journal proves to have been given: thumbprint -> uses."""

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """Events that speak against ``leaves`` (without ``since`` none counts), and what keeps the log from being
        a witness (``event.unreadable``)."""

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """A sample read for somebody's first look at a host; none where nothing is sampled."""

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """The uses that the sample shows."""

    # judging

    def down(self, uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """Services that uses rest on, or that ran before a change that is not over (``ran``), and that do not run."""

    def check(self, member: str, state: S) -> Iterable[Finding]:
        """What is wrong on the member as it is, nothing wanted."""

    def differs(self, use: str) -> str:
        """The finding that is told where members carry different certificates for the use; empty where each may have
        its own by right."""

    def others(self, state: S) -> Mapping[str, str]:
        """Thumbprint -> what it is there for, of certificates that no renewal touches."""

    def successor(self, state: S) -> Confirmed | None:
        """A successor that the product itself shows before its instant."""


class Product(Verified[S], Protocol[S]):
    """One product that can be rolled out."""

    asks: Asks
    """Its requests."""
    key_store: str
    """Where a staged key waits."""
    succession: str
    """How people call that."""
    restartable: tuple[str, ...]
    """Uses that ``rollout_restart`` can name, because their services may go on with the old certificate."""
    wildcards: bool
    """Whether every version takes a certificate with a wildcard."""

    def give(self, bundles: Sequence[str], own: Any) -> Mapping[str, str]:
        """Use -> name of the bundle that serves it. Raises ValueError for a bundle that it has no use for."""

    # reading

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys to sign, and Schannel what it would send."""

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """What staging changed: stores and keys. No cmdlet of the product is needed."""

    def serves(self, state: S, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """Use -> the one thumbprint that tells where the member stands. ``wanted``: use -> thumbprint."""

    def settings(self, state: S) -> Mapping[str, str | None]:
        """Settings that a rollout may touch or hurt, as they are now."""

    def pending(self, state: S, wanted: Mapping[str, str], confirmed: Confirmed | None) -> Mapping[str, Scheduled]:
        """Uses that are succeeded at an instant, and where each stands, by the state or by the journal's word
        (``confirmed``). ``wanted``: use -> thumbprint."""

    def glance(self, reply: Reply, received: datetime) -> S | None:
        """The state as far as a read that is not whole tells it; None when it tells of services alone."""

    # judging

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        """What is wrong with the delivery itself, before any member is touched."""

    def judge(self, state: S, context: Context) -> Iterable[Problem]:
        """What speaks against giving the member what is wanted, chain and key apart."""

    def baseline(self, member: str, state: S, context: Context, switches: bool) -> Iterable[Finding]:
        """What is wrong there already or follows from the switch: told, and not blamed on the rollout."""

    # changing

    def switch(self, state: S, context: Context) -> Plan:
        """What the switch takes. Empty when the member has what is wanted. In an emergency it also starts what is down,
        and takes the certificate away from wherever it must not stay."""

    def back(self, record: Record, state: S, context: Context) -> Plan:
        """What the way back takes. Empty when the member is as it was before."""

    def no_way_back(self, thumbprint: str | None, use: str, state: S, window: timedelta) -> str:
        """Why a certificate cannot be given to the use again ``window`` from now; empty when it can."""

    def left(self, plan: Plan, state: S) -> tuple[str, ...]:
        """What of a plan the state behind it does not show."""

    def hurt(self, plan: Plan, before: Mapping[str, str | None], state: S) -> Problem | None:
        """A setting that the change had to leave alone and that moved."""

    def mine(self, state: S, context: Context) -> Mapping[str, Any]:
        """What :meth:`array` needs to know of a member beside its evidence, as plain data."""

    def labels(self, state: S) -> Mapping[str, str]:
        """Thumbprint -> how people call the certificate."""

    def cancel(self, use: str, previous: str) -> Plan:
        """Takes a scheduled successor back."""

    def settle(self, seen: Seen) -> Plan:
        """What is done on a member once the instant of its successor has passed."""

    def stop(self, names: Sequence[str], graceful: bool) -> tuple[Call, ...]:
        """Stops services; graceful: returns at once, and the work on them ends by itself."""

    def start(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Starts services, each to its end."""

    def restart(self, names: Sequence[str]) -> tuple[Call, ...]:
        """Stops and starts services that nobody has to be drained from."""

    def wait(self, names: Sequence[str], seconds: float) -> tuple[Call, ...]:
        """Waits on the member, ``seconds`` at most, until services have stopped; ends with :data:`STILL_RUNNING`."""

    def status(self) -> tuple[Call, ...]:
        """Reads the status of services, for polling."""

    def statuses(self, reply: Reply) -> Mapping[str, str]:
        """Service -> status, out of the reply to :meth:`status` or to a read."""

    # the array

    def array(self, name: str, members: Mapping[str, Seen], own: Any, emergency: Emergency = NO_EMERGENCY) -> ArrayPlan:
        """What is only known over all members of the array ``name``, each of which was heard of. ``emergency``: where
        there is one, a successor may not be able to wait for its instant."""

    def mixed(self, finding_id: str) -> bool:
        """Whether a finding is expected while members differ by plan."""


def can_roll(product: Verified[S]) -> TypeGuard[Product[S]]:
    """Whether it answers what a rollout and a request ask."""
    return product.rolls
