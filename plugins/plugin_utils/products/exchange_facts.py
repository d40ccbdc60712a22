# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at one Exchange server tells, as plain data. Pure."""

from __future__ import annotations

from typing import Any

from .exchange import ExchangeState
from .shown import certificate_row, key_row
from .store import StoredCertificate


def facts(state: ExchangeState) -> dict[str, Any]:
    """Certificates with their services, the default SMTP certificate, bindings, names, connectors, roles."""
    return {
        "product": state.server.version.product,
        "version": str(state.server.version),
        "roles": list(state.server.roles),
        "assigned": assigned(state),
        "unknown": unknown(state),
        "default_smtp": state.default_smtp,
        "certificates": [_certificate(entry, state) for entry in state.stores.machine("My")],
        "bindings": [
            {"address": b.address, "port": b.port, "thumbprint": b.thumbprint, "store": b.store} for b in state.bindings
        ],
        "names": dict(state.client_names),
        "connectors": [
            {
                "kind": c.kind,
                "name": c.name,
                "fqdn": c.fqdn,
                "certificate_name": c.certificate_name,
                "about": c.about,
            }
            for c in state.connectors
        ],
        "edge_subscriptions": list(state.subscriptions),
        "services": dict(state.server.services),
        "protected": state.protected(),
    }


def assigned(state: ExchangeState) -> dict[str, list[str]]:
    """Service -> thumbprints that have it for certain; SMTP, POP and IMAP may have several."""
    return {
        service: [
            c.certificate.thumbprint for c in state.stores.machine("My") if state.has(service, c.certificate.thumbprint)
        ]
        for service in state.server.offers
    }


def unknown(state: ExchangeState) -> dict[str, list[str]]:
    """Service -> thumbprints of which nobody can say whether they have it; services of which all is known are left
    out."""
    mine = [c.certificate.thumbprint for c in state.stores.machine("My")]
    found = {service: [t for t in mine if state.has(service, t) is None] for service in state.server.offers}
    return {service: thumbprints for service, thumbprints in found.items() if thumbprints}


def _certificate(entry: StoredCertificate, state: ExchangeState) -> dict[str, Any]:
    thumbprint = entry.certificate.thumbprint
    shown = state.reported.get(thumbprint)
    return {
        **certificate_row(entry.certificate),
        "friendly_name": entry.friendly_name,
        "services": list(state.services_of(thumbprint)),
        "services_unknown": list(state.unknown_of(thumbprint)),
        "services_reported": None if shown is None else sorted(shown),
        "default_smtp": thumbprint == state.default_smtp,
        "protected": state.protected().get(thumbprint),
        "key": key_row(entry.key) if entry.key else None,
    }
