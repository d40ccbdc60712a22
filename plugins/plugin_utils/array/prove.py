# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Was it proven, and what is the array now: decided on the controller over evidence and ports. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..findings.finding import Finding, finding, in_order
from ..member.evidence import Evidence
from ..member.records import in_doubt, scheduled
from ..member.settings import Settings
from ..pki.certificate import Certificate
from ..products.interface import Product
from .decide import expected_while_mixed
from .verdict import ArrayVerdict, MemberFacts, WireFact, array_verdict
from .wire import Port, judge_port

NOTHING = "0" * 40
"""A thumbprint that no certificate has."""


def prove(
    product: Product[Any],
    settings: Settings,
    evidence: Mapping[str, Evidence],
    reasons: Mapping[str, str],
    before: Sequence[Port],
    after: Sequence[Port] | None,
    trust: Mapping[str, Sequence[Certificate]],
    touched: Sequence[str],
    only: str | None = None,
    rolled_only: Sequence[str] = (),
    mixed: bool = False,
) -> tuple[Finding, ...]:
    """Everything that speaks against the members serving what they should.

    ``after``: None when no port was read again. ``trust``: use -> roots. ``only``: one member instead of all.
    ``rolled_only``: members that this run rolled and was not asked to switch (``--tags roll,prove``): what is left to
    switch there has to serve what it served before. ``mixed``: others still wait for their switch, so the array
    differs by plan.
    """
    members = (only,) if only else settings.members
    found: list[Finding] = []
    for member in members:
        seen = evidence.get(member)
        if not seen:
            found.append(
                finding("member.lost", member, "", reasons.get(member) or "nothing was heard of it in this run")
            )
            continue
        found += [expected_while_mixed(product, f) for f in seen.findings] if mixed else seen.findings
        if member in touched:
            found += _differing(product, member, seen, member in rolled_only)
    earlier = {port.key: port for port in before}
    for port in after if after is not None else before:
        seen = evidence.get(port.member)
        if port.member not in members or not seen:
            continue
        wanted = seen.wanted.get(port.use) if port.use != product.succeeds else None
        if (after is None or port.member in rolled_only) and port.use in seen.plan.uses:
            wanted = None  # the switch after which the port would present it was not made: check mode, or not asked for
        found += judge_port(
            port,
            earlier.get(port.key),
            wanted,
            trust.get(port.use, ()),
            seen.clock,
            seen.assigned.get(port.use),
            port.use in product.restartable,
            aside=only is not None,
        )
    return in_order(found)


def _differing(product: Product[Any], member: str, seen: Evidence, rolled_only: bool) -> list[Finding]:
    """Uses that the product reports with another certificate than the wanted one."""
    found = []
    for use, thumbprint in seen.wanted.items():
        has = seen.assigned.get(use)
        if use == product.succeeds or has == thumbprint or (rolled_only and use in seen.plan.uses):
            continue
        text = f"expected {thumbprint}, the product reports {has}"
        remedy = f"Run the rollout again; if it persists, compare with {product.by_hand} on the member."
        found.append(finding("product.use-differs", member, use, text, remedy=remedy))
    return found


def before_of(
    settings: Settings, first: Mapping[str, Evidence], evidence: Mapping[str, Evidence]
) -> dict[str, dict[str, str]]:
    """Member -> use -> thumbprint before the rollout.

    That has one owner: the first read of this run, unless the member's journal is that of a rollout which has not ended
    and wants what this run wants; then it is what that journal recorded. A journal that is closed says nothing about
    before, but to a rollback that was told to take back what ended well. A member that did not answer the first read
    was not touched by this run: a later answer tells the same.
    """
    old = {}
    for member in settings.members:
        seen = first.get(member) or evidence.get(member)
        if seen is None:
            continue
        old[member] = dict(seen.assigned) | _recorded(settings, seen)
    return old


def _recorded(settings: Settings, seen: Evidence) -> dict[str, str]:
    """What an open journal says was there before, of the uses whose certificate this run wants, too."""
    journal = seen.journal
    if journal is None:
        return {}
    found = {}
    ended = journal.state in ("done", "taken-back", "prepared")
    if not ended or (settings.completed and settings.purpose == "rollback" and journal.state == "done"):
        found = {use: e.before for use, e in journal.uses.items() if e.before and seen.wanted.get(use) == e.after}
    roll = journal.roll
    if roll is not None and roll.previous and roll.state != "settled":
        found |= {use: roll.previous for use, at in seen.pending.items() if at.thumbprint == roll.thumbprint}
    return found


def desired_of(
    settings: Settings, first: Mapping[str, Evidence], evidence: Mapping[str, Evidence]
) -> dict[str, dict[str, str]]:
    """Member -> use -> thumbprint that it should carry: of what the run wants, what the member can have.

    A settling or a rollback knows only what the journals say was wanted.
    """
    wanted = {use: facts["thumbprint"] for use, facts in settings.wanted.items()}
    if not wanted:
        wanted = {use: thumbprint for seen in first.values() for use, thumbprint in seen.wanted.items()}
    found = {}
    for member in settings.members:
        seen = evidence.get(member) or first.get(member)
        if seen is not None:
            found[member] = {use: thumbprint for use, thumbprint in wanted.items() if use in seen.offers}
            if not wanted:  # nothing was wanted at all: what is there is the old, whatever it is
                found[member] = dict.fromkeys(seen.assigned, NOTHING)
    return found


def verdict(
    product: Product[Any],
    settings: Settings,
    evidence: Mapping[str, Evidence],
    first: Mapping[str, Evidence],
    before: Sequence[Port],
    after: Sequence[Port] | None,
) -> ArrayVerdict:
    """What the array is now. ``first``: member -> what it said before this run touched it."""
    facts: dict[str, MemberFacts | None] = {}
    readable = {port.key: port.leaf is not None for port in before}
    for member in settings.members:
        seen = evidence.get(member)
        if not seen:
            facts[member] = None
            continue
        wire = tuple(
            WireFact(
                f"{p.name} {p.host}:{p.port}",
                p.use,
                p.leaf.thumbprint if p.leaf else None,
                readable.get(p.key, p.leaf is not None),
            )
            for p in (after if after is not None else ())
            if p.member == member and p.use != product.succeeds
        )
        facts[member] = MemberFacts(seen.assigned, scheduled(seen), wire)
    desired, old = desired_of(settings, first, evidence), before_of(settings, first, evidence)
    told = array_verdict(settings.members, facts, desired, old, settings.excluded)
    return doubted(told, {m: uses for m in settings.members if (e := evidence.get(m)) and (uses := in_doubt(e))})


def doubted(told: ArrayVerdict, members: Mapping[str, Sequence[str]]) -> ArrayVerdict:
    """The verdict where nobody can tell whether a roll was made: the answer was lost, and the product does not show a
    successor before its instant."""
    if not members:
        return told
    text = f"Nobody can say whether the successor was rolled on {', '.join(members)}: the answer was lost."
    why = {
        m: (*told.reasons.get(m, ()), *(f"{use}: about to be rolled, and no answer came" for use in uses))
        for m, uses in members.items()
    }
    return replace(told, verdict="unknown", text=text, reasons={**told.reasons, **why})
