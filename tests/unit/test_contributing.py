"""The pages for people who change the collection: what they name is there, and what they draw is true."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import OWN

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "plugin_utils"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = (ARCHITECTURE, CONTRIBUTING)
NAMES = [page.name for page in PAGES]
EVERY = sorted(
    [ROOT / "README.md", *PAGES, *(p for p in ROOT.glob("docs/*.md") if p != ARCHITECTURE), *ROOT.glob("roles/*/*.md")]
)
#: A file or folder as the pages write it, with what is defined in it (`file.py:name`) or a test (`file.py::test`).
PATH = re.compile(r"^(?P<path>[\w./-]+?)(?:::(?P<test>test_\w+)(?:\[(?P<case>.+)\])?|:(?P<name>\w+(?:\.\w+)?))?$")
SUFFIXES = (".py", ".ps1", ".psm1", ".yml", ".json", ".md", ".css")
#: What a run leaves behind, which no checkout has.
LEFT = ("reports/ARRAY-RUN/", "controller/", "lab1/", ".build/", ".venv/")
#: Folders that begin a path, wherever a page says it.
TOP = ("plugins/", "roles/", "playbooks/", "tests/", "docs/", "changelogs/fragments/")


def load(path: Path) -> ModuleType:
    """Return a file of tests/ as a module."""
    spec = importlib.util.spec_from_file_location(f"contributing_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def said(page: Path) -> list[str]:
    """Return what a page says as code: between backticks, and the words of its indented commands."""
    text = page.read_text(encoding="utf-8")
    inline = [
        " ".join(one.split()) for one in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    ]
    commands = re.findall(r"^(?: {4})+(\S.*)$", text, re.MULTILINE)
    return inline + [word.strip('"') for line in commands for word in line.split() if "/" in word and "<" not in word]


def found(path: str) -> Path | None:
    """Return the file or folder that a page means: seen from the top, from plugins/plugin_utils or from plugins."""
    places = [base / path for base in (ROOT, UTILS, UTILS.parent) if (base / path).exists()]
    return places[0] if places else None


def is_path(one: str) -> bool:
    """Tell whether a piece of code is a path of this repository rather than a command, a call or a word."""
    match = PATH.match(one)
    if match is None or one.startswith(LEFT):
        return False
    path = match["path"]
    return path.endswith(SUFFIXES) or ("/" in path and found(path.split("/")[0]) is not None)


@cache
def defined(path: Path) -> frozenset[str]:
    """Return what a file defines at its top, and `Class.member` of its classes."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names |= set(names_of(node))
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for inner in node.body for name in names_of(inner)}
    return frozenset(names)


def names_of(node: ast.stmt) -> list[str]:
    """Return the names that one statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def wrong_with(one: str) -> str:
    """Return why a path that a page names leads nowhere; empty when it does not."""
    match = PATH.match(one)
    assert match is not None
    file = found(match["path"])
    name = match["test"] or match["name"]
    if file is None:
        return f"{one}: there is no such file"
    if name and name not in defined(file):
        return f"{one}: {match['path']} defines no {name}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_functions_and_tests_that_are_named_exist(page: Path) -> None:
    """Also those in commands; and the pages do name many."""
    paths = [one for one in said(page) if is_path(one)]
    assert len(paths) > 50
    assert not [why for one in paths if (why := wrong_with(one))]


@pytest.mark.parametrize(
    "one", ["array/gone.py", "array/gate.py:gone", "tests/unit/test_arrows.py::test_gone", "plugins/gone"]
)
def test_what_leads_nowhere_is_noticed(one: str) -> None:
    assert is_path(one) and wrong_with(one)


@pytest.mark.parametrize("page", EVERY, ids=[page.relative_to(ROOT).as_posix() for page in EVERY])
def test_no_page_names_a_file_that_is_gone(page: Path) -> None:
    """All other pages, too: a path from the top of the checkout leads somewhere, whatever was moved."""
    words = [one for one in said(page) if one.startswith(TOP) and PATH.match(one) and "*" not in one]
    assert not [why for one in words if (why := wrong_with(one))]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_calls_that_are_named_may_be_called(page: Path) -> None:
    """`Verb-Noun` is a function of the script or a cmdlet of a product."""
    named = {one for one in said(page) if re.fullmatch(r"[A-Z][a-z]+-[A-Z]\w+", one)}
    assert not sorted(named - {*OWN, *(name for product in PRODUCTS.values() for name in product.cmdlets)})


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_targets_that_are_named_exist(page: Path) -> None:
    """And so do the programs of the environment, which `make venv` makes."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.MULTILINE)
    assert set(named) <= set(targets)
    assert set(re.findall(r"\.venv/bin/(\w+)", text)) <= {"python"}


