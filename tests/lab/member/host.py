"""A member as the transport sees it: commands in, results out, state and controls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from ..faults import FaultPlan
from ..interfaces import Log, Result, Shell, WinrmSettings
from ..pki import Pki
from . import control, powershell
from .clock import iso
from .edge import Pool
from .engine import Engine, document_of, script_of
from .hello import hello_in
from .listeners import Endpoint, Listeners
from .product import Context
from .services import status
from .state import AV, Assignment, State
from .wrapper import Module, module_of


class ScriptEngine(Protocol):
    """What runs a script as it came (``lab.pwsh``)."""

    async def run(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run it; what loses the connection passes through."""

    async def stop(self) -> None:
        """End what it started."""


class EdgeMember:
    """One simulated Edge Server (the Member protocol of ``lab.interfaces``); with another ``role``, one of that."""

    def __init__(
        self,
        state: State,
        pool: Pool,
        pki: Pki,
        endpoints: list[Endpoint],
        address: str,
        account: tuple[str, str],
        log: Log,
        groups: Sequence[str] = ("edge",),
    ) -> None:
        self.state, self.pool, self.pki, self._log = state, pool, pki, log
        self.name, self.address = state.name, address
        self.groups: Sequence[str] = tuple(groups)
        self.users: Mapping[str, str] = {account[0].lower(): account[1]}
        self.faults = FaultPlan()
        old = state.host.windows.name == "2008r2"
        self.winrm = WinrmSettings(max_envelope_kb=150, max_shells=5) if old else WinrmSettings()
        self.context = Context(state, pool)
        self.engine = Engine(self.context, self.faults, account[0])
        self.pwsh: ScriptEngine | None = None
        """Runs the documents' script itself, instead of ``engine`` playing it."""
        self.listeners = Listeners(state, endpoints)
        pool.members.append(state)

    async def execute(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run what arrived: the product's document, or lines typed by hand."""
        document = document_of(stdin)
        try:
            if document is None and (module := module_of(script, stdin)) and module.name.endswith(".remote_calls"):
                return await self._module(module, shell)
            if document is not None:
                self._log("document", member=self.name, calls=len(document["calls"]))
                if self.pwsh:
                    return await self.pwsh.run(script, stdin, shell)
                self.state.hello = hello_in(script_of(stdin))
                text = await self.engine.run(document)
                return Result(0, text.encode("ascii"))
            return await powershell.run(self.engine, script, stdin)
        finally:
            await self.listeners.sync()

    async def _module(self, module: Module, shell: Shell) -> Result:
        """The script as a module of Ansible: its document is an argument, its reply a JSON result."""
        text = str(module.arguments["document"])
        self._log("module", member=self.name, module=module.name, become=module.become)
        if self.pwsh:
            begin = "$complex_args = @{ document = @($input)[0] }\n& {\n"
            return await self.pwsh.run(f"{begin}{module.text}\n}}", text.encode() + b"\n", shell)
        self.state.hello = hello_in(module.text)
        reply = await self.engine.run(json.loads(text))
        return Result(0, json.dumps({"changed": False, "reply": reply}).encode())

    async def command_line(self, line: str, stdin: bytes) -> Result:
        """The few programs that clients' tests start."""
        words = line.split()
        program = words[0].lower().removesuffix(".exe") if words else ""
        answers = {
            "hostname": self.state.computer,
            "whoami": f"{self.state.computer.lower()}\\{next(iter(self.users))}",
            "ver": f"Microsoft Windows [Version {self.state.host.windows.version}]",
            "echo": " ".join(words[1:]),
            "ipconfig": f"Windows IP Configuration\r\n\r\n   IPv4 Address. . . . . . . . . . . : {self.address}",
        }
        if program not in answers:
            text = f"'{words[0] if words else ''}' is not recognized as an internal or external command,\r\n"
            return Result(1, b"", (text + "operable program or batch file.\r\n").encode())
        return Result(0, answers[program].encode() + b"\r\n")

    def describe(self) -> dict[str, Any]:
        """The whole truth about this member."""
        self.pool.settle()
        state = self.state
        av, lock = state.assigned.get(AV, Assignment()), state.journal.lock
        stores: dict[str, dict[str, list[str]]] = {}
        for location, store, entry in state.stores.everywhere():
            names = {"my": "My", "ca": "CA", "root": "Root"}
            stores.setdefault(location, {}).setdefault(names.get(store, store), []).append(entry.thumbprint)
        for store in ("My", "CA", "Root"):
            stores.setdefault("LocalMachine", {}).setdefault(store, [])
        return {
            "assigned": {use: a.thumbprint for use, a in state.assigned.items()},
            "av_pending": {"thumbprint": av.pending, "at": iso(av.effective)} if av.pending and av.effective else None,
            "av_previous": av.previous,
            "stores": stores,
            "stores_made": state.stores.beside(),
            "names": {e.thumbprint: self.pki.name_of(e.der) for _, _, e in state.stores.everywhere()},
            "keys": len(state.keys.containers),
            "orphan_keys": len(state.stores.orphans(state.keys)),
            "services": {s: status(state, s) for s in state.services},
            "in_use": {s: dict(u) for s, u in state.in_use.items()},
            "calls": state.calls,
            "dropped": state.dropped,
            "refused_tokens": state.refused_tokens,
            "mutual_tls": "broken" if state.mutual_tls_broken() else "works",
            "events": [
                {
                    "id": e.id,
                    "log": e.log,
                    "source": e.source,
                    "level": e.level,
                    "time": iso(e.time),
                    "message": e.message,
                }
                for e in state.logs.written
            ],
            "presented": self.listeners.presented(),
            "journal": state.journal.text,
            "journal_access": state.journal.access,
            "lock": {"run": lock.run, "text": lock.text, "at": iso(lock.at)} if lock else None,
            "clock": iso(state.clock.now()),
            "windows": state.host.windows.name,
            "product": state.host.product.name,
            "powershell": state.host.powershell,
            "options": vars(state.behaviour).copy(),
            "ran": list(self.engine.ran),
        }

    async def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a test orders; see docs/lab.md."""
        self.pool.settle()
        answer = control.apply(self.state, self.pool, self.pki, body)
        self.pool.settle()
        self.context.wake()
        await self.listeners.sync()
        return answer

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.state.clock.advanced += timedelta(seconds=seconds).total_seconds()
        self.context.wake()

    def inventory_vars(self) -> dict[str, Any]:
        """The ports to look at."""
        return {"rollout_endpoints": [e.variables() for e in self.listeners.endpoints if not e.pseudo]}

    async def start(self) -> None:
        """Open the TLS ports."""
        await self.listeners.start()

    async def stop(self) -> None:
        """Close them, and let waiting commands end."""
        self.state.calls = 0
        self.context.wake()
        if self.pwsh:
            await self.pwsh.stop()
        await self.listeners.stop()
