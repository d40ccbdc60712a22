"""Lines that an admin types by hand into the Exchange Management Shell, and the few commands around them.

As ``lab.member.powershell``: one command a line. Beyond it: ``$null``, files read as bytes, passwords made secure,
``Restart-Service``, ``iisreset``, ``netsh http show sslcert`` and ``Remove-Item Cert:\\LocalMachine\\My\\...``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ..interfaces import Result
from ..member.errors import CallError, not_found
from ..member.functions import Warn
from ..member.powershell import Line, Unsupported, _lines, _result, _shown, parse, refuse_program
from ..member.values import Secure
from . import binding, services, shell, watch
from .engine import ExchangeEngine
from .reading import pfx_of

_FORMAT = re.compile(r"(?i)\s*\|\s*(format-list|fl|format-table|ft|out-string)\b[\s\w,*]*$")
_SHELLS = (
    (r"add-pssnapin\s+Microsoft\.Exchange\.Management\.PowerShell\.(E2010|SnapIn|Admin)$", "exchange:snapin"),
    (r"\.\s+.*RemoteExchange\.ps1['\"]?$", None),
    (r"connect-exchangeserver\s+-auto(\s+-ClientApplication:ManagementShell)?$", "exchange:management_shell"),
)
_BYTES = re.compile(r"(?i)^\[(?:System\.)?IO\.File\]::ReadAllBytes\(\s*['\"](.+?)['\"]\s*\)$")
_CONTENT = re.compile(
    r"(?i)^\[Byte\[\]\]\$\(Get-Content\s+-Path\s+['\"]?(.+?)['\"]?\s+-Encoding\s+byte\s+-ReadCount\s+0\)$"
)
_QUOTED = r"'[^']*'|\"[^\"]*\""
_PARENTHESES = re.compile(rf"\((?:[^()'\"]|{_QUOTED}|\((?:[^()'\"]|{_QUOTED})*\))*\)")
_GONE = re.compile(r"(?i)^Remove-Item\s+(?:-Path\s+)?['\"]?Cert:\\LocalMachine\\My\\([0-9A-F]{40})['\"]?$")
_SERVICE = re.compile(r"(?i)^(Restart|Stop|Start)-Service\s+(?:-Name\s+)?([\w,\s]+?)(\s+-Force)?$")
_BASE64 = re.compile(r"(?i)^\[Convert\]::FromBase64String\(\s*['\"](.*?)['\"]\s*\)$")
_EXPORT = re.compile(r"(?i)^certutil -p (\S+) -exportPFX (\S+) ([0-9A-F]{40}) (\S+)$")
_TAKEN = re.compile(r"(?i)^\[Convert\]::ToBase64String\(\[IO\.File\]::ReadAllBytes\('([^']+)'\)\)$")
_SECURE = re.compile(r"(?i)^ConvertTo-SecureString\s+(?:-String\s+)?['\"](.*?)['\"]\s+-AsPlainText\s+-Force$")


async def run(engine: ExchangeEngine, script: str, stdin: bytes) -> Result:
    """Run a typed script: output, errors as text, exit code as powershell.exe gives it."""
    out: list[str] = []
    errors: list[str] = []
    loaded = False
    for text in _lines(script):
        if re.fullmatch(r"(?i)exit(\s+\$LASTEXITCODE)?", text):
            break
        try:
            way = next((t for p, t in _SHELLS if re.match(p, text, re.I)), "")
            if way:
                engine.exchange.shell = shell.load(engine.exchange.server, way, {}, engine.accounts)
                loaded = True
            elif way is not None and not _beside(engine, text, stdin, out):
                await _cmdlet(engine, text, out, loaded)
        except shell.CannotLoad as error:
            errors.append(f"{text.split()[0]} : {error}\n    + FullyQualifiedErrorId : PSSessionOpenFailed")
            return _result(1, out, errors)
        except CallError as error:
            errors.append(f"{text.split()[0]} : {error.message.strip()}\n    + FullyQualifiedErrorId : {error.fqid}")
            return _result(1, out, errors)
        except Unsupported:
            errors.append(f"The lab's PowerShell cannot run this: {text}\n    + FullyQualifiedErrorId : lab.NotPlayed")
            return _result(1, out, errors)
    return _result(0, out, errors)


def _beside(engine: ExchangeEngine, text: str, stdin: bytes, out: list[str]) -> bool:
    """Commands that are not Exchange's; False: it is none of them."""
    state = engine.exchange.server
    said = {
        "$psversiontable.psversion": state.host.powershell,
        "$env:computername": state.computer,
        "hostname": state.computer,
        "$input": stdin.decode("utf-8", "replace").rstrip("\r\n"),
    }
    if text.lower() in said:
        out.append(said[text.lower()])
    elif re.match(r"\$\w+(\.\w+)*\s*=", text):
        pass
    elif re.fullmatch(r"(?i)iisreset(\.exe)?(\s+/\w+)*", text):
        services.restart(state, services.IIS)
        out.append("Internet services successfully restarted")
    elif re.fullmatch(r"(?i)netsh http show sslcert", text):
        for (address, port), b in state.bindings.items():
            out += [
                f"    IP:port                 : {address}:{port}",
                f"    Certificate Hash        : {b.thumbprint.lower()}",
            ]
            out += [f"    Application ID          : {b.app_id}", f"    Certificate Store Name  : {b.store.upper()}", ""]
    elif gone := _GONE.match(text):
        state.stores.remove("My", gone[1])
    elif export := _EXPORT.match(text):
        out.append(_export(engine, *export.groups()))
    elif taken := _TAKEN.match(text):
        out.append(base64.b64encode(state.files[taken[1].lower()]).decode())
    elif order := _SERVICE.match(text):
        for name in re.split(r"[,\s]+", order[2].strip()):
            known = next((s for s in state.services if s.casefold() == name.casefold()), None)
            if known is None:
                raise CallError(f"Cannot find any service with service name '{name}'.", "NoServiceFoundForGivenName")
            if order[1].lower() != "start":
                services.stop(state, known)
            if order[1].lower() != "stop":
                services.start(state, known)
    else:
        return False
    watch.look(state.organization)
    return True


