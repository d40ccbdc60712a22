# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One word is one thing: what has the same name in two places is read as the same, and is not."""

from __future__ import annotations

import ast
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ANSIBLES = {"ActionModule", "CallbackModule", "ModuleDocFragment"}
"""Names that Ansible asks for, once a file."""
FUNCTIONS = {"together", "order_of"}
"""Functions that once stood for several ideas each."""


def test_a_class_has_its_name_alone() -> None:
    """Two products may each have their own of a kind, as each has its own file for it."""
    places: dict[str, set[str]] = {}
    for path in PLUGINS.rglob("*.py"):
        place = path.relative_to(PLUGINS)
        # The folder of a product is left out: edge/reading.py and exchange/reading.py are one place.
        parts = place.parts if "products" not in place.parts or len(place.parts) < 4 else (*place.parts[:2], place.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS):
                places.setdefault(node.name, set()).add("/".join(parts))
    assert {"Refused", "Product"} <= set(places), "nothing was read"
    assert not {name: found for name, found in places.items() if len(found) > 1 and name not in ANSIBLES}
