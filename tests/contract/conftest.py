"""The engines, behind one way to ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    shipped_script,
    slice_script,
    stdin_text,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call, Reply
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import FACTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import document, parse_reply
from lab.interfaces import Options, Result
from lab.member.host import EdgeMember
from lab.member.state import State
from lab.pki import Pki
from lab.pwsh.engine import PwshEngine
from lab.pwsh.worker import find_pwsh
from lab.scenarios import EdgePool

T = TypeVar("T")
NONCE = "00112233445566778899aabbccddeeff"
NO_PWSH = "no pwsh on the PATH and none in a shared tools folder beside the checkout"
#: Name -> PowerShell version of the members; builds of pwsh that can report that version and hide what it lacks.
ENGINES: dict[str, str | None] = {"python": None, "pwsh as 4.0": "4.0", "pwsh as 2.0": "2.0"}


class Bench:
    """One event loop, one set of certificates, and the PowerShell processes, for all tests of a session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.pki = Pki(datetime.now(timezone.utc))
        self.shells: dict[str, PwshEngine] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        """End the processes."""
        for shell in self.shells.values():
            self.run(shell.stop())
        self.loop.close()


class Side:
    """A fresh pool behind one engine. Calls go to its first member unless another is named."""

    def __init__(self, bench: Bench, engine: str, **extra: str) -> None:
        self.bench, self.engine = bench, engine
        self.script = shipped_script()
        version = extra.pop("powershell", None) or ENGINES[engine]
        product = extra.pop("product", None)
        who = ("labadmin", "secret", quiet)
        options = Options("edge-pool", bench.folder, "127.99.1", *who, "python", version, product, extra=extra)
        self.pool = EdgePool(options, bench.pki)
        self.pki = bench.pki
        self.version = self.state().host.powershell

    @property
    def real(self) -> bool:
        """Whether PowerShell runs."""
        return self.engine != "python"

    def member(self, number: int = 0) -> EdgeMember:
        """A member; on the pwsh engine its PowerShell answers for it from now on."""
        member = self.pool.members[number]
        assert isinstance(member, EdgeMember)
        if self.real:
            shells = self.bench.shells
            host = member.state.host
            key = f"{host.powershell} {host.product.name} {member.state.behaviour.module}"
            if key not in shells:
                shells[key] = PwshEngine(member.engine, self.bench.folder / "pwsh" / key.replace(" ", "-"))
            if getattr(shells[key].backend, "engine", None) is not member.engine:
                shells[key].serve(member.engine)
            member.pwsh = shells[key]
        return member

    def state(self, number: int = 0) -> State:
        """What a member really is."""
        member = self.pool.members[number]
        assert isinstance(member, EdgeMember)
        return member.state

    def order(self, number: int = 0, **body: Any) -> None:
        """A control of the lab."""
        self.bench.run(self.member(number).control(body))

    def raw(
        self, calls: Sequence[Call], load: Sequence[str] = ("lync",), number: int = 0, shell: str = "winrs"
    ) -> Result:
        """Send calls as a connection would; what came back."""
        script = strip_script(slice_script(self.script, [FACTS, *load, *(call.name for call in calls)]))
        stdin = stdin_text(script, document(NONCE, load, calls)).encode()
        return self.bench.run(self.member(number).execute(BOOTSTRAP, stdin, shell))

    def ask(self, *calls: Call, load: Sequence[str] = ("lync",), number: int = 0) -> Reply:
        """Send calls; the reply."""
        return parse_reply(NONCE, self.raw(calls, load, number).stdout.decode("ascii"))

    def one(self, name: str, keep: Sequence[str] = (), load: Sequence[str] | None = None, **parameters: Any) -> Answer:
        """Send one call; its answer."""
        wanted = load if load is not None else (("lync",) if "-Cs" in name else ())
        return self.ask(Call("1", name, parameters, tuple(keep)), load=wanted)["1"]

    def rows(self, name: str, **parameters: Any) -> tuple[dict[str, Any], ...]:
        """Send one call that must work; its rows."""
        answer = self.one(name, **parameters)
        assert answer.ok, answer.error
        return answer.rows

    def thumb(self, name: str) -> str:
        """Thumbprint of a lab certificate."""
        return self.pki[name].thumbprint


def quiet(event: str, /, **facts: Any) -> None:
    """A log that keeps nothing."""


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """What all tests share."""
    made = Bench(tmp_path_factory.mktemp("contract"))
    yield made
    made.close()


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine in turn."""
    name: str = request.param
    if name != "python" and find_pwsh() is None:
        pytest.skip(NO_PWSH)
    return name


@pytest.fixture
def side(bench: Bench, engine: str) -> Side:
    """A fresh pool behind an engine."""
    return Side(bench, engine)
