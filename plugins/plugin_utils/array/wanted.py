# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From opened bundles to what a member shall have. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..inputs import Delivery, InputError, load_trust
from ..pki.bundle import Bundle
from ..pki.certificate import Certificate, load_der
from ..pki.chain import Path, chain_paths
from ..products.interface import Product
from ..stores.store import DesiredKey, label
from ..stores.wanted import Wanted


@dataclass(frozen=True)
class Published:
    """A delivery without its key: all that a step needs once the key lies on the members."""

    name: str
    leaf: Certificate
    intermediates: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    exportable: bool
    friendly_name: str | None
    trust: tuple[Certificate, ...]
    trust_name: str

    @classmethod
    def of(cls, delivery: Delivery) -> Published:
        """What of a delivery is no secret."""
        bundle = delivery.bundle
        more = (delivery.exportable, delivery.friendly_name, delivery.trust, delivery.trust_name)
        return cls(delivery.name, bundle.leaf, bundle.intermediates, bundle.roots, *more)

    def to_plain(self) -> dict[str, Any]:
        """Plain data; of the list of roots only its name."""
        return {
            "name": self.name,
            "leaf": _text(self.leaf),
            "intermediates": [_text(one) for one in self.intermediates],
            "roots": [_text(one) for one in self.roots],
            "exportable": self.exportable,
            "friendly_name": self.friendly_name,
            "trust_name": self.trust_name,
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Published:
        """Back from plain data; the list of roots is read again by its name. Raises InputError where it is gone."""
        return cls(
            data["name"],
            _certificate(data["leaf"]),
            tuple(_certificate(one) for one in data["intermediates"]),
            tuple(_certificate(one) for one in data["roots"]),
            data["exportable"],
            data["friendly_name"],
            load_trust(data["trust_name"]) if data["trust_name"] else (),
            data["trust_name"],
        )


def _text(certificate: Certificate) -> str:
    return base64.b64encode(certificate.der).decode("ascii")


def _certificate(text: str) -> Certificate:
    return load_der(base64.b64decode(text))


def intended_path(delivery: Delivery, at: datetime) -> Path:
    """The chain that the vendor meant: the best path through the delivery to a root that clients trust.

    A cross-sign that the best path does not need is left out: installed, it would make a second chain that can be sent.
    """
    return _path(Published.of(delivery), at)


def _path(given: Published, at: datetime) -> Path:
    pool = [*given.intermediates, *given.roots]
    return chain_paths(given.leaf, pool, [*given.trust, *given.roots], at, "server")[0]


def wanted_for(
    deliveries: Sequence[Delivery | Published], product: Product[Any], own: Any, at: datetime, install_root: bool
) -> Wanted:
    """What every member of an array of the product shall have. ``at`` is the instant at which the chains are built.

    Raises InputError for a bundle that the product has no use for.
    """
    try:
        names = product.give([delivery.name for delivery in deliveries], own)
    except ValueError as error:
        raise InputError("bundle.unknown-use", str(error)) from None
    published = [one if isinstance(one, Published) else Published.of(one) for one in deliveries]
    return _wanted(names, published, product.key_store, at, install_root)


def _wanted(
    names: Mapping[str, str], deliveries: Sequence[Published], store: str, at: datetime, install_root: bool
) -> Wanted:
    by_name = {delivery.name: delivery for delivery in deliveries}
    uses = {use: by_name[name].leaf for use, name in names.items()}
    keys: dict[str, DesiredKey] = {}
    intermediates: dict[str, tuple[Certificate, ...]] = {}
    trust: dict[str, tuple[Certificate, ...]] = {}
    roots: dict[str, Certificate] = {}
    for delivery in deliveries:
        leaf = delivery.leaf
        keys[leaf.sha256] = DesiredKey(leaf, store, delivery.exportable, delivery.friendly_name)
        path = _path(delivery, at)
        links = path.certificates[1:]
        intermediates[leaf.sha256] = tuple(c for c in links if not c.self_issued)
        trust[leaf.sha256] = delivery.trust
        if install_root:
            roots |= {c.sha256: c for c in links if c.self_issued}
    return Wanted(uses, tuple(keys.values()), intermediates, tuple(roots.values()), trust)


def bundles_by_leaf(deliveries: Sequence[Delivery]) -> Mapping[str, Bundle]:
    """SHA-256 of the leaf -> bundle."""
    return {delivery.bundle.leaf.sha256: delivery.bundle for delivery in deliveries}


def wanted_facts(wanted: Wanted, deliveries: Sequence[Delivery]) -> dict[str, dict[str, str]]:
    """Use -> thumbprint, key, label and trust list: what of it every step of the run knows."""
    trust = {d.bundle.leaf.sha256: d.trust_name for d in deliveries}
    return {
        use: {"thumbprint": leaf.thumbprint, "key": leaf.spki_sha256, "label": label(leaf), "trust": trust[leaf.sha256]}
        for use, leaf in wanted.uses.items()
    }
