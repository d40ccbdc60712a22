"""What the shipped script does with documents, on PowerShell 7 and on its face of 2.0.

Functions stand in for product cmdlets here: what is tested is the script, not a product.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    shipped_script,
    stdin_text,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Call,
    OutcomeUnknown,
    Reply,
    Secure,
    Switch,
)
from pwsh.engine import NONCE, Done, powershell, run, sent

pytestmark = pytest.mark.pwsh

SCRIPT = strip_script(shipped_script())
HARD = 'CN=Zürich, O="Müller & Söhne", 日本 \U0001f600 \t back\\slash  two  blanks\r\nnew line \x01\x7f\u2028 \\u0041'
# Parameters of several types, and what became of them.
TYPED = """
function Get-CsCertificate {
    [CmdletBinding()] param([string[]]$Type, [DateTime]$Date, [switch]$On, [switch]$Off, [byte[]]$Bytes,
        [Security.SecureString]$Secret, [long]$Big, $Text, $Real, $Empty, $Nothing, [int[]]$Numbers)
    $pointer = [Runtime.InteropServices.Marshal]::SecureStringToGlobalAllocUnicode($Secret)
    New-Object PSObject -Property @{ Type = $Type; Date = $Date; Kind = $Date.Kind; On = [bool]$On
        Off = $PSBoundParameters['Off'].IsPresent; Bytes = $Bytes; Big = $Big; Text = $Text; Real = $Real
        Empty = $Empty; Secret = [Runtime.InteropServices.Marshal]::PtrToStringUni($pointer)
        Nothing = $Nothing; Numbers = $Numbers; EmptyKind = $Empty.GetType().Name }
}
"""
ROWS = """
function Get-CsCertificate { [CmdletBinding()] param([int]$Type)
    for ($at = 0; $at -lt $Type; $at++) { New-Object PSObject -Property @{ At = $at; Thumbprint = 'A1B2' * 10 } }
}
"""
# One object with a property of each kind that a product's object may have.
KINDS = """
function Get-CsCertificate {
    $one = New-Object Collections.ArrayList
    [void]$one.Add('only')
    New-Object PSObject -Property @{ None = $null; One = $one; OneArray = @('only'); NoneArray = @()
        Bytes = [byte[]](1, 255)
        Local = [DateTime]::SpecifyKind([DateTime]'2026-07-01T12:00:00.1234567', 'Local')
        Utc = [DateTime]::SpecifyKind([DateTime]'2026-07-01T12:00:00', 'Utc')
        Enum = [DayOfWeek]'Friday'; Span = [TimeSpan]::FromHours(8); Char = [char]0x41; Real = 1.5; Small = [byte]7
        Big = [long]::MaxValue; Low = [long]::MinValue; Edge = [long]9007199254740992; Beyond = [long]9007199254740993
        Unsigned = [ulong]::MaxValue; Guid = [Guid]'00000000-0000-0000-0000-000000000001'; True = $true
        Table = @{ Inner = @{ Deep = 'x' } }; Version = [version]'5.0.8308.0'; Dates = @([DateTime]'2026-07-01Z') }
}
"""


@pytest.fixture(params=[None, "2.0"], ids=["as 7", "as 2.0"])
def version(request: pytest.FixtureRequest) -> str | None:
    """The version that the shared engine reports and hides cmdlets for; a real pwsh stays what it is."""
    return request.param  # type: ignore[no-any-return]


def get(keep: Sequence[str], number: str = "1", **parameters: Any) -> Call:
    return Call(number, "Get-CsCertificate", parameters, tuple(keep))


def write(number: str, name: str = "Set-CsCertificate", optional: bool = False, **parameters: Any) -> Call:
    return Call(number, name, parameters, optional=optional)


def reply_of(done: Done) -> Reply:
    assert done.code == 0, done.stderr
    return done.reply()


def test_typed_parameters_arrive_as_what_they_stand_for(version: str | None) -> None:
    when = datetime(2026, 11, 23, 3, 4, 5, 678900, tzinfo=timezone.utc)
    given: dict[str, Any] = {
        "Type": ["AccessEdgeExternal", HARD],
        "Date": when,
        "On": Switch(True),
        "Off": Switch(False),
        "Bytes": bytes(range(256)),
        "Secret": Secure(HARD),
        "Big": 2**63 - 1,
        "Text": HARD,
        "Real": -1.25,
        "Empty": [],
        "Nothing": None,
        "Numbers": [1, -2],
    }
    reply = reply_of(run([get([*given, "Kind", "EmptyKind"], **given)], TYPED, act_as=version))
    expected = {**given, "On": True, "Off": False, "Secret": HARD, "Kind": "Local", "EmptyKind": "Object[]"}
    assert reply.rows("1") == (expected,)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Pacific/Auckland"])
def test_dates_mean_the_same_instant_in_every_time_zone(zone: str) -> None:
    when = datetime(2026, 11, 23, 3, 4, 5, tzinfo=timezone.utc)
    given = {"Secret": Secure("x"), "Empty": "", "Date": when}
    done = powershell(f"{TYPED}\n{BOOTSTRAP}", sent([get(["Date"], **given)]), environment={"TZ": zone})
    assert reply_of(done).rows("1") == ({"Date": when},)


def test_a_culture_with_other_separators_and_another_calendar_changes_nothing(version: str | None) -> None:
    culture = """
