"""What a member's WinRM service counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counts:
    """Totals since the lab's start or the last reset. Bytes are HTTP heads and bodies, before TLS."""

    connections: int = 0
    requests: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    commands: int = 0
    shells: int = 0
    actions: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """All back to zero."""
        self.__init__()  # type: ignore[misc]

    def as_dict(self) -> dict[str, Any]:
        """For ``GET /counts``."""
        return {
            "connections": self.connections,
            "requests": self.requests,
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
            "commands": self.commands,
            "shells": self.shells,
            "actions": dict(self.actions),
        }
