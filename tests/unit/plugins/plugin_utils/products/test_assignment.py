# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member's uses: what is planned, what is done already, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.assignment import (
    Order,
    order_of,
    plan,
    refusals,
    unready,
    unshown,
    warnings,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import Assignment, EdgeState
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.store import (
    StoredCertificate,
    StoredKey,
    Stores,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued, authority, issue

ACCESS, AV = "AccessEdgeExternal", "AudioVideoAuthentication"
KEY = StoredKey("Microsoft Enhanced Cryptographic Provider v1.0", "c", "Exchange", True, True, signs=True)
HOURS = timedelta(hours=1)


@cache
def pki() -> dict[str, Issued]:
    """A root, an issuing CA, the old and the new certificate."""
    root = authority("Root")
    issuing = authority("Issuing", root)
    old = issue("sip.example", issuing, not_after=NOW + timedelta(days=20))
    return {"root": root, "issuing": issuing, "old": old, "new": issue("sip.example", issuing)}


OLD, NEW = pki()["old"].certificate, pki()["new"].certificate


def state(*rows: Assignment, **more: Any) -> EdgeState:
    """A member with both certificates and these rows of Get-CsCertificate."""
    machine = [("My", OLD, KEY), ("My", NEW, KEY), ("CA", pki()["issuing"].certificate, None)]
    machine.append(("Root", pki()["root"].certificate, None))
    stores = Stores(tuple(StoredCertificate("LocalMachine", store, c, "", key) for store, c, key in machine))
    empty: dict[str, Any] = {"services": {}, "version": "5.0", "windows": (6, 3), "presented": {}}
    values = {"stores": stores, "assignments": rows, "token_lifetime": 8 * HOURS, "token_lifetime_read": True}
    return EdgeState(**{**empty, **values, "clock": NOW, **more})


def uses(thumbprint: str) -> tuple[Assignment, ...]:
    return tuple(Assignment(use, thumbprint) for use in (ACCESS, AV))


ROLL = Order((AV,), NEW.thumbprint, roll_at=NOW + 4 * HOURS)
SHAPES = {
    "two rows": (Assignment(AV, OLD.thumbprint), Assignment(AV, NEW.thumbprint, effective=NOW + 4 * HOURS)),
    "one row": (Assignment(AV, NEW.thumbprint, effective=NOW + 4 * HOURS, previous=OLD.thumbprint),),
    "seconds apart": (
        Assignment(AV, OLD.thumbprint),
        Assignment(AV, NEW.thumbprint, effective=NOW + 4 * HOURS + timedelta(seconds=30)),
    ),
}


def test_assigning_leaves_alone_what_is_right() -> None:
    order = Order((ACCESS, "DataEdgeExternal"), NEW.thumbprint)
    changes = plan(order, state(*uses(OLD.thumbprint)))
    assert [(change.kind, change.subject) for change in changes] == [("assign", ACCESS), ("assign", "DataEdgeExternal")]
    assert OLD.thumbprint in changes[0].before and changes[1].before == "" and NEW.thumbprint in changes[0].after
    assert not plan(order, state(*(Assignment(use, NEW.thumbprint) for use in order.uses)))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_roll_that_is_shown_is_done(shape: str) -> None:
    shown = state(*SHAPES[shape])
    assert not plan(ROLL, shown) and not unshown(ROLL, shown)
    other = replace(ROLL, roll_at=NOW + 5 * HOURS)
    assert [change.kind for change in plan(other, shown)] == ["roll"], "another instant is another roll"
    assert [change.kind for change in plan(other, shown, sent=True)] == ["roll"], "another one is shown"


def test_a_roll_that_is_not_shown_counts_once_it_was_sent() -> None:
    hidden = state(*uses(OLD.thumbprint))
    (change,) = plan(ROLL, hidden)
    assert change.kind == "roll" and change.calls[0].parameters["EffectiveDate"] == ROLL.roll_at
    assert not plan(ROLL, hidden, sent=True) and unshown(ROLL, hidden)
    after = state(*uses(NEW.thumbprint))
    assert not plan(ROLL, after) and not unshown(ROLL, after)


def test_without_a_predecessor_a_roll_is_a_plain_assignment() -> None:
    bare = state(Assignment(ACCESS, OLD.thumbprint))
    assert [change.kind for change in plan(ROLL, bare)] == ["assign"] and not refusals(ROLL, bare)


def test_taking_away_only_what_is_meant() -> None:
    now = state(*uses(OLD.thumbprint))
    assert [c.subject for c in plan(Order((ACCESS,), None, remove=True), now)] == [ACCESS]
    assert not plan(Order((ACCESS,), NEW.thumbprint, remove=True), now)
    assert not plan(Order(("Internal",), None, remove=True), now)


def test_what_cuts_calls_is_refused_unless_it_was_asked_for() -> None:
    now = state(*uses(OLD.thumbprint))
    for order in (Order((ACCESS, AV), NEW.thumbprint), Order((AV,), None, remove=True)):
        assert [problem.id for problem in refusals(order, now)] == ["roll.needed"]
        assert not refusals(replace(order, allow_call_drop=True), now)
    assert not refusals(Order((AV,), OLD.thumbprint), now), "nothing is to be done"


def test_the_instant_of_a_roll() -> None:
    now = state(*uses(OLD.thumbprint))
    past = replace(ROLL, roll_at=NOW - HOURS, allow_call_drop=True)
    assert [problem.id for problem in refusals(past, now)] == ["roll.too-soon"]
    late = replace(ROLL, roll_at=OLD.not_after - 7 * HOURS)
    (problem,) = refusals(late, now)
    assert problem.id == "roll.no-overlap" and f"{OLD.not_after - 8 * HOURS:%Y-%m-%d %H:%M}Z" in problem.text
    assert not refusals(replace(late, allow_call_drop=True), now)
    assert not refusals(replace(ROLL, roll_at=OLD.not_after - 8 * HOURS), now)
    assert not warnings(ROLL, now)
    assert "10 minutes ahead" in warnings(replace(ROLL, roll_at=NOW + timedelta(minutes=10)), now)[0]


def test_the_member_has_to_be_ready() -> None:
    order = Order((ACCESS,), NEW.thumbprint, intended=(pki()["issuing"].certificate,))
    now = state(*uses(OLD.thumbprint))
    assert not unready(order, now)
    no_ca = tuple(c for c in now.stores.certificates if c.store != "CA")
    short = replace(now, stores=Stores(no_ca))
    assert {p.id for p in unready(order, short)} == {"chain.issuer-missing", "store.intermediate-missing"}
    assert not unready(replace(order, check_ready=False), short)
    assert not unready(Order((ACCESS,), OLD.thumbprint), short), "nothing is to be done"
    assert [p.id for p in unready(order, replace(now, stores=Stores(())))] == ["store.leaf-missing"]
    expired = replace(now, clock=NEW.not_after + HOURS)
    assert [p.id for p in unready(order, expired)] == ["leaf.expired"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"state": "absent", "roll": True}, "state: present"),
        ({"thumbprint": None}, "thumbprint or bundle"),
        ({"roll": True}, "needs effective_date"),
        ({"roll": True, "use": [ACCESS], "at": True}, "only AudioVideoAuthentication"),
        ({"at": True}, "roll: true"),
        ({"thumbprint": "12"}, "40 hexadecimal"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], text: str) -> None:
    usual = {"state": "present", "use": [AV], "roll": False, "thumbprint": NEW.thumbprint}
    given = {**usual, "allow_call_drop": False, "check_ready": True, **options}
    with pytest.raises(ValueError, match=text):
        order_of(given, None, NOW if given.pop("at", False) else None)
