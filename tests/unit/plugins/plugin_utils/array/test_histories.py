# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays with a history, and arrays whose members are not alike: what is told of them is what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import UseEntry
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import ExchangeState
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.make import make_report
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import Report
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    array_run,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member import exchange_pool
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EVERY,
    STAGED,
    SWITCHED,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    MEMBERS,
    NEW,
    OLD,
    RUN,
    evidence,
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
    new,
    old,
    root,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    made,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

GONE = "F0" * 20
"""What was there before the run before this one."""


def told(run: Any = None, **options: Any) -> Report:
    given = {"run": run} if run is not None else {}
    return make_report(array_run(**given, **options).value, NOW)


# -- the second renewal is the normal one ------------------------------------------------------------------------------


def before(after: str = OLD, state: str = "done", **more: Any) -> dict[str, Evidence]:
    """The members as this run found them: on the old certificate, with the journal of the last run."""
    uses = {ACCESS: UseEntry(GONE, after), DATA: UseEntry(GONE, after)}
    row = journal_row(journal(state, uses=uses, **more).dumps())
    return {m: evidence(staged(journal=row), m) for m in MEMBERS}


def now(state: str, *switched: str, roll: str = "rolled") -> dict[str, Evidence]:
    """The members as they are, with this run's journal."""
    uses = {ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, NEW)} if state != "taken-back" else {}
    row = journal_row(journal(state, run=RUN, uses=uses, roll=roll_entry(roll)).dumps())
    return {
        m: evidence(staged(journal=row, assignments=use_rows(new() if m in switched else old(), old())), m)
        for m in MEMBERS
    }


def test_a_second_renewal_that_went_well_is_all_new() -> None:
    made = told(first=before(), evidence=now("done", *MEMBERS), touched=list(MEMBERS), rolled=list(MEMBERS))
    assert (made.verdict.verdict, made.result) == ("all-new", "ok"), made.sentence
    assert {made.members[0].uses[use].before for use in (ACCESS, DATA)} == {OLD}
    assert made.verdict.pending == (AV,) and not made.verdict.reasons


@pytest.mark.parametrize("after", [OLD, NEW], ids=["old", "new"])
def test_a_second_renewal_that_was_taken_back_is_all_old(after: str) -> None:
    """Whatever the last run had wanted, this very certificate included: its journal is closed."""
    made = told(
        first=before(after), evidence=now("taken-back"), touched=["edge1", "edge2"], failure="Switch edge2: no",
        gate=array_run(evidence=before(after)).run("gate"),
    )  # fmt: skip
    assert (made.verdict.verdict, made.result) == ("all-old", "failed"), made.sentence
    assert made.members[0].uses[ACCESS].before == OLD


def test_one_after_a_renewal_that_was_taken_back_is_all_new() -> None:
    first = before(NEW, "taken-back")
    assert told(first=first, evidence=now("done", *MEMBERS), touched=list(MEMBERS)).verdict.verdict == "all-new"


def test_one_after_a_run_that_was_killed_knows_what_was_before_that_run() -> None:
    """Its journal is open and wants what this run wants: what it put there is not the old one."""
    uses = {ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, NEW)}
    row = journal_row(journal("switched", uses=uses).dumps())
    half = {
        m: evidence(staged(journal=row, assignments=use_rows(new() if m == "edge1" else old(), old())), m)
        for m in MEMBERS
    }
    made = told(first=half, evidence=now("taken-back"), touched=["edge2"], failure="Switch edge2: no",
                gate=array_run(evidence=half).run("gate"))  # fmt: skip
    assert made.verdict.verdict == "all-old" and made.members[0].uses[ACCESS].before == OLD


def test_half_of_a_second_renewal_is_told_member_by_member() -> None:
    made = told(first=before(), evidence=now("switched", "edge1"), touched=["edge1"])
    assert made.verdict.verdict == "mixed" and "neither" not in made.verdict.text
    assert made.verdict.members == {"edge1": "new", "edge2": "old", "edge3": "old"}


# -- a roll without a switch -------------------------------------------------------------------------------------------

ASKED = settings(purpose="rollback", wanted={})


def only_rolled(*members: str) -> dict[str, Evidence]:
    """What a later run finds that brings no bundle: its controller died between the roll and the first switch."""
    rolled = journal_row(journal("rolled", uses={}, roll=roll_entry()).dumps())
    none = journal_row(None)
    return {m: evidence(staged(journal=rolled if m in members else none), m, ASKED) for m in MEMBERS}


