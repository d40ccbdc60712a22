# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entry of the event log speaks against a renewal, and which is there every day."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.problem import Problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.cs import events
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.events import TEXTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores import eventlog
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pattern import Pattern
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    UNHURRIED,
    new,
    old,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, issue

SESSION_KEY = (
    "The Access Edge Server failed to import a shared session key due to invalid signature.\r\n"
    "Cause: The servers of the array have different certificates.\r\nResolution: inspect the serial number of each."
)
SERIAL = new().certificate.serial_hex
TURNED = "".join(reversed([SERIAL[i : i + 2] for i in range(0, len(SERIAL), 2)]))


def row(message: str, level: str = "Error", id: int = 14397, minutes: float = 1, **more: Any) -> dict[str, Any]:
    time = NOW + timedelta(minutes=minutes)
    return {"Id": id, "Source": "LS Protocol Stack", "Time": time, "Level": level, "Message": message} | more


def found(*rows: dict[str, Any], since: Any = NOW) -> tuple[Problem, ...]:
    return events.problems(eventlog.events_from_rows(rows), [new().certificate], since, TEXTS)


@pytest.mark.parametrize("id", [14559, 1, 14428])
@pytest.mark.parametrize("level", ["Error", "Warning", "Information"])
def test_a_shared_session_key_counts_by_its_words_whatever_its_number_and_level(id: int, level: str) -> None:
    """Its identifier is not published for the Access Edge."""
    (problem,) = found(row(SESSION_KEY, level, id))
    assert problem.id == "event.session-key"
    assert problem.text == "The Access Edge Server failed to import a shared session key due to invalid signature."
    assert problem.evidence["event"] == f"LS Protocol Stack {id}"


@pytest.mark.parametrize("serial", [SERIAL, TURNED])
@pytest.mark.parametrize("separator", ["", " ", ":", "-", " : "])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_an_error_that_names_our_serial_counts_in_either_byte_order(serial: str, separator: str, case: Any) -> None:
    pairs = [serial[i : i + 2] for i in range(0, len(serial), 2)]
    (problem,) = found(row(f"The certificate with serial number {case(separator.join(pairs))} cannot be used."))
    assert problem.id == "event.certificate"
    assert problem.evidence["serial"] == SERIAL


def test_the_two_byte_orders_are_told_apart_from_a_stranger_s() -> None:
    assert TURNED != SERIAL
    assert found(row(f"serial number {old().certificate.serial_hex}")) == ()
    assert found(row(f"serial number {SERIAL[:-2]}00")) == ()


@pytest.mark.parametrize("id", sorted(events.NOISE))
def test_partner_failures_are_noise_even_with_our_serial(id: int) -> None:
    assert found(row(f"TLS outgoing connection failures. {SERIAL}", id=id)) == ()


@pytest.mark.parametrize("level, counts", [("Error", 1), ("Critical", 1), ("Warning", 0), ("Information", 0), ("", 0)])
def test_only_an_error_with_our_serial_counts(level: str, counts: int) -> None:
    assert len(found(row(f"serial {SERIAL}", level))) == counts


def test_what_was_there_before_does_not_count() -> None:
    assert found(row(SESSION_KEY, minutes=-1)) == ()
    assert len(found(row(SESSION_KEY, minutes=0))) == 1, "the instant itself is after"
    assert len(found(row(SESSION_KEY, minutes=-1), since=None)) == 1


def test_a_serial_too_short_to_mean_anything_matches_nothing() -> None:
    short = issue("short.example", serial=0x1000).certificate
    message = eventlog.events_from_rows([row("error 0x1000 in thread 1000")])
    assert events.problems(message, [short], None) == ()


@UNHURRIED
@given(st.text(max_size=200))
def test_no_text_makes_it_fail_and_none_of_prose_names_a_serial(text: str) -> None:
    named = found(row(text))
    if not re.search("shared session key", text, re.IGNORECASE):
        assert named == ()


def test_events_come_oldest_first_and_empty_ones_survive() -> None:
    rows = [row("b", minutes=2), row(None, minutes=1, Level=None)]  # type: ignore[arg-type]
    seen = eventlog.events_from_rows(rows)
    assert [e.message for e in seen] == ["", "b"]
    assert events.problems(seen, [new().certificate], None) == ()


def test_the_read_is_bounded_and_may_fail_alone() -> None:
    call = events.read_call(NOW)
    assert call.parameters == {"Log": "Lync Server", "After": NOW, "Sources": ["LS Protocol Stack"], "Newest": 200}
    assert call.optional, "a log that cannot be read must not hide everything behind it"


def test_a_user_s_pattern_selects_among_all_entries() -> None:
    seen = eventlog.events_from_rows([row("one certificate"), row("another matter", minutes=2)])
    assert [e.message for e in eventlog.select(seen, Pattern("CERT"))] == ["one certificate"]
    assert eventlog.select(seen, None) == seen
    assert not eventlog.read_call("Application", (), NOW, 5).optional, "there the log is what was asked for"
