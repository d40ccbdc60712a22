"""The Python engine: runs the calls of a document that the product's bootstrap brings on stdin."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Mapping
from typing import Any

from ..faults import DropConnection, FaultPlan, InjectedError
from . import cmdlets
from .clock import iso
from .errors import RUNTIME, CallError, not_found
from .functions import FUNCTIONS, Warn
from .product import CMDLETS, PLAYED_ANYWHERE, Context, not_played
from .state import State
from .values import decode, encode

LINE = 8000
_BANNER = ("", "         Management Shell", "Loading personal and system profiles took 1043ms.", "")


def document_of(stdin: bytes) -> dict[str, Any] | None:
    """The document, when stdin is what the product's bootstrap reads: two lines of base64(gzip(...)); else None."""
    lines = [line.strip() for line in stdin.split(b"\n") if line.strip()]
    if len(lines) != 2:
        return None
    try:
        script, text = (gzip.decompress(base64.b64decode(line, validate=True)) for line in lines)
        found = json.loads(text)
    except (ValueError, OSError, EOFError):
        return None
    return found if script and isinstance(found, dict) and "calls" in found else None


def script_of(stdin: bytes) -> str:
    """The script that a document came with; for the stdin of which ``document_of`` found one."""
    return gzip.decompress(base64.b64decode(next(line for line in stdin.split(b"\n") if line.strip()))).decode()


def host_facts(state: State, user: str, loaded: list[dict[str, str]], load_error: str | None) -> dict[str, Any]:
    """What the script says about the host it runs on."""
    return {
        "computer": state.computer,
        "powershell": state.host.powershell,
        "clr": state.host.clr,
        "windows": state.host.windows.version,
        "bits": state.behaviour.bits,
        "clock": iso(state.clock.now()),
        "user": f"{state.computer}\\{user}",
        "admin": state.behaviour.admin,
        "language": state.behaviour.language,
        "culture": state.behaviour.culture,
        "loaded": loaded,
        "load_error": load_error,
        "load_seconds": 0.0,
        **state.facts,
    }


def foreign(state: State, name: str, rows: list[dict[str, Any]], warnings: Warn) -> list[dict[str, Any]]:
    """The rows of a call as this member says them: anybody may have written anything into a text."""
    told = state.says.get(name, {})
    if told.get("warning"):
        warnings.append(told["warning"])
    return [{k: f"{v}{told[k]}" if k in told and isinstance(v, str) else v for k, v in row.items()} for row in rows]


class LostAfter(DropConnection):
    """The connection was lost after a call had taken effect."""


