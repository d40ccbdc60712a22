"""Lines typed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.interfaces import Result
from lab.member.host import EdgeMember
from lab.member.powershell import parse
from lab.scenarios import EdgePool

from .member_tools import order, pool, put, run, thumb


@pytest.fixture
def lab(tmp_path: Path) -> EdgePool:
    return pool(tmp_path, members="1")


@pytest.fixture
def member(lab: EdgePool) -> EdgeMember:
    return lab.members[0]  # type: ignore[return-value]


def typed(member: EdgeMember, script: str, stdin: bytes = b"") -> Result:
    return run(member.execute(script, stdin, "winrs"))


def test_assigning_by_hand(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    line = f"Set-CsCertificate -Type AccessEdgeExternal,DataEdgeExternal -Thumbprint {thumb(lab, 'external-new')}"
    assert typed(member, f"Import-Module Lync\n{line}; exit $LASTEXITCODE") == Result(0)
    assigned = member.describe()["assigned"]
    assert assigned["AccessEdgeExternal"] == assigned["DataEdgeExternal"] == thumb(lab, "external-new")


def test_rolling_by_hand(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    line = f"Set-CsCertificate -Type AudioVideoAuthentication -Thumbprint '{thumb(lab, 'external-new')}' -Roll"
    failed = typed(member, line)
    assert failed.rc == 1 and b"EffectiveDate" in failed.stderr
    assert typed(member, line + ' -EffectiveDate "1/31/2040 10:00:00 PM" -Confirm:$false').rc == 0
    assert member.describe()["av_pending"]["at"].startswith("2040-01-31T22:00:00")


def test_reading_by_hand(member: EdgeMember) -> None:
    shown = typed(member, "Get-CsCertificate -Type Internal | Format-List")
    assert b"edgepool.corp.contoso.example" in shown.stdout and b"\r\n" in shown.stdout
    assert typed(member, "Get-CsWindowsService RTCSRV").stdout.count(b"RTCSRV") == 2


@pytest.mark.parametrize(
    ("script", "code", "out", "error"),
    [
        ("Write-Output hello", 0, b"hello\r\n", b""),
        ("'x' * 5", 0, b"xxxxx\r\n", b""),
        ("$PSVersionTable.PSVersion.ToString()", 0, b"4.0\r\n", b""),
        ("$ProgressPreference = 'SilentlyContinue'; $env:COMPUTERNAME", 0, b"EDGE1\r\n", b""),
        ("Write-Output a; exit 3", 3, b"a\r\n", b""),
        ("Get-Nonsense", 1, b"", b"CommandNotFoundException"),
        ("powershell -NoProfile -EncodedCommand ZQA=", 1, b"", b"lab.NotPlayed"),
        ("Get-Service | Where-Object { $_.Status }", 1, b"", b"lab.NotPlayed"),
        ("Set-CsCertificate -Wrong 1", 1, b"", b"NamedParameterNotFound,Set-CsCertificate"),
        ("throw 'no'", 1, b"", b"no"),
    ],
)
def test_small_scripts(member: EdgeMember, script: str, code: int, out: bytes, error: bytes) -> None:
    result = typed(member, script)
    assert (result.rc, result.stdout) == (code, out) and error in result.stderr


def test_standard_input(member: EdgeMember) -> None:
    assert typed(member, "$input", b"fed\n").stdout == b"fed\r\n"


def test_modules_must_be_loaded_by_hand_before_powershell_3(tmp_path: Path) -> None:
    member: EdgeMember = pool(tmp_path, members="1", powershell="2.0").members[0]  # type: ignore[assignment]
    assert typed(member, "Get-CsCertificate").rc == 1
    assert typed(member, "Import-Module Lync\nGet-CsCertificate").rc == 0
    order(member, module="missing")
    assert b"was not loaded" in typed(member, "Import-Module Lync").stderr


def test_parse() -> None:
    line = parse("Stop-CsWindowsService RTCSRV -Graceful -Confirm:$false -Report 'C:\\a b.html'")
    assert line.positional == ["RTCSRV"] and line.named["Confirm"] is False and line.named["Report"] == "C:\\a b.html"
    assert bool(line.named["Graceful"]) is True


def test_command_lines(member: EdgeMember) -> None:
    assert run(member.command_line("hostname", b"")).stdout == b"EDGE1\r\n"
    assert run(member.command_line("dir", b"")).rc == 1
