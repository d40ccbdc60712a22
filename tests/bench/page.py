"""`python tests/bench/page.py [FIGURES]`: makes the measured section of docs/performance.md.

FIGURES is what `make bench` wrote: its parts replace those that are kept in tests/bench/measured.json, from which the
section is made. Without it the section is made of what is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bench import tables  # noqa: E402

KEPT = ROOT / "tests" / "bench" / "measured.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- made by tests/bench/page.py from here -->\n", "<!-- to here -->\n"


def made(text: str, figures: Mapping[str, Any]) -> str:
    """The page's text with the section for these figures. Raises ValueError where a page has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN.strip()!r} and {END.strip()!r} in the page, found them not")
    parts = [tables.shown(part, figures[part]) for part in tables.PARTS if part in figures]
    return before + BEGIN + "\n" + "\n\n".join(parts) + "\n\n" + END + after


def main() -> None:
    """Keep what is new, write the page."""
    figures = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name in sys.argv[1:]:
        figures |= json.loads(Path(name).read_text(encoding="utf-8"))
    text = made(PAGE.read_text(encoding="utf-8"), figures)
    KEPT.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