$other = [Globalization.CultureInfo]::InvariantCulture.Clone()
$other.NumberFormat.NumberDecimalSeparator = ','
$other.NumberFormat.NegativeSign = '~'
$other.DateTimeFormat.ShortDatePattern = 'dd.MM.yyyy'
$other.DateTimeFormat.DateSeparator = '.'
$other.DateTimeFormat.TimeSeparator = '.'
[Threading.Thread]::CurrentThread.CurrentCulture = $other
"""
    when = datetime(2026, 11, 2, 3, 4, 5, tzinfo=timezone.utc)
    given = {"Secret": Secure("x"), "Empty": "", "Date": when, "Real": -1.25, "Big": -(2**60)}
    reply = reply_of(run([get(["Date", "Real", "Big"], **given)], culture + TYPED, act_as=version))
    assert reply.rows("1") == ({"Date": when, "Real": -1.25, "Big": -(2**60)},)


def test_properties_of_every_kind_come_back(version: str | None) -> None:
    expected: dict[str, Any] = {
        "None": None,
        "Absent": None,
        "One": ["only"],
        "OneArray": ["only"],
        "NoneArray": [],
        "Bytes": b"\x01\xff",
        "Local": datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=timezone.utc),
        "Utc": datetime(2026, 7, 1, 12, tzinfo=timezone.utc),
        "Enum": "Friday",
        "Span": "08:00:00",
        "Char": "A",
        "Real": 1.5,
        "Small": 7,
        "Big": 2**63 - 1,
        "Low": -(2**63),
        "Edge": 2**53,
        "Beyond": 2**53 + 1,
        "Unsigned": 2**64 - 1,
        "Guid": "00000000-0000-0000-0000-000000000001",
        "True": True,
        "Table": {"Inner": {"Deep": "x"}},
        "Version": "5.0.8308.0",
        "Dates": [datetime(2026, 7, 1, tzinfo=timezone.utc)],
    }
    stdin = sent([get(list(expected))])
    done = powershell(f"{KINDS}\n{BOOTSTRAP}", stdin, version, {"TZ": "UTC"})
    (row,) = reply_of(done).rows("1")
    assert row == expected


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_rows_are_a_list_however_many_there_are(count: int) -> None:
    reply = reply_of(run([get(["At", "Thumbprint"], Type=count)], ROWS))
    assert [row["At"] for row in reply.rows("1")] == list(range(count))


def test_the_reply_holds_no_blank_and_no_long_line() -> None:
    done = run([get(["At", "Thumbprint"], Type=500)], ROWS)
    lines = done.stdout.splitlines()
    inside = lines[lines.index(f"ucops-begin {NONCE}") + 1 : lines.index(f"ucops-end {NONCE}")]
    assert len(inside) > 1 and {len(line) for line in inside[:-1]} == {8000}
    assert not any(" " in line for line in inside)


def test_four_hundred_kilobytes_of_input_arrive() -> None:
    given = {"Secret": Secure("x"), "Empty": "", "Bytes": bytes(300) * 1000, "Text": "ü" * 100_000}
    (row,) = reply_of(run([get(["Bytes", "Text"], **given)], TYPED)).rows("1")
    assert row["Bytes"] == bytes(300_000) and row["Text"] == "ü" * 100_000


def test_the_first_error_stops_unless_the_call_is_optional(version: str | None) -> None:
    before = "function Set-CsCertificate { 'ran' }\nfunction Stop-CsWindowsService { throw 'first' }\n"
    calls = [
        write("a", "Start-CsWindowsService", optional=True),
        write("b"),
        write("c", "Stop-CsWindowsService"),
        write("d"),
        Call("e", "Get-Journal"),
    ]
    reply = reply_of(run(calls, before, act_as=version))
    assert list(reply.answers) == ["a", "b", "c", "d", "e"]
    missing = reply["a"].error
    assert missing is not None and missing.fqid == "CommandNotFoundException" and missing.category == "ObjectNotFound"
    assert missing.type == "System.Management.Automation.CommandNotFoundException"
    assert reply["b"].ok
    thrown = reply["c"].error
    assert thrown is not None and thrown.message == "first"
    assert thrown.type == "System.Management.Automation.RuntimeException"
    assert reply["d"].not_run and reply["e"].not_run


def test_errors_of_binding_have_powershells_shape(version: str | None) -> None:
    before = """
