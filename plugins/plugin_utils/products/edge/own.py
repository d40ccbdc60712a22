# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Edge pool's renewal may be told beside what every renewal is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ...plain import instant
from .state import AV_USE, EXTERNAL_USES, INTERNAL_USE


@dataclass(frozen=True)
class EdgeOwn:
    """Edge's own part of the settings."""

    av: str = "auto"
    """``auto``, ``follow`` (the external certificate) or ``leave``."""
    roll_at: str | None = None
    """ISO instant."""
    roll_hours: float = 4.0
    allow_call_drop: bool = False

    @property
    def roll_instant(self) -> datetime | None:
        """``roll_at`` as an aware instant."""
        return instant(self.roll_at) if self.roll_at else None


def give(bundles: Sequence[str], own: EdgeOwn) -> dict[str, str]:
    """Use -> name of the bundle that serves it.

    ``follow`` gives A/V authentication the external certificate where no bundle ``av`` is there; ``leave`` does not
    touch it.
    """
    uses: dict[str, str] = {}
    if "external" in bundles:
        uses |= dict.fromkeys(EXTERNAL_USES, "external")
    if "av" in bundles:
        uses[AV_USE] = "av"
    elif "external" in bundles and own.av != "leave":
        uses[AV_USE] = "external"
    if "internal" in bundles:
        uses[INTERNAL_USE] = "internal"
    return uses
