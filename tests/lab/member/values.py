"""Typed values on the wire: what the document's JSON means, and how answers are written."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .clock import iso


@dataclass(frozen=True)
class Secure:
    """A SecureString."""

    text: str

    def __repr__(self) -> str:
        return "Secure(***)"


@dataclass(frozen=True)
class Switch:
    """A switch parameter."""

    on: bool

    def __bool__(self) -> bool:
        return self.on


def parse_moment(text: str) -> datetime:
    """An ISO-8601 moment with up to seven fractional digits, as UTC. Raises ValueError."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)", text)
    if not found:
        raise ValueError(f"expected an ISO-8601 moment that ends in Z or an offset, found {text!r}")
    micro = ((found[2] or "") + "000000")[:6]
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(f"{found[1]}.{micro}{zone}").astimezone(timezone.utc)


def decode(value: Any, computer: str = "") -> Any:
    """A JSON value of the document as what it stands for; ``computer``: the member's NetBIOS name."""
    if isinstance(value, list):
        return [decode(v, computer) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inner) = next(iter(value.items()))
        if kind == "$bytes":
            return base64.b64decode(inner, validate=True)
        if kind == "$datetime":
            return parse_moment(inner)
        if kind == "$secure":
            return Secure(inner)
        if kind == "$switch":
            return Switch(bool(inner))
        if kind == "$int64":
            return int(inner)
        if kind == "$computer":
            return computer
    return {k: decode(v, computer) for k, v in value.items()}


def encode(value: Any) -> Any:
    """An answer as JSON."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {"$datetime": iso(value)}
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return {"$int64": str(value)}
    return value
