# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's phases from options to results: what a user reads, and what the tasks go on with."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import phases
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Unroll
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.told import lines_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import Refused
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import iso
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.make import make_report
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    ENDPOINTS,
    array_run,
    renewed,
    rows,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    MEMBERS,
    NEW,
    OLD,
    everyone,
    evidence,
    ids,
    journal,
    journal_row,
    roll_entry,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    NAMES,
    issuing,
    new,
    old,
    old_issuing,
    root,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, issue, key_pem, rsa_key

OLD_PORTS = rows(dict.fromkeys(MEMBERS, (old(), old_issuing())))
NEW_PORTS = rows(dict.fromkeys(MEMBERS, (new(), issuing())))


def pem_of(leaf: Issued) -> str:
    return leaf.pem + issuing().pem + key_pem(leaf.key).decode()


def preflight(told: list[str] | None = None, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "purpose": "renew", "array": "edge", "members": list(MEMBERS), "arrays": {"edge": list(MEMBERS)}, "size": None,
        "endpoints": ENDPOINTS, "bundles": {"external": {"content": pem_of(new())}},
        "options": {"product": "edge", "trust": root().pem, "roll_hours": 4.0, "excluded": {}, "roll_at": None}
        | given.pop("more", {}),
    } | given  # fmt: skip
    run, _deliveries, found = phases.preflight(
        phases.Given(**options), False, NOW, (told if told is not None else []).append
    )
    return {"settings": run.settings.to_dict(), "findings": [f.to_dict() for f in found]}


# -- preflight ---------------------------------------------------------------------------------------------------------


def test_a_run_gets_its_id_and_its_settings() -> None:
    said: list[str] = []
    run = Settings.from_dict(preflight(said)["settings"])
    assert run.run.startswith("20261123T120000Z-") and run.members == MEMBERS and run.purpose == "renew"
    assert run.wanted[ACCESS]["thumbprint"] == run.wanted[AV]["thumbprint"] == NEW
    assert run.wanted[ACCESS]["key"] == new().certificate.spki_sha256 and run.started == NOW.isoformat()
    assert any(NEW in line for line in said)
    assert preflight()["settings"]["run"] != run.run, "every run has its own"


def test_no_secret_comes_back() -> None:
    assert "PRIVATE" not in json.dumps(preflight())


def test_an_excluded_member_is_left_out_and_said_so() -> None:
    said: list[str] = []
    run = preflight(said, more={"excluded": {"edge3": "broken disk"}})["settings"]
    assert run["members"] == ["edge1", "edge2"] and run["excluded"] == {"edge3": "broken disk"}
    assert any("left out: broken disk" in line for line in said)


@pytest.mark.parametrize("bundles", [None, {}, {"external": None}])
def test_a_renewal_of_nothing_is_refused_and_a_settling_needs_no_bundle(bundles: Any) -> None:
    with pytest.raises(Refused, match="rollout_bundles is empty"):
        preflight(bundles=bundles)
    assert preflight(bundles=bundles, purpose="settle")["settings"]["wanted"] == {}


def test_bad_input_is_refused_before_any_member_is_touched() -> None:
    expired = issue(NAMES[0], issuing(), names=NAMES, key=rsa_key(which=2), not_after=NOW - DAY / 2)
    with pytest.raises(Refused, match="No member was touched") as refused:
        preflight(bundles={"external": {"content": pem_of(expired)}}, size=5)
    assert {"leaf.expired", "array.incomplete-run"} <= set(ids(refused.value.result["findings"]))
    assert "Next:" in str(refused.value), "everything at once, each with what to do"
    with pytest.raises(BundleError):
        preflight(bundles={"external": {"content": new().pem}})


@pytest.mark.parametrize(
    "text, found",
    [("2026-11-24T02:00:00Z", "2026-11-24T02:00:00+00:00"), ("2026-11-24 03:00:00+01:00", "2026-11-24T02:00:00+00:00")],
)
def test_the_instant_of_a_roll_is_kept_in_utc(text: str, found: str) -> None:
    assert preflight(more={"roll_at": text})["settings"]["own"]["roll_at"] == found


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-24T02:00:00", "24.11.2026 02:00"])
def test_an_instant_without_a_zone_or_without_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="rollout_roll_at"):
        preflight(more={"roll_at": text})


