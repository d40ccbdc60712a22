"""A Front End pool of two and a Director: they answer to reads, and nothing else is played.

What each behaviour rests on: docs/lab.md, "Front End servers and Directors".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import deliveries
from .interfaces import Member, Options
from .making import assign, demand_engine, member_of, state_of
from .member import control
from .member.edge import Pool
from .member.host import EdgeMember
from .member.listeners import Endpoint
from .member.state import Assignment, State
from .pki import DIRECTOR_POOL, FRONT_POOL, WEB_EXTERNAL, WEB_INTERNAL, Pki

OWN_USES = ("Default", "WebServicesInternal", "WebServicesExternal")
OAUTH = "OAuthTokenIssuer"
DIRECTOR_SERVICES: Mapping[str, tuple[str, ...]] = {
    "REPLICA": (),
    "RTCCLSAGT": (),
    "RTCSRV": ("Default",),
    "W3SVC": ("WebServicesInternal", "WebServicesExternal"),
}
FRONT_SERVICES: Mapping[str, tuple[str, ...]] = {
    **DIRECTOR_SERVICES,
    **dict.fromkeys(("RTCIMMCU", "RTCDATAMCU", "RTCAVMCU", "RTCASMCU"), ()),
}


class FrontEndPool:
    """Front Ends with a certificate each for everything but the OAuth token issuer, which is the same everywhere."""

    def __init__(self, options: Options, pki: Pki | None = None) -> None:
        """``pki``: certificates to use again, by tests; without it everything is made new."""
        demand_engine(options)
        self.directory: Path = options.directory
        self.pki = pki or Pki(datetime.now(timezone.utc))
        front, directors = Pool(), Pool()
        self.members: Sequence[Member] = [
            self._member("front1", front, options, 1),
            self._member("front2", front, options, 2),
            self._member("director1", directors, options, 3),
        ]
        if pki is None:
            deliveries.write(self.pki, options.directory)

    def inventory_vars(self) -> dict[str, Any]:
        """Where the deliveries are, for those who would try to roll one out; every port is an inner one."""
        return {"lab_vendor": str(self.directory / "vendor")}

    def _member(self, name: str, pool: Pool, options: Options, number: int) -> EdgeMember:
        director = name.startswith("director")
        state = state_of(
            name,
            options,
            options.extra,
            role="director" if director else "frontend",
            pool=DIRECTOR_POOL if director else FRONT_POOL,
            used_by=DIRECTOR_SERVICES if director else FRONT_SERVICES,
            assigned={use: Assignment() for use in (*OWN_USES, OAUTH)},
        )
        control.put(state, self.pki, "Root", "corp-root")
        control.put(state, self.pki, "CA", "corp-issuing")
        assign(state, self.pki, {name: OWN_USES, "oauth": (OAUTH,)})
        address = options.address(10 * number + 1)
        return member_of(state, pool, self.pki, endpoints(state, address), address, options, state.role)


def endpoints(state: State, address: str) -> list[Endpoint]:
    """The TLS ports; 443 is 10443 here."""
    director = state.role == "director"
    inside = state.fqdn if director else WEB_INTERNAL
    return [
        Endpoint("SIP", address, 5061, "RTCSRV", "Default", state.pool, mutual=True),
        Endpoint("Web services inside", address, 10443, "W3SVC", "WebServicesInternal", inside),
        Endpoint("Web services outside", address, 4443, "W3SVC", "WebServicesExternal", WEB_EXTERNAL[director]),
    ]
