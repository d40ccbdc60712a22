# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settling: what is done on all members of an array once the instant of its A/V roll has passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..findings.finding import Finding, finding, in_order
from ..member.settings import Settings
from ..products.edge import state as edge
from .decide import member_findings

Evidence = Mapping[str, Any]


def settle_decision(
    settings: Settings, evidence: Mapping[str, Evidence], reasons: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Which members have to be settled, and what speaks against it."""
    found = [f for f in member_findings(settings, evidence, reasons) if f.id != "roll.unsettled"]
    todo = []
    for member in settings.members:
        seen = evidence.get(member)
        if not seen:
            continue
        instant = seen.get("roll_instant")
        if not seen.get("standing"):
            if instant and not seen.get("roll_settled"):
                text = "the successor that its journal names is not in LocalMachine\\My any more"
                found.append(finding("store.leaf-missing", member, edge.AV_USE, text))
            continue
        standing = seen["standing"]["state"]
        if standing == "scheduled":
            text = (
                f"the roll takes effect at {seen['standing']['instant']}, it is {seen['host']['clock']} "
                f"there now; settle after that"
            )
            found.append(finding("roll.pending", member, edge.AV_USE, text, severity="error"))
        elif standing == "needed":
            found.append(finding("roll.passed-unrolled", member, edge.AV_USE))
        elif instant and not seen.get("roll_settled"):
            todo.append(member)
    # A settling that failed half-way left services stopped: to start them again is what the next one is for.
    found = [f for f in found if not (f.id == "product.service-stopped" and f.member in todo)]
    return tuple(todo), in_order(found)
