"""One PowerShell process of a member: started once, given one script after the other over loopback."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..faults import InjectedError
from ..member.errors import RUNTIME, CallError
from ..member.values import decode, encode

HERE = Path(__file__).parent
START_SECONDS = 60.0
#: A whole document or reply is one line.
LINE_LIMIT = 64 * 2**20

Answer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@cache
def find_pwsh() -> str | None:
    """A PowerShell 7: on the PATH, or in the folder shared/tools/pwsh beside the checkout."""
    beside = HERE.parents[3] / "shared" / "tools" / "pwsh" / "pwsh"
    return shutil.which("pwsh") or (str(beside) if os.access(beside, os.X_OK) else None)


class WorkerGone(Exception):
    """The PowerShell process ended in the middle of a script."""


class Worker:
    """A process and the connection it made to us."""

    def __init__(self, process: asyncio.subprocess.Process, link: tuple[asyncio.StreamReader, asyncio.StreamWriter]):
        self._process = process
        self._reader, self._writer = link

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> Worker:
        """Start a process. Raises RuntimeError when there is no pwsh or it does not come up."""
        pwsh = find_pwsh()
        if pwsh is None:
            raise RuntimeError("the pwsh engine needs a PowerShell 7 named pwsh on the PATH")
        token = secrets.token_hex(16)
        arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.get_running_loop().create_future()
        )

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (await reader.readline()).strip() == token.encode() and not arrived.done():
                arrived.set_result((reader, writer))
            else:
                writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0, limit=LINE_LIMIT)
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            pwsh,
            "-NoProfile",
            "-NonInteractive",
            "-File",
            str(HERE / "worker.ps1"),
            env={**os.environ, **environment, "UCOPS_LAB_PORT": str(port), "UCOPS_LAB_TOKEN": token},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({arrived, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not arrived.done():
                if not ended.done():
                    process.kill()
                said = (await process.stderr.read()).decode(errors="replace") if process.stderr else ""
                raise RuntimeError(f"expected {pwsh} to start and connect, it said: {said.strip()[-800:]}")
        finally:
            ended.cancel()
            server.close()
        return cls(process, arrived.result())

    async def run(self, job: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        """Run a script; ``answer`` answers what it asks the lab. Raises WorkerGone, and what ``answer`` raises."""
        self._writer.write(json.dumps(job).encode() + b"\n")
        await self._writer.drain()
        while True:
            line = await self._reader.readline()
            if not line:
                raise WorkerGone("the member's PowerShell process ended")
            said: dict[str, Any] = json.loads(line)
            if "done" in said:
                return said
            self._writer.write(json.dumps(await _answered(answer, said)).encode() + b"\n")
            await self._writer.drain()

    async def stop(self) -> None:
        """End the process at once."""
        self._writer.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _answered(answer: Answer, said: Mapping[str, Any]) -> dict[str, Any]:
    """The line that answers a stand-in: a value, or an error for PowerShell to raise."""
    try:
        value = await answer(said["ask"], {k: decode(v) for k, v in said["with"].items()})
        return {"value": encode(value)}
    except CallError as error:
        return {"error": {**error.record(), "hresult": getattr(error, "hresult", None)}}
    except InjectedError as error:
        return {"error": CallError(error.message, error.fqid, RUNTIME).record()}
