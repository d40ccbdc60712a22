# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind: how it ended, in one word, one sentence, one table and two files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.make import make_report, named, write_report
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import Report, report_from_json
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    ROLLED,
    array_run,
    renewed,
    rows,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    MEMBERS,
    NEW,
    OLD,
    RUN,
    everyone,
    evidence,
    ids,
    journal,
    journal_row,
    reply,
    roll_entry,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    issuing,
    new,
    old,
    old_issuing,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

OLD_PORTS = rows(dict.fromkeys(MEMBERS, (old(), old_issuing())))
NEW_PORTS = rows(dict.fromkeys(MEMBERS, (new(), issuing())))
GATE = array_run().run("gate")
DONE: dict[str, Any] = {
    "evidence": renewed(*MEMBERS), "wire": OLD_PORTS, "wire_after": NEW_PORTS, "gate": GATE, "touched": MEMBERS,
    "rolled": MEMBERS, "staged": dict.fromkeys(MEMBERS, ("a change",)), "proof": {"findings": []},
}  # fmt: skip
NOTHING = {m: evidence(staged(assignments=use_rows(new())), m) for m in MEMBERS}


def report(check_mode: bool = False, **options: Any) -> Report:
    return make_report(array_run(check_mode=check_mode, **options).value, NOW)


def done(**more: Any) -> Report:
    """The report of a renewal that went well, but for ``more``."""
    return report(**(DONE | more))


def phases(made: Report) -> dict[str, str]:
    return {phase.name: phase.result for phase in made.phases}


# -- how it ended ------------------------------------------------------------------------------------------------------


def test_a_renewal_that_went_well() -> None:
    made = done()
    assert (made.result, made.verdict.verdict, made.changed) == ("ok", "all-new", True)
    assert made.sentence.startswith("all-new: The new certificate is in use on all 3 members.") and AV in made.sentence
    assert phases(made) == {"read": "ok", "gate": "ok", "roll": "ok", "switch": "ok", "prove": "ok"}
    assert made.roll is not None and (made.roll.state, made.roll.instant) == ("rolled", LATER)


def test_the_same_run_again_has_nothing_to_do() -> None:
    made = report(evidence=NOTHING, first=NOTHING, gate=array_run(evidence=NOTHING).run("gate"))
    assert (made.result, made.verdict.verdict, made.changed) == ("ok", "all-new", False)


def test_a_closed_gate_is_a_refusal_and_nothing_was_switched() -> None:
    shut = array_run(evidence=everyone() | {"edge2": {}}).run("gate")
    made = report(evidence=everyone() | {"edge2": {}}, first=everyone() | {"edge2": {}}, gate=shut,
                  failure="Stop unless the gate is open: The gate is closed: nothing is switched")  # fmt: skip
    assert made.result == "refused" and made.verdict.verdict == "unknown" and made.verdict.lost == ("edge2",)
    assert phases(made) == {"read": "failed", "gate": "refused"} and made.phases[0].text == "edge2 not heard of"
    lost = made.members[1]
    assert lost.state == "lost" and ids(lost.findings) == ["member.lost"]


def test_a_failure_before_anything_was_touched_is_a_refusal_after_it_a_failure() -> None:
    assert report(failure="no").result == "refused"
    assert report(failure="no", rolled=["edge1"]).result == "failed"
    assert done(failure="no").result == "failed"


def test_a_switch_that_failed_and_was_taken_back_everywhere() -> None:
    made = report(failure="Switch edge2: RTCSRV did not start", touched=["edge1", "edge2"], gate=GATE)
    assert made.verdict.verdict == "all-old" and made.result == "failed"
    assert phases(made)["switch"] == "failed" and phases(made)["take back"] == "ok"
    late = done(failure="Switch edge2: RTCSRV did not start", touched=["edge1", "edge2"])
    assert phases(late)["roll"] == "ok", "that step is not the one that failed"
    assert made.sentence.endswith("Switch edge2: RTCSRV did not start")


def test_a_member_that_was_not_taken_back() -> None:
    left = renewed("edge2") | {"edge2": {}}
    made = report(failure="x", touched=["edge1", "edge2"], not_taken_back={"edge2": "timed out"}, evidence=left)
    assert made.result == "failed" and made.verdict.verdict == "unknown" and phases(made)["take back"] == "failed"
    assert "rollback.failed" in ids(made.findings)
    assert report(not_taken_back={"edge2": "timed out"}).result == "failed", "also by rollback.yml itself"


