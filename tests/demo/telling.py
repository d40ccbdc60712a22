"""How the story is told: 100 columns, no colour unless somebody is looking, and every claim is checked."""

from __future__ import annotations

import os
import sys
import textwrap

WIDTH = 100


class NotTrue(Exception):
    """Something that the story claims is not so."""


class Teller:
    """Writes the story to standard output."""

    def __init__(self) -> None:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a terminal without UTF-8 gets question marks, not a traceback
            reconfigure(errors="replace", line_buffering=True)
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def heading(self, text: str) -> None:
        """The title of an act."""
        print(f"\n{self._paint(text, '1')}\n{self._paint('-' * len(text), '1')}\n")

    def say(self, text: str) -> None:
        """A paragraph of the story."""
        print(textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False))

    def gap(self) -> None:
        """An empty line."""
        print()

    def verbatim(self, text: str) -> None:
        """A table or a file, indented."""
        for line in text.splitlines():
            print(f"  {line}".rstrip())

    def command(self, text: str) -> None:
        """What somebody would type."""
        whole = f"$ {text}"
        fits = len(whole) <= WIDTH
        lines = [whole] if fits else textwrap.wrap(whole, WIDTH - 2, subsequent_indent="    ", break_on_hyphens=False)
        print(f"\n{self._paint((' ' + chr(92) + chr(10)).join(lines), '1;36')}\n")

    def output(self, line: str) -> None:
        """A line of the program that was started, folded where it is too long."""
        rest = " " * (len(line) - len(line.lstrip(" |")) + 2)
        wrap = textwrap.TextWrapper(WIDTH, subsequent_indent=rest, break_on_hyphens=False, drop_whitespace=True)
        print("\n".join(wrap.wrap(line)) if len(line) > WIDTH else line)

    def aside(self, text: str) -> None:
        """What the story does to the lab while the program runs."""
        print(self._paint(f"    ... {text}", "2"))

    def claim(self, text: str, true: bool, found: object = "") -> None:
        """Says something that was just verified. Raises NotTrue when it is not so."""
        if not true:
            raise NotTrue(f"{text}; found: {found}" if found != "" else text)
        lines = textwrap.wrap(text, WIDTH - 9, break_on_hyphens=False)
        print(f"  {self._paint('[true]', '32')} " + "\n         ".join(lines))

    def trouble(self, text: str) -> None:
        """Why the story ends here."""
        print(self._paint(f"\n{text}", "1;31"))
