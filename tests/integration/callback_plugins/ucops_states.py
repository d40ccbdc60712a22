"""Asks the lab for its state after every task, between the tasks of one play: the independent read of a test."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ucops_states
type: notification
short_description: State of the lab after each task, for the tests of ucops.certificates
description:
  - Appends one JSON document a task result to the file named in E(UCOPS_STATES), read from the lab at E(UCOPS_CONTROL).
"""
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


class CallbackModule(CallbackBase):
    """One line a result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ucops_states"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, result: Any) -> None:
        with LOCAL.open(os.environ["UCOPS_CONTROL"] + "/state", timeout=30) as response:
            state = json.load(response)
        with open(os.environ["UCOPS_STATES"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(state) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write(result)
