# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors of Exchange that name their certificate by issuer and subject (TlsCertificateName, 2013 and newer). Pure.

A certificate from another issuing CA has another name, so a connector goes on presenting the old one until its name is
changed; once the old one is gone, mail waits (Microsoft KB2989382). A name whose certificate a server does not hold is
taken without an error (win-acme issue 2811), so a Send connector is renamed only when all its source servers hold it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...pki import dn
from ...pki.certificate import Certificate
from ...stores.store import Change
from ...windows.calls import Call, Switch
from .state import Connector, ExchangeState

_PARTS = re.compile(r"\s*<I>(?P<issuer>.*)<S>(?P<subject>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Rename:
    """A connector and the TlsCertificateName that it gets."""

    connector: Connector
    name: str | None


def tls_certificate_name(certificate: Certificate) -> str:
    """``<I>issuer<S>subject`` of a certificate, as Exchange writes it (Microsoft, Set-ReceiveConnector)."""
    return f"<I>{dn.windows_text(certificate.issuer_raw)}<S>{dn.windows_text(certificate.subject_raw)}"


def same_name(one: str | None, other: str | None) -> bool:
    """Whether two TlsCertificateNames say the same: blanks, quotes and case do not count."""
    return _key(one) == _key(other)


def _key(name: str | None) -> tuple[str, str]:
    match = _PARTS.fullmatch(name or "")
    parts = (match["issuer"], match["subject"]) if match else (name or "", "")
    return tuple(re.sub(r'[\s"]', "", part).casefold() for part in parts)  # type: ignore[return-value]


def rename_call(rename: Rename, computer: str) -> Call:
    """Set-ReceiveConnector or Set-SendConnector; a Receive connector belongs to one server."""
    connector = rename.connector
    receive = connector.kind == "receive"
    parameters: dict[str, Any] = {
        "Identity": f"{computer}\\{connector.name}" if receive else connector.name,
        "TlsCertificateName": rename.name,
        "Confirm": Switch(False),
    }
    cmdlet = "Set-ReceiveConnector" if receive else "Set-SendConnector"
    return Call(f"rename-{connector.subject}", cmdlet, parameters)


def renames(kind: str, new: Certificate, old: Iterable[Certificate], state: ExchangeState) -> tuple[Rename, ...]:
    """Connectors of a kind whose name is that of a certificate that ``new`` replaces, and not that of ``new``."""
    name = tls_certificate_name(new)
    replaced = [tls_certificate_name(certificate) for certificate in old]
    return tuple(
        Rename(connector, name)
        for connector in state.connectors
        if connector.kind == kind
        and connector.certificate_name
        and any(same_name(connector.certificate_name, one) for one in replaced)
        and not same_name(connector.certificate_name, name)
    )


def change_of(rename: Rename, computer: str) -> Change:
    """The rename as a change."""
    before = rename.connector.certificate_name or ""
    return Change("connector", rename.connector.subject, before, rename.name or "", (rename_call(rename, computer),))
