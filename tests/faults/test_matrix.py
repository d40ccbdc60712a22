"""Every remote call of a first renewal x every fault: the verdict told is the state found, and there is a way out.

``make test`` runs few of a covering part; that and the whole (marked ``whole``) are ``make faults``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import judge
from faults.matrix import DOCUMENTS, Case, covering, quick, whole
from integration.conftest import Start
from integration.controller import Controller, Run
from lab.client import LabProcess

QUICK = quick()
WHOLE = [case for case in whole("edge2") if case not in covering()]


def test_the_matrix_is_the_renewal(controller: Controller, lab: LabProcess) -> None:
    """What the matrix strikes at is what a first renewal sends, call by call."""
    controller.renew().succeeded()
    expected = [call for _phase, calls in DOCUMENTS for call in calls]
    for name, member in lab.state().items():
        assert member["ran"] == expected, f"{name} ran other calls than tests/faults/matrix.py says"


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_covering(case: Case, start_lab: Start, tmp_path: Path) -> None:
    strike(case, start_lab, tmp_path)


@pytest.mark.whole
@pytest.mark.parametrize("case", [*WHOLE, *covering()], ids=str)
def test_whole(case: Case, start_lab: Start, tmp_path: Path) -> None:
    controller, run = strike(case, start_lab, tmp_path)
    judge.converge(controller, controller.lab, run)
    judge.tidy(controller.lab)


def strike(case: Case, start_lab: Start, folder: Path) -> tuple[Controller, Run]:
    """Renew a pool of two (one before, one behind) under the fault, judge, make the member reachable again.

    What nobody could tell of Windows is played both ways over the cases: whether a roll is seen before its instant, and
    whether a script runs on when its connection was lost.
    """
    lab = start_lab(
        members=2,
        rolled_shape="old" if case.phase == "roll" else "successor",
        after_drop="runs-on" if case.nth % 2 else "stops",
    )
    controller = Controller(folder / "controller", lab)
    lab.fault(case.member, call=case.call, nth=case.nth, do=case.do)
    run = controller.renew()
    state = lab.state()[case.member]
    assert state["faults"]["struck"], f"{case.call} was not called {case.nth} times: {state['ran']}"
    judge.gated(run, lab)
    judge.exit_code(run, lab)
    judge.tidy(lab)
    judge.honest(run, lab, away=None if state["reachable"] else case.member)
    lab.clear_faults(case.member)
    lab.reachable(case.member, True)
    return controller, run
