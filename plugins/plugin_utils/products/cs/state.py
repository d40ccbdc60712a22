# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a server of Lync or Skype for Business as far as its role does not matter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...findings.finding import Finding, finding
from ...stores.eventlog import Event, events_from_rows
from ...stores.readiness import Presented
from ...stores.store import StoredCertificate, Stores, read_calls, stores_from_rows
from ...windows.calls import Call
from . import services
from .certificates import Assignment, assignments_call, assignments_from
from .events import read_call

YEARS = {
    4: "Lync Server 2010",
    5: "Lync Server 2013",
    6: "Skype for Business Server 2015",
    7: "Skype for Business Server 2019",
}


@dataclass(frozen=True, kw_only=True)
class CsState:
    """What one read of such a server tells, whatever its role."""

    stores: Stores
    assignments: tuple[Assignment, ...]
    services: Mapping[str, str]
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

    def mine(self, thumbprint: str | None) -> StoredCertificate | None:
        """The certificate in LocalMachine\\My."""
        return next((c for c in self.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)

    @property
    def product(self) -> str:
        """The product's name by the major file version of RTCSRV."""
        major = self.version.split(".")[0]
        return YEARS.get(int(major), f"Lync/Skype version {self.version}") if major.isdigit() else "unknown product"


Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Call id -> what was answered."""


def calls(thumbprints: Sequence[str], events_since: datetime, own: Sequence[Call]) -> tuple[Call, ...]:
    """Everything that is read of such a server, in one document. ``own``: what only its role has."""
    return (
        *read_calls(thumbprints=thumbprints),
        assignments_call(),
        services.status_call(),
        *own,
        Call("version", "Get-ServiceVersion", {"Names": ["RTCSRV"]}, optional=True),
        read_call(events_since),
    )


def fields(rows: Rows, clock: datetime, windows: Sequence[int], presented: Mapping[str, Presented]) -> dict[str, Any]:
    """The fields of :class:`CsState` out of the rows answered to :func:`calls`."""
    return {
        "stores": stores_from_rows(rows.get("stores", ()), rows.get("keys", ()), rows.get("access", ())),
        "assignments": assignments_from(rows.get("assignments", ())),
        "services": services.statuses(rows.get("services", ())),
        "version": next((str(row.get("FileVersion") or "") for row in rows.get("version", ())), ""),
        "clock": clock,
        "windows": tuple(windows),
        "presented": presented,
        "events": events_from_rows(rows.get("events", ())),
    }


def unassigned(member: str, state: CsState, uses: Iterable[str]) -> Iterable[Finding]:
    """Every use of ``uses`` has a certificate, and it is there."""
    for use in uses:
        thumbprint = state.current(use)
        if thumbprint is None:
            yield finding("product.use-unassigned", member, use, f"{use} has no certificate")
        elif state.mine(thumbprint) is None:
            text = f"{use} has {thumbprint}, and there is no such certificate in LocalMachine\\My"
            yield finding("store.assigned-missing", member, use, text)
