"""A third product, rolled out end to end: it is a folder, and nothing outside the folder knows it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from integration import bystander
from integration.controller import Controller, Run
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh
from toy.house import ROOT, with_toy

PLAYBOOK = ROOT / "tests" / "toy" / "renew_toy.yml"
PORTS = {"toy1": 2, "toy2": 1}
LASTING = ("stores", "keys", "assigned", "in_use", "services", "presented", "greeting", "directory", "journal", "lock")
State = Mapping[str, Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with the toy in it."""
    return with_toy(tmp_path_factory.mktemp("collections"))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    """Two toy servers."""
    with LabProcess("toy.lab:build", directory=tmp_path / "lab", connection="winrm-basic-https") as lab:
        yield lab


@pytest.fixture
def controller(house: Path, lab: LabProcess, tmp_path: Path) -> Controller:
    """A controller that has only that collection."""
    return Controller(tmp_path / "ctl", lab, environment={"ANSIBLE_COLLECTIONS_PATH": str(house.parents[2])})


def renew(controller: Controller, *arguments: str, **variables: Any) -> Run:
    return controller.play(str(PLAYBOOK), *arguments, variables=variables)


def lasting(state: State) -> dict[str, Any]:
    """What a user would notice of every server."""
    return {name: {key: member[key] for key in LASTING} for name, member in state.items()}


def thumbprint(state: State, name: str) -> str:
    return next(t for member in state.values() for t, of in member["names"].items() if of == name)


def presents(state: State, issuing: str) -> None:
    """Every port presents a leaf of that issuing CA, with it."""
    for name, ports in PORTS.items():
        shown = state[name]["presented"]
        assert len(shown) == ports and all(len(chain) == 2 and issuing in chain[1] for chain in shown.values()), shown


def test_a_third_product_is_renewed_proven_taken_back_and_left_alone(controller: Controller, lab: LabProcess) -> None:
    before = lab.state()
    presents(before, "G2")

    looked = renew(controller, "--check", "--diff").succeeded()
    assert lasting(lab.state()) == lasting(before), "a check run changed a server"
    assert looked.report["result"] == "planned" and looked.verdict == "all-old"
    for text in ("LocalMachine\\CA", "LocalMachine\\My", "Relay"):
        assert looked.output.count(f"+{text}: ") >= len(PORTS), f"no plan for {text}"
    assert looked.output.count("+Console: ") == 1, "the server without a console got one"

    run = renew(controller).succeeded()
    state = lab.state()
    new = thumbprint(state, "external-new")
    assert run.changed > 0 and run.verdict == "all-new"
    assert state["toy1"]["assigned"] == {"Relay": new, "Console": new} and state["toy2"]["assigned"] == {"Relay": new}
    presents(state, "G3")
    for name in PORTS:
        for port in bystander.ports(lab, name):
            accepted, text = bystander.verified(lab, port)
            assert accepted, text
        assert state[name]["greeting"] == "hello" and state[name]["directory"] == {"Published": new}
        assert state[name]["lock"] is None and set(state[name]["services"].values()) == {"Running"}
    wrote = {name: [call for call in member["ran"] if call == "Set-ToySetting"] for name, member in state.items()}
    assert [len(calls) for calls in wrote.values()] == [0, 1], "the directory is told once, by the last server"
    order = state["toy2"]["ran"]
    assert order.index("Set-ToySetting") > len(order) - 1 - order[::-1].index("Set-ServiceState")

    lab.reset_counts()
    again = renew(controller).succeeded()
    assert again.changed == 0 and again.verdict == "all-new"
    assert lasting(lab.state()) == lasting(state), "an unchanged run changed a server"
    assert {name: counts["commands"] for name, counts in lab.counts().items()} == dict.fromkeys(PORTS, 1)

    wish = {"rollout_product": "toy", "rollout_array": "toy", "rollout_completed": True}
    back = controller.rollback(**wish).succeeded()
    assert back.verdict == "all-old"
    as_before(before, lab.state())


def as_before(before: State, after: State) -> None:
    """All but what lies staged, where no service looks, and what the journal says of it."""
    for key in ("assigned", "in_use", "services", "presented", "greeting", "directory", "lock"):
        assert {name: of[key] for name, of in after.items()} == {name: of[key] for name, of in before.items()}, key


@pytest.mark.whole
def test_a_setting_that_moved_fails_the_switch_and_is_put_back(controller: Controller, lab: LabProcess) -> None:
    """The second server writes its greeting anew with each binding; the first one is served the new one by then."""
    before = lab.state()
    lab.configure("toy2", forgets=True)
    run = renew(controller).failed("toy2", "the greeting was 'hello' and is 'welcome'")
    assert run.verdict == "all-old"
    as_before(before, lab.state())
    assert "Set-ToySetting" in lab.state()["toy2"]["ran"], "nobody put it back"
    lab.configure("toy2", forgets=False)
    assert renew(controller).succeeded().verdict == "all-new"


def test_a_service_that_was_not_started_again_is_seen_on_the_wire(controller: Controller, lab: LabProcess) -> None:
    """The server says that all is well; its port presents what the service took when it last started."""
    before = lab.state()
    lab.configure("toy2", deaf=True)
    run = renew(controller).failed("toy2", "wire.")
    assert run.verdict == "all-old"
    as_before(before, lab.state())


@pytest.mark.whole
@pytest.mark.skipif(find_pwsh() is None, reason="there is no pwsh on the PATH")
def test_its_region_of_the_script_runs_in_a_real_powershell(house: Path, tmp_path: Path) -> None:
    """Module, allowlist and cmdlets, by PowerShell's own loader and binder."""
    with LabProcess("toy.lab:build", directory=tmp_path / "lab", connection="winrm-basic-https", engine="pwsh") as lab:
        path = {"ANSIBLE_COLLECTIONS_PATH": str(house.parents[2])}
        run = renew(Controller(tmp_path / "ctl", lab, environment=path)).succeeded()
        assert run.verdict == "all-new"
        presents(lab.state(), "G3")


def asked(house: Path, *command: str) -> str:
    """What a tool says of that house, of which it must think well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ANSIBLE_"))}
    command = (sys.executable, "-m", *command)
    done = subprocess.run(command, cwd=house, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_nothing_outside_its_folder_knows_it(house: Path) -> None:
    """The rules of the house, asked of the house with the toy in it: places, arrows, one script for both sides."""
    tests = [f"tests/{name}.py" for name in ("unit/test_products_are_places", "unit/test_arrows", "pwsh/test_text")]
    tests.append("tests/pwsh/test_old_powershell.py::test_the_script_and_the_bootstrap_hold_nothing_newer")
    said = asked(house, "pytest", "-v", "-p", "no:cacheprovider", *tests)
    assert "test_imports_follow_the_arrows[plugin_utils/products/toy/product.py]" in said, "the toy was not there"


@pytest.mark.whole
def test_it_is_typed_as_the_house_is(house: Path) -> None:
    """A member that the interface asks and that it lacks shows here."""
    asked(house, "mypy")
