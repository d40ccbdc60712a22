# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels between a product and those who ask it: plans, records, successors. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ..findings.finding import Finding
from ..stores.store import Change
from ..stores.wanted import Wanted

Depth = Literal["whole", "after", "closing", "verify"]
"""``whole``: everything a rollout judges. ``after``: what a change may have changed. ``closing``: what is looked at
once more when the journal is closed. ``verify``: everything that is in use, every key of My asked to sign."""

Standing = Literal["done", "scheduled", "needed", "first"]
"""Where a member stands with a successor: it has it; it waits for its instant; it has to be scheduled; there is no
certificate at all that it could succeed."""


SHORT_DRAIN = 60
"""Seconds that work in progress is given where the key is compromised: long enough for most calls that are ending
anyway, short beside the time for which the key has been in other hands."""


@dataclass(frozen=True)
class Emergency:
    """Why a renewal cannot wait; false where it can."""

    cause: Literal["", "expired", "compromised"] = ""

    def __bool__(self) -> bool:
        return bool(self.cause)

    @property
    def expired(self) -> bool:
        """The certificate in use has ended, or ends within the window."""
        return self.cause == "expired"

    @property
    def compromised(self) -> bool:
        """Somebody else has its key, or may have it."""
        return self.cause == "compromised"

    def drain_seconds(self, asked: int) -> int:
        """How long work may take to end. Where the certificate has expired its services are down already, and what
        still runs can make no new connection: nothing is worth waiting for."""
        if self.expired:
            return 0
        return min(asked, SHORT_DRAIN) if self.compromised else asked

    @classmethod
    def of(cls, given: Any) -> Emergency:
        """Out of the option's value, or of plain data. Raises ValueError for anything else."""
        cause = given.get("cause") if isinstance(given, Mapping) else given
        if cause in (None, ""):
            return NO_EMERGENCY
        if cause not in ("expired", "compromised"):
            raise ValueError(f"rollout_emergency: expected expired or compromised, found {cause!r}")
        return cls(cause)


NO_EMERGENCY = Emergency()

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
    """What ran before a change that is not over, and has to run again."""
    touched: tuple[str, ...] = ()
    """What the rollout wrote down as running before it, whether it is over or not."""


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
    recorded: Mapping[str, Both] = field(default_factory=dict)
    """Settings that a rollout which has not ended recorded: what it may have left half done."""
    emergency: Emergency = NO_EMERGENCY
    """Why it cannot wait; then the switch also starts what is down."""
    ran: tuple[str, ...] = ()
    """Services that ran before a change that is not over, and have to run again."""
    confirmed: Confirmed | None = None
    """A successor that the journal says was scheduled."""


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
SHA512_WORKS_FROM = (10, 0)
"""The first Windows (Server 2016) on which Schannel uses SHA-512 signatures; before, it logs 36874 and 36888."""


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
    after_title: str = ""
    """What that step is called, before the member's name."""
    note: str = ""
    """For people: what happens after the switches."""
