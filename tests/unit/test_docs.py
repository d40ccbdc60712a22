"""The pages: generated ones are up to date, links lead somewhere, and what they name exists."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import TAGS
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.catalogue import CATALOGUE
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "roles").glob("*/README.md")]
)
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
ROLE = ROOT / "roles" / "rollout"
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FINDING = re.compile(
    r"`((?:accept|array|bundle|chain|emergency|event|friendly-name|frontend|gate|journal|key|leaf|member|names|product|roll|rollback"
    r"|store|tls|transport|wire)\.[a-z0-9-]+)`"
)


def text_of(page: Path) -> str:
    """Return a page's text."""
    return page.read_text(encoding="utf-8")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return all anchors of a page; of equal ones only the first, because nobody should link to the others."""
    return frozenset(anchor(heading) for heading in HEADING.findall(FENCE.sub("", text_of(page))))


@cache
def options() -> dict[str, Any]:
    """Return the documented variables of all roles."""
    found: dict[str, Any] = {}
    for role in ROLES:
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        found |= specs["argument_specs"]["main"]["options"]
    return found


def generator() -> Any:
    """Return tests/tools/variables_doc.py as a module."""
    path = ROOT / "tests" / "tools" / "variables_doc.py"
    spec = importlib.util.spec_from_file_location("variables_doc", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_variables_page_is_what_the_specs_say() -> None:
    """Otherwise: python tests/tools/variables_doc.py"""
    assert text_of(ROOT / "docs" / "variables.md") == generator().page()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    """Files exist, and so do the headings that are linked to."""
    lost = []
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, part = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file() or (part and part not in anchors(file)):
            lost.append(target)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_findings_that_are_named_exist(page: Path) -> None:
    """An id in a page is a key of the catalogue."""
    known = {*CATALOGUE, *(id for product in PRODUCTS.values() for id in product.catalogue)}
    assert not sorted(set(FINDING.findall(text_of(page))) - known)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_variables_that_are_named_exist(page: Path) -> None:
    """No page tells a reader to set what nothing reads."""
    named = set(re.findall(rf"(?<![_\w])(?:{'|'.join(ROLES)})_[a-z_]+", text_of(page)))
    plugins = {path.stem for kind in ("modules", "callback") for path in (ROOT / "plugins" / kind).iterdir()}
    assert not sorted(named - set(options()) - plugins)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_named_exist(page: Path) -> None:
    """make targets, playbooks and tags."""
    text = text_of(page)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = " ".join(re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (\S.*)$", text, re.MULTILINE))
    assert not sorted(set(re.findall(r"(?<![\w-])make ([a-z][a-z-]+)", code)) - targets)
    plugins = {path.stem for kind in ("modules", "filter", "callback") for path in (ROOT / "plugins" / kind).iterdir()}
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    named = set(re.findall(r"ucops\.certificates\.([a-z_]+)", text))
    assert not sorted(named - plugins - playbooks - set(ROLES))
    tags = {tag for found in re.findall(r"--(?:skip-)?tags[ =]([a-z,]+)", text) for tag in found.split(",")}
    assert tags <= {"plan", "stage", "gate", "roll", "switch", "prove", "report"}


def test_tags_are_those_of_the_role() -> None:
    """The tags that rollout.md lists are the ones that select something; the report is always written."""
    listed = re.search(r"Tags run phases apart: ([^.]+)\.", text_of(ROOT / "docs" / "rollout.md"))
    assert listed is not None
    assert set(re.findall(r"`([a-z]+)`", listed[1])) - {"plan", "report"} == {tag for _asked, tag in TAGS.values()}
