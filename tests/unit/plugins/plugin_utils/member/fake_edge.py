# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Edge server that does what it is sent; see fake_member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_member import FakeMember
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import OLD, error
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    SERVICES,
    assigned,
    flight,
    internal,
    issuing,
    keyed,
    new,
    old,
    old_issuing,
    store_rows,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import Issued

KNOWN = {one.certificate.thumbprint: one for one in (old(), new(), internal(), issuing(), old_issuing())}
ISSUER = {old().certificate: old_issuing(), new().certificate: issuing(), internal().certificate: old_issuing()}


@dataclass
class FakeEdge(FakeMember):
    """An Edge server before its renewal."""

    stores: list[dict[str, Any]] = field(default_factory=store_rows)
    uses: dict[str, str] = field(default_factory=lambda: {
        ACCESS: OLD, DATA: OLD, AV: OLD, INTERNAL: internal().certificate.thumbprint})  # fmt: skip
    shows_roll: bool = True
    """Whether Get-CsCertificate shows a successor before its instant."""
    successor: tuple[str, datetime] | None = None
    services: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SERVICES, "Running"))
    dependents: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"RTCSRV": ("RTCMRAUTH",)})
    busy: int = 0
    """How many more looks find the services that drain with calls."""
    stubborn: bool = False
    """Services do not even stop when forced."""
    dead: set[str] = field(default_factory=set)
    """Services that do not start: the call ends without an error."""

    def _in_my(self, thumbprints: Sequence[str]) -> list[Issued]:
        there = {row["RawData"] for row in self.stores if row["Store"] == "My" and row["HasPrivateKey"]}
        return [KNOWN[t] for t in thumbprints if t in KNOWN and KNOWN[t].der in there]

    def test_storekey(self, given: Any) -> Any:
        mine = [one.certificate.thumbprint for one in self._in_my(given["Thumbprints"])]
        return [{"Thumbprint": t, "Present": t in mine, "Signs": t in mine} for t in given["Thumbprints"]]

    def test_tlspresented(self, given: Any) -> Any:
        pool = {row["RawData"] for row in self.stores if row["Store"] == "CA"}
        rows = []
        for one in self._in_my(given["Thumbprints"]):
            above = [ISSUER[one.certificate]] if ISSUER[one.certificate].der in pool else []
            rows.append({"Thumbprint": one.certificate.thumbprint, "Present": True, "Flight": flight(one, *above)})
        return rows

    def get_cscertificate(self, _: Any) -> Any:
        if self.successor and self.successor[1] <= self.clock:
            self.uses[AV], self.successor = self.successor[0], None
        rows = [assigned(use, KNOWN[thumbprint]) for use, thumbprint in self.uses.items()]
        if self.successor and self.shows_roll:
            rows.append(assigned(AV, KNOWN[self.successor[0]], self.successor[1], KNOWN[self.uses[AV]]))
        return rows

    def _look(self) -> None:
        draining = [name for name, status in self.services.items() if status == "Paused"]
        if draining and not self.busy:
            self.services.update(dict.fromkeys(draining, "Stopped"))
        self.busy = max(self.busy - 1, 0)

    def get_cswindowsservice(self, _: Any) -> Any:
        self._look()
        return [{"Name": name, "Status": status} for name, status in self.services.items()]

    def wait_stopped(self, given: Any) -> Any:
        self._look()
        if any(self.services[name] != "Stopped" for name in given["Names"]):
            return error("still running", "ucops.StillRunning")
        return None

    def get_csavedgeconfiguration(self, _: Any) -> Any:
        return [{"MaxTokenLifetime": "08:00:00"}]

    def get_serviceversion(self, _: Any) -> Any:
        return [{"FileVersion": "5.0.8308.1068"}]

    def add_storecertificate(self, given: Any) -> Any:
        issued = next(one for one in KNOWN.values() if one.der == given["RawData"])
        self.stores.append(stored(issued, given["Store"]))

    def import_storepfx(self, given: Any) -> Any:
        content = self.pfx(given)
        issued = next(one for one in KNOWN.values() if one.key.private_numbers() == content.key.private_numbers())
        self.stores.append(keyed(issued, Exportable=given["Exportable"]))

    def set_cscertificate(self, given: Any) -> Any:
        (use,) = given["Type"]
        if given.get("Roll") == Switch(True):
            self.successor = (given["Thumbprint"], given["EffectiveDate"])
            return
        self.uses[use] = given["Thumbprint"]
        if use == AV:
            self.successor = None

    def stop_cswindowsservice(self, given: Any) -> Any:
        graceful = given.get("Graceful") == Switch(True)
        for name in (given["Name"], *self.dependents.get(given["Name"], ())):
            if self.services[name] != "Stopped" and not (self.stubborn and not graceful):
                self.services[name] = "Paused" if graceful and self.busy else "Stopped"

    def start_cswindowsservice(self, given: Any) -> Any:
        if self.services[given["Name"]] == "Paused":
            return error("the service cannot accept control messages at this time", "CannotStart")
        if given["Name"] not in self.dead:
            self.services[given["Name"]] = "Running"
        return None
