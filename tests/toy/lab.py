"""Toy servers on the lab's own stores, keys, services and ports: what the toy's four cmdlets do there.

What there is of Windows on a toy server is the lab's: a key that the service's account cannot read keeps the service
from starting, and a port presents what its service took when it started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.interfaces import Lab, Options
from lab.member import control, services
from lab.member.edge import Pool
from lab.member.engine import Engine
from lab.member.errors import CallError
from lab.member.functions import FUNCTIONS, Rows, Warn
from lab.member.host import EdgeMember
from lab.member.keys import NETWORK_SERVICE
from lab.member.listeners import Endpoint
from lab.member.product import Cmdlet, Context, Row, also_play
from lab.member.state import AV, Assignment, State
from lab.member.versions import Product, host_of
from lab.pki import EXTERNAL_NAMES
from lab.pwsh.backend import Backend
from lab.pwsh.engine import PwshEngine
from lab.scenarios import EdgePool

TOY = Product("toy1", "Toy Server 1", "1.0.0.1", "Toy", "1.0", "Toy Server", "2012r2")
SERVICE = {"Relay": "TOYRELAY", "Console": "TOYCONSOLE"}
FACTORY = "welcome"
"""The greeting of a new server."""


@dataclass
class ToyState(State):
    """A toy server."""

    greeting: str = "hello"
    forgets: bool = False
    """The trap: whether a binding writes the greeting of a new server over the one that is there."""
    deaf: bool = False
    """The trap: whether services are not started again, without an error, and are told to have the new one."""
    directory: dict[str, str] = field(default_factory=dict)
    """What all toy servers share."""


async def get_binding(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-ToyBinding: the uses of this server, what each is bound to, and what its service took."""
    state = _toy(at)
    rows: list[Row] = []
    for use in (use for use in SERVICE if use in state.assigned):
        bound, held = state.assigned[use].thumbprint, state.in_use.get(SERVICE[use], {}).get(use)
        rows.append({"Use": use, "Thumbprint": bound, "Held": bound if state.deaf and held else held})
    return rows


