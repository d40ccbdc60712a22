# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification is: decided once on the controller, handed to every member's task and to the judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from fnmatch import fnmatchcase
from typing import Any, Literal

from ..findings.accept import Acceptance
from ..inputs import InputError
from ..plain import from_plain, to_plain
from ..stores.in_use import Limits


@dataclass(frozen=True)
class VerifyRun:
    """One run over one or more arrays."""

    run: str
    """Its id, such as ``20261127T021500Z-4f2a``."""
    started: datetime
    arrays: Mapping[str, tuple[str, ...]]
    """Array to its members, the excluded ones left out."""
    products: Mapping[str, str]
    """Array to the name of its product."""
    operator: str = ""
    controller: str = ""
    version: str = ""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Member to the reason why it is left out."""
    fail_on: Literal["warning", "error", "critical", "never"] = "error"
    wire_only: bool = False
    trust: str = "system"
    internal_trust: str = ""
    """Empty: the roots of the member itself."""
    names: tuple[str, ...] = ()
    warn_days: float = 30.0
    error_days: float = 7.0
    event_hours: float = 24.0
    exportable: bool | None = None
    accept: tuple[Acceptance, ...] = ()
    only: tuple[str, ...] = ()
    """Patterns of finding ids; empty: all of them."""

    @property
    def limits(self) -> Limits:
        """When an expiry is told."""
        return Limits(self.warn_days, self.error_days)

    def wants(self, id: str) -> bool:
        """Whether this run tells a finding."""
        return not self.only or any(fnmatchcase(id, pattern) for pattern in self.only)

    def product_of(self, member: str) -> str:
        """What the member is asked as: the product of the first array that has it; empty where it is not asked."""
        held = (array for array, members in self.arrays.items() if member in members)
        return "" if self.wire_only else self.products.get(next(held, ""), "")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VerifyRun:
        """Back from plain data. Raises ValueError when it is none of a run."""
        if not data:
            raise ValueError("there is no run to go on with. Start the playbook from its beginning, without --limit")
        return from_plain(cls, data)


def limited(limit: str) -> str:
    """Why nothing is verified under ``--limit``."""
    return (
        f"--limit {limit} leaves out members or the controller. Whether an array is as it should be is only known of "
        "all of it. Leave out --limit, or name the arrays in verify_edge_arrays, verify_exchange_arrays and "
        "verify_frontend_arrays."
    )


def acceptances(given: Sequence[Mapping[str, Any]]) -> tuple[Acceptance, ...]:
    """``verify_accept`` as values. Raises InputError naming the entry and what it lacks."""
    found = []
    for number, entry in enumerate(given, 1):
        where = f"verify_accept, entry {number}"
        unknown = sorted(set(entry) - {"id", "member", "subject", "reason", "until"})
        if unknown:
            raise InputError("input.accept", f"{where}: {', '.join(unknown)} is not a key of an acceptance")
        for key in ("id", "reason", "until"):
            if not str(entry.get(key) or "").strip():
                raise InputError("input.accept", f"{where}: {key} is missing; who accepts a finding says why and until")
        found.append(
            Acceptance(
                id=str(entry["id"]),
                reason=str(entry["reason"]),
                until=_end_of(entry["until"], where),
                member=str(entry.get("member") or ""),
                subject=str(entry.get("subject") or ""),
            )
        )
    return tuple(found)


def _end_of(value: Any, where: str) -> datetime:
    """The last instant of a day, in UTC."""
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip()
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise InputError("input.accept", f"{where}, until: expected a day such as 2027-01-31, found {text!r}") from None
    return datetime.combine(day, time(23, 59, 59), timezone.utc)
