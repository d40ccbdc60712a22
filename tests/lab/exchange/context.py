"""What an Exchange cmdlet works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..member.errors import prompts
from ..member.product import Context
from . import services
from .certificates import ExchangePki
from .errors import exchange_error, no_object, not_played
from .shell import Shell
from .state import ExchangeState

Row = dict[str, Any]


class ExchangeContext(Context):
    """One server, its organization, and the shell that is loaded."""

    def __init__(self, state: ExchangeState, pki: ExchangePki) -> None:
        super().__init__(state, state.organization)
        self.server = state
        self.pki = pki
        self.shell = Shell("snapin", state)
        self.warnings: list[str] = []
        self.stopping = False

    def target(self, cmdlet: str, given: Mapping[str, Any]) -> ExchangeState:
        """The server that a certificate cmdlet acts on. Raises CallError."""
        if self.server.edge and given.get("DomainController"):
            raise exchange_error(cmdlet, "The DomainController parameter isn't supported on Edge Transport servers.")
        named = given.get("Server")
        found = self.server.organization.server(named) if named else self.shell.server
        if found is None or (found is not self.server and (self.server.edge or found.edge)):
            raise no_object(cmdlet, str(named))
        if not found.edge and not services.running(found, services.SERVICE_HOST):
            text = f"A special Rpc error occurs on server {found.computer}: The RPC server is unavailable."
            raise exchange_error(cmdlet, text, category="InvalidOperation")
        return found

    async def confirm(self, cmdlet: str, given: Mapping[str, Any]) -> None:
        """ "Are you sure?", answered by ``-Confirm:$false`` only. Raises CallError when nobody answers."""
        if given.get("Confirm") is not False:
            await self.ask(cmdlet)

    async def ask(self, cmdlet: str) -> None:
        """A question to somebody who is not there. Returns when it counts as answered with yes."""
        way = self.server.behaviour.prompt
        while way == "hangs" and not self.stopping and self.server.behaviour.prompt == "hangs":
            await self.calls_changed.wait()
        if way != "yes":
            raise prompts(cmdlet)

    def only(self, cmdlet: str, given: Mapping[str, Any], *played: str) -> None:
        """Refuse parameters that the lab does not play. Raises CallError."""
        always = {"Server", "DomainController", "WhatIf", "Confirm", "Force"}
        for name in given:
            if name not in always and name not in played:
                raise not_played(cmdlet, f"-{name}")


def identity_server(cmdlet: str, at: ExchangeContext, given: Mapping[str, Any]) -> list[ExchangeState]:
    """Servers that a cmdlet with -Identity SERVER or -Server means; all (or this one) without. Raises CallError."""
    named = given.get("Identity") or given.get("Server")
    everybody = at.server.organization.servers
    # an Edge Transport server keeps its own configuration; inside, only its server object is known
    inside = [s for s in everybody if not s.edge or cmdlet == "Get-ExchangeServer"]
    servers = [at.server] if at.server.edge else inside
    if named is None:
        return servers
    found = at.server.organization.server(str(named))
    if found is None or found not in servers:
        raise no_object(cmdlet, str(named))
    return [found]
