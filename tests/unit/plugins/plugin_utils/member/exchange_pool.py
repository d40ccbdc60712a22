# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Exchange members share: a run, what it wants, and what is concluded from a state."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.read import Asking, Sight, see
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import Certificate
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.own import ExchangeOwn
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.product import Exchange
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import STAGE, ExchangeState
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import DesiredKey
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    issuing,
    made,
    reply,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

EXCHANGE = PRODUCTS["exchange"]
EVERY = ("IIS", "SMTP", "POP", "IMAP")
RUN = "20261123T120000Z-4f2a"
MEMBERS = ("ex1", "ex2")
STAGED: dict[str, Any] = {"staged": ("new",)}
SWITCHED: dict[str, Any] = {
    "my": ("old", "new", "self", "auth"),
    "staged": ("new",),
    "readers": ("old", "new", "self"),
    "shown": {"old": "SMTP", "new": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"},
    "web": "new",
}
OWN = {field.name for field in fields(ExchangeOwn)}


def settings(**more: Any) -> Settings:
    """A run that renews all services; Exchange's own options go where they belong."""
    new = made("new")
    facts = {"thumbprint": new.thumbprint, "key": new.spki_sha256, "label": "mail.contoso.example", "trust": "system"}
    given: dict[str, Any] = {
        "run": RUN, "array": "exchange", "members": MEMBERS, "product": "exchange", "operator": "anna",
        "controller": "ctl1", "started": NOW.isoformat(), "wanted": dict.fromkeys(EVERY, facts),
    }  # fmt: skip
    own = {name: value for name, value in more.items() if name in OWN}
    return Settings(**(given | {name: value for name, value in more.items() if name not in OWN}), own=own)


def wanted(leaf: Certificate | None = None, *uses: str) -> Wanted:
    """One certificate for all services, its issuing CA, its root."""
    leaf = leaf or made("new")
    key = DesiredKey(leaf, STAGE)
    chain = {leaf.sha256: (issuing().certificate,)}
    return Wanted(dict.fromkeys(uses or EVERY, leaf), (key,), chain, (), {leaf.sha256: (root().certificate,)})


class Shown(Exchange):
    """The product in front of a server whose state is known already."""

    def __init__(self, state: ExchangeState) -> None:
        self.state = state

    def see(self, reply: Reply, received: datetime) -> ExchangeState:
        return self.state


def asking(
    state: ExchangeState, run: Settings | None = None, want: Wanted | None = None, member: str = "ex1"
) -> Asking:
    """Who asks a server that is in this state."""
    run = run or settings()
    return Asking(Shown(state), EXCHANGE.own(run.own), member, run, want or wanted())


def sight(
    state: ExchangeState,
    run: Settings | None = None,
    want: Wanted | None = None,
    member: str = "ex1",
    journal: Journal | None = None,
) -> Sight:
    """What a whole read of a server in this state shows."""
    read = reply({"journal": [{"Text": journal.dumps() if journal else None, "Lock": None}]})
    return see(asking(state, run, want, member), read, NOW)


def evidence(
    state: ExchangeState,
    run: Settings | None = None,
    want: Wanted | None = None,
    member: str = "ex1",
    journal: Journal | None = None,
) -> Evidence:
    """The evidence of such a read."""
    return sight(state, run, want, member, journal).evidence
