# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ran before runs after, whatever it is called: services beside the five of every Edge Server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.phases.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.phases.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.phases.pool import NEW, OLD, settings
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.phases.steps import SETTLE, go, ready_for
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge_rows import (
    ACCESS,
    SERVICES,
    old,
)

XMPP, AGENT = "RTCXMPPTGWPXY", "RTCCLSAGT"
UP = dict.fromkeys((*SERVICES, XMPP, AGENT), "Running")
DEPENDENTS = {"RTCSRV": (XMPP,), "RTCMRAUTH": (AGENT,)}
ELSEWHERE = settings(purpose="rollback", wanted={}, run="20261124T090000Z-0007", controller="ctl9")
"""A rollback from another controller."""


def member_for(
    phase: str, down: str = "", dependents: dict[str, Any] | None = None
) -> tuple[FakeEdge, dict[str, Any], dict[str, Any]]:
    """A member with seven services before ``phase``; ``down``: one that did not run from the beginning."""
    runs = UP | ({down: "Stopped"} if down else {})
    return ready_for(phase, services=runs, dependents=dependents or DEPENDENTS)


def told(fake: FakeEdge) -> Journal:
    assert fake.journal is not None
    return Journal.loads(fake.journal)


def stopped(evidence: object) -> list[str]:
    assert isinstance(evidence, dict)
    return [f["subject"] for f in evidence["findings"] if f["id"] == "product.service-stopped"]


def test_a_switch_brings_back_what_it_stopped_along() -> None:
    fake, seen, gate = member_for("switch")
    go("switch", fake, seen, gate)
    assert fake.services == UP and fake.uses[ACCESS] == NEW
    assert set(told(fake).services) == set(UP), "the next controller has to know, too"
    assert fake.documents[1][0] == f"start-{XMPP}"


def test_what_did_not_run_before_the_switch_does_not_run_after_it() -> None:
    fake, seen, gate = member_for("switch", down=XMPP)
    go("switch", fake, seen, gate)
    assert fake.services == UP | {XMPP: "Stopped"} and XMPP not in told(fake).services


def test_known_services_are_started_first_and_the_others_all_the_same() -> None:
    fake, seen, gate = member_for("switch", dependents={"RTCSRV": ("RTCMEDIARELAY", XMPP, AGENT)})
    go("switch", fake, seen, gate)
    assert fake.documents[1][:3] == ["start-RTCMEDIARELAY", f"start-{AGENT}", f"start-{XMPP}"]
    assert fake.services == UP


def test_one_that_does_not_come_up_fails_the_switch_is_told_and_is_started_on_the_way_back() -> None:
    fake, seen, gate = member_for("switch")
    fake.dead = {XMPP}
    with pytest.raises(PhaseFailed, match=f"{XMPP} did not come up again") as failed:
        go("switch", fake, seen, gate)
    assert stopped(failed.value.evidence) == [XMPP]
    with pytest.raises(PhaseFailed, match=f"{XMPP} did not come up again") as failed:
        go("take_back", fake)
    assert stopped(failed.value.evidence) == [XMPP]
    assert told(fake).state == "taking-back" and XMPP in told(fake).services, "a journal that is closed forgets it"
    fake.dead = set()
    go("take_back", fake, run=replace(ELSEWHERE, take_over=settings().run))
    assert fake.services == UP and fake.uses[ACCESS] == OLD and told(fake).services == ()


def test_taking_back_restarts_the_access_edge_and_what_goes_down_with_it() -> None:
    fake, _, _ = member_for("take_back")
    go("take_back", fake, run=replace(ELSEWHERE, take_over=settings().run))
    assert fake.uses[ACCESS] == OLD and fake.services == UP


def test_a_way_back_that_was_cut_off_is_ended_by_another_controller() -> None:
    fake, _, _ = member_for("take_back")
    fake.lost = {1: "after"}
    fake.dead = {"RTCSRV", XMPP}
    with pytest.raises(HostLost):
        go("take_back", fake)
    fake.forget()
    fake.dead = set()
    assert fake.services[XMPP] == "Stopped"
    go("take_back", fake, run=replace(ELSEWHERE, take_over=settings().run))
    assert fake.services == UP


def test_after_a_rollout_that_ended_what_runs_today_counts() -> None:
    """Somebody switched one service off for good, and installed another, since the rollout ended."""
    fake, seen, _ = member_for("prove")
    go("prove", fake, seen)
    assert told(fake).state == "done" and AGENT in told(fake).services
    fake.services = UP | {AGENT: "Stopped", "NEWCOMER": "Running"}
    fake.dependents = {"RTCSRV": (XMPP, "NEWCOMER")}
    go("take_back", fake, run=replace(ELSEWHERE, completed=True))
    assert fake.services == UP | {AGENT: "Stopped", "NEWCOMER": "Running"} and fake.uses[ACCESS] == OLD


def test_where_there_is_no_way_back_they_are_started_all_the_same() -> None:
    fake, _, _ = member_for("take_back")
    fake.clock = old().certificate.not_after + timedelta(seconds=1)
    fake.services[XMPP] = "Stopped"
    with pytest.raises(PhaseFailed, match="cannot be taken back"):
        go("take_back", fake)
    assert fake.services == UP and fake.uses[ACCESS] == NEW


def test_an_unfinished_run_that_left_one_down_has_to_be_taken_back_first() -> None:
    fake, _, _ = member_for("take_back")
    fake.journal = replace(told(fake), state="switching", run="20261101T000000Z-0001").dumps()
    fake.lock, fake.services[XMPP] = None, "Stopped"
    found = go("read", fake)["evidence"]
    assert f"with {XMPP} stopped" in next(f["text"] for f in found["findings"] if f["id"] == "journal.unfinished")
    assert stopped(found) == [XMPP] and not found["ready"]


def test_settling_brings_back_what_it_stopped_along() -> None:
    fake, seen, _ = member_for("settle")
    after = go("settle", fake, seen, run=SETTLE)["evidence"]
    assert fake.services == UP and after["roll_settled"] and told(fake).settling == ()


def test_a_settling_that_was_cut_off_is_ended_by_the_next_one() -> None:
    fake, seen, _ = member_for("settle")
    fake.dead = {AGENT}
    with pytest.raises(PhaseFailed, match=f"{AGENT} did not come up again") as failed:
        go("settle", fake, seen, run=SETTLE)
    assert stopped(failed.value.evidence) == [AGENT] and AGENT in told(fake).settling
    fake.dead, fake.lock = set(), None
    later = replace(SETTLE, run="20261124T170000Z-5e78")
    again = go("read", fake, run=later)["evidence"]
    after = go("settle", fake, again, run=later)["evidence"]
    assert fake.services == UP and after["roll_settled"] and told(fake).settling == ()


def test_settling_does_not_start_what_somebody_stopped_before_it() -> None:
    fake, _, _ = member_for("settle")
    fake.services[XMPP] = "Stopped"
    seen = go("read", fake, run=SETTLE)["evidence"]
    assert stopped(seen) == []
    go("settle", fake, seen, run=SETTLE)
    assert fake.services == UP | {XMPP: "Stopped"}
