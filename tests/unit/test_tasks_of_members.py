# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each member of a large array costs one task and nothing else: the shapes of the roles verify and request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ucops.certificates.tests.unit.test_tasks import tasks

ROOT = Path(__file__).resolve().parents[2]
OURS = ("verify_array", "verify_member", "request_array", "request_member", "certificate_request", "exchange_request")
ANSIBLES = ("include_tasks", "fail", "set_stats")
SHAPES: dict[tuple[str, str], list[str]] = {
    ("verify", "begin"): ["verify_array"],
    ("verify", "read"): ["verify_member", "fail"],
    ("verify", "wire"): ["verify_array", "verify_array"],
    ("verify", "main"): ["include_tasks", "verify_array", "set_stats", "fail"],
    ("request", "preflight"): ["request_array", "certificate_request"],
    ("request", "look"): ["request_member", "fail"],
    ("request", "main"): ["fail", "request_array", "include_tasks"],
    ("request", "controller"): ["certificate_request", "request_array", "request_array"],
    ("request", "server"): ["exchange_request", "request_array", "exchange_request", "request_array"],
}
"""(role, task file) -> the actions in it, in their order."""
MEMBERS = {
    "verify": ("read", "verify_member"),
    "request": ("look", "request_member"),
    "rollout": ("prepare", "rollout_member"),
}
"""Role -> the task file that runs on every member, and its one action."""
EACH = {"verify": ["read"], "request": ["look"], "rollout": ["prepare", "read_journal"]}


def load(role: str, name: str) -> list[dict[str, Any]]:
    file = ROOT / "roles" / role / "tasks" / f"{name}.yml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def action(task: dict[str, Any]) -> str:
    (found,) = [key.rpartition(".")[2] for key in task if key.rpartition(".")[2] in (*OURS, *ANSIBLES)]
    return found


def test_there_are_no_other_task_files() -> None:
    files = {
        (role, path.stem) for role in ("verify", "request") for path in (ROOT / "roles" / role / "tasks").iterdir()
    }
    assert files == set(SHAPES)


@pytest.mark.parametrize(("role", "name"), sorted(SHAPES))
def test_a_task_file_has_its_shape(role: str, name: str) -> None:
    assert [action(task) for task in tasks(load(role, name))] == SHAPES[role, name]


@pytest.mark.parametrize("role", sorted(MEMBERS))
def test_a_member_is_one_task_that_asks_nothing_itself(role: str) -> None:
    """What is skipped costs a fork, too: the action says whether the member is asked. The rescue lets it go on."""
    name, one = MEMBERS[role]
    (block,) = load(role, name)
    (task,) = block["block"]
    assert f"ucops.certificates.{one}" in task and not {"when", "loop", "vars"} & {*task, *block}
    (rescue,) = block["rescue"]
    assert "ansible_limit is defined" in rescue["when"]


def test_what_members_and_ports_showed_passes_no_template() -> None:
    """Evidence is named, never handed over; nor are variables that are worked out over all members."""
    for role in ("verify", "request"):
        for _role, name in [key for key in SHAPES if key[0] == role and key[1] not in ("begin", "preflight")]:
            for task in tasks(load(role, name)):
                text = yaml.safe_dump({key: value for key, value in task.items() if key.startswith("ucops.")})
                assert "hostvars" not in text and "__verify_read }}" not in text and "__request_read }}" not in text, (
                    text
                )
    for role in ("verify", "request"):
        names = yaml.safe_load((ROOT / "roles" / role / "vars" / "main.yml").read_text(encoding="utf-8"))
        assert not [name for name, value in names.items() if f"__{role}_read" in str(value)]


def test_members_are_not_validated_once_more() -> None:
    """Ansible's validation is a task a host, too; localhost had it, and what is a member's own its action validates."""
    seen = []
    for file in sorted((ROOT / "playbooks").glob("*.yml")):
        for play in yaml.safe_load(file.read_text(encoding="utf-8")):
            for task in play.get("tasks", ()):
                given = task.get("ansible.builtin.import_role", {})
                each = given.get("tasks_from") in EACH.get(str(given.get("name", "")).rpartition(".")[2], ())
                assert (given.get("rolespec_validate") is False) == each, (file.name, task["name"])
                seen += [file.name] * each
    assert len(seen) == 10 and len(set(seen)) == 8
