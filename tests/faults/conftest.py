"""The same labs and controllers as for the integration tests."""

from __future__ import annotations

from integration.conftest import controller, lab, start_lab

__all__ = ["controller", "lab", "start_lab"]
