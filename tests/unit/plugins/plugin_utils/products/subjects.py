# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every product with a fake member of it, so that one suite drives them all through the same conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import decide
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.conversation import Conversation
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.read import Sight
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import rolled
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import Product
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import shipped_script
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member import (
    exchange_pool,
    exchange_steps,
    fake_toy,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member import pool as edge_pool
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_exchange import FakeExchange
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_member import FakeMember
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import done
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import made
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

TESTS = Path(__file__).resolve().parents[4]
NEXT = "20261124T080000Z-0002"
"""A later run."""


@dataclass(frozen=True)
class Subject:
    """A product, a member of it, and a run that renews the member."""

    name: str
    fake: Callable[[], FakeMember]
    settings: Callable[..., Settings]
    wanted: Callable[[], Wanted]
    bundle: Callable[[], Bundle]
    looks: Callable[[Any], Any]
    """What a user would notice of the fake, and what the way back has to restore."""
    setting: Callable[[Any, str], str | None]
    """A setting that a journal records, as the fake has it now."""
    metadata: str
    """The file below tests/ with the parameters of its cmdlets, as they are documented."""
    versions: tuple[str, ...]
    """The versions, as that file names them, whose cmdlets get the calls that the fake gets."""
    region: str = ""
    """The file below tests/ with the product's region of the script; empty when it is in the script."""

    @property
    def product(self) -> Product[Any]:
        return rolled(self.name)

    def documented(self) -> Mapping[str, Any]:
        """Cmdlet -> the versions that have it, and its parameters."""
        found: Mapping[str, Any] = json.loads((TESTS / self.metadata).read_text(encoding="utf-8"))["cmdlets"]
        return found

    def script(self) -> str:
        """The script that crosses WinRM."""
        return shipped_script() + ((TESTS / self.region).read_text(encoding="ascii") if self.region else "")

    def run(self, **more: Any) -> Settings:
        """The run; one member is the whole array."""
        return self.settings(members=("m1",), **more)

    def at(self, fake: FakeMember, run: Settings, product: Product[Any] | None = None) -> Conversation:
        """The conversation with the member."""
        bundle, passwords = self.bundle(), iter(f"one-time-{number}" for number in range(9))
        return Conversation(
            host=fake, member="m1", settings=run, product=product or self.product,
            own=self.product.own(run.own), wanted=self.wanted() if run.purpose == "renew" else None,
            clock=fake.controller(), tell=lambda text: None, one_time_password=lambda: next(passwords),
            bundles={bundle.leaf.sha256: bundle},
        )  # fmt: skip

    def go(
        self,
        phase: str,
        fake: FakeMember,
        run: Settings,
        evidence: Evidence | None = None,
        gate: Mapping[str, Any] | None = None,
        product: Product[Any] | None = None,
    ) -> Evidence:
        """One phase, with plain data on both sides."""
        found: Evidence = done(phase, self.at(fake, run, product), evidence, gate or {})["evidence"]
        return found

    def gate(self, evidence: Evidence, run: Settings) -> dict[str, Any]:
        """The gate's verdict."""
        own = self.product.own(run.own)
        verdict = decide.gate(self.product, own, run, {"m1": evidence}, {}, NOW, simulated=False).to_dict()
        return dict(json.loads(json.dumps(verdict)))

    def ready(self, fake: FakeMember, run: Settings) -> tuple[Evidence, dict[str, Any]]:
        """Reads, stages and asks the gate; gives the successor first where there is one."""
        evidence = self.go("read", fake, run)
        gate = self.gate(evidence, run)
        assert gate["passed"], gate["verdict"]
        if gate["before"]:
            evidence = self.go("roll", fake, run, evidence, gate)
        return evidence, gate

    def renew(self, fake: FakeMember, run: Settings) -> Evidence:
        """A whole rollout, the way through every phase."""
        return self.finish(fake, run, *self.ready(fake, run))

    def finish(self, fake: FakeMember, run: Settings, evidence: Evidence, gate: Mapping[str, Any]) -> Evidence:
        """What the gate let through: the switch, the member's step behind it, the proof."""
        if gate["switch"] or gate["unfinished"]:
            evidence = self.go("switch", fake, run, evidence, gate)
        if gate["after"]:
            evidence = self.go("rename", fake, run, evidence, gate)
        return self.go("prove", fake, run, evidence, gate)

    def look(self, fake: FakeMember, run: Settings | None = None, product: Product[Any] | None = None) -> Sight:
        """What another read of everything shows."""
        return self.at(fake, run or self.run(), product).look()


def _exchange_setting(fake: FakeExchange, name: str) -> str | None:
    if name.startswith("LocalMachine\\My "):
        thumbprint = name.rsplit(" ", 1)[1]
        return thumbprint if thumbprint in fake.mine else None
    if name.startswith("X509CertificateName of "):
        return fake.names[name.rsplit(" ", 1)[1]]
    if name.startswith("port 444"):
        return fake.ports[444]
    kinds = {"Receive": fake.receive, "Send": fake.send}
    kind, _, connector = name.partition(" connector ")
    return kinds[kind][connector] if connector else {"default SMTP certificate": fake.default}[name]


def _exchange() -> FakeMember:
    old = made("old")
    return FakeExchange(receive={"Client": tls_certificate_name(old)}, send={"Out": tls_certificate_name(old)})


def _no_setting(fake: Any, name: str) -> str | None:
    raise AssertionError(f"{name}: an Edge server has no setting beside its uses")


def _external(fake: FakeEdge) -> Any:
    return dict(fake.uses), dict(fake.services)


def _shown(fake: FakeExchange) -> Any:
    return replace(fake).looks()


def _toy_wanted() -> Wanted:
    return edge_pool.wanted(uses=tuple(fake_toy.SERVICE))


SUBJECTS = {
    "edge": Subject(
        "edge", FakeEdge, edge_pool.settings, edge_pool.wanted, edge_pool.bundle, _external, _no_setting,
        "lab/data/cmdlets.json",
        ("Lync Server 2013", "Skype for Business Server 2015", "Skype for Business Server 2019"),
    ),
    "exchange": Subject(
        "exchange", _exchange, exchange_pool.settings, exchange_pool.wanted, exchange_steps.bundle, _shown,
        _exchange_setting, "lab/data/exchange_cmdlets.json",
        tuple(f"Exchange Server {version}" for version in ("2010", "2013", "2016", "2019", "SE")),
    ),
    "toy": Subject(
        "toy", fake_toy.FakeToy, fake_toy.settings, _toy_wanted, edge_pool.bundle, fake_toy.FakeToy.looks,
        lambda fake, name: fake.told[name], "toy/cmdlets.json", ("Toy Server 1",), "toy/remote_calls.ps1",
    ),
}  # fmt: skip
"""Name -> subject, of every product that rolls, and of the toy."""
