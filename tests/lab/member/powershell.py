"""Lines that an admin types by hand, and the little PowerShell that clients' tests send.

Not a PowerShell: one command a line, arguments are words, strings, numbers, ``$true``/``$false`` and lists of these.
Nothing is evaluated: docs/lab.md says what is handed on as it is written. What is recognised as more than this plays is
answered with an error that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..interfaces import Result
from . import cmdlets
from .engine import Engine
from .errors import CallError, not_found
from .functions import Warn
from .product import CMDLETS
from .values import Switch

_TOKEN = re.compile(r"""\s*(?:"((?:[^"`]|`.|"")*)"|'((?:[^']|'')*)'|(,)|([^\s,'"]+))""")
_REPEAT = re.compile(r"""^\(?\s*(?:"([^"]*)"|'([^']*)')\s*\*\s*(\d+)\s*\)?$""")


@dataclass
class Line:
    """One command."""

    command: str
    named: dict[str, Any] = field(default_factory=dict)
    positional: list[Any] = field(default_factory=list)


class Unsupported(Exception):
    """A text that is more than the lab plays."""


def parse(text: str) -> Line:
    """One line. Raises Unsupported."""
    if re.search(r"[|{}&<>@]|\$\(", re.sub(r""""[^"]*"|'[^']*'""", "", text)):
        raise Unsupported(text)
    words: list[tuple[str, bool]] = []
    place = 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if not found:
            raise Unsupported(text)
        quoted = found[1] is not None or found[2] is not None
        words.append(
            (found[1] if found[1] is not None else found[2] if found[2] is not None else found[3] or found[4], quoted)
        )
        place = found.end()
    line = Line(words[0][0])
    rest, at = words[1:], 0
    while at < len(rest):
        word, quoted = rest[at]
        if not quoted and re.match(r"-[A-Za-z]", word):
            name, colon, inline = word[1:].partition(":")
            at += 1
            if colon and inline:
                line.named[name] = _value(inline, False)
            elif at < len(rest) and (rest[at][1] or not re.match(r"-[A-Za-z]", rest[at][0])):
                line.named[name], at = _list(rest, at)
            else:
                line.named[name] = Switch(True)
            continue
        value, at = _list(rest, at)
        line.positional.append(value)
    return line


def _list(words: list[tuple[str, bool]], at: int) -> tuple[Any, int]:
    values = [_value(*words[at])]
    at += 1
    while at + 1 < len(words) and words[at] == (",", False):
        values.append(_value(*words[at + 1]))
        at += 2
    return (values if len(values) > 1 else values[0]), at


def _value(word: str, quoted: bool) -> Any:
    if quoted:
        return word
    if word.lower() in ("$true", "$false"):
        return word.lower() == "$true"
    return word


def _lines(script: str) -> list[str]:
    text = re.sub(r"(?m)^\s*#.*$", "", script)
    found = [
        part.strip() for row in text.splitlines() for part in re.split(r";(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)", row)
    ]
    return [f for f in found if f]


async def run(engine: Engine, script: str, stdin: bytes) -> Result:
    """Run a typed script: output, errors as text, exit code as powershell.exe gives it."""
    out: list[str] = []
    errors: list[str] = []
    loaded = engine.state.host.powershell_major >= 3  # older ones do not load modules by themselves
    for text in _lines(script):
        loaded = loaded or text.lower().startswith("import-module")
        if re.fullmatch(r"(?i)exit(\s+\$LASTEXITCODE)?", text):
            break
        if (code := re.fullmatch(r"(?i)exit\s+(\d+)", text)) is not None:
            return _result(int(code[1]), out, errors)
        try:
            done = await _one(engine, text, stdin, out, errors, loaded)
        except CallError as error:
            errors.append(f"{text.split()[0]} : {error.message.strip()}\n    + FullyQualifiedErrorId : {error.fqid}")
            done = False
        except Unsupported:
            errors.append(f"The lab's PowerShell cannot run this: {text}\n    + FullyQualifiedErrorId : lab.NotPlayed")
            done = False
        if not done:
            return _result(1, out, errors)
    return _result(0, out, errors)


