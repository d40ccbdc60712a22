# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server of an Exchange array in a rollout: what it takes to switch it, and what speaks against that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ..array.findings import Finding, finding, from_problem, in_order
from ..pki.certificate import Certificate
from ..pki.names import has_wildcard, missing_names, names_of
from ..products import edge
from ..products import exchange_check as check
from ..products import exchange_services as plans
from ..products.exchange import CLIENTS, STAGE, ExchangeState
from ..products.exchange_back import no_way_back
from ..products.exchange_names import Rename, change_of, renames
from ..products.exchange_reach import Address
from ..products.problem import Problem
from ..products.readiness import Presented, Readiness, judge, store_problems
from ..products.store import Change, StoredCertificate, StoredKey, label, plan_stores
from .evidence import Wanted
from .settings import Settings


@dataclass(frozen=True)
class ExchangeJudged:
    """A server's state with everything that was concluded from it."""

    order: plans.Order | None
    """What is wanted of the server; None when nothing is."""
    stage: tuple[Change, ...]
    switch: tuple[Change, ...]
    switch_uses: tuple[str, ...]
    send: tuple[Rename, ...]
    """Send connectors that have to be renamed after the last member."""
    readiness: tuple[Readiness, ...]
    findings: tuple[Finding, ...]

    @property
    def forecast(self) -> bool:
        """True while something has still to be staged: then the stores are judged as they would be."""
        return bool(self.stage)


def order_for(settings: Settings, wanted: Wanted, state: ExchangeState) -> plans.Order | None:
    """What the run wants of this server: the services that it has, of those that were asked for."""
    uses = [use for use in wanted.uses if use in state.server.offers]
    if not uses:
        return None
    names = {"POP": settings.pop_name, "IMAP": settings.imap_name}
    key = next(iter(wanted.keys), None)
    return plans.Order(
        thumbprint=wanted.uses[uses[0]].thumbprint,
        services=tuple(uses),
        default_smtp=settings.default_smtp if "SMTP" in uses else None,
        require_ssl=settings.require_ssl,
        names={protocol: name for protocol, name in names.items() if name and protocol in uses},
        exportable=key.exportable if key else True,
        friendly_name=key.friendly_name if key else None,
    )


def conclude(
    member: str,
    settings: Settings,
    wanted: Wanted,
    state: ExchangeState,
    presented: Mapping[str, Presented],
    windows: tuple[int, ...],
    reach: Sequence[Address] = (),
    lacks: Sequence[str] = (),
) -> ExchangeJudged:
    """Plans and judges one server.

    ``presented``: thumbprint -> what Schannel would send, where it was asked. ``windows``: version, such as
    (6, 1, 7601). ``reach``: the names that the server is configured to be reached by, where they were read.
    ``lacks``: cmdlets that the account's shell does not have.
    """
    problems: list[Problem] = list(store_problems(state.stores))
    order = order_for(settings, wanted, state)
    if order is None:
        if wanted.uses:
            text = (
                f"expected one of {', '.join(wanted.uses)}, this server has {', '.join(state.server.offers) or 'none'}"
            )
            problems.append(Problem("exchange.service-absent", member, text))
        found = in_order(from_problem(p, member) for p in problems)
        return ExchangeJudged(None, (), (), (), (), (), found)
    leaf = next(iter(wanted.uses.values()))
    in_my = plans.usable_in("My", leaf.thumbprint, state.stores)
    stage = tuple(c for c in plan_stores(wanted.stores, state.stores) if not (in_my and c.kind == "import-key"))
    planned = replace(state, stores=state.stores.having(_planned(wanted, in_my)))
    judged = _judge(leaf, wanted, planned, presented, bool(stage), in_my)
    problems += judged.problems
    problems += check.refusals(order, planned)
    switch, send = plan_switch(order, leaf, planned)
    problems += lacking(switch, send, lacks)
    if switch:
        problems += check.validity_problems(leaf, order, planned)
    problems += _name_problems(leaf, order, settings, planned)
    problems += _reach_problems(leaf, order, reach)
    problems += _sha512_problems(leaf, windows)
    findings = [from_problem(problem, member) for problem in problems]
    findings += [_baseline(problem, member) for problem in check.findings(state)]
    findings += _edge_findings(member, settings, order, planned, bool(switch))
    uses = (plans.missing(order, planned) or order.services) if switch else ()
    return ExchangeJudged(order, stage, switch, tuple(uses), send, (judged,), in_order(findings))


