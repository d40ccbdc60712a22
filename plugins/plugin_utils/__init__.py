# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is imported from here knows the products: their findings, their cmdlets, what can be loaded for them."""

from __future__ import annotations

from . import products

__all__ = ["products"]
