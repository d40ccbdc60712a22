"""Test action: append a value to the file named by LAB_TEST_MEMORY, as one JSON line."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """``name`` and ``value``; touches no host."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"name", "value"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the line."""
        result = super().run(tmp, task_vars)
        with open(os.environ["LAB_TEST_MEMORY"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps([self._task.args["name"], self._task.args["value"]], default=str) + "\n")
        return result
