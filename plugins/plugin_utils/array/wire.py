# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ports presented, before and after: read by ``tls_endpoint_info``, judged here. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..findings.finding import Finding, finding
from ..pki.certificate import Certificate, CertificateError, load_der
from ..pki.chain import chain_paths
from .addresses import Address, address

GOING = re.compile(r"answer to its greeting, found ['\"]421\b")


@dataclass(frozen=True)
class Port:
    """One endpoint as it answered once."""

    member: str
    name: str
    host: str
    port: int
    use: str
    chain: tuple[Certificate, ...]
    error: str | None
    server_name: str = ""
    """The name that was asked for."""

    @property
    def place(self) -> tuple[str, str, str, int]:
        """Whose port it is and where, whatever name was asked for."""
        return (self.member, self.name, self.host, self.port)

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """What makes it the same endpoint in another reading. A port belongs to a member."""
        return (*self.place, self.server_name)

    @property
    def address(self) -> Address:
        """The address, in the one form that all its spellings share."""
        return address(self.host, self.port)

    @property
    def leaf(self) -> Certificate | None:
        """The first certificate that was presented."""
        return self.chain[0] if self.chain else None


def ports(rows: Iterable[Mapping[str, Any]], owners: Mapping[Address, tuple[str, str]]) -> tuple[Port, ...]:
    """Reads the rows of tls_endpoint_info, each endpoint once; ``owners``: address -> (member, use), from the
    inventory."""
    found: dict[tuple[str, str, str, int, str], Port] = {}
    for row in rows:
        host, number = str(row["host"]), int(row["port"])
        member, use = owners.get(address(host, number), ("", ""))
        use = str(row.get("use") or use) if member else use
        chain, error = [], row.get("error")
        try:
            chain = [
                load_der(base64.b64decode(c["der"] if isinstance(c, Mapping) else c))
                for c in row.get("certificates") or ()
            ]
        except (CertificateError, ValueError) as problem:
            error = f"what it presented cannot be read: {problem}"
        name, asked = str(row.get("name") or f"{host}:{number}"), str(row.get("server_name") or "")
        port = Port(member, name, host, number, use, tuple(chain), error, asked)
        found.setdefault(port.key, port)
    return tuple(found.values())


def turned_away(error: str | None) -> bool:
    """Whether a mail server greeted with 421: it listens, and says that its service is not available (RFC 5321, 4.2.3).

    Exchange's transport does so while its component is not Active, certificate or not (field: "421 4.3.2 Service not
    active" on servers in maintenance).
    """
    return error is not None and GOING.search(error) is not None


def judge_port(
    now: Port,
    before: Port | None,
    wanted: str | None,
    trust: Sequence[Certificate],
    at: datetime,
    assigned: str | None,
    restartable: bool = False,
    aside: bool = False,
) -> list[Finding]:
    """What is wrong with one port after the switch.

    Only the silence of a port that was read before can fail; one that was silent before, or that nobody looked at, is
    told, not blamed.
    ``wanted``: thumbprint of the leaf that the use shall have; None leaves the comparison out.
    ``assigned``: the thumbprint that the
    product reports for the use, for the sentence. ``restartable``: whether ``rollout_restart`` can name the use.
    ``aside``: hooks have the member out of service still, and all ports are looked at again in the end.
    """
    subject = f"{now.name} {now.host}:{now.port}"
    if now.leaf is None:
        if before is None:
            text = f"cannot be read, and nobody looked before: {now.error}"
            return [finding("wire.unreadable-before", now.member, subject, text, severity="warning")]
        if before.leaf is None:
            text = f"could not be read before either: {now.error}"
            return [finding("wire.unreadable-before", now.member, subject, text)]
        if aside and turned_away(now.error):
            text = f"takes nobody while the member is out of service, and is looked at again in the end: {now.error}"
            return [finding("wire.out-of-service", now.member, subject, text)]
        text = f"could be read before and cannot be read now: {now.error}"
        return [finding("wire.unreadable", now.member, subject, text)]
    found = []
    if wanted is not None and now.leaf.thumbprint != wanted:
        text = f"expected {wanted}, presents {now.leaf.thumbprint} ({now.leaf.common_name})"
        if assigned == wanted:
            text += "; the product reports the new certificate, so the service still holds the old one"
            if restartable:
                text += f" until it is restarted: name {now.use} in rollout_restart"
        found.append(finding("wire.leaf-differs", now.member, subject, text))
    elif wanted is not None and trust:
        path = chain_paths(now.leaf, now.chain[1:], trust, at, "server")[0]
        if not path.ok:
            reasons = "; ".join(f.text for f in path.findings) or "no path to a trusted root"
            found.append(
                finding("wire.incomplete", now.member, subject, f"presents {len(now.chain)} certificate(s): {reasons}")
            )
    return found