def test_a_roll_without_a_switch_is_the_old_certificate() -> None:
    found = only_rolled(*MEMBERS)
    made = told(ASKED, first=found, evidence=found)
    assert made.verdict.verdict == "all-old" and made.verdict.pending == (AV,), made.sentence
    assert set(made.verdict.members.values()) == {"old"}
    assert made.sentence.startswith("all-old: The old certificate is in use on all 3 members.")


def test_a_roll_on_some_members_makes_none_of_them_new() -> None:
    found = only_rolled("edge1")
    made = told(ASKED, first=found, evidence=found)
    assert made.verdict.verdict == "mixed" and set(made.verdict.members.values()) == {"old"}
    assert "new certificate" not in made.verdict.text and "edge1 is rolled, edge2, edge3 not" in made.verdict.text


def test_a_run_that_rolled_and_was_not_to_switch_ends_well() -> None:
    row = journal_row(journal("rolled", run=RUN, uses={}, roll=roll_entry()).dumps())
    rolled = {m: evidence(staged(journal=row), m) for m in MEMBERS}
    made = told(evidence=rolled, rolled=list(MEMBERS), gate=array_run().run("gate"))
    assert (made.verdict.verdict, made.verdict.pending, made.result) == ("all-old", (AV,), "ok")


# -- members that are not alike ----------------------------------------------------------------------------------------

PAIR = exchange_pool.settings(members=("ex1", "edge"), edge_subscription="renew", trust=root().pem)
EDGE_TRANSPORT = server(services=("MSExchangeTransport", "ADAM_MSExchange"))


def seen_to_sign(here: ExchangeState) -> ExchangeState:
    """Every key of the server was asked."""
    asked = (replace(c, key=replace(c.key, signs=True)) if c.key is not None else c for c in here.stores.certificates)
    return replace(here, stores=replace(here.stores, certificates=tuple(asked)))


def pair(switched: bool) -> dict[str, Evidence]:
    """A mailbox server and an Edge Transport server, which has SMTP and nothing else."""
    kind = SWITCHED if switched else STAGED
    mail = exchange_pool.evidence(seen_to_sign(state(**kind)), PAIR, member="ex1")
    edge = exchange_pool.evidence(seen_to_sign(state(EDGE_TRANSPORT, **kind)), PAIR, member="edge")
    return {"ex1": mail, "edge": edge}


def test_the_gate_asks_of_a_member_what_it_has() -> None:
    found = pair(False)
    assert found["edge"].offers == ("SMTP",) and found["ex1"].offers == EVERY
    for check_mode in (True, False):
        facts = array_run(check_mode=check_mode, run=PAIR, evidence=found, first=found, endpoints={}).run("gate")
        assert facts["passed"] and facts["switch"] == ["ex1", "edge"], facts["refusal"]


def test_an_array_with_an_edge_transport_server_is_all_new_when_each_has_what_it_can_have() -> None:
    first, last = pair(False), pair(True)
    made_of = told(PAIR, first=first, evidence=last, touched=["ex1", "edge"], endpoints={})
    assert (made_of.verdict.verdict, made_of.verdict.text) == (
        "all-new", "The new certificate is in use on all 2 members.",
    )  # fmt: skip
    assert dict(made_of.verdict.uses["edge"]) == {"SMTP": "new"} and not made_of.verdict.reasons
    half = told(PAIR, first=first, evidence=last | {"edge": first["edge"]}, touched=["ex1"], endpoints={})
    assert half.verdict.members == {"ex1": "new", "edge": "old"} and half.verdict.verdict == "mixed"
    back = told(PAIR, first=first, evidence=first, touched=["ex1"], failure="Switch edge: no", endpoints={})
    assert back.verdict.verdict == "all-old"


def test_a_renewed_one_has_nothing_to_do_the_second_time() -> None:
    last = pair(True)
    facts = array_run(run=PAIR, evidence=last, first=last, endpoints={}).run("gate")
    assert facts["passed"] and facts["switch"] == [] and not facts["before"] and not facts["after"]
    made_of = told(PAIR, first=last, evidence=last, gate=facts, endpoints={})
    assert (made_of.verdict.verdict, made_of.changed) == ("all-new", False)
    assert made_of.members[1].uses["SMTP"].after == made("new").thumbprint
