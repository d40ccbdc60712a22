# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Lync Server 2013 / Skype for Business Edge server: which certificate each use has, and how to give it another.
Pure.

Cmdlets and their parameters: Microsoft's documentation of Get-/Set-CsCertificate and Get-CsAVEdgeConfiguration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...pki.names import names_of
from ...stores.eventlog import Event, events_from_rows
from ...stores.readiness import Presented
from ...stores.store import Stores, label, read_calls, stores_from_rows
from ...windows.calls import Call, Switch
from . import events, services

EXTERNAL_USES = ("AccessEdgeExternal", "DataEdgeExternal")
AV_USE = "AudioVideoAuthentication"
INTERNAL_USE = "Internal"
USES = (*EXTERNAL_USES, AV_USE, INTERNAL_USE)
TOKEN_LIFETIME = timedelta(hours=8)
"""MaxTokenLifetime's documented default; the configured one is read where that is possible."""
ASSIGNMENT_FIELDS = (
    "Use",
    "Thumbprint",
    "SerialNumber",
    "Subject",
    "Issuer",
    "NotBefore",
    "NotAfter",
    "AlternativeNames",
    "EffectiveDate",
    "PreviousThumbprint",
)
STANDING_FIELDS = ("Use", "Thumbprint", "EffectiveDate", "PreviousThumbprint")
"""What tells which certificate a use has and will have."""
YEARS = {
    4: "Lync Server 2010",
    5: "Lync Server 2013",
    6: "Skype for Business Server 2015",
    7: "Skype for Business Server 2019",
}


@dataclass(frozen=True)
class Assignment:
    """One row of Get-CsCertificate: a certificate that a use has, or will have."""

    use: str
    thumbprint: str
    not_after: datetime | None = None
    names: tuple[str, ...] = ()
    effective: datetime | None = None
    """The instant from which it counts; None when it counts already or the product does not say."""
    previous: str | None = None
    """Thumbprint that it succeeds, where the product says."""


@dataclass(frozen=True)
class EdgeState:
    """All that one read of an Edge server tells."""

    stores: Stores
    assignments: tuple[Assignment, ...]
    services: Mapping[str, str]
    token_lifetime: timedelta
    token_lifetime_read: bool
    version: str
    """File version of RTCSRV, such as ``5.0.8308.1068``; empty when it could not be read."""
    clock: datetime
    windows: tuple[int, ...]
    presented: Mapping[str, Presented]
    """Thumbprint -> what Schannel would send."""
    events: tuple[Event, ...] = ()

    def current(self, use: str) -> str | None:
        """The thumbprint that the use has at this member's now."""
        rows = [a for a in self.assignments if a.use == use]
        settled = [a for a in rows if a.effective is None or a.effective <= self.clock]
        if settled:
            return max(settled, key=lambda a: a.effective.timestamp() if a.effective else 0.0).thumbprint
        return next((a.previous for a in rows if a.previous), None)

    def scheduled(self, use: str) -> Assignment | None:
        """The successor that the product shows for the use, if it shows one."""
        return next(
            (a for a in self.assignments if a.use == use and a.effective is not None and a.effective > self.clock), None
        )

    def assigned(self) -> dict[str, str]:
        """Use -> thumbprint, for every use that has one now."""
        found = {use: self.current(use) for use in dict.fromkeys(a.use for a in self.assignments)}
        return {use: thumbprint for use, thumbprint in found.items() if thumbprint}

    @property
    def product(self) -> str:
        """The product's name by the major file version of RTCSRV."""
        major = self.version.split(".")[0]
        return YEARS.get(int(major), f"Lync/Skype version {self.version}") if major.isdigit() else "unknown product"


def assignments_call(fields: tuple[str, ...] = ASSIGNMENT_FIELDS) -> Call:
    """Reads which certificate each use has."""
    return Call("assignments", "Get-CsCertificate", {}, fields)