class Engine:
    """Runs documents and single calls on one member."""

    way: str = "lync"
    """What a document names to have the product's module loaded."""
    functions: Mapping[str, tuple[Any, str]] = FUNCTIONS
    """The functions of the script that are played."""

    def __init__(self, context: Context, faults: FaultPlan, user: str) -> None:
        self.context = context
        self.faults = faults
        self.user = user
        self.ran: list[str] = []
        """Names of the calls that were begun, for ``/state``."""

    @property
    def state(self) -> State:
        """The member."""
        return self.context.state

    def load(self, wanted: list[str]) -> tuple[list[dict[str, str]], str | None]:
        """Load the product's module: what is loaded, and the error."""
        product = self.state.host.product
        if not wanted:
            return [], None
        if strange := [name for name in wanted if name != self.way]:
            return [], f"{strange[0]} is not installed on this server."
        if self.state.behaviour.module == "missing":
            return [], (
                f"The specified module '{product.module}' was not loaded because no valid module file was found "
                "in any module directory."
            )
        return [{"name": product.module, "version": product.module_version}], None

    async def run(self, document: dict[str, Any]) -> str:
        """Run a document; returns the script's output. DropConnection and its kin pass through."""
        loaded, load_error = self.load(document.get("load") or [])
        replies: list[dict[str, Any]] = []
        stopped, lost = False, None
        for call in document["calls"]:
            if stopped:
                replies.append({"id": call["id"], "not_run": True})
                continue
            try:
                reply = await self._reply(call, bool(loaded), hooks=lost is None)
            except LostAfter as drop:
                if self.state.behaviour.after_drop == "stops":
                    raise
                lost = drop  # Windows does not notice at once: the script runs on, nobody reads its answer
                continue
            replies.append(reply)
            stopped = "error" in reply and not call.get("optional")
        if lost:
            raise lost
        answer = {"host": host_facts(self.state, self.user, loaded, load_error), "replies": replies}
        return self._framed(document["nonce"], json.dumps(encode(answer), separators=(",", ":")))

    def _framed(self, nonce: str, text: str) -> str:
        lines = [f"ucops-begin {nonce}", *(text[i : i + LINE] for i in range(0, len(text), LINE)), f"ucops-end {nonce}"]
        if self.state.behaviour.banner:
            lines = [*_BANNER, *lines, "WARNING: The names of some imported commands include unapproved verbs."]
        return "\r\n".join(lines) + "\r\n"

    async def _reply(self, call: Mapping[str, Any], loaded: bool, hooks: bool) -> dict[str, Any]:
        began, warnings = time.monotonic(), Warn()
        reply: dict[str, Any] = {"id": call["id"]}
        try:
            given = {k: decode(v, self.state.computer) for k, v in (call.get("with") or {}).items()}
            rows = await self.call(call["name"], given, warnings, loaded, hooks)
            if call["name"] in CMDLETS:  # as the script does: nothing is kept unless it is asked for
                rows = [{k: _property(row, k) for k in call.get("keep") or ()} for row in rows]
            reply["rows"] = foreign(self.state, call["name"], rows, warnings)
        except CallError as error:
            reply["error"] = error.record()
        except InjectedError as error:
            reply["error"] = CallError(error.message, error.fqid, RUNTIME).record()
        reply["warnings"] = list(warnings)
        reply["seconds"] = round(time.monotonic() - began, 3)
        return reply

    async def call(
        self, name: str, given: Mapping[str, Any], warnings: Warn, loaded: bool, hooks: bool = True
    ) -> list[dict[str, Any]]:
        """One call of the allowlist. Raises CallError."""
        if name in self.functions:
            kind = self.functions[name][1]
        elif name in CMDLETS:
            kind = CMDLETS[name][1]
        else:
            raise CallError(f"{name} is not one of the calls that this script makes.", "ucops.NotAllowed")
        self.context.pool.settle()
        if hooks:
            await self.faults.before(name, "write" if kind == "write" else "read")
        self.ran.append(name)
        rows = await self._do(name, given, warnings, loaded, kind)
        self.context.pool.settle()
        if hooks:
            try:
                await self.faults.after(name, "write" if kind == "write" else "read")
            except DropConnection as drop:
                raise LostAfter(str(drop)) from None
        return rows

    async def _do(
        self, name: str, given: Mapping[str, Any], warnings: Warn, loaded: bool, kind: str
    ) -> list[dict[str, Any]]:
        product = self.state.host.product.documented_as
        if name in self.functions:
            if kind == "write" and not self.state.behaviour.admin:
                raise CallError(
                    "Access is denied.", f"ucops.{name}", "System.UnauthorizedAccessException", "PermissionDenied"
                )
            try:
                return self.functions[name][0](self.state, given, warnings)
            except KeyError as error:
                raise CallError(f"{name} needs {error.args[0]}.", f"ucops.{name}", category="InvalidArgument") from None
        if not loaded or not cmdlets.known(name, product):
            raise not_found(name)
        bound = cmdlets.bind(name, product, given)
        if self.state.role != "edge" and name not in PLAYED_ANYWHERE:
            raise not_played(name, self.state.role)
        if kind == "write" and not self.state.behaviour.admin:
            raise CallError(
                "Access is denied.", f"AccessDenied,{name}", "System.UnauthorizedAccessException", "PermissionDenied"
            )
        return await CMDLETS[name][0](self.context, bound)


def _property(row: Mapping[str, Any], name: str) -> Any:
    """A property by its name in any case, as PowerShell finds it; None when there is none."""
    return next((v for k, v in row.items() if k.casefold() == name.casefold()), None)
