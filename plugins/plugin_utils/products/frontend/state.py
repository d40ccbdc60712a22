# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Front End server or a Director of Lync Server 2013 / Skype for Business: its uses, services and names. Pure.

Uses: Microsoft, Certificate requirements for internal servers in Lync Server 2013 (Default, Web Internal, Web External)
and the Certificate summaries of the Director, which list OAuthTokenIssuer beside them. Names of pool and server:
Get-CsComputer, whose -Local tells of the local computer only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...findings.problem import Problem
from ...stores.readiness import Presented
from ...windows.calls import Call, Kind, Switch
from ..cs import services as cs_services
from ..cs import state as cs

DEFAULT = "Default"
WEB_USES = ("WebServicesInternal", "WebServicesExternal")
OAUTH = "OAuthTokenIssuer"
USES = (DEFAULT, *WEB_USES, OAUTH)

CMDLETS: Mapping[str, Kind] = {
    "Get-CsCertificate": "read",
    "Get-CsWindowsService": "read",
    "Get-CsComputer": "read",
}
SERVICE_NAMES = {"RTCSRV": "Front-End", "W3SVC": "World Wide Web Publishing"}
SERVICES_OF_USE: Mapping[str, tuple[str, ...]] = {
    DEFAULT: ("RTCSRV",),
    **dict.fromkeys(WEB_USES, ("W3SVC",)),
    OAUTH: (),
}
"""RTCSRV listens on 5061, IIS on 443 inside and on 4443 for the reverse proxy (Microsoft, Ports and protocols for
internal servers in Lync Server 2013). Which certificate the conferencing services present is not documented."""


@dataclass(frozen=True, kw_only=True)
class FrontEndState(cs.CsState):
    """All that one read of a Front End server or a Director tells."""

    pool: str
    """FQDN of its pool; empty when it could not be read. On a Standard Edition server it is that of the server."""
    server: str
    """Its own FQDN; empty when it could not be read."""


def calls(events_since: datetime) -> tuple[Call, ...]:
    """Everything that a verification reads, keys and Schannel apart."""
    computer = Call("computer", "Get-CsComputer", {"Local": Switch(True)}, ("Pool", "Fqdn"), optional=True)
    return cs.calls((), events_since, (computer,))


def state_from(
    rows: cs.Rows, clock: datetime, windows: Sequence[int], presented: Mapping[str, Presented]
) -> FrontEndState:
    """Makes the state of the rows answered to :func:`calls`, by call id."""
    computer = next(iter(rows.get("computer", ())), {})
    pool, server = (str(computer.get(name) or "").lower() for name in ("Pool", "Fqdn"))
    return FrontEndState(**cs.fields(rows, clock, windows, presented), pool=pool, server=server)


def down(uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str]) -> Iterable[Problem]:
    """Services that uses rest on and that do not run, as far as Get-CsWindowsService shows them."""
    needed = {service for use in uses for service in SERVICES_OF_USE.get(use, ()) if service in services}
    return cs_services.problems(
        cs_services.in_order({*needed, *ran}, tuple(SERVICE_NAMES)), services, ran, SERVICE_NAMES
    )
