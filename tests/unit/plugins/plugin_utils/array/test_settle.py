"""Which members are settled, and what speaks against it."""

from __future__ import annotations

from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.settle import settle_decision
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings

SETTINGS = Settings(run="20261123T180500Z-0001", array="edge", members=("edge1", "edge2"), purpose="settle")


def seen(settled: bool = False, state: str = "done", **more: Any) -> dict[str, Any]:
    """What a read says of a member after the instant."""
    standing = {"state": state, "instant": "2026-11-23T18:05:00+00:00", "previous": None}
    host = {"clock": "2026-11-23T18:10:00+00:00"}
    roll = {"roll_instant": "2026-11-23T18:05:00+00:00", "roll_settled": settled}
    return {"standing": standing, "host": host, "findings": [], **roll, **more}


def stopped(member: str) -> list[dict[str, Any]]:
    """A/V authentication does not run there."""
    return [finding("product.service-stopped", member, "RTCMRAUTH", "expected Running, found Stopped").to_dict()]


def test_what_is_settled_already_is_left_alone() -> None:
    """A second run begins where the first one ended."""
    todo, found = settle_decision(SETTINGS, {"edge1": seen(settled=True), "edge2": seen()}, {})
    assert todo == ("edge2",)
    assert not found


def test_services_that_an_earlier_settling_left_stopped_do_not_keep_the_next_one_from_starting_them() -> None:
    """Only on the member that is still to be settled: elsewhere a stopped service is somebody else's doing."""
    half = {"edge1": seen(settled=True), "edge2": seen(findings=stopped("edge2"))}
    assert settle_decision(SETTINGS, half, {}) == (("edge2",), ())
    other = {"edge1": seen(settled=True, findings=stopped("edge1")), "edge2": seen()}
    todo, found = settle_decision(SETTINGS, other, {})
    assert todo == ("edge2",)
    assert [item.id for item in found] == ["product.service-stopped"]


def test_before_the_instant_nothing_is_settled() -> None:
    """And the finding says when that is."""
    todo, found = settle_decision(SETTINGS, {"edge1": seen(state="scheduled"), "edge2": seen(state="scheduled")}, {})
    assert not todo
    assert {item.id for item in found} == {"roll.pending"}
    assert all("18:05" in item.text for item in found)
