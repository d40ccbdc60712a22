# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Edge server, and what its answers mean: a part of the product's interface. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ...stores.readiness import Presented
from ...stores.store import read_calls, test_calls
from ...windows.calls import Call, Reply
from ..cs import services
from ..cs.certificates import STANDING_FIELDS, assignments_call
from ..cs.events import read_call
from ..cs.reading import EVER, CsReading, key_tests
from ..cs.state import Rows
from ..values import Ask, Confirmed, Depth, Scheduled
from . import roll
from .events import TEXTS
from .state import AV_USE, USES, EdgeState, calls, state_from


class Reading(CsReading[EdgeState]):
    """Calls out, replies in."""

    texts = TEXTS
    elsewhere = "Where these are Exchange servers, say so: -e rollout_product=exchange"

    def made(
        self, rows: Rows, clock: datetime, windows: Sequence[int], presented: Mapping[str, Presented]
    ) -> EdgeState:
        """With the lifetime of A/V authentication's tokens."""
        return state_from(rows, clock, windows, presented)

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """Stores, assignments, services and events; behind a change only what it changed."""
        since = ask.since or EVER
        if depth == "whole":
            return calls(ask.leaves, since)
        if depth == "verify":
            return (*calls((), since), *key_tests())
        small = (assignments_call(STANDING_FIELDS), services.status_call())
        return small if ask.since is None else (*small, read_call(ask.since))

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys of My."""
        return test_calls(leaves, store)

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Stores and keys."""
        return read_calls(thumbprints=leaves)

    def glance(self, reply: Reply, received: datetime) -> EdgeState | None:
        """Assignments and services."""
        return self._made(reply, received, (), {})

    def offers(self, state: EdgeState) -> tuple[str, ...]:
        """Every Edge server has every use."""
        return USES

    def serves(self, state: EdgeState, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """What Get-CsCertificate shows in force."""
        return state.assigned()

    def settings(self, state: EdgeState) -> Mapping[str, str | None]:
        """There are none beside the uses."""
        return {}

    def pending(
        self, state: EdgeState, wanted: Mapping[str, str], confirmed: Confirmed | None
    ) -> Mapping[str, Scheduled]:
        """A/V authentication."""
        thumbprint = wanted.get(AV_USE)
        if thumbprint is None:
            return {}
        now = roll.standing(thumbprint, state, confirmed)
        ends, seconds = _ends(state), state.token_lifetime.total_seconds()
        return {AV_USE: Scheduled(thumbprint, now.state, now.instant, now.previous, ends, seconds)}


def _ends(state: EdgeState) -> datetime | None:
    """When the A/V authentication certificate in force expires: by the store, else by the product's word."""
    old = state.mine(state.current(AV_USE))
    if old is not None:
        return old.certificate.not_after
    return next((a.not_after for a in state.assignments if a.use == AV_USE and a.not_after), None)
