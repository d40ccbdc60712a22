# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Lync Server 2013 / Skype for Business Edge server: which certificate each use has, and how to give it another.
Pure.

Cmdlets and their parameters: Microsoft's documentation of Get-/Set-CsCertificate and Get-CsAVEdgeConfiguration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...pki.names import names_of
from ...stores.readiness import Presented
from ...stores.store import label
from ...windows.calls import Call, Switch
from ..cs import state as cs
from ..cs.state import CsState

EXTERNAL_USES = ("AccessEdgeExternal", "DataEdgeExternal")
AV_USE = "AudioVideoAuthentication"
INTERNAL_USE = "Internal"
USES = (*EXTERNAL_USES, AV_USE, INTERNAL_USE)
TOKEN_LIFETIME = timedelta(hours=8)
"""MaxTokenLifetime's documented default; the configured one is read where that is possible."""


@dataclass(frozen=True, kw_only=True)
class EdgeState(CsState):
    """All that one read of an Edge server tells."""

    token_lifetime: timedelta
    token_lifetime_read: bool


def calls(thumbprints: Sequence[str], events_since: datetime) -> tuple[Call, ...]:
    """Everything a rollout reads of an Edge server, in one document."""
    tokens = Call(
        "av",
        "Get-CsAVEdgeConfiguration",
        {"LocalStore": Switch(True)},
        ("Identity", "MaxTokenLifetime"),
        optional=True,
    )
    return cs.calls(thumbprints, events_since, (tokens,))


def state_from(
    rows: cs.Rows,
    clock: datetime,
    windows: Sequence[int],
    presented: Mapping[str, Presented],
) -> EdgeState:
    """Makes the state of the rows answered to :func:`calls`, by call id."""
    lifetime = next((_span(r.get("MaxTokenLifetime")) for r in rows.get("av", ()) if r.get("MaxTokenLifetime")), None)
    return EdgeState(
        **cs.fields(rows, clock, windows, presented),
        token_lifetime=lifetime or TOKEN_LIFETIME,
        token_lifetime_read=lifetime is not None,
    )


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
    entry = state.mine(thumbprint)
    return label(entry.certificate) if entry else thumbprint


def required_names(desired_use: str, state: EdgeState) -> tuple[str, ...]:
    """The names that the certificate in use covers: what clients use today must still work tomorrow."""
    thumbprint = state.current(desired_use)
    entry = state.mine(thumbprint)
    if entry is not None:
        return names_of(entry.certificate)
    return next((a.names for a in state.assignments if a.thumbprint == thumbprint), ())
