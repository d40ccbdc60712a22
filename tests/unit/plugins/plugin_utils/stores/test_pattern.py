# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's pattern over foreign text: it answers as Python does, and its work grows no faster than the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.stores import pattern as patterns
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pattern import (
    MAX_WORK,
    Pattern,
    PatternError,
    TooMuchWork,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pattern_syntax import MAX_STEPS

CATASTROPHES = [
    (r"(a+)+$", "a"),
    (r"(a|a)*b", "a"),
    (r"(a|aa)+$", "a"),
    (r"(.*a){20}", "a"),
    (r"(.*)*(.*)*x", "a"),
    (r"((a*)*)*\Z", "a"),
    (r"\s+x", " "),
    (r"(\w+\s?)*:", "word "),
    (r".*=.*=.*=.*x", "= "),
    (r"(?:a?){30}a{30}b", "a"),
    (r"(x+x+)+y", "x"),
    (r"([a-z]+)*\d", "abc"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a"),
    (r"a*a*a*a*a*a*a*b", "a"),
    (r"(a+?)+?\b\B", "a "),
    (r"(|a|b)*c", "ab"),
    (r"(a|b)*a(a|b){12}c", "abbabaaab"),
]


@pytest.mark.parametrize(("pattern", "pump"), CATASTROPHES)
def test_work_grows_no_faster_than_the_text(pattern: str, pump: str) -> None:
    """Also over many texts, since all that are read are looked at."""
    work = []
    for size in (200, 800):
        wanted = Pattern(pattern)
        for _ in range(3):
            wanted.found(pump * size + "\x00")
        work.append(wanted._work)
    assert work[1] <= 4 * work[0] + 100


@pytest.mark.parametrize(("pattern", "pump"), CATASTROPHES)
def test_so_much_foreign_text_is_looked_through(pattern: str, pump: str) -> None:
    """More than one log holds of what that pattern dreads."""
    wanted = Pattern(pattern)
    for _ in range(5):
        wanted.found((pump * 32_000)[:32_000] + "\x00")


@pytest.mark.parametrize(
    ("pattern", "found", "instead"),
    [
        (r"(a)\1", "a reference back, \\1 at character 4", "once more"),
        (r"(?P<x>a+)(?P=x)+$", "a reference back, (?P= at character 10", "once more"),
        (r"(?=(?=(?=a+)+)+)+$", "a look ahead, (?= at character 1", ".* or |"),
        (r"(?!a*b)x", "a look ahead, (?!", ".* or |"),
        (r"(?<=a)b", "a look behind, (?<=", ".* or |"),
        (r"x(?<!a)b", "a look behind, (?<! at character 2", ".* or |"),
        (r"(a)?(?(1)b|c)", "a condition", "both cases"),
        (r"(?>a+)b", "gives nothing back", "(?:"),
        (r"a++b", "gives nothing back", "leave the + out"),
        (r"(?s).*", "a setting", "never matter"),
        (r"(?#word)a", "a comment", "leave it out"),
        (r"a**", "a repetition of a repetition", "(?: )"),
        (r"^*", "a repetition of a place", "leave the repetition out"),
        (r"*a", "a * with nothing to repeat", "\\*"),
        (r"{2}", "with nothing to repeat", "\\{"),
        (r"(a", "a ( without its )", "\\("),
        (r"a)", "a ) without its (", "\\)"),
        (r"[a", "a [ without its ]", "\\["),
        (r"[z-a]", "a range", "smaller character first"),
        (r"a{3,2}", "a repetition whose end", "smaller number first"),
        (r"a{100000}", "too large a number", "* or +"),
        ("\\", "its end", "\\\\"),
        (r"\x1", "no character behind \\x", "itself"),
        (r"\U00110000", "no character behind \\U", "itself"),
        (r"\p{L}", "\\p, which means nothing", "itself"),
        ("(?P<1>a)", "a group without a proper name", "(?:"),
        ("(" * 200 + "a" + ")" * 200, "groups that lie deeper than 20", "leave some out"),
        ("((a{100}){100}){100}", "repetitions that come to more than 500", "* or +"),
        ("(((()){400}){400}){400}", "repetitions that come to more than 500", "* or +"),
        ("a" * 501, "501 characters", "at most 500"),
    ],
)
def test_the_rest_is_refused_with_what_to_write(pattern: str, found: str, instead: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(pattern)
    told = str(caught.value)
    assert told.startswith("expected a simple regular expression, found ") and len(told) < 800
    assert found in told and instead in told


def test_all_texts_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character new to a pattern with many ways: none is remembered, and each way is walked."""
    assert MAX_WORK <= 10_000_000, "some seconds"
    monkeypatch.setattr(patterns, "MAX_WORK", 300_000)
    wanted = Pattern(".*" + ".?" * 200 + "\x00")
    with pytest.raises(TooMuchWork, match="no more than 300,000 steps"):
        for start in range(1, 500):
            wanted.found("".join(chr(0x4E00 + (start * 97 + n) % 20_000) for n in range(1_000)))
    assert len(wanted._known) <= patterns.MAX_KEPT and wanted._work < 301_000
    assert len(wanted._steps) <= MAX_STEPS + 2


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("SERIAL number [0-9a-f]+", "with Serial Number 0A12", True),
        (r"(14397|14599).*key", "event 14599: a shared session key", True),
        (r"(14397|14599).*key", "event 14599:\na shared session key", False),
        (r"\bkey\b", "a key.", True),
        (r"\bkey\b", "keys", False),
        (r"^err(or)?$", "Error\n", True),
        (r"\Aerr\Z", "err\n", False),
        (r"[^\W\d_]{3}", "12ab34", False),
        (r"C:\\Program Files( \(x86\))?\\", r"in C:\program files (X86)\Microsoft", True),
        (r"gr(ö|oe)sse", "GRÖSSE", True),
        (r"\u20ac\t\x41", "€\ta", True),
        ("", "", True),
    ],
)
def test_what_is_found(pattern: str, text: str, found: bool) -> None:
    assert Pattern(pattern).found(text) is found
    assert bool(re.search(pattern, text, re.IGNORECASE)) is found


PIECES = r"""a b B 1 _ - . \d \w \s \W \b \B ^ $ \A \Z \n \. \x61 ( (?: ) | * + ? *?
{2} {1,2} {,2} {2,} { } [ab] [^a] [a-c1] [^\w] []a] [a-] [\d_]"""


@given(
    st.lists(st.sampled_from([*PIECES.split(), " "]), min_size=1, max_size=8).map("".join),
    st.text("abAB1_ .\n-{}", max_size=7),
)
def test_it_answers_as_python_does(pattern: str, text: str) -> None:
    try:
        mine = Pattern(pattern)
    except PatternError as error:
        # Python repeats a place, and from 3.11 on gives nothing back.
        allowed = "a place between" in str(error) or "gives nothing back" in str(error)
        if not allowed:
            with pytest.raises(re.error):
                re.compile(pattern)
        return
    # In Python before 3.14 there is no \B in an empty text.
    if text or "\\B" not in pattern:
        assert mine.found(text) == bool(re.search(pattern, text, re.IGNORECASE))
