"""pywinrm's public client against the lab."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError

from .conftest import WINRM_FLAVOURS, Echo

every_flavour = pytest.mark.parametrize("flavour", WINRM_FLAVOURS)


@every_flavour
def test_run_cmd(echo: Echo, flavour: str) -> None:
    answer = echo.session(flavour).run_cmd("hostname")
    assert (answer.status_code, answer.std_out, answer.std_err) == (0, b"ECHO1\r\n", b"")


@every_flavour
def test_run_cmd_with_arguments_exit_code_and_stderr(echo: Echo, flavour: str) -> None:
    assert echo.session(flavour).run_cmd("ipconfig", ["/all"]).std_out == b"ran ipconfig /all\r\n"
    answer = echo.session(flavour).run_cmd("exit", ["/b", "3"])
    assert (answer.status_code, answer.std_err) == (3, b"on its way out\r\n")


@every_flavour
def test_run_ps(echo: Echo, flavour: str) -> None:
    answer = echo.session(flavour).run_ps("echo \u20ac")
    assert answer.status_code == 0
    assert json.loads(answer.std_out)["script"] == "echo \u20ac"


@every_flavour
def test_run_ps_errors_arrive_as_clixml_that_pywinrm_cleans(echo: Echo, flavour: str) -> None:
    answer = echo.session(flavour).run_ps("fail")
    assert (answer.status_code, answer.std_out) == (1, b"before\r\n")
    assert answer.std_err == b"it broke: <no> & more\nsecond line"


def test_progress_records_on_stderr_can_be_switched_off(echo: Echo) -> None:
    assert b'S="progress"' in echo.session().run_ps("echo").std_err
    echo.lab.configure("echo1", progress=False)
    assert echo.session().run_ps("echo").std_err == b""


@every_flavour
def test_wrong_password(echo: Echo, flavour: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        echo.session(flavour, password="wrong").run_cmd("hostname")
    with pytest.raises(InvalidCredentialsError):
        echo.session(flavour, user="nobody").run_cmd("hostname")
    assert echo.state()["runs"] == []


@every_flavour
def test_user_names_with_the_computers_name(echo: Echo, flavour: str) -> None:
    assert echo.session(flavour, user=f"ECHO1\\{echo.user.upper()}").run_cmd("hostname").status_code == 0


@every_flavour
def test_long_output_comes_in_envelopes_of_the_asked_size(echo: Echo, flavour: str) -> None:
    session = echo.session(flavour)
    sizes: list[int] = []
    hooks = session.protocol.transport.build_session().hooks["response"]
    hooks.append(lambda response, **_: sizes.append(len(response.content)))
    answer = session.run_ps("long 8000")
    lines = answer.std_out.split(b"\r\n")
    assert len(answer.std_out) == 8000 * 88
    assert lines[0].endswith(b"000000") and lines[7999].endswith(b"007999") and lines[8000] == b""
    assert max(sizes) <= 153600
    assert echo.counts()["actions"]["Receive"] == 8


@every_flavour
def test_stdin_in_several_pieces(echo: Echo, flavour: str) -> None:
    protocol = echo.session(flavour).protocol
    shell = protocol.open_shell(codepage=65001)
    command = protocol.run_command(shell, "powershell", ["-EncodedCommand", "ZQBjAGgAbwA="], console_mode_stdin=False)
    pieces = [b"first\r\n" * 20000, b"", "l\u00e4tzte".encode()]
    for piece in pieces[:-1]:
        protocol.send_command_input(shell, command, piece)
    assert echo.state()["runs"] == []
    protocol.send_command_input(shell, command, pieces[-1], end=True)
    out, _, code = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    assert code == 0
    assert json.loads(out)["sha256"] == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert len(echo.state()["runs"]) == 1
    assert echo.state()["open_shells"] == 0


def test_stdin_of_a_plain_command(echo: Echo) -> None:
    protocol = echo.session().protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "sort")
    protocol.send_command_input(shell, command, "b\r\na\r\n", end=True)
    assert protocol.get_command_output(shell, command) == (b"a\r\nb\r\n", b"", 0)


def test_several_commands_in_one_shell_and_code_pages(echo: Echo) -> None:
    protocol = echo.session().protocol
    for codepage, encoding in ((437, "cp437"), (65001, "utf-8")):
        shell = protocol.open_shell(codepage=codepage)
        for _ in range(2):
            command = protocol.run_command(shell, "powershell -enc dQBtAGwAYQB1AHQA")
            assert protocol.get_command_output(shell, command)[0].decode(encoding) == "gr\u00fc\u00dfe\r\n"
    assert echo.state()["open_shells"] == 2


def test_a_command_line_ends_at_8191_characters(echo: Echo) -> None:
    answer = echo.session().run_ps("echo " + "x" * 3200)
    assert answer.status_code == 1
    assert answer.std_err == b"The command line is too long.\r\n"
    assert echo.state()["runs"] == []


def test_a_badly_encoded_command(echo: Echo) -> None:
    answer = echo.session().run_cmd("powershell -EncodedCommand !!!")
    assert answer.status_code == 0xFFFD0000
    assert answer.std_err.startswith(b"Cannot process the command because the value specified with -EncodedCommand")


def test_https_is_verified(echo: Echo) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        echo.session(ca_trust_path=None).run_cmd("hostname")


@pytest.mark.parametrize("options", [{"transport": "basic"}, {"transport": "ntlm"}])
def test_what_is_not_encrypted_is_refused(echo: Echo, options: dict[str, str]) -> None:
    session = echo.session("winrm-ntlm-http", message_encryption="never", **options)
    with pytest.raises(WinRMTransportError) as caught:
        session.run_cmd("hostname")
    assert caught.value.code == 500
    assert echo.counts()["shells"] == 0
    echo.lab.configure("echo1", allow_unencrypted=True)
    assert session.run_cmd("hostname").std_out == b"ECHO1\r\n"


def test_basic_can_be_switched_off(echo: Echo) -> None:
    echo.lab.configure("echo1", basic=False)
    with pytest.raises(InvalidCredentialsError):
        echo.session().run_cmd("hostname")
    assert echo.session("winrm-ntlm-https").run_cmd("hostname").status_code == 0


def test_a_message_sealed_for_another_connection_is_refused(echo: Echo) -> None:
    protocol = echo.session("winrm-ntlm-http").protocol
    protocol.open_shell()
    protocol.transport.session.close()  # the next request goes over a new connection
    with pytest.raises(WinRMTransportError) as caught:
        protocol.open_shell()
    assert caught.value.code == 400


def test_an_unknown_shell_and_an_unknown_command(echo: Echo) -> None:
    protocol = echo.session().protocol
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command("E0000000-0000-0000-0000-000000000000", "hostname")
    assert caught.value.code == 500
    assert caught.value.wsman_fault_code == 2150858843
    shell = protocol.open_shell()
    with pytest.raises(WSManFaultError) as caught:
        protocol.get_command_output(shell, "E0000000-0000-0000-0000-000000000000")
    assert caught.value.wsman_fault_code == 87


def test_quotas(echo: Echo) -> None:
    echo.lab.configure("echo1", max_shells=1, max_operations=2, max_envelope_kb=150)
    protocol = echo.session().protocol
    shell = protocol.open_shell()
    with pytest.raises(WSManFaultError, match="maximum number of 1 concurrent shells"):
        protocol.open_shell()
    command = protocol.run_command(shell, "sort")
    with pytest.raises(WSManFaultError, match="MaxEnvelopeSizekb"):
        protocol.send_command_input(shell, command, b"x" * 150_000)
    protocol.run_command(shell, "hostname")
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command(shell, "hostname")
    assert caught.value.wmierror_code == 0x803381A6


@pytest.mark.parametrize(("action", "effects"), [("drop-before", []), ("drop-after", ["Set-Thing"])])
@every_flavour
def test_a_connection_dropped_in_the_command(echo: Echo, flavour: str, action: str, effects: list[str]) -> None:
    echo.lab.fault("echo1", do=action, call="Set-Thing")
    with pytest.raises(requests.exceptions.ConnectionError):
        echo.session(flavour).run_ps("call Set-Thing")
    assert echo.state()["effects"] == effects
    assert echo.session(flavour).run_ps("call Set-Thing").std_out == b"did Set-Thing\r\n"


def test_a_host_that_goes_down_and_comes_back(echo: Echo) -> None:
    session = echo.session()
    echo.lab.fault("echo1", do="down-after", phase="write")
    with pytest.raises(requests.exceptions.ConnectionError):
        session.run_ps("call Set-Thing")
    assert echo.state()["reachable"] is False
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        session.run_ps("call Set-Thing")
    echo.lab.reachable("echo1", True)
    assert session.run_ps("call Set-Thing").status_code == 0
    assert echo.state()["effects"] == ["Set-Thing", "Set-Thing"]


def test_a_call_that_hangs_times_out_and_is_asked_for_again(echo: Echo) -> None:
    echo.lab.fault("echo1", do="timeout", call="Get-Thing", seconds=0.01)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(echo.session().run_ps, "call Get-Thing")
        echo.await_state(lambda state: bool(state["faults"]["struck"]))
        while echo.counts()["actions"].get("Receive", 0) < 3:
            pass
        echo.lab.clear_faults("echo1")
        assert answer.result().std_out == b"did Get-Thing\r\n"
    assert echo.state()["effects"] == ["Get-Thing"]


def test_a_hung_command_can_be_ended(echo: Echo) -> None:
    protocol = echo.session(operation_timeout_sec=1, read_timeout_sec=5).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "forever")
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    assert echo.state()["open_shells"] == 0


def test_faults_of_the_transport(echo: Echo) -> None:
    echo.lab.fault("echo1", do="http-500", nth=2)
    with pytest.raises(WinRMTransportError) as caught:
        echo.session().run_ps("call Set-Thing")
    assert caught.value.code == 500
    echo.lab.fault("echo1", do="http-401", call="Set-Thing")
    with pytest.raises(InvalidCredentialsError):
        echo.session().run_ps("call Set-Thing")
    echo.lab.fault("echo1", do="quota")
    with pytest.raises(WSManFaultError) as quota:
        echo.session().run_ps("call Set-Thing")
    assert quota.value.wmierror_code == 0x803381A6
    assert echo.state()["effects"] == []


def test_an_injected_error_is_the_calls_own(echo: Echo) -> None:
    echo.lab.fault("echo1", do="error", call="Set-Thing", nth=2, message="no such thing", fqid="Lab.NoThing")
    assert echo.session().run_ps("call Set-Thing").status_code == 0
    answer = echo.session().run_ps("call Set-Thing")
    assert (answer.status_code, answer.std_err) == (1, b"no such thing Lab.NoThing")
    assert echo.session().run_ps("call Set-Thing").status_code == 0


def test_a_mistake_in_the_lab_says_so(echo: Echo) -> None:
    answer = echo.session().run_ps("crash")
    assert answer.status_code == 1
    assert answer.std_err.startswith(b"the lab itself failed: RuntimeError at echo.py:")
    assert b"secret" not in answer.std_err
