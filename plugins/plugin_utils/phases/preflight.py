# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before any member is touched: a part of an array, and bundles that cannot do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ..array.findings import Finding, finding, from_problem, in_order
from ..inputs import Delivery
from ..pki.preflight import check_bundle, check_roots
from .evidence import Wanted
from .wanted import intended_path


def array_findings(
    array: str,
    members: Sequence[str],
    arrays: Mapping[str, Sequence[str]],
    excluded: Mapping[str, str],
    size: int | None,
) -> Iterable[Finding]:
    """The array itself: there, whole, and no member of two."""
    if not members:
        text = (
            f"group {array!r} is not in the inventory or has no hosts; expected the servers that share one certificate"
        )
        yield finding("array.empty", array, array, text)
    elif not [m for m in members if m not in excluded]:
        yield finding(
            "array.empty", array, array, f"every member of {array!r} is excluded; there is nothing left to renew"
        )
    if size is not None and members and len(members) != size:
        text = (
            f"rollout_size says {size} members, this run sees {len(members)}; a sliced or partial "
            f"inventory cannot renew an array"
        )
        yield finding("array.incomplete-run", array, array, text)
    for name in excluded:
        if members and name not in members:
            yield finding(
                "array.incomplete-run", array, name, f"rollout_excluded names {name}, which is no member of {array!r}"
            )
        if not str(excluded[name] or "").strip():
            yield finding(
                "array.incomplete-run",
                array,
                name,
                f"rollout_excluded gives no reason for {name}; every report repeats the reason",
            )
    for other, hosts in arrays.items():
        for member in members if other != array else ():
            if member in hosts:
                yield finding(
                    "array.member-twice",
                    member,
                    member,
                    f"is a member of {array!r} and of {other!r}; whose certificate is it to carry?",
                )


def delivery_findings(deliveries: Sequence[Delivery], at: datetime, product: str) -> Iterable[Finding]:
    """Each bundle by itself, by the controller's clock; the members' clocks and versions are asked later."""
    for delivery in deliveries:
        wildcards = product != "edge"
        for problem in check_bundle(delivery.bundle, at, friendly_name=delivery.friendly_name, wildcards=wildcards):
            yield from_problem(problem)
        path = intended_path(delivery, at)
        if not path.ok:
            reasons = "; ".join(f.text for f in path.findings)
            text = (
                f"bundle {delivery.name!r} does not lead to a root of trust list {delivery.trust_name!r} "
                f"by itself: {reasons}"
            )
            yield finding("chain.incomplete", "", delivery.bundle.leaf.common_name or "", text, severity="warning")


def trust_findings(deliveries: Sequence[Delivery]) -> Iterable[Finding]:
    """Lists of trusted roots that hold something else: an intermediate there would make every chain look complete.

    Lists that nobody wrote for this run are left alone.
    """
    lists = {d.trust_name: d.trust for d in deliveries if d.trust_name not in ("system", "mozilla")}
    for certificates in lists.values():
        for problem in check_roots(certificates):
            yield from_problem(problem)


def one_leaf_a_use(wanted: Wanted) -> Iterable[Finding]:
    """Two bundles with the same leaf are most likely a mistake of copying."""
    by_leaf: dict[str, list[str]] = {}
    for use, leaf in wanted.uses.items():
        by_leaf.setdefault(leaf.sha256, []).append(use)
    for uses in by_leaf.values():
        if "Internal" in uses and len(uses) > 1:
            text = (
                f"the internal interface and {', '.join(u for u in uses if u != 'Internal')} would share "
                f"one certificate"
            )
            yield finding("bundle.shared-internal", "", "Internal", text, severity="warning")


def all_findings(
    array: str,
    members: Sequence[str],
    arrays: Mapping[str, Sequence[str]],
    excluded: Mapping[str, str],
    size: int | None,
    deliveries: Sequence[Delivery],
    wanted: Wanted | None,
    at: datetime,
    product: str,
    more: Iterable[Finding] = (),
) -> tuple[Finding, ...]:
    """Everything at once, worst first. ``more``: what was found elsewhere."""
    found = [*array_findings(array, members, arrays, excluded, size), *delivery_findings(deliveries, at, product)]
    found += more
    found += trust_findings(deliveries)
    if wanted is not None:
        found += one_leaf_a_use(wanted)
    return in_order(found)
