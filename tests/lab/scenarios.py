"""What labs there are: members with their history, the vendor's deliveries, what clients trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import deliveries
from .exchange.scenario import ExchangeArray
from .frontend import FrontEndPool
from .interfaces import Lab, Member, Options
from .making import assign, demand_engine, member_of, members_of, state_of
from .member import control
from .member.edge import Pool
from .member.host import EdgeMember
from .member.listeners import Endpoint
from .member.state import AV, State
from .pki import EXTERNAL_NAMES, INTERNAL_NAME, Pki


class EdgePool:
    """An Edge pool of three members whose external certificate runs out in twenty days."""

    def __init__(self, options: Options, pki: Pki | None = None) -> None:
        """``pki``: certificates to use again, by tests that need no deliveries; without it everything is made new."""
        extra = dict(options.extra)
        count = members_of(extra, 3)
        demand_engine(options)
        self.directory: Path = options.directory
        self.pki = pki or Pki(datetime.now(timezone.utc))
        self.pool = Pool()
        self.members: Sequence[Member] = [self._member(number, options, extra) for number in range(1, count + 1)]
        if pki is None:
            deliveries.write(self.pki, options.directory)

    def inventory_vars(self) -> dict[str, Any]:
        """What clients outside trust, and where the deliveries are."""
        return {
            "rollout_trust": str(self.directory / "trust" / "roots.pem"),
            "lab_vendor": str(self.directory / "vendor"),
        }

    def _member(self, number: int, options: Options, extra: dict[str, str]) -> EdgeMember:
        state = state_of(f"edge{number}", options, extra)
        self._fill(state)
        inside, access, webcon, av = (options.address(10 * number + n) for n in (1, 2, 3, 4))
        endpoints = edge_endpoints(inside, access, webcon, av)
        return member_of(state, self.pool, self.pki, endpoints, inside, options, "edge")

    def _fill(self, state: State) -> None:
        """Certificates as the last renewal left them, everything assigned and running."""
        control.put(state, self.pki, "Root", "root")
        control.put(state, self.pki, "Root", "corp-root")
        control.put(state, self.pki, "CA", "issuing-old")
        external = ("AccessEdgeExternal", "DataEdgeExternal", AV)
        assign(state, self.pki, {"external-old": external, "internal-old": ("Internal",)})


def edge_endpoints(inside: str, access: str, webcon: str, av: str) -> list[Endpoint]:
    """The TLS ports of an Edge Server; 443 is 10443 here. What the A/V Edge speaks on its 443 only looks like TLS."""
    sip, web, pool = EXTERNAL_NAMES[0], EXTERNAL_NAMES[1], INTERNAL_NAME
    return [
        Endpoint("Access Edge", access, 10443, "RTCSRV", "AccessEdgeExternal", sip),
        Endpoint("Access Edge federation", access, 5061, "RTCSRV", "AccessEdgeExternal", sip, mutual=True),
        Endpoint("Web Conferencing Edge", webcon, 10443, "RTCDATAPROXY", "DataEdgeExternal", web),
        Endpoint("A/V Edge", av, 10443, "RTCMEDIARELAY", "", EXTERNAL_NAMES[2], pseudo=True),
        Endpoint("Internal SIP", inside, 5061, "RTCSRV", "Internal", pool, mutual=True),
        Endpoint("A/V authentication", inside, 5062, "RTCMRAUTH", "Internal", pool, mutual=True),
        Endpoint("Internal web conferencing", inside, 8057, "RTCDATAPROXY", "Internal", pool, mutual=True),
        Endpoint("Replication", inside, 4443, "REPLICA", "Internal", pool),
    ]


SCENARIOS: dict[str, Callable[[Options], Lab]] = {
    "edge-pool": EdgePool,
    "exchange-array": ExchangeArray,
    "frontend-pool": FrontEndPool,
}


def build(options: Options) -> Lab:
    """Build the scenario that the options name. Raises ValueError."""
    if options.scenario not in SCENARIOS:
        raise ValueError(f"expected a scenario of {', '.join(SCENARIOS)}, found {options.scenario!r}")
    return SCENARIOS[options.scenario](options)
