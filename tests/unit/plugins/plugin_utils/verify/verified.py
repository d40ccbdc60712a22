# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a verification share: a pool in which nothing is wrong, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, rank
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.advice import follows
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.in_use import Limits
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.judge import Case, judge
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.look import Look
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.read import Asked, look_at
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.settings import VerifyRun
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.wire import Clients
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    MEMBERS,
    presented,
    reply,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    DATA,
    INTERNAL,
    NAMES,
    allowed,
    internal,
    key_test,
    old,
    old_issuing,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

NETWORK_SERVICE = "S-1-5-20"
LIMITS = Limits(14, 7)
CLIENTS = Clients((root().certificate,), None)


def healthy(facts: Mapping[str, Any] | None = None, **rows: Any) -> Reply:
    """The reply of a member on which nothing is wrong, but for ``rows`` and ``facts``."""
    good: dict[str, Any] = {
        "keys": [key_test(old()), key_test(internal())],
        "access": [allowed(old(), NETWORK_SERVICE), allowed(internal(), NETWORK_SERVICE)],
        "presented": [presented(old(), old_issuing()), presented(internal(), old_issuing())],
    }
    return reply(facts, **(good | rows))


@dataclass
class Answering:
    """A member that has one reply."""

    reply: Reply

    def read(self, load: Sequence[str], calls: Sequence[Call], *, facts: bool = True) -> Reply:
        """The reply; only reads are asked, and nothing that it does not answer."""
        assert all(call.kind == "read" for call in calls) and {call.id for call in calls} <= set(self.reply.answers)
        return self.reply

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool, facts: bool = True) -> Reply:
        raise AssertionError("a verification changes nothing")


def seen(member: str = "edge1", read: Reply | None = None, **asked: Any) -> Look:
    """A member as a verification sees it; the look has travelled as plain data."""
    read = read or healthy()
    asked = {"limits": LIMITS} | asked
    given = look_at(Answering(read), EDGE, EDGE.own({}), Asked(member, NOW, **asked))
    return Look.from_dict(given.to_dict())


def port(member: str, use: str = ACCESS, *chain: Issued, name: str = NAMES[0], error: str | None = None) -> Port:
    """One port with its name, as it was read."""
    titles = {ACCESS: "Access Edge", DATA: "Web Conferencing Edge", INTERNAL: "Internal SIP"}
    certificates = tuple(one.certificate for one in chain)
    return Port(member, titles.get(use, use), "192.0.2.11", 443, use, certificates, error, name)


def good_ports(member: str) -> list[Port]:
    """What the ports of a healthy member present."""
    inside = port(member, INTERNAL, internal(), old_issuing(), name="edgepool.contoso.example")
    return [port(member, ACCESS, old(), old_issuing()), port(member, DATA, old(), old_issuing()), inside]


def a_run(**more: Any) -> VerifyRun:
    """A run over the pool."""
    given: dict[str, Any] = {
        "run": "20261123T120000Z-4f2a", "started": NOW, "arrays": {"edge": MEMBERS}, "products": {"edge": "edge"},
        "warn_days": 14.0,
    }  # fmt: skip
    return VerifyRun(**(given | more))


def a_case(
    looks: Mapping[str, Look | None] | None = None, ports: Mapping[str, Sequence[Port]] | None = None, **more: Any
) -> Case:
    """The pool: healthy members and ports but for those given; a look of None: not heard of."""
    given = {member: seen(member) for member in MEMBERS} | dict(looks or {})
    read = {member: good_ports(member) for member in MEMBERS} | {m: list(p) for m, p in (ports or {}).items()}
    every = tuple(one for held in read.values() for one in held)
    kept = {member: one for member, one in given.items() if one is not None}
    return replace(Case("edge", MEMBERS, kept, {}, {"localhost": every}), **more)


def found(case: Case | None = None, run: VerifyRun | None = None, clients: Clients = CLIENTS) -> tuple[Finding, ...]:
    """Everything found on the array."""
    return judge(run or a_run(), case or a_case(), clients, NOW)


def causes(findings: Sequence[Finding], least: str = "warning") -> set[tuple[str, str]]:
    """(id, member) of what has to be mended: what only follows from it is left out."""
    told = [item for item in findings if rank(item.severity) >= rank(least)]
    return {(item.id, item.member) for item in told if not follows(item, findings)}
