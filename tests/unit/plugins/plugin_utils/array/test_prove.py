# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every member really serves after the switch, what the array is then, and whether the roll can be settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import prove as proof
from ansible_collections.ucops.certificates.plugins.plugin_utils.array import settle as settling
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.verdict import ArrayVerdict
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    LATER,
    MEMBERS,
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
    assigned,
    internal,
    issuing,
    keyed,
    new,
    old,
    old_issuing,
    root,
    staged_rows,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

TRUST = {use: (root().certificate,) for use in (ACCESS, DATA)}
RENEWED = use_rows(new(), old())
"""Access and Data Edge switched, A/V authentication rolled."""
ROLLED = journal("rolled", uses={}, roll=roll_entry()).dumps()


def switched(*members: str, clock: datetime = NOW) -> dict[str, Evidence]:
    """The evidence of all members, with these switched."""
    rows = journal_row(ROLLED)
    return {
        m: evidence(staged({"clock": clock}, journal=rows, assignments=RENEWED if m in members else use_rows(old())), m)
        for m in MEMBERS
    }


def port(member: str, *chain: Issued, use: str = ACCESS, error: str | None = None) -> Port:
    return Port(member, use, f"192.0.2.1{member[-1]}", 443, use, tuple(one.certificate for one in chain), error)


OLD_PORTS = tuple(port(m, old(), old_issuing(), use=use) for m in MEMBERS for use in (ACCESS, DATA))
NEW_PORTS = tuple(port(m, new(), issuing(), use=use) for m in MEMBERS for use in (ACCESS, DATA))


def prove(
    members: dict[str, Any], after: Any = NEW_PORTS, touched: tuple[str, ...] = MEMBERS, only: str | None = None,
    before: Any = OLD_PORTS, reasons: dict[str, str] | None = None, mixed: bool = False,
) -> tuple[Finding, ...]:  # fmt: skip
    return proof.prove(EDGE, settings(), members, reasons or {}, before, after, TRUST, touched, only, mixed=mixed)


def test_an_array_that_serves_the_new_one_is_proven() -> None:
    assert prove(switched(*MEMBERS)) == ()


@pytest.mark.parametrize("lost", [None, {}])
def test_a_member_that_is_not_heard_of_is_not_proven(lost: Any) -> None:
    (found,) = prove(switched(*MEMBERS) | {"edge2": lost}, reasons={"edge2": "timed out"})
    assert (found.id, found.member, found.text) == ("member.lost", "edge2", "timed out") and found.stops


def test_a_product_that_reports_another_certificate_than_wanted() -> None:
    found = prove(switched("edge1", "edge3"), after=None, before=())
    assert {(f.id, f.member, f.subject) for f in found} == {
        ("product.use-differs", "edge2", ACCESS), ("product.use-differs", "edge2", DATA)
    }  # fmt: skip
    assert all("compare with Get-CsCertificate on the member" in f.remedy for f in found)
    assert prove(switched("edge1", "edge3"), after=None, before=(), touched=("edge1", "edge3")) == ()


def test_av_authentication_is_not_asked_of_the_product_before_its_instant() -> None:
    assert AV not in {f.subject for f in prove(switched(*MEMBERS), after=None, before=())}


def test_a_port_that_presents_another_one_fails_its_member() -> None:
    after = [port("edge2", old(), old_issuing()) if p.key == OLD_PORTS[2].key else p for p in NEW_PORTS]
    (found,) = prove(switched(*MEMBERS), after)
    assert (found.id, found.member) == ("wire.leaf-differs", "edge2")


def test_a_port_s_use_decides_what_it_is_compared_with() -> None:
    inner = [port(m, internal(), old_issuing(), use="Internal") for m in MEMBERS]
    relay = [port(m, old(), old_issuing(), use=AV) for m in MEMBERS]
    assert prove(switched(*MEMBERS), [*NEW_PORTS, *inner, *relay]) == ()


def test_a_port_of_nobody_fails_nobody() -> None:
    assert prove(switched(*MEMBERS), [*NEW_PORTS, port("edge9", error="refused")]) == ()


def test_one_member_by_itself_answers_only_for_itself() -> None:
    half = switched("edge1")
    after = [p for p in NEW_PORTS if p.member == "edge1"] + [p for p in OLD_PORTS if p.member != "edge1"]
    assert prove(half, after, ("edge1",), only="edge1") == ()
    assert {f.member for f in prove(half, after)} == {"edge2", "edge3"}


