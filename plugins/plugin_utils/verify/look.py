# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification saw of one member, as a value that travels from the member's task to the array's. Pure.

Thumbprints, names, instants and public certificates only; never a key.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from ..findings.finding import Finding
from ..pki.certificate import Certificate, load_der
from ..plain import from_plain, to_plain
from ..report.report import HostReport
from ..stores.pictures import Chain


@dataclass(frozen=True)
class Used:
    """One certificate that a member uses, or will use."""

    thumbprint: str
    sha256: str
    uses: tuple[str, ...]
    """The uses or services that have it now; empty for a successor that waits for its instant."""
    sendable: tuple[tuple[str, ...], ...] = ()
    """Every chain that may be sent for it, as SHA-256 from the leaf on; empty when none reaches a root."""
    complete: bool = True
    """Whether the member's own stores complete its chain."""


@dataclass(frozen=True)
class Rolled:
    """A successor of the A/V authentication certificate, as the product or the journal shows it."""

    thumbprint: str
    instant: datetime
    settled: bool = False


@dataclass(frozen=True)
class Look:
    """One member as one read showed it."""

    member: str
    product: str
    """Its name."""
    host: HostReport
    clock: datetime
    """The member's own clock."""
    assigned: Mapping[str, tuple[str, ...]]
    """Use or service to the thumbprints that it has, in force now."""
    used: tuple[Used, ...] = ()
    rolled: Rolled | None = None
    services: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    """What the member's own state shows, whatever the others have."""
    chains: tuple[Chain, ...] = ()
    """For the report's pictures."""
    intermediates: tuple[str, ...] = ()
    """SHA-256 of everything in LocalMachine\\CA."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 to base64 of the DER, of every certificate named above."""
    admin: bool = True
    """Whether the account could have opened the machine's keys; if not, nothing is said of them."""
    others: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 to what it is there for, of certificates that no renewal touches: auth, federation, transport."""

    @cached_property
    def loaded(self) -> Mapping[str, Certificate]:
        """SHA-256 to certificate. Raises CertificateError when the evidence was damaged on the way."""
        return {sha256: load_der(base64.b64decode(text)) for sha256, text in self.certificates.items()}

    def by_thumbprint(self, thumbprint: str) -> Certificate | None:
        """The certificate, when the look brought it along."""
        return next((c for c in self.loaded.values() if c.thumbprint == thumbprint), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a fact."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Look:
        """Back from plain data. Raises PlainError naming the field that does not fit."""
        return from_plain(cls, data)


def packed(certificates: Mapping[str, Certificate]) -> dict[str, str]:
    """Certificates as they travel."""
    return {sha256: base64.b64encode(c.der).decode("ascii") for sha256, c in certificates.items()}