def _result(code: int, out: list[str], errors: list[str]) -> Result:
    def text(rows: list[str]) -> bytes:
        return "".join(f"{r}\n" for r in rows).replace("\r\n", "\n").replace("\n", "\r\n").encode()

    return Result(code, text(out), text(errors))


async def _one(engine: Engine, text: str, stdin: bytes, out: list[str], errors: list[str], loaded: bool) -> bool:
    """One line; False ends the script with exit code 1."""
    state = engine.state
    variables = {
        "$psversiontable.psversion.tostring()": state.host.powershell,
        "$psversiontable.psversion": state.host.powershell,
        "$env:computername": state.computer,
        "$input": stdin.decode("utf-8", "replace").rstrip("\r\n"),
    }
    if text.lower() in variables:
        out.append(variables[text.lower()])
        return True
    if (repeated := _REPEAT.match(text)) is not None:
        out.append((repeated[1] or repeated[2] or "") * int(repeated[3]))
        return True
    if re.match(r"\$\w+(\.\w+)*\s*=", text):
        return True  # settings such as $ProgressPreference
    if re.fullmatch(r"\"[^\"$]*\"|'[^']*'", text):
        out.append(text[1:-1])
        return True
    line = parse(re.sub(r"(?i)\s*\|\s*(format-list|fl|format-table|ft|out-string)\b[\s*]*$", "", text))
    command = line.command.lower()
    words = [str(w) for w in line.positional]
    if command in ("write-output", "echo", "write-host"):
        out.extend(words)
        return True
    if command in ("write-error", "throw"):
        message = " ".join(words) or str(line.named.get("Message", ""))
        errors.append(f"{message}\n    + FullyQualifiedErrorId : Microsoft.PowerShell.Commands.WriteErrorException")
        return command == "write-error" and False
    if command in ("hostname", "hostname.exe"):
        out.append(state.computer)
        return True
    if command == "import-module":
        modules, error = engine.load(["lync"])
        wanted = {state.host.product.module.lower(), "lync" if state.host.product.module == "Lync" else ""}
        if not words or words[0].rsplit("\\", 1)[-1].removesuffix(".psd1").lower() not in wanted or not modules:
            message = (
                error
                or f"The specified module '{' '.join(words)}' was not loaded because no valid module file was found."
            )
            raise CallError(message, "Modules_ModuleNotFound,Microsoft.PowerShell.Commands.ImportModuleCommand")
        return True
    return await _cmdlet(engine, line, out, loaded)


def refuse_program(command: str) -> None:
    """Raise Unsupported for a program or an alias: every Windows has some, so "not recognized" would be untrue."""
    if not re.fullmatch(r"[A-Za-z]+-[A-Za-z0-9]+", command):
        raise Unsupported(command)


async def _cmdlet(engine: Engine, line: Line, out: list[str], loaded: bool) -> bool:
    state = engine.state
    refuse_program(line.command)
    name = cmdlets.known(line.command, state.host.product.documented_as)
    if name is None or name not in CMDLETS or not loaded or engine.state.behaviour.module == "missing":
        raise not_found(line.command)
    given = cmdlets.bind(name, state.host.product.documented_as, _dates(state, line.named), line.positional)
    for row in await engine.call(name, given, Warn(), loaded=True):
        width = max(len(k) for k in row)
        out.extend(f"{k.ljust(width)} : {_shown(v)}" for k, v in row.items())
        out.append("")
    return True


def _dates(state: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """ISO moments typed as a date are accepted beside what en-US writes."""
    found = {}
    for key, value in named.items():
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            value = moment if moment.tzinfo else moment.astimezone()
        found[key] = value
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ", ".join(str(v) for v in value) + "}"
    if isinstance(value, datetime):
        return value.strftime("%m/%d/%Y %I:%M:%S %p")
    return "" if value is None else str(value)
