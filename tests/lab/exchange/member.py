"""An Exchange server as the transport sees it: commands in, results out, state and controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..faults import FaultPlan
from ..interfaces import Log, Result, Shell, WinrmSettings
from ..member.clock import iso
from ..member.engine import document_of, script_of
from ..member.hello import hello_in
from ..member.host import ScriptEngine
from . import control, maintenance, selection, typed, watch
from .certificates import ExchangePki
from .context import ExchangeContext
from .engine import ExchangeEngine
from .listeners import Listeners, Port
from .state import PENDING, ExchangeState


class ExchangeMember:
    """One simulated Exchange server (the Member protocol of ``lab.interfaces``)."""

    def __init__(
        self,
        state: ExchangeState,
        pki: ExchangePki,
        ports: list[Port],
        address: str,
        account: tuple[str, str],
        log: Log,
        folder: Path,
    ) -> None:
        self.state, self.pki, self._log, self._folder = state, pki, log, folder
        self.name, self.address = state.name, address
        self.groups: Sequence[str] = ("edge_transport",) if state.edge else ("exchange",)
        self.users: Mapping[str, str] = {account[0].lower(): account[1]}
        self.faults = FaultPlan()
        old = state.host.windows.name == "2008r2"
        self.winrm = WinrmSettings(max_envelope_kb=150, max_shells=5) if old else WinrmSettings()
        self.context = ExchangeContext(state, pki)
        self.engine = ExchangeEngine(self.context, self.faults, account[0], self.users)
        self.pwsh: ScriptEngine | None = None
        """Runs the documents' script itself, instead of ``engine`` playing it."""
        self.listeners = Listeners(state, ports)
        self.neighbours: list[ExchangeMember] = [self]
        """All servers of the organization: a cmdlet with -Server acts on another one."""

    async def execute(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run what arrived: the product's document, or lines typed by hand."""
        document = document_of(stdin)
        try:
            if document is not None and self.pwsh:
                self._log("document", member=self.name, calls=len(document["calls"]))
                return await self.pwsh.run(script, stdin, shell)
            if document is not None:
                self.state.hello = hello_in(script_of(stdin))
                text = await self.engine.run(document)
                self._log("document", member=self.name, calls=len(document["calls"]))
                return Result(0, text.encode("ascii"))
            return await typed.run(self.engine, script, stdin)
        finally:
            for each in self.neighbours:
                await each.listeners.sync()

    async def command_line(self, line: str, stdin: bytes) -> Result:
        """The few programs that clients' tests start."""
        if line.split()[:1] == ["hostname"]:
            return Result(0, self.state.computer.encode() + b"\r\n")
        text = f"'{line.split(' ')[0]}' is not recognized as an internal or external command,\r\n"
        return Result(1, b"", text.encode())

    def describe(self) -> dict[str, Any]:
        """The whole truth about this server."""
        state, organization = self.state, self.state.organization
        lock = state.journal.lock
        stores: dict[str, dict[str, list[str]]] = {"LocalMachine": {s: [] for s in ("My", "CA", "Root", PENDING)}}
        spelled = {s.casefold(): s for s in stores["LocalMachine"]}
        for location, store, entry in state.stores.everywhere():
            stores.setdefault(location, {}).setdefault(spelled.get(store, store), []).append(entry.thumbprint)
        return {
            "stores": stores,
            "stores_made": state.stores.beside(),
            "names": {e.thumbprint: self.pki.name_of(e.der) for _, _, e in state.stores.everywhere()},
            "keys": len(state.keys.containers),
            "orphan_keys": len(state.stores.orphans(state.keys)),
            "services": dict(state.services),
            "bindings": {f"{a}:{p}": b.thumbprint for (a, p), b in state.bindings.items()},
            "back_end": "works" if watch.back_end_works(state) else "broken",
            "default_smtp": state.internal_thumbprint,
            "require_ssl": state.require_ssl,
            "cookie_certificate": state.cookie_certificate,
            "smtp_enabled": [e.thumbprint for e in state.stores.entries("My") if selection.smtp_enabled(state, e)],
            "connectors": {c.name: c.tls_certificate_name for c in state.receive_connectors},
            "send_connectors": {
                c.name: {
                    "tls_certificate_name": c.tls_certificate_name,
                    "certificate": self._sends(c.name),
                }
                for c in organization.send_connectors
                if state.computer in c.sources
            },
            "client_names": {p: s.certificate_name for p, s in state.client_settings.items()},
            "um": dict(state.um_modes),
            "edge_sync": {edge: organization.edge_sync(edge) for edge in organization.subscriptions},
            "visits": vars(state.visits).copy(),
            **maintenance.shown(state),
            "presented": self.listeners.presented(),
            "leaves": self.listeners.leaves(),
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

    def _sends(self, name: str) -> str | None:
        """Thumbprint of the certificate that a Send connector uses from here; None: mail waits (451 5.7.3)."""
        connector = next(c for c in self.state.organization.send_connectors if c.name == name)
        entry = selection.starttls(self.state, connector).entry
        return entry.thumbprint if entry and selection.smtp_enabled(self.state, entry) else None

    async def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a test orders; see docs/lab-exchange.md."""
        answer = control.apply(self.state, self.pki, self._folder, body)
        self.context.wake()
        for each in self.neighbours:
            await each.listeners.sync()
        return answer

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.state.clock.advanced += seconds
        watch.look(self.state.organization)
        self.context.wake()

    def inventory_vars(self) -> dict[str, Any]:
        """The ports to look at."""
        back = next((f"{p.host}:{p.number}" for p in self.listeners.ports if p.kind == "backend"), None)
        plain = next((f"{p.host}:{p.number}" for p in self.listeners.ports if p.kind == "http"), None)
        return {
            "rollout_endpoints": [p.variables() for p in self.listeners.ports if p.listed],
            "lab_back_end": back,
            "lab_http": plain,
        }

    async def start(self) -> None:
        """Open the ports."""
        watch.look(self.state.organization)
        await self.listeners.start()

    async def stop(self) -> None:
        """Close them, and let waiting commands end."""
        self.context.stopping = True
        self.context.wake()
        if self.pwsh:
            await self.pwsh.stop()
        await self.listeners.stop()
