"""What WinRS shells and runspace pools have in common: commands that run once, and output that is waited for."""

from __future__ import annotations

import asyncio
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..faults import DropConnection, HttpError, QuotaError
from ..interfaces import Log, Member, Result, WinrmSettings


def place_of(error: BaseException) -> str:
    """What kind of error, raised where; not its text, which may hold a secret."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__} at {' '.join(reversed(places[-3:]))}"


@dataclass(frozen=True)
class Context:
    """What a shell needs to know of where it runs."""

    member: Member
    settings: WinrmSettings
    log: Log


@dataclass(frozen=True)
class Output:
    """What one Receive answers. ``exit_code`` counts only when ``done``."""

    streams: list[tuple[str, bytes]] = field(default_factory=list)
    done: bool = False
    exit_code: int = 0


class Shell(Protocol):
    """A WinRS shell or a runspace pool."""

    operations: int

    def command(self, command_id: str, line: ET.Element, options: dict[str, str]) -> None:
        """Take a Command request. Raises soap.Fault."""

    def send(self, command_id: str | None, data: bytes, end: bool) -> None:
        """Take one stream of a Send request; no command means the pool itself. Raises soap.Fault."""

    async def receive(self, command_id: str | None, room: int, timeout: float) -> Output:
        """At most ``room`` bytes of output, or soap.timed_out() after ``timeout`` seconds without any."""

    def signal(self, command_id: str, code: str) -> None:
        """Stop a command, or take leave of a finished one. Raises soap.Fault."""

    def close(self) -> None:
        """End everything that still runs."""


class Changes:
    """Lets Receives sleep until something happened."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake everybody; each looks again at what it waits for."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, ready: Callable[[], bool], timeout: float) -> bool:
        """Whether ``ready`` came true within ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not ready():
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait_for(future, end - loop.time())
            except asyncio.TimeoutError:
                return ready()
            finally:
                self._waiting.discard(future)
        return True


class Execution:
    """One command on the member: started at most once, its outcome kept.

    The process is not tied to the connection that started it, as on Windows: it goes on when the
    client is lost. ``failure`` is what a fault ordered instead of an outcome.
    """

    def __init__(self, context: Context, changes: Changes) -> None:
        self._context = context
        self._changes = changes
        self._task: asyncio.Task[None] | None = None
        self.result: Result | None = None
        self.failure: DropConnection | HttpError | QuotaError | None = None

    @property
    def over(self) -> bool:
        """Whether the outcome is known."""
        return self.result is not None or self.failure is not None

    def start(self, run: Callable[[], Awaitable[Result]], finished: Callable[[Result], None]) -> None:
        """Run in the background, unless it already was; ``finished`` gets the result."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(run, finished))

    def stop(self) -> None:
        """End it where it stands."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, run: Callable[[], Awaitable[Result]], finished: Callable[[Result], None]) -> None:
        log, member = self._context.log, self._context.member.name
        try:
            result = await run()
            log("command", member=member, rc=result.rc, stdout=len(result.stdout), stderr=len(result.stderr))
        except (DropConnection, HttpError, QuotaError) as fault:
            log("command-fault", member=member, fault=type(fault).__name__, at=str(fault))
            self.failure = fault
            self._changes.notify()
            return
        except Exception as error:  # a mistake in the lab must look like one, not hang the client
            log("lab-error", member=member, place=place_of(error))
            result = Result(1, b"", f"the lab itself failed: {place_of(error)}".encode())
        finished(result)
        self.result = result
        self._changes.notify()

    def check(self) -> None:
        """Raise the ordered fault, if one struck."""
        if self.failure is not None:
            raise self.failure
