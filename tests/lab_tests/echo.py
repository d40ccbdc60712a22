"""A scenario of hosts that echo: what tests of the transport talk to.

``python -m lab --scenario lab_tests.echo:build``. The scripts are no PowerShell, only what
:class:`EchoMember` knows; what counts is how they travel.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.faults import FaultPlan, InjectedError, Kind
from lab.interfaces import Options, Result, Shell, WinrmSettings
from lab.inventory import FLAVOURS


class EchoMember:
    """A host whose scripts are words: ``echo``, ``fail``, ``exit N``, ``long N``, ``call NAME``, ``umlaut``."""

    def __init__(self, name: str, address: str, users: Mapping[str, str]) -> None:
        self.name = name
        self.address = address
        self.users = users
        self.groups: Sequence[str] = ("echo",)
        self.faults = FaultPlan()
        self.winrm = WinrmSettings()
        self.runs: list[str] = []
        self.effects: list[str] = []
        self.clock = 0.0
        self.note: Any = None

    async def execute(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Do what the first word of the script says."""
        self.runs.append(f"{shell}:{hashlib.sha256(script.encode()).hexdigest()[:8]}")
        match = re.match(r"(fail|exit|long|call|umlaut|crash)\b(?: (\S+))?", script)
        word, argument = (match[1], match[2] or "") if match else ("echo", "")
        if word == "fail":
            return Result(1, b"before\r\n", b"it broke: <no> & more\r\nsecond line\r\n")
        if word == "exit":
            return Result(int(argument), b"leaving\r\n")
        if word == "long":
            line = "0123456789" * 8
            return Result(0, "".join(f"{line}{n:06d}\r\n" for n in range(int(argument))).encode())
        if word == "umlaut":
            return Result(0, "gr\u00fc\u00dfe\r\n".encode())
        if word == "crash":
            raise RuntimeError("a mistake with a secret in its text")
        if word == "call":
            return await self._call(argument)
        seen = {"host": self.name, "shell": shell, "script": script, "stdin": stdin.decode("utf-8", "replace")}
        seen["sha256"] = hashlib.sha256(stdin).hexdigest()
        return Result(0, json.dumps(seen).encode() + b"\r\n")

    async def _call(self, name: str) -> Result:
        kind: Kind = "write" if name.startswith("Set-") else "read"
        try:
            await self.faults.before(name, kind)
            self.effects.append(name)
            await self.faults.after(name, kind)
        except InjectedError as error:
            return Result(1, b"", f"{error.message} {error.fqid}\r\n".encode())
        return Result(0, f"did {name}\r\n".encode())

    async def command_line(self, line: str, stdin: bytes) -> Result:
        """cmd.exe."""
        self.runs.append("cmd")
        if line == "hostname":
            return Result(0, f"{self.name.upper()}\r\n".encode())
        if line.startswith("sort"):
            lines = sorted(stdin.decode().splitlines())
            return Result(0, "".join(f"{text}\r\n" for text in lines).encode())
        if line.startswith("exit"):
            return Result(int(line.split()[-1]), b"", b"on its way out\r\n")
        if line.startswith("forever"):
            await asyncio.Event().wait()
        return Result(0, f"ran {line}\r\n".encode())

    def describe(self) -> dict[str, Any]:
        """State for tests."""
        return {"runs": self.runs, "effects": self.effects, "clock": self.clock, "note": self.note}

    async def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """Takes a note, or forgets everything."""
        if set(body) - {"note", "store", "forget"}:
            raise ValueError(f"expected note, store or forget, found {', '.join(body)}")
        if body.get("forget"):
            self.runs.clear()
            self.effects.clear()
        self.note = body
        return {"noted": True}

    def advance(self, seconds: float) -> None:
        """Moves the clock."""
        self.clock += seconds

    def inventory_vars(self) -> dict[str, Any]:
        """One, to see that it arrives."""
        return {"echo_name": self.name}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""


@dataclass
class EchoLab:
    """Two echoing hosts, and one for each way to connect, so that one playbook goes all of them."""

    members: Sequence[EchoMember]
    directory: Path

    def inventory_vars(self) -> dict[str, Any]:
        """One, to see that it arrives."""
        return {"echo_lab": True}


def build(options: Options) -> EchoLab:
    """The scenario."""
    users = {options.user: options.password}
    members = [EchoMember(f"echo{n}", options.address(n), users) for n in (1, 2)]
    members += [EchoMember(flavour, options.address(n), users) for n, flavour in enumerate(FLAVOURS, 3)]
    members[1].users = {**users, "second": "another-password"}
    return EchoLab(members, options.directory)