# -- gate and proof ----------------------------------------------------------------------------------------------------


def test_an_open_gate_says_what_will_be_done() -> None:
    said: list[str] = []
    facts = array_run(said).run("gate")
    assert facts["refusal"] == "" and facts["passed"] and facts["roll"]["instant"] == iso(LATER)
    text = "\n".join(said)
    assert "3 of 3 members proven ready" in text and "roll for 2026-11-23 16:00:00Z" in text
    assert "to switch: edge1, edge2, edge3" in text


def test_a_closed_gate_is_an_answer_with_its_reasons() -> None:
    facts = array_run(evidence=everyone() | {"edge2": {}}, reasons={"edge2": "no route to host"}).run("gate")
    assert "The gate is closed: nothing is switched on any member of edge." in facts["refusal"]
    assert "edge2" in facts["refusal"] and "no route to host" in facts["refusal"] and not facts["passed"]
    assert facts["steps"] == []


def test_a_proof_counts_ports() -> None:
    said: list[str] = []
    given = {"evidence": renewed(*MEMBERS), "wire": OLD_PORTS, "wire_after": NEW_PORTS, "touched": MEMBERS}
    assert array_run(said, **given).run("prove")["refusal"] == ""
    assert any("every member" in line and "6 port(s)" in line for line in said)


def test_a_failed_proof_names_port_and_member() -> None:
    after = rows({"edge1": (new(), issuing()), "edge2": (old(), old_issuing()), "edge3": (new(),)})
    given = {"evidence": renewed(*MEMBERS), "wire": OLD_PORTS, "wire_after": after, "touched": MEMBERS}
    facts = array_run(**given).run("prove")
    assert facts["refusal"].startswith("Not proven.")
    assert set(ids(facts["findings"])) == {"wire.leaf-differs", "wire.incomplete"}
    assert "192.0.2.12:443" in facts["refusal"] and "192.0.2.13:444" in facts["refusal"]


def test_ports_belong_to_members_by_address_and_port() -> None:
    assert array_run().value.owners[("192.0.2.11", 444)] == ("edge1", DATA)
    assert array_run(endpoints={"edge1": None, "edge2": ENDPOINTS["edge2"]}).value.owners.keys() == {
        ("192.0.2.12", 443), ("192.0.2.12", 444)
    }  # fmt: skip


def test_the_same_finding_on_several_members_is_said_once() -> None:
    after = rows(dict.fromkeys(MEMBERS, (old(), old_issuing())))
    text = array_run(evidence=renewed(*MEMBERS), wire_after=after, touched=MEMBERS).run("prove")["refusal"]
    assert text.count("Next:") == 6, "two ports of each of three members, each at its own address"
    assert lines_of([]) == ""


# -- settling and rolling back -----------------------------------------------------------------------------------------


def asked(state: str, **more: Any) -> Evidence:
    """The evidence of a member with a journal in that state."""
    told = journal(state, **more)
    return evidence(staged(journal=journal_row(told.dumps())), run=settings(purpose="rollback"))


def rollback(members: dict[str, Any], told: list[str] | None = None, **run: Any) -> dict[str, Any]:
    return array_run(told, evidence=members, run=settings(purpose="rollback", **run)).run("rollback")


def test_before_the_instant_settling_is_refused() -> None:
    rolled = {m: evidence(staged(journal=journal_row(journal("done", roll=roll_entry()).dumps())), m) for m in MEMBERS}
    with pytest.raises(Refused, match="Not settled") as refused:
        array_run(evidence=rolled).run("settle")
    assert set(ids(refused.value.result["findings"])) == {"roll.pending"}


def test_who_is_to_settle() -> None:
    told = journal_row(journal("done", roll=roll_entry()).dumps())
    done = {m: evidence(staged({"clock": LATER}, journal=told, assignments=use_rows(new())), m) for m in MEMBERS}
    assert array_run(evidence=done).run("settle")["settle"] == list(MEMBERS)


def test_members_are_taken_back_in_reverse_and_rolls_are_named() -> None:
    rolled = asked("switching", roll=roll_entry())
    found = rollback({"edge1": asked("switched"), "edge2": rolled, "edge3": asked("prepared", uses={})})
    assert found["take_back"] == ["edge2", "edge1"] and found["rolled"] == ["edge2"]


