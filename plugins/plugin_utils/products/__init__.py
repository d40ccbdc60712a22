# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The products, each in a folder of its own: the only list of them anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..findings.catalogue import add
from ..windows.calls import allow
from .edge.product import PRODUCT as EDGE
from .exchange.product import PRODUCT as EXCHANGE
from .interface import Product

PRODUCTS: Mapping[str, Product[Any]] = {product.name: product for product in (EDGE, EXCHANGE)}

for _product in PRODUCTS.values():
    add(_product.catalogue)
    allow(_product.cmdlets, _product.ways)