def test_check_mode_does_not_ask_a_port_for_what_was_not_switched() -> None:
    plan = switched()
    assert prove(plan, after=None, touched=()) == ()
    done = switched(*MEMBERS)
    assert {f.id for f in prove(done, after=None, touched=())} == {"wire.leaf-differs"}, "that should be there already"


# -- the session key event between the first and the last switch -------------------------------------------------------

EVENT = finding("event.session-key", "edge1", "event 14559", "failed to import a shared session key")
OTHER = finding("event.certificate", "edge1", "event 14397", "serial number ...")


def test_the_session_key_event_is_expected_while_members_differ_by_plan() -> None:
    mixed = switched("edge1")
    mixed["edge1"] = replace(mixed["edge1"], findings=(EVENT,))
    (found,) = prove(mixed, after=None, before=(), touched=("edge1",), only="edge1", mixed=True)
    assert found.severity == "warning" and not found.stops and "expected while members" in found.text


def test_after_the_last_switch_it_counts() -> None:
    done = switched(*MEMBERS)
    done["edge3"] = replace(done["edge3"], findings=(replace(EVENT, member="edge3"),))
    assert [f.stops for f in prove(done, only="edge3")] == [True]
    assert [f.stops for f in prove(done)] == [True]
    mixed = switched("edge1")
    mixed["edge1"] = replace(mixed["edge1"], findings=(EVENT,))
    assert "event.session-key" in [f.id for f in prove(mixed) if f.stops], "over the whole array it always counts"


def test_no_other_event_is_ever_expected() -> None:
    mixed = switched("edge1")
    mixed["edge1"] = replace(mixed["edge1"], findings=(OTHER,))
    found = prove(mixed, after=None, before=(), touched=("edge1",), only="edge1", mixed=True)
    assert [f.id for f in found if f.stops] == ["event.certificate"]


# -- the verdict -------------------------------------------------------------------------------------------------------

FIRST = switched()
"""What they said before anything was touched."""


def verdict(members: dict[str, Any], after: Any = None, before: Any = OLD_PORTS) -> Any:
    return proof.verdict(EDGE, settings(), members, FIRST, before, after)


def test_the_verdict_is_what_the_members_say() -> None:
    assert verdict(switched()).verdict == "all-old"
    assert verdict(switched(*MEMBERS), NEW_PORTS).verdict == "all-new"
    half = verdict(switched("edge1"))
    assert half.verdict == "mixed" and half.members == {"edge1": "new", "edge2": "old", "edge3": "old"}
    assert half.pending == (AV,)


def test_who_is_lost_makes_it_unknown() -> None:
    told = verdict(switched(*MEMBERS) | {"edge2": {}})
    assert told.verdict == "unknown" and told.lost == ("edge2",)


def test_a_port_may_contradict_the_product() -> None:
    after = [port("edge2", old(), old_issuing()) if p.key == OLD_PORTS[2].key else p for p in NEW_PORTS]
    told = verdict(switched(*MEMBERS), after)
    assert told.verdict == "mixed" and told.members["edge2"] == "partly"


def test_a_port_speaks_for_its_own_member_and_none_for_av_authentication() -> None:
    half = [*(p for p in NEW_PORTS if p.member == "edge1"), *(p for p in OLD_PORTS if p.member != "edge1")]
    relay = [port(m, internal(), old_issuing(), use=AV) for m in MEMBERS]
    assert verdict(switched("edge1"), [*half, *relay]).members == {"edge1": "new", "edge2": "old", "edge3": "old"}


@pytest.mark.parametrize("before", [(), tuple(port(p.member, use=p.use, error="x") for p in OLD_PORTS)])
def test_silent_ports_that_nobody_ever_read_contradict_nothing(before: Any) -> None:
    silent = [port(p.member, use=p.use, error="no route") for p in NEW_PORTS]
    assert verdict(switched(*MEMBERS), silent, before).verdict == "all-new"
    assert verdict(switched(*MEMBERS), silent, OLD_PORTS).verdict == "mixed", "they could be read before"


# -- settling ----------------------------------------------------------------------------------------------------------


def settled(entry: Any = None, uses: Any = None, stores: Any = None, clock: datetime = LATER, **more: Any) -> Any:
    """The evidence of a member that is asked without bundles: its journal says what was wanted."""
    told = journal("done", roll=entry or roll_entry())
    rows = {"journal": journal_row(told.dumps()), "assignments": uses or use_rows(new()), **more}
    if stores is not None:
        rows["stores"] = stores
    run = settings(purpose="settle", wanted={})
    return evidence(staged({"clock": clock}, **rows), run=run, received=clock)


