# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that somebody read and approved: as lines, as a digest, and held against the plan of now. Pure.

What is in it is what a run would change: no instants, no run ids, nothing that has only to be staged. So a check run
and the run behind it have the same as long as neither the members nor the bundles have changed.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence

from ..errors import Refused
from ..member.evidence import Evidence
from ..member.settings import Settings
from ..products.values import Plan
from .decide import Gate, plan_of


def plan_lines(settings: Settings, gate: Gate, evidence: Mapping[str, Evidence]) -> tuple[str, ...]:
    """What the run would change, a line each, in an order of its own."""
    lines = [f"array {settings.array}: {', '.join(settings.members)}"]
    lines += [f"certificate for {use}: {wanted['thumbprint']}" for use, wanted in sorted(settings.wanted.items())]
    if gate.roll.action != "none":
        lines.append(f"{gate.roll.action} {gate.roll.use}: {', '.join(gate.roll.members)}")
    for member in settings.members:
        seen = evidence.get(member)
        if seen is not None and member in gate.switch:
            lines += _lines(member, "switch", plan_of(gate, member, seen))
        for what, plans in (("before", gate.before), ("after", gate.after)):
            if member in plans:
                lines += _lines(member, what, plans[member])
    return tuple(lines)


def _lines(member: str, what: str, plan: Plan) -> Iterable[str]:
    for kind in (plan.uses, plan.settings):
        yield from (f"{member} {what}: {name}: {both.before} -> {both.after}" for name, both in sorted(kind.items()))
    yield from (f"{member} {what}: {use}: succeeded by {at.thumbprint}" for use, at in sorted(plan.pending.items()))
    for verb, services in (("stop", plan.stop), ("restart", plan.restart), ("start", plan.start)):
        if services:
            yield f"{member} {what}: {verb} {', '.join(services)}"


def digest(lines: Sequence[str]) -> str:
    """Sixteen hex digits of SHA-256 over the lines."""
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()[:16]


def demand_plan(expected: str, lines: Sequence[str], approved: Sequence[str] | None) -> None:
    """Raises Refused unless the plan is the one that was approved.

    ``expected``: its digest; empty: nobody asked. ``approved``: its lines, where a report of that run was found.
    """
    if not expected or expected.strip().lower() == digest(lines):
        return
    shown = difflib.unified_diff(approved or (), lines, "approved", "now", lineterm="", n=0)
    told = "\n  ".join(shown if approved is not None else lines)
    what = "what is different" if approved is not None else "no report of the approved plan was found; the plan of now"
    raise Refused(
        f"Nothing is rolled or switched: rollout_expect_plan says {expected.strip()}, the plan is {digest(lines)} now; "
        f"{what}:\n  {told}\n  Next: read it, and approve it with -e rollout_expect_plan={digest(lines)}, or mend what "
        "has changed"
    )
