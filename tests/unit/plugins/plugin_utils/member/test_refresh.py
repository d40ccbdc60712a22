# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small read after a step: it judges anew what it read, and keeps what only the whole read proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence, Lock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.records import settled_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.refresh import refresh
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    NEW,
    OLD,
    RUN,
    asking,
    evidence,
    ids,
    journal,
    reply,
    roll_entry,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import at
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    assigned,
    new,
    old,
    running,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

AFTER = NOW + timedelta(minutes=3)
SESSION_KEY = {"Id": 9, "Source": "LS", "Time": AFTER, "Level": "Error", "Message": "shared session key"}
KEPT = (
    "digest", "keys", "staged", "wanted", "chains", "certificates", "stage", "back", "labels", "run", "offers",
    "planned_keys", "settings", "own", "missing",
)  # fmt: skip


def small(**rows: Any) -> Reply:
    """What a small read answers, by a member three minutes later."""
    whole = reply({"clock": AFTER}, **rows)
    return Reply(whole.host, {name: whole.answers[name] for name in ("assignments", "services", "events")})


def refreshed(before: Evidence | None = None, **rows: Any) -> Evidence:
    told = rows.pop("journal", journal("switched"))
    return refresh(asking(), before or evidence(), small(**rows), AFTER, told, None, locked=True)


def having(*found: Finding) -> Evidence:
    return replace(evidence(), findings=found)


def test_it_says_what_is_assigned_and_what_is_left() -> None:
    after = refreshed(assignments=[assigned(ACCESS, new()), assigned(DATA, old()), assigned(AV, old())])
    assert after.assigned == {ACCESS: NEW, DATA: OLD, AV: OLD}
    assert list(after.plan.uses) == [DATA] and [line.split(":")[0] for line in after.plan.lines] == [DATA]
    done = refreshed(assignments=use_rows(new()))
    assert not done.plan.uses and done.plan.lines == () and done.plan.empty and done.pending[AV].state == "done"


def test_it_does_not_invent_work_that_was_none() -> None:
    settled = evidence(reply(assignments=use_rows(new()), stores=[]))
    assert not refreshed(settled, assignments=use_rows(old())).plan.uses


@pytest.mark.parametrize("key", KEPT)
def test_what_only_the_whole_read_proved_stays(key: str) -> None:
    before = evidence()
    assert getattr(refreshed(before), key) == getattr(before, key)


def test_how_long_the_certificate_in_force_lives_stays() -> None:
    before, after = evidence().pending[AV], refreshed().pending[AV]
    assert (after.ends, after.outlive) == (before.ends, before.outlive) == (old().certificate.not_after, 8 * 3600)


def test_the_clock_is_read_anew() -> None:
    after = refreshed()
    assert after.host.clock == AFTER and after.host.offset == 0.0
    assert after.host.windows == evidence().host.windows, "the rest of the host stays"


def test_without_a_clock_nothing_is_judged() -> None:
    silent = Reply(replace(small().host, clock=None), small().answers)
    with pytest.raises(PhaseFailed, match="edge1 did not say what time it is"):
        refresh(asking(), evidence(), silent, AFTER, None, None, False)


def test_a_service_that_came_up_again_is_forgiven_and_one_that_did_not_is_told() -> None:
    before = having(finding("product.service-stopped", "edge1", "RTCSRV (Access Edge)", "found Stopped"))
    assert refreshed(before).findings == () and refreshed(before).ready
    after = refreshed(services=running(RTCSRV="Stopped"))
    assert ids(after.findings) == ["product.service-stopped"] and not after.ready
    assert after.services["RTCSRV"] == "Stopped"


@pytest.mark.parametrize("id", ["store.intermediate-in-root", "chain.ambiguous", "key.unusable", "tls.unreadable"])
def test_findings_about_stores_and_keys_stay(id: str) -> None:
    kept = finding(id, "edge1", "x", "said before")
    after = refreshed(having(kept))
    assert after.findings == (kept,) and after.ready is not kept.stops


@pytest.mark.parametrize(
    "id", ["journal.unfinished", "member.locked", "roll.unsettled", "event.session-key", "product.use-differs"]
)
def test_findings_that_the_step_itself_ended_go(id: str) -> None:
    assert refreshed(having(finding(id, "edge1", "x", "said before"))).findings == ()


def test_other_findings_about_the_product_stay() -> None:
    own = finding("product.av-own-certificate", "edge1", AV, "has its own")
    assert ids(refreshed(having(own)).findings) == ["product.av-own-certificate"]


def test_events_count_when_asked_and_from_the_instant_given() -> None:
    read, told = small(events=[SESSION_KEY]), journal("done")
    for since, expected in ((None, []), (NOW, ["event.session-key"]), (AFTER + timedelta(seconds=1), [])):
        after = refresh(asking(), evidence(), read, AFTER, told, since, locked=True)
        assert ids(after.findings) == expected and after.ready is not bool(expected)


def test_a_roll_is_confirmed_by_the_journal_of_the_same_document() -> None:
    after = refreshed(journal=journal("rolled", uses={}, roll=roll_entry()))
    succession = after.pending[AV]
    assert (succession.state, succession.instant, succession.previous) == ("scheduled", LATER, OLD)
    assert after.journal is not None and after.journal.roll == roll_entry() and not settled_of(after.journal)
    assert refreshed(journal=journal("rolling", uses={}, roll=roll_entry("rolling"))).pending[AV].state == "needed"


def test_the_journal_in_the_evidence_is_the_one_just_written() -> None:
    assert refreshed().journal == journal("switched")


def test_the_lock_is_gone_once_it_is_given_up() -> None:
    before = replace(evidence(), lock=Lock(RUN))
    assert before.locked
    given = refresh(asking(), before, small(), AFTER, journal("done"), None, locked=False)
    assert not given.locked and given.lock is None
    assert refreshed(before).lock == before.lock


def test_the_read_is_small() -> None:
    assert [c.id for c in at(FakeEdge()).after(None)] == ["assignments", "services"]
    assert [c.id for c in at(FakeEdge()).after(NOW)] == ["assignments", "services", "events"]
