"""What servers say of themselves, UM startup modes, the Edge Subscription; and the table of all cmdlets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..pki import SIP_DOMAIN
from . import directories, enabling, maintenance, reading, settings, writing
from .context import ExchangeContext, Row, identity_server
from .errors import exchange_error, no_object
from .state import ExchangeState


def _version(state: ExchangeState) -> str:
    major, minor, build, revision = state.host.product.file_version.split(".")
    return f"Version {major}.{minor} (Build {build}.{revision})"


def _role(state: ExchangeState) -> str:
    if state.edge:
        return "Edge"
    name = state.host.product.name
    if name == "exchange2010":
        return "Mailbox, ClientAccess, HubTransport"
    return "Mailbox, ClientAccess" if name == "exchange2013" else "Mailbox"


async def get_server(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-ExchangeServer."""
    found = identity_server("Get-ExchangeServer", at, given)
    return [
        {
            "AdminDisplayVersion": _version(s),
            "Edition": "StandardEvaluation" if s.edge else "Standard",
            "Fqdn": s.fqdn,
            "Identity": s.computer,
            "Name": s.computer,
            "ServerRole": _role(s),
        }
        for s in found
    ]


def _transport(cmdlet: str) -> Any:
    async def get(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        return [
            {
                "Identity": s.computer,
                "Name": s.computer,
                "InternalTransportCertificateThumbprint": s.internal_thumbprint,
            }
            for s in identity_server(cmdlet, at, given)
        ]

    return get


def _client_access(cmdlet: str) -> Any:
    async def get(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        return [
            {**s.urls[directories.AUTODISCOVER], "Fqdn": s.fqdn, "Identity": s.computer, "Name": s.computer}
            for s in identity_server(cmdlet, at, given)
            if not s.edge
        ]

    return get


async def get_subscription(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-EdgeSubscription."""
    found = at.server.organization.subscriptions
    wanted = given.get("Identity")
    if wanted and str(wanted).upper() not in found:
        raise no_object("Get-EdgeSubscription", str(wanted))
    site = f"corp.{SIP_DOMAIN}/Configuration/Sites/Main"
    return [
        {"Domain": f"corp.{SIP_DOMAIN}", "Identity": n, "Name": n, "Site": site}
        for n in found
        if not wanted or n == str(wanted).upper()
    ]


async def get_auth(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-AuthConfig."""
    found = {"CurrentCertificateThumbprint": at.server.auth_certificate, "PreviousCertificateThumbprint": None}
    return [{"Identity": "Auth Configuration", **found, "NextCertificateThumbprint": None}]


async def get_federation(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-FederationTrust: no row where there is none."""
    at.only("Get-FederationTrust", given)
    current = at.server.organization.federation
    if current is None:
        return []
    found = {"OrgPrivCertificate": current, "OrgPrevPrivCertificate": None, "OrgNextPrivCertificate": None}
    return [{"Identity": "Microsoft Federation Gateway", "Name": "Microsoft Federation Gateway", **found}]


def _um(service: str, cmdlet: str, key: str) -> tuple[Any, Any]:
    async def get(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        return [
            {
                "Identity": s.computer,
                "Name": s.computer,
                "UMStartupMode": s.um_modes[service],
                "UMCertificateThumbprint": s.um_certificates.get(service),
            }
            for s in identity_server(f"Get-{cmdlet}", at, given)
            if service in s.um_modes
        ]

    async def set_(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        at.only(f"Set-{cmdlet}", given, key, "UMStartupMode")
        mode = next((m for m in ("TCP", "TLS", "Dual") if m == given.get("UMStartupMode")), None)
        if mode is None and "UMStartupMode" in given:
            raise exchange_error(f"Set-{cmdlet}", "UMStartupMode is TCP, TLS or Dual.", "ArgumentException")
        for state in identity_server(f"Set-{cmdlet}", at, {"Identity": given.get(key) or at.server.computer}):
            if mode and not given.get("WhatIf"):
                state.um_modes[service] = mode
        return []

    return get, set_


get_um, set_um = _um("UM", "UMService", "Identity")
get_router, set_router = _um("UMCallRouter", "UMCallRouterSettings", "Server")

Cmdlet = Callable[[ExchangeContext, Mapping[str, Any]], Awaitable[list[Row]]]
CMDLETS: dict[str, tuple[Cmdlet, str]] = {
    "Get-ExchangeCertificate": (reading.get_certificate, "read"),
    "Export-ExchangeCertificate": (reading.export_certificate, "read"),
    "Enable-ExchangeCertificate": (enabling.enable_certificate, "write"),
    "Import-ExchangeCertificate": (writing.import_certificate, "write"),
    "New-ExchangeCertificate": (writing.new_certificate, "write"),
    "Remove-ExchangeCertificate": (writing.remove_certificate, "write"),
    "Get-ReceiveConnector": (settings.get_receive, "read"),
    "Set-ReceiveConnector": (settings.set_receive, "write"),
    "Get-SendConnector": (settings.get_send, "read"),
    "Set-SendConnector": (settings.set_send, "write"),
    "Get-PopSettings": (settings.get_pop, "read"),
    "Set-PopSettings": (settings.set_pop, "write"),
    "Get-ImapSettings": (settings.get_imap, "read"),
    "Set-ImapSettings": (settings.set_imap, "write"),
    "Get-ExchangeServer": (get_server, "read"),
    "Get-TransportServer": (_transport("Get-TransportServer"), "read"),
    "Get-TransportService": (_transport("Get-TransportService"), "read"),
    "Get-ClientAccessServer": (_client_access("Get-ClientAccessServer"), "read"),
    "Get-ClientAccessService": (_client_access("Get-ClientAccessService"), "read"),
    **directories.CMDLETS,
    **maintenance.CMDLETS,
    "Get-EdgeSubscription": (get_subscription, "read"),
    "Get-AuthConfig": (get_auth, "read"),
    "Get-FederationTrust": (get_federation, "read"),
    "Get-UMService": (get_um, "read"),
    "Set-UMService": (set_um, "write"),
    "Get-UMCallRouterSettings": (get_router, "read"),
    "Set-UMCallRouterSettings": (set_router, "write"),
}
