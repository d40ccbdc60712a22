# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a hook's tasks came to nothing: by what the user wrote, never by what a task inherits or was filled in."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.hooks import (
    MARK,
    TEXT_LIMIT,
    VARIABLE,
    WATCHER,
    Watch,
    files,
    ready_hooks,
    refusal,
)

ROLES = next(parent for parent in Path(__file__).resolve().parents if (parent / "galaxy.yml").is_file()) / "roles"
NEW, OLD = (2, 22), (2, 16)
REFUSED = {"unreachable": True, "msg": "Connection refused"}


def block(parent: Any = None, wish: Any = None, **variables: Any) -> Any:
    """A block; ``wish``: its own ignore_unreachable."""
    return SimpleNamespace(_parent=parent, vars=variables, _ignore_unreachable=wish, _uuid=f"b{id(variables)}")


HOOK = block(**{MARK: True})


def task(parent: Any = HOOK, wish: Any = None, name: str = "Drain", uuid: str = "1", **more: Any) -> Any:
    """A task before it runs; what it inherits is the play's ignore_unreachable: true."""
    given = {"run_once": False, "any_errors_fatal": False, "ignore_errors": False, "delegate_to": "lb", **more}
    return SimpleNamespace(
        _parent=parent, vars={}, _ignore_unreachable=wish, ignore_unreachable=True, _uuid=uuid, name=name,
        get_name=lambda: f"role : {name}", **given,
    )  # fmt: skip


def unreached(watch: Watch) -> list[str]:
    """What roles read."""
    found: list[str] = json.loads(watch.environment(1)[VARIABLE])
    return found


def run(asked: Any, result: Any = REFUSED, core: tuple[int, int] = NEW) -> list[str]:
    """A task from its begin to the loss of its host; then its values are filled in, as Ansible does."""
    watch = Watch()
    watch.begins(asked, core)
    if not unreached(watch):
        if asked._ignore_unreachable is None:
            asked._ignore_unreachable = True
        watch.lost(asked, result, "localhost")
        watch.lost(asked, result, "localhost")
    return unreached(watch)


def test_a_lost_host_is_told_once_with_task_host_and_cause() -> None:
    assert run(task()) == ["task 'Drain' did not reach lb: Connection refused"]
    assert run(task(delegate_to=None)) == ["task 'Drain' did not reach localhost: Connection refused"]
    assert run(task(parent=block(block(HOOK)))) == run(task())


def test_tasks_that_are_no_hook_of_anybody_do_not_count() -> None:
    assert run(task(parent=block())) == [] and run(task(parent=None)) == []
    assert run(task(parent=None, wish=False)) == [] and run(task(parent=None, run_once=True), core=OLD) == []


@pytest.mark.parametrize("wish", [True, "yes", "{{ may_be_away }}"])
def test_a_wish_of_the_users_own_holds(wish: Any) -> None:
    assert run(task(wish=wish)) == []
    assert run(task(parent=block(HOOK, wish))) == [], "on a block inside the hook"


def test_a_wish_that_came_out_false_is_none() -> None:
    asked = task(wish="{{ may_be_away }}")
    asked.ignore_unreachable = False
    assert len(run(asked)) == 1


def test_what_is_set_around_the_hook_is_no_wish() -> None:
    assert len(run(task(parent=block(block(block(None, True), **{MARK: True}))))) == 1


def test_an_include_that_has_run_is_filled_in_and_wishes_nothing() -> None:
    """Ansible writes the inherited value into an include once it ran; that is not what the user wrote."""
    for wish, told in ((None, 1), (True, 0)):
        watch, include = Watch(), task(parent=block(HOOK, wish), uuid="include")
        watch.begins(include, NEW)
        include._ignore_unreachable = True
        inner = task(parent=block(include), uuid="inner")
        watch.begins(inner, NEW)
        watch.lost(inner, REFUSED, "localhost")
        assert len(unreached(watch)) == told


