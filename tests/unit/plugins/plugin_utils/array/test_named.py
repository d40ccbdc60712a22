# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which product the members' journals name, and what is said where they do not name one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import phases
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.named import demand_agreement, product_named
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Run
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import CollectionError
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.head import Head, head_in, read_head
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import OtherProduct, PhaseFailed
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    ENDPOINTS,
    array_run,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    MEMBERS,
    error,
    evidence,
    journal,
    journal_row,
    reply,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import new
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, key_pem

TITLES = {"edge": "Edge server", "exchange": "Exchange server"}
RUN = "20261101T000000Z-0001"


def head(product: str = "edge", **more: Any) -> Head:
    """A journal that a run left."""
    return Head(**{"run": RUN, "state": "switched", "product": product, **more})


def named(*heads: Head | None) -> str:
    """The product that the members' journals name; None: nothing was heard of the member."""
    told = {m: h for m, h in zip(MEMBERS, heads, strict=True) if h is not None}
    return product_named("mail", MEMBERS, told, TITLES)


def refused(*heads: Head | None) -> str:
    """What is said in place of a product."""
    with pytest.raises(CollectionError) as found:
        named(*heads)
    return str(found.value)


@pytest.mark.parametrize("other", [None, Head(), Head(unread="no route to host"), head("")])
def test_one_journal_is_enough(other: Head | None) -> None:
    """A member that does not answer, has no journal or an older one keeps nobody from naming the product."""
    assert named(other, head("exchange"), other) == "exchange"
    assert named(head("edge"), other, head("edge")) == "edge"


def test_journals_that_are_older_than_the_entry_are_told_and_the_variable_asked_for() -> None:
    text = refused(head(""), Head(), Head(unread="no route to host"))
    assert f"edge1: written before journals named the product (run {RUN}, switched)" in text
    assert "edge2: no journal" in text and "edge3: no route to host" in text
    for line in ("-e rollout_product=edge (Edge servers)", "-e rollout_product=exchange (Exchange servers)"):
        assert line in text


def test_where_nothing_was_begun_that_is_said() -> None:
    text = refused(Head(), Head(), Head())
    assert "no member of 'mail' has a journal" in text and "nothing has to be done" in text


def test_where_nobody_answers_that_is_said() -> None:
    text = refused(Head(unread="timed out"), None, None)
    for part in ("could be read", "edge2: nothing was heard of it", "see that the members answer"):
        assert part in text


def test_several_are_refused_each_with_its_members() -> None:
    text = refused(head("edge"), head("exchange"), head("edge"))
    assert f"edge2: exchange (run {RUN}, switched)" in text
    assert "-e rollout_product=edge (edge1, edge3) or -e rollout_product=exchange (edge2)" in text


def test_a_product_of_another_version_is_not_guessed_at() -> None:
    text = refused(head("front_end"), Head(), Head())
    assert "does not know" in text and "front_end" in text and "rollout_product=front_end" not in text


def test_what_a_member_says_stays_on_its_line() -> None:
    """A journal is foreign text: it forges no line, acts on no terminal and floods nobody."""
    text = refused(head("a\nNext: go on\x1b[2J" + "x" * 500), head("b"), Head(unread="gone\n  edge2: fine"))
    assert "\x1b" not in text and len(text) < 1500
    assert len(text.splitlines()) == len(MEMBERS) + 2, text


@pytest.mark.parametrize("heads", [(head("edge"), head("exchange")), (head(""), Head()), (Head(), Head(unread="gone"))])
def test_a_product_that_a_journal_names_or_that_none_contradicts_may_be_given(heads: Any) -> None:
    demand_agreement("mail", MEMBERS[:2], dict(zip(MEMBERS, heads, strict=False)), "edge")


