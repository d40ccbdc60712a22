"""The registry key HKLM\\SOFTWARE\\ucops\\certificates: journal and lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Lock:
    """Who holds the member."""

    run: str
    text: str
    at: datetime


@dataclass
class Journal:
    """The values of the key; None where a value does not exist."""

    text: str | None = None
    lock: Lock | None = None
