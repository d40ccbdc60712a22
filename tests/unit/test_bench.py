# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` measured stands on its page as it was measured."""

from __future__ import annotations

import importlib.util
import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "bench" / "page.py"


@cache
def page() -> Any:
    """tests/bench/page.py as a module."""
    spec = importlib.util.spec_from_file_location("bench_page", PAGE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures() -> dict[str, Any]:
    """What is kept."""
    found: dict[str, Any] = json.loads(page().KEPT.read_text(encoding="utf-8"))
    return found


def test_the_page_is_made_of_the_figures() -> None:
    """Otherwise: python tests/bench/page.py"""
    text = page().PAGE.read_text(encoding="utf-8")
    assert page().made(text, figures()) == text


def test_other_figures_make_another_page() -> None:
    text = page().PAGE.read_text(encoding="utf-8")
    for part in figures():
        other = deepcopy(figures())
        other[part]["machine"]["load"] = 98.7
        assert "load average 98.7 before" in page().made(text, other)


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the lines"):
        page().made("# What it costs\n", {})


def test_a_row_says_how_many_times_the_floor_it_is() -> None:
    row = {"ports": 1400, "memory": 120, "verify": {"cpu": 36.0}, "floor": {"cpu": 4.0}, "judged": {"cpu": 9.0}}
    machine = {"on": "2026-11-28", "processors": 2, "model": "x", "python": "3.11", "ansible": "2.19", "load": 1.25}
    found = {"rows": {"100": row, "20": row}, "rounds": 3, "machine": machine, "load_after": 2}
    lines = [line for line in page().tables.shown("verify", found).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in cells[2:]] == ["20", "100"]
    assert cells[3] == ["100", "1400", "36.0", "0.36", "120", "4.0", "9.0", "9.0", "4.0"]
    assert len({len(line) for line in lines}) == 1
