"""Ways into the Exchange Management Shell, and what goes wrong on them.

Load tokens: ``exchange`` (auto), ``exchange:management_shell``, ``exchange:session``, ``exchange:snapin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..member.values import Secure, decode
from . import services, watch
from .state import ExchangeState

WAYS = ("management_shell", "session", "snapin")


@dataclass(frozen=True)
class Shell:
    """A loaded shell."""

    way: str
    server: ExchangeState
    """Where cmdlets without -Server act."""
    types: bool = True
    """Whether Exchange's types are loaded: without them a certificate that arrives is made of its bytes alone."""

    @property
    def remote(self) -> bool:
        """Whether objects come through remoting: deserialized, signed, and only what RBAC allows."""
        return self.way in ("management_shell", "session")


class CannotLoad(Exception):
    """Why there is no shell; the text is what the script reports as load_error."""


def load(state: ExchangeState, token: str, document: Mapping[str, Any], accounts: Mapping[str, str]) -> Shell:
    """Load the shell that a token asks for. Raises CannotLoad."""
    way = token.partition(":")[2] or "auto"
    if way not in (*WAYS, "auto"):
        raise CannotLoad(f"{token} is not a shell that this script loads.")
    if state.behaviour.module == "missing":
        raise CannotLoad("Exchange is not installed: the variable ExchangeInstallPath is not set.")
    if state.behaviour.bits != 64:
        raise CannotLoad("The Exchange Management Shell needs a 64-bit process.")
    if state.edge:
        return Shell("snapin", state)  # exShell.psc1 and Exchange.ps1: there is no remote shell on Edge Transport
    if way == "auto":
        way = "session" if document.get("credential") else "management_shell"
    if way == "snapin":
        return Shell(way, state)
    if not services.running(state, services.IIS):
        raise CannotLoad(_refusal(state, "The client cannot connect to the destination specified in the request."))
    if not watch.back_end_works(state):
        watch.http_failed(state, 444)
        raise CannotLoad(_refusal(state, "The connection to the specified remote host was refused."))
    if way == "session":
        return _session(state, document, accounts)
    if not remote_exchange(state):
        raise CannotLoad("The term 'RemoteExchange.ps1' is not recognized as the name of a script file.")
    if state.behaviour.second_hop == "refused":
        text = "A specified logon session does not exist. It may already have been terminated."
        raise CannotLoad(_refusal(state, text))
    if state.behaviour.shell_quota == "exceeded":
        raise CannotLoad("Exception of type 'System.OutOfMemoryException' was thrown.")
    wanted = state.behaviour.shell_lands_on
    return Shell(way, (state.organization.server(wanted) if wanted else None) or state)


def _session(state: ExchangeState, document: Mapping[str, Any], accounts: Mapping[str, str]) -> Shell:
    credential = decode(document.get("credential") or {})
    user, password = str(credential.get("user", "")), credential.get("password")
    name = user.rpartition("\\")[2].partition("@")[0].lower()
    if not isinstance(password, Secure) or accounts.get(name) != password.text:
        raise CannotLoad(_refusal(state, "Access is denied."))
    if state.behaviour.shell_quota == "exceeded":
        raise CannotLoad("Exception of type 'System.OutOfMemoryException' was thrown.")
    return Shell("session", state, types=remote_exchange(state))


def _refusal(state: ExchangeState, why: str) -> str:
    return f"[{state.fqdn}] Connecting to remote server {state.fqdn} failed with the following error message : {why}"


def remote_exchange(state: ExchangeState) -> bool:
    """Whether RemoteExchange.ps1 is in the installation's folder, which loads Exchange's types."""
    return state.behaviour.remote_exchange == "present"


def available(state: ExchangeState, shell: Shell, cmdlet: str) -> bool:
    """Whether a cmdlet is there: the role has it, and through remoting the account's management roles have it."""
    if state.edge and cmdlet.partition("-")[2] in NOT_ON_EDGE:
        return False
    missing = {c.strip().casefold() for c in state.behaviour.rbac_missing.split(",")}
    return not (shell.remote and cmdlet.casefold() in missing)


#: Nouns whose cmdlets an Edge Transport server does not have.
NOT_ON_EDGE = frozenset(
    {
        "PopSettings",
        "ImapSettings",
        "MailboxServer",
        "MailboxDatabaseCopyStatus",
        "ActiveMailboxDatabase",
        "UMService",
        "UMCallRouterSettings",
        "ClientAccessServer",
        "ClientAccessService",
        "AuthConfig",
        "FederationTrust",
        "EdgeSubscription",
        "OwaVirtualDirectory",
        "EcpVirtualDirectory",
        "WebServicesVirtualDirectory",
        "ActiveSyncVirtualDirectory",
        "OabVirtualDirectory",
        "MapiVirtualDirectory",
        "OutlookAnywhere",
    }
)
