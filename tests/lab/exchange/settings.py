"""Connectors, POP and IMAP settings, and what servers say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import ExchangeContext, Row, identity_server
from .errors import exchange_error, no_object
from .state import ExchangeState, ReceiveConnector, SendConnector


def _name(state: ExchangeState, connector: ReceiveConnector) -> str:
    return f"{state.computer}\\{connector.name}"


def receive_row(state: ExchangeState, connector: ReceiveConnector) -> Row:
    """One Receive connector."""
    address = "0.0.0.0" if not connector.inside else "10.0.0.1"
    found: Row = {
        "AuthMechanism": "Tls, Integrated, ExchangeServer" if connector.server_authentication else "Tls, BasicAuth",
        "Bindings": [f"{address}:{connector.port}"],
        "Enabled": True,
        "Fqdn": connector.fqdn,
        "Identity": _name(state, connector),
        "Name": connector.name,
        "Server": state.computer,
    }
    if not state.edge and state.back_end:
        role = "FrontendTransport" if connector.service.endswith("FrontEndTransport") else "HubTransport"
        found["TransportRole"] = role
    if state.host.product.name != "exchange2010":
        found["TlsCertificateName"] = connector.tls_certificate_name
    return found


def _receive(
    at: ExchangeContext, cmdlet: str, given: Mapping[str, Any]
) -> list[tuple[ExchangeState, ReceiveConnector]]:
    server, _, wanted = str(given.get("Identity") or "").rpartition("\\")
    where = {"Identity": server or given.get("Server") or (at.server.computer if wanted else None)}
    found = [(s, c) for s in identity_server(cmdlet, at, where) for c in s.receive_connectors]
    found = [(s, c) for s, c in found if not wanted or c.name.casefold() == wanted.casefold()]
    if wanted and not found:
        raise no_object(cmdlet, str(given["Identity"]))
    return found


async def get_receive(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-ReceiveConnector."""
    return [receive_row(s, c) for s, c in _receive(at, "Get-ReceiveConnector", given)]


async def set_receive(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Set-ReceiveConnector: FQDN and certificate name."""
    cmdlet = "Set-ReceiveConnector"
    at.only(cmdlet, given, "Identity", "Fqdn", "TlsCertificateName")
    for state, connector in _receive(at, cmdlet, given):
        inner = {state.fqdn.casefold(), state.computer.casefold(), ""}
        if "Fqdn" in given and connector.server_authentication and (given["Fqdn"] or "").casefold() not in inner:
            text = (
                "When the AuthMechanism parameter on a Receive connector is set to the value ExchangeServer, you must "
                "set the FQDN parameter on the Receive connector to one of the following values: the FQDN of the "
                f'transport server "{state.fqdn}", '
                f'the NetBIOS name of the transport server "{state.computer}", or $null.'
            )
            raise exchange_error(cmdlet, text)
        if given.get("WhatIf"):
            continue
        connector.fqdn = given.get("Fqdn", connector.fqdn)
        if "TlsCertificateName" in given:
            connector.tls_certificate_name = _identifier(cmdlet, given["TlsCertificateName"])
    return []


def _identifier(cmdlet: str, text: str | None) -> str | None:
    if text and not (text.startswith("<I>") and "<S>" in text):
        said = f'The value "{text}" isn\'t a certificate name of the form "<I>Issuer<S>Subject".'
        raise exchange_error(cmdlet, said, "ArgumentException", "InvalidArgument")
    return text or None


def send_row(at: ExchangeContext, connector: SendConnector) -> Row:
    """One Send connector."""
    found: Row = {
        "AddressSpaces": [f"SMTP:{a};1" for a in connector.address_spaces],
        "Enabled": True,
        "Fqdn": connector.fqdn,
        "Identity": connector.name,
        "Name": connector.name,
        "SmartHosts": list(connector.smart_hosts),
        "SourceTransportServers": list(connector.sources),
    }
    if at.server.host.product.name != "exchange2010":
        found["TlsCertificateName"] = connector.tls_certificate_name
    return found


def _send(at: ExchangeContext, cmdlet: str, given: Mapping[str, Any]) -> list[SendConnector]:
    every = at.server.organization.send_connectors
    if at.server.edge:
        every = [c for c in every if at.server.computer in c.sources]
    wanted = given.get("Identity")
    found = [c for c in every if wanted is None or c.name.casefold() == str(wanted).casefold()]
    if wanted is not None and not found:
        raise no_object(cmdlet, str(wanted))
    return found


async def get_send(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-SendConnector."""
    return [send_row(at, c) for c in _send(at, "Get-SendConnector", given)]


async def set_send(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Set-SendConnector: FQDN and certificate name. What the source servers hold is not looked at."""
    cmdlet = "Set-SendConnector"
    at.only(cmdlet, given, "Identity", "Fqdn", "TlsCertificateName")
    for connector in _send(at, cmdlet, given):
        if given.get("WhatIf"):
            continue
        connector.fqdn = given.get("Fqdn", connector.fqdn)
        if "TlsCertificateName" in given:
            connector.tls_certificate_name = _identifier(cmdlet, given["TlsCertificateName"])
    return []


def _client_getter(protocol: str, cmdlet: str) -> Any:
    async def get(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        ports = {"POP": (110, 995), "IMAP": (143, 993)}[protocol]
        rows = []
        for state in identity_server(cmdlet, at, {"Server": given.get("Server") or at.shell.server.computer}):
            name = state.client_settings[protocol].certificate_name
            rows.append(
                {
                    "ExternalConnectionSettings": [f"{name}:{ports[1]}:SSL", f"{name}:{ports[0]}:TLS"],
                    "Identity": f"{state.computer}\\1",
                    "LoginType": "SecureLogin",
                    "Server": state.computer,
                    "SSLBindings": [f"0.0.0.0:{ports[1]}"],
                    "UnencryptedOrTLSBindings": [f"0.0.0.0:{ports[0]}"],
                    "X509CertificateName": name,
                }
            )
        return rows

    return get


def _client_setter(protocol: str, cmdlet: str) -> Any:
    async def set_(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
        at.only(cmdlet, given, "X509CertificateName")
        for state in identity_server(cmdlet, at, {"Server": given.get("Server") or at.shell.server.computer}):
            if not given.get("WhatIf") and "X509CertificateName" in given:
                state.client_settings[protocol].certificate_name = str(given["X509CertificateName"] or "")
                shown = {"POP": "POP3", "IMAP": "IMAP4"}[protocol]
                at.warnings.append(
                    f"Changes to {shown} settings will only take effect after all Microsoft Exchange {shown} "
                    f"services are restarted on server {state.computer}."
                )
        return []

    return set_


get_pop, set_pop = _client_getter("POP", "Get-PopSettings"), _client_setter("POP", "Set-PopSettings")
get_imap, set_imap = _client_getter("IMAP", "Get-ImapSettings"), _client_setter("IMAP", "Set-ImapSettings")
