"""Services: drains, dependents, what stops them from starting, and what they log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.member.events import byte_reversed
from lab.member.host import EdgeMember
from lab.member.keys import NETWORK_SERVICE
from lab.scenarios import EdgePool

from .member_tools import ask, ask_later, call, order, pool, put, restart, set_certificate, switch, thumb


@pytest.fixture
def lab(tmp_path: Path) -> EdgePool:
    return pool(tmp_path, members="1")


@pytest.fixture
def member(lab: EdgePool) -> EdgeMember:
    return lab.members[0]  # type: ignore[return-value]


def statuses(member: EdgeMember) -> dict[str, str]:
    rows = ask(member, call("Get-CsWindowsService", keep=("Name", "Status"), ExcludeActivityLevel=switch()))[0]["rows"]
    return {r["Name"]: r["Status"] for r in rows}


def ids(member: EdgeMember) -> list[int]:
    return [e["id"] for e in member.describe()["events"]]


def test_stopping_takes_dependents_along_and_starting_does_not_bring_them_back(member: EdgeMember) -> None:
    ask(member, call("Stop-CsWindowsService", Name="RTCMRAUTH"))
    assert {s for s, v in statuses(member).items() if v == "Stopped"} == {"RTCMRAUTH", "RTCMEDIARELAY"}
    ask(member, call("Start-CsWindowsService", Name="RTCMRAUTH"))
    assert {s for s, v in statuses(member).items() if v == "Stopped"} == {"RTCMEDIARELAY"}
    assert ids(member) == [22003, 19003, 19002]


@pytest.mark.parametrize(
    ("way", "stopped"),
    [("none", {"RTCSRV"}), ("all-on-access-edge", {"RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"})],
)
def test_who_depends_on_whom_is_an_option(member: EdgeMember, way: str, stopped: set[str]) -> None:
    order(member, dependents=way)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"))
    assert {s for s, v in statuses(member).items() if v == "Stopped"} == stopped


def test_without_a_name_all_are_stopped_and_started(member: EdgeMember) -> None:
    ask(member, call("Stop-CsWindowsService"))
    assert set(statuses(member).values()) == {"Stopped"}
    ask(member, call("Start-CsWindowsService"))
    assert set(statuses(member).values()) == {"Running"}


@pytest.mark.parametrize("shown", ["Paused", "StopPending"])
def test_graceful_stop_lasts_until_the_last_call(member: EdgeMember, shown: str) -> None:
    order(member, calls=3, drain_status=shown)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch(), NoWait=switch()))
    assert statuses(member)["RTCSRV"] == shown
    order(member, calls=1)
    assert statuses(member)["RTCSRV"] == shown
    order(member, calls=0)
    assert statuses(member)["RTCSRV"] == "Stopped" and member.describe()["dropped"] == 0


def test_forcing_the_end_of_a_drain_drops_the_calls(member: EdgeMember) -> None:
    order(member, calls=3)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch(), NoWait=switch()))
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"))
    assert statuses(member)["RTCSRV"] == "Stopped" and member.describe()["dropped"] == 3


def test_calls_hang_up_look_by_look_or_after_a_while(member: EdgeMember) -> None:
    order(member, calls=3, hang_up=2)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch(), NoWait=switch()))
    assert [statuses(member)["RTCSRV"] for _ in range(2)] == ["Paused", "Stopped"]
    ask(member, call("Start-CsWindowsService", Name="RTCSRV"))
    order(member, hang_up=0, calls=3, calls_last=60)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch(), NoWait=switch()))
    assert statuses(member)["RTCSRV"] == "Paused"
    member.advance(61)
    assert statuses(member)["RTCSRV"] == "Stopped" and member.describe()["dropped"] == 0


def test_graceful_stop_without_nowait_returns_only_when_the_calls_are_gone(member: EdgeMember) -> None:
    async def story() -> bool:
        await member.control({"calls": 2})
        waiting = asyncio.ensure_future(
            ask_later(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch()))
        )
        for _ in range(5):
            await asyncio.sleep(0)
        held = not waiting.done()
        await member.control({"calls": 0})
        await waiting
        return held

    assert asyncio.run(story())


@pytest.mark.parametrize(("way", "after"), [("resumes", "Running"), ("fails", "Paused")])
def test_starting_a_draining_service(member: EdgeMember, way: str, after: str) -> None:
    order(member, calls=3, start_paused=way)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV", Graceful=switch(), NoWait=switch()))
    reply = ask(member, call("Start-CsWindowsService", Name="RTCSRV"))[0]
    assert ("error" in reply) is (way == "fails") and statuses(member)["RTCSRV"] == after


def test_expired_certificate_keeps_services_down(lab: EdgePool, member: EdgeMember) -> None:
    member.advance(21 * 86400)
    assert statuses(member)["RTCSRV"] == "Running"
    assert "expired" in restart(member, "RTCSRV")["error"]["message"]
    assert 14397 in ids(member) and 12303 in ids(member)
    text = next(e["message"] for e in member.describe()["events"] if e["id"] == 14397)
    assert byte_reversed(lab.pki["external-old"].certificate.serial_number) in text


def test_with_nowait_nobody_hears_that_a_service_did_not_start(member: EdgeMember) -> None:
    member.advance(21 * 86400)
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"))
    assert ask(member, call("Start-CsWindowsService", Name="RTCSRV", NoWait=switch()))[0]["rows"] == []
    assert statuses(member)["RTCSRV"] == "Stopped"


@pytest.mark.parametrize(("windows", "starts"), [("2008r2", False), ("2012r2", False), ("2016", True)])
def test_sha512_stops_the_access_edge_before_2016(tmp_path: Path, windows: str, starts: bool) -> None:
    lab = pool(tmp_path, members="1", windows=windows)
    member: EdgeMember = lab.members[0]  # type: ignore[assignment]
    put(member, "My", "sha512", key=True)
    put(member, "CA", "issuing-new")
    set_certificate(member, thumb(lab, "sha512"), "AccessEdgeExternal")
    assert ("error" not in restart(member, "RTCSRV")) is starts
    assert ({36874, 36888} <= set(ids(member))) is not starts


def test_unusable_key_keeps_services_down(lab: EdgePool, member: EdgeMember) -> None:
    order(member, key={"certificate": "external-old", "revoke": NETWORK_SERVICE})
    assert "private key" in restart(member, "RTCSRV")["error"]["message"]
    assert {36870, 14397} <= set(ids(member))
    order(member, key={"certificate": "external-old", "grant": NETWORK_SERVICE})
    assert "error" not in ask(member, call("Start-CsWindowsService", Name="RTCSRV"))[0]


def test_service_may_be_told_not_to_start(member: EdgeMember) -> None:
    order(member, service_fails="RTCSRV")
    assert "error" in restart(member, "RTCSRV")
    order(member, service_fails="")
    assert "error" not in ask(member, call("Start-CsWindowsService", Name="RTCSRV"))[0]


def test_names_are_exact_and_activity_is_left_out_when_asked(member: EdgeMember) -> None:
    replies = ask(
        member,
        call("Get-CsWindowsService", keep=("Name",), Name="RTC*", optional=True),
        call("Get-CsWindowsService", keep=("Name", "ActivityLevel"), Name="rtcsrv"),
        call("Get-CsWindowsService", keep=("ActivityLevel",), Name="RTCSRV", ExcludeActivityLevel=switch()),
        call("Get-ServiceVersion", Names=["RTCSRV", "NOPE"]),
    )
    assert "Cannot find any service" in replies[0]["error"]["message"]
    assert replies[1]["rows"][0]["Name"] == "RTCSRV" and replies[1]["rows"][0]["ActivityLevel"]
    assert replies[2]["rows"] == [{"ActivityLevel": None}]
    assert [r["FileVersion"] for r in replies[3]["rows"]] == ["5.0.8308.1144"]


def test_a_service_that_not_every_server_has_stops_with_what_it_depends_on(member: EdgeMember) -> None:
    order(member, service={"name": "RTCXMPPTGWPXY", "depends_on": "RTCSRV"})
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"))
    assert {s for s, v in statuses(member).items() if v == "Stopped"} == {"RTCSRV", "RTCXMPPTGWPXY"}
    ask(member, call("Start-CsWindowsService", Name="RTCSRV"))
    assert {s for s, v in statuses(member).items() if v == "Stopped"} == {"RTCXMPPTGWPXY"}
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"), call("Start-CsWindowsService", Name="rtcxmpptgwpxy"))
    assert set(statuses(member).values()) == {"Running"}, "what it depends on is started before it"


def test_what_depends_on_a_dependent_stops_as_well(member: EdgeMember) -> None:
    order(member, dependents="all-on-access-edge", service={"name": "GATEWAY", "depends_on": "RTCMEDIARELAY"})
    ask(member, call("Stop-CsWindowsService", Name="RTCSRV"))
    assert {s for s, v in statuses(member).items() if v == "Running"} == {"REPLICA"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "RTCSRV"},
        {"name": "A B"},
        {"name": "NEW", "depends_on": "NOBODY"},
        {"name": "NEW", "status": "Paused"},
        {"name": "NEW", "extra": 1},
    ],
)
def test_a_service_that_makes_no_sense_is_not_planted(member: EdgeMember, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        order(member, service=wrong)
    assert len(statuses(member)) == 5
