# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of the modules store, edge_service, edge_info and event_info mean."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import facts as edge_facts
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import service_plan
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.services import START_ORDER
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores import eventlog, placement
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.eventlog import Event
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pattern import Pattern
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import StoredCertificate, Stores
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, HostFacts, Reply
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
RUNNING = dict.fromkeys(START_ORDER, "Running")
OPTIONS: dict[str, Any] = {
    "store": None,
    "thumbprint": None,
    "delete_key": False,
    "install_root": False,
    "bundle": None,
}


@pytest.mark.parametrize(
    ("state", "names", "statuses", "stop", "start", "kinds"),
    [
        ("started", ["RTCSRV"], RUNNING, (), (), []),
        ("started", ["RTCSRV"], {**RUNNING, "RTCSRV": "Paused"}, (), ("RTCSRV",), ["start"]),
        ("stopped", ["RTCSRV"], {**RUNNING, "RTCSRV": "Stopped"}, (), (), []),
        ("stopped", ["RTCMRAUTH", "RTCSRV"], RUNNING, ("RTCSRV", "RTCMRAUTH"), (), ["stop", "stop"]),
        ("restarted", ["RTCMRAUTH"], RUNNING, ("RTCMRAUTH",), START_ORDER, ["restart"]),
        ("restarted", ["RTCSRV"], {**RUNNING, "RTCSRV": "Stopped"}, (), ("RTCSRV",), ["start"]),
        ("restarted", ["RTCSRV"], {**RUNNING, "REPLICA": "Stopped"}, ("RTCSRV",), START_ORDER[1:], ["restart"]),
    ],
)  # fmt: skip
def test_a_wish_for_services(
    state: str, names: list[str], statuses: dict[str, str], stop: Any, start: Any, kinds: list[str]
) -> None:
    plan = service_plan.plan(names, state, statuses)
    assert (plan.stop, plan.start, [change.kind for change in plan.changes]) == (stop, start, kinds)


def test_what_is_left_of_a_wish() -> None:
    plan = service_plan.plan(["RTCSRV"], "restarted", RUNNING)
    assert service_plan.left(plan, {**RUNNING, "RTCMEDIARELAY": "Stopped"}) == ("RTCMEDIARELAY does not run (Stopped)",)
    assert service_plan.fallen(RUNNING, {**RUNNING, "RTCMEDIARELAY": "Paused"}) == ("RTCMEDIARELAY",)
    halt = service_plan.plan(["RTCSRV"], "stopped", RUNNING)
    assert service_plan.left(halt, RUNNING) == ("RTCSRV is not stopped (Running)",)
    assert service_plan.plan(["RTCSRV"], "stopped", {}).absent == ("RTCSRV",)


def test_names_of_stores_and_thumbprints() -> None:
    assert [placement.store_name(name) for name in ("my", " CA ", "ROOT", "Remote Desktop")] == [
        *("My", "CA", "Root", "Remote Desktop")
    ]
    for wrong in ("", "My\\CA", "../Root", "Zertifikate\u00e4"):
        with pytest.raises(ValueError, match="name of a store"):
            placement.store_name(wrong)
    dressed = "\u200e8f 43 28 8a d2 72 f3 10 3b 6f b1 42 84 85 ea 30 14 c0 bc fe"
    assert placement.thumbprint(dressed) == "8F43288AD272F3103B6FB1428485EA3014C0BCFE"
    for wrong in ("", "8F43", "Z" * 40):
        with pytest.raises(ValueError, match="40 hexadecimal digits"):
            placement.thumbprint(wrong)


def test_certificates_go_once_and_only_where_they_are_missing() -> None:
    root = authority("Root").certificate
    issuing = authority("Issuing", authority("Other")).certificate
    wish = placement.store_order(OPTIONS, None, [root, issuing, issuing])
    assert wish.store == "CA" and not wish.refusals()
    held = Stores((StoredCertificate("LocalMachine", "CA", root), StoredCertificate("CurrentUser", "CA", issuing)))
    (change,) = wish.plan(held)
    assert change.subject == "LocalMachine\\CA" and change.calls[0].parameters["RawData"] == issuing.der
    into_root = placement.store_order({**OPTIONS, "store": "root"}, None, [root, issuing])
    assert [refused.subject for refused in into_root.refusals()] == ["CN=Issuing"]


def test_removal_is_by_thumbprint_in_one_store() -> None:
    leaf = issue("sip.example").certificate
    wish = placement.store_order({**OPTIONS, "thumbprint": [leaf.thumbprint.lower()], "delete_key": True}, None, [])
    assert (wish.store, wish.stores, wish.thumbprints) == ("My", ("My",), (leaf.thumbprint,))
    assert not wish.plan(Stores((StoredCertificate("LocalMachine", "CA", leaf),)))
    (change,) = wish.plan(Stores((StoredCertificate("LocalMachine", "My", leaf),)))
    assert change.kind == "remove-certificate" and change.calls[0].parameters["DeleteKey"] is False, "it has no key"


def test_a_look_at_an_edge_server_reads_little() -> None:
    names = [call.name for call in edge_facts.look_calls(NOW)]
    assert names[0] == "Get-StoreCertificate" and len(names) == 5 and not [n for n in names if n.startswith("Test-")]
    host = HostFacts("EDGE1", "2.0", "", "6.1.7601", 64, None, "", True, "", "")
    rows = {"Use": "urn:certref:Internal", "Thumbprint": "aa", "EffectiveDate": None, "NotAfter": NOW}
    state = edge_facts.state_of(Reply(host, {"assignments": Answer((rows,))}), NOW)
    facts = edge_facts.facts(state)
    assert facts["assigned"] == {"Internal": "AA"} and facts["pending"] == {}
    assert facts["token_lifetime_seconds"] == 8 * 3600 and not facts["token_lifetime_read"]
    assert state.clock == NOW and facts["assignments"][0]["not_after"] == "2026-11-23T12:00:00Z"


def test_events_by_their_text() -> None:
    events = [Event(1, "LS", NOW, "Error", "a shared session key"), Event(2, "LS", NOW, "Error", "something")]
    assert eventlog.select(events, None) == tuple(events)
    assert [event.id for event in eventlog.select(events, Pattern("SESSION"))] == [1]
    assert eventlog.read_call("System", [], NOW, 5).parameters["Sources"] == []