async def set_binding(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Set-ToyBinding: no service turns to it before it is started again."""
    state = _toy(at)
    entry = state.entry(given["Thumbprint"])
    if given["Use"] not in state.assigned or given["Use"] == AV:
        raise _refused("Set-ToyBinding", f"This server has no {given['Use']}.")
    if entry is None or state.keys.get(entry.container) is None:
        raise _refused("Set-ToyBinding", f"{given['Thumbprint']} is not in the personal store with a key.")
    state.assigned[given["Use"]] = Assignment(entry.thumbprint)
    state.greeting = FACTORY if state.forgets else state.greeting
    return []


async def get_setting(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-ToySetting."""
    state = _toy(at)
    return [
        {"Name": "Greeting", "Value": state.greeting},
        *({"Name": n, "Value": v} for n, v in state.directory.items()),
    ]


async def set_setting(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Set-ToySetting."""
    state = _toy(at)
    if given["Name"] == "Greeting":
        state.greeting = given["Value"]
    elif given["Name"] in state.directory:
        state.directory[given["Name"]] = given["Value"]
    else:
        raise _refused("Set-ToySetting", f"There is no setting {given['Name']}.")
    return []


def _toy(at: Context) -> ToyState:
    assert isinstance(at.state, ToyState)
    return at.state


def _refused(cmdlet: str, text: str) -> CallError:
    return CallError(text, f"ToyRefused,{cmdlet}", "System.ArgumentException", "InvalidArgument")


CMDLETS: Mapping[str, tuple[Cmdlet, str]] = {
    "Get-ToyBinding": (get_binding, "read"),
    "Set-ToyBinding": (set_binding, "write"),
    "Get-ToySetting": (get_setting, "read"),
    "Set-ToySetting": (set_setting, "write"),
}
"""Name -> what it does, and its kind; its parameters stand in ``cmdlets.json``."""


class ToyEngine(Engine):
    """The calls of a toy server: its cmdlets, and starting and stopping of services as on every Windows."""

    way = "toy"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.functions = {**FUNCTIONS, "Set-ServiceState": (self._set_service_state, "write")}

    def _set_service_state(self, state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
        for name in given["Names"]:
            if name not in state.services:
                warn.append(f"no service named {name}")
                continue
            self.set_service(name, given["Status"])
        return [{"Name": name, "Status": state.services[name]} for name in given["Names"] if name in state.services]

    def set_service(self, name: str, wanted: str) -> None:
        """Start or stop one service."""
        if _toy(self.context).deaf:
            return
        if wanted == "Running":
            services.start(self.state, name, self.context.pool)
        else:
            services.stop(self.state, name, graceful=False)


class ToyBackend(Backend):
    """What a real PowerShell asks of a toy server."""

    engine: ToyEngine

    def __init__(self, engine: ToyEngine) -> None:
        super().__init__(engine)
        self.functions = engine.functions
        self._answers["service-set"] = lambda given: engine.set_service(given["Name"], given["Status"])


class ToyPwsh(PwshEngine):
    """PowerShell processes of one toy server."""

    def _backend(self, engine: Any) -> Backend:
        self.functions = engine.functions
        return ToyBackend(engine)


class ToyMember(EdgeMember):
    """One toy server."""

    state: ToyState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, groups=("toy",))
        self.engine = ToyEngine(self.context, self.faults, next(iter(self.users)))

    def describe(self) -> dict[str, Any]:
        """The whole truth about this server."""
        state = self.state
        bound = {use: state.assigned[use].thumbprint for use in SERVICE if use in state.assigned}
        return super().describe() | {"assigned": bound, "greeting": state.greeting, "directory": dict(state.directory)}

    async def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """``forgets`` and ``deaf`` beside what every member knows."""
        body = dict(body)
        for trap in ("forgets", "deaf"):
            setattr(self.state, trap, bool(body.pop(trap, getattr(self.state, trap))))
        return await super().control(body)


class ToyArray(EdgePool):
    """Two toy servers whose certificate runs out; the second one has no console."""

    def __init__(self, options: Options) -> None:
        documented = json.loads((Path(__file__).parent / "cmdlets.json").read_text("utf-8"))["cmdlets"]
        for name, (cmdlet, kind) in CMDLETS.items():
            also_play(name, documented[name], cmdlet, kind)
        self.directory_of_all: dict[str, str] = {}
        super().__init__(replace(options, extra={"members": "2", **options.extra}))

    def _member(self, number: int, options: Options, extra: dict[str, str]) -> ToyMember:
        name = f"toy{number}"
        host = replace(host_of(None, options.windows, options.powershell), product=TOY)
        state = ToyState(name, f"{name}.contoso.example", host, directory=self.directory_of_all)
        state.behaviour.applies = "on-restart"
        state.used_by = {service: (use,) for use, service in SERVICE.items()}
        uses = [use for use in SERVICE if use == "Relay" or number == 1]
        state.assigned = {AV: Assignment(), **{use: Assignment() for use in uses}}
        self._fill(state)
        inside, outside = (options.address(10 * number + n) for n in (1, 2))
        ports = [Endpoint("Relay", outside, 10443, SERVICE["Relay"], "Relay", EXTERNAL_NAMES[0])]
        if "Console" in uses:
            ports.append(Endpoint("Console", inside, 10444, SERVICE["Console"], "Console", EXTERNAL_NAMES[1]))
        # Edge servers share tokens; toy servers share nothing but their directory.
        member = ToyMember(state, Pool(), self.pki, ports, inside, (options.user, options.password), options.log)
        if options.engine == "pwsh":
            member.pwsh = ToyPwsh(member.engine, options.directory / "pwsh" / name)
        return member

    def _fill(self, state: State) -> None:
        for store, name in (("Root", "root"), ("CA", "issuing-old")):
            control.put(state, self.pki, store, name)
        old = control.put(state, self.pki, "My", "external-old", key=True)
        state.keys.containers[old.container or ""].grant(NETWORK_SERVICE, "Read")
        self.directory_of_all["Published"] = old.thumbprint
        for use, service in SERVICE.items():
            if use in state.assigned:
                state.assigned[use].thumbprint = old.thumbprint
                state.services[service] = "Running"
                state.in_use[service] = {use: old.thumbprint}


def build(options: Options) -> Lab:
    """The scenario ``toy.lab:build``."""
    return ToyArray(options)
