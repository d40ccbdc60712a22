# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a hook's tasks: which of them did not reach the host they are for.

The plays of a rollout ignore lost hosts, because a lost host that is not ignored takes localhost out of the play, and
with it the way back and the report. So a lost host in a task of the user's would pass unseen: Ansible enters no rescue
for it and sets no variable, on any version. A callback plugin is told of it; here is what it makes of that. Pure.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

VARIABLE = "UCOPS_CERTIFICATES_UNREACHED"
"""Environment variable of ansible-playbook in which roles find the list, as JSON."""
WATCHER = "UCOPS_CERTIFICATES_WATCHER"
"""Environment variable with the process id of the ansible-playbook in which somebody watches; one that this is started
from may watch its own tasks, not those of this one."""
MARK = "__rollout_hook"
"""Variable that the include of a hook sets for its tasks, and nothing else does."""
TEXT_LIMIT = 400
"""Characters of a message that come from elsewhere."""
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})
COLLECTION = "ucops.certificates."
"""What the name of a ready hook begins with: it is the full name of a role of this collection."""
READY_FILE = "ready_hook.yml"
"""The task file of the role rollout that includes the role of a ready hook."""
SIDES = ("before", "after")
"""The task files by which a role is a ready hook: out of service before a member, back into service after it."""


class Watch:
    """Tasks of hooks in the order in which they came to nothing, each once however many plugins report it."""

    def __init__(self) -> None:
        self.wishes: dict[str, Any] = {}
        """Task id -> the ``ignore_unreachable`` that the user wrote; None where nobody did."""
        self.unreached: dict[str, str] = {}
        """Task id -> a sentence about it."""

    def begins(self, task: Any, core: tuple[int, int]) -> None:
        """A task is about to run. ``core``: ansible-core's version. One under which a lost host would end the run
        without a way back and a report counts as come to nothing before it does anything."""
        if not in_hook(task):
            return
        wish = self.wishes[task._uuid] = self.own_wish(task)
        if str(wish).lower() in FALSE:
            self.unreached[task._uuid] = (
                f"{title(task)} says ignore_unreachable: {str(wish).lower()}, and a lost host would end the run "
                "without a report; leave it out, a lost host stops the run all the same"
            )
        elif core < (2, 17) and stops_all(task):
            self.unreached[task._uuid] = (
                f"{title(task)} says run_once or any_errors_fatal, and with ansible-core {core[0]}.{core[1]} a lost "
                "host would end the run without a report; leave it out, tasks of a hook run once anyway"
            )

    def own_wish(self, task: Any) -> Any:
        """``ignore_unreachable`` as the user wrote it on the task or on what holds it inside the hook; None: nowhere.

        The value that a task inherits is the play's, so only what is set at each step counts. Once a task has run, all
        its values are filled in: an include that holds this task is asked for what it said when it began.
        """
        for one in ancestry(task):
            if is_mark(one):
                break
            if one is not task and one._uuid in self.wishes:
                return self.wishes[one._uuid]
            value = getattr(one, "_ignore_unreachable", None)
            if isinstance(value, (bool, str)):
                return value
        return None

    def lost(self, task: Any, result: Mapping[str, Any], host: str) -> None:
        """A task's host was not reached. ``host``: the play's host, for a task that is delegated to none."""
        if not in_hook(task):
            return
        wished = self.wishes.get(task._uuid) is not None and bool(task.ignore_unreachable)
        if not wished or stops_all(task):
            said = "; ".join(f"{where}: {why}" for where, why in lost_hosts(task, result, host))
            self.unreached[task._uuid] = f"{title(task)} did not reach {said}"

    def environment(self, process: int) -> dict[str, str]:
        """The list as roles read it, and who watches."""
        return {VARIABLE: json.dumps(list(self.unreached.values())), WATCHER: str(process)}


