"""Writes what every task answered to a file, one JSON document a line, and the recap at the end."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ucops_results
type: notification
short_description: Task results for the tests of ucops.certificates
description:
  - Appends one JSON document a task result to the file named in C(UCOPS_RESULTS).
"""

# Tasks run in processes that are forked from this one: a deprecated call in our code fails its task, and so its test.
for _category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.filterwarnings("error", category=_category, module=r"ansible_collections\.ucops\.")


class CallbackModule(CallbackBase):
    """One line a result; the last line is the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ucops_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, row: dict[str, Any]) -> None:
        with open(os.environ["UCOPS_RESULTS"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, default=str) + "\n")

    def _result(self, result: Any, status: str) -> None:
        host, task, data = result._host.get_name(), result._task, result._result
        self._write({"host": host, "task": task.get_name(), "action": task.action, "status": status, "result": data})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write({"recap": {host: stats.summarize(host) for host in stats.processed}})
