# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a product has to answer so that the collection can renew, verify and take back its certificates.

A product is pure: calls go out, replies come in. It knows no host, no clock and no Ansible; who talks to the member,
holds its lock and writes its journal is :mod:`member.conversation`, and that exists once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from ..findings.entry import Entry
from ..findings.finding import Finding
from ..findings.problem import Problem
from ..pki.certificate import Certificate
from ..stores.readiness import Presented
from ..stores.store import Change, Stores
from ..stores.wanted import Wanted
from ..windows.calls import Call, Kind, Reply

Depth = Literal["whole", "after", "closing", "verify"]
"""``whole``: everything a rollout judges. ``after``: what a change may have changed. ``closing``: what is looked at
once more when the journal is closed. ``verify``: everything that is in use, every key of My asked to sign."""

Standing = Literal["done", "scheduled", "needed", "first"]
"""Where a member stands with a successor: it has it; it waits for its instant; it has to be scheduled; there is no
certificate at all that it could succeed."""


IN_USE = "certificate in use"
"""Where a name comes from that only the certificate in use has."""


@dataclass(frozen=True)
class Address:
    """One name by which a server is configured to be reached."""

    name: str
    where: str
    """The setting, such as ``OWA ExternalUrl`` or ``receive connector Client Frontend EX1``."""
    own: bool = False
    """The server's own name on a connector: the self-signed certificate of the server serves it."""


@dataclass(frozen=True)
class Both:
    """A use or a setting before and after. ``Both(x, x)``: it must not move."""

    before: str | None
    after: str | None


@dataclass(frozen=True)
class Scheduled:
    """A use whose certificate is not replaced but succeeded, at one instant for the whole array."""

    thumbprint: str
    """The successor."""
    state: Standing
    instant: datetime | None = None
    previous: str | None = None
    """The certificate in force until then."""
    ends: datetime | None = None
    """When the certificate in force expires."""
    outlive: float = 0.0
    """Seconds for which the one in force has to outlive the instant."""


@dataclass(frozen=True)
class Plan:
    """What a switch, or the way back, takes on one member. It travels in the evidence and is sent as the gate judged
    it."""

    uses: Mapping[str, Both] = field(default_factory=dict)
    """Use -> thumbprint before and after."""
    settings: Mapping[str, Both] = field(default_factory=dict)
    """Beside the uses; recorded in the journal, and each has its ``after`` in the end."""
    stop: tuple[str, ...] = ()
    """Services that are drained and stopped before the changes, in start order."""
    changes: tuple[Change, ...] = ()
    restart: tuple[str, ...] = ()
    """Services that are stopped and started behind the changes."""
    start: tuple[str, ...] = ()
    """Services that are started: what was stopped, and what was down already."""
    run: tuple[str, ...] = ()
    """What has to run in the end: all that ran before, dependents included."""
    last: tuple[Change, ...] = ()
    """What is changed once services are back."""
    pending: Mapping[str, Scheduled] = field(default_factory=dict)
    """Uses that are given a successor for an instant."""
    blocked: tuple[str, ...] = ()
    """Why the changes cannot be made, as sentences; it never forbids ``start``."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The changes, a line each."""
        return tuple(change.as_line() for change in (*self.changes, *self.last))

    @property
    def empty(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.changes or self.last or self.start or self.blocked)


@dataclass(frozen=True)
class Record:
    """What a member's journal says of a rollout: what was there before, and what ran."""

    uses: Mapping[str, Both]
    settings: Mapping[str, Both]
    services: tuple[str, ...] = ()
    """What ran when the switch began."""


@dataclass(frozen=True)
class Confirmed:
    """A successor that the journal says was scheduled."""

    thumbprint: str
    instant: datetime
    previous: str | None = None


@dataclass(frozen=True)
class Context:
    """What a judgement may know beside the member's state."""

    own: Any
    """The product's own part of the run's settings."""
    wanted: Wanted
    asked: tuple[str, ...] = ()
    """The uses that the run was asked for, whether the member has them or not."""
    planned: bool = False
    """Something has still to be staged: the stores are judged as they would be."""
    ready_in: str = "My"
    """The store in which the wanted key waits, or will wait."""
    names: tuple[str, ...] = ()
    """Names that the user wants to be covered."""
    window: timedelta = timedelta(0)
    """For how long after now the way back has to stay open."""


@dataclass(frozen=True)
class Ask:
    """What a read is to bring along."""

    own: Any
    leaves: tuple[str, ...] = ()
    """Thumbprints whose keys are asked."""
    since: datetime | None = None
    """From when on events are read."""


STILL_RUNNING = "ucops.StillRunning"
"""What Wait-Stopped ends with when a service still has work."""
STOPPED, RUNNING = "Stopped", "Running"


class Unread(Exception):  # noqa: N818 - the member's answer lacks something; it is told as a finding
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


