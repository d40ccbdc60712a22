# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user's regular expression may hold, read into values. Pure.

The syntax is Python's, without what no search in proportional time can do. Python's own parser is no public interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import CollectionError

MAX_LENGTH = 500
"""Characters of a pattern."""
MAX_DEPTH = 20
"""How deep groups lie in one another."""
MAX_STEPS = 500
"""Characters to look for, with repetitions written out."""

START, END, LAST, WORD = range(4)
PLACES = {"A": (START, False), "Z": (END, False), "b": (WORD, False), "B": (WORD, True)}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
NUMBERS = {"x": 2, "u": 4, "U": 8}

INSTEAD = "write the words that are looked for, with .* or | between them"
GROUPS = {
    "?=": ("a look ahead, (?=", INSTEAD),
    "?!": ("a look ahead, (?!", INSTEAD),
    "?<=": ("a look behind, (?<=", INSTEAD),
    "?<!": ("a look behind, (?<!", INSTEAD),
    "?P=": ("a reference back, (?P=", "write what shall stand there once more"),
    "?(": ("a condition, (?(", "write both cases with | between them"),
    "?>": ("a group that gives nothing back, (?>", "write (?: in its place; no pattern takes longer here"),
    "?#": ("a comment, (?#", "leave it out"),
}
"""What may stand behind the parenthesis of a group and is refused: its name, and what to write instead."""


def is_word(char: str) -> bool:
    """Whether a character belongs to a word."""
    return char.isalnum() or char == "_"


CLASSES: Mapping[str, Callable[[str], bool]] = {"d": str.isdecimal, "s": str.isspace, "w": is_word}


class PatternError(CollectionError):
    """A pattern that is not looked for."""

    def __init__(self, pattern: str, found: str, instead: str, at: int | None = None) -> None:
        where = "" if at is None else f" at character {at + 1}"
        shown = pattern if len(pattern) <= MAX_LENGTH else f"{pattern[:40]}..."
        super().__init__(f"expected a simple regular expression, found {found}{where} of {shown!r}; {instead}")


@dataclass(frozen=True)
class Characters:
    """One character of those that are meant, in upper or lower case."""

    ranges: tuple[tuple[str, str], ...] = ()
    classes: tuple[tuple[str, bool], ...] = ()
    """Letter of a class, and whether what is not in it is meant."""
    negated: bool = False

    def hold(self, char: str) -> bool:
        """Whether the character is one of them."""
        forms = cases(char)
        inside = any(CLASSES[kind](char) != negated for kind, negated in self.classes) or any(
            low <= form <= high for low, high in self.ranges for form in forms
        )
        return inside != self.negated


@dataclass(frozen=True)
class Place:
    """Between two characters: start, end, end or last line's end, edge of a word."""

    kind: int
    negated: bool = False


@dataclass(frozen=True)
class Row:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Alternatives:
    """One of several ways; at least one."""

    ways: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """A part at least ``low`` and at most ``high`` times."""

    part: Node
    low: int
    high: int | None


Node = Characters | Place | Row | Alternatives | Repeat


def cases(char: str) -> set[str]:
    """A character in lower and upper case, where that is one character."""
    return {form for form in (char, char.lower(), char.upper(), char.upper().lower()) if len(form) == 1}


def parse(text: str) -> Node:
    """Read a pattern. Raises PatternError where it is not of the simple kind, with what to write instead."""
    if len(text) > MAX_LENGTH:
        raise PatternError(text, f"{len(text)} characters", f"look for less than that: at most {MAX_LENGTH}")
    reader = _Reader(text)
    found = reader.alternatives(0)
    if reader.at < len(text):
        raise reader.wrong("a ) without its (", "write \\) for the character itself")
    return found


