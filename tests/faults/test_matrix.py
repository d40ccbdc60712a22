"""Every remote call of a first renewal x every fault: the verdict told is the state found, and there is a way out.

``make test`` runs a covering part; the whole (marked ``whole``) is ``make faults``.
"""

from __future__ import annotations

import pytest

from faults import judge
from faults.matrix import DOCUMENTS, Case, covering, whole
from integration.conftest import Start
from integration.controller import Controller, Run
from lab.client import LabProcess

WHOLE = [case for case in whole("edge2") if case not in covering()]


def test_the_matrix_is_the_renewal(controller: Controller, lab: LabProcess) -> None:
    """What the matrix strikes at is what a first renewal sends, call by call."""
    controller.renew().succeeded()
    expected = [call for _phase, calls in DOCUMENTS for call in calls]
    for name, member in lab.state().items():
        assert member["ran"] == expected, f"{name} ran other calls than tests/faults/matrix.py says"


@pytest.fixture
def lab(start_lab: Start) -> LabProcess:
    """A pool of two: one before and one behind. The cases of three are by name, in test_lost.py."""
    return start_lab(members=2)


@pytest.mark.parametrize("case", covering(), ids=str)
def test_covering(case: Case, controller: Controller, lab: LabProcess) -> None:
    strike(case, controller, lab)


@pytest.mark.whole
@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_whole(case: Case, controller: Controller, lab: LabProcess) -> None:
    judge.converge(controller, lab, strike(case, controller, lab))
    judge.tidy(lab)


@pytest.mark.whole
@pytest.mark.parametrize("case", covering(), ids=str)
def test_way_out(case: Case, controller: Controller, lab: LabProcess) -> None:
    judge.converge(controller, lab, strike(case, controller, lab))
    judge.tidy(lab)


def strike(case: Case, controller: Controller, lab: LabProcess) -> Run:
    """Renew under the fault, judge, make the member reachable again."""
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
    return run
