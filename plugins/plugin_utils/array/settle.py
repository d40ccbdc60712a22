# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settling: what is done on all members of an array once the instant of a successor has passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..findings.finding import Finding, finding, in_order
from ..member.evidence import Evidence
from ..member.records import settled_of
from ..member.settings import Settings
from ..products.interface import Product
from .decide import member_findings


def settle_decision(
    product: Product[Any], settings: Settings, evidence: Mapping[str, Evidence], reasons: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Which members have to be settled, and what speaks against it."""
    found = [f for f in member_findings(settings, evidence, reasons) if f.id != "roll.unsettled"]
    todo = []
    for member in settings.members:
        seen = evidence.get(member)
        if not seen:
            continue
        rolled = seen.journal is not None and seen.journal.roll is not None and not settled_of(seen.journal)
        at = seen.pending.get(product.succeeds)
        if at is None:
            if rolled:
                text = "the successor that its journal names is not in LocalMachine\\My any more"
                found.append(finding("store.leaf-missing", member, product.succeeds, text))
        elif at.state == "scheduled":
            when = at.instant.isoformat() if at.instant else "an instant to come"
            text = f"the roll takes effect at {when}, it is {seen.clock.isoformat()} there now; settle after that"
            found.append(finding("roll.pending", member, product.succeeds, text, severity="error"))
        elif at.state == "needed":
            found.append(finding("roll.passed-unrolled", member, product.succeeds))
        elif rolled:
            todo.append(member)
    # A settling that failed half-way left services stopped: to start them again is what the next one is for.
    found = [f for f in found if not (f.id == "product.service-stopped" and f.member in todo)]
    return tuple(todo), in_order(found)
