# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that one Exchange server is configured to be reached by, and where each is set. Pure.

Clients are sent to the URLs of the virtual directories, the host names of Outlook Anywhere and the URI of Autodiscover;
SMTP, POP and IMAP choose their certificate by a connector's FQDN and by X509CertificateName. Sources: Microsoft, the
cmdlets' own pages; Selection of inbound STARTTLS certificates; KB948896.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...pki.names import normal, valid_dns_name
from ...windows.calls import Call, Reply, Switch
from ..values import Address
from .rows import NAMES
from .state import CLIENTS, Server, server_name

URLS = ("InternalUrl", "ExternalUrl")
# What a reader knows it by -> cmdlet and properties. -ADPropertiesOnly spares the look into IIS, which is slow.
DIRECTORIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "OWA": ("Get-OwaVirtualDirectory", URLS),
    "ECP": ("Get-EcpVirtualDirectory", URLS),
    "EWS": ("Get-WebServicesVirtualDirectory", URLS),
    "ActiveSync": ("Get-ActiveSyncVirtualDirectory", URLS),
    "OAB": ("Get-OabVirtualDirectory", URLS),
    "MAPI": ("Get-MapiVirtualDirectory", URLS),
    "Outlook Anywhere": ("Get-OutlookAnywhere", ("InternalHostname", "ExternalHostname")),
}
AUTODISCOVER, AUTODISCOVER_URI = "Autodiscover", "AutoDiscoverServiceInternalUri"


def name_calls(server: Server) -> tuple[Call, ...]:
    """What tells the URLs and host names; none where there is no client access. Each may be refused by a missing role.

    Get-ClientAccessService is there since 2016, MAPI over HTTP and the internal name of Outlook Anywhere since 2013.
    """
    if "client_access" not in server.roles:
        return ()
    service = "Get-ClientAccessServer" if server.version.year in ("2010", "2013") else "Get-ClientAccessService"
    found = [Call(AUTODISCOVER, service, {"Identity": server.computer}, (AUTODISCOVER_URI,), optional=True)]
    for what, (cmdlet, properties) in DIRECTORIES.items():
        if what == "MAPI" and not server.version.modern:
            continue
        given = {"Server": server.computer, "ADPropertiesOnly": Switch()}
        found.append(Call(what, cmdlet, given, properties, optional=True))
    return tuple(found)


def addresses(reply: Reply, server: Server) -> tuple[Address, ...]:
    """Every name that the replies to :func:`name_calls`, to the settings of POP and IMAP and to the connectors show."""
    found = [
        Address(host, f"{what} {key}")
        for what in (AUTODISCOVER, *DIRECTORIES)
        for row in reply.rows(what)
        for key, value in row.items()
        if (host := host_of(value))
    ]
    for protocol in CLIENTS:
        for row in reply.rows(protocol):
            found.extend(_named(row.get("X509CertificateName"), f"{protocol} X509CertificateName ({NAMES[protocol]})"))
    for kind in ("receive", "send"):
        for row in reply.rows(kind):
            if kind == "receive" or server.edge or sends_from(row, server.computer):
                found.extend(_connector(kind, row, server))
    return tuple(dict.fromkeys(found))


def _connector(kind: str, row: Mapping[str, Any], server: Server) -> Iterable[Address]:
    for address in _named(row.get("Fqdn"), f"{kind} connector {row.get('Name')}"):
        own = address.name.partition(".")[0] == server.computer.lower()
        yield Address(address.name, address.where, own)


def _named(value: Any, where: str) -> Iterable[Address]:
    text = str(value or "").strip()
    if text and valid_dns_name(text, wildcard=True):
        yield Address(normal(text), where)


def host_of(value: Any) -> str | None:
    """The host of a URL, or a host name as it is; None for what is empty, or plain http, which needs no certificate."""
    text = str(value or "").strip()
    if "://" in text:
        try:
            parts = urlsplit(text)
            text = parts.hostname or ""
        except ValueError:
            return None
        if parts.scheme.lower() != "https":
            return None
    return normal(text) if text and valid_dns_name(text) else None


def sends_from(row: Mapping[str, Any], computer: str) -> bool:
    """Whether a Send connector uses this server: all of the organization are shown, by any server."""
    return computer.upper() in servers_of(row)


def servers_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The source servers of a Send connector, by NetBIOS name, in whatever form the directory writes them."""
    value = row.get("SourceTransportServers") or ()
    parts = [value] if isinstance(value, str) else value
    return tuple(server_name(str(part)) for part in parts)


def row_of(address: Address) -> dict[str, Any]:
    """An address for a task's result."""
    return {"name": address.name, "where": address.where, "own": address.own}
