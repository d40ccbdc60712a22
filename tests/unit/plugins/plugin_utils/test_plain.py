# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import (
    PlainError,
    from_plain,
    instant,
    iso,
    to_plain,
)


@dataclass(frozen=True)
class Inner:
    port: int
    ok: bool = True


@dataclass(frozen=True)
class Outer:
    name: str
    state: Literal["new", "old"]
    at: datetime
    seconds: float | None = None
    inner: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner] = field(default_factory=dict)


NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def test_there_and_back() -> None:
    outer = Outer("a", "new", NOON, 1.5, (Inner(1), Inner(2, False)), {"x": Inner(3)})
    plain = to_plain(outer)
    assert plain["at"] == "2026-11-23T12:00:00Z"
    assert from_plain(Outer, plain) == outer


def test_unknown_fields_are_ignored_and_defaults_fill_in() -> None:
    assert from_plain(Outer, {"name": "a", "state": "old", "at": iso(NOON), "later": 1}) == Outer("a", "old", NOON)


def test_an_integer_is_a_number() -> None:
    assert from_plain(Outer, {"name": "a", "state": "old", "at": iso(NOON), "seconds": 3}).seconds == 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "name: expected str, found None"),
        ({"state": "blue"}, "state: expected one of new, old, found 'blue'"),
        ({"at": "yesterday"}, "at: expected an ISO-8601 instant"),
        ({"at": "2026-11-23T12:00:00"}, "at: expected an ISO-8601 instant with its zone"),
        ({"inner": [{"port": "80"}]}, r"inner\[0\].port: expected int, found '80'"),
        ({"inner": [{"port": True}]}, r"inner\[0\].port: expected int, found True"),
        ({"inner": "text"}, "inner: expected a list"),
        ({"inner": [{}]}, r"inner\[0\].port: missing"),
        ({"by_name": []}, "by_name: expected a mapping"),
        ({"by_name": {"x": 1}}, r"by_name\[x\]: expected a mapping"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PlainError, match=message):
        from_plain(Outer, {"name": "a", "state": "new", "at": iso(NOON), **change})


def test_not_a_mapping() -> None:
    with pytest.raises(PlainError, match="Outer: expected a mapping"):
        from_plain(Outer, ["a"])


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_plain({"key": b"secret"})


def test_sets_get_an_order() -> None:
    assert to_plain(frozenset("cab")) == ["a", "b", "c"]


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        iso(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        instant("2026-01-01T00:00:00")


@given(st.datetimes(timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-7))])))
def test_instants_survive(moment: datetime) -> None:
    try:
        text = iso(moment)
    except OverflowError:
        return  # the very first and last hours of the calendar
    assert instant(text) == moment
