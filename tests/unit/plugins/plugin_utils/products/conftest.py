# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every product as a subject of the same tests, the toy included, which is a product as long as a test of it runs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils import products
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.catalogue import CATALOGUE, add
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import can_roll
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows import calls
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.subjects import SUBJECTS, Subject

TOY = "toy"
TOY_FOLDER = Path(__file__).resolve().parents[4] / "toy" / "products" / TOY


def _package() -> ModuleType:
    """The toy's product, imported as a part of the products: its imports are relative to them."""
    name = f"{products.__name__}.{TOY}"
    if name not in sys.modules:
        places = [str(TOY_FOLDER)]
        spec = importlib.util.spec_from_file_location(
            name, TOY_FOLDER / "__init__.py", submodule_search_locations=places
        )
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return importlib.import_module(f"{name}.product")


@contextmanager
def taken_in() -> Iterator[None]:
    """The toy is a product like the others, as if its folder lay beside theirs."""
    tables: list[Any] = [PRODUCTS, CATALOGUE, calls.PRODUCT, calls.ALLOWED, calls.LOADABLE]
    before = [table.copy() for table in tables]
    product = _package().PRODUCT
    try:
        tables[0][product.name] = product
        add(product.catalogue)
        calls.allow(product.cmdlets, product.ways)
        yield
    finally:
        for table, kept in zip(tables, before, strict=True):
            table.clear()
            table.update(kept)


@pytest.fixture(params=sorted({*(name for name, product in PRODUCTS.items() if can_roll(product)), TOY}))
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Every product; one without a fake member is missing in SUBJECTS."""
    if request.param == TOY:
        with taken_in():
            yield SUBJECTS[TOY]
    else:
        yield SUBJECTS[request.param]
