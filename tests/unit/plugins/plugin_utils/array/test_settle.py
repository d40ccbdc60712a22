# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members are settled, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import settle
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Scheduled
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    NEW,
    evidence,
    journal,
    roll_entry,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import AV

SETTINGS = Settings(run="20261123T180500Z-0001", array="edge", members=("edge1", "edge2"), purpose="settle")
INSTANT = datetime(2026, 11, 23, 18, 5, tzinfo=timezone.utc)


def settle_decision(members: dict[str, Evidence]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    return settle.settle_decision(EDGE, SETTINGS, members, {})


def seen(settled: bool = False, state: Any = "done", **more: Any) -> Evidence:
    """What a read says of a member after the instant."""
    one = evidence()
    told = journal("done", roll=roll_entry("settled" if settled else "rolled", INSTANT))
    given: dict[str, Any] = {
        "pending": {AV: Scheduled(NEW, state, INSTANT)}, "journal": told, "findings": (),
        "host": replace(one.host, clock=INSTANT + timedelta(minutes=5)),
    }  # fmt: skip
    return replace(one, **(given | more))


def stopped(member: str) -> tuple[Finding, ...]:
    """A/V authentication does not run there."""
    return (finding("product.service-stopped", member, "RTCMRAUTH", "expected Running, found Stopped"),)


def test_what_is_settled_already_is_left_alone() -> None:
    """A second run begins where the first one ended."""
    todo, found = settle_decision({"edge1": seen(settled=True), "edge2": seen()})
    assert todo == ("edge2",)
    assert not found


def test_services_that_an_earlier_settling_left_stopped_do_not_keep_the_next_one_from_starting_them() -> None:
    """Only on the member that is still to be settled: elsewhere a stopped service is somebody else's doing."""
    half = {"edge1": seen(settled=True), "edge2": seen(findings=stopped("edge2"))}
    assert settle_decision(half) == (("edge2",), ())
    other = {"edge1": seen(settled=True, findings=stopped("edge1")), "edge2": seen()}
    todo, found = settle_decision(other)
    assert todo == ("edge2",)
    assert [item.id for item in found] == ["product.service-stopped"]


def test_before_the_instant_nothing_is_settled() -> None:
    """And the finding says when that is."""
    todo, found = settle_decision({"edge1": seen(state="scheduled"), "edge2": seen(state="scheduled")})
    assert not todo
    assert {item.id for item in found} == {"roll.pending"}
    assert all("18:05" in item.text for item in found)
