# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the event log of an Exchange server says of certificates."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange import events
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, RemoteError

AT = datetime(2026, 11, 23, 2, 0, tzinfo=timezone.utc)
NONE_FITS = (
    "Microsoft Exchange could not find a certificate that contains the domain name smtp.contoso.example in the store "
    "of the local computer. Therefore, it is unable to support the STARTTLS SMTP verb for the connector Client."
)


def row(number: int, message: str = NONE_FITS) -> dict[str, object]:
    return {"Id": number, "Source": "MSExchangeTransport", "Time": AT, "Level": "Error", "Message": message}


def test_what_transport_says_of_certificates_once_each() -> None:
    found = events.problems([row(12014), row(12014), row(12014, "another"), row(1003), row(12016)])
    assert [problem.evidence["event"] for problem in found] == ["12014", "12014", "12016"]
    assert {problem.id for problem in found} == {"event.exchange-transport"}
    assert "smtp.contoso.example" in found[0].text and "no STARTTLS" in found[0].text


def test_a_long_message_is_cut() -> None:
    (found,) = events.problems([row(12013, "x " * 1000)])
    assert len(found.text) < 400 and found.text.endswith("...")


def test_a_log_that_cannot_be_read_is_told() -> None:
    assert events.unreadable(None) is None and events.unreadable(Answer()) is None
    denied = events.unreadable(Answer(error=RemoteError("Access is denied", "", "", "")))
    assert denied is not None and denied.id == "event.unreadable" and "denied" in denied.text
    missing = events.unreadable(Answer(warnings=("no event log named Application",)))
    assert missing is not None and "Application" in missing.text
