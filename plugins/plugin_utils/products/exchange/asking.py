# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular about a request for an Exchange array's certificate. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...pki.names import has_wildcard, is_wildcard, normal
from ..values import IN_USE, Address

AUTODISCOVER = "autodiscover."
SIZES = (2048, 4096)
"""What New-ExchangeCertificate takes (and 1024, which no public CA does)."""
LONGEST_FRIENDLY_NAME = 63


class ExchangeAsks:
    """The key may be made on a server, or once on the control node."""

    renewal = "ansible-playbook ucops.certificates.renew_exchange -i INVENTORY"

    def refused(self, given: Mapping[str, Any]) -> Iterable[str]:
        """There is no internal interface."""
        if given["use"] != "external":
            yield (
                "request_use: internal is for an Edge pool; the servers of an Exchange array have self-signed ones "
                "inside"
            )

    def refused_on_server(self, given: Mapping[str, Any]) -> Iterable[str]:
        """What New-ExchangeCertificate cannot do, and what cannot be changed later."""
        members, server = given["members"], given["server"]
        if server and members and server not in members:
            yield f"request_server: expected a member of {given['array']} ({', '.join(members)}), found {server!r}"
        if server and server in given["excluded"]:
            yield f"request_server: {server} is left out by request_excluded"
        if given["key_size"] not in SIZES:
            yield f"request_key_size: Exchange makes keys of 2048 and 4096 bits, found {given['key_size']}"
        if not given["exportable"] and len(members) > 1 and not given["answer"]:
            yield (
                f"request_exportable: false, but {given['array']} has {len(members)} members, which all need the key. "
                "It is decided when the request is made and cannot be changed later; use request_on: controller to "
                "have no exportable key on a server"
            )
        if len(given["friendly_name"]) > LONGEST_FRIENDLY_NAME:
            yield f"request_friendly_name: expected fewer than 64 characters, found {len(given['friendly_name'])}"
        if given["key_file"]:
            yield "request_key_file: with request_on: server the key stays on the server; set it with controller only"

    def reached_by(self, info: Mapping[str, Any], use: str) -> tuple[Address, ...]:
        """What an Exchange server is reached by, as ``exchange_info`` shows it.

        Names of the certificates that its services have count as well: clients may come by an alias that Exchange knows
        nothing of, and the rollout demands of the new certificate what the old one covers.
        """
        found = [Address(str(r["name"]), str(r["where"]), bool(r["own"])) for r in info.get("reached_by") or ()]
        for row in info.get("certificates") or ():
            if row.get("services") and not row.get("self_issued"):
                where = f"{IN_USE} ({', '.join(row['services'])})"
                found += [Address(normal(name), where) for name in row.get("names") or () if not is_wildcard(name)]
        return tuple(dict.fromkeys(found))

    def by_convention(self, name: str) -> bool:
        """Outlook outside looks for autodiscover.<mail domain>, which no setting of Exchange has."""
        return name.startswith(AUTODISCOVER)

    def notes(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """A request without Autodiscover."""
        if not wanted or has_wildcard(wanted) or any(self.by_convention(name) for name in wanted):
            return ()
        return (
            "No name begins with autodiscover. Outlook outside the domain looks for autodiscover.<mail domain>, which "
            "no setting of Exchange has: add one for each mail domain, unless a DNS record (SRV or CNAME) leads it "
            "elsewhere",
        )

    def of_wildcard(self, name: str) -> tuple[str, ...]:
        """What Exchange makes of a wildcard (Microsoft KB948896, Enable-ExchangeCertificate)."""
        return (
            f"{name} cannot be enabled for POP and IMAP: Exchange finds it by X509CertificateName alone, which has to "
            "be set to a name that clients use (Microsoft KB948896); exchange_services does so with pop_name, "
            "imap_name",
            f"Whether SMTP takes {name} for a connector's FQDN is not documented for every version; list the FQDNs of "
            "the connectors as names of their own if other servers must find them",
        )
