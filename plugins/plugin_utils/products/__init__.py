# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The products, each in a folder of its own: the only list of them anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CollectionError
from ..findings.catalogue import add
from ..windows.calls import allow
from .edge.product import PRODUCT as EDGE
from .exchange.product import PRODUCT as EXCHANGE
from .frontend.product import PRODUCT as FRONTEND
from .interface import Product, Verified, can_roll

PRODUCTS: Mapping[str, Verified[Any]] = {product.name: product for product in (EDGE, EXCHANGE, FRONTEND)}

for _product in PRODUCTS.values():
    add(_product.catalogue)
    allow(_product.cmdlets, _product.ways)


class NotRolled(CollectionError, ValueError):  # noqa: N818 - the user named a product that this cannot be done to
    """A rollout or a request of a product that has none."""


def rolled(name: str, variable: str = "rollout_product") -> Product[Any]:
    """The product of that name, for what changes it. Raises NotRolled: a sentence for who set ``variable``."""
    product = PRODUCTS.get(name)
    if product is not None and can_roll(product):
        return product
    able = " or ".join(known.name for known in PRODUCTS.values() if can_roll(known))
    found = f"found {name!r}"
    if product is not None:
        found = f"found {name}: a {product.title} can only be verified (playbook ucops.certificates.verify)"
    raise NotRolled(f"{variable}: expected {able}, {found}")
