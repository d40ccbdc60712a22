# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Edge server, and what its answers mean: a part of the product's interface. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from ...findings.finding import finding
from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...stores.eventlog import events_from_rows
from ...stores.presented import presented_in, windows_version
from ...stores.store import read_calls, test_calls
from ...windows.calls import Call, Reply
from ..interface import Unread
from ..values import Ask, Confirmed, Depth, Scheduled
from . import events, roll, services
from .facts import uses_call
from .state import (
    AV_USE,
    STANDING_FIELDS,
    USES,
    EdgeState,
    assignments_call,
    assignments_from,
    calls,
    state_from,
)

LOAD = ("lync",)
NEEDED = {
    "stores": "certificate stores",
    "keys": "private keys",
    "access": "rights on private keys",
    "assignments": "certificates in use (Get-CsCertificate)",
    "services": "services (Get-CsWindowsService)",
}
"""Reads without which nothing can be concluded: what they would have said is unknown, not absent."""


class Reading:
    """Calls out, replies in."""

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """Stores, assignments, services and events; behind a change only what it changed."""
        since = ask.since or datetime.min.replace(tzinfo=timezone.utc)
        if depth == "whole":
            return calls(ask.leaves, since)
        if depth == "verify":
            return (*calls((), since), *(replace(call, optional=True) for call in test_calls(None)))
        small = (assignments_call(STANDING_FIELDS), services.status_call())
        return small if ask.since is None else (*small, events.read_call(ask.since))

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys of My."""
        return test_calls(leaves, store)

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Stores and keys."""
        return read_calls(thumbprints=leaves)

    def see(self, reply: Reply, received: datetime) -> EdgeState:
        """The state of a whole read. Raises Unread for a read that failed and that everything rests on."""
        for call, what in NEEDED.items():
            answer = reply.answers.get(call)
            if answer is not None and answer.error is not None:
                said = f"{answer.error.message} ({answer.error.fqid})"
                if reply.host.load_error and call in ("assignments", "services"):
                    remedy = finding("product.not-loaded").remedy
                    said = (
                        f"{reply.host.load_error.rstrip('.')}. {remedy} Where these are Exchange servers, say so: -e "
                        "rollout_product=exchange"
                    )
                raise Unread(f"its {what} could not be read, so nothing is known of it: {said}")
        names = ("stores", "keys", "access", "assignments", "services", "av", "version", "events")
        rows = {name: reply.rows(name) for name in names}
        windows = windows_version(reply.host.windows)
        return state_from(rows, reply.host.clock or received, windows, presented_in(reply.rows("presented")))

    def remembering(self, state: EdgeState, given: Mapping[str, frozenset[str]]) -> EdgeState:
        """Get-CsCertificate tells by itself."""
        return state

    def glance(self, reply: Reply, received: datetime) -> EdgeState | None:
        """Assignments and services."""
        rows = {name: reply.rows(name) for name in ("assignments", "services", "events")}
        return state_from(rows, reply.host.clock or received, (), {})

    def version(self, state: EdgeState) -> tuple[str, str]:
        """By the file version of RTCSRV."""
        return state.product, state.version

    def offers(self, state: EdgeState) -> tuple[str, ...]:
        """Every Edge server has every use."""
        return USES

    def assigned(self, state: EdgeState) -> Mapping[str, tuple[str, ...]]:
        """One certificate a use."""
        return {use: (thumbprint,) for use, thumbprint in state.assigned().items()}

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

    def services(self, state: EdgeState) -> Mapping[str, str]:
        """By Get-CsWindowsService."""
        return state.services

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """Shared session keys, and errors that name a serial number of ours."""
        found: list[Problem] = []
        if since is not None:
            seen = events_from_rows(reply.rows("events"))
            found += events.problems(seen, leaves, since)
        unread = events.unreadable(reply.answers.get("events"))
        return (*found, *([unread] if unread is not None else []))

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """Which uses have which certificate."""
        return uses_call(now)

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """Each use once."""
        return tuple(dict.fromkeys(assignment.use for assignment in assignments_from(reply.rows("assignments"))))


def _ends(state: EdgeState) -> datetime | None:
    """When the A/V authentication certificate in force expires: by the store, else by the product's word."""
    old = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == state.current(AV_USE)), None)
    if old is not None:
        return old.certificate.not_after
    return next((a.not_after for a in state.assignments if a.use == AV_USE and a.not_after), None)
