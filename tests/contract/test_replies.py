"""Events, service versions, and what holds for every reply: noise, size, faults in the middle."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Call,
    OutcomeUnknown,
    Secure,
    Switch,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import parse_reply
from lab.faults import DropConnection

from .conftest import NONCE, Bench, Side
from .test_stores import pfx

HARD = 'CN=Zürich, O="Müller, Söhne", 日本 \U0001f600 \\ back  two blanks\r\nnext line\ttab'
LOG = {"Log": "Lync Server", "Sources": ["LS Protocol Stack"], "Newest": 50}


def event(side: Side, message: str = "m", **more: Any) -> None:
    given = {"id": 61000, "source": "LS Protocol Stack", "message": message, "level": "Error", "ago": 30, **more}
    side.order(events=[given])


def since(side: Side, **distance: float) -> datetime:
    return (side.state().clock.now() - timedelta(**distance)).replace(microsecond=0)


# ---- events


def test_events_come_newest_first_with_all_their_text(side: Side) -> None:
    side.order(noise=False)
    event(side, "older", ago=300, level="Warning", id=61001)
    event(side, HARD, ago=100)
    event(side, "of another source", ago=50, source="LS Server")
    rows = side.rows("Find-Event", **LOG, After=since(side, minutes=10))
    assert [(row["Id"], row["Source"], row["Level"], row["Message"]) for row in rows] == [
        (61000, "LS Protocol Stack", "Error", HARD),
        (61001, "LS Protocol Stack", "Warning", "older"),
    ]
    distance = side.state().clock.now() - rows[0]["Time"]
    assert timedelta(seconds=99) < distance < timedelta(seconds=160)
    everything = side.rows("Find-Event", Log="Lync Server", Sources=[], Newest=50, After=since(side, minutes=10))
    assert [row["Source"] for row in everything] == ["LS Server", "LS Protocol Stack", "LS Protocol Stack"]
    (newest,) = side.rows("Find-Event", Log="Lync Server", Sources=[], Newest=1, After=since(side, minutes=10))
    assert newest == everything[0]


@pytest.mark.parametrize("hours", [-8, 0, 5.75])
def test_since_means_an_instant(side: Side, hours: float) -> None:
    side.order(noise=False)
    event(side, ago=7200)
    zone = timezone(timedelta(hours=hours))
    assert len(side.rows("Find-Event", **LOG, After=since(side, hours=3).astimezone(zone))) == 1
    assert side.rows("Find-Event", **LOG, After=since(side, hours=1).astimezone(zone)) == ()


def test_a_log_without_such_events_has_no_rows(side: Side) -> None:
    side.order(noise=False)
    for given in ({**LOG}, {**LOG, "Sources": ["No Such Source"]}, {**LOG, "Sources": []}):
        answer = side.one("Find-Event", **given, After=since(side, minutes=1))
        assert answer.ok and answer.rows == () and answer.warnings == ()
    missing = side.one("Find-Event", **{**LOG, "Log": "Office Communications Server"}, After=since(side, days=1))
    assert missing.ok and missing.rows == ()
    assert missing.warnings == ("no event log named Office Communications Server",)


def test_five_thousand_rows(side: Side) -> None:
    side.order(noise=False)
    first = since(side, hours=2)
    side.order(
        events=[
            {"id": at, "source": "LS", "message": f"m {at}", "level": "Information", "ago": 6000 - at}
            for at in range(5000)
        ]
    )
    rows = side.rows("Find-Event", Log="Lync Server", Sources=["LS"], Newest=10000, After=first)
    assert [row["Id"] for row in rows] == list(range(4999, -1, -1))


# ---- services


def test_versions_of_services(side: Side) -> None:
    rows = side.rows("Get-ServiceVersion", Names=["RTCSRV", "NoSuchService"])
    (row,) = rows
    assert row["Name"] == "RTCSRV" and row["Status"] == "Running"
    assert row["FileVersion"] == side.state().host.product.file_version
    assert row["Path"].startswith("C:\\Program Files\\") and row["Path"].endswith("RTCSRV.exe")
    assert side.rows("Get-ServiceVersion", Names=[]) == ()


# ---- every reply


def test_the_frame_holds_amid_a_banner_and_warnings(side: Side) -> None:
    side.order(banner=True)
    result = side.raw([Call("1", "Get-Journal")], ("lync",))
    text = result.stdout.decode("ascii")
    assert not text.startswith("ucops-begin") and not text.endswith(f"ucops-end {NONCE}\r\n")
    assert parse_reply(NONCE, text).rows("1") == ({"Text": None, "Lock": None},)


def test_winrs_and_psrp_hand_on_the_same(side: Side) -> None:
    for shell in ("winrs", "psrp"):
        result = side.raw([Call("1", "Get-Journal")], shell="psrp" if shell == "psrp" else "winrs")
        assert parse_reply(NONCE, result.stdout.decode("ascii"))["1"].ok


def test_lines_are_short_and_ascii(side: Side) -> None:
    side.rows("Set-Journal", Run="r", Text=HARD * 400)
    result = side.raw([Call("1", "Get-Journal")])
    lines = result.stdout.decode("ascii").split("\r\n")
    assert max(map(len, lines)) <= 8000 and lines[0] == f"ucops-begin {NONCE}"
    assert parse_reply(NONCE, result.stdout.decode("ascii")).rows("1")[0]["Text"] == HARD * 400


def test_no_secret_comes_back(side: Side) -> None:
    canary = "canary-pässwörd-\\u0041"
    good = pfx(side, "external-new")
    for name, given in (
        ("Import-StorePfx", {"Store": "My", "Pfx": good, "Password": Secure(canary), "Exportable": False}),
        ("Import-StorePfx", {"Store": "No\\Such", "Pfx": good[:100], "Password": Secure(canary), "Exportable": False}),
        ("Set-CsCertificate", {"Type": ["Internal"], "Thumbprint": Secure(canary)}),
    ):
        result = side.raw([Call("1", name, given)], ("lync",))
        text = result.stdout.decode("ascii") + result.stderr.decode()
        assert parse_reply(NONCE, result.stdout.decode("ascii"))["1"].error is not None
        assert "canary" not in text
        assert good.hex() not in text


# ---- faults


def test_an_injected_error_is_that_calls_error(side: Side) -> None:
    side.member().faults.add({"do": "error", "call": "Get-Journal", "nth": 2, "message": "not this time"})
    reply = side.ask(*(Call(str(at), "Get-Journal", optional=at == 2) for at in (1, 2, 3)))
    assert reply["1"].ok and reply["3"].ok
    assert reply["2"].error is not None and reply["2"].error.message == "not this time"


LOST_AT: dict[str, dict[str, Any]] = {
    "Set-Journal": {"Run": "r", "Text": "written"},
    "Set-CsCertificate": {"Type": ["Internal"], "Thumbprint": "internal-old", "WhatIf": Switch(False)},
}


@pytest.mark.parametrize(
    ("name", "when", "runs_on"),
    [
        # A function of the script and a product's cmdlet; each ends a PowerShell, which takes seconds.
        ("Set-Journal", "before", False),
        ("Set-Journal", "after", True),
        ("Set-CsCertificate", "after", False),
        pytest.param("Set-Journal", "before", True, marks=pytest.mark.whole),
        pytest.param("Set-Journal", "after", False, marks=pytest.mark.whole),
        pytest.param("Set-CsCertificate", "before", False, marks=pytest.mark.whole),
        pytest.param("Set-CsCertificate", "before", True, marks=pytest.mark.whole),
        pytest.param("Set-CsCertificate", "after", True, marks=pytest.mark.whole),
    ],
)
def test_a_connection_lost_around_a_call(side: Side, name: str, when: str, runs_on: bool) -> None:
    given = LOST_AT[name]
    if "Thumbprint" in given:
        side.order(store={"store": "My", "add": ["internal-new"], "key": True})
        given = {**given, "Thumbprint": side.thumb("internal-new")}
    side.order(after_drop="runs-on" if runs_on else "stops")
    side.member().faults.add({"do": f"drop-{when}", "call": name})
    with pytest.raises(DropConnection):
        side.raw([Call("1", name, given), Call("2", "Set-Journal", {"Run": "r", "Text": "the next call"})], ("lync",))
    state = side.state()
    done = state.assigned["Internal"].thumbprint == side.thumb("internal-new") if "Thumbprint" in given else None
    if done is not None:
        assert done is (when == "after")
    expected = None
    if when == "after":
        expected = "the next call" if runs_on else ("written" if name == "Set-Journal" else None)
    assert state.journal.text == expected
    assert side.ask(Call("1", "Get-Journal"))["1"].ok, "the member answers the next connection"


def test_constrained_language_is_told_apart_from_a_lost_answer(bench: Bench, engine: str) -> None:
    side = Side(bench, engine, language="ConstrainedLanguage")
    if not side.real:
        pytest.skip("the played engine has no language modes: it answers")
    result = side.raw([Call("1", "Get-Journal")])
    assert b"language mode" in result.stderr
    with pytest.raises(OutcomeUnknown, match="no reply arrived"):
        parse_reply(NONCE, result.stdout.decode("ascii"))
