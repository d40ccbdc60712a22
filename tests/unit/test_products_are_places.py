# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A product is a place: outside its folder nothing knows it by name, nor one of its uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
WORDS = {*PRODUCTS, *(use for product in PRODUCTS.values() for use in product.uses)}
NAMED = tuple(PRODUCTS)
"""Actions whose file name begins with a product's name are about that product."""


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


@pytest.mark.parametrize("path", places(), ids=str)
def test_no_other_place_knows_a_product(path: Path) -> None:
    """No literal, no name, no import outside products/ is a product or one of its uses."""
    assert not list(known(path))
