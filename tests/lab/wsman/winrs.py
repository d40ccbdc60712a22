"""WinRS: command lines with standard streams (MS-WSMV section 3.1.4.11 and following)."""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ET

from ..interfaces import Result
from .clixml import error_stream
from .shell import Changes, Context, Execution, Output
from .soap import NAMESPACES, invalid_parameter, timed_out

LINE_LIMIT = (
    8191  # cmd.exe: learn.microsoft.com/troubleshoot/windows-client/shell-experience/command-line-string-limitation
)
PROCESS_LINE_LIMIT = 32767  # CreateProcess, with WINRS_SKIP_CMD_SHELL
POWERSHELL = re.compile(r'(?is)\s*"?(?:[a-z]:\\[^"]*\\)?(?:powershell|pwsh)(?:\.exe)?"?\s+(.*)')
ENCODED = re.compile(r'(?i)(?:^|\s)[-/]e(?:c|n[a-z]*)?\s+"?([^\s"]+)')
NOT_BASE64 = (
    b"Cannot process the command because the value specified with -EncodedCommand is not properly encoded. "
    b"The value must be Base64 encoded.\r\n"
)


def encoded_script(line: str) -> str | None:
    """The script of a ``powershell ... -EncodedCommand`` line, else None.

    Raises ValueError when it is badly encoded.
    """
    program = POWERSHELL.fullmatch(line)
    option = ENCODED.search(program[1]) if program else None
    if option is None:
        return None
    try:
        return base64.b64decode(option[1], validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not Base64 of UTF-16") from error


class Process:
    """One command line in a shell."""

    def __init__(self, context: Context, changes: Changes, line: str, skip_cmd: bool, console: bool, page: str) -> None:
        self._context = context
        self._line = line
        self._limit = PROCESS_LINE_LIMIT if skip_cmd else LINE_LIMIT
        # Without a console as standard input (WINRS_CONSOLEMODE_STDIN false) the process reads until the end of Send.
        self.ready = console
        self._page = page
        self._stdin = bytearray()
        self.execution = Execution(context, changes)
        self.out: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self.exit_code = 0

    def feed(self, data: bytes, end: bool) -> None:
        """Take standard input; at its end the process runs."""
        self._stdin += data
        if end:
            self.ready = True
            self.start()

    def start(self) -> None:
        """Run, if the input is there and it did not run already."""
        if self.ready:
            self.execution.start(self._run, self._finish)

    async def _run(self) -> Result:
        stdin = bytes(self._stdin)
        if len(self._line) > self._limit:
            return Result(1, b"", b"The command line is too long.\r\n")
        try:
            script = encoded_script(self._line)
        except ValueError:
            return Result(-196608, b"", NOT_BASE64)
        if script is None:
            return await self._context.member.command_line(self._line, self._decode(stdin))
        result = await self._context.member.execute(script, self._decode(stdin), "winrs")
        errors = error_stream(result.stderr.decode("utf-8", "replace"), self._context.settings.progress)
        return Result(result.rc, result.stdout, errors.encode())

    def _decode(self, data: bytes) -> bytes:
        return data if self._page == "utf-8" else data.decode(self._page).encode()

    def _finish(self, result: Result) -> None:
        for name, data in (("stdout", result.stdout), ("stderr", result.stderr)):
            self.out[name] = (
                data if self._page == "utf-8" else data.decode("utf-8", "replace").encode(self._page, "replace")
            )
        self.exit_code = result.rc & 0xFFFFFFFF if result.rc < 0 else result.rc

    def take(self, room: int) -> Output:
        """Output for one Receive. Windows tells the end in a Receive of its own, after the last output."""
        streams = []
        for name in ("stdout", "stderr"):
            chunk, self.out[name] = self.out[name][:room], self.out[name][room:]
            room -= len(chunk)
            if chunk:
                streams.append((name, chunk))
        return Output(streams, done=not streams, exit_code=self.exit_code)


class WinrsShell:
    """A shell of resource ``.../windows/shell/cmd``."""

    def __init__(self, context: Context, codepage: str) -> None:
        self._context = context
        self._page = {"65001": "utf-8", "": "cp437"}.get(codepage, f"cp{codepage}")
        self._processes: dict[str, Process] = {}
        self._changes = Changes()
        self.operations = 0

    def command(self, command_id: str, line: ET.Element, options: dict[str, str]) -> None:
        """Take a command line; it runs when its standard input is complete."""
        parts = [e.text or "" for e in line.iterfind("rsp:Command", NAMESPACES)]
        parts += [e.text or "" for e in line.iterfind("rsp:Arguments", NAMESPACES)]
        process = Process(
            self._context,
            self._changes,
            " ".join(parts),
            skip_cmd=options.get("WINRS_SKIP_CMD_SHELL", "").upper() == "TRUE",
            console=options.get("WINRS_CONSOLEMODE_STDIN", "TRUE").upper() == "TRUE",
            page=self._page,
        )
        self._processes[command_id.upper()] = process

    def _process(self, command_id: str | None) -> Process:
        try:
            return self._processes[(command_id or "").upper()]
        except KeyError:
            raise invalid_parameter() from None

    def send(self, command_id: str | None, data: bytes, end: bool) -> None:
        """Standard input."""
        self._process(command_id).feed(data, end)

    async def receive(self, command_id: str | None, room: int, timeout: float) -> Output:
        """Standard output and error. A command without input starts here, so that input may come before."""
        process = self._process(command_id)
        process.start()
        faults = self._context.member.faults
        waited = self._changes.until(lambda: process.execution.over, min(timeout, faults.hang_reply_after or timeout))
        if not await waited:
            raise timed_out()
        process.execution.check()
        return process.take(room)

    def signal(self, command_id: str, code: str) -> None:
        """Every code ends the process and forgets it."""
        del code
        self._process(command_id).execution.stop()
        del self._processes[command_id.upper()]

    def close(self) -> None:
        """End all processes."""
        for process in self._processes.values():
            process.execution.stop()
        self._processes.clear()