def test_a_rollout_that_ended_is_taken_back_only_when_asked() -> None:
    members = {m: asked("done") for m in MEMBERS}
    said: list[str] = []
    assert rollback(members, said)["take_back"] == []
    assert any("rollout_completed: true" in line for line in said)
    assert rollback(members, completed=True)["take_back"] == ["edge3", "edge2", "edge1"]


def test_a_rollout_that_died_while_its_journals_were_closed_is_taken_back_as_a_whole() -> None:
    """Taken back on some members only, the array would be mixed."""
    members = {"edge1": asked("done"), "edge2": asked("done"), "edge3": asked("switched")}
    assert rollback(members)["take_back"] == ["edge3", "edge2", "edge1"]
    before = asked("done", run="20260101T000000Z-0000")
    assert rollback(members | {"edge1": before})["take_back"] == ["edge3", "edge2"], "that one is of another rollout"


def test_a_lost_member_does_not_keep_the_others_from_being_taken_back() -> None:
    assert rollback({"edge1": asked("switched"), "edge2": {}, "edge3": {}})["take_back"] == ["edge1"]


@pytest.mark.parametrize("text, lock", [("{broken", None), (None, {"Run": "other", "Text": "{}", "At": "now"})])
def test_a_journal_that_cannot_be_read_or_a_lock_stops_the_way_back(text: Any, lock: Any) -> None:
    stuck = evidence(staged(journal=journal_row(text, lock)))
    with pytest.raises(Refused, match="Not taken back"):
        rollback({"edge1": stuck, "edge2": asked("switched")})


def unroll(members: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return array_run(evidence=members or renewed(), **{"rolled": list(MEMBERS), **options}).run("unroll")


def test_a_roll_is_cancelled_on_all_members_or_on_none() -> None:
    assert unroll()["cancel"] == ["edge3", "edge2", "edge1"]
    for lost in ({"members": renewed() | {"edge2": {}}}, {"not_taken_back": {"edge2": "no"}}):
        kept = unroll(**lost)
        assert kept["cancel"] == [] and "edge2 cannot be asked" in kept["text"]
        assert kept["text"].startswith("The roll of A/V authentication stays scheduled on ")


def test_a_roll_stays_when_the_user_said_so_or_nobody_rolled() -> None:
    assert "rollout_cancel_roll: false" in unroll(run=settings(cancel_roll=False))["text"]
    assert unroll(rolled=[]) == {"cancel": [], "text": ""}


def test_after_the_instant_nothing_about_av_is_taken_back() -> None:
    done = {m: evidence(staged(assignments=use_rows(new())), m) for m in MEMBERS}
    left = unroll(done)
    assert left["cancel"] == [] and "has passed on edge1, edge2, edge3: it stays" in left["text"]
    assert "has passed on edge2:" in unroll({**done, "edge1": {}, "edge3": {}}, rolled=["edge2", "edge3"])["text"]
    told = array_run(evidence=done, rolled=list(MEMBERS), unroll=Unroll(text=left["text"]))
    assert [f.id for f in make_report(told.value, NOW).findings if f.id.startswith("roll.")] == ["roll.passed"]
    waits = array_run(evidence=renewed(), rolled=list(MEMBERS), unroll=Unroll(text="edge2 is lost"))
    assert [f.id for f in make_report(waits.value, NOW).findings if f.id.startswith("roll.")] == ["roll.pending"]


def test_a_roll_that_never_came_about_on_a_member_is_not_cancelled_there() -> None:
    assert unroll(renewed() | {"edge3": evidence(member="edge3")})["cancel"] == ["edge2", "edge1"]


def test_trust_may_be_a_file_and_is_read_by_name(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(root().pem)
    given = settings(trust=root().pem)
    wanted = {use: {**facts, "trust": root().pem} for use, facts in given.wanted.items()}
    given = replace(given, wanted={**wanted, ACCESS: {**wanted[ACCESS], "trust": str(file)}})
    trust = phases.trust_of(given)
    assert trust[ACCESS] == trust[AV] == (root().certificate,)
    assert base64.b64encode(b"x") and OLD != NEW
