# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal that each member carries."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import (
    SCHEMA,
    Journal,
    JournalError,
    RollEntry,
    SettingEntry,
    UseEntry,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report.examples import (
    ACCESS,
    DATA,
    NEW,
    OLD,
)

JOURNAL = Journal(
    "run1",
    "ops",
    "jump1",
    "edge",
    ("edge1", "edge2"),
    "2026-11-23T02:15:00Z",
    "switching",
    {ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(None, NEW)},
    ("RTCSRV",),
    RollEntry("2026-11-23T06:15:00Z", NEW, OLD, "rolled"),
)


def test_there_and_back() -> None:
    text = JOURNAL.dumps()
    assert text.isascii() and "\n" not in text
    assert Journal.loads(text) == JOURNAL


def test_fields_of_a_newer_minor_version_are_ignored() -> None:
    data = json.loads(JOURNAL.dumps())
    data["mood"], data["roll"]["by"] = "good", "somebody"
    assert Journal.loads(json.dumps(data)) == JOURNAL


def test_fields_with_defaults_may_be_absent() -> None:
    data = json.loads(JOURNAL.dumps())
    for name in ("uses", "services", "roll", "product", "settings"):
        del data[name]
    assert Journal.loads(json.dumps(data)) == replace(JOURNAL, uses={}, services=(), roll=None)


def test_a_newer_major_version_is_refused_and_says_what_to_do() -> None:
    text = JOURNAL.dumps().replace(SCHEMA, "ucops.certificates/journal/2")
    with pytest.raises(JournalError, match=r"newer version.*expected at most .*journal/1, found .*journal/2.*run run1"):
        Journal.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("{", "expected JSON"),
        ("[]", "expected the schema"),
        ("null", "expected the schema"),
        ('"' + "x" * 500 + '"', "expected the schema"),
        ('{"schema": "something/1"}', "found 'something/1'"),
        ('{"schema": "ucops.certificates/journal/one"}', "expected the schema"),
        ('{"schema": "ucops.certificates/journal/1"}', "run: missing"),
        (JOURNAL.dumps().replace('"switching"', '"dancing"'), "state: expected one of"),
        (JOURNAL.dumps()[:-9], "expected JSON"),
    ],
)
def test_what_cannot_be_understood_is_an_error_that_says_where(text: str, message: str) -> None:
    with pytest.raises(JournalError, match=message) as caught:
        Journal.loads(text)
    assert "ucops" in str(caught.value) and "run again" in str(caught.value) and len(str(caught.value)) < 700


@given(st.text(max_size=60))
def test_no_text_does_anything_else(text: str) -> None:
    with pytest.raises(JournalError):
        Journal.loads(text)


THUMBS = st.text("0123456789ABCDEF", min_size=40, max_size=40)
JOURNALS = st.builds(
    Journal,
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    st.lists(st.text()).map(tuple),
    st.text(),
    st.sampled_from(["prepared", "rolling", "rolled", "switching", "switched", "taking-back", "taken-back", "done"]),
    st.dictionaries(st.text(), st.builds(UseEntry, st.one_of(st.none(), THUMBS), THUMBS), max_size=3),
    st.lists(st.text()).map(tuple),
    st.one_of(
        st.none(),
        st.builds(
            RollEntry,
            st.text(),
            THUMBS,
            st.one_of(st.none(), THUMBS),
            st.sampled_from(["rolling", "rolled", "settled"]),
            st.text(),
        ),
    ),
    st.text(),
    st.dictionaries(st.text(), st.builds(SettingEntry, st.none() | st.text(), st.none() | st.text()), max_size=3),
)


@given(JOURNALS)
def test_every_journal_survives(journal: Journal) -> None:
    assert Journal.loads(journal.dumps()) == journal
