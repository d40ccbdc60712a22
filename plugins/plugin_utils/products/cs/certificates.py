# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate each use has: the rows of Get-CsCertificate. Pure.

Cmdlets and their parameters: Microsoft's documentation of Get-CsCertificate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...windows.calls import Call

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


def assignments_call(fields: tuple[str, ...] = ASSIGNMENT_FIELDS) -> Call:
    """Reads which certificate each use has."""
    return Call("assignments", "Get-CsCertificate", {}, fields)


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