def test_nothing_is_taken_back_on_hold() -> None:
    made = report(failure="x", touched=["edge1"], evidence=renewed("edge1"), run=settings(on_failure="hold"))
    assert "take back" not in phases(made) and made.verdict.verdict == "mixed" and made.result == "failed"


def test_who_is_lost_at_the_end_makes_any_run_fail() -> None:
    assert done(evidence=renewed(*MEMBERS) | {"edge3": {}}).result == "failed"


def test_check_mode_plans() -> None:
    bare = {m: evidence(reply(), m) for m in MEMBERS}
    made = report(True, evidence=bare, first=bare, gate=array_run(evidence=bare, check_mode=True).run("gate"))
    assert (made.result, made.changed, made.check_mode) == ("planned", False, True)
    plan = made.members[0].plan
    assert [line.split(":")[0] for line in plan] == ["LocalMachine\\CA", "LocalMachine\\My", AV, ACCESS, DATA]
    assert made.gate is not None and made.gate.simulated


def test_a_run_of_only_some_phases_is_a_plan_until_it_changed_something() -> None:
    assert report(gate=GATE).result == "planned"
    staged_only = report(gate=GATE, staged={"edge1": ("a change",)})
    assert (staged_only.result, staged_only.verdict.verdict, staged_only.changed) == ("ok", "all-old", True)
    rolled = {m: evidence(staged(journal=ROLLED), m) for m in MEMBERS}
    rolled_only = report(gate=GATE, rolled=MEMBERS, evidence=rolled)
    assert rolled_only.result == "ok" and rolled_only.verdict.pending == (AV,)


def test_a_warning_makes_a_good_run_a_warning() -> None:
    made = done(proof={"findings": [finding("event.session-key", "edge1", "x", "x", severity="warning").to_dict()]})
    assert made.result == "warning" and "event.session-key" in ids(made.members[0].findings)
    assert done(not_released=["edge2"]).result == "warning"
    assert "-e rollout_take_over=" + RUN in done(not_released=["edge2"]).findings[0].text
    assert done(run=settings(excluded={"edge4": "broken disk"})).result == "warning", "it does not speak for all"


def test_a_way_back_that_ends_mixed_has_failed() -> None:
    mixed = {m: evidence(staged(assignments=use_rows(new() if m == "edge1" else old())), m) for m in MEMBERS}
    made = report(evidence=mixed, first=mixed, run=settings(purpose="rollback"))
    assert made.verdict.verdict == "mixed" and made.result == "failed"
    assert report(run=settings(purpose="rollback")).result == "ok"


# -- what was there before ---------------------------------------------------------------------------------------------


def test_after_a_dead_controller_the_journal_tells_what_was_old() -> None:
    """The first read of the next run sees the new certificate already; it is not the old one."""
    told = journal_row(journal("switched", roll=roll_entry()).dumps())
    found = {m: evidence(staged(journal=told, assignments=use_rows(new(), old())), m) for m in MEMBERS}
    back = {m: evidence(staged(), m) for m in MEMBERS}
    made = report(run=settings(purpose="rollback", wanted={}), first=found, evidence=back, touched=MEMBERS)
    assert made.verdict.verdict == "all-old" and made.members[0].uses[ACCESS].before == OLD
    assert phases(made)["rollback"] == "ok"


def test_a_run_that_wanted_nothing_finds_the_old() -> None:
    asked = {m: evidence(reply(), m, settings(purpose="rollback", wanted={})) for m in MEMBERS}
    asked = {m: replace(seen, wanted={}, pending={}) for m, seen in asked.items()}
    made = report(run=settings(purpose="rollback", wanted={}), first=asked, evidence=asked)
    assert made.verdict.verdict == "all-old" and made.result == "ok"


def test_uses_show_before_after_and_wanted() -> None:
    use = done().members[0].uses
    assert (use[ACCESS].before, use[ACCESS].after, use[ACCESS].wanted) == (OLD, NEW, NEW)
    assert (use[AV].before, use[AV].after, use[AV].wanted) == (OLD, OLD, NEW)


