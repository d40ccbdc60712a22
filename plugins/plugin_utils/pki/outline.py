# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outline of a certificate: its parts, still encoded, without judging any of them (RFC 5280, section 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from . import der


@dataclass(frozen=True)
class Body:
    """The parts of a certificate, each still encoded."""

    signed: bytes
    """What the signature covers."""
    version: int
    """1 or 3, as people count."""
    serial: bytes
    """Content octets of the serial number."""
    inner_algorithm: bytes
    issuer: bytes
    validity: der.Node
    subject: bytes
    spki: bytes
    extensions: der.Node | None
    algorithm: der.Node
    """The algorithm beside the signature; it must be the same as the inner one."""
    signature: bytes


def parse(whole: der.Node) -> Body:
    """Takes a certificate apart. Raises ValueError (DerError is one) when it is none."""
    signed, algorithm, signature = whole.parts()
    parts = signed.parts()
    if not parts:
        raise der.DerError("a certificate has nothing in it")
    version = 1
    if parts[0].tag == 0xA0:
        version = der.integer(parts.pop(0).first()) + 1
    serial, inner, issuer, validity, subject, spki, *rest = parts
    for node in (inner, issuer, validity, subject, spki, algorithm):
        if node.tag != der.SEQUENCE:
            raise der.DerError("a certificate has a part of another shape")
    if serial.tag != der.INTEGER or serial.start == serial.end:
        raise der.DerError("a certificate has no serial number")
    held = next((node for node in rest if node.tag == 0xA3), None)
    return Body(
        signed.raw, version, serial.content, inner.raw, issuer.raw, validity, subject.raw, spki.raw,
        None if held is None else held.first(), algorithm, der.bits(signature),
    )  # fmt: skip


def instant(node: der.Node) -> datetime:
    """A UTCTime or GeneralizedTime, also in forms that RFC 5280 forbids and old software wrote. Raises ValueError."""
    text = node.content.decode("ascii")
    match = re.fullmatch(r"(\d{10}|\d{12}|\d{14})(?:\.(\d{1,6})\d*)?(Z|[+-]\d{4})?", text)
    if match is None or node.tag not in (der.UTC_TIME, der.GENERALIZED_TIME):
        raise ValueError(f"{text[:32]!r} is not a date")
    digits, fraction, zone = match.groups()
    if node.tag == der.UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    instant = datetime(
        int(digits[:4]), int(digits[4:6]), int(digits[6:8]), int(digits[8:10]), int(digits[10:12]),
        int(digits[12:] or 0), tzinfo=timezone.utc,
    )  # fmt: skip
    if fraction:
        instant += timedelta(microseconds=int(fraction.ljust(6, "0")))
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        instant += -offset if zone[0] == "+" else offset
    return instant
