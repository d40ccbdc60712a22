"""The event logs of a member, with the noise that partners make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LYNC = "Lync Server"
SYSTEM_LOG = "System"
PROTOCOL_STACK = "LS Protocol Stack"
#: Every so many seconds of the lab's clock a partner's fault is logged.
NOISE = (
    (
        14428,
        PROTOCOL_STACK,
        "Error",
        1740,
        "TLS outgoing connection failures. Over the past 29 minutes, the server has experienced TLS outgoing "
        "connection failures 2 time(s). The error code of the last failure is 0x80090325 (The certificate chain was "
        "issued by an authority that is not trusted.) while trying to connect to the server "
        '"sip.partner.example" at address [192.0.2.17:5061], and the display name in the peer certificate is '
        '"sip.partner.example".',
    ),
    (
        14507,
        PROTOCOL_STACK,
        "Warning",
        2940,
        "Stale security association. Over the past 49 minutes 3 stale security association(s) were used by a peer.",
    ),
)


@dataclass(frozen=True)
class Event:
    """One entry."""

    id: int
    source: str
    level: str
    time: datetime
    message: str
    log: str = LYNC


class EventLogs:
    """What was logged, oldest first. ``names``: the logs that exist."""

    def __init__(self, started: datetime) -> None:
        self.names = {LYNC, SYSTEM_LOG, "Application"}
        self.written: list[Event] = []
        self.noise = True
        self._started = started

    def write(self, event: Event) -> None:
        """Append an event."""
        self.written.append(event)

    def read(self, log: str, now: datetime) -> list[Event]:
        """Everything of one log up to ``now``, oldest first, partner noise of the last two days included."""
        found = [e for e in self.written if e.log == log]
        if self.noise and log == LYNC:
            for number, source, level, every, text in NOISE:
                moment = self._started + timedelta(seconds=every / 3)
                back = int((moment - (now - timedelta(days=2))).total_seconds() // every)
                moment -= timedelta(seconds=every * back)
                while moment <= now:
                    found.append(Event(number, source, level, moment, text))
                    moment += timedelta(seconds=every)
        return sorted(found, key=lambda e: e.time)


def byte_reversed(serial: int) -> str:
    """A serial number as Lync's events print it: the bytes in reverse order, upper-case hex."""
    data = serial.to_bytes((serial.bit_length() + 7) // 8 or 1, "little")
    return data.hex().upper()
