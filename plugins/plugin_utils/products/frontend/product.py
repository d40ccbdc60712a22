# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front End pools and Directors of Lync Server 2013 and Skype for Business Server, behind the products' interface: they
can be verified, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...findings.entry import Entry
from ...findings.finding import Finding
from ...findings.problem import Problem
from ...stores.readiness import Presented
from ...windows.calls import Call, Kind, Reply
from ..cs.reading import EVER, CsReading, key_tests
from ..cs.state import Rows
from ..interface import Unread, Verified
from ..values import Ask, Confirmed, Depth
from . import judge, state
from .catalogue import FRONTEND
from .state import DEFAULT, OAUTH, USES, WEB_USES, FrontEndState


class FrontEnd(CsReading[FrontEndState]):
    """The product."""

    name: str = "frontend"
    title: str = "Front End server or Director"
    rolls: bool = False
    uses: tuple[str, ...] = USES
    outside: frozenset[str] = frozenset()
    """Clients outside see the reverse proxy's certificate, which is none of these."""
    inside: frozenset[str] = frozenset({DEFAULT, *WEB_USES})
    front: str = DEFAULT
    services_of: Mapping[str, tuple[str, ...]] = state.SERVICES_OF_USE
    cmdlets: Mapping[str, Kind] = state.CMDLETS
    catalogue: Mapping[str, Entry] = FRONTEND
    checks: frozenset[str] = frozenset({"reachable", "store", "key", "chain", "tls", "product", "wire", "events"})
    succeeds: str = ""
    """No rollout does it."""

    def own(self, options: Mapping[str, Any]) -> None:
        """It has no settings."""

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """Stores, assignments, services, names and events, and every key of My; the only depth is ``verify``."""
        return (*state.calls(ask.since or EVER), *key_tests())

    def made(
        self, rows: Rows, clock: datetime, windows: Sequence[int], presented: Mapping[str, Presented]
    ) -> FrontEndState:
        """With the names of pool and server."""
        return state.state_from(rows, clock, windows, presented)

    def see(self, reply: Reply, received: datetime) -> FrontEndState:
        """The state of a whole read. Raises Unread also where certificates are assigned, and none for a use of these
        servers: it is one of another role."""
        found = super().see(reply, received)
        others = [use for use in found.assigned() if use not in USES]
        if others and len(others) == len(found.assigned()):
            raise Unread(
                f"Get-CsCertificate shows {', '.join(others)} and none of {', '.join(USES)}: this is no Front End "
                "server and no Director. Take its group off verify_frontend_arrays, and name it where it belongs"
            )
        return found

    def offers(self, state: FrontEndState) -> tuple[str, ...]:
        """Front End servers and Directors have them all."""
        return USES

    def down(self, uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """Front-End and IIS."""
        return state.down(uses, services, ran)

    def check(self, member: str, state: FrontEndState) -> Iterable[Finding]:
        """Uses, names, OAuthTokenIssuer."""
        return judge.check(member, state)

    def differs(self, use: str) -> str:
        """A certificate is requested for each server, with the server's own name on it (Microsoft, Certificate
        summaries); OAuthTokenIssuer alone is configured once for all."""
        return "frontend.oauth-differs" if use == OAUTH else ""

    def successor(self, state: FrontEndState) -> Confirmed | None:
        """A successor of OAuthTokenIssuer is told by :meth:`check`: what rollouts ask of one does not hold for it."""
        return None


PRODUCT: Verified[FrontEndState] = FrontEnd()
