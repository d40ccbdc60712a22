# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions by the work they do: a backtracking matcher that counts its steps, and texts that make it work.

Python's own engine cannot be asked what it did, and a clock says little on a busy machine. This one follows the parsed
pattern in the same order; it is slow, and only ever shown short texts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    from re import _constants as sre
    from re import _parser as parser
else:
    import sre_constants as sre
    import sre_parse as parser

USES = ("match", "fullmatch", "search", "sub", "subn", "findall", "finditer", "split")
ANCHORED = frozenset({"match", "fullmatch"})
MAX_STEPS = 150_000


class TooMuch(Exception):
    """More steps than anybody would wait for."""


def patterns(path: Path, given: str | None = None) -> Iterator[tuple[str, int, str, str]]:
    """Yield (file, line, pattern, way) for each regular expression of a Python file; way: how it is used.

    ``given``: the expression of one that is passed over, since it comes from elsewhere and is known to.

    A part that is only known when it runs becomes a word, as ``re.escape`` makes it. Raises AssertionError for a
    pattern that comes from elsewhere as a whole.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in USES:
            used.setdefault(node.value.id, set()).add(node.attr)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
            continue
        way = node.func.attr
        if way not in (*USES, "compile"):
            continue
        if ast.unparse(node.args[0]) == given:
            continue
        text = written(node.args[0], constants)
        ways = {way}
        if way == "compile":
            names = [name for name, value in constants.items() if value is node]
            ways = {one for name in names for one in used.get(name, ())} or {"search"}
        yield path.name, node.lineno, text, "search" if ways - ANCHORED else min(ways)


def written(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    """The text of a pattern."""
    if isinstance(node, ast.Constant):
        return node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        inner = node.value
        if isinstance(inner, ast.Name) and inner.id in constants:
            return written(constants[inner.id], constants)
        assert "escape" in ast.unparse(inner), f"a part of a pattern that is not escaped: {ast.unparse(inner)}"
        return "edge"
    if isinstance(node, ast.Name) and node.id in constants:
        return written(constants[node.id], constants)
    raise AssertionError(f"a pattern that comes from elsewhere: {ast.unparse(node)}")


class Counter:
    """Matches one pattern and counts."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.tree = parser.parse(pattern, flags)
        self.flags = self.tree.state.flags
        self.steps = 0
        self.text = ""

    def work(self, text: str, way: str) -> int:
        """Steps for one use that looks for every match, or for the one at the beginning."""
        self.steps, self.text = 0, text
        at = ended = 0

        def end(here: int) -> bool:
            nonlocal ended
            ended = here
            return way != "fullmatch" or here == len(text)

        while at <= len(text):
            found = self._items(list(self.tree), 0, at, end)
            if way in ANCHORED:
                break
            at = max(at + 1, ended) if found else at + 1
        return self.steps

    def _items(self, items: list[Any], number: int, at: int, then: Callable[[int], bool]) -> bool:
        if number == len(items):
            return then(at)
        return self._one(items[number], at, lambda here: self._items(items, number + 1, here, then))

    def _one(self, item: Any, at: int, then: Callable[[int], bool]) -> bool:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch
        op, value = item
        if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return at < len(self.text) and self._character(op, value, self.text[at]) and then(at + 1)
        if op is sre.SUBPATTERN:
            return self._items(list(value[-1]), 0, at, then)
        if op is sre.BRANCH:
            return any(self._items(list(branch), 0, at, then) for branch in value[1])
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, body = value
            return self._repeat(list(body), low, high, op is sre.MIN_REPEAT, at, then)
        if op is sre.AT:
            return self._place(value, at) and then(at)
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            found = self._look(list(value[1]), value[0], at)
            return found == (op is sre.ASSERT) and then(at)
        if op is sre.GROUPREF:
            return then(at)
        raise AssertionError(f"a part of a pattern that is not counted: {op}")

    def _repeat(self, body: list[Any], low: int, high: int, lazy: bool, at: int, then: Callable[[int], bool]) -> bool:
        single = len(body) == 1 and body[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)
        if single:
            most = at
            while most < len(self.text) and most - at < high and self._character(*body[0], self.text[most]):
                most += 1
                self.steps += 1
            places = range(at + low, most + 1) if lazy else range(most, at + low - 1, -1)
            return any(self._step() and then(here) for here in places)

        def more(here: int) -> bool:
            return here > at and self._repeat(body, max(low - 1, 0), high - 1, lazy, here, then)

        once = high > 0 and (lambda: self._items(body, 0, at, more))
        tries = [lambda: low == 0 and then(at), once] if lazy else [once, lambda: low == 0 and then(at)]
        return any(attempt() for attempt in tries if attempt)

    def _step(self) -> bool:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch
        return True

    def _look(self, body: list[Any], direction: int, at: int) -> bool:
        if direction > 0:
            return self._items(body, 0, at, lambda _here: True)
        width = parser.SubPattern(self.tree.state, body).getwidth()[0]
        return at >= width and self._items(body, 0, at - width, lambda _here: True)

    def _place(self, code: Any, at: int) -> bool:
        before, after = self.text[at - 1 : at], self.text[at : at + 1]
        many = bool(self.flags & re.MULTILINE)
        return {
            sre.AT_BEGINNING: at == 0 or (many and before == "\n"),
            sre.AT_BEGINNING_STRING: at == 0,
            sre.AT_END: not after or (many and after == "\n") or at == len(self.text) - 1 and after == "\n",
            sre.AT_END_STRING: not after,
        }.get(code, (before.isalnum() or before == "_") != (after.isalnum() or after == "_"))

    def _character(self, op: Any, value: Any, char: str) -> bool:
        if op is sre.ANY:
            return char != "\n" or bool(self.flags & re.DOTALL)
        if op in (sre.LITERAL, sre.NOT_LITERAL):
            same = chr(value) == char or (bool(self.flags & re.IGNORECASE) and chr(value).lower() == char.lower())
            return same == (op is sre.LITERAL)
        negated = bool(value) and value[0][0] is sre.NEGATE
        return negated != any(self._in(part, char) for part in value)

    def _in(self, part: Any, char: str) -> bool:
        op, value = part
        if op is sre.CATEGORY:
            name = str(value).rsplit("_", 1)
            kinds = {"DIGIT": char.isdigit(), "SPACE": char.isspace(), "WORD": char.isalnum() or char == "_"}
            return kinds[name[-1]] != ("NOT" in name[0])
        chars = {char, char.lower(), char.upper()} if self.flags & re.IGNORECASE else {char}
        if op is sre.LITERAL:
            return chr(value) in chars
        return op is sre.RANGE and any(len(c) == 1 and value[0] <= ord(c) <= value[1] for c in chars)


