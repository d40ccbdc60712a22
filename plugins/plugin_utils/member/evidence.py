# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one read of a member proves: the only thing that travels from step to step. Pure.

It holds thumbprints, names and instants; never a key, a password or a PFX. Ansible's facts carry its plain form
(:meth:`Evidence.to_plain`); nobody looks into that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from ..findings.finding import Finding
from ..plain import from_plain, to_plain
from ..products.values import Plan, Scheduled
from ..stores.pictures import Chain
from ..stores.store import Change
from ..windows.calls import Call, ThisComputer
from ..windows.wire import decode, encode
from .journal import Journal


@dataclass(frozen=True)
class HostSeen:
    """What a read says of the host itself."""

    computer: str
    """NetBIOS name."""
    windows: str
    product: str
    """The product's name for people."""
    version: str
    powershell: str
    user: str
    admin: bool
    clock: datetime
    """The host's own."""
    offset: float
    """Seconds that its clock is ahead of the controller's."""


@dataclass(frozen=True)
class Lock:
    """Who holds the member."""

    run: str
    at: str = ""


@dataclass(frozen=True)
class Missing:
    """Something that has still to be staged."""

    store: str
    sha256: str


@dataclass(frozen=True)
class WayBack:
    """Whether a use's certificate of today can be gone back to."""

    possible: bool
    why: str = ""


@dataclass(frozen=True)
class Known:
    """A certificate that the run is about on this member."""

    thumbprint: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    role: Literal["new", "old"]
    uses: tuple[str, ...] = ()
    serial: str = ""
    sha256: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A certificate that lies on the member together with its private key."""

    store: str
    thumbprint: str
    key: str
    """SHA-256 (hex) of the public key."""
    label: str
    not_after: datetime


@dataclass(frozen=True)
class Evidence:
    """A member as one read showed it."""

    member: str
    """Its inventory name."""
    run: str
    """The run that read it."""
    product: str
    host: HostSeen
    digest: str
    """SHA-256 over what the gate judges: stores and keys."""
    offers: tuple[str, ...]
    """The uses that it has."""
    assigned: Mapping[str, str]
    """Use -> thumbprint in force now."""
    wanted: Mapping[str, str]
    """Use -> thumbprint that it shall have, of the uses that it has."""
    staged: Mapping[str, str]
    """Use -> thumbprint that lies ready with its key."""
    keys: Mapping[str, str]
    """Use -> SHA-256 of the public key whose private key was seen to sign here, or is in use."""
    planned_keys: Mapping[str, str]
    """Use -> SHA-256 of the wanted public key."""
    stage: tuple[str, ...] = ()
    """What has still to be staged, a line each; as long as there is something, the stores were judged as they would
    be."""
    missing: tuple[Missing, ...] = ()
    plan: Plan = Plan()
    """What the switch takes."""
    pending: Mapping[str, Scheduled] = field(default_factory=dict)
    """Uses that are succeeded at an instant, and where each stands."""
    back: Mapping[str, WayBack] = field(default_factory=dict)
    """Use that the plan changes -> whether it can be taken back within the window."""
    services: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str | None] = field(default_factory=dict)
    """Settings that the switch must not hurt, as they are."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Thumbprint -> how people call the certificate."""
    certificates: tuple[Known, ...] = ()
    chains: tuple[Chain, ...] = ()
    journal: Journal | None = None
    lock: Lock | None = None
    findings: tuple[Finding, ...] = ()
    events_asked: bool = True
    own: Mapping[str, Any] = field(default_factory=dict)
    """What only the product's own decisions over the array need, as plain data."""
    held: tuple[Held, ...] = ()
    """Every certificate of the machine's stores that has its key there; read out in an emergency alone."""

    @property
    def computer(self) -> str:
        """The host's NetBIOS name."""
        return self.host.computer

    @property
    def clock(self) -> datetime:
        """The member's own time."""
        return self.host.clock

    @property
    def forecast(self) -> bool:
        """Something has still to be staged, so the stores were judged as they would be."""
        return bool(self.stage)

    @property
    def ready(self) -> bool:
        """Nothing was found that stops a rollout."""
        return not any(found.stops for found in self.findings)

    @property
    def locked(self) -> bool:
        """This run holds the member."""
        return self.lock is not None and self.lock.run == self.run

    def to_plain(self) -> dict[str, Any]:
        """Plain data for facts."""
        plain: dict[str, Any] = to_plain(replace(self, plan=Plan()))
        return plain | {"plan": plain_plan(self.plan), "locked": self.locked}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Evidence:
        """Back from plain data. Raises PlainError naming the field that does not fit, CallError for a call that must
        not be sent."""
        bare = from_plain(cls, {**data, "plan": {}})
        return replace(bare, plan=plan_from(data.get("plan") or {}))


def plain_plan(plan: Plan) -> dict[str, Any]:
    """A plan as plain data; its calls in the form that they have on the wire. They hold no key."""
    bare: dict[str, Any] = to_plain(replace(plan, changes=(), last=()))
    return bare | {"changes": _plain_changes(plan.changes), "last": _plain_changes(plan.last)}


def plan_from(data: Mapping[str, Any]) -> Plan:
    """A plan out of its plain form. Raises PlainError, and CallError for a name that is not on the allowlist."""
    bare = from_plain(Plan, {**data, "changes": [], "last": []})
    return replace(bare, changes=_changes(data.get("changes") or ()), last=_changes(data.get("last") or ()))


def _plain_changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            **to_plain(replace(change, calls=())),
            "calls": [
                {
                    "id": c.id,
                    "name": c.name,
                    "with": {k: encode(value, c.name) for k, value in c.parameters.items()},
                }
                for c in change.calls
            ],
        }
        for change in changes
    ]


def _changes(rows: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    return tuple(
        replace(
            from_plain(Change, {**row, "calls": []}),
            calls=tuple(
                Call(str(c["id"]), str(c["name"]), {key: _value(value) for key, value in dict(c["with"]).items()})
                for c in row.get("calls") or ()
            ),
        )
        for row in rows
    )


def _value(value: Any) -> Any:
    return ThisComputer() if value == {"$computer": True} else decode(value)