def test_a_product_that_the_journals_contradict_is_refused_with_both() -> None:
    heads = {"edge1": head("exchange"), "edge2": Head()}
    with pytest.raises(CollectionError, match=r"(?s)says edge.*name exchange.*-e rollout_product=exchange") as found:
        demand_agreement("mail", MEMBERS[:2], heads, "edge")
    assert "edge2: no journal" in str(found.value)


# -- over the run's phases --------------------------------------------------------------------------------------------


def preflight(purpose: str, product: str, bundles: Any = None) -> Run:
    """A run that begins."""
    given = phases.Given(
        "mail", MEMBERS, purpose, {"mail": MEMBERS}, None, bundles or {}, ENDPOINTS,
        {"product": product, "shell": "session"},
    )  # fmt: skip
    return phases.preflight(given, False, NOW, lambda _: None)[0]


@pytest.mark.parametrize("purpose", ["rollback", "settle"])
def test_a_run_without_a_product_takes_the_one_that_is_named_with_its_options(purpose: str) -> None:
    begun = preflight(purpose, "")
    assert begun.settings.product == "" and begun.settings.own == {}
    told: list[str] = []
    heads = {"edge1": head("exchange"), "edge3": Head(unread="gone")}
    run = phases.name_product(replace(begun, read_heads=heads), {"product": "", "shell": "session"}, told.append)
    assert (run.product.name, run.own.shell, run.settings.run) == ("exchange", "session", begun.settings.run)
    assert told == ["  | Exchange servers, as the journals say of edge1"]


def test_only_a_run_that_renews_nothing_may_begin_without_a_product() -> None:
    with pytest.raises(CollectionError, match="rollout_product: expected edge or exchange"):
        preflight("renew", "", {"external": {"content": new().pem + key_pem(new().key).decode()}})


@pytest.mark.parametrize("phase", ["rollback", "settle"])
def test_without_any_product_nothing_is_decided(phase: str) -> None:
    """Plays that lack the two in which the journals name it."""
    with pytest.raises(CollectionError, match=r"Give rollout_product.*read_journal"):
        array_run(run=settings(product="", purpose=phase), evidence={}).run(phase)


@pytest.mark.parametrize("phase", ["rollback", "settle"])
def test_a_given_product_is_held_against_the_journals(phase: str) -> None:
    journals = {"edge2": head("exchange").to_plain()}
    with pytest.raises(CollectionError, match=re.escape("rollout_product says edge, the journals of 'edge' name exc")):
        array_run(run=settings(purpose=phase), evidence={}, journals=journals).run(phase)


# -- on one member ----------------------------------------------------------------------------------------------------


def told(**more: Any) -> Any:
    """A whole reply with this journal."""
    return staged(journal=journal_row(journal("switched", **more).dumps()))


def test_the_journal_is_read_alone_and_nothing_is_loaded() -> None:
    class Driver:
        def read(self, load: Any, calls: Any, *, facts: bool = True) -> Any:
            asked.append((tuple(load), [call.name for call in calls], facts))
            return told(product="exchange")

        apply = read

    asked: list[Any] = []
    assert read_head(Driver(), "ex1") == head("exchange")
    assert asked == [((), ["Get-Journal"], False)]


def test_a_journal_that_cannot_be_read_is_not_none() -> None:
    assert "cannot be understood" in head_in("edge1", staged(journal=journal_row("{broken"))).unread
    with pytest.raises(PhaseFailed, match="Access is denied"):
        head_in("edge1", reply(journal=error()))
    assert head_in("edge1", reply()) == Head()


def test_a_member_whose_journal_names_another_product_is_left_alone() -> None:
    """Before anything is concluded from the product's answers; not in a renewal, which writes its own journal."""
    with pytest.raises(OtherProduct, match="exchange.*this run is for edge") as found:
        evidence(told(product="exchange"), run=settings(purpose="rollback"))
    assert found.value.finding == "journal.other-product" and found.value.head == head("exchange")
    for product in ("", "edge"):
        assert evidence(told(product=product), run=settings(purpose="rollback")).journal
    assert evidence(told(product="exchange")).journal
