"""The engine of an Exchange server: the same document, other cmdlets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ..faults import DropConnection, FaultPlan, InjectedError
from ..member.engine import Engine, LostAfter, _property, foreign, host_facts
from ..member.errors import RUNTIME, CallError, not_found
from ..member.functions import Warn
from ..member.values import decode, encode
from . import binding, shell, watch
from .context import ExchangeContext, Row
from .functions import FUNCTIONS
from .servers import CMDLETS


class ExchangeEngine(Engine):
    """Runs documents and single calls on one server."""

    def __init__(self, context: ExchangeContext, faults: FaultPlan, user: str, accounts: Mapping[str, str]) -> None:
        super().__init__(context, faults, user)
        self.exchange = context
        self.accounts = accounts

    def open_shell(self, document: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """Load what the document asks for: what is loaded, and the error."""
        state = self.exchange.server
        product = state.host.product
        for token in document.get("load") or []:
            if not str(token).startswith("exchange"):
                return [], f"{token} is not installed on this server."
            try:
                self.exchange.shell = shell.load(state, token, document, self.accounts)
            except shell.CannotLoad as error:
                return [], str(error)
            known = [name for name in CMDLETS if binding.known(name, product.documented_as)]
            have = {name for name in known if shell.available(state, self.exchange.shell, name)}
            facts = {"name": "Exchange", "version": product.file_version, "way": self.exchange.shell.way}
            return [{**facts, "lacks": [name for name in CMDLETS if name not in have]}], None
        return [], None

    async def run(self, document: dict[str, Any]) -> str:
        """Run a document; returns the script's output. DropConnection and its kin pass through."""
        loaded, load_error = self.open_shell(document)
        replies: list[dict[str, Any]] = []
        stopped, lost = False, None
        for call in document["calls"]:
            if stopped:
                replies.append({"id": call["id"], "not_run": True})
                continue
            try:
                reply = await self._answer(call, bool(loaded), hooks=lost is None)
            except LostAfter as drop:
                if self.state.behaviour.after_drop == "stops":
                    raise
                lost = drop
                continue
            replies.append(reply)
            stopped = "error" in reply and not call.get("optional")
        if lost:
            raise lost
        answer = {"host": host_facts(self.state, self.user, loaded, load_error), "replies": replies}
        return self._framed(document["nonce"], json.dumps(encode(answer), separators=(",", ":")))

    async def _answer(self, call: Mapping[str, Any], loaded: bool, hooks: bool) -> dict[str, Any]:
        began, warnings = time.monotonic(), Warn()
        reply: dict[str, Any] = {"id": call["id"]}
        try:
            given = {k: decode(v, self.state.computer) for k, v in (call.get("with") or {}).items()}
            rows = await self.call(call["name"], given, warnings, loaded, hooks)
            if call["name"] in CMDLETS:
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
    ) -> list[Row]:
        """One call of the allowlist. Raises CallError."""
        table: Mapping[str, tuple[Any, str]] = FUNCTIONS if name in FUNCTIONS else CMDLETS
        if name not in table:
            raise CallError(f"{name} is not one of the calls that this script makes.", "ucops.NotAllowed")
        kind: Any = table[name][1]
        if hooks:
            await self.faults.before(name, kind)
        self.ran.append(name)
        try:
            rows = await self._work(name, given, warnings, loaded)
        finally:
            watch.look(self.exchange.server.organization)
        if hooks:
            try:
                await self.faults.after(name, kind)
            except DropConnection as drop:
                raise LostAfter(str(drop)) from None
        return rows

    async def _work(self, name: str, given: Mapping[str, Any], warnings: Warn, loaded: bool) -> list[Row]:
        state = self.exchange.server
        if name in FUNCTIONS:
            function, kind = FUNCTIONS[name]
            self._check_admin(f"ucops.{name}", kind)
            try:
                return function(state, given, warnings)
            except KeyError as error:
                raise CallError(f"{name} needs {error.args[0]}.", f"ucops.{name}", category="InvalidArgument") from None
        product = state.host.product.documented_as
        if not loaded or not binding.known(name, product) or not shell.available(state, self.exchange.shell, name):
            raise not_found(name)
        bound = binding.bind(name, product, given)
        cmdlet, kind = CMDLETS[name]
        self._check_admin(f"AccessDenied,{name}", kind)
        self.exchange.warnings = warnings
        return await cmdlet(self.exchange, bound)

    def _check_admin(self, fqid: str, kind: str) -> None:
        if kind == "write" and not self.state.behaviour.admin:
            raise CallError("Access is denied.", fqid, "System.UnauthorizedAccessException", "PermissionDenied")
