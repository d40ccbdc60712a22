# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the date of a certificate in use means: when it is told, and what comes after it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.in_use import Limits, expiry, longest_life
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, issue


@pytest.mark.parametrize(
    ("day", "longest"),
    [("2026-03-14", 398), ("2026-03-15", 200), ("2027-03-15", 100), ("2029-03-14", 100), ("2029-03-15", 47)],
)
def test_public_certificates_get_shorter(day: str, longest: int) -> None:
    assert longest_life(datetime.fromisoformat(day).replace(tzinfo=timezone.utc)) == longest


def test_the_windows_ahead_are_told_with_the_date() -> None:
    """Of one that a CA issued; a server makes its own for as long as it likes."""
    soon = {"not_before": NOW - 300 * DAY, "not_after": NOW + 5 * DAY}
    told = expiry(issue("mail.example", authority("A CA"), **soon).certificate, ("IIS",), NOW, Limits())
    assert told is not None and f"lasts {longest_life(NOW)} days at most" in told[0].text
    own = expiry(authority("ex1", **soon).certificate, ("SMTP",), NOW, Limits())
    assert own is not None and "at most" not in own[0].text


@pytest.mark.parametrize(
    ("left", "severity"), [(40, None), (20, None), (14, "warning"), (4, "error"), (-1, "critical")]
)
def test_a_short_life_is_no_alarm_from_its_first_day(left: int, severity: str | None) -> None:
    """47 days: warned of in its last third, although the limit is 30 days."""
    certificate = issue("a.example", not_before=NOW - (47 - left) * DAY, not_after=NOW + left * DAY).certificate
    told = expiry(certificate, (), NOW, Limits())
    assert (told[1] if told else None) == severity
