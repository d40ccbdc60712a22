"""PowerShell remoting: a runspace pool driven by psrpcore's server side (MS-PSRP)."""

from __future__ import annotations

import base64
import binascii
import uuid
import xml.etree.ElementTree as ET
from collections import deque
from functools import partial
from typing import Any

import psrpcore
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    HostMethodIdentifier,
    NETException,
    PSInvocationState,
)

from ..interfaces import Result
from .shell import Changes, Context, Execution, Output
from .soap import NAMESPACES, invalid_parameter, timed_out

FRAGMENT = 32 * 1024  # bytes; Windows' own fragments are about as large


def text_of(value: Any) -> str:
    """An input object as PowerShell turns it into a string: a byte[] becomes ``1 2 3``."""
    if isinstance(value, bytes):
        return " ".join(str(byte) for byte in value)
    return "" if value is None else str(value)


def quoted(value: Any) -> str:
    """A parameter's value as PowerShell source."""
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, (list, tuple)):
        return "@(" + ", ".join(quoted(item) for item in value) + ")"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def script_of(commands: list[psrpcore.Command]) -> str:
    """A pipeline as one script text; ``Invoke-Expression <script> | Out-String`` is that script."""
    statements: list[list[str]] = [[]]
    for command in commands:
        named = {str(name).lstrip("-").lower(): value for name, value in command.parameters if name}
        if command.command_text.lower() == "invoke-expression" and "command" in named:
            statements[-1].append(str(named["command"]))
        elif command.is_script and not command.parameters:
            statements[-1].append(command.command_text)
        elif not (command.command_text.lower() in ("out-string", "out-default") and statements[-1]):
            words = [f"& {{{command.command_text}}}" if command.is_script else command.command_text]
            for name, value in command.parameters:
                words += [f"-{str(name).lstrip('-')}"] if name else []
                words += [quoted(value)] if value is not None else []
            statements[-1].append(" ".join(words))
        if command.end_of_statement:
            statements.append([])
    return "\n".join(" | ".join(parts) for parts in statements if parts)


def record_of(message: str) -> dict[str, Any]:
    """What psrpcore makes an error record of."""
    return {
        "exception": NETException(Message=message),
        "category_info": ErrorCategoryInfo(Category=ErrorCategory.NotSpecified, Reason="RuntimeException"),
        "fully_qualified_error_id": "RuntimeException",
    }


