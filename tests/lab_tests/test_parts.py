"""Parts of the lab's transport by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lab.faults import DropConnection, FaultPlan, HttpError, InjectedError, QuotaError
from lab.inventory import FLAVOURS, connection_vars
from lab.log import EventLog
from lab.wsman.auth import Accounts
from lab.wsman.clixml import error_stream, escaped
from lab.wsman.soap import NotSoap, parse, seconds
from lab.wsman.winrs import encoded_script


@pytest.mark.parametrize(
    ("duration", "expected"),
    [("PT20S", 20), ("PT60.000S", 60), ("P0DT0H1M0.5S", 60.5), ("PT2H", 7200), ("soon", 60), ("P", 60)],
)
def test_durations(duration: str, expected: float) -> None:
    assert seconds(duration) == expected


def test_what_is_no_soap() -> None:
    for text in (b"", b"<a/>", b"not xml"):
        with pytest.raises(NotSoap):
            parse(text)


def test_clixml_text() -> None:
    assert escaped("a\tb <&> _x000D_ \U0001f511") == "a_x0009_b &lt;&amp;&gt; _x005F_x000D_ _xD83D__xDD11_"
    assert error_stream("", progress=False) == ""
    assert error_stream("one\r\ntwo", progress=False).endswith(
        '<S S="Error">one_x000D__x000A_</S><S S="Error">two_x000D__x000A_</S></Objs>'
    )


@pytest.mark.parametrize(
    "line",
    [
        "powershell -encodedcommand YQA=",
        'PowerShell.exe -NoProfile -ExecutionPolicy Unrestricted -EncodedCommand "YQA="',
        r'"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe" -ec YQA=',
        "powershell /e YQA=",
    ],
)
def test_encoded_commands(line: str) -> None:
    assert encoded_script(line) == "a"


@pytest.mark.parametrize(
    "line", ["hostname", "powershell -ExecutionPolicy Bypass -File x.ps1", "cmd /c powershell -e YQA="]
)
def test_plain_command_lines(line: str) -> None:
    assert encoded_script(line) is None


def test_accounts_by_name(tmp_path: Path) -> None:
    accounts = Accounts("edge1", {"labadmin": "word"}, tmp_path)
    for name in ("labadmin", "LabAdmin", ".\\labadmin", "EDGE1\\labadmin"):
        assert accounts.password(name) == "word"
    for name in ("other", "OTHER\\labadmin", ""):
        assert accounts.password(name) is None


def test_the_log_masks_secrets(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log", ["hunter2"])
    log("event", text="password is hunter2", number=3, flag=True, empty="", line="a\nb=c")
    log.close()
    words = (tmp_path / "log").read_text(encoding="utf-8").strip().split(" ", 1)[1]
    assert words == 'event text="password is ***" number=3 flag=true empty="" line="a\\nb=c"'


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_is_encrypted_and_verified(flavour: str) -> None:
    found = connection_vars(flavour, Path("/ca.pem"))
    if flavour.endswith("https"):
        assert found["ansible_port"] == 5986
        assert "validate" in found.values() and "/ca.pem" in found.values()
    else:
        assert found["ansible_port"] == 5985
        assert "always" in found.values()


def plan(*rules: dict[str, Any]) -> FaultPlan:
    """A plan with these orders."""
    made = FaultPlan()
    for rule in rules:
        made.add(rule)
    return made


async def outcome(faults: FaultPlan, call: str, kind: Any = "read") -> str:
    """What a call comes to: its effect and what was raised."""
    done = "not done"
    try:
        await faults.before(call, kind)
        done = "done"
        await faults.after(call, kind)
    except (DropConnection, HttpError, QuotaError, InjectedError) as error:
        return f"{done}, {type(error).__name__}"
    return done


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"do": "drop-before"}, "not done, DropConnection"),
        ({"do": "drop-after"}, "done, DropConnection"),
        ({"do": "down-before"}, "not done, DropConnection"),
        ({"do": "down-after"}, "done, DropConnection"),
        ({"do": "error"}, "not done, InjectedError"),
        ({"do": "http-401", "call": "A"}, "not done, HttpError"),
        ({"do": "http-500", "phase": "read"}, "not done, HttpError"),
        ({"do": "quota", "call": "A"}, "not done, QuotaError"),
        ({"do": "slow", "call": "A"}, "done"),
    ],
)
def test_each_fault_strikes_once(rule: dict[str, Any], expected: str) -> None:
    async def twice() -> None:
        faults = plan(rule)
        assert await outcome(faults, "A") == expected
        assert await outcome(faults, "A") == "done"
        assert faults.describe() == {"waiting": [], "struck": [f"{rule['do']} A"]}

    asyncio.run(twice())


def test_faults_by_call_phase_and_number() -> None:
    async def calls() -> None:
        faults = plan(
            {"do": "drop-before", "call": "B", "nth": 2},
            {"do": "error", "phase": "write"},
            {"do": "drop-after", "nth": 4},
        )
        assert await outcome(faults, "A") == "done"
        assert await outcome(faults, "B") == "done"
        assert await outcome(faults, "B") == "not done, DropConnection"
        assert await outcome(faults, "A", "write") == "not done, InjectedError"
        assert await outcome(faults, "A", "write") == "done"

    asyncio.run(calls())


def test_down_tells_the_transport_and_clear_ends_a_hang() -> None:
    async def calls() -> None:
        told: list[str] = []
        faults = plan({"do": "down-before", "call": "A"}, {"do": "timeout", "call": "B"})
        faults.unreachable = lambda: told.append("down")
        await outcome(faults, "A")
        assert told == ["down"]
        hanging = asyncio.create_task(outcome(faults, "B"))
        await asyncio.sleep(0)
        assert not hanging.done()
        faults.clear()
        assert await hanging == "done"

    asyncio.run(calls())