def decide(members: dict[str, Any], reasons: dict[str, str] | None = None) -> tuple[tuple[str, ...], list[str]]:
    todo, found = settling.settle_decision(EDGE, settings(purpose="settle"), members, reasons or {})
    return todo, [f.id for f in found if f.stops]


def test_after_the_instant_every_member_that_was_rolled_is_settled() -> None:
    assert decide(dict.fromkeys(MEMBERS, settled())) == (MEMBERS, [])


def test_what_is_settled_is_not_settled_again() -> None:
    assert decide(dict.fromkeys(MEMBERS, settled(roll_entry("settled")))) == ((), [])
    mixed = dict.fromkeys(MEMBERS, settled()) | {"edge2": settled(roll_entry("settled"))}
    assert decide(mixed) == (("edge1", "edge3"), [])


def test_an_array_that_was_never_rolled_has_nothing_to_settle() -> None:
    assert decide({m: evidence(staged(assignments=use_rows(new())), m) for m in MEMBERS}) == ((), [])
    run = settings(purpose="settle", wanted={})
    bare = evidence(run=run)
    assert decide(dict.fromkeys(MEMBERS, bare)) == ((), [])


@pytest.mark.parametrize("uses", [use_rows(new(), old()), [assigned(AV, new(), LATER, old())]])
def test_before_the_instant_nothing_is_settled(uses: Any) -> None:
    early = settled(uses=uses, clock=NOW)
    todo, stops = decide(dict.fromkeys(MEMBERS, settled()) | {"edge2": early})
    assert stops == ["roll.pending"] and "edge2" not in todo


def test_a_member_on_which_the_successor_did_not_take_over() -> None:
    todo, stops = decide(dict.fromkeys(MEMBERS, settled()) | {"edge3": settled(uses=use_rows(new(), old()))})
    assert stops == ["roll.passed-unrolled"] and todo == ("edge1", "edge2")


def test_a_successor_that_left_the_store_is_not_forgotten() -> None:
    gone = [row for row in staged_rows() if row["RawData"] != new().der]
    _, stops = decide(dict.fromkeys(MEMBERS, settled()) | {"edge3": settled(stores=[*gone, keyed(internal())])})
    assert stops == ["store.leaf-missing"]


def test_a_lost_member_keeps_all_from_being_settled() -> None:
    _, stops = decide(dict.fromkeys(MEMBERS, settled()) | {"edge3": {}})
    assert stops == ["member.lost"]
    _, stops = decide(dict.fromkeys(MEMBERS, settled()), {"edge3": "no"})
    assert stops == ["member.not-prepared"]


def test_services_that_a_settling_left_stopped_do_not_stop_the_next_one() -> None:
    down = settled(services=[{"Name": "RTCMRAUTH", "Status": "Stopped"}])
    assert "product.service-stopped" in ids(down.findings)
    assert decide(dict.fromkeys(MEMBERS, settled()) | {"edge1": down}) == (MEMBERS, [])


def test_a_roll_of_which_nobody_knows_makes_the_verdict_unknown() -> None:
    """Its answer was lost and the product does not show a successor: neither old nor new nor mixed can be told."""
    told = ArrayVerdict("all-old", {"edge1": "old", "edge2": "old"})
    assert proof.doubted(told, {}) is told
    doubted = proof.doubted(told, {"edge2": (AV,)})
    assert doubted.verdict == "unknown" and "edge2" in doubted.text and doubted.reasons["edge2"]
    assert doubted.members == told.members and not doubted.lost


def test_a_roll_in_doubt_is_found_in_the_evidence() -> None:
    """Its journal says that a roll was about to be made, and the product shows no successor."""
    half = journal("rolling", uses={}, roll=roll_entry("rolling")).dumps()
    lost = switched() | {"edge2": evidence(staged(journal=journal_row(half)), "edge2")}
    told = verdict(lost)
    assert told.verdict == "unknown" and set(told.reasons) == {"edge2"} and "edge2" in told.text
    shown = [*use_rows(old()), assigned(AV, new(), LATER, old())]
    seen = switched() | {"edge2": evidence(staged(journal=journal_row(half), assignments=shown), "edge2")}
    assert verdict(seen).verdict == "all-old", "the product shows it: nobody has to guess"