@dataclass(frozen=True)
class Roll:
    """What the array does about uses that are succeeded at an instant."""

    action: Literal["none", "roll", "replace", "stop"] = "none"
    """``replace``: at once, as was asked for; ``stop``: it cannot be done as things are."""
    use: str = ""
    instant: datetime | None = None
    members: tuple[str, ...] = ()
    """Those that have to be touched."""
    text: str = ""


@dataclass(frozen=True)
class ArrayPlan:
    """What only shows over the whole array."""

    findings: tuple[Finding, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> what it does in place of its own plan."""
    roll: Roll = Roll()
    before: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> a step of its own before any member is switched; all members or none."""
    after: Mapping[str, Plan] = field(default_factory=dict)
    """Member -> a step of its own after the last switch."""
    note: str = ""
    """For people: what happens after the switches."""


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


class Product(Protocol[S]):
    """One product."""

    name: str
    """The option's value, the usual name of its inventory group, the first word of its findings."""
    title: str
    """How people call a server of it."""
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
    """The report's columns that a rollout of it can answer."""
    asks: Asks
    """Its requests."""
    key_store: str
    """Where a staged key waits."""
    succeeds: str
    """The use that is succeeded at an instant instead of being replaced; empty where there is none."""
    succession: str
    """How people call that."""
    restartable: tuple[str, ...]
    """Uses that ``rollout_restart`` can name, because their services may go on with the old certificate."""
    wildcards: bool
    """Whether every version takes a certificate with a wildcard."""

    def own(self, options: Mapping[str, Any]) -> Any:
        """Its own part of the settings, a frozen value. Raises ValueError naming the option that does not fit."""

    def give(self, bundles: Sequence[str], own: Any) -> Mapping[str, str]:
        """Use -> name of the bundle that serves it. Raises ValueError for a bundle that it has no use for."""

    def load(self, own: Any, depth: Depth = "whole") -> tuple[str, ...]:
        """What is loaded before the cmdlets of a read, or of a change, can be called."""

    # reading

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """The calls of one read; ids are the product's own."""

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys to sign, and Schannel what it would send."""

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """What staging changed: stores and keys. No cmdlet of the product is needed."""

    def see(self, reply: Reply, received: datetime) -> S:
        """The state that a reply shows. ``received``: the controller's clock. Raises Unread."""

    def version(self, state: S) -> tuple[str, str]:
        """Name and version for people."""

    def offers(self, state: S) -> tuple[str, ...]:
        """The uses that this member has. The only place that knows."""

    def assigned(self, state: S) -> Mapping[str, tuple[str, ...]]:
        """Use -> every thumbprint that has it."""

    def serves(self, state: S, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """Use -> the one thumbprint that tells where the member stands. ``wanted``: use -> thumbprint."""

    def settings(self, state: S) -> Mapping[str, str | None]:
        """Settings that a rollout may touch or hurt, as they are now."""

    def pending(self, state: S, wanted: Mapping[str, str], confirmed: Confirmed | None) -> Mapping[str, Scheduled]:
        """Uses that are succeeded at an instant, and where each stands, by the state or by the journal's word
        (``confirmed``). ``wanted``: use -> thumbprint."""

    def services(self, state: S) -> Mapping[str, str]:
        """Windows service -> its status."""

    def remembering(self, state: S, given: Mapping[str, frozenset[str]]) -> S:
        """The state with what the journal proves to have been given: thumbprint -> uses."""

    def glance(self, reply: Reply, received: datetime) -> S | None:
        """The state as far as a read that is not whole tells it; None when it tells of services alone."""

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """Events that speak against ``leaves`` (without ``since`` none counts), and what keeps the log from being
        a witness (``event.unreadable``)."""

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """A sample read for somebody's first look at a host; none where nothing is sampled."""

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """The uses that the sample shows."""

    # judging

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        """What is wrong with the delivery itself, before any member is touched."""

    def judge(self, state: S, context: Context) -> Iterable[Problem]:
        """What speaks against giving the member what is wanted, chain and key apart."""

    def down(self, uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """Services that uses rest on, or that ran before a change that is not over (``ran``), and that do not run."""

    def check(self, member: str, state: S) -> Iterable[Finding]:
        """What is wrong on the member as it is, nothing wanted."""

    def others(self, state: S) -> Mapping[str, str]:
        """Thumbprint -> what it is there for, of certificates that no renewal touches."""

    def successor(self, state: S) -> Confirmed | None:
        """A successor that the product itself shows before its instant."""

    def baseline(self, member: str, state: S, context: Context, switches: bool) -> Iterable[Finding]:
        """What is wrong there already or follows from the switch: told, and not blamed on the rollout."""

    # changing

    def switch(self, state: S, context: Context) -> Plan:
        """What the switch takes. Empty when the member has what is wanted."""

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

    def array(self, name: str, members: Mapping[str, Seen], own: Any) -> ArrayPlan:
        """What is only known over all members of the array ``name``, each of which was heard of."""

    def mixed(self, finding_id: str) -> bool:
        """Whether a finding is expected while members differ by plan."""
