# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From opened bundles to what a member shall have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..inputs import Delivery, InputError, uses_of
from ..member.evidence import Wanted
from ..pki.bundle import Bundle
from ..pki.certificate import Certificate
from ..pki.chain import Path, chain_paths
from ..products.exchange.state import STAGE
from ..stores.store import DesiredKey


def intended_path(delivery: Delivery, at: datetime) -> Path:
    """The chain that the vendor meant: the best path through the delivery to a root that clients trust.

    A cross-sign that the best path does not need is left out: installed, it would make a second chain that can be sent.
    """
    bundle = delivery.bundle
    pool = [*bundle.intermediates, *bundle.roots]
    return chain_paths(bundle.leaf, pool, [*delivery.trust, *bundle.roots], at, "server")[0]


def wanted_from(deliveries: Sequence[Delivery], av: str, at: datetime, install_root: bool) -> Wanted:
    """What every member of an Edge pool shall have. ``at`` is the instant at which the chains are built."""
    return _wanted(uses_of(deliveries, av), deliveries, "My", at, install_root)


def wanted_of_exchange(
    deliveries: Sequence[Delivery], services: Sequence[str], at: datetime, install_root: bool
) -> Wanted:
    """What every member of an Exchange array shall have: one certificate for all ``services``.

    Its key waits in a store of the collection's own: My is live. Raises InputError for another bundle than
    ``external``.
    """
    other = [delivery.name for delivery in deliveries if delivery.name != "external"]
    if other:
        text = f"rollout_bundles: an Exchange array takes one bundle, named external; found {', '.join(other)} as well"
        raise InputError("bundle.unknown-use", text)
    return _wanted(dict.fromkeys(services, "external"), deliveries, STAGE, at, install_root)


def wanted_for(
    deliveries: Sequence[Delivery], product: str, av: str, services: Sequence[str], at: datetime, install_root: bool
) -> Wanted:
    """What every member of an array of the product shall have."""
    if product == "exchange":
        return wanted_of_exchange(deliveries, services, at, install_root)
    return wanted_from(deliveries, av, at, install_root)


def _wanted(
    names: Mapping[str, str], deliveries: Sequence[Delivery], store: str, at: datetime, install_root: bool
) -> Wanted:
    by_name = {delivery.name: delivery for delivery in deliveries}
    uses = {use: by_name[name].bundle.leaf for use, name in names.items()}
    keys: dict[str, DesiredKey] = {}
    intermediates: dict[str, tuple[Certificate, ...]] = {}
    trust: dict[str, tuple[Certificate, ...]] = {}
    roots: dict[str, Certificate] = {}
    for delivery in deliveries:
        leaf = delivery.bundle.leaf
        keys[leaf.sha256] = DesiredKey(leaf, store, delivery.exportable, delivery.friendly_name)
        path = intended_path(delivery, at)
        links = path.certificates[1:]
        intermediates[leaf.sha256] = tuple(c for c in links if not c.self_issued)
        trust[leaf.sha256] = delivery.trust
        if install_root:
            roots |= {c.sha256: c for c in links if c.self_issued}
    return Wanted(uses, tuple(keys.values()), intermediates, tuple(roots.values()), trust)


def bundles_by_leaf(deliveries: Sequence[Delivery]) -> Mapping[str, Bundle]:
    """SHA-256 of the leaf -> bundle."""
    return {delivery.bundle.leaf.sha256: delivery.bundle for delivery in deliveries}
