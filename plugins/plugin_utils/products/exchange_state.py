# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Exchange server, version by version, and the state made of its answers. Pure.

First a command without any Exchange cmdlet says who and what the server is; then the cmdlets that this version has are
told the server's name. Cmdlets, parameters and versions: Microsoft's documentation of each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..pki.certificate import CertificateError, load_der
from ..windows.calls import Call, Reply
from .exchange import (
    CLIENTS,
    STAGE,
    TRANSPORT,
    WINDOWS_SERVICES,
    Connector,
    ExchangeState,
    Server,
    TlsBinding,
    parse_services,
    version_of,
)
from .store import read_calls, stores_from_rows

SHELLS: Mapping[str, str] = {
    "auto": "exchange",
    "management_shell": "exchange:management_shell",
    "session": "exchange:session",
    "snapin": "exchange:snapin",
}
"""Ways to the cmdlets, as they are loaded."""
FEDERATION = ("OrgPrivCertificate", "OrgPrevPrivCertificate", "OrgNextPrivCertificate")
"""Thumbprints of the federation trust's certificates (Microsoft, Renew the federation certificate)."""
UM_CALLS: Mapping[str, tuple[str, str]] = {
    "UM": ("Get-UMService", "Identity"),
    "UMCallRouter": ("Get-UMCallRouterSettings", "Server"),
}
NAMES = {"POP": "Get-PopSettings", "IMAP": "Get-ImapSettings"}
STORES = ("My", "CA", "Root")


def server_calls() -> tuple[Call, ...]:
    """Who is it: computer, version, roles. No cmdlet of the product is needed."""
    return (Call("services", "Get-ServiceVersion", {"Names": list(WINDOWS_SERVICES)}),)


def server_of(reply: Reply) -> Server | None:
    """The server that the reply to :func:`server_calls` shows; None when there is no Exchange on it."""
    rows = reply.rows("services")
    versions = {str(row["Name"]): str(row.get("FileVersion") or "") for row in rows}
    known = [versions[name] for name in (TRANSPORT, *versions) if name.startswith("MSExchange") and versions.get(name)]
    if not known:
        return None
    statuses = {str(row["Name"]): str(row.get("Status") or "") for row in rows}
    return Server(reply.host.computer, version_of(known[0]), statuses)


def certificates_call(server: Server) -> Call:
    """Never with -Identity: null or an unknown one returns everything (Microsoft, Get-ExchangeCertificate)."""
    return Call(
        "certificates", "Get-ExchangeCertificate", {"Server": server.computer}, ("Thumbprint", "Services", "RawData")
    )


def product_calls(server: Server) -> tuple[Call, ...]:
    """What the product says that a change of services needs to know."""
    calls = [
        certificates_call(server),
        Call(
            "transport",
            server.version.transport_cmdlet,
            {"Identity": server.computer},
            ("Name", "InternalTransportCertificateThumbprint"),
        ),
    ]
    if server.edge:
        return tuple(calls)
    for protocol in CLIENTS:
        if protocol in server.offers:
            calls.append(Call(protocol, NAMES[protocol], {"Server": server.computer}, ("X509CertificateName",)))
    if server.version.modern:
        fields = ("CurrentCertificateThumbprint", "PreviousCertificateThumbprint", "NextCertificateThumbprint")
        calls.append(Call("auth", "Get-AuthConfig", {}, fields, optional=True))
    calls.append(federation_call())
    if server.version.unified_messaging and "UM" in server.offers:
        calls.extend(um_calls(server.computer))
    return tuple(calls)


def federation_call() -> Call:
    """The federation trust belongs to the organization; there may be none."""
    return Call("federation", "Get-FederationTrust", {}, FEDERATION, optional=True)


def um_calls(computer: Any) -> tuple[Call, ...]:
    """The startup modes and certificates of Unified Messaging (2013 and 2016)."""
    keep = ("UMStartupMode", "UMCertificateThumbprint")
    return tuple(Call(name, cmdlet, {key: computer}, keep, optional=True) for name, (cmdlet, key) in UM_CALLS.items())


def send_call(modern: bool = True) -> Call:
    """Send connectors belong to the organization."""
    named = ("TlsCertificateName",) if modern else ()
    keep = ("Name", "Fqdn", "AddressSpaces", "SourceTransportServers", *named)
    return Call("send", "Get-SendConnector", {}, keep, optional=True)


def connector_calls(server: Server) -> tuple[Call, ...]:
    """Connectors and Edge Subscriptions: for a look, not for a change of services."""
    named = ("TlsCertificateName",) if server.version.modern else ()
    receive = ("Name", "Fqdn", "Bindings", *named)
    calls = [
        Call("receive", "Get-ReceiveConnector", {"Server": server.computer}, receive, optional=True),
        send_call(server.version.modern),
    ]
    if not server.edge:
        calls.append(Call("subscriptions", "Get-EdgeSubscription", {}, ("Name",), optional=True))
    return tuple(calls)