@pytest.mark.parametrize("wish", [False, "false", "no"])
def test_a_loss_that_would_end_the_run_is_refused_beforehand(wish: Any) -> None:
    watch = Watch()
    watch.begins(task(wish=wish), NEW)
    assert "ignore_unreachable" in unreached(watch)[0] and "leave it out" in unreached(watch)[0]


@pytest.mark.parametrize("word", ["run_once", "any_errors_fatal"])
def test_what_stops_all_hosts(word: str) -> None:
    """Refused where it would end the play; elsewhere it stops the run, whatever else the task says."""
    assert "ansible-core 2.16" in run(task(**{word: True}), core=OLD)[0]
    assert run(task(wish=True, **{word: True})) == ["task 'Drain' did not reach lb: Connection refused"]
    assert run(task(wish=True, ignore_errors=True, **{word: True}), core=OLD) == []


def test_a_loop_names_the_items_that_were_lost() -> None:
    rows = [{"item": "a"}, {**REFUSED, "item": "b"}, {**REFUSED, "item": "c", "_ansible_item_label": "C"}]
    asked = task(delegate_to="{{ item }}")
    expected = "its host for item b: Connection refused; its host for item C: Connection refused"
    assert run(asked, {"results": rows}) == [f"task 'Drain' did not reach {expected}"]
    assert run(task(), {"results": rows}) == ["task 'Drain' did not reach lb: Connection refused"]


def test_foreign_text_is_one_bounded_line() -> None:
    told = run(task(name="Dr\x1b[2Jain"), {"msg": "line\nand \x1b]0;x\x07 " + "y" * 5000})[0]
    assert told.isprintable() and len(told) < TEXT_LIMIT + 100
    assert run(task(), {})[0].endswith("did not reach lb: unreachable")


def test_hooks_are_refused_where_nobody_watches_or_nothing_is_there() -> None:
    watched, one = Watch().environment(7), {"drain.yml": "/here/drain.yml"}
    assert refusal({}, (), {}, 7, lambda path: False) is None
    assert refusal(one, (), watched, 7, lambda path: True) is None
    assert "/here/drain.yml" in str(refusal(one, (), watched, 7, lambda path: False))
    for environment in ({}, {**watched, WATCHER: "6"}):
        assert "rollout_hooks" in str(refusal(one, (), environment, 7, lambda path: True))


def test_a_hook_is_a_file_of_the_users_or_a_ready_one() -> None:
    ready, own = "ucops.certificates.haproxy", "ucops.certificates.yml"
    named = files(["drain.yml", "/etc/drain.yml", ready, own], "/here")
    assert named == {
        "drain.yml": "/here/drain.yml",
        "/etc/drain.yml": "/etc/drain.yml",
        ready: "ready_hook.yml",
        own: f"/here/{own}",
    }


def test_a_ready_hook_that_is_not_there_is_refused_with_those_that_are() -> None:
    watched = Watch().environment(7)
    there = ("ucops.certificates.haproxy", "ucops.certificates.kemp")
    for wrong in ("ucops.certificates.haprox", "ucops.certificates.haproxy/before", "ucops.certificates.rollout"):
        told = str(refusal(files([wrong], "/here"), there, watched, 7, lambda path: True))
        assert f"no ready hook {wrong}" in told and "haproxy, ucops.certificates.kemp" in told
    assert refusal(files(there, "/here"), there, watched, 7, lambda path: False) is None
    told = str(refusal(files(["haproxy"], "/here"), there, watched, 7, lambda path: False))
    assert "nothing at /here/haproxy" in told and there[0] in told


def test_a_role_with_a_task_file_for_either_side_is_a_ready_hook(tmp_path: Path) -> None:
    for name, sides in (("both", ("before", "after")), ("half", ("before",)), ("none", ("main",))):
        (tmp_path / name / "tasks").mkdir(parents=True)
        for side in sides:
            (tmp_path / name / "tasks" / f"{side}.yml").touch()
    assert ready_hooks(tmp_path) == ("ucops.certificates.both",)
    assert set(ready_hooks(ROLES)) == {
        f"ucops.certificates.{name}" for name in ("exchange_maintenance", "haproxy", "kemp", "wait_for_balancer")
    }