def ready_hooks(roles: Path) -> tuple[str, ...]:
    """The names of the ready hooks among the roles of a folder: those that have a task file for either side."""
    found = {path.parents[1].name for path in roles.glob(f"*/tasks/{SIDES[0]}.yml")}
    return tuple(COLLECTION + name for name in sorted(found) if (roles / name / "tasks" / f"{SIDES[1]}.yml").is_file())


def is_ready(hook: str) -> bool:
    """Whether the user means a ready hook. A file is meant by whatever else, and by a name that ends as files do."""
    return hook.startswith(COLLECTION) and not hook.endswith((".yml", ".yaml"))


def files(hooks: Sequence[str], folder: str) -> dict[str, str]:
    """Hook as the user named it -> the file of tasks to include; ``folder``: where ansible-playbook was started."""
    return {hook: READY_FILE if is_ready(hook) else posixpath.join(folder, hook) for hook in hooks}


def refusal(
    hooks: Mapping[str, str],
    ready: Sequence[str],
    environment: Mapping[str, str],
    process: int,
    is_file: Callable[[str], bool],
) -> str | None:
    """Why hooks cannot be run, before any member is touched.

    ``hooks``: what :func:`files` says. ``ready``: the ready hooks that there are. ``process``: id of this
    ansible-playbook.
    """
    unknown = [hook for hook in hooks if is_ready(hook) and hook not in ready]
    missing = [path for hook, path in hooks.items() if not is_ready(hook) and not is_file(path)]
    if unknown or missing:
        found = [f"no ready hook {', '.join(unknown)}"] if unknown else []
        found += [f"nothing at {' and '.join(missing)}"] if missing else []
        return (
            "No member was touched. rollout_before_member, rollout_after_member: expected files of tasks or ready "
            f"hooks, found {' and '.join(found)}. Ready hooks are {', '.join(ready)}. A relative path counts from the "
            "folder in which ansible-playbook was started"
        )
    if hooks and environment.get(WATCHER) != str(process):
        return (
            "No member was touched. rollout_before_member or rollout_after_member is set, and in this playbook nobody "
            "would notice that one of their tasks lost its host: a member could be switched undrained. Start the "
            "collection's own playbook, by import_playbook if you like, or set "
            "ANSIBLE_CALLBACKS_ENABLED=ucops.certificates.rollout_hooks"
        )
    return None


def ancestry(task: Any) -> Iterator[Any]:
    """A task and what holds it, inside out."""
    while task is not None:
        yield task
        task = getattr(task, "_parent", None)


def in_hook(task: Any) -> bool:
    """Whether a task is one of a hook's, however deep in blocks, files and roles that the hook includes."""
    return any(is_mark(one) for one in ancestry(task))


def is_mark(holder: Any) -> bool:
    """Whether it is the block that the include of a hook puts around its tasks."""
    return MARK in (getattr(holder, "vars", None) or {})


def stops_all(task: Any) -> bool:
    """Whether Ansible stops all hosts of the play when this task loses its host, even where that is ignored."""
    return bool(task.run_once or task.any_errors_fatal) and not task.ignore_errors


def lost_hosts(task: Any, result: Mapping[str, Any], host: str) -> list[tuple[str, str]]:
    """Each host that was not reached, with what was said of it; a loop may have more than one."""
    where = str(task.delegate_to or host)
    items = [item for item in result.get("results") or () if isinstance(item, Mapping) and item.get("unreachable")]
    if not items:
        return [(where, cleaned(result.get("msg")))]
    found = []
    for item in items:
        label = cleaned(item.get("_ansible_item_label", item.get("item")))
        name = f"its host for item {label}" if "{{" in where else where
        found.append((name, cleaned(item.get("msg"))))
    return list(dict.fromkeys(found))


def title(task: Any) -> str:
    """A task as a user finds it again."""
    return f"task {cleaned(task.name or task.get_name())!r}"


def cleaned(text: Any) -> str:
    """One line that a terminal can be shown."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text or "unreachable")).split())
    return line if len(line) <= TEXT_LIMIT else f"{line[:TEXT_LIMIT]}..."


WATCH = Watch()
"""The one of this ansible-playbook."""
