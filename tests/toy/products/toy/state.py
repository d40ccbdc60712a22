# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one read of a toy server tells, and the calls that ask it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ...stores.presented import presented_in, windows_version
from ...stores.readiness import Presented
from ...stores.store import Stores, stores_from_rows
from ...windows.calls import Call, Reply

RELAY, CONSOLE = "Relay", "Console"
USES = (RELAY, CONSOLE)
SERVICES: Mapping[str, tuple[str, ...]] = {RELAY: ("TOYRELAY",), CONSOLE: ("TOYCONSOLE",)}
"""Use -> the Windows service that takes its certificate when it starts, and not before."""
GREETING, PUBLISHED = "Greeting", "Published"
"""A setting that must not move; what the directory of all toy servers says, which is changed last of all."""
NEEDED = ("stores", "keys", "access", "bindings", "settings", "services")
"""Reads without which nothing can be concluded."""


@dataclass(frozen=True)
class ToyState:
    """A toy server."""

    stores: Stores
    clock: datetime
    presented: Mapping[str, Presented]
    bound: Mapping[str, str | None]
    """Use -> thumbprint, of the uses that this server has."""
    held: Mapping[str, str | None]
    """Use -> thumbprint that its service took when it started; None while it does not run."""
    settings: Mapping[str, str | None] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    windows: tuple[int, ...] = ()

    def serves(self, use: str) -> str | None:
        """The certificate that clients see, or would see after a start."""
        return self.held.get(use) or self.bound.get(use)

    def has(self, use: str, thumbprint: str | None) -> bool:
        """Whether it is bound, and the service took it."""
        return self.bound.get(use) == thumbprint and self.held.get(use) in (None, thumbprint)


def bindings_call() -> Call:
    """Which certificate each use has. A call is made when it is asked for: its cmdlet is allowed once the products are
    loaded."""
    return Call("bindings", "Get-ToyBinding", {}, ("Use", "Thumbprint", "Held"))


def services_call() -> Call:
    """Status and version."""
    return Call("services", "Get-ServiceVersion", {"Names": [name for names in SERVICES.values() for name in names]})


def small_calls() -> tuple[Call, ...]:
    """What a change may have changed."""
    return bindings_call(), Call("settings", "Get-ToySetting", {}, ("Name", "Value")), services_call()


def state_from(reply: Reply, received: datetime) -> ToyState:
    """The state that the rows of a reply show."""
    rows = {name: reply.rows(name) for name in (*NEEDED, "presented")}
    return ToyState(
        stores=stores_from_rows(rows["stores"], rows["keys"], rows["access"]),
        clock=reply.host.clock or received,
        presented=presented_in(rows["presented"]),
        bound={str(row["Use"]): row["Thumbprint"] for row in rows["bindings"]},
        held={str(row["Use"]): row["Held"] for row in rows["bindings"]},
        settings={str(row["Name"]): row["Value"] for row in rows["settings"]},
        services={str(row["Name"]): str(row.get("Status") or "") for row in rows["services"]},
        version=next((str(row.get("FileVersion") or "") for row in rows["services"]), ""),
        windows=windows_version(reply.host.windows),
    )
