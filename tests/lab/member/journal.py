"""The registry key HKLM\\SOFTWARE\\ucops\\certificates: journal and lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: Access lists in SDDL: the one that the key is to have, and what a new key inherits (its users may read it).
PROTECTED = "D:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)"
INHERITED = "D:AI(A;CIID;KR;;;BU)(A;CIID;KA;;;BA)(A;CIID;KA;;;SY)(A;CIIOID;KA;;;CO)"


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
    maintenance: str | None = None
    access: str | None = None
    """The key's own access list in SDDL; None while nobody has made the key."""
