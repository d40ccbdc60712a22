# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of finding that the collection knows, by its id.

What belongs to no product lies in this folder; a product's own entries lie in the product's folder and come in by
:func:`add` when the products are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..entry import Entry
from .array import ARRAY
from .emergency import EMERGENCY
from .member import MEMBER
from .pki import PKI
from .verify import VERIFY

CATALOGUE: dict[str, Entry] = {**PKI, **MEMBER, **ARRAY, **EMERGENCY, **VERIFY}
"""Every id the collection uses, with severity, title, why it matters, remedy and public source."""


def add(entries: Mapping[str, Entry]) -> None:
    """Takes a product's own entries in. Raises ValueError for an id that somebody else has already."""
    taken = sorted(id for id, entry in entries.items() if CATALOGUE.get(id, entry) != entry)
    if taken:
        raise ValueError(f"these ids are in the catalogue of findings already: {', '.join(taken)}")
    CATALOGUE.update(entries)
