# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read, as plain data for a task's result."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.problem import Problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import facts as edge_facts
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores import shown
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.eventlog import Event
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.readiness import machine_paths
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, HostFacts, Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    assigned,
    key_test,
    keyed,
    new,
    old,
    running,
    staged_rows,
    state,
    stored,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

LATER = NOW + timedelta(hours=4)
OLD, NEW = old().certificate.thumbprint, new().certificate.thumbprint
HOST = HostFacts("EDGE1", "4.0", "4.0.30319", "6.3.9600", 64, NOW, "EDGE1\\admin", True, "FullLanguage", "en-US")


def test_a_look_tells_now_and_next() -> None:
    seen = state(staged_rows(), [assigned(ACCESS, old()), assigned(AV, new(), LATER, old())])
    facts = edge_facts.facts(seen)
    assert facts["assigned"] == {ACCESS: OLD, AV: OLD}
    assert facts["pending"] == {AV: {"thumbprint": NEW, "effective": "2026-11-23T16:00:00Z"}}
    rows = {row["use"]: row for row in facts["assignments"]}
    assert rows[ACCESS]["in_force"] and rows[ACCESS]["certificate"]["names"][0] == "sip.contoso.example"
    assert not rows[AV]["in_force"] and rows[AV]["previous"] == OLD
    assert facts["product"] == "Lync Server 2013" and facts["services"]["RTCSRV"] == "Running"
    json.dumps(facts)


def test_a_certificate_without_its_key_or_gone_from_the_store_is_told() -> None:
    bare = edge_facts.facts(state([stored(old())], use_rows(old())))["assignments"][0]
    assert not bare["has_private_key"] and bare["certificate"]["thumbprint"] == OLD
    gone = edge_facts.facts(state([], use_rows(old())))["assignments"][0]
    assert not gone["has_private_key"] and gone["certificate"] is None and gone["not_after"] == "2026-12-23T12:00:00Z"


def test_the_state_of_a_reply_takes_the_host_s_clock_and_windows() -> None:
    answers = {"stores": Answer((keyed(old()),)), "assignments": Answer(tuple(use_rows(old()))),
               "services": Answer(tuple(running()))}  # fmt: skip
    seen = edge_facts.state_of(Reply(HOST, answers), NOW + timedelta(hours=9))
    assert seen.clock == NOW and seen.windows == (6, 3, 9600) and seen.assigned()[ACCESS] == OLD


def test_a_short_look_reads_little_and_no_key() -> None:
    ids = [c.id for c in edge_facts.look_calls(NOW)]
    assert ids == ["stores", "assignments", "services", "av", "version"]
    assert edge_facts.look_calls(NOW)[0].parameters == {"Stores": ["My"], "Users": False}
    assert [c.id for c in edge_facts.assignment_calls(NEW, NOW)] == ["stores", "keys", "assignments", "av"]
    assert [c.id for c in edge_facts.assignment_calls(None, NOW)] == ["stores", "assignments", "av"]
    assert [c.id for c in PRODUCTS["edge"].first_look(NOW)] == ["assignments"]


def test_a_stored_certificate_with_its_key_and_chains() -> None:
    seen = state(staged_rows(), keys=[key_test(new(), False, "Keyset does not exist")]).stores
    entry = next(e for e in seen.machine("My") if e.certificate == new().certificate)
    row = shown.stored_row(entry, machine_paths(entry.certificate, seen, NOW))
    assert row["location_name"] == "LocalMachine" and row["key"]["signs"] is False
    assert row["key"]["error"] == "Keyset does not exist"
    assert row["chains"][0]["ok"] and len(row["chains"][0]["subjects"]) == 3
    json.dumps(row)
    other = state([stored(old(), "CA", "S-1-5-20")]).stores.certificates[0]
    assert shown.stored_row(other)["location_name"] == "NETWORK SERVICE" and shown.stored_row(other)["key"] is None


def test_instants_are_utc_to_the_second() -> None:
    east = datetime(2026, 11, 23, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert shown.instant(east) == "2026-11-23T12:00:00Z" and shown.instant(None) is None


def test_problems_events_and_hosts_are_plain() -> None:
    problem = Problem("key.unusable", "x", "no", {"n": 1})  # type: ignore[dict-item]
    event = Event(14397, "LS Protocol Stack", NOW, "Error", "text")
    rows = [shown.problem_row(problem), shown.event_row(event), shown.host_row(HOST)]
    assert rows[0]["evidence"] == {"n": "1"}
    assert rows[1]["time"] == rows[2]["clock"] == "2026-11-23T12:00:00Z"
    json.dumps(rows)
