"""Assignments, the staged successor, tokens, calls: the traps of the A/V certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.member.events import byte_reversed
from lab.member.host import EdgeMember
from lab.member.keys import NETWORK_SERVICE
from lab.scenarios import EdgePool

from .member_tools import (
    ask,
    call,
    from_now,
    moment,
    order,
    pool,
    put,
    restart,
    session_key_events,
    set_certificate,
    switch,
    thumb,
)

AV = "AudioVideoAuthentication"


@pytest.fixture
def lab(tmp_path: Path) -> EdgePool:
    found = pool(tmp_path)
    for member in found.members:
        put(member, "My", "external-new", key=True)  # type: ignore[arg-type]
        put(member, "CA", "issuing-new")  # type: ignore[arg-type]
    return found


@pytest.fixture
def members(lab: EdgePool) -> list[EdgeMember]:
    return list(lab.members)  # type: ignore[arg-type]


def roll(member: EdgeMember, thumbprint: str, hours: float = 4) -> dict[str, object]:
    return set_certificate(member, thumbprint, AV, Roll=switch(), EffectiveDate=moment(from_now(member, hours=hours)))


def av_row(member: EdgeMember) -> dict[str, object]:
    keep = ("Thumbprint", "EffectiveDate", "PreviousThumbprint")
    found: dict[str, object] = ask(member, call("Get-CsCertificate", keep=keep, Type=[AV]))[0]["rows"][0]
    return found


def test_certificate_must_lie_in_my_with_its_key(lab: EdgePool, members: list[EdgeMember]) -> None:
    put(members[0], "My", "av-new")
    assert "was not found" in set_certificate(members[0], "00" * 20, "AccessEdgeExternal")["error"]["message"]
    assert "private key" in set_certificate(members[0], thumb(lab, "av-new"), AV)["error"]["message"]


def test_roll_needs_a_date(lab: EdgePool, members: list[EdgeMember]) -> None:
    error = set_certificate(members[0], thumb(lab, "external-new"), AV, Roll=switch())["error"]
    assert "EffectiveDate" in error["message"]
    assert members[0].describe()["av_pending"] is None


def test_plain_replacement_drops_calls_and_breaks_tokens_at_once(lab: EdgePool, members: list[EdgeMember]) -> None:
    order(members[0], calls=7)
    set_certificate(members[0], thumb(lab, "external-new"), AV)
    state = members[0].describe()
    assert (state["calls"], state["dropped"], state["refused_tokens"]) == (0, 7, 2)
    assert [m.describe()["refused_tokens"] for m in members[1:]] == [1, 1]
    assert state["events"] == []  # the log is silent


def test_other_uses_do_not_touch_calls(lab: EdgePool, members: list[EdgeMember]) -> None:
    order(members[0], calls=7)
    set_certificate(members[0], thumb(lab, "external-new"), "AccessEdgeExternal", "DataEdgeExternal")
    assert members[0].describe()["dropped"] == 0


def test_rolled_pool_passes_the_instant_without_harm(lab: EdgePool, members: list[EdgeMember]) -> None:
    for member in members:
        order(member, calls=2)
        roll(member, thumb(lab, "external-new"))
        assert member.describe()["assigned"][AV] == thumb(lab, "external-old")
    for member in members:
        member.advance(4 * 3600 + 60)
    for member in members:
        state = member.describe()
        assert state["assigned"][AV] == thumb(lab, "external-new") and state["av_pending"] is None
        assert state["av_previous"] == thumb(lab, "external-old")
        assert (state["dropped"], state["refused_tokens"], state["calls"]) == (0, 0, 2)
    removed = ask(members[0], call("Remove-CsCertificate", Type=[AV], Previous=switch()))[0]
    assert removed["rows"] == [] and members[0].describe()["av_previous"] is None


def test_member_that_was_not_rolled_is_refused_after_the_instant(lab: EdgePool, members: list[EdgeMember]) -> None:
    for member in members[:2]:
        roll(member, thumb(lab, "external-new"))
    for member in members:
        member.advance(3 * 3600)
    assert [m.describe()["refused_tokens"] for m in members] == [0, 0, 0]
    for member in members:
        member.advance(2 * 3600)
    assert [m.describe()["refused_tokens"] for m in members] == [1, 1, 2]


@pytest.mark.parametrize("shape", ["successor", "old"])
def test_what_is_shown_between_roll_and_instant(lab: EdgePool, members: list[EdgeMember], shape: str) -> None:
    old, new = thumb(lab, "external-old"), thumb(lab, "external-new")
    order(members[0], rolled_shape=shape)
    roll(members[0], new)
    row = av_row(members[0])
    if shape == "successor":
        assert (row["Thumbprint"], row["PreviousThumbprint"]) == (new, old) and row["EffectiveDate"]
    else:
        assert row == {"Thumbprint": old, "EffectiveDate": None, "PreviousThumbprint": None}
    members[0].advance(5 * 3600)
    assert (av_row(members[0])["Thumbprint"], av_row(members[0])["PreviousThumbprint"]) == (new, old)


@pytest.mark.parametrize(("way", "dropped"), [("quiet", 0), ("drops", 3)])
def test_setting_the_present_certificate_again_takes_a_roll_back(
    lab: EdgePool, members: list[EdgeMember], way: str, dropped: int
) -> None:
    order(members[0], cancel_roll=way, calls=3)
    roll(members[0], thumb(lab, "external-new"))
    set_certificate(members[0], thumb(lab, "external-old"), AV)
    assert members[0].describe()["av_pending"] is None and members[0].describe()["dropped"] == dropped
    members[0].advance(5 * 3600)
    assert members[0].describe()["assigned"][AV] == thumb(lab, "external-old")


def test_going_back_after_the_instant_drops_calls(lab: EdgePool, members: list[EdgeMember]) -> None:
    for member in members:
        roll(member, thumb(lab, "external-new"), hours=1)
    for member in members:
        member.advance(7200)
    order(members[0], calls=4)
    set_certificate(members[0], thumb(lab, "external-old"), AV)
    assert members[0].describe()["dropped"] == 4


def test_instant_is_by_each_members_own_clock(lab: EdgePool, members: list[EdgeMember]) -> None:
    order(members[1], clock_offset=-1800)
    at = moment(from_now(members[0], hours=1))
    for member in members:
        set_certificate(member, thumb(lab, "external-new"), AV, Roll=switch(), EffectiveDate=at)
    for member in members:
        member.advance(3700)
    found = [m.describe()["assigned"][AV] == thumb(lab, "external-new") for m in members]
    assert found == [True, False, True]
    assert members[1].describe()["refused_tokens"] == 2


def test_calls_end_when_their_certificate_expires(lab: EdgePool, members: list[EdgeMember]) -> None:
    order(members[0], calls=2)
    members[0].advance(21 * 86400)
    assert members[0].describe()["dropped"] == 2


def test_access_to_the_key_comes_and_goes_with_the_assignment(lab: EdgePool, members: list[EdgeMember]) -> None:
    new = thumb(lab, "external-new")

    def readers() -> set[str]:
        rows = ask(members[0], call("Get-StoreKeyAccess", Store="My", Thumbprints=[new]))[0]["rows"]
        return {r["Sid"] for r in rows}

    assert NETWORK_SERVICE not in readers()
    set_certificate(members[0], new, "AccessEdgeExternal")
    assert NETWORK_SERVICE in readers()
    asked = ask(members[0], call("Remove-CsCertificate", Type=["AccessEdgeExternal"]))[0]
    assert "NonInteractive" in asked["error"]["message"]
    ask(members[0], call("Remove-CsCertificate", Type=["AccessEdgeExternal"], Force=switch()))
    assert NETWORK_SERVICE not in readers()
    assert members[0].describe()["assigned"]["AccessEdgeExternal"] is None


def test_use_may_be_written_as_an_urn(members: list[EdgeMember]) -> None:
    order(members[0], use_shape="urn")
    rows = ask(members[0], call("Get-CsCertificate", keep=("Use",)))[0]["rows"]
    assert {r["Use"] for r in rows} >= {"urn:certref:Internal", f"urn:certref:{AV}"}


def test_what_if_changes_nothing(lab: EdgePool, members: list[EdgeMember]) -> None:
    set_certificate(members[0], thumb(lab, "external-new"), AV, WhatIf=switch())
    assert members[0].describe()["assigned"][AV] == thumb(lab, "external-old")


# -- the shared session key -----------------------------------------------------------------------


def test_incomplete_chain_shows_after_the_restart_and_names_the_serial_reversed(
    lab: EdgePool, members: list[EdgeMember]
) -> None:
    for member in members:
        order(member, store={"store": "CA", "remove": ["issuing-new"]})
        set_certificate(member, thumb(lab, "external-new"), "AccessEdgeExternal")
        assert session_key_events(member) == []
    restart(members[0], "RTCSRV")
    (text,) = session_key_events(members[0])
    serial = lab.pki["external-new"].certificate.serial_number
    assert byte_reversed(serial) in text and "ensure that all servers in the array" in text.lower()
    assert f"{serial:X}" not in text


def test_different_certificates_show_after_the_restart(lab: EdgePool, members: list[EdgeMember]) -> None:
    set_certificate(members[0], thumb(lab, "external-new"), "AccessEdgeExternal")
    restart(members[0], "RTCSRV")
    (text,) = session_key_events(members[0])
    assert byte_reversed(lab.pki["external-old"].certificate.serial_number) in text
    for member in members[1:]:
        set_certificate(member, thumb(lab, "external-new"), "AccessEdgeExternal")
    restart(members[2], "RTCSRV")
    assert session_key_events(members[2]) == []


def test_whether_a_mixed_pool_shows_is_an_option_and_so_is_the_number(lab: EdgePool, members: list[EdgeMember]) -> None:
    order(members[0], mixed_event="never", session_key_event_id=61234)
    set_certificate(members[0], thumb(lab, "external-new"), "AccessEdgeExternal")
    restart(members[0], "RTCSRV")
    assert session_key_events(members[0]) == []
    order(members[0], mixed_event="at-restart")
    restart(members[0], "RTCSRV")
    assert 61234 in {e["id"] for e in members[0].describe()["events"]}


def test_av_authentication_shows_it_too(lab: EdgePool, members: list[EdgeMember]) -> None:
    set_certificate(members[0], thumb(lab, "external-new"), AV)
    restart(members[0], "RTCMRAUTH")
    assert len(session_key_events(members[0])) == 1
