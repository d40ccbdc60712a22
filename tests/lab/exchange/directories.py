"""Virtual directories, Outlook Anywhere and Autodiscover: the addresses that clients are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import ExchangeContext, Row, identity_server
from .errors import no_object
from .state import ExchangeState

#: What stands for a directory in ``ExchangeState.urls`` -> its cmdlet, and its path on the web site.
DIRECTORIES: Mapping[str, tuple[str, str]] = {
    "owa": ("Get-OwaVirtualDirectory", "owa"),
    "ecp": ("Get-EcpVirtualDirectory", "ecp"),
    "ews": ("Get-WebServicesVirtualDirectory", "EWS"),
    "activesync": ("Get-ActiveSyncVirtualDirectory", "Microsoft-Server-ActiveSync"),
    "oab": ("Get-OabVirtualDirectory", "OAB"),
    "mapi": ("Get-MapiVirtualDirectory", "mapi"),
}
ANYWHERE, AUTODISCOVER = "anywhere", "autodiscover"


def addresses(name: str, autodiscover: str, modern: bool) -> dict[str, dict[str, str | None]]:
    """All addresses under one name, as an admin sets them behind a load balancer."""
    found: dict[str, dict[str, str | None]] = {}
    for key, (_cmdlet, path) in DIRECTORIES.items():
        url = f"https://{name}/{path}" + ("/Exchange.asmx" if key == "ews" else "")
        found[key] = {"InternalUrl": url, "ExternalUrl": url}
    found["ews"]["InternalNLBBypassUrl"] = None
    found[ANYWHERE] = {"ExternalHostname": name} | ({"InternalHostname": name} if modern else {})
    found[AUTODISCOVER] = {"AutoDiscoverServiceInternalUri": f"https://{autodiscover}/Autodiscover/Autodiscover.xml"}
    return found


def _servers(cmdlet: str, at: ExchangeContext, given: Mapping[str, Any]) -> list[ExchangeState]:
    """The servers that -Server or -Identity SERVER\\NAME means; an unknown Identity returns all (Microsoft)."""
    if given.get("Identity"):
        named = at.server.organization.server(str(given["Identity"]).partition("\\")[0])
        given = {"Server": named.computer} if named else {}
    found = [s for s in identity_server(cmdlet, at, {"Server": given.get("Server")}) if not s.edge]
    if not found:
        raise no_object(cmdlet, str(given.get("Server")))
    return found


def getter(key: str) -> Any:
    """The cmdlet that shows one kind of directory."""
    cmdlet, path = DIRECTORIES.get(key, ("Get-OutlookAnywhere", "Rpc"))

    async def get(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        at.only(cmdlet, given, "Identity", "Server", "ADPropertiesOnly")
        name = f"{path} (Default Web Site)"
        return [
            {"Identity": f"{s.computer}\\{name}", "Name": name, "Server": s.computer, **s.urls[key]}
            for s in _servers(cmdlet, at, given)
        ]

    return get


CMDLETS = {
    **{cmdlet: (getter(key), "read") for key, (cmdlet, _path) in DIRECTORIES.items()},
    "Get-OutlookAnywhere": (getter(ANYWHERE), "read"),
}
