"""The pwsh engine of a member: what arrives is run as it came, by PowerShell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..interfaces import Result, Shell
from ..member.engine import Engine
from ..member.functions import FUNCTIONS
from .backend import Backend
from .product import write_module
from .worker import Worker, WorkerGone

_BANNER = "         Welcome to the Full List of Cmdlets shell of this server\r\n"
_WARNING = "WARNING: The names of some imported commands include unapproved verbs.\r\n"


class PwshEngine:
    """PowerShell processes of one member, each with the member's home. They start when they are first needed."""

    def __init__(self, engine: Engine, home: Path) -> None:
        """``home``: a folder of the member's own; its certificate stores lie in it."""
        self.serve(engine)
        self.home = home
        self._idle: list[Worker] = []

    def serve(self, engine: Engine) -> None:
        """Answer for another member from now on; one of the same versions, whose processes these then are."""
        self.backend = self._backend(engine)

    functions: Mapping[str, Any] = FUNCTIONS
    """The script's own functions, whose calls are told to the lab."""

    def _backend(self, engine: Any) -> Backend:
        return Backend(engine)

    def _product(self) -> dict[str, str]:
        """Installs the product; the variables that its setup leaves."""
        state = self.backend.state
        modules = self.home / "modules"
        if state.behaviour.module == "present":
            write_module(modules, state.host.product)
        return {"PSModulePath": str(modules)}

    def _environment(self) -> dict[str, str]:
        state = self.backend.state
        major = state.host.powershell_major
        # Known to some builds of pwsh: they report that version and hide what it does not have.
        old = {"PWSH_ACT_AS": f"{major}.0"} if major < 5 else {}
        return {
            **old,
            "HOME": str(self.home),
            # No sockets for debuggers in the folder of temporary files, and nothing told to anybody.
            "POWERSHELL_DIAGNOSTICS_OPTOUT": "1",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "DOTNET_EnableDiagnostics": "0",
            "COMPUTERNAME": state.computer,
            "USERDOMAIN": state.computer,
            "USERNAME": self.backend.engine.user,
            "ALLUSERSPROFILE": "C:\\ProgramData",
            "CommonProgramFiles": "C:\\Program Files\\Common Files",
            "PSModulePath": str(self.home / "modules"),
            **self._product(),
        }

    async def run(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run a script. What loses the connection passes through."""
        worker = self._idle.pop() if self._idle else None
        if worker is None:
            self.home.mkdir(parents=True, exist_ok=True)
            worker = await Worker.start(self._environment())
        state = self.backend.state
        self.backend.begin()
        job: dict[str, Any] = {
            "script": script,
            "stdin": stdin.decode("utf-8").splitlines(),
            "watched": list(self.functions),
            "powershell": state.host.powershell,
            "language": "" if state.behaviour.language == "FullLanguage" else state.behaviour.language,
        }
        try:
            done = await worker.run(job, self.backend.answer)
        except WorkerGone as gone:
            return Result(1, b"", str(gone).encode())
        except BaseException:
            # The connection is lost, or nobody waits any more: the process ends with it.
            await asyncio.shield(worker.stop())
            raise
        self._idle.append(worker)
        if self.backend.lost:
            raise self.backend.lost
        out = "".join(f"{line}\r\n" for line in done["out"])
        if state.behaviour.banner:
            out = _BANNER + out + _WARNING
        return Result(int(done["failed"]), out.encode(), "\n".join(done["errors"]).encode())

    async def stop(self) -> None:
        """End all processes."""
        while self._idle:
            await self._idle.pop().stop()
