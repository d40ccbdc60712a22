"""Skips what needs a PowerShell where there is none."""

from __future__ import annotations

import pytest

from pwsh.engine import MISSING, find_pwsh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip every test that is marked `pwsh`, with the reason in one line."""
    if find_pwsh():
        return
    for item in items:
        if item.get_closest_marker("pwsh"):
            item.add_marker(pytest.mark.skip(reason=MISSING))