function Set-CsCertificate { [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$Thumbprint, [int]$Number) }
"""
    calls = [
        write("unknown", optional=True, Thumbprint="A", Thumbprnt="B"),
        write("mandatory", optional=True),
        write("type", optional=True, Thumbprint="A", Number="many"),
    ]
    reply = reply_of(run(calls, before, act_as=version))
    shapes = {
        name: (answer.error.fqid, answer.error.category) for name, answer in reply.answers.items() if answer.error
    }
    assert shapes["unknown"] == ("NamedParameterNotFound,Set-CsCertificate", "InvalidArgument")
    assert shapes["mandatory"] == ("MissingMandatoryParameter,Set-CsCertificate", "InvalidArgument")
    assert shapes["type"] == ("ParameterArgumentTransformationError,Set-CsCertificate", "InvalidData")
    assert all(
        answer.error and answer.error.type.startswith("System.Management.Automation.ParameterBinding")
        for answer in reply.answers.values()
    )


def test_a_non_terminating_error_is_an_error_too(version: str | None) -> None:
    before = """
function Set-CsCertificate {
    [CmdletBinding()] param() Write-Error -Message 'soft' -ErrorId 'Soft' -Category LimitsExceeded; 'went on'
}
"""
    error = reply_of(run([write("1")], before, act_as=version))["1"].error
    assert error is not None and error.message == "soft"
    assert error.fqid.startswith("Soft") and error.category == "LimitsExceeded"


def test_inner_exceptions_are_told(version: str | None) -> None:
    before = """
function Set-CsCertificate {
    $deep = New-Object InvalidOperationException('the database said no')
    throw (New-Object ArgumentException('cannot assign', $deep))
}
function Remove-CsCertificate { [Convert]::FromBase64String('!') }
"""
    calls = [write("1", optional=True), write("2", "Remove-CsCertificate")]
    reply = reply_of(run(calls, before, act_as=version))
    first, second = reply["1"].error, reply["2"].error
    assert first is not None and first.message == "cannot assign the database said no"
    assert first.type == "System.ArgumentException"
    assert second is not None and second.type == "System.FormatException", (
        "the cause, not the wrapping of a method call"
    )


def test_warnings_are_kept_and_everything_else_is_noise(version: str | None) -> None:
    before = """
