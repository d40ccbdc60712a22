# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pure check says when something is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One observation on one member, without severity: the catalogue in ``array.findings`` gives that by the id."""

    id: str
    """Stable id, such as ``store.intermediate-missing``."""
    subject: str
    """What it is about: a use, a certificate, a service."""
    text: str
    """One sentence: what was expected, what was found, where."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Thumbprints, instants, names: what proves it."""
    remedy: str = ""
    """What is to be done, where a product knows better than the catalogue."""