class Pipeline:
    """One pipeline of the pool."""

    def __init__(self, context: Context, changes: Changes, pipeline: psrpcore.ServerPipeline) -> None:
        self._context = context
        self.core = pipeline
        self.input: list[str] = []
        self.execution = Execution(context, changes)
        self.finished = False

    async def run(self) -> Result:
        """Execute the script with its input objects, one a line."""
        powershell = self.core.metadata
        if not isinstance(powershell, psrpcore.PowerShell):
            return Result(1, b"", b"the lab answers no command metadata")
        script = script_of(powershell.commands)
        stdin = "".join(f"{line}\n" for line in self.input).encode()
        return await self._context.member.execute(script, stdin, "psrp")

    def write(self, result: Result) -> None:
        """Answer in pipeline objects: a string a line of stdout, a record a line of stderr, then the state.

        Exit code 1 with errors is a terminating error; any other code but 0 is what ``exit`` says to the host.
        """
        self.core.start()
        for line in result.stdout.decode("utf-8", "replace").splitlines():
            self.core.write_output(line)
        errors = [line for line in result.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        fatal = errors.pop() if errors and result.rc == 1 else None
        for line in errors:
            self.core.write_error(**record_of(line))
        if fatal is not None:
            fields = record_of(fatal)
            error = ErrorRecord(
                Exception=fields["exception"],
                CategoryInfo=fields["category_info"],
                FullyQualifiedErrorId=fields["fully_qualified_error_id"],
            )
            # psrpcore has no public way to fail a pipeline
            self.core._change_state(PSInvocationState.Failed, error)
        else:
            if result.rc:
                self.core.host_call(HostMethodIdentifier.SetShouldExit, [result.rc])
            self.core.complete()
        self.finished = True

    def stop(self) -> None:
        """End it; the client gets the state Stopped if it was running."""
        self.execution.stop()
        if not self.finished and self.core.state == PSInvocationState.NotStarted:
            self.core.start()
        if self.core.state == PSInvocationState.Running:
            self.core.stop()
        self.finished = True


class RunspacePool:
    """A shell of a PowerShell resource."""

    def __init__(self, context: Context, creation: str) -> None:
        self._context = context
        self._pool = psrpcore.ServerRunspacePool()
        self._pipelines: dict[uuid.UUID, Pipeline] = {}
        self._queues: dict[uuid.UUID | None, deque[bytes]] = {}
        self._changes = Changes()
        self.operations = 0
        self._feed(creation)

    def command(self, command_id: str, line: ET.Element, options: dict[str, str]) -> None:
        """Create a pipeline; its first fragment is in the arguments."""
        del options
        key = uuid.UUID(command_id)
        core = psrpcore.ServerPipeline(self._pool, key)
        self._pipelines[key] = Pipeline(self._context, self._changes, core)
        self._feed("".join(e.text or "" for e in line.iterfind("rsp:Arguments", NAMESPACES)))

    def send(self, command_id: str | None, data: bytes, end: bool) -> None:
        """Fragments for the pool or a pipeline; they carry themselves to whom they are for."""
        del end
        if command_id and uuid.UUID(command_id) not in self._pipelines:
            raise invalid_parameter()
        self._feed_bytes(data)

    async def receive(self, command_id: str | None, room: int, timeout: float) -> Output:
        """Whole fragments, one a stream element."""
        key = uuid.UUID(command_id) if command_id else None
        pipeline = self._pipelines.get(key) if key else None
        if key and pipeline is None:
            raise invalid_parameter()
        queue = self._queues.setdefault(key, deque())

        def ready() -> bool:
            return bool(queue) or (pipeline is not None and (pipeline.finished or pipeline.execution.over))

        faults = self._context.member.faults
        if not await self._changes.until(ready, min(timeout, faults.hang_reply_after or timeout)):
            raise timed_out()
        if pipeline is not None:
            pipeline.execution.check()
        streams: list[tuple[str, bytes]] = []
        while queue and (not streams or len(queue[0]) <= room):
            streams.append(("stdout", queue.popleft()))
            room -= len(streams[-1][1])
        return Output(streams, done=pipeline is not None and pipeline.finished and not queue)

    def signal(self, command_id: str, code: str) -> None:
        """``powershell/signal/ctrl_c`` stops a running pipeline; all codes release a finished one."""
        key = uuid.UUID(command_id)
        pipeline = self._pipelines.get(key)
        if pipeline is None:
            raise invalid_parameter()
        pipeline.stop()
        self._drain()
        if "ctrl_c" not in code or not self._queues.get(key):
            self._release(key)

    def close(self) -> None:
        """Stop every pipeline and close the pool."""
        for key in list(self._pipelines):
            self._pipelines[key].stop()
            self._release(key)
        self._pool.close()

    def _release(self, key: uuid.UUID) -> None:
        self._pipelines.pop(key).core.close()
        self._queues.pop(key, None)

    def _feed(self, encoded: str) -> None:
        try:
            self._feed_bytes(base64.b64decode(encoded))
        except binascii.Error:
            raise invalid_parameter() from None

    def _feed_bytes(self, data: bytes) -> None:
        self._pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, None))
        while event := self._pool.next_event():
            pipeline = self._pipelines.get(event.pipeline_id) if event.pipeline_id else None
            if isinstance(event, psrpcore.PipelineInputEvent) and pipeline:
                pipeline.input.append(text_of(event.data))
            elif isinstance(event, psrpcore.CreatePipelineEvent) and pipeline:
                if event.pipeline.no_input:
                    self._start(pipeline)
            elif isinstance(event, psrpcore.EndOfPipelineInputEvent) and pipeline:
                self._start(pipeline)
            elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
                self._pool.runspace_availability_response(event.ci, self._pool.max_runspaces)
            elif isinstance(
                event,
                (psrpcore.SetMaxRunspacesEvent, psrpcore.SetMinRunspacesEvent, psrpcore.ResetRunspaceStateEvent),
            ):
                self._pool.runspace_availability_response(event.ci, True)
        self._drain()

    def _start(self, pipeline: Pipeline) -> None:
        pipeline.execution.start(pipeline.run, partial(self._finish, pipeline))

    def _finish(self, pipeline: Pipeline, result: Result) -> None:
        pipeline.write(result)
        self._drain()

    def _drain(self) -> None:
        while payload := self._pool.data_to_send(FRAGMENT):
            self._queues.setdefault(payload.pipeline_id, deque()).append(bytes(payload.data))
        self._changes.notify()
