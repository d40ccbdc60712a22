# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A product is a place: outside its folder nothing knows it by name, nor one of its uses, and no sentence speaks of
what only it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
WORDS = {*PRODUCTS, *(use for product in PRODUCTS.values() for use in product.uses)}
NAMED = tuple(PRODUCTS)
"""Actions whose file name begins with a product's name are about that product."""
TEMPLATES = sorted((PLUGINS / "plugin_utils").rglob("*.j2"))


def spoken() -> set[str]:
    """What only a product has and a sentence could say of it.

    Its cmdlets, its Windows services, how a server of it is called, its uses, and the words of its succession. Words
    that everybody uses are left out: a use such as ``Internal``, and what is not capitalized.
    """
    words: set[str] = set()
    for product in PRODUCTS.values():
        words |= {*product.cmdlets, product.title, product.by_hand}
        words |= {service for services in product.services_of.values() for service in services}
        words |= {use for use in product.uses if len(re.findall("[A-Z]", use)) > 1}
        words |= {word for word in getattr(product, "succession", "").split() if not word.islower()}
    return words


SPOKEN = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in sorted(spoken(), key=len, reverse=True))
)


def places() -> list[Path]:
    """Return every file that must not know a product: plugin_utils without products, and the actions of no product."""
    utils = [p for p in (PLUGINS / "plugin_utils").rglob("*.py") if "products" not in p.relative_to(PLUGINS).parts]
    actions = [p for p in (PLUGINS / "action").glob("*.py") if not p.name.startswith(NAMED)]
    return sorted(path.relative_to(PLUGINS) for path in [*utils, *actions])


def known(path: Path) -> Iterator[str]:
    """Yield what a file knows of a product: a literal that is its name or a use, an import out of its folder."""
    tree = ast.parse((PLUGINS / path).read_text(encoding="utf-8"))
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in WORDS and id(node) not in texts:
            yield f"{path}:{node.lineno}: {node.value!r}"
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            inside = parts[parts.index("products") + 1 :] if "products" in parts else []
            names = [*inside, *(alias.name for alias in node.names if parts[-1:] == ["products"])]
            yield from (f"{path}:{node.lineno}: import of {name}" for name in names if name in PRODUCTS)
        elif isinstance(node, ast.Name) and node.id.lower() in PRODUCTS:
            yield f"{path}:{node.lineno}: {node.id}"


def cited(tree: ast.AST) -> set[int]:
    """Where a finding's public source stands, the last of an entry's texts: what it is called is not ours to say."""
    sources = [
        entry.args[4]
        for entry in ast.walk(tree)
        if isinstance(entry, ast.Call)
        and isinstance(entry.func, ast.Name)
        and entry.func.id == "Entry"
        and entry.args[4:]
    ]
    names = {source.id for source in sources if isinstance(source, ast.Name)}
    named = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and {t.id for t in node.targets if isinstance(t, ast.Name)} & names
    ]
    return {id(node) for source in (*sources, *named) for node in ast.walk(source)}


def said(text: str) -> Iterator[str]:
    """Yield what a file says that only a product has, in its literals; docstrings and cited sources are left out."""
    tree = ast.parse(text)
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    silent |= cited(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield from (f"{node.lineno}: {found} in {node.value[:60]!r}" for found in SPOKEN.findall(node.value))


@pytest.mark.parametrize("path", places(), ids=str)
def test_no_sentence_elsewhere_speaks_of_what_only_a_product_has(path: Path) -> None:
    """It asks the product for the word, so that a user of another product is not told about this one's cmdlets."""
    assert not list(said((PLUGINS / path).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_does(path: Path) -> None:
    """Templates are sentences, too."""
    assert not SPOKEN.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('raise ValueError("compare by hand (Get-CsCertificate)")', ["Get-CsCertificate"]),
        ('text = f"the A/V roll of {member}"', ["A/V"]),
        ('text = f"{member}: RTCSRV is down; is it an Edge server?"', ["RTCSRV", "Edge server"]),
        ('text = "IMAP and AccessEdgeExternal"', ["IMAP", "AccessEdgeExternal"]),
        ('"""Get-CsCertificate tells."""', []),
        ('text = "an Internal matter; Get-CsCertificates, FOO-IMAP and smtp"', []),
        ('SOURCE = "Microsoft, Get-CsCertificate"\nEntry("error", "a", "b", "c", SOURCE)', []),
        ('Entry("error", "a", "b", "see Get-CsCertificate", "Microsoft, Get-CsCertificate")', ["Get-CsCertificate"]),
    ],
)
def test_what_is_found_and_what_is_not(text: str, found: list[str]) -> None:
    """The rule itself: words, not parts of words; sentences, not citations."""
    assert [line.split(": ", 1)[1].split(" in ")[0] for line in said(text)] == found


@pytest.mark.parametrize("path", places(), ids=str)
def test_no_other_place_knows_a_product(path: Path) -> None:
    """No literal, no name, no import outside products/ is a product or one of its uses."""
    assert not list(known(path))
