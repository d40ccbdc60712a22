# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every regular expression of the plugins takes time in proportion to the text, whatever the text is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.hostcheck import HINTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import formats
from ansible_collections.ucops.certificates.tests.unit.patterns import Counter, grows, patterns

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
FLAGS = re.compile(r"\bre\.(I|S|M|X|IGNORECASE|DOTALL|MULTILINE|VERBOSE)\b")
GIVEN = {"hostcheck.py": "words"}
"""Patterns that are given as a whole: HINTS, read below. The operator's own are looked for by stores/pattern.py, which
has no engine that tries one way after the other."""


def found() -> list[tuple[str, int, str, int, str]]:
    """(file, line, pattern, flags, way) of all of them."""
    all_of_them = []
    for path in sorted(PLUGINS.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "import re\n" not in source:
            continue
        for name, line, pattern, way in patterns(path, GIVEN.get(path.name)):
            flags = 0
            for flag in FLAGS.findall(source.splitlines()[line - 1]):
                flags |= getattr(re, flag)
            all_of_them.append((name, line, pattern, flags, way))
    return all_of_them


FOUND = found()


def test_all_are_found() -> None:
    """No file uses another door to regular expressions, and the search finds as many as there are."""
    calls = re.compile(r"\bre\.(?:compile|match|fullmatch|search|sub|subn|findall|finditer|split)\(")
    texts = {str(path): path.read_text(encoding="utf-8") for path in PLUGINS.rglob("*.py")}
    assert sum(len(calls.findall(text)) for text in texts.values()) == len(FOUND) + len(GIVEN)
    assert not [name for name, text in texts.items() if "from re import" in text or "import regex" in text]


@pytest.mark.parametrize(("name", "line", "pattern", "flags", "way"), FOUND, ids=lambda value: str(value)[:40])
def test_work_grows_no_faster_than_the_text(name: str, line: int, pattern: str, flags: int, way: str) -> None:
    assert grows(pattern, flags, way) is None, f"plugins/.../{name}:{line}"


@pytest.mark.parametrize("pattern", HINTS)
def test_nor_do_hints_of_the_first_look(pattern: str) -> None:
    assert grows(pattern, re.IGNORECASE, "search") is None


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"\s*(<!--.*?-->\s*)*<(!doctype|html)", "match"),
        (r"(a+)+b", "match"),
        (r"(a|a)*b", "match"),
        (r"(a|aa)+$", "match"),
        (r"\s*,\s*\s*x", "search"),
        (r"\s+x", "search"),
        (r"a*a*b", "match"),
        (r".*=.*=.*x", "match"),
        (r"BEGIN(.*?)END", "search"),
    ],
)
def test_those_that_do_grow_are_found(pattern: str, way: str) -> None:
    """The search itself can fail."""
    assert grows(pattern, re.DOTALL, way) is not None


@pytest.mark.parametrize("pattern", [r"a(b|c)*d", r"(?<![\w.-])edge1(?![\w-])(?!\.\w)", r"(\d{4}|\d{2})(?:\.(\d+))?Z"])
@pytest.mark.parametrize("text", ["abcbcd", "abbb", "my edge1 is", "edge1.x edge1-a", "2024.5Z", "24", ""])
def test_the_counting_matcher_agrees_with_the_real_one(pattern: str, text: str) -> None:
    counter = Counter(pattern)
    counter.text = text
    for way in ("match", "fullmatch"):
        end = (lambda here: here == len(text)) if way == "fullmatch" else (lambda _here: True)
        assert counter._items(list(counter.tree), 0, 0, end) == bool(getattr(re, way)(pattern, text))


@pytest.mark.parametrize("text", ["<!-- -->", "<!--", "<!-- <!-- -->", " \n", "-->", "<!---->\t"])
def test_a_page_is_looked_for_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place of the text is looked at a few times, counted by the text itself."""

    class Text(str):
        looks = 0

        def __getitem__(self, key: object) -> str:
            Text.looks += 1
            return str.__getitem__(self, key)  # type: ignore[index]

        def find(self, *args: object) -> int:
            at = str.find(self, *args)  # type: ignore[arg-type]
            Text.looks += (at if at >= 0 else len(self)) - int(args[1])  # type: ignore[call-overload]
            return at

    for size in (10, 100, 1000):
        Text.looks = 0
        assert not formats._is_page(Text(text * size + "x"))
        assert Text.looks <= 3 * len(text) * size + 10
    assert formats._is_page("<!-- a -->\n<!-- b --> <HTML>") and not formats._is_page("<!-- <html> x")
