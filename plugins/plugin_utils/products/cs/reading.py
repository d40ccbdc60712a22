# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a server of Lync or Skype for Business, and what its answers mean, as far as its role does not
matter: a part of the products' interface. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from ...findings.finding import finding
from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...stores.eventlog import events_from_rows
from ...stores.presented import presented_in, windows_version
from ...stores.readiness import Presented
from ...stores.store import NETWORK_SERVICE, test_calls
from ...windows.calls import Call, Reply
from ..interface import Unread
from ..values import Depth
from . import events, services
from .certificates import assignments_call, assignments_from
from .state import CsState, Rows

LOAD = ("lync",)
NEEDED = {
    "stores": "certificate stores",
    "keys": "private keys",
    "access": "rights on private keys",
    "assignments": "certificates in use (Get-CsCertificate)",
    "services": "services (Get-CsWindowsService)",
}
"""Reads without which nothing can be concluded: what they would have said is unknown, not absent."""

EVER = datetime.min.replace(tzinfo=timezone.utc)
"""From when on events are read where nobody says."""
S = TypeVar("S", bound=CsState)


def key_tests() -> tuple[Call, ...]:
    """Asks every key of My, and Schannel; a verification goes on without an answer."""
    return tuple(replace(call, optional=True) for call in test_calls(None))


class CsReading(Generic[S]):
    """Replies in, state out."""

    readers: tuple[str, ...] = (NETWORK_SERVICE,)
    ways: Mapping[str, bool] = dict.fromkeys(LOAD, False)
    shells: tuple[str, ...] = ()
    by_hand: str = "Get-CsCertificate"
    event_log: str = events.LOG
    event_sources: tuple[str, ...] = events.SOURCES
    texts: Mapping[str, re.Pattern[str]] = {}
    """Finding -> the text of an entry of the event log that is told as that."""
    elsewhere: str = ""
    """What to do where the module of the product is not there because it is another product."""

    def load(self, own: Any, depth: Depth = "whole") -> tuple[str, ...]:
        """The module of Lync or Skype for Business."""
        return LOAD

    def made(self, rows: Rows, clock: datetime, windows: Sequence[int], presented: Mapping[str, Presented]) -> S:
        """The role's state of the rows, by call id."""
        raise NotImplementedError

    def see(self, reply: Reply, received: datetime) -> S:
        """The state of a whole read. Raises Unread for a read that failed and that everything rests on."""
        for call, what in NEEDED.items():
            answer = reply.answers.get(call)
            if answer is not None and answer.error is not None:
                said = f"{answer.error.message} ({answer.error.fqid})"
                if reply.host.load_error and call in ("assignments", "services"):
                    remedy = finding("product.not-loaded").remedy
                    said = " ".join(filter(None, (f"{reply.host.load_error.rstrip('.')}.", remedy, self.elsewhere)))
                raise Unread(f"its {what} could not be read, so nothing is known of it: {said}")
        windows = windows_version(reply.host.windows)
        return self._made(reply, received, windows, presented_in(reply.rows("presented")))

    def _made(self, reply: Reply, received: datetime, windows: Sequence[int], presented: Mapping[str, Presented]) -> S:
        rows = {name: reply.rows(name) for name in reply.answers}
        return self.made(rows, reply.host.clock or received, windows, presented)

    def remembering(self, state: S, given: Mapping[str, frozenset[str]]) -> S:
        """Get-CsCertificate tells by itself."""
        return state

    def version(self, state: S) -> tuple[str, str]:
        """By the file version of RTCSRV."""
        return state.product, state.version

    def assigned(self, state: S) -> Mapping[str, tuple[str, ...]]:
        """One certificate a use."""
        return {use: (thumbprint,) for use, thumbprint in state.assigned().items()}

    def services(self, state: S) -> Mapping[str, str]:
        """By Get-CsWindowsService."""
        return state.services

    def statuses(self, reply: Reply) -> Mapping[str, str]:
        """Service -> status."""
        return services.statuses(reply.rows("services"))

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """Errors that name a serial number of ours, and what the role knows by its text."""
        found: list[Problem] = []
        if since is not None:
            found += events.problems(events_from_rows(reply.rows("events")), leaves, since, self.texts)
        unread = events.unreadable(reply.answers.get("events"))
        return (*found, *([unread] if unread is not None else []))

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """Which uses have which certificate."""
        return (assignments_call(),)

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """Each use once."""
        return tuple(dict.fromkeys(assignment.use for assignment in assignments_from(reply.rows("assignments"))))

    def others(self, state: S) -> Mapping[str, str]:
        """Such a server has none."""
        return {}
