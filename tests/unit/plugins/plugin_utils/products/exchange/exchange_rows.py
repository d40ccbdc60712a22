# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of one Exchange server, and the rows in which it answers about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import Certificate
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.rows import (
    ExchangeState,
    calls,
    state_of,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Server, version_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, HostFacts, Reply
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, issue, rsa_key

CAPI = "Microsoft Enhanced Cryptographic Provider v1.0"
NETWORK_SERVICE = "S-1-5-20"
NAMES = ("mail.contoso.example", "smtp.contoso.example", "imap.contoso.example", "pop.contoso.example")
BUILDS = {
    "2010": "14.03.0513.000",
    "2013": "15.00.1497.048",
    "2016": "15.01.2507.039",
    "2019": "15.02.1544.014",
    "SE": "15.02.2562.017",
}
MAILBOX = ("W3SVC", "MSExchangeServiceHost", "MSExchangeTransport", "MSExchangePOP3", "MSExchangeIMAP4")


@cache
def root() -> Issued:
    """What clients trust."""
    return authority("Contoso Root")


@cache
def issuing() -> Issued:
    """Issues all certificates of this page."""
    return authority("Contoso Issuing CA", root())


@cache
def made(kind: str) -> Certificate:
    """``old``, ``new``, ``wildcard``, ``self`` (the server's own) or ``auth``."""
    ages = {"old": 340, "new": 1, "wildcard": 1}
    if kind in ages:
        names = ("*.contoso.example",) if kind == "wildcard" else NAMES
        start = NOW - ages[kind] * DAY
        until = start + 360 * DAY
        found = issue(names[0], issuing(), names=names, not_before=start, not_after=until, key=rsa_key(which=1))
        return found.certificate
    name = {"self": "EX1", "auth": "Microsoft Exchange Server Auth Certificate"}[kind]
    return authority(name).certificate


def server(year: str = "2019", services: Sequence[str] = MAILBOX) -> Server:
    """A server of this year with these Windows services, all running."""
    return Server("EX1", version_of(BUILDS[year]), dict.fromkeys(services, "Running"))


def rows(
    at: Server,
    *,
    my: Sequence[str] = ("old", "self", "auth"),
    staged: Sequence[str] = (),
    readers: Sequence[str] = ("old", "self"),
    shown: Mapping[str, Any] | None = None,
    default: str | None = "self",
    web: str = "old",
    back: str = "self",
    names: Sequence[str] = ("pop.contoso.example", "imap.contoso.example"),
) -> dict[str, list[dict[str, Any]]]:
    """Rows by call id, of a server as the last renewal left it."""
    shown = {"old": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"} if shown is None else shown
    stores = [_stored("CA", issuing().certificate, False), _stored("Root", root().certificate, False)]
    stores += [_stored("My", made(kind), True) for kind in my]
    stores += [_stored("ucops.certificates", made(kind), True) for kind in staged]
    thumbs = {kind: made(kind).thumbprint for kind in my}
    return {
        "services": [
            {"Name": name, "FileVersion": str(at.version), "Status": status} for name, status in at.services.items()
        ],
        "stores": stores,
        "keys": [{"Thumbprint": t, "Present": True, "Signs": True, "Error": None} for t in thumbs.values()],
        "access": [
            {"Thumbprint": t, "Sid": NETWORK_SERVICE, "Rights": "Read", "Type": "Allow"}
            for kind, t in thumbs.items()
            if kind in readers
        ],
        "bindings": [
            {"Address": "0.0.0.0", "Port": port, "Thumbprint": made(kind).thumbprint, "Store": "My", "AppId": "{x}"}
            for port, kind in ((443, web), (444, back))
        ],
        "certificates": [
            {"Thumbprint": made(kind).thumbprint, "Services": shown.get(kind), "RawData": made(kind).der} for kind in my
        ],
        "transport": [
            {"Name": "EX1", "InternalTransportCertificateThumbprint": made(default).thumbprint if default else None}
        ],
        "POP": [{"X509CertificateName": names[0]}],
        "IMAP": [{"X509CertificateName": names[1]}],
        "auth": [{"CurrentCertificateThumbprint": made("auth").thumbprint, "PreviousCertificateThumbprint": None}],
    }


def _stored(store: str, certificate: Certificate, key: bool) -> dict[str, Any]:
    row = {"Location": "LocalMachine", "Store": store, "RawData": certificate.der, "HasPrivateKey": key}
    key_facts = {"Provider": CAPI, "Container": "c", "KeySpec": "Exchange", "MachineKeySet": True, "Exportable": True}
    return row | key_facts if key else row


def reply(answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> Reply:
    """A reply with these rows."""
    host = HostFacts("EX1", "5.1", "4.0", "10.0.17763", 64, NOW, "CORP\\admin", True, "FullLanguage", "en-US")
    return Reply(host, {name: Answer(rows=tuple(dict(row) for row in found)) for name, found in answers.items()})


def state(at: Server | None = None, **given: Any) -> ExchangeState:
    """The state of such a server; what is not a row's matter replaces a field."""
    at = at or server()
    own = {key: given.pop(key) for key in ("um_modes", "connectors", "subscriptions", "bindings") if key in given}
    asked = {call.id for call in calls(at, ["x"])}
    found = {name: answer for name, answer in rows(at, **given).items() if name in asked}
    return replace(state_of(reply(found), NOW, at), **own)
