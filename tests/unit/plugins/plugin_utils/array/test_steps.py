# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes next in a run: the steps there, the way back, and what is known after each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import phases, steps
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.kept import Kept, NotBegun
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import PHASES, Run, asked
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.told import failure_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.waves import Ended
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.head import Head
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    array_run,
    renewed,
    rows,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    MEMBERS,
    everyone,
    evidence,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    issuing,
    new,
    old,
    old_issuing,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW


def opened(*phases_asked: str, **options: Any) -> Run:
    """A run behind its open gate."""
    run, refused = phases.judge(
        replace(array_run(**options).value, asked=phases_asked or PHASES), NOW, lambda text: None
    )
    assert not refused
    return run


def todo(run: Run) -> list[str]:
    return [f"{step.do} {step.member}" for step in run.steps]


def gone(run: Run, count: int) -> Run:
    """The first steps went well, each switched member is proven; all members are rolled."""
    run = replace(run, known=renewed())
    for step in run.steps[:count]:
        run = steps.ended(steps.begun(run, step), step, run.known[step.member])
        if step.probed:
            run = steps.proved(run, step.member, (), passed=True)
    return run


# -- the way there -----------------------------------------------------------------------------------------------------


def test_all_are_rolled_before_one_is_switched_and_journals_are_closed_last() -> None:
    assert todo(opened()) == [
        "roll edge1", "roll edge2", "roll edge3", "switch edge1", "switch edge2", "switch edge3",
        "close edge1", "close edge2", "close edge3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("only", "skip", "phases_asked"),
    [
        ([], [], PHASES),
        (["all"], [], PHASES),
        (["tagged"], [], PHASES),
        (["stage", "roll"], [], ("stage", "gate", "roll", "close")),
        (["switch", "prove"], [], ("gate", "switch", "close", "prove")),
        (["prove"], [], ("close", "prove")),
        (["all"], ["switch"], ("stage", "gate", "roll", "close", "prove")),
        (["all"], ["roll"], ("stage", "gate", "switch", "close", "prove")),
        (["all"], ["gate"], ("stage", "roll", "switch", "close", "prove")),
        (["all"], ["prove"], ("stage", "gate", "roll", "switch")),
        (["all"], ["stage"], ("gate", "roll", "switch", "close", "prove")),
        (["staeg"], [], ()),
        (["report"], [], ()),
        (["mail"], [], PHASES),
        (["all"], ["mail"], ()),
        (["all"], ["all"], ()),
    ],
)
def test_leaving_one_phase_out_leaves_the_others_in(only: list[str], skip: list[str], phases_asked: Any) -> None:
    """``mail`` is a tag that a user has put around the role."""
    assert asked(only, skip, ["always", "mail"]) == phases_asked


def test_a_run_without_its_switch_only_rolls() -> None:
    run = opened("gate", "roll", "close", "prove")
    assert todo(run) == [f"{do} {m}" for do in ("roll", "close") for m in MEMBERS]
    assert steps.rolled_only(run) == MEMBERS


def test_without_a_gate_there_is_nothing_but_a_refusal() -> None:
    run, refused = phases.judge(replace(array_run().value, asked=("roll", "switch")), NOW, lambda text: None)
    assert "no verdict of a gate" in refused and not run.steps
    run, refused = phases.judge(replace(array_run().value, asked=("prove",)), NOW, lambda text: None)
    assert not refused and not run.steps


def test_in_check_mode_nothing_is_closed_proven_or_noted_as_begun() -> None:
    run = opened(check_mode=True)
    assert not any(step.do == "close" or step.probed for step in run.steps)
    assert steps.begun(run, run.steps[0]) == run
    assert steps.failed(run, "no").steps == () and not steps.looks_after(run)


def test_a_step_knows_its_task_and_its_file() -> None:
    first, *_others = (step.to_plain() for step in opened().steps)
    assert first == {
        "number": 0, "do": "roll", "member": "edge1", "title": "Roll edge1", "hooked": False, "probed": False,
        "file": "step.yml", "inner": "step.yml",
    }  # fmt: skip
    switch = opened().steps[3]
    assert (switch.title, switch.hooked, switch.probed) == ("Switch edge1", True, True)
    assert switch.to_plain()["file"] == "step_around.yml"
    back = steps.failed(gone(opened(), 4), "no").steps[0].to_plain()
    assert (back["file"], back["inner"]) == ("step_alone.yml", "step_around.yml"), "one that fails stops no other"


