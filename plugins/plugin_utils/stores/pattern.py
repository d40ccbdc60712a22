# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's regular expression over foreign text, in time that is proportional to the text. Pure.

Python's engine tries one way through a pattern after the other; a pattern with two such ways for every character of a
text that somebody else wrote never ends. This one goes all ways at once, character by character (K. Thompson, "Regular
Expression Search Algorithm", Communications of the ACM 11, 1968), so that no pattern has to be taken for dangerous.
What cannot be looked for in that manner (references back, looking around) is refused with a sentence. It answers as
Python's ``re.search`` with IGNORECASE does, and only whether something is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CollectionError
from .pattern_syntax import MAX_STEPS, Alternatives, Characters, Node, PatternError, Place, Repeat, Row, is_word, parse

__all__ = ["Pattern", "PatternError", "TooMuchWork"]

MAX_WORK = 10_000_000
"""Steps of one pattern over all texts: some seconds. A character that is met again in the same situation is one."""

MAX_KEPT = 4_096
"""Situations that are remembered, so that memory is bounded, too."""

Places = tuple[bool, ...]
States = frozenset[int]


class TooMuchWork(CollectionError):
    """The texts are too long for this pattern."""


@dataclass(frozen=True)
class _Split:
    """Goes on at each of these steps."""

    to: tuple[int, ...]


_Step = Characters | Place | _Split | None
"""None: the pattern has been found."""


class Pattern:
    """One pattern. Raises PatternError, with what to write instead, where it is none of the simple kind."""

    def __init__(self, text: str) -> None:
        self._steps: list[_Step] = []
        self._visits = 0
        self._add(parse(text), text)
        self._steps.append(None)
        self._places = any(isinstance(step, Place) for step in self._steps)
        self._known: dict[tuple[States, Places, str], States | None] = {}
        self._work = 0

    def found(self, text: str) -> bool:
        """Whether it is somewhere in a text. Raises TooMuchWork when all the texts together cost too much."""
        current: States = frozenset()
        for at in range(len(text) + 1):
            here = current, _places(text, at) if self._places else (), text[at : at + 1]
            if here in self._known:
                self._pay(1)
                following = self._known[here]
            else:
                following = self._follow(*here)
                if len(self._known) >= MAX_KEPT:
                    self._known.clear()
                self._known[here] = following
            if following is None:
                return True
            current = following
        return False

    def _pay(self, steps: int) -> None:
        self._work += steps
        if self._work > MAX_WORK:
            raise TooMuchWork(f"expected no more than {MAX_WORK:,} steps of looking for it, and it takes more")

    def _follow(self, current: States, places: Places, char: str) -> States | None:
        """Where the ways lead over a character, one beginning here included; None when one has found its end."""
        seen: set[int] = set()
        waiting, following = [0, *current], set()
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            step = self._steps[number]
            if step is None:
                return None
            if isinstance(step, _Split):
                waiting += step.to
            elif isinstance(step, Place):
                if places[step.kind] != step.negated:
                    waiting.append(number + 1)
            elif char and step.hold(char):
                following.add(number + 1)
        self._pay(len(seen))
        return frozenset(following)

    def _add(self, node: Node, text: str) -> None:
        """Append the steps of a part of the pattern."""
        # Counted by visits: a repetition of nothing appends nothing, however often it stands in another one.
        self._visits += 1
        if max(self._visits, len(self._steps)) > MAX_STEPS:
            raise PatternError(
                text, f"repetitions that come to more than {MAX_STEPS}", "write * or + in place of large numbers"
            )
        if isinstance(node, Row):
            for part in node.parts:
                self._add(part, text)
        elif isinstance(node, Alternatives):
            self._add_alternatives(node.ways, text)
        elif isinstance(node, Repeat):
            for _turn in range(node.low):
                self._add(node.part, text)
            if node.high is None:
                again = self._fork()
                self._add(node.part, text)
                self._steps.append(_Split((again,)))
                self._join([again])
            else:
                forks = []
                for _turn in range(node.high - node.low):
                    forks.append(self._fork())
                    self._add(node.part, text)
                self._join(forks)
        else:
            self._steps.append(node)

    def _add_alternatives(self, ways: Sequence[Node], text: str) -> None:
        ends = []
        for way in ways[:-1]:
            fork = self._fork()
            self._add(way, text)
            ends.append(len(self._steps))
            self._steps.append(None)
            self._join([fork])
        self._add(ways[-1], text)
        for end in ends:
            self._steps[end] = _Split((len(self._steps),))

    def _fork(self) -> int:
        """A step that goes on behind itself; :meth:`_join` adds the other way."""
        self._steps.append(_Split((len(self._steps) + 1,)))
        return len(self._steps) - 1

    def _join(self, forks: Sequence[int]) -> None:
        for fork in forks:
            self._steps[fork] = _Split((fork + 1, len(self._steps)))


def _places(text: str, at: int) -> Places:
    """What is so between two characters of a text, in the order of ``pattern_syntax.PLACES``."""
    left = len(text) - at
    word = [is_word(char) for char in (text[at - 1 : at] if at else "", text[at : at + 1])]
    return at == 0, left == 0, left == 0 or (left == 1 and text[at] == "\n"), word[0] != word[1]
