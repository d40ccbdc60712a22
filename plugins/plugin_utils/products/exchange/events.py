# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log of an Exchange server: what transport says of certificates (Microsoft, Selection of inbound STARTTLS
certificates; Selection of inbound anonymous TLS certificates). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ...findings.problem import Problem
from ...windows.calls import Answer, Call
from .state import TRANSPORT

LOG = "Application"
SOURCES = (TRANSPORT, "MSExchangeFrontEndTransport")
MEANINGS: Mapping[int, str] = {
    12012: "there is no certificate for mail between servers",
    12013: "the default SMTP certificate is not in the store",
    12014: "no certificate fits the name of a connector, so it offers no STARTTLS",
    12015: "the default SMTP certificate has expired",
    12016: "the certificate that fits the name of a connector has expired",
}


def read_call(after: datetime) -> Call:
    """The newest entries since ``after`` (an aware instant, by the server's clock)."""
    parameters = {"Log": LOG, "After": after, "Sources": list(SOURCES), "Newest": 50}
    return Call("events", "Find-Event", parameters, optional=True)


def unreadable(answer: Answer | None) -> Problem | None:
    """What keeps the event log from being a witness."""
    if answer is None or (answer.error is None and not answer.warnings):
        return None
    reason = answer.error.message if answer.error is not None else answer.warnings[0]
    return Problem("event.unreadable", LOG, reason)


def problems(rows: Iterable[Mapping[str, Any]]) -> tuple[Problem, ...]:
    """One problem an event about certificates, the same one once."""
    found: dict[tuple[int, str], Problem] = {}
    for row in rows:
        number, message = int(row["Id"]), " ".join(str(row.get("Message") or "").split())
        if number in MEANINGS:
            said = message if len(message) <= 300 else f"{message[:300]}..."
            text = f"{MEANINGS[number]}: {said}"
            evidence = {"event": str(number), "at": str(row.get("Time") or "")}
            found.setdefault((number, message), Problem("event.exchange-transport", str(row["Source"]), text, evidence))
    return tuple(found.values())
