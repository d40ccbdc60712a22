# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Schannel answered on the member's loopback, out of the rows of Test-TlsPresented. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...module_utils.tls_probe import certificates_in_flight
from ..pki.certificate import CertificateError, load_der
from .readiness import Presented


def presented_in(rows: Iterable[Mapping[str, Any]]) -> dict[str, Presented]:
    """Thumbprint -> what Schannel would send for it."""
    return {str(row["Thumbprint"]).upper(): presented_of(row) for row in rows}


def presented_of(row: Mapping[str, Any]) -> Presented:
    """What was answered for one certificate."""
    flight = row.get("Flight")
    chain: list[str] = []
    error = row.get("Error")
    if flight:
        try:
            chain = [load_der(der).sha256 for der in certificates_in_flight(flight)]
        except (ValueError, CertificateError) as problem:
            error = f"its answer cannot be read: {problem}"
    return Presented(bool(row.get("Present")), tuple(chain), error)


def windows_version(text: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
