# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The successor of the A/V authentication certificate: when it may take over, and where each member stands. Pure.

"All Edge Servers ... must have [it] deployed and provisioned by the date and time defined" by the first one, and the
old certificate has to outlive that instant by the lifetime of a token (Microsoft, stage A/V and OAuth certificates).
What Get-CsCertificate shows between -Roll and the instant is not documented: the journal's word counts as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ..values import NO_EMERGENCY, Confirmed, Emergency
from .state import AV_USE, EdgeState

GRAIN = timedelta(minutes=5)
"""The instant is rounded up to this: people read it, and the product shows whole minutes."""
MIN_LEAD = timedelta(minutes=30)
"""Less than this ahead, a member that fails cannot be mended in time."""


@dataclass(frozen=True)
class Standing:
    """Where one member stands."""

    state: Literal["done", "scheduled", "needed", "first"]
    """``done`` (it has the new one), ``scheduled``, ``needed``, or ``first`` (no certificate at all yet)."""
    instant: datetime | None = None
    previous: str | None = None


def standing(wanted: str, state: EdgeState, recorded: Confirmed | None) -> Standing:
    """Where a member stands with the wanted A/V thumbprint, by the product's reply or by its journal."""
    current = state.current(AV_USE)
    if current == wanted:
        return Standing("done")
    if current is None and state.scheduled(AV_USE) is None:
        return Standing("first")
    shown = state.scheduled(AV_USE)
    if shown is not None and shown.thumbprint == wanted:
        return Standing("scheduled", shown.effective, current)
    if shown is None and recorded is not None and recorded.thumbprint == wanted and recorded.instant > state.clock:
        return Standing("scheduled", recorded.instant, recorded.previous or current)
    return Standing("needed", None, current)


@dataclass(frozen=True)
class Decision:
    """What the whole array does about A/V authentication."""

    action: Literal["none", "roll", "replace", "stop"]
    """``none``, ``roll``, ``replace`` (drops calls, was asked for) or ``stop``."""
    instant: datetime | None = None
    members: tuple[str, ...] = ()
    """Those that have to be touched."""
    id: str = ""
    """Finding id when the action is ``stop``."""
    text: str = ""


def decide(
    standings: Mapping[str, Standing],
    now: datetime,
    old_not_after: datetime | None,
    token_lifetime: timedelta,
    *,
    hours_ahead: float = 4.0,
    at: datetime | None = None,
    allow_call_drop: bool = False,
    emergency: Emergency = NO_EMERGENCY,
) -> Decision:
    """One instant for the whole array, decided once; a re-run adopts the one that is there.

    In an emergency no member waits for an instant for which the one in use cannot or must not live on.

    ``now`` is the members' own time. ``old_not_after`` is the earliest end of the certificates in use, None when no
    member has one.
    """
    if _at_once(emergency, now, old_not_after, token_lifetime):
        lacking = tuple(m for m, s in standings.items() if s.state != "done")
        return Decision("replace", None, lacking) if lacking else Decision("none")
    allow_call_drop = allow_call_drop or bool(emergency)
    todo = tuple(m for m, s in standings.items() if s.state in ("needed", "first"))
    instants = {s.instant for s in standings.values() if s.state == "scheduled" and s.instant is not None}
    if len(instants) > 1:
        listed = ", ".join(f"{m}: {s.instant:%Y-%m-%d %H:%M:%SZ}" for m, s in standings.items() if s.instant)
        text = f"the members were rolled for different instants ({listed}); all must have the same"
        return Decision("stop", id="roll.mixed", members=todo, text=text)
    if not todo:
        return Decision("none", next(iter(instants), None))
    done = [m for m, s in standings.items() if s.state == "done"]
    if all(s.state == "first" for s in standings.values()):
        return Decision(
            "replace", None, todo, text="no member has an A/V authentication certificate yet: nothing can drop"
        )
    if done and not allow_call_drop:
        text = (
            f"{', '.join(done)} already use(s) the new A/V authentication certificate while {', '.join(todo)} "
            f"was not rolled: "
            "tokens of one side are refused by the other. Replace it on the rest now with rollout_allow_call_drop: true"
        )
        return Decision("stop", id="roll.passed-unrolled", members=todo, text=text)
    if done:
        return Decision("replace", None, todo)
    adopted = next(iter(instants), None)
    instant = adopted or at or _round_up(now + timedelta(hours=hours_ahead))
    if old_not_after is not None and instant + token_lifetime > old_not_after and adopted is None and at is None:
        instant = _round_down(old_not_after - token_lifetime)
    if instant >= now + (timedelta(0) if adopted else MIN_LEAD) and (
        old_not_after is None or instant + token_lifetime <= old_not_after
    ):
        return Decision("roll", instant, todo)
    if allow_call_drop and adopted is None:
        return Decision("replace", None, todo)
    return Decision(
        "stop", id="roll.no-overlap", members=todo, text=_no_overlap(instant, old_not_after, token_lifetime)
    )


def _no_overlap(instant: datetime, old_not_after: datetime | None, token_lifetime: timedelta) -> str:
    """Why a roll at the instant cannot be."""
    end = f"{old_not_after:%Y-%m-%d %H:%MZ}" if old_not_after else "nothing"
    return (
        f"a roll at {instant:%Y-%m-%d %H:%MZ} needs {int(MIN_LEAD.total_seconds() // 60)} minutes ahead of it "
        f"and the certificate in "
        f"use for {token_lifetime} after it, which ends {end}. Set rollout_roll_at to a time that fits, or "
        f"accept dropped calls "
        "with rollout_allow_call_drop: true"
    )


def _at_once(emergency: Emergency, now: datetime, ends: datetime | None, token_lifetime: timedelta) -> bool:
    """Whether the one in use cannot or must not be accepted beside its successor: its key is compromised, or it ends
    before the tokens of a roll would."""
    no_overlap = ends is not None and ends < now + MIN_LEAD + token_lifetime
    return emergency.compromised or (emergency.expired and no_overlap)


def _round_up(instant: datetime) -> datetime:
    whole = instant.replace(minute=0, second=0, microsecond=0)
    steps = -((whole - instant) // GRAIN)
    return whole + GRAIN * steps


def _round_down(instant: datetime) -> datetime:
    whole = instant.replace(minute=0, second=0, microsecond=0)
    return whole + GRAIN * ((instant - whole) // GRAIN)
