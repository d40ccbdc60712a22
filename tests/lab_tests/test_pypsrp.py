"""pypsrp's public client against the lab."""

from __future__ import annotations

import hashlib
import json

import pytest
from pypsrp.client import Client
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import PowerShell, PSInvocationState, RunspacePool
from pypsrp.shell import Process, SignalCode, WinRS
from requests.exceptions import ConnectionError as RequestsConnectionError

from .conftest import PSRP_FLAVOURS, Echo

every_flavour = pytest.mark.parametrize("flavour", PSRP_FLAVOURS)


@every_flavour
def test_execute_cmd(echo: Echo, flavour: str) -> None:
    with Client(echo.address, **echo.wsman_options(flavour)) as client:
        assert client.execute_cmd("hostname") == ("ECHO1\r\n", "", 0)
        assert client.execute_cmd("exit /b 3") == ("", "on its way out\r\n", 3)


@every_flavour
def test_execute_ps(echo: Echo, flavour: str) -> None:
    with Client(echo.address, **echo.wsman_options(flavour)) as client:
        output, streams, had_errors = client.execute_ps("echo \u20ac")
        assert (json.loads(output)["script"], streams.error, had_errors) == ("echo \u20ac", [], False)
        output, streams, had_errors = client.execute_ps("fail")
        assert (output, had_errors) == ("before", True)
        assert [str(record) for record in streams.error] == ["it broke: <no> & more", "second line"]
    assert echo.state()["open_shells"] == 0


@every_flavour
def test_long_output(echo: Echo, flavour: str) -> None:
    with Client(echo.address, **echo.wsman_options(flavour)) as client:
        lines = client.execute_ps("long 8000")[0].split("\n")
    assert len(lines) == 8000
    assert lines[7999].endswith("007999")


@every_flavour
def test_wrong_password(echo: Echo, flavour: str) -> None:
    with (
        pytest.raises(AuthenticationError),
        Client(echo.address, **{**echo.wsman_options(flavour), "password": "wrong"}) as client,
    ):
        client.execute_cmd("hostname")
    assert echo.state()["runs"] == []


@every_flavour
def test_pipelines_with_input_in_one_pool(echo: Echo, flavour: str) -> None:
    with echo.wsman(flavour) as wsman, RunspacePool(wsman) as pool:
        for lines in (["one", "zwei \u00fc"], ["x" * 100_000] * 6):
            pipeline = PowerShell(pool).add_script("echo $input")
            output = pipeline.invoke(input=lines)
            stdin = "".join(f"{line}\n" for line in lines).encode()
            assert json.loads(output[0])["sha256"] == hashlib.sha256(stdin).hexdigest()
            assert pipeline.state == PSInvocationState.COMPLETED
            pipeline.close()
    assert len(echo.state()["runs"]) == 2


def test_bytes_as_input_become_numbers_as_in_powershell(echo: Echo) -> None:
    with echo.wsman("psrp-basic-https") as wsman, RunspacePool(wsman) as pool:
        output = PowerShell(pool).add_script("echo $input").invoke(input=[b"\x01\xff"])
    assert json.loads(output[0])["stdin"] == "1 255\n"


def test_cmdlets_and_parameters_become_a_script(echo: Echo) -> None:
    with echo.wsman("psrp-basic-https") as wsman, RunspacePool(wsman) as pool:
        pipeline = PowerShell(pool).add_cmdlet("Get-It").add_parameter("Name", "it's").add_parameter("Count", 3)
        pipeline.add_parameter("Force").add_cmdlet("Out-It").add_argument("here").add_statement().add_script("next")
        output = pipeline.invoke()
    assert json.loads(output[0])["script"] == "Get-It -Name 'it''s' -Count 3 -Force | Out-It 'here'\nnext"


def test_exit_codes_reach_the_host(echo: Echo) -> None:
    from pypsrp.host import PSHost, PSHostUserInterface

    host = PSHost(None, None, False, "Test", None, PSHostUserInterface(), None)
    with echo.wsman("psrp-basic-https") as wsman, RunspacePool(wsman, host=host) as pool:
        pipeline = PowerShell(pool).add_script("exit 7")
        assert pipeline.invoke() == ["leaving"]
        assert (host.rc, pipeline.had_errors) == (7, False)


def test_a_failing_script_fails_the_pipeline_not_the_pool(echo: Echo) -> None:
    with echo.wsman("psrp-basic-https") as wsman, RunspacePool(wsman) as pool:
        failing = PowerShell(pool).add_script("fail")
        failing.invoke()
        assert (failing.state, failing.had_errors) == (PSInvocationState.FAILED, True)
        assert PowerShell(pool).add_script("umlaut").invoke() == ["gr\u00fc\u00dfe"]


def test_a_pipeline_that_hangs_can_be_stopped(echo: Echo) -> None:
    echo.lab.fault("echo1", do="timeout", call="Get-Thing", seconds=0.01)
    with echo.wsman("psrp-ntlm-http") as wsman, RunspacePool(wsman) as pool:
        pipeline = PowerShell(pool).add_script("call Get-Thing")
        pipeline.begin_invoke()
        pipeline.poll_invoke()
        assert pipeline.state == PSInvocationState.RUNNING
        pipeline.stop()
        assert PowerShell(pool).add_script("umlaut").invoke() == ["gr\u00fc\u00dfe"]
    assert echo.state()["effects"] == []


def test_the_pools_own_questions(echo: Echo) -> None:
    with echo.wsman("psrp-basic-https") as wsman, RunspacePool(wsman) as pool:
        assert pool.get_available_runspaces() == 1
        pool.reset_runspace_state()
        assert pool.is_alive() is True


@pytest.mark.parametrize(("action", "effects"), [("drop-before", []), ("drop-after", ["Set-Thing"])])
@every_flavour
def test_a_connection_dropped_in_the_pipeline(echo: Echo, flavour: str, action: str, effects: list[str]) -> None:
    echo.lab.fault("echo1", do=action, call="Set-Thing")
    wsman = echo.wsman(flavour)
    pool = RunspacePool(wsman)
    pool.open()
    with pytest.raises(RequestsConnectionError):
        PowerShell(pool).add_script("call Set-Thing").invoke()
    assert echo.state()["effects"] == effects


def test_a_shell_that_is_gone(echo: Echo) -> None:
    with echo.wsman("psrp-basic-https") as wsman:
        shell = WinRS(wsman)
        shell.open()
        shell.close()
        with pytest.raises(WSManFaultError) as caught:
            Process(shell, "hostname").invoke()
    assert caught.value.code == 2150858843


def test_winrs_with_input_and_signals(echo: Echo) -> None:
    with echo.wsman("psrp-ntlm-https") as wsman, WinRS(wsman, codepage=65001) as shell:
        process = Process(shell, "sort")
        process.begin_invoke()
        process.send(b"b\r\na\r\n", end=True)
        process.end_invoke()
        assert (process.stdout, process.rc) == (b"a\r\nb\r\n", 0)
        process.signal(SignalCode.CTRL_C)
        endless = Process(shell, "forever")
        endless.begin_invoke()
        echo.lab.fault("echo1", do="timeout", call="none", seconds=0.01)
        endless.poll_invoke()
        endless.signal(SignalCode.TERMINATE)