function Get-CsCertificate { [CmdletBinding()] param()
    Write-Warning 'careful'; Write-Warning 'now'; Write-Verbose 'v'; Write-Debug 'd'; Write-Host 'to the host'
    Write-Progress -Activity 'p'; New-Object PSObject -Property @{ A = 1 }; Write-Warning 'last'
}
'Welcome to the Management Shell'
Write-Warning 'of the shell'
"""
    done = run([get(["A"])], before, act_as=version, after="'Tip of the day'; [Console]::Error.WriteLine('on stderr')")
    reply = reply_of(done)
    assert reply["1"].warnings == ("careful", "now", "last") and reply.rows("1") == ({"A": 1},)
    assert "Welcome" in done.stdout and "Tip of the day" in done.stdout


@pytest.mark.parametrize(
    "asks",
    [
        "$Host.UI.PromptForChoice('Confirm', 'Sure?', @(), 0)",
        "$Host.UI.Prompt('Confirm', 'Which?', @())",
        "$Host.UI.ReadLine()",
        "$PSCmdlet.ShouldContinue('really', 'sure')",
    ],
)
def test_a_prompt_is_an_error_and_does_not_wait(asks: str) -> None:
    before = f"function Set-CsCertificate {{ [CmdletBinding()] param() {asks} }}"
    reply = reply_of(run([write("1")], before))
    assert reply["1"].error is not None


def test_should_process_does_not_ask(version: str | None) -> None:
    before = """
function Set-CsCertificate { [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')] param()
    if ($PSCmdlet.ShouldProcess('x')) { Write-Warning 'done' } }
"""
    reply = reply_of(run([write("1"), write("2", Confirm=Switch(False))], before, act_as=version))
    assert reply["1"].warnings == reply["2"].warnings == ("done",)


def test_only_the_allowlist_runs() -> None:
    names = ("Invoke-Expression", "get-cscertificate", "Format-Json", "Set-CsCertificate -WhatIf", "")
    calls = [{"id": str(at), "name": name, "with": {}, "keep": [], "optional": True} for at, name in enumerate(names)]
    document = json.dumps({"nonce": NONCE, "load": [], "calls": calls})
    reply = reply_of(powershell(BOOTSTRAP, stdin_text(SCRIPT, document)))
    assert [answer.error.fqid for answer in reply.answers.values() if answer.error] == ["ucops.NotAllowed"] * len(names)


@pytest.mark.parametrize("load", [[], ["lync"]])
def test_a_product_that_cannot_be_loaded_is_said_and_own_functions_work(load: list[str]) -> None:
    before = "function Test-Path { $false }"
    calls = [Call("1", "Get-Journal"), get(["A"], "2")]
    reply = reply_of(run(calls, before, load=load))
    assert reply.rows("1") == ({"Text": None, "Lock": None},)
    assert reply["2"].error is not None and reply["2"].error.fqid == "CommandNotFoundException"
    assert bool(reply.host.load_error) is bool(load) and reply.host.loaded == ()


@pytest.mark.parametrize(
    "document",
    [
        "",
        '{"nonce":"0123456789abcdef","load":[],"calls":[',
        '{"a": "canary\\q"}',
        *(pytest.param(text, marks=pytest.mark.whole) for text in ("{", "[]", '{"$bytes":"canary!"}', "null")),
    ],
)
def test_a_document_that_is_not_whole_runs_nothing_and_is_not_quoted(document: str) -> None:
    done = powershell(BOOTSTRAP, stdin_text(SCRIPT, document))
    assert "ucops-begin" not in done.stdout and "canary" not in done.stdout + done.stderr
    assert "The document is not" in done.stdout + done.stderr
    with pytest.raises(OutcomeUnknown):
        done.reply()


def test_host_facts(version: str | None) -> None:
    environment = {"COMPUTERNAME": "EDGE1", "USERDOMAIN": "EDGE1", "USERNAME": "admin"}
    host = reply_of(powershell(BOOTSTRAP, sent([Call("1", "Get-Journal", optional=True)]), version, environment)).host
    assert host.computer == "EDGE1" and host.user == "EDGE1\\admin" and host.bits == 64
    assert host.language == "FullLanguage" and host.clock is not None
    assert abs((datetime.now(timezone.utc) - host.clock).total_seconds()) < 60
