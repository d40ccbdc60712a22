"""Every writing call of an Exchange renewal x every fault: what is told is what is found, and there is a way back."""

from __future__ import annotations

import json

import pytest

from integration import exchange_array as array
from integration.test_renew_exchange import Start, start

__all__ = ["start"]
CALLS = [
    ("Lock-Member", 1),
    ("Add-StoreCertificate", 1),
    ("Import-StorePfx", 1),
    ("Set-Journal", 1),
    ("Grant-StoreKey", 1),
    ("Copy-StoreCertificate", 1),
    ("Set-ReceiveConnector", 1),
    ("Enable-ExchangeCertificate", 1),
    ("Enable-ExchangeCertificate", 2),
    ("Set-PopSettings", 1),
    ("Set-ImapSettings", 1),
    ("Set-ServiceState", 1),
    ("Set-ServiceState", 2),
    ("Set-SendConnector", 1),
    ("Set-Journal", 2),
    ("Set-Journal", 3),
    ("Unlock-Member", 1),
]
FAULTS = ("error", "drop-before", "drop-after", "down-before", "down-after")


@pytest.mark.whole
@pytest.mark.parametrize("do", FAULTS)
@pytest.mark.parametrize(("call", "nth"), CALLS, ids=lambda value: str(value))
def test_a_fault_at_every_write(start: Start, call: str, nth: int, do: str) -> None:
    """Member 2 of 2, the one that renames the Send connectors, too."""
    controller = start(members="2", after_drop="runs-on" if nth % 2 else "stops")
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex2", call=call, nth=nth, do=do)
    run = controller.renew_exchange()
    state = lab.state()
    assert state["ex2"]["faults"]["struck"], f"{call} was not called {nth} times: {state['ex2']['ran']}"
    truth = array.truth(state)
    if run.rc == 0:
        assert run.verdict == truth == "all-new"
    if run.verdict in ("all-old", "all-new"):
        assert run.verdict == truth, f"{run.verdict} was told, {truth} is the truth"
    if not state["ex2"]["reachable"]:
        assert run.rc != 0 and run.verdict == "unknown"
    for name, member in state.items():  # whatever happened, these two are never touched
        assert array.back_end(member) == array.back_end(before[name]), name
    lab.clear_faults("ex2")
    lab.reachable("ex2", True)
    locks = {member["lock"]["run"] for member in lab.state().values() if member["lock"]}
    take = {"rollout_take_over": locks.pop()} if locks else {}
    back = controller.rollback(rollout_array="exchange", rollout_completed=True, **take)
    assert back.rc == 0, back.failures
    assert back.verdict == array.truth(lab.state()) == "all-old"
    array.as_before(before, lab.state())
    again = controller.renew_exchange().succeeded()
    assert again.verdict == array.truth(lab.state()) == "all-new"
    array.unhurt(before, lab.state())
    assert not any(json.loads(m["journal"])["state"] != "done" for m in lab.state().values() if m["journal"])