def calls(thumbprints: Sequence[str], events_since: datetime) -> tuple[Call, ...]:
    """Everything a rollout reads of an Edge server, in one document."""
    return (
        *read_calls(thumbprints=thumbprints),
        assignments_call(),
        services.status_call(),
        Call(
            "av",
            "Get-CsAVEdgeConfiguration",
            {"LocalStore": Switch(True)},
            ("Identity", "MaxTokenLifetime"),
            optional=True,
        ),
        Call("version", "Get-ServiceVersion", {"Names": ["RTCSRV"]}, optional=True),
        events.read_call(events_since),
    )


def state_from(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    clock: datetime,
    windows: Sequence[int],
    presented: Mapping[str, Presented],
) -> EdgeState:
    """Makes the state of the rows answered to :func:`calls`, by call id."""
    lifetime = next((_span(r.get("MaxTokenLifetime")) for r in rows.get("av", ()) if r.get("MaxTokenLifetime")), None)
    return EdgeState(
        stores=stores_from_rows(rows.get("stores", ()), rows.get("keys", ()), rows.get("access", ())),
        assignments=assignments_from(rows.get("assignments", ())),
        services=services.statuses(rows.get("services", ())),
        token_lifetime=lifetime or TOKEN_LIFETIME,
        token_lifetime_read=lifetime is not None,
        version=next((str(r.get("FileVersion") or "") for r in rows.get("version", ())), ""),
        clock=clock,
        windows=tuple(windows),
        presented=presented,
        events=events_from_rows(rows.get("events", ())),
    )


def assignments_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Assignment, ...]:
    """Reads the rows of Get-CsCertificate; ``urn:certref:`` in front of a use is taken off (New-CsStaticRoute help)."""
    found = []
    for row in rows:
        names = row.get("AlternativeNames") or ()
        found.append(
            Assignment(
                use=re.sub(r"(?i)^urn:certref:", "", str(row.get("Use") or "")),
                thumbprint=str(row.get("Thumbprint") or "").upper(),
                not_after=_instant(row.get("NotAfter")),
                names=tuple(str(n) for n in ([names] if isinstance(names, str) else names)),
                effective=_instant(row.get("EffectiveDate")),
                previous=str(row["PreviousThumbprint"]).upper() if row.get("PreviousThumbprint") else None,
            )
        )
    return tuple(found)


def _instant(value: Any) -> datetime | None:
    """An aware instant, or None; the year 1 is how .NET prints "no date"."""
    return value if isinstance(value, datetime) and value.year > 1 else None


def _span(text: Any) -> timedelta | None:
    """A .NET TimeSpan as text, ``[d.]hh:mm:ss``."""
    match = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)(?:\.\d+)?", str(text).strip())
    if not match:
        return None
    days, hours, minutes, seconds = (int(g or 0) for g in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def assign_call(use: str, thumbprint: str) -> Call:
    """Set-CsCertificate for one use, without -Roll."""
    return Call(
        f"assign-{use}", "Set-CsCertificate", {"Type": [use], "Thumbprint": thumbprint, "Confirm": Switch(False)}
    )


def roll_call(thumbprint: str, instant: datetime) -> Call:
    """Set-CsCertificate -Roll: the date travels as an instant, never as text ("must be formatted to match your
    server's region")."""
    parameters = {
        "Type": [AV_USE],
        "Thumbprint": thumbprint,
        "Roll": Switch(True),
        "EffectiveDate": instant,
        "Confirm": Switch(False),
    }
    return Call("roll", "Set-CsCertificate", parameters)


def describe(thumbprint: str | None, state: EdgeState) -> str:
    """A thumbprint with its name and date, when the stores know it."""
    if not thumbprint:
        return ""
    entry = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)
    return label(entry.certificate) if entry else thumbprint


def required_names(desired_use: str, state: EdgeState) -> tuple[str, ...]:
    """The names that the certificate in use covers: what clients use today must still work tomorrow."""
    thumbprint = state.current(desired_use)
    entry = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)
    if entry is not None:
        return names_of(entry.certificate)
    return next((a.names for a in state.assignments if a.thumbprint == thumbprint), ())