def _judge(
    leaf: Certificate,
    wanted: Wanted,
    state: ExchangeState,
    presented: Mapping[str, Presented],
    forecast: bool,
    in_my: bool,
) -> Readiness:
    key = next((k for k in wanted.keys if k.certificate.sha256 == leaf.sha256), None)
    held = state.stores.find("My" if in_my else STAGE, leaf.sha256)
    there = held is not None and held.key is not None and not forecast
    return judge(
        leaf,
        state.stores,
        state.clock,
        trust=dict(wanted.trust).get(leaf.sha256, ()),
        intended=dict(wanted.intermediates).get(leaf.sha256, ()),
        presented=presented.get(leaf.thumbprint) if not forecast else None,
        exportable=key.exportable if key and there else None,
        key_planned=forecast,
        store="My" if in_my else STAGE,
    )


def _planned(wanted: Wanted, in_my: bool) -> Iterable[StoredCertificate]:
    """What staging adds, as if it lay there already."""
    desired = wanted.stores
    for certificate in desired.intermediates:
        yield StoredCertificate("LocalMachine", "CA", certificate)
    for certificate in desired.roots:
        yield StoredCertificate("LocalMachine", "Root", certificate)
    for key in () if in_my else desired.keys:
        held = StoredKey("Microsoft Enhanced Cryptographic Provider v1.0", "", "Exchange", True, key.exportable)
        yield StoredCertificate("LocalMachine", key.store, key.certificate, key.friendly_name or "", held)


def plan_switch(
    order: plans.Order, leaf: Certificate, state: ExchangeState
) -> tuple[tuple[Change, ...], tuple[Rename, ...]]:
    """The changes on this server, and the Send connectors of the organization that are renamed after the last one.

    A Receive connector belongs to this server alone, so it is renamed as soon as the certificate lies in My: until
    then, and not a moment longer, its name finds the old one.
    """
    changes = plans.plan_services(order, state)
    if "SMTP" not in order.services:
        return changes, ()
    old = check.replaced(order, leaf, state)
    receive = [change_of(rename, state.server.computer) for rename in renames("receive", leaf, old, state)]
    at = next((i for i, change in enumerate(changes) if change.kind == "enable"), len(changes))
    return (*changes[:at], *receive, *changes[at:]), renames("send", leaf, old, state)


def _name_problems(
    leaf: Certificate, order: plans.Order, settings: Settings, state: ExchangeState
) -> Iterable[Problem]:
    """Names by which the server is reached today, and those that the user asked for."""
    needed = dict.fromkeys(settings.names)
    for old in check.replaced(order, leaf, state):
        needed |= dict.fromkeys(name for name in names_of(old) if not name.startswith("*."))
    missing = missing_names(names_of(leaf), needed)
    if missing:
        text = f"{', '.join(missing)} is covered by the certificate in use, or asked for, but not by the new one"
        yield Problem("names.missing", label(leaf), text, {"missing": ", ".join(missing)})
    if has_wildcard(names_of(leaf)):
        for protocol in (p for p in CLIENTS if p in order.services):
            name = plans.wanted_name(order, protocol, state)
            if not name:
                text = f"{protocol} needs a name that clients use: set rollout_{protocol.lower()}_name"
                yield Problem("exchange.client-name", protocol, text)


def _reach_problems(leaf: Certificate, order: plans.Order, reach: Sequence[Address]) -> Iterable[Problem]:
    """Names that clients are sent to and that the new certificate does not cover. Those that the one in use covers stop
    the rollout; of the others nobody can say that a renewal makes them worse."""
    web, mail = "IIS" in order.services, "SMTP" in order.services
    where: dict[str, list[str]] = {}
    for address in reach:
        of_mail = "connector" in address.where
        if (mail if of_mail else web) and not address.own and "X509CertificateName" not in address.where:
            where.setdefault(address.name, []).append(address.where)
    for name in missing_names(names_of(leaf), where):
        yield Problem("exchange.name-uncovered", name, f"set as {', '.join(where[name])}", {"name": name})


