"""A lab in a process of its own, for tests and the demo. Standard library only."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


class LabError(Exception):
    """The lab did not start, or refused a control request."""


class LabProcess:
    """``python -m lab`` as a context manager.

    ``directory``: where the lab writes; it stays. Without it a temporary folder, which is removed
    unless the block ends with an exception. Options are those of the command line
    (``connection=``, ``engine=``, ``product=``, ``windows=``, ``powershell=``, ``net=``); ``settings``
    become ``--set``.
    """

    def __init__(
        self,
        scenario: str = "edge-pool",
        *,
        directory: Path | None = None,
        start_timeout: float = 60.0,
        settings: dict[str, str] | None = None,
        **options: str,
    ) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix="ucops-lab-"))
        self._temporary = directory is None
        self._start_timeout = start_timeout
        self._command = [
            sys.executable,
            "-m",
            "lab",
            "--scenario",
            scenario,
            "--dir",
            str(self.directory),
            "--until-eof",
        ]
        for name, value in options.items():
            self._command += [f"--{name.replace('_', '-')}", value]
        for name, value in (settings or {}).items():
            self._command += ["--set", f"{name}={value}"]
        self._process: subprocess.Popen[bytes] | None = None
        self.inventory = self.directory / "inventory.yml"
        self.log = self.directory / "lab.log"
        self.control = ""

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> LabProcess:
        """Start the lab and wait until it is ready. Raises LabError with the lab's own error text."""
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path},
            )
            try:
                ready = json.loads(self._first_line())
            except BaseException as error:
                self.stop()
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace").strip()
                raise LabError(f"expected the lab to be ready; it said: {said or error}; log: {self.log}") from error
        self.control = ready["control"]
        self.inventory = Path(ready["inventory"])
        return self

    def _first_line(self) -> bytes:
        process = self._process
        assert process is not None and process.stdout is not None
        end, line = time.monotonic() + self._start_timeout, b""
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise LabError(f"no ready line within {self._start_timeout:g} s")
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                raise LabError("it ended before it was ready")
            line += chunk
        return line

    def stop(self) -> None:
        """End the lab, whatever its state; twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> LabProcess:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if error is None and self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        elif error is not None and hasattr(error, "add_note"):
            error.add_note(f"the lab's log: {self.log}")

    # -- control ------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request to the control API. Raises LabError with the lab's explanation."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        try:
            with LOCAL.open(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            raise LabError(f"{method} {path}: {json.load(error).get('error')}") from error

    def state(self) -> dict[str, Any]:
        """Every member's state, by name."""
        return self.request("GET", "/state")

    def counts(self) -> dict[str, Any]:
        """Every member's counts, by name: requests, bytes_up, bytes_down, commands, connections, shells, actions."""
        return self.request("GET", "/counts")

    def reset_counts(self) -> None:
        """All counts back to zero."""
        self.request("POST", "/counts/reset", {})

    def advance(self, seconds: float) -> None:
        """Move every member's clock forward."""
        self.request("POST", "/clock", {"advance": seconds})

    def configure(self, member: str, **body: Any) -> dict[str, Any]:
        """Set what the transport or the member knows, such as ``latency=0.1`` or ``calls=3``."""
        return self.request("POST", f"/members/{member}", body)

    def set_calls(self, member: str, calls: int) -> None:
        """Calls in progress on a member."""
        self.configure(member, calls=calls)

    def clock(self, member: str, offset: float) -> None:
        """Set a member's clock apart from the others', in seconds."""
        self.configure(member, clock_offset=offset)

    def reachable(self, member: str, reachable: bool) -> None:
        """Take a member's WinRM off the network, or put it back."""
        self.configure(member, reachable=reachable)

    def restart_winrm(self, member: str) -> None:
        """Restart a member's WinRM service: its shells and connections are gone."""
        self.configure(member, restart_winrm=True)

    def fault(self, member: str, *, do: str, **rule: Any) -> None:
        """Order a fault: ``call=``, ``phase=``, ``nth=``, ``seconds=``, ``message=``, ``fqid=``."""
        self.request("POST", f"/members/{member}/fault", {"do": do, **rule})

    def clear_faults(self, member: str) -> None:
        """Forget a member's faults; what hangs goes on."""
        self.request("POST", f"/members/{member}/fault", {"do": "clear"})

    def store(self, member: str, **body: Any) -> dict[str, Any]:
        """Change a member's stores."""
        return self.request("POST", f"/members/{member}/store", body)
