# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is: decided once on the controller, handed to every step on every member. Holds no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..plain import loosely
from ..products.values import NO_EMERGENCY, Emergency

Purpose = Literal["renew", "settle", "rollback"]


@dataclass(frozen=True)
class Settings:
    """The run's settings; every member gets the same."""

    run: str
    """The run's id, such as ``20261123T021500Z-4f2a``."""
    array: str
    members: tuple[str, ...]
    """Every member of the array, the excluded ones left out."""
    product: str = ""
    """Empty: the members' journals name it."""
    purpose: Purpose = "renew"
    operator: str = ""
    controller: str = ""
    started: str = ""
    """ISO instant, by the controller's clock."""
    version: str = ""
    """The collection's version."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Member -> why it is left out."""
    wanted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Use -> thumbprint, key (SHA-256 of the public key), label and trust of what every member shall have."""
    site: str = ""
    """Whose array it is, where several sites have arrays of one name."""
    expect_plan: str = ""
    """Digest of the plan that was approved; empty: any."""
    trust: str = "system"
    names: tuple[str, ...] = ()
    install_root: bool = False
    drain_seconds: int = 1800
    drain_poll_seconds: float = 15.0
    drain_expired: str = "abort"
    on_failure: str = "rollback"
    window_hours: float = 12.0
    event_hours: float = 24.0
    take_over: str | None = None
    """Run ids of dead runs whose locks may be taken, with commas between them."""
    completed: bool = False
    """Whether a rollout that ended well may be taken back, too."""
    cancel_roll: bool = True
    show_calls: bool = False
    emergency: Emergency = NO_EMERGENCY
    """Why the renewal cannot wait."""
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other arrays, and their members that are looked at for the key which is replaced."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """The product's own part, as its options."""

    @property
    def dead(self) -> tuple[str, ...]:
        """The runs whose locks may be taken; several where one that took over was cut off, too."""
        return tuple(filter(None, (one.strip() for one in (self.take_over or "").split(","))))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for facts."""
        plain = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Back from a fact. Raises ValueError when it is not the settings of a run."""
        emergency = Emergency.of(data.get("emergency"))
        settings = loosely(cls, {"run": "", "array": "", "members": (), **data, "emergency": emergency}, "rollout_")
        if not settings.run:
            raise ValueError(
                "these are not the settings of a run: the run id is missing. Start the playbook from its beginning"
            )
        return settings