def test_ports_show_before_and_after_and_are_judged_only_when_they_were_read_twice() -> None:
    wire = done().members[0].wire
    assert [(w.before, w.after, w.ok) for w in wire] == [(OLD, NEW, True)] * 2
    assert [(w.before, w.after, w.ok) for w in done(wire_after=None).members[0].wire] == [(OLD, None, None)] * 2
    silent = rows(dict.fromkeys(MEMBERS, ()))
    assert [w.ok for w in done(wire_after=silent).members[0].wire] == [False, False]
    assert [w.ok for w in done(wire=silent, wire_after=silent).members[0].wire] == [None, None]
    assert [w.ok for w in done(wire_after=OLD_PORTS).members[0].wire] == [False, False]


def test_a_column_that_was_not_asked_is_not_called_good() -> None:
    bare = report(evidence={m: evidence(reply(), m) for m in MEMBERS}).members[0]
    assert bare.checks["tls"].result == "not-run" and bare.checks["wire"].result == "not-run"
    assert done().members[0].checks["tls"].result == "ok" and done().members[0].checks["wire"].result == "ok"
    for read_once in ({"wire_after": None, "touched": []}, {"wire": []}):
        assert done(**read_once).members[0].checks["wire"].result == "ok"


def test_ports_that_nobody_looked_at_after_a_change_are_not_called_good() -> None:
    made = done(wire_after=None, touched=["edge1"], failure="the vantage host was lost")
    assert [m.checks["wire"].result for m in made.members] == ["not-run", "ok", "ok"]
    assert made.members[0].wire and all(w.ok is None and w.after is None for w in made.members[0].wire)


def test_certificates_are_listed_once_the_new_one_first() -> None:
    assert [(c.thumbprint, c.role) for c in done().certificates] == [(NEW, "new"), (OLD, "old")] or [
        c.role for c in done().certificates
    ] == ["new"]


def test_settled_and_waiting_rolls() -> None:
    told = journal_row(journal("done", roll=roll_entry("settled")).dumps())
    settled = {m: evidence(staged({"clock": LATER}, journal=told, assignments=use_rows(new())), m) for m in MEMBERS}
    made = report(evidence=settled, run=settings(purpose="settle"))
    assert made.roll is not None and made.roll.state == "settled" and made.roll.instant == LATER
    assert report(evidence=NOTHING).roll is None


# -- the files ---------------------------------------------------------------------------------------------------------


def write(folder: Path | str, told: list[str] | None = None, **options: Any) -> dict[str, Any]:
    said = told if told is not None else []
    return write_report(array_run(**(DONE | options)).value, str(folder), NOW, said.append)


def test_two_files_that_only_the_user_may_read(tmp_path: Path) -> None:
    said: list[str] = []
    answer = write(tmp_path, said)
    folder = tmp_path / f"edge-{RUN}"
    assert answer["directory"] == str(folder) and not answer["failed_rollout"]
    assert {file.name for file in folder.iterdir()} == {"report.json", "report.html"}
    assert folder.stat().st_mode & 0o077 == 0
    again = report_from_json(json.loads((folder / "report.json").read_text()))
    assert again.verdict.verdict == "all-new" and again.finished == NOW
    assert "<html" in (folder / "report.html").read_text() and "PRIVATE KEY" not in (folder / "report.html").read_text()
    assert "edge1" in "".join(said) and "report.html" in said[-1]


def test_a_folder_that_cannot_be_written_does_not_hide_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    answer = write(tmp_path / "file", said)
    assert answer["failed_rollout"] and answer["sentence"].startswith("all-new")
    assert "edge1" in said[0] and "Set rollout_report_dir" in said[-1]


def test_a_failure_is_a_failure_in_the_exit_code(tmp_path: Path) -> None:
    assert write(tmp_path, failure="Switch edge2: x")["failed_rollout"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "caf\udce9", "\u202ereversed", "x" * 5000])
def test_odd_words_of_a_host_do_not_cost_the_report(tmp_path: Path, text: str) -> None:
    answer = write(tmp_path, failure=text, reasons={"edge1": text}, run=settings(operator=text))
    page = (Path(answer["directory"]) / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page


@pytest.mark.parametrize(
    ("text", "told"),
    [("edge1: no", True), ("Not proven: edge2, edge1.", True), ("edge10: no", False), ("edge1-old: no", False),
     ("edge1.corp.example: no", False), ("my-edge1: no", False), ("", False)],
)  # fmt: skip
def test_a_member_is_named_by_its_whole_name(text: str, told: bool) -> None:
    assert named("edge1", text) is told
