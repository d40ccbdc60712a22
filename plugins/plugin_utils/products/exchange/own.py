# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Exchange array's renewal may be told beside what every renewal is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXTERNAL = "external"
"""The one bundle that an array takes."""


@dataclass(frozen=True)
class ExchangeOwn:
    """Exchange's own part of the settings."""

    services: tuple[str, ...] = ("IIS", "SMTP", "POP", "IMAP")
    """The services that get the certificate, where a member has them."""
    default_smtp: str | None = None
    """``keep`` or ``move``."""
    require_ssl: bool = False
    pop_name: str | None = None
    imap_name: str | None = None
    shell: str = "auto"
    """The way to the cmdlets."""
    restart: tuple[str, ...] = ("POP", "IMAP")
    """Services that are restarted in the switch."""
    edge_subscription: str = "stop"
    """``stop`` or ``renew``, where a new certificate of an Edge Transport server needs a new subscription."""


def give(bundles: Sequence[str], own: ExchangeOwn) -> dict[str, str]:
    """Use -> name of the bundle: one certificate for all services. Raises ValueError for another than ``external``."""
    other = [name for name in bundles if name != EXTERNAL]
    if other:
        text = f"an Exchange array takes one bundle, named {EXTERNAL}; found {', '.join(other)} as well"
        raise ValueError(f"rollout_bundles: {text}")
    return dict.fromkeys(own.services, EXTERNAL) if bundles else {}
