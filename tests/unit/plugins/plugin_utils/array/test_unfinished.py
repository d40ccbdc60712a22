# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would leave if it was cut off: true at every moment of every run, with a line that leads out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import steps
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.onward import all_there, if_cut_off
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Run
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.unfinished import (
    document,
    document_text,
    folder_of,
    page,
    states,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.next_step import ROLLBACK, CommandLine
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import array_run
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.test_steps import gone, opened
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import MEMBERS, settings
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

LINE = CommandLine(playbooks=("renew.yml",), inline=("rollout_bundles",), tags=("switch",))


def words(run: Run) -> list[str]:
    return [states(run)[member] for member in MEMBERS]


@pytest.mark.parametrize(
    ("count", "told", "begun", "back"),
    [
        (0, ["untouched"] * 3, ["at work", "untouched", "untouched"], False),
        (1, ["rolled", "untouched", "untouched"], ["rolled", "at work", "untouched"], True),
        (3, ["rolled"] * 3, ["at work", "rolled", "rolled"], True),
        (4, ["proven", "rolled", "rolled"], ["proven", "at work", "rolled"], True),
        (6, ["proven"] * 3, ["at work", "proven", "proven"], False),
        (7, ["closed", "proven", "proven"], ["closed", "at work", "proven"], False),
        (9, ["closed"] * 3, None, False),
    ],
)
def test_on_the_way_there(count: int, told: list[str], begun: list[str] | None, back: bool) -> None:
    run = replace(gone(opened(), count), line=LINE)
    assert words(run) == told
    onward = if_cut_off(run)
    assert onward.playbooks == ((ROLLBACK,) if back else ("renew.yml",))
    assert onward.variables["rollout_take_over"] == run.settings.run
    assert onward.tags == (() if back else ("switch",)), "the same again means with its tags"
    if begun is not None:
        assert words(steps.begun(run, run.steps[count])) == begun


def test_a_member_that_is_not_proven_yet_is_only_switched() -> None:
    run = gone(opened(), 3)
    run = steps.ended(steps.begun(run, run.steps[3]), run.steps[3], run.known["edge1"])
    assert words(run) == ["switched", "rolled", "rolled"]


def test_the_last_member_is_proven_before_the_way_is_forward() -> None:
    run = gone(opened(), 5)
    last = steps.ended(steps.begun(run, run.steps[5]), run.steps[5], run.known["edge3"])
    assert not all_there(last) and all_there(steps.proved(last, "edge3", (), passed=True))


def test_on_the_way_back() -> None:
    run = gone(opened(), 5)
    run = steps.broken(steps.begun(run, run.steps[5]), run.steps[5], "edge3: an error", run.known["edge3"])
    run = steps.failed(run, "edge3: an error")
    assert words(run) == ["proven", "proven", "failed"]
    for step in run.steps[:2]:
        run = steps.ended(steps.begun(run, step), step, run.known[step.member])
    assert words(run) == ["proven", "taken back", "taken back"]
    run = steps.broken(steps.begun(run, run.steps[2]), run.steps[2], "edge1: an error", None)
    assert words(run) == ["not taken back", "taken back", "taken back"]
    assert words(steps.finishing(run)) == words(run), "what is left to do does not change what was done"
    assert if_cut_off(run).playbooks == (ROLLBACK,)


def test_a_step_whose_end_nobody_told_of_has_failed() -> None:
    run = gone(opened(), 3)
    assert words(steps.failed(steps.begun(run, run.steps[3]), "lost"))[0] == "failed"


def test_a_hook_that_failed_leaves_its_member_as_it_was() -> None:
    run = gone(opened(), 4)
    assert words(steps.broken(run, run.steps[4], "the hook failed", None, begun=False))[1] == "rolled"


@pytest.mark.parametrize("purpose", ["settle", "rollback"])
def test_a_settling_or_a_way_back_goes_on_with_itself(purpose: str) -> None:
    run = array_run(run=settings(purpose=purpose, completed=True), touched=["edge1"]).value
    onward = if_cut_off(run)
    assert onward.playbooks == (f"ucops.certificates.{purpose}",)
    assert ("rollout_completed" in onward.variables) is (purpose == "rollback")
    assert if_cut_off(replace(run, line=LINE)).playbooks == ("renew.yml",), "the playbook that was run"


def test_the_way_back_is_told_what_a_run_without_a_journal_cannot_tell_it() -> None:
    at = settings(excluded={"edge9": "dead"})
    variables = if_cut_off(array_run(run=at, rolled=["edge1"]).value).variables
    assert variables == {"rollout_array": at.array, "rollout_product": "edge", "rollout_excluded": {"edge9": "dead"},
                         "rollout_take_over": at.run}  # fmt: skip


def test_one_that_had_taken_over_names_whom_it_took_over_from() -> None:
    at = settings(take_over="dead1, dead2")
    assert if_cut_off(array_run(run=at).value).variables["rollout_take_over"] == f"{at.run},dead1,dead2"


def test_the_page_says_what_the_document_says() -> None:
    run = replace(gone(opened(), 4), line=LINE)
    run = steps.begun(run, run.steps[4])
    told: dict[str, Any] = json.loads(document_text(run, NOW, 4711))
    assert told == json.loads(json.dumps(document(run, NOW, 4711)))
    assert told["at_work"] == {
        "do": "switch",
        "member": "edge2",
        "title": "Switch edge2",
        "since": "2026-11-23T12:00:00Z",
    }
    text = page(run, NOW, 4711)
    assert "Switch edge2, since 2026-11-23 12:00:00 UTC" in text and "ps -p 4711" in text
    assert text.rstrip().endswith(told["next"]["command"]), "nothing has to be added for the way back"
    assert all(f"{member}  {word}: " in text for member, word in told["members"].items())


def test_foreign_text_stays_one_folder_and_harmless() -> None:
    assert folder_of("/reports", "../../../x", "r1") == "/reports/__.._.._x-r1"
    assert folder_of("/reports", "edge", "20261123T120000Z-aaaa") == "/reports/edge-20261123T120000Z-aaaa"
    at = settings(excluded={"edge9": "\x1b[2J gone\nps"})
    text = page(replace(gone(opened(run=at), 1), failure="\x1b]0;x\x07"), NOW, 1)
    assert not set(text) & set("\x1b\x07\r")