# -- the way back ------------------------------------------------------------------------------------------------------


def test_who_was_begun_is_taken_back_in_reverse_and_the_roll_is_cancelled_on_all() -> None:
    run = gone(opened(), 4)
    run = steps.begun(run, run.steps[4])
    broken = steps.broken(run, run.steps[4], "no", run.known["edge2"])
    back = steps.failed(broken, "Switch edge2: no")
    assert todo(back) == ["take_back edge2", "take_back edge1", "unroll edge3", "unroll edge2", "unroll edge1"]
    assert back.failure == "Switch edge2: no" and steps.looks_again(back)
    assert steps.failed(back, "later").failure == "Switch edge2: no", "what failed first"


def test_a_hook_that_failed_before_the_switch_leaves_its_member_alone() -> None:
    run = gone(opened(), 4)
    assert todo(steps.failed(run, "no"))[:2] == ["take_back edge1", "unroll edge3"]


def test_a_step_whose_end_nobody_told_of_may_have_done_anything() -> None:
    run = gone(opened(), 4)
    back = steps.failed(steps.begun(run, run.steps[4]), "killed")
    assert back.silent == ("edge2",) and todo(back)[:2] == ["ask edge2", "take_back edge2"]


def test_on_hold_nothing_is_taken_back() -> None:
    held = settings(on_failure="hold", trust=root().pem)
    run = gone(opened(run=held), 4)
    back = steps.failed(run, "no")
    assert back.steps == () and not steps.looks_again(back)


def test_what_was_looked_at_before_the_way_back_says_nothing_of_after() -> None:
    looked = rows(dict.fromkeys(MEMBERS, (new(), issuing())))
    run = replace(gone(opened(), 6), after={m: looked for m in MEMBERS})
    assert steps.failed(run, "no").after is None


def test_a_lost_member_keeps_the_roll_on_all_and_that_is_decided_once() -> None:
    back = steps.failed(gone(opened(), 5), "no")
    first = next(step for step in back.steps if step.do == "take_back")
    lost = steps.broken(steps.begun(back, first), first, "edge2 was lost", None)
    unroll = [step for step in back.steps if step.do == "unroll"]
    assert all("edge2 cannot be asked" in steps.idle(lost, step) for step in unroll)
    noted = steps.skipped(lost, unroll[0])
    answered = steps.ended(noted, first, evidence(member="edge2"))
    assert "edge2 cannot be asked" in steps.idle(answered, unroll[1]), "half a roll is worse than a whole one"


def test_a_roll_that_is_being_cancelled_is_cancelled_on_all() -> None:
    back = steps.failed(gone(opened(), 3), "no")
    first, second, third = (step for step in back.steps if step.do == "unroll")
    run = steps.ended(steps.begun(back, first), first, everyone()[first.member])
    assert not steps.idle(run, second) and not steps.idle(run, third)


def test_in_the_end_locks_are_given_up_and_the_silent_are_asked() -> None:
    run = replace(opened(), known={**everyone(), "edge2": None})
    last = steps.finishing(run)
    assert todo(last)[0] == "ask edge2" and "release edge2" in todo(last)
    free = steps.idle(last, last.steps[-1])
    assert free == "this run does not hold it"
    assert steps.idle(steps.ended(last, last.steps[0], everyone()["edge2"]), last.steps[0]) == "it answered meanwhile"


def test_a_lock_that_was_not_given_up_is_known_and_the_member_still_is() -> None:
    last = steps.finishing(replace(opened(), known={**everyone(), "edge2": None}))
    step = next(step for step in last.steps if step.do == "release")
    noted = steps.broken(last, step, "timed out", None)
    assert noted.not_released == (step.member,) and noted.known == last.known


# -- what is known -----------------------------------------------------------------------------------------------------


def test_from_when_all_are_alike_by_each_clock() -> None:
    run = opened()
    ahead = replace(everyone()["edge3"], host=replace(everyone()["edge3"].host, offset=30.0))
    run = replace(run, known={**everyone(), "edge3": ahead})
    assert run.since("edge1") is None, "nothing was proven"
    for member in ("edge1", "edge3"):
        run = steps.proved(run, member, (), passed=True)
    assert run.alike == NOW and run.since("edge3") == NOW + timedelta(seconds=30)
    assert run.since("edge1") == NOW


def test_members_differ_by_plan_until_the_last_one_is_proven() -> None:
    run = gone(opened(), 4)
    assert steps.mixed(run, "edge2") and not steps.mixed(gone(run, 6), "edge3")


