"""Finds a PowerShell 7 and runs the shipped script in it, fed exactly as a WinRM connection would feed it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    shipped_script,
    slice_script,
    stdin_text,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Credential, Reply
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import FACTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import document, parse_reply

ROOT = Path(__file__).resolve().parents[2]
NONCE = "0123456789abcdef"
MISSING = "no pwsh on the PATH and none in a shared tools folder beside the checkout: the PowerShell tier is skipped"


@cache
def find_pwsh() -> str | None:
    """The path of a PowerShell 7: on the PATH, or in the folder shared/tools/pwsh beside the checkout."""
    beside = ROOT.parent / "shared" / "tools" / "pwsh" / "pwsh"
    return shutil.which("pwsh") or (str(beside) if os.access(beside, os.X_OK) else None)


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    stdout: str
    stderr: str
    code: int

    def reply(self) -> Reply:
        """The framed reply in its output."""
        return parse_reply(NONCE, self.stdout)


def powershell(
    command: str, stdin: str = "", act_as: str | None = None, environment: dict[str, str] | None = None
) -> Done:
    """Run a command text as WinRS does: encoded on the command line, `stdin` on standard input."""
    pwsh = find_pwsh()
    assert pwsh, MISSING
    encoded = base64.b64encode(command.encode("utf-16-le")).decode("ascii")
    variables = {
        **os.environ,
        "POWERSHELL_DIAGNOSTICS_OPTOUT": "1",
        **(environment or {}),
        **({"PWSH_ACT_AS": act_as} if act_as else {}),
    }
    ended = subprocess.run(
        [pwsh, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded],
        input=stdin,
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
        check=False,
    )
    return Done(ended.stdout, ended.stderr, ended.returncode)


def sent(calls: Sequence[Call], load: Sequence[str] = (), credential: Credential | None = None) -> str:
    """What goes on standard input for calls, made by the code that makes it for a real host."""
    script = strip_script(slice_script(shipped_script(), [FACTS, *load, *(call.name for call in calls)]))
    return stdin_text(script, document(NONCE, load, calls, credential))


def run(
    calls: Sequence[Call],
    before: str = "",
    load: Sequence[str] = (),
    act_as: str | None = None,
    after: str = "",
    credential: Credential | None = None,
) -> Done:
    """Run calls. `before` is PowerShell that stands in the process first, such as functions in place of cmdlets."""
    return powershell(f"{before}\n{BOOTSTRAP}\n{after}", sent(calls, load, credential), act_as)
