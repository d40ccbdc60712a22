"""An Exchange array from the first look to the unchanged run, and back, on every version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from integration import exchange_array as array
from integration.controller import Controller
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

FIRST_RENEWAL = {"commands": 8, "bytes_up": 120_000}
"""What a first renewal may cost a member at most."""
WHOLE = (pytest.mark.whole,)
# In `make test` the newest (tests/contract has the oldest on both engines), the others in the whole.
VERSIONS = [
    ("exchange2010", WHOLE),
    ("exchange2013", WHOLE),
    ("exchange2016", WHOLE),
    ("exchange2019", WHOLE),
    ("exchangese", ()),
]
# The shipped script itself, under PowerShell 7: as 2.0 on Exchange 2010, as 4.0 on 2013.
ENGINES = [
    *(pytest.param("python", name, id=f"{name}-python", marks=marks) for name, marks in VERSIONS),
    *(pytest.param("pwsh", name, id=f"{name}-pwsh", marks=WHOLE) for name, _ in VERSIONS),
]
Start = Callable[..., Controller]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an Exchange lab and a controller for it: ``start("exchange2010", services_shape="null")``."""
    with ExitStack() as stack:

        def begin(
            product: str = "exchange2019",
            connection: str = "winrm-basic-https",
            engine: str = "python",
            **options: str,
        ) -> Controller:
            if engine == "pwsh" and find_pwsh() is None:
                pytest.skip("no pwsh on the PATH and none in a shared tools folder beside the checkout")
            settings = {"members": "3", "second_hop": "delegates", **options}
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / "lab",
                product=product,
                connection=connection,
                engine=engine,
                settings=settings,
            )
            return Controller(tmp_path / "controller", stack.enter_context(lab))

        yield begin


def spent(lab: LabProcess) -> dict[str, int]:
    """Commands each member was sent."""
    return {name: counts["commands"] for name, counts in lab.counts().items()}


@pytest.mark.parametrize(("engine", "product"), ENGINES)
def test_from_the_first_look_to_the_unchanged_run_and_back(start: Start, engine: str, product: str) -> None:
    there_and_back(start(product, engine=engine), product)


# A session of its own, as one that cannot pass its logon on has to use; and the same where RemoteExchange.ps1 is
# missing, so that no type of Exchange is ever loaded and its answer is the bare certificates.
SESSIONS = [
    *(pytest.param(engine, name, "present", marks=WHOLE) for engine in ("python", "pwsh") for name, _ in VERSIONS[:-1]),
    pytest.param("pwsh", "exchangese", "present", marks=WHOLE),
    pytest.param("python", "exchangese", "present", marks=WHOLE),
    pytest.param("python", "exchange2010", "missing", marks=WHOLE),
    pytest.param("python", "exchange2016", "missing", marks=WHOLE),
    pytest.param("python", "exchangese", "missing"),
    pytest.param("pwsh", "exchange2010", "missing", marks=WHOLE),
    pytest.param("pwsh", "exchange2016", "missing", marks=WHOLE),
    pytest.param("pwsh", "exchangese", "missing", marks=WHOLE),
]


@pytest.mark.parametrize(("engine", "product", "tools"), SESSIONS)
def test_there_and_back_over_a_session(start: Start, engine: str, product: str, tools: str) -> None:
    controller = start(product, engine=engine, second_hop="refused", remote_exchange=tools)
    there_and_back(controller, product, rollout_shell="session")


def there_and_back(controller: Controller, product: str, **variables: str) -> None:
    """Look, renew, renew again, go back; what each costs, what it leaves as it was, what it says."""
    lab = controller.lab
    before = lab.state()
    members = list(before)

    looked = controller.renew_exchange("--check", "--diff", **variables).succeeded()
    assert array.lasting(lab.state()) == array.lasting(before), "a check run changed a member"
    assert spent(lab) == dict.fromkeys(members, 1)
    for text in ("LocalMachine\\CA", "LocalMachine\\ucops.certificates", "LocalMachine\\My", "services"):
        assert looked.output.count(f"{text}: ") >= len(members), f"no plan for {text}"
    assert looked.report["result"] == "planned" and looked.verdict == "all-old" == array.truth(lab.state())

    lab.reset_counts()
    with array.watched(lab):
        run = controller.renew_exchange(**variables).succeeded()
    state = lab.state()
    assert run.verdict == "all-new" == array.truth(state)
    array.unhurt(before, state)
    costs = lab.counts()
    for name, member in state.items():
        assert array.serves(member, "mail-new") >= array.PUBLIC
        assert member["bindings"]["0.0.0.0:443"] == array.named(member, "mail-new")
        assert member["journal"] and member["lock"] is None
        assert set(member["services"].values()) == {"Running"}
        over = {key: costs[name][key] for key, most in FIRST_RENEWAL.items() if costs[name][key] > most}
        assert not over, f"the first renewal cost {name} {over}, at most {FIRST_RENEWAL} is allowed"
    if product != "exchange2010":  # 2010 knows no TlsCertificateName
        named = {c["certificate"] for m in state.values() for c in m["send_connectors"].values()}
        old = {c["certificate"] for m in before.values() for c in m["send_connectors"].values()}
        assert named and named != old, "the Send connectors still name the old certificate"

    lab.reset_counts()
    again = controller.renew_exchange(**variables).succeeded()
    assert again.changed == 0 and again.verdict == "all-new"
    assert array.lasting(lab.state()) == array.lasting(state), "an unchanged run changed a member"
    assert spent(lab) == dict.fromkeys(members, 1)

    with array.watched(lab):
        back = controller.rollback(rollout_array="exchange", rollout_completed=True, **variables)
    assert back.rc == 0, back.failures
    assert back.verdict == "all-old" == array.truth(lab.state())
    array.as_before(before, lab.state())


@pytest.mark.whole
def test_a_certificate_that_lies_in_my_is_enabled_where_nothing_shows_that_it_is_not(start: Start) -> None:
    """Imported, readable, and no more: without Exchange's types nobody sees the difference. It is given, once."""
    controller = start(members="2", second_hop="refused", remote_exchange="missing")
    lab = controller.lab
    for member in lab.state():
        lab.store(member, store="CA", add=["issuing-new"])
        lab.store(member, store="My", add=["mail-new"], key=True)
        lab.configure(member, smtp=["mail-new"])
    wish = {"rollout_shell": "session", "rollout_services": ["SMTP", "POP", "IMAP"]}
    before = lab.state()
    run = controller.renew_exchange(**wish).succeeded()
    assert run.changed > 0 and run.verdict == "all-new"
    for name, member in lab.state().items():
        assert "Enable-ExchangeCertificate" in member["ran"][len(before[name]["ran"]) :], name
        assert array.serves(member, "mail-new") >= array.PUBLIC - {"Web"}
    again = controller.renew_exchange(**wish).succeeded()
    assert again.changed == 0 and again.verdict == "all-new", "its journal says what was given"
