# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log of Lync and Skype for Business: what concerns certificates, and what of it is ours. Pure.

Lync prints serial numbers byte-reversed. Partner TLS failures (14428, 14507) are noise: they happen every day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ...findings.problem import Problem
from ...pki.certificate import Certificate, byte_reversed_serial
from ...stores.eventlog import Event
from ...windows.calls import Answer, Call

LOG = "Lync Server"
"""Also the name of the log on Skype for Business Server 2015."""
SOURCES = ("LS Protocol Stack",)
NOISE = frozenset({14428, 14507})


def read_call(after: datetime, newest: int = 200) -> Call:
    """Reads the newest entries since ``after`` (an aware instant, by the member's clock)."""
    parameters = {"Log": LOG, "After": after, "Sources": list(SOURCES), "Newest": newest}
    return Call("events", "Find-Event", parameters, optional=True)


def unreadable(answer: Answer | None) -> Problem | None:
    """What keeps the event log from being a witness: an error, or the script's warning that there is no such log."""
    if answer is None:
        return None
    reason = answer.error.message if answer.error is not None else next(iter(answer.warnings), None)
    return None if reason is None else Problem("event.unreadable", LOG, reason)


def names_serial(event: Event, certificate: Certificate) -> bool:
    """True when the text holds the certificate's serial number, in either order, with or without separators.

    The one published example of a turned number (skypepro.co.uk) is turned digit by digit, not byte by byte; its author
    had changed the digits, so both are tried.
    """
    text = re.sub(r"[^0-9A-F]", "", event.message.upper().replace(" ", ""))
    plain = certificate.serial_hex
    return len(plain) >= 8 and any(form in text for form in (plain, byte_reversed_serial(certificate), plain[::-1]))


def problems(
    events: Sequence[Event],
    ours: Iterable[Certificate],
    since: datetime | None,
    texts: Mapping[str, re.Pattern[str]] | None = None,
) -> tuple[Problem, ...]:
    """The entries that can fail a rollout: those whose text is known, and errors that name one of our serial numbers.

    ``since`` leaves out what was there before (None: everything counts). ``texts``: finding -> the text that is told
    as that, whatever the entry's number and level.
    """
    mine = tuple(ours)
    found = []
    for event in events:
        if since is not None and event.time < since:
            continue
        first = event.message.strip().splitlines()[0] if event.message.strip() else "(no text)"
        evidence = {"event": f"{event.source} {event.id}", "time": event.time.isoformat(), "level": event.level}
        known = next((id for id, text in (texts or {}).items() if text.search(event.message)), None)
        if known is not None:
            found.append(Problem(known, f"event {event.id}", first, evidence))
        elif event.id not in NOISE and event.level in ("Error", "Critical"):
            named = next((c for c in mine if names_serial(event, c)), None)
            if named is not None:
                evidence["serial"] = named.serial_hex
                found.append(Problem("event.certificate", f"event {event.id}", first, evidence))
    return tuple(found)