ALPHABET = "a0A \t\n\r-_.,:;=/\\<>!\"'+*#?x"


def sample(counter: Counter, items: list[Any]) -> str:
    """A short text that the items match, each repetition made once."""
    said = ""
    for op, value in items:
        if op is sre.LITERAL:
            said += chr(value)
        elif op in (sre.IN, sre.ANY, sre.NOT_LITERAL):
            said += next((c for c in ALPHABET if counter._character(op, value, c)), "")
        elif op is sre.SUBPATTERN:
            said += sample(counter, list(value[-1]))
        elif op is sre.BRANCH:
            said += sample(counter, list(value[1][0]))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            said += sample(counter, list(value[2])) * max(value[0], 1)
    return said


def adversaries(counter: Counter) -> Iterator[Callable[[int], str]]:
    """Texts of any size that make a pattern work: what leads to a repetition, its body so many times, what fails."""

    def walk(items: list[Any], before: str) -> Iterator[tuple[str, str]]:
        for number, (op, value) in enumerate(items):
            lead = before + sample(counter, items[:number])
            if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                inner = list(value[2])
                yield lead, sample(counter, inner)
                if len(inner) == 1 and inner[0][0] in (sre.IN, sre.ANY, sre.NOT_LITERAL):
                    yield from ((lead, c) for c in ALPHABET if counter._character(*inner[0], c))
                yield from walk(inner, lead)
            elif op is sre.SUBPATTERN:
                yield from walk(list(value[-1]), lead)
            elif op is sre.BRANCH:
                for branch in value[1]:
                    yield from walk(list(branch), lead)

    whole = sample(counter, list(counter.tree))
    pumps = dict.fromkeys([*walk(list(counter.tree), ""), ("", whole), ("", whole[:-1])])
    for lead, pump in pumps:
        for end in ("", "\x00", whole[-1:] + "\x00"):
            if pump:
                yield lambda size, lead=lead, pump=pump, end=end: lead + pump * size + end  # type: ignore[misc]
                yield lambda size, lead=lead, pump=pump, end=end: (lead + pump) * size + end  # type: ignore[misc]


def grows(pattern: str, flags: int, way: str, small: int = 16) -> str | None:
    """The text for which the work grows faster than the text; None where there is none."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        return _grows(Counter(pattern, flags), way, small)
    finally:
        sys.setrecursionlimit(limit)


def _grows(counter: Counter, way: str, small: int) -> str | None:
    for make in adversaries(counter):
        texts = [make(small), make(4 * small)]
        try:
            little, much = (counter.work(text, way) for text in texts)
        except (TooMuch, RecursionError):
            return texts[0]
        if much > 6 * little * len(texts[1]) / (4 * max(len(texts[0]), 1)) + 200:
            return texts[0]
    return None