def calls(server: Server, thumbprints: Sequence[str], connectors: bool = False) -> tuple[Call, ...]:
    """Everything that is read of a server in one document; ``thumbprints``: whose keys are looked at."""
    tests = [call for call in read_calls(STORES, False, thumbprints) if call.id != "presented"]
    bindings = () if server.edge else (Call("bindings", "Get-TlsBinding"),)
    # Whether a store that nobody has made yet can be opened for reading is not documented: then nothing is staged.
    staged = Call("staged", "Get-StoreCertificate", {"Stores": [STAGE], "Users": False}, optional=True)
    return (
        *server_calls(),
        *tests,
        staged,
        *bindings,
        *product_calls(server),
        *(connector_calls(server) if connectors else ()),
    )


def state_of(reply: Reply, now: datetime, server: Server) -> ExchangeState:
    """The state that a reply to :func:`calls` shows; ``now`` for a host that does not tell its clock."""
    entries = (*reply.rows("stores"), *reply.rows("staged"))
    stores = stores_from_rows(entries, reply.rows("keys"), reply.rows("access"))
    transport = next(iter(reply.rows("transport")), {})
    default = str(transport.get("InternalTransportCertificateThumbprint") or "").upper() or None
    unread = [
        f"{name}: {answer.error.message}"
        for name, answer in reply.answers.items()
        if answer.error is not None and name != "staged"
    ]
    return ExchangeState(
        server=server_of(reply) or server,
        stores=stores,
        clock=reply.host.clock or now,
        reported=_reported(reply.rows("certificates")),
        default_smtp=default,
        bindings=tuple(
            TlsBinding(str(r["Address"]), int(r["Port"]), str(r["Thumbprint"]).upper(), str(r.get("Store") or "My"))
            for r in reply.rows("bindings")
        ),
        client_names={
            protocol: str(row.get("X509CertificateName") or "") for protocol in CLIENTS for row in reply.rows(protocol)
        },
        auth=frozenset(str(v).upper() for row in reply.rows("auth") for v in row.values() if v),
        federation=_federation(reply, server),
        um_modes={name: str(row.get("UMStartupMode") or "") for name in UM_CALLS for row in reply.rows(name)},
        um_certificates={
            name: str(row["UMCertificateThumbprint"]).replace(" ", "").upper()
            for name in UM_CALLS
            for row in reply.rows(name)
            if row.get("UMCertificateThumbprint")
        },
        connectors=connectors_of(reply),
        subscriptions=tuple(str(row.get("Name") or "") for row in reply.rows("subscriptions")),
        unread=tuple(unread),
    )


def _federation(reply: Reply, server: Server) -> frozenset[str] | None:
    """The certificates of the federation trust; None where nobody could say. Edge Transport has none."""
    answer = reply.answers.get("federation")
    if server.edge:
        return frozenset()
    if answer is None or not answer.ok:
        return None
    return frozenset(str(value).replace(" ", "").upper() for row in answer.rows for value in row.values() if value)


def _reported(rows: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str] | None]:
    """RawData is the certificate whatever else is missing: with a broken auth certificate nothing else arrives
    (CSS-Exchange, SerializedDataSigningCheck)."""
    found = {}
    for row in rows:
        thumbprint = str(row.get("Thumbprint") or "").upper()
        if isinstance(row.get("RawData"), bytes):
            with suppress(CertificateError):
                thumbprint = load_der(row["RawData"]).thumbprint
        if thumbprint:
            found[thumbprint] = parse_services(row.get("Services"))
    return found


def connectors_of(reply: Reply) -> tuple[Connector, ...]:
    """What a reply to :func:`connector_calls` shows."""
    return tuple(_connector(kind, row) for kind in ("receive", "send") for row in reply.rows(kind))


def _connector(kind: str, row: Mapping[str, Any]) -> Connector:
    about = row.get("Bindings" if kind == "receive" else "AddressSpaces") or ()
    return Connector(
        kind=kind,
        name=str(row.get("Name") or ""),
        fqdn=str(row.get("Fqdn") or ""),
        certificate_name=str(row["TlsCertificateName"]) if row.get("TlsCertificateName") else None,
        about=", ".join(str(part) for part in ([about] if isinstance(about, str) else about)),
        sources=_listed(row.get("SourceTransportServers")),
    )


def _listed(value: Any) -> tuple[str, ...]:
    """A list of any shape: one text, several, or nothing; objects have become their text."""
    return tuple(part.strip() for part in ([value] if isinstance(value, str) else [str(one) for one in value or ()]))
