"""What making a member takes in every scenario of Lync and Skype for Business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .interfaces import Options
from .member import control
from .member.edge import Pool
from .member.host import EdgeMember
from .member.keys import NETWORK_SERVICE
from .member.listeners import Endpoint
from .member.state import State
from .member.versions import host_of
from .pki import CORP, Pki
from .pwsh.engine import PwshEngine

ENGINES = ("python", "pwsh")
MOST = 200
"""Members of one pool or array."""


def members_of(extra: dict[str, str], usual: int) -> int:
    """How many members were asked for, taken out of the options. Raises ValueError."""
    text = extra.pop("members", str(usual))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ValueError(f"expected members to be 1 to {MOST}, found {text!r}")
    return int(text)


def demand_engine(options: Options) -> None:
    """Raises ValueError for an engine that there is not."""
    if options.engine not in ENGINES:
        raise ValueError(f"expected engine to be python or pwsh, found {options.engine!r}")


def state_of(name: str, options: Options, extra: Mapping[str, str], **role: Any) -> State:
    """A member with nothing on it. ``role``: what its role has in place of an Edge Server's."""
    host = host_of(options.product, options.windows, options.powershell)
    state = State(name, f"{name}.{CORP}", host, **role)
    for key, value in extra.items():
        state.behaviour.set(key, value)
    state.logs.noise = state.behaviour.noise
    return state


def assign(state: State, pki: Pki, given: Mapping[str, Sequence[str]]) -> None:
    """Certificates with their keys, as the last renewal left them: certificate -> uses. Every service runs on them."""
    for name, uses in given.items():
        entry = control.put(state, pki, "My", name, key=True)
        state.keys.containers[entry.container or ""].grant(NETWORK_SERVICE, "Read")
        for use in uses:
            state.assigned[use].thumbprint = entry.thumbprint
    for service, needed in state.used_by.items():
        state.services[service] = "Running"
        state.in_use[service] = {use: state.assigned[use].thumbprint for use in needed}


def member_of(
    state: State, pool: Pool, pki: Pki, endpoints: list[Endpoint], address: str, options: Options, group: str
) -> EdgeMember:
    """The member, with the engine that was asked for. ``address``: where its WinRM listens."""
    account = (options.user, options.password)
    member = EdgeMember(state, pool, pki, endpoints, address, account, options.log, (group,))
    if options.engine == "pwsh":
        member.pwsh = PwshEngine(member.engine, options.directory / "pwsh" / state.name)
    return member
