"""The lab as a process: control API, counts, log, and that it always ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.client import TESTS, LabError, LabProcess

from .conftest import Echo

SCENARIO = "lab_tests.echo:build"


def test_state_clock_and_the_members_own_controls(echo: Echo) -> None:
    echo.lab.advance(3600)
    assert {state["clock"] for state in echo.lab.state().values()} == {3600.0}
    assert echo.lab.configure("echo1", note="mine", latency=0.0) == {"noted": True}
    assert echo.state()["note"] == {"note": "mine"}
    echo.lab.store("echo1", add="x")
    assert echo.state()["note"] == {"store": {"add": "x"}}
    assert echo.lab.state()["echo2"]["note"] != {"store": {"add": "x"}}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/members/nobody", {}, "expected one of the members echo1, echo2,"),
        ("/nowhere", {}, "no POST /nowhere"),
        ("/members/echo1", {"latency": "much"}, "expected latency to be a float, found 'much'"),
        ("/members/echo1", {"basic": 1}, "expected basic to be a bool, found 1"),
        ("/members/echo1", {"colour": "red"}, "expected note, store or forget, found colour"),
        ("/members/echo1/fault", {"do": "explode"}, "expected do to be one of drop-before"),
        ("/members/echo1/fault", {"do": "drop-before", "cal": "x"}, "expected the keys call, do"),
        ("/members/echo1/fault", {"do": "drop-before", "phase": "x"}, "expected phase to be read, write or null"),
    ],
)
def test_what_the_control_refuses(echo: Echo, path: str, body: dict[str, object], said: str) -> None:
    with pytest.raises(LabError) as caught:
        echo.lab.request("POST", path, body)
    assert said in str(caught.value)


def test_counts_are_bytes_on_the_wire(echo: Echo) -> None:
    asked = b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    with socket.create_connection((echo.address, 5985)) as connection:
        for _ in range(2):
            connection.sendall(asked)
            answered = connection.recv(65536)
    assert answered.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"WWW-Authenticate: Negotiate\r\n" in answered
    counts = echo.counts()
    assert (counts["connections"], counts["requests"]) == (1, 2)
    assert (counts["bytes_up"], counts["bytes_down"]) == (2 * len(asked), 2 * len(answered))
    echo.lab.reset_counts()
    assert echo.counts()["bytes_up"] == 0


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET /wsman HTTP/1.1\r\n\r\n", b"405"),
        (b"POST /elsewhere HTTP/1.1\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"400"),
        (b"POST /wsman HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST /wsman HTTP/1.1\r\nAuthorization: Basic !!!\r\n\r\n", b"401"),
        (b"POST /wsman HTTP/1.1\r\nAuthorization: Negotiate AAAA\r\n\r\n", b"401"),
    ],
)
def test_bad_http(echo: Echo, asked: bytes, status: bytes) -> None:
    with socket.create_connection((echo.address, 5985)) as connection:
        connection.sendall(asked)
        assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_the_log_holds_events_and_no_secrets(echo: Echo) -> None:
    protocol = echo.session("winrm-ntlm-https").protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "sort")
    protocol.send_command_input(shell, command, "a-secret-in-stdin\r\n", end=True)
    protocol.get_command_output(shell, command)
    echo.session().run_ps("crash a-secret-in-a-script")
    text = echo.lab.log.read_text(encoding="utf-8")
    assert " command member=echo1 rc=0 " in text
    assert " lab-error member=echo1 place=" in text
    for secret in (echo.password, "a-secret", "Authorization", "NTLM "):
        assert secret not in text
    assert list((echo.lab.directory / "private").iterdir()) == []


def test_labs_run_side_by_side(echo: Echo) -> None:
    with LabProcess(SCENARIO, connection="psrp-basic-https") as other:
        hosts = other.inventory.read_text(encoding="utf-8")
        assert echo.address not in hosts
        assert "ansible_connection: psrp" in hosts
        other.advance(5)
        assert other.state()["echo1"]["clock"] == 5
        folder = other.directory
    assert not folder.exists()


def test_a_lab_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="expected a new or empty folder"):
        LabProcess(SCENARIO, directory=tmp_path).start()
    with pytest.raises(LabError, match="No module named 'nowhere'"):
        LabProcess("nowhere:build", directory=tmp_path / "new").start()


def test_a_taken_network_is_refused(echo: Echo, tmp_path: Path) -> None:
    net = echo.address.rpartition(".")[0]
    with pytest.raises(LabError, match="Address already in use"):
        LabProcess(SCENARIO, directory=tmp_path / "new", net=net).start()


def test_a_lab_ends_with_its_context_and_keeps_a_given_folder(tmp_path: Path) -> None:
    lab = LabProcess(SCENARIO, directory=tmp_path / "kept")

    def fail() -> None:
        with lab:
            raise RuntimeError("the test failed")

    with pytest.raises(RuntimeError) as caught:
        fail()
    if sys.version_info >= (3, 11):  # older exceptions carry no notes
        assert caught.value.__notes__ == [f"the lab's log: {tmp_path / 'kept' / 'lab.log'}"]
    with pytest.raises(OSError):
        lab.state()
    assert lab.log.read_text(encoding="utf-8").rstrip().endswith(" stop")


def test_a_lab_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "lab", "--scenario", SCENARIO, "--dir", str(tmp_path / "d"), "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=TESTS,
    )
    assert child.stdin is not None and child.stdout is not None
    assert child.stdout.readline().startswith(b"{")
    child.stdin.close()
    assert child.wait(20) == 0
    child.stdout.close()
