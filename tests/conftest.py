"""A deprecation is an error in every test, whoever starts pytest.

ansible-test brings settings of its own, so this does not stand in pyproject.toml.
"""

from __future__ import annotations

import pytest

DEPRECATIONS = (
    "DeprecationWarning",
    "PendingDeprecationWarning",
    "FutureWarning",
    "SyntaxWarning",
    "cryptography.utils.CryptographyDeprecationWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Say so to pytest."""
    for category in DEPRECATIONS:
        config.addinivalue_line("filterwarnings", f"error::{category}")
