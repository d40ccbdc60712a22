"""The measure of `make coverage`: what it takes from a report, and that it holds every file it speaks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def branches() -> ModuleType:
    """The tool. Not imported by name: ansible-test knows no module of tests/tools."""
    spec = importlib.util.spec_from_file_location("branches_tool", ROOT / "tests" / "tools" / "branches.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def file(statements: int, taken: int, branches: int, both: float, lines: Any = (), gone: Any = ()) -> dict[str, Any]:
    """A file as coverage.py reports it."""
    summary = {"num_statements": statements, "covered_branches": taken, "num_branches": branches}
    return {
        "summary": {**summary, "percent_covered": both},
        "missing_lines": list(lines),
        "missing_branches": [list(one) for one in gone],
    }


def test_either_figure_below_the_mark_is_too_few(branches: ModuleType) -> None:
    report = {"files": {
        "good.py": file(10, 9, 10, 90.0, gone=[(4, 6)]),
        "lines.py": file(10, 2, 2, 89.9, lines=[7, 8]),
        "branches.py": file(10, 8, 9, 97.0, gone=[(4, -1)]),
        "straight.py": file(3, 0, 0, 100.0),
        "__init__.py": file(0, 0, 0, 100.0),
    }}  # fmt: skip
    found = branches.measured(report)
    assert [(one.name, one.short) for one in found] == [
        ("branches.py", True), ("lines.py", True), ("good.py", False), ("straight.py", False),
    ]  # fmt: skip
    assert [one.missing for one in found] == [("4 -> -1",), ("7", "8"), ("4 -> 6",), ()]
    assert found[0].line() == "   88.9  97.0  branches.py  missing: 4 -> -1"


def test_a_branch_on_a_line_that_never_ran_is_named_once(branches: ModuleType) -> None:
    (one,) = branches.measured({"files": {"x.py": file(4, 0, 2, 25.0, lines=[4, 5], gone=[(4, 5), (4, 6)])}})
    assert one.missing == ("4", "5") and one.short


def test_a_file_that_nothing_measured_is_named(branches: ModuleType) -> None:
    """Imported from another place, all would be missing from the report, and none of it short."""
    every = branches.absent(())
    assert "plugins/plugin_utils/products/exchange/judge.py" in every and "plugins/plugin_utils/array/gate.py" in every
    found = branches.measured({"files": {name: file(1, 0, 0, 100.0) for name in every}})
    assert branches.absent(found) == () and branches.absent(found[1:]) == (found[0].name,)


def test_the_folders_are_those_that_the_settings_measure(branches: ModuleType) -> None:
    """pyproject.toml, Makefile and CONTRIBUTING.md say the same."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.coverage.run]")[1]
    assert all(f'"{folder}"' in settings for folder in branches.FOLDERS) and "branch = true" in settings
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"`{folder}`" in page for folder in branches.FOLDERS) and f"{branches.LEAST:.0f} %" in page
    assert branches.TESTS == "tests/unit/plugins", "what a playbook reaches does not count"