def _sha512_problems(leaf: Certificate, windows: tuple[int, ...]) -> Iterable[Problem]:
    if leaf.signature_hash == "sha512" and windows and windows[:2] < edge.SHA512_WORKS_FROM:
        shown = ".".join(str(number) for number in windows)
        yield Problem("leaf.sha512", label(leaf), f"is signed with SHA-512; on Windows {shown} Schannel cannot use it")


ROLES: Mapping[str, str] = {
    "Enable-ExchangeCertificate": "Exchange Server Certificates",
    "Set-PopSettings": "POP3 And IMAP4 Protocols",
    "Set-ImapSettings": "POP3 And IMAP4 Protocols",
    "Set-ReceiveConnector": "Receive Connectors",
    "Set-SendConnector": "Send Connectors",
}
"""Cmdlet -> the management role that has it (Microsoft, Find the permissions required to run any Exchange cmdlet)."""


def lacking(changes: Sequence[Change], send: Sequence[Rename], lacks: Sequence[str]) -> Iterable[Problem]:
    """Cmdlets that the changes need and that the account's shell does not have: found before anything is changed."""
    needed = [call.name for change in changes for call in change.calls] + (["Set-SendConnector"] if send else [])
    for name in dict.fromkeys(needed):
        if name in lacks:
            role = f'; the management role "{ROLES[name]}" has it' if name in ROLES else ""
            text = f"is needed, and the shell of this account does not have it{role}"
            yield Problem("exchange.cmdlet-missing", name, text)


def _baseline(problem: Problem, member: str) -> Finding:
    """What is wrong on the server already is told, and not blamed on the rollout: it is mended apart from it."""
    found = from_problem(problem, member)
    return replace(found, severity="warning") if found.stops else found


def _edge_findings(
    member: str, settings: Settings, order: plans.Order, state: ExchangeState, switches: bool
) -> Iterable[Finding]:
    """Edge Transport: its subscription rests on certificates, and hybrid mail on both sides having the same one."""
    if state.server.edge and switches:
        stops = settings.edge_subscription != "renew"
        yield finding(
            "exchange.edge-subscription", member, "Edge Subscription", severity="error" if stops else "warning"
        )
    if not state.server.edge and state.subscriptions and switches and "SMTP" in order.services:
        text = (
            f"{', '.join(state.subscriptions)} is subscribed: hybrid mail needs the same certificate there, with the "
            "same issuer and subject"
        )
        yield finding("exchange.hybrid-edge", member, "Edge Transport", text)


def assigned(state: ExchangeState, wanted: Wanted) -> dict[str, str]:
    """Service -> the one certificate that tells where the server stands: the wanted one where it has the service for
    certain, otherwise the newest of a CA that has it, or may have it."""
    found: dict[str, str] = {}
    for use in state.server.offers:
        leaf = wanted.uses.get(use)
        if leaf is not None and state.has(use, leaf.thumbprint):
            found[use] = leaf.thumbprint
            continue
        mine = [c.certificate for c in state.stores.machine("My") if c.certificate != leaf]
        answers = {c.sha256: state.has(use, c.thumbprint) for c in mine}
        holders = [c for c in mine if answers[c.sha256] is not False]
        if use == "IIS" and not holders and state.web():
            found[use] = state.web()[0]
        elif holders:
            best = max(holders, key=lambda c: (not c.self_issued, answers[c.sha256] is True, c.not_before))
            found[use] = best.thumbprint
    return found


def rollback_possible(
    uses: Sequence[str], now: Mapping[str, str], state: ExchangeState, window: timedelta
) -> dict[str, dict[str, Any]]:
    """Service -> whether its certificate of today can be gone back to, for as long as ``window`` from now."""
    later = replace(state, clock=state.clock + window)
    answers: dict[str, dict[str, Any]] = {}
    for use in uses:
        old = now.get(use)
        why = no_way_back(old, later) if old else ("" if use != "IIS" else "the web site has no certificate today")
        answers[use] = {"possible": not why, "why": why}
    return answers
