"""Every value that a cmdlet may hand out is written, or is an error of its own call: the reply always arrives."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Reply
from pwsh.engine import ROOT, powershell, run

pytestmark = pytest.mark.pwsh

VALUES = Path(__file__).with_name("values.ps1").read_text("ascii")
RECORDINGS = ROOT.parent / "shared" / "data" / "recordings"
NO_RECORDINGS = "no recordings of servers in a shared data folder beside the checkout"
#: What is right for each value of `$Good` there.
GOOD: dict[str, Any] = {
    "LiveEnum": "Hidden, System",
    "SentEnum": "Hidden, System",
    "NoFlag": "None",
    "ForeignEnum": "TLS",
    "LongEnum": "Dual",
    "EnumList": ["Monday", "Friday"],
    "ForeignNumber": 5,
    "Endless": "Infinity",
    "NoNumber": "NaN",
    "Below": "-Infinity",
    "Huge": 1e300,
    "Tiny": -2.5e-300,
    "Long": -(2**63),
    "First": datetime(1, 1, 1, tzinfo=timezone.utc),
    "Last": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
    "NotedDate": datetime(2026, 7, 1, tzinfo=timezone.utc),
    "NotedBytes": b"\x01\xff",
    "NotedTrue": True,
    "NotedTable": {"Inner": [None, "x", []]},
    "Span": "08:00:00",
    "Guid": "00000000-0000-0000-0000-000000000000",
    "Version": "15.2.1",
    "Uri": "https://mail.contoso.example/owa",
    "Char": "x",
    "Decimal": "1.5",
    "Nulls": [None, 1, None],
    "List": ["a", ["b"]],
    "Table": {"Key": {"Deep": None}},
    "Bag": "@{A=1}",
    "Secret": "System.Security.SecureString",
    "Login": "System.Management.Automation.PSCredential",
    "Builder": '{"raw":1}',
    "Off": False,
}
#: Values of `$Bad`, and words that tell what is wrong with each.
BAD = {"NoText": "no text", "Self": "too deep", "SelfTable": "too deep", "Deep": "too deep", "Half": "lost on the way"}


def write(number: str) -> Call:
    """A call that changes something, whose making is told on standard error."""
    return Call(number, "Set-CsCertificate", {"Thumbprint": number})


def asked(*calls: Call, version: str | None = None) -> tuple[Reply, str]:
    """The reply to calls over those values, and what was said on standard error."""
    done = run(calls, VALUES, act_as=version)
    assert done.code == 0, done.stderr
    return done.reply(), done.stderr


@pytest.mark.parametrize("version", [None, "2.0"])
def test_a_value_comes_as_what_it_is_live_or_made_again(version: str | None) -> None:
    reply, said = asked(Call("1", "Get-CsCertificate", {}, tuple(GOOD)), version=version)
    (row,) = reply.rows("1")
    assert row == GOOD
    assert "canary" not in said and not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_what_is_nested_is_written_as_deep_as_products_nest() -> None:
    (row,) = asked(Call("1", "Get-CsCertificate", {}, ("Thirty",)))[0].rows("1")
    value, depth = row["Thirty"], 0
    while isinstance(value, list):
        (value,), depth = value, depth + 1
    assert (value, depth) == ("x", 30)


def test_a_value_that_cannot_be_written_is_the_error_of_its_call_and_no_more() -> None:
    """Whatever was changed before is known, whatever comes behind is not made, and an optional call stops nothing."""
    calls = []
    for name in BAD:
        read = Call(name, "Get-CsCertificate", {"Type": "bad"}, ("Good", name), optional=True)
        calls += [write(f"before {name}"), read]
    last = Call("last", "Get-CsCertificate", {"Type": "bad"}, ("NoText",))
    reply, said = asked(*calls, last, write("behind"), Call("end", "Get-CsComputer", {}, ("Local",)))
    for name, words in {**BAD, "last": BAD["NoText"]}.items():
        error = reply[name].error
        assert error is not None and words in error.message and "the call was made" in error.message
        assert error.fqid == "ucops.NotWritten" and reply[name].rows == ()
    assert all(reply[f"before {name}"].ok for name in BAD)
    assert reply["behind"].not_run and reply["end"].not_run
    assert [line for line in said.splitlines() if "made" in line] == [f"made: before {name}" for name in BAD]


def test_one_value_costs_nothing_that_is_written_beside_it_in_other_calls() -> None:
    bad = Call("bad", "Get-CsCertificate", {"Type": "bad"}, ("NoText",), optional=True)
    reply, _ = asked(
        Call("good", "Get-CsCertificate", {}, ("Guid",)), bad, Call("next", "Get-CsComputer", {}, ("Local",))
    )
    assert reply.rows("good") == ({"Guid": GOOD["Guid"]},) and reply.rows("next") == ({"Local": True},)


def test_an_object_that_holds_itself_and_a_getter_that_throws_do_not_cost_the_reply() -> None:
    calls = [
        write("before"),
        Call("around", "Get-CsAVEdgeConfiguration", {}, ("Self",), optional=True),
        Call("getter", "Get-CsWindowsService", {}, ("Name", "Status"), optional=True),
        write("behind"),
    ]
    reply, _ = asked(*calls)
    assert reply["before"].ok and reply["behind"].ok
    assert reply["around"].ok and isinstance(reply.rows("around")[0]["Self"], str)
    # Silently nothing since PowerShell 3.0, an error before that.
    assert reply.rows("getter") == ({"Name": "RTCSRV", "Status": None},)


def test_an_error_without_words_is_an_error() -> None:
    reply, _ = asked(write("before"), Call("1", "Remove-CsCertificate"), write("behind"))
    error = reply["1"].error
    assert reply["before"].ok and reply["behind"].not_run
    assert error is not None and error.type == "Silent"


# ---- recordings of real servers, where there are some

RECORDED = """
function Get-CsCertificate { [CmdletBinding()] param($Type)
    foreach ($object in [Management.Automation.PSSerializer]::Deserialize([IO.File]::ReadAllText("$Type"))) {
        foreach ($one in $object) { $one }
    }
}
"""
#: Each recording's path, and the names of all properties in it, on a line.
NAMES = """
foreach ($file in [IO.Directory]::GetFiles($env:RECORDINGS, '*.xml')) {
    $names = @{}
    foreach ($object in [Management.Automation.PSSerializer]::Deserialize([IO.File]::ReadAllText($file))) {
        foreach ($one in $object) { foreach ($property in $one.PSObject.Properties) { $names[$property.Name] = 1 } }
    }
    "$file`t" + [string]::Join("`t", [string[]]@($names.Keys))
}
"""


@pytest.fixture(scope="module")
def recorded() -> dict[str, tuple[dict[str, Any], ...]]:
    """Name of a recording -> its rows, all properties of all objects; read between two writes, in one document."""
    if not RECORDINGS.is_dir():
        pytest.skip(NO_RECORDINGS)
    lines = powershell(NAMES, environment={"RECORDINGS": str(RECORDINGS)}).stdout.splitlines()
    calls = [write("before")]
    for path, *names in sorted(line.split("\t") for line in lines):
        calls.append(Call(Path(path).stem, "Get-CsCertificate", {"Type": path}, tuple(names), optional=True))
    done = run([*calls, write("behind")], f"{VALUES}\n{RECORDED}")
    assert done.code == 0, done.stderr
    reply = done.reply()
    assert reply["before"].ok and reply["behind"].ok
    return {call.id: reply.rows(call.id) for call in calls[1:]}


def texts(value: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def test_everything_that_real_servers_sent_is_written(recorded: dict[str, tuple[dict[str, Any], ...]]) -> None:
    assert len(recorded) > 10 and all(recorded.values())
    for name, rows in recorded.items():
        assert not [text for row in rows for text in texts(row) if text.startswith("Deserialized.")], name


def test_an_enum_of_a_real_server_is_its_name(recorded: dict[str, tuple[dict[str, Any], ...]]) -> None:
    assert {row["Status"] for row in recorded["GetService"]} == {"Running", "Stopped"}
    assert {row["ServerRole"] for row in recorded["GetExchangeServer"]} == {"Mailbox"}
