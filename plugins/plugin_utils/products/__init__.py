# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The products, each in a folder of its own."""

from __future__ import annotations

from ..findings.catalogue import add
from .edge.catalogue import EDGE
from .exchange.catalogue import EXCHANGE

add(EDGE)
add(EXCHANGE)
