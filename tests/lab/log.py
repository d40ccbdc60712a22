"""The lab's log file: one line an event, nothing secret.

Nobody gives it stdin, documents, replies or Authorization headers; should a password come by in
some other text all the same, it is masked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path


class EventLog:
    """Writes ``time event key=value ...``, flushed line by line."""

    def __init__(self, path: Path, secrets: Iterable[str] = ()) -> None:
        self.path = path
        self._secrets = tuple(filter(None, secrets))
        self._stream = path.open("a", encoding="utf-8", buffering=1)

    def __call__(self, event: str, /, **facts: str | float | bool | None) -> None:
        """Write one event."""
        words = [datetime.now(timezone.utc).isoformat(timespec="milliseconds"), event]
        words += [f"{name}={self._shown(value)}" for name, value in facts.items()]
        self._stream.write(" ".join(words) + "\n")

    def _shown(self, value: str | float | bool | None) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        for secret in self._secrets:
            value = value.replace(secret, "***")
        return value if value.isprintable() and value and not set(value) & set(" \"'=") else json.dumps(value)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
