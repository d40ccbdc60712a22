"""What must hold after a run that met a fault: the verdict told is the state found, and there is a way out."""

from __future__ import annotations

import re
from typing import Any

from integration import truth
from integration.controller import Controller, Run
from lab.client import LabProcess

Told = dict[str, Any]


def honest(run: Run, lab: LabProcess, away: str | None = None) -> None:
    """The verdict in the report, in the output and by member is what the lab says.

    ``away``: a member that cannot be reached now. The report may say that it is lost, and ``unknown`` of the array.
    """
    state = lab.state()
    told = run.report["verdict"]
    assert f"{told['verdict']}: " in run.output, "the verdict is not in the output"
    real = truth.array_truth(state)
    lost = [name for name, word in told["members"].items() if word == "lost"]
    assert lost in ([], [away]), f"told as lost: {lost}; away: {away}"
    if lost:
        assert told["verdict"] == "unknown"
    elif told["verdict"] == "unknown":
        # Lost in the middle of a roll that the product does not show: nobody can tell, and that is what is told.
        assert "Nobody can say whether the A/V successor was rolled" in told["text"], told
        assert any(member["options"]["rolled_shape"] == "old" for member in state.values())
    else:
        found = [truth.carried(member) for member in state.values()]
        assert told["verdict"] == real, f"told {told['verdict']}, found {real}: {found}"
    for name, word in told["members"].items():
        is_now = truth.member_truth(state[name])
        assert word in ("lost", is_now), f"told {name} {word}, found {is_now}: {truth.carried(state[name])}"


def exit_code(run: Run, lab: LabProcess) -> None:
    """0 only for a whole array on the new certificate, with every service running."""
    if run.rc == 0:
        assert truth.array_truth(lab.state()) == "all-new"
        truth.all_running(lab)
        assert run.verdict == "all-new"


def gated(run: Run, lab: LabProcess) -> None:
    """Without an open gate nothing was rolled or switched, anywhere."""
    gate = run.of("rollout_array", passed=True)
    if not gate:
        for name, member in lab.state().items():
            assert truth.member_truth(member) == "old", f"{name} was changed without a gate"
            assert not {"Set-CsCertificate", "Stop-CsWindowsService"} & set(member["ran"]), f"{name}: {member['ran']}"


def tidy(lab: LabProcess) -> None:
    """No call was dropped, no token refused, no key container is left without its certificate."""
    truth.serves_nobody_wrong(lab)


def what_it_asks_for(run: Run) -> dict[str, Any]:
    """The variables that a refusal names: taking over the lock of a run that died."""
    held = re.search(r"rollout_take_over=([\w-]+)", run.failures)
    return {"rollout_take_over": held.group(1)} if held else {}


def converge(controller: Controller, lab: LabProcess, run: Run) -> list[str]:
    """Does what a user does next, by what the runs say, until the array is alike; returns what was done.

    A plain run first; when that is refused, what the refusal asks for. At most four runs.
    """
    did: list[str] = []
    wishes: dict[str, Any] = {}
    playbook = "renew"
    for _ in range(4):
        did.append(playbook + ("+take_over" if "rollout_take_over" in wishes else ""))
        run = getattr(controller, playbook)(**wishes)
        honest(run, lab)
        if run.rc == 0 and playbook == "renew":
            break
        wishes = what_it_asks_for(run)
        if playbook == "rollback" and run.rc == 0:
            assert truth.array_truth(lab.state()) == "all-old", "rollback ended well, but the array is not all-old"
            playbook, wishes = "renew", {}
        elif "ucops.certificates.rollback" in run.failures:
            playbook = "rollback"
        elif not wishes:
            raise AssertionError(f"no way out was named after {did}\n{run.failures}")
    assert run.rc == 0, f"no end after {did}\n{run.failures}"
    assert truth.array_truth(lab.state()) == "all-new", f"after {did}"
    truth.all_running(lab)
    assert all(member["lock"] is None for member in lab.state().values()), "a lock was left"
    assert all(member["av_pending"] or member["assigned"][truth.AV] for member in lab.state().values())
    return did