def test_a_failure_says_what_was_being_done_unless_its_message_does() -> None:
    assert failure_of("Drain it", "ansible.builtin.command", "no route") == "Drain it: no route"
    assert failure_of("Switch edge1", "ucops.certificates.rollout_member", "edge1: no") == "edge1: no"
    assert failure_of("Stop unless all reached", "ansible.builtin.fail", "balancer lost") == "balancer lost"


# -- between two tasks -------------------------------------------------------------------------------------------------


def test_nothing_is_lost_between_two_tasks(tmp_path: Any) -> None:
    before = rows(dict.fromkeys(MEMBERS, (old(), old_issuing())))
    run = gone(opened(wire=before), 4)
    run = steps.broken(steps.begun(run, run.steps[4]), run.steps[4], "no", None)
    run = steps.failed(replace(run, staged={"edge1": ("a change",)}, reasons={"edge9": "x"}), "no")
    kept = Kept(tmp_path, "edge")
    with pytest.raises(NotBegun, match="from its beginning"):
        kept.read()
    kept.begin(run, [])
    for member, seen in run.first.items():
        kept.prepared(run.settings, member, seen, run.known[member], run.staged.get(member, ()))
    kept.write(run)
    again = kept.read()
    assert again == replace(run, known=again.known, first=again.first, before=again.before)
    assert {m: again.known.get(m) for m in MEMBERS} == {m: run.known.get(m) for m in MEMBERS}
    assert dict(again.first) == dict(run.first) and dict(again.before) == dict(run.before)
    assert again.evidence.keys() == {"edge1", "edge3"}
    assert oct((tmp_path / "ucops.certificates").stat().st_mode).endswith("00")


def test_another_array_has_another_run(tmp_path: Any) -> None:
    run = opened()
    Kept(tmp_path, "edge").begin(run, [])
    with pytest.raises(NotBegun, match="No run of branch"):
        Kept(tmp_path, "branch").read()


# -- check mode, and what others wait for -----------------------------------------------------------------------------


def test_ports_are_looked_at_where_a_renewal_is_judged_by_them() -> None:
    assert steps.looks(opened()) and not steps.looks(opened("stage"))
    back = array_run(run=settings(purpose="rollback", trust=root().pem)).value
    assert not steps.looks(back) and steps.looks_after(back)


def test_a_way_back_in_check_mode_says_whom_and_touches_nobody() -> None:
    asked_for = settings(purpose="rollback", trust=root().pem)
    run = steps.taking_back(array_run(run=asked_for, check_mode=True).value, ["edge2", "edge1"], ["edge1"])
    assert todo(run) == ["take_back edge2", "take_back edge1"]
    assert steps.begun(run, run.steps[0]) == run and steps.skipped(run, run.steps[0]) == run


def test_in_check_mode_the_silent_are_asked_and_nothing_is_given_up() -> None:
    run = replace(opened(check_mode=True), known={**everyone(), "edge2": None})
    assert todo(steps.finishing(run)) == ["ask edge2"]


def test_a_switch_and_a_closing_are_never_idle() -> None:
    run = opened()
    assert {steps.idle(run, step) for step in run.steps} == {""}


def test_without_a_gate_no_step_is_said() -> None:
    assert steps.forward(replace(opened(), gate=None)).steps == ()


def test_whose_journal_a_member_has_and_how_a_run_ended_lie_beside_the_run(tmp_path: Any) -> None:
    run, kept = opened(), Kept(tmp_path, "edge")
    assert kept.ended() == Ended() and not kept.begun
    kept.end(Ended("refused", "no bundle"))
    assert kept.ended().sentence == "no bundle" and not kept.begun
    kept.begin(run, [])
    assert kept.ended() == Ended() and kept.begun, "what an earlier run of the same process came to is over"
    kept.head(run.settings, "edge2", Head(unread="no route to host"))
    kept.prepared(run.settings, "edge3", None, None, (), "timed out")
    again = kept.read()
    assert dict(again.read_heads) == {"edge2": Head(unread="no route to host")}
    assert again.reasons == {"edge3": "timed out"} and not again.known.get("edge3") and len(again.first) == 0
    looked = rows(dict.fromkeys(MEMBERS, (new(), issuing())))
    kept.write(replace(again, after=again.sorted_rows(looked)))
    kept.write(replace(kept.read(), after={"edge1": looked[:1]}))
    assert list(kept.read().after or ()) == ["edge1"], "what was looked at before is not mixed with it"