class _Reader:
    """Goes through a pattern once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, found: str, instead: str, at: int | None = None) -> PatternError:
        return PatternError(self.text, found, instead, self.at if at is None else at)

    def take(self, *wanted: str) -> str:
        """The first of these that stands here, taken; else nothing."""
        for one in wanted:
            if self.text.startswith(one, self.at):
                self.at += len(one)
                return one
        return ""

    def next(self, missing: str) -> str:
        """The next character, taken."""
        if self.at >= len(self.text):
            raise self.wrong("its end", missing)
        self.at += 1
        return self.text[self.at - 1]

    def alternatives(self, depth: int) -> Node:
        ways = [self.row(depth)]
        while self.take("|"):
            ways.append(self.row(depth))
        return ways[0] if len(ways) == 1 else Alternatives(tuple(ways))

    def row(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            begin = self.at
            part = self.one(depth)
            bounds = self.bounds()
            if bounds is None:
                parts.append(part)
                continue
            if isinstance(part, Place):
                raise self.wrong("a repetition of a place between characters", "leave the repetition out", begin)
            if not self.take("?") and self.take("+"):
                raise self.wrong("a repetition that gives nothing back", "leave the + out", self.at - 1)
            if self.bounds() is not None:
                raise self.wrong("a repetition of a repetition", "put the part in (?: ) or leave one out", begin)
            parts.append(Repeat(part, *bounds))
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def bounds(self) -> tuple[int, int | None] | None:
        """A repetition that stands here, taken; a brace that is none stands for itself."""
        sign = self.take("*", "+", "?")
        if sign:
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        end = self.text.find("}", self.at)
        if not self.text.startswith("{", self.at) or end < 0:
            return None
        first, comma, second = self.text[self.at + 1 : end].partition(",")
        numbers = [first, second] if comma else [first]
        if any(number and not (number.isascii() and number.isdigit()) for number in numbers) or not (first or comma):
            return None
        low = int(first or 0)
        high = (int(second) if second else None) if comma else low
        if max(low, high or 0) > MAX_STEPS:
            raise self.wrong("too large a number of repetitions", f"write * or +, or at most {MAX_STEPS}")
        if high is not None and high < low:
            raise self.wrong("a repetition whose end is before its beginning", "write the smaller number first")
        self.at = end + 1
        return low, high

    def one(self, depth: int) -> Node:
        """One part, its repetition not included."""
        begin, char = self.at, self.next("write more")
        if char == "(":
            return self.group(depth + 1)
        if char == "[":
            return self.some()
        if char == ".":
            return Characters((("\n", "\n"),), negated=True)
        if char in "^$":
            return Place(START if char == "^" else LAST)
        if char in "*+?":
            raise self.wrong(f"a {char} with nothing to repeat", f"write \\{char} for the character itself", begin)
        if char == "\\":
            if self.take("A", "Z", "b", "B"):
                return Place(*PLACES[self.text[self.at - 1]])
            return self.escaped()
        self.at = begin
        if self.bounds() is not None:
            raise self.wrong("a number of repetitions with nothing to repeat", "write \\{ for the character", begin)
        self.at = begin + 1
        return _literal(char)

    def group(self, depth: int) -> Node:
        begin = self.at - 1
        if depth > MAX_DEPTH:
            raise self.wrong(f"groups that lie deeper than {MAX_DEPTH} in one another", "leave some out", begin)
        if self.take("?P<"):
            self.name()
        elif not self.take("?:"):
            found = next((name for name in GROUPS if self.text.startswith(name, self.at)), None)
            if found:
                raise self.wrong(*GROUPS[found], begin)
            if self.take("?"):
                raise self.wrong("a setting, (?", "leave it out: upper and lower case never matter", begin)
        inner = self.alternatives(depth)
        if not self.take(")"):
            raise self.wrong("a ( without its )", "close it, or write \\( for the character itself", begin)
        return Row((inner,))

    def name(self) -> None:
        begin, end = self.at, self.text.find(">", self.at)
        if end < 0 or not self.text[begin:end].isidentifier():
            raise self.wrong("a group without a proper name", "write (?: in its place")
        self.at = end + 1

    def escaped(self) -> Characters:
        """What stands for itself, or for a class, behind a backslash that is taken."""
        begin = self.at - 1
        char = self.next("write \\\\ for a backslash")
        if char.lower() in CLASSES:
            return Characters(classes=((char.lower(), char.isupper()),))
        if char in NUMBERS:
            digits = self.text[self.at : self.at + NUMBERS[char]]
            self.at += len(digits)
            try:
                return _literal(chr(int(digits, 16) if len(digits) == NUMBERS[char] and digits.isalnum() else -1))
            except (ValueError, OverflowError):
                raise self.wrong(f"no character behind \\{char}", "write the character itself", begin) from None
        if char.isdigit() and char != "0":
            raise self.wrong(f"a reference back, \\{char}", "write what shall stand there once more", begin)
        if char not in CONTROLS and char.isascii() and char.isalnum():
            raise self.wrong(f"\\{char}, which means nothing here", "write the character itself", begin)
        return _literal(CONTROLS.get(char, char))

    def some(self) -> Characters:
        """A set in brackets, of which the first is taken."""
        begin = self.at - 1
        negated = bool(self.take("^"))
        ranges: list[tuple[str, str]] = []
        classes: list[tuple[str, bool]] = []
        first = True
        while first or not self.take("]"):
            first = False
            low = self.member(begin)
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                high = self.member(begin)
                if low.classes or high.classes or high.ranges[0][0] < low.ranges[0][0]:
                    raise self.wrong("a range without beginning or end", "write the smaller character first", begin)
                ranges.append((low.ranges[0][0], high.ranges[0][0]))
            else:
                ranges += [(form, form) for form, _same in low.ranges]
                classes += low.classes
        return Characters(tuple(ranges), tuple(classes), negated)

    def member(self, begin: int) -> Characters:
        """One character or class of a set. Of a character, the first range is itself, the others its other cases."""
        if self.at >= len(self.text):
            raise self.wrong("a [ without its ]", "close it, or write \\[ for the character itself", begin)
        if not self.take("\\"):
            return _literal(self.next(""))
        return _literal("\b") if self.take("b") else self.escaped()


def _literal(char: str) -> Characters:
    forms: Sequence[str] = [char, *sorted(cases(char) - {char})]
    return Characters(tuple((form, form) for form in forms))