def _export(engine: ExchangeEngine, password: str, store: str, thumb: str, file: str) -> str:
    """certutil -exportPFX out of any store of the machine (Microsoft, certutil); the key has to be exportable."""
    state = engine.exchange.server
    entry = state.stores.get(store, thumb)
    container = state.keys.get(entry.container) if entry else None
    if entry is None or container is None:
        raise CallError("CertUtil: -exportPFX command FAILED: 0x80090011 (NTE_NOT_FOUND)", "NativeCommandError")
    if not container.exportable or not isinstance(container.key, rsa.RSAPrivateKey):
        raise CallError("CertUtil: -exportPFX command FAILED: 0x8009000b (NTE_BAD_KEY_STATE)", "NativeCommandError")
    state.files[file.lower()] = pfx_of(container.key, entry, password)
    return "CertUtil: -exportPFX command completed successfully."


def _expressions(engine: ExchangeEngine, text: str) -> tuple[str, dict[str, Any]]:
    """The line with parenthesised expressions replaced by words, and what the words stand for."""
    values: dict[str, Any] = {}
    while (found := _PARENTHESES.search(text)) is not None:
        word = f"lab__{len(values)}"
        values[word] = _evaluate(engine, found[0][1:-1].strip())
        text = text[: found.start()] + word + text[found.end() :]
    return re.sub(r"(?i)(?<=\s)\$null\b", "lab__null", text), {**values, "lab__null": None}


def _evaluate(engine: ExchangeEngine, inner: str) -> Any:
    inner = inner[1:-1].strip() if inner.startswith("(") and inner.endswith(")") else inner
    if (path := _BYTES.match(inner) or _CONTENT.match(inner)) is not None:
        data = engine.exchange.server.files.get(path[1].lower())
        if data is None:
            raise CallError(f"Could not find file '{path[1]}'.", "FileNotFoundException")
        return data
    if (coded := _BASE64.match(inner)) is not None:
        return base64.b64decode(coded[1])
    if (secret := _SECURE.match(inner)) is not None:
        return Secure(secret[1])
    raise Unsupported(inner)


async def _cmdlet(engine: ExchangeEngine, text: str, out: list[str], loaded: bool) -> None:
    replaced, values = _expressions(engine, _FORMAT.sub("", text))
    quoted = re.sub(r"<([IS])>", r"lab_\1_", replaced)
    line: Line = parse(quoted)
    state = engine.exchange.server
    refuse_program(line.command)
    name = binding.known(line.command, state.host.product.documented_as)
    if name is None or not loaded:
        raise not_found(line.command)
    named = {k: _value(v, values) for k, v in line.named.items()}
    positional = [_value(v, values) for v in line.positional]
    given = binding.bind(name, state.host.product.documented_as, named, positional)
    warnings = Warn()
    for row in await engine.call(name, given, warnings, loaded=True):
        width = max(len(k) for k in row)
        out.extend(f"{k.ljust(width)} : {_text(v)}" for k, v in row.items())
        out.append("")
    out.extend(f"WARNING: {w}" for w in warnings)


def _value(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_value(v, values) for v in value]
    if isinstance(value, str):
        if value in values:
            return values[value]
        return re.sub(r"lab_([IS])_", r"<\1>", value)
    return value


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else _shown(value)
