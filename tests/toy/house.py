"""A copy of the collection that has the toy as a third product: what that takes, and not a line more."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = Path("ansible_collections") / "ucops" / "certificates"
LEFT_OUT = (".*", "__pycache__", "reports", "node_modules")
BEFORE_CALLS = "# ---- Run the calls.\n"
"""The line of the script in front of which a product's region stands."""
CHOICES = re.compile(r"^( *choices: \[edge, exchange(?:, frontend)?)", re.MULTILINE)
"""Where a user reads which products there are."""


def with_toy(folder: Path) -> Path:
    """Copy the collection into a folder of collections, move the toy in, and return where the collection is.

    Beside its folder it takes one line in the list of products, its region of the script, and its name where the
    documentation lists the products.
    """
    there = folder / NAME
    shutil.copytree(ROOT, there, ignore=shutil.ignore_patterns(*LEFT_OUT))
    utils = there / "plugins" / "plugin_utils"
    shutil.copytree(HERE / "products" / "toy", utils / "products" / "toy", ignore=shutil.ignore_patterns(*LEFT_OUT))
    listed = utils / "products" / "__init__.py"
    exchange = "from .exchange.product import PRODUCT as EXCHANGE\n"
    _replace(listed, exchange, f"{exchange}from .toy.product import PRODUCT as TOY\n")
    _replace(listed, "FRONTEND)}", "FRONTEND, TOY)}")
    region = (HERE / "remote_calls.ps1").read_text(encoding="ascii")
    _replace(there / "plugins" / "modules" / "remote_calls.ps1", BEFORE_CALLS, region + BEFORE_CALLS)
    page = there / "plugins" / "modules" / "bundle_info.yml"
    changed, count = CHOICES.subn(r"\1, toy", page.read_text(encoding="utf-8"))
    assert count, f"{page.name} lists no products any more"
    page.write_text(changed, encoding="utf-8")
    link = there / ".build" / "collections" / NAME
    link.parent.mkdir(parents=True)
    link.symlink_to(there)
    return there


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has {text.count(old)} times {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")
