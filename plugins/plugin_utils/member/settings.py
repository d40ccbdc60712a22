# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is: decided once on the controller, handed to every step on every member. Holds no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Settings:
    """The run's settings; every member gets the same."""

    run: str
    """The run's id, such as ``20261123T021500Z-4f2a``."""
    array: str
    members: tuple[str, ...]
    """Every member of the array, the excluded ones left out."""
    product: str = "edge"
    purpose: str = "renew"
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
    trust: str = "system"
    av: str = "auto"
    names: tuple[str, ...] = ()
    install_root: bool = False
    roll_at: str | None = None
    """ISO instant."""
    roll_hours: float = 4.0
    allow_call_drop: bool = False
    drain_seconds: int = 1800
    drain_poll_seconds: float = 15.0
    drain_expired: str = "abort"
    on_failure: str = "rollback"
    window_hours: float = 12.0
    event_hours: float = 24.0
    take_over: str | None = None
    """Run id of a dead run whose lock may be taken."""
    completed: bool = False
    """Whether a rollout that ended well may be taken back, too."""
    cancel_roll: bool = True
    show_calls: bool = False
    services: tuple[str, ...] = ("IIS", "SMTP", "POP", "IMAP")
    """Exchange: the services that get the certificate, where a member has them."""
    default_smtp: str | None = None
    """Exchange: ``keep`` or ``move``."""
    require_ssl: bool = False
    pop_name: str | None = None
    imap_name: str | None = None
    shell: str = "auto"
    """Exchange: the way to its cmdlets."""
    restart: tuple[str, ...] = ("POP", "IMAP")
    """Exchange: services that are restarted in the switch."""
    edge_subscription: str = "stop"
    """Exchange: ``stop`` or ``renew``, where a new certificate of an Edge Transport server needs a new subscription."""

    @property
    def roll_instant(self) -> datetime | None:
        """``roll_at`` as an aware instant."""
        return datetime.fromisoformat(self.roll_at.replace("Z", "+00:00")) if self.roll_at else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for facts."""
        plain = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Back from a fact. Raises ValueError when it is not the settings of a run."""
        kinds = {f.name: str(f.type) for f in fields(cls)}
        values = {str(k): _as(kinds[str(k)], v, str(k)) for k, v in data.items() if str(k) in kinds}
        values = {name: value for name, value in values.items() if value is not None or kinds[name].endswith("None")}
        if not values.get("run"):
            raise ValueError(
                "these are not the settings of a run: the run id is missing. Start the playbook from its beginning"
            )
        return cls(**values)


def _as(kind: str, value: Any, name: str) -> Any:
    """A setting in its own type: up to ansible-core 2.18 a template that makes a number or a truth gives its text."""
    if value is None or (isinstance(value, str) and value in ("", "None") and kind != "str"):
        return None
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
        if kind in ("int", "float"):
            return int(float(value)) if kind == "int" else float(value)
    except (KeyError, ValueError, TypeError):
        raise ValueError(f"rollout_{name}: expected {KINDS[kind]}, found {value!r}") from None
    if kind.startswith("tuple"):
        return tuple(str(item) for item in value)
    return str(value) if kind.startswith("str") else value


KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number"}