def test_every_room_is_on_the_page() -> None:
    """A room that is added, renamed or taken away shows here."""
    rooms = {path.name for path in UTILS.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    files = {path.name for path in UTILS.glob("*.py")} - {"__init__.py"}
    assert {room for room, *_rest in table()} == rooms | files


def test_the_picture_shows_every_room() -> None:
    """The folders alone."""
    rooms = {path.name for path in UTILS.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    drawn = ARCHITECTURE.read_text(encoding="utf-8").split("## In one picture")[1].split("##")[0]
    assert rooms <= set(re.findall(r"(?<![\w/])([a-z]+)/", drawn))


def table() -> list[tuple[str, set[str], set[str]]]:
    """Return the rows of the page's table of rooms: (room, what of ours it may import, what of others)."""
    text = ARCHITECTURE.read_text(encoding="utf-8").split("| room | what it is |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return [
        (cells[0].strip("`"), set(re.findall(r"`([^`]+)`", cells[2])), {one for one in cells[3].split(", ") if one})
        for cells in rows
    ]


def written(name: str) -> str:
    """Return an import of test_arrows.py as the page writes it: `plugin_utils.windows.calls` is `windows/calls.py`."""
    path = name.replace(".", "/")
    short = path.removeprefix("plugin_utils/")
    return short if (ROOT / "plugins" / path).is_dir() else f"{short}.py"


def test_the_arrows_are_those_that_are_enforced() -> None:
    """Room by room, no more and no less than test_arrows.py lets pass."""
    arrows = load(ROOT / "tests" / "unit" / "test_arrows.py")
    for room, ours, others in table():
        place = f"plugin_utils/{room}"
        assert ours == {written(name) for name in arrows.ALLOWED[place]}, room
        assert others == {*arrows.LIBRARIES.get(place, ()), *arrows.ANSIBLE.get(place, ())}, room


def test_the_case_of_the_fault_matrix_is_one() -> None:
    """It is run by `make test`, its name is taken apart rightly, and every fault is explained."""
    matrix = load(ROOT / "tests" / "faults" / "matrix.py")
    text = CONTRIBUTING.read_text(encoding="utf-8")
    cases = {str(case): case for case in matrix.quick()}
    shown = set(re.findall(r"edge\d-[\w-]+", text))
    assert len(shown) == 1 and shown <= set(cases)
    case = cases[shown.pop()]
    assert (case.member, case.phase, case.call, case.nth, case.do) == (
        "edge1",
        "switch",
        "Set-Journal",
        3,
        "drop-after",
    )
    assert "third `Set-Journal` of edge1, which is in its switch" in text
    rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"[a-z-]+", row)} == set(matrix.FAULTS)


def test_the_readme_leads_there() -> None:
    """From its sections Documentation and Contributing."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0]: part for part in readme.split("\n## ")}
    assert "(docs/architecture.md)" in sections["Documentation"]
    assert "(CONTRIBUTING.md)" in sections["Contributing"] and "(docs/architecture.md)" in sections["Contributing"]
