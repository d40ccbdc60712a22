# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A toy server that does what it is sent; see fake_member. The product itself lies in tests/toy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member import pool
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge

RELAY, CONSOLE = "Relay", "Console"
SERVICE = {RELAY: "TOYRELAY", CONSOLE: "TOYCONSOLE"}


@dataclass
class FakeToy(FakeEdge):
    """A toy server before its renewal; stores and keys are as on any Windows."""

    COMPUTER: ClassVar[str] = "TOY1"

    bound: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICE, pool.OLD))
    held: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICE.values(), pool.OLD))
    """Service -> what it took when it started."""
    services: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICE.values(), "Running"))
    told: dict[str, str] = field(default_factory=lambda: {"Greeting": "hello", "Published": pool.OLD})
    forgets: bool = False
    """Whether a binding writes the greeting anew."""

    def get_toybinding(self, _: Any) -> Any:
        return [{"Use": u, "Thumbprint": t, "Held": self.held.get(SERVICE[u])} for u, t in self.bound.items()]

    def set_toybinding(self, given: Any) -> Any:
        assert self._in_my([given["Thumbprint"]])
        self.bound[given["Use"]] = given["Thumbprint"]
        if self.forgets:
            self.told["Greeting"] = "welcome"

    def get_toysetting(self, _: Any) -> Any:
        return [{"Name": name, "Value": value} for name, value in self.told.items()]

    def set_toysetting(self, given: Any) -> Any:
        self.told[given["Name"]] = given["Value"]

    def grant_storekey(self, _: Any) -> Any:
        return None

    def get_serviceversion(self, given: Any) -> Any:
        return [{"Name": n, "Status": self.services[n], "FileVersion": "1.0.0.1"} for n in given["Names"]]

    def set_servicestate(self, given: Any) -> Any:
        for name in given["Names"]:
            if given["Status"] == "Stopped":
                self.held.pop(name, None)
            elif self.services[name] != "Running":
                self.held[name] = next(self.bound[use] for use, service in SERVICE.items() if service == name)
            self.services[name] = given["Status"]

    def looks(self) -> Any:
        """What a user would notice."""
        return dict(self.bound), dict(self.held), dict(self.services), dict(self.told)


def settings(**more: Any) -> Settings:
    """A run that renews both uses."""
    given = {"product": "toy", "array": "toy", "wanted": dict.fromkeys(SERVICE, pool.FACTS)}
    return pool.settings(**(given | more))
