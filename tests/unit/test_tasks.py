# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task files of the rollout decide nothing: they loop over steps that array/steps.py says. Their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TASKS = Path(__file__).resolve().parents[2] / "roles" / "rollout" / "tasks"
OURS = ("rollout_array", "rollout_member", "tls_endpoint_info")
ANSIBLES = ("import_tasks", "include_tasks", "include_role", "fail", "set_fact")
SHAPES: dict[str, list[str]] = {
    "preflight": ["fail", "rollout_array", "import_tasks", "import_tasks", "import_tasks"],
    "prepare": ["rollout_member", "fail"],
    "main": [
        "tls_endpoint_info", "rollout_array", "include_tasks", "tls_endpoint_info", "rollout_array",  # there
        "rollout_array", "include_tasks", "tls_endpoint_info",  # and back
        "rollout_array", "include_tasks", "rollout_array", "fail",  # always
    ],
    "read_journal": ["rollout_member", "fail"],
    "name_product": ["rollout_array"],
    "begin_waves": ["rollout_array", "include_tasks"],
    "begin_one": ["include_tasks", "rollout_array"],
    "waves": ["rollout_array", "include_tasks", "rollout_array"],
    "wave_one": ["include_tasks", "rollout_array"],
    "step": ["rollout_member"],
    "step_around": ["include_tasks", "import_tasks", "tls_endpoint_info", "rollout_array", "include_tasks"],
    "step_alone": ["include_tasks", "rollout_array"],
    "hook": ["set_fact", "include_tasks", "fail"],
    "ready_hook": ["include_role"],
    "settle": ["import_tasks"],
    "rollback": ["import_tasks"],
}  # fmt: skip
"""Task file -> the actions in it, in their order."""
CONDITIONS = re.compile(
    r"^rollout_purpose == 'renew'$"
    r"|^(__rollout(_report|_preflight)?|\(__rollout_preflight \| default\(\{\}\)\))\.\w+( \| (default\(false\)|bool))*$"
    r"|^rollout_step\.(hooked|probed)$|^not ansible_check_mode$|^false$"
    r"|^(__rollout_endpoints|(rollout_hook|__rollout_before_member|__rollout_after_member)) \| length > 0$"
    r"|^hostvars\[rollout_step\.member\]\.rollout_endpoints \| default\(\[\]\) \| length > 0$"
)
"""What a task may ask: what an action answered, what a step says, whether the user gave something at all."""


def tasks(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every task of a file, those in blocks too, in their order."""
    for item in items:
        inner = [key for key in ("block", "rescue", "always") if key in item]
        if inner:
            for key in inner:
                yield from tasks(item[key])
        else:
            yield item


def read(name: str) -> list[dict[str, Any]]:
    return list(tasks(yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8"))))


def action(task: dict[str, Any]) -> str:
    (found,) = [key.rpartition(".")[2] for key in task if key.rpartition(".")[2] in (*OURS, *ANSIBLES)]
    return found


def test_there_are_no_other_task_files() -> None:
    assert {path.stem for path in TASKS.glob("*.yml")} == set(SHAPES)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_task_file_has_its_shape(name: str) -> None:
    assert [action(task) for task in read(name)] == SHAPES[name]


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"hook", "preflight", "prepare", "read_journal"}))
def test_no_task_decides(name: str) -> None:
    """A condition asks what was decided; it works nothing out of two things."""
    for task in read(name):
        given = task.get("when", [])
        for condition in given if isinstance(given, list) else [given]:
            assert CONDITIONS.match(str(condition).lower() if condition is False else str(condition)), condition


def test_steps_are_the_only_thing_that_is_looped_over() -> None:
    loops = [task["loop"] for name in SHAPES for task in read(name) if "loop" in task]
    assert sorted(loops) == ["{{ __rollout.steps }}"] * 3 + [
        "{{ __rollout_waves.arrays }}",
        "{{ __rollout_waves.begun }}",
    ]


def test_no_file_includes_itself() -> None:
    """Not even round about: each names only files that stand behind it."""
    order = ["begin_waves", "begin_one", "preflight", "waves", "wave_one", "settle", "rollback", "main"]
    order += ["step_alone", "step_around", "step", "hook", "ready_hook"]
    for name in SHAPES:
        for task in read(name):
            told = next((task[key] for key in task if key.endswith(("include_tasks", "import_tasks"))), None)
            file = told["file"] if isinstance(told, dict) else told
            if file and "{{" not in file:
                assert order.index(file.removesuffix(".yml")) > order.index(name), (name, file)


def test_the_run_is_named_by_its_array_and_nothing_of_it_passes_a_template() -> None:
    allowed = {"phase", "array", "step", "wire", "reasons", "directory", "failed_task", "failed_action",
               "failed_message", "member", "bundles", "journal", "waves"}  # fmt: skip
    for name in set(SHAPES) - {"preflight", "name_product"}:
        for task in read(name):
            if action(task) in ("rollout_array", "rollout_member"):
                (options,) = (value for key, value in task.items() if key.endswith(action(task)))
                own = options.get("array", "{{ rollout_array }}")
                assert own in ("{{ __rollout_array }}", "{{ rollout_array }}"), (name, options)
                assert set(options) <= allowed, (name, options)
