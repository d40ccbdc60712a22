# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate each use has, in every shape in which the product may say so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import plan, roll
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import state as edge
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Confirmed, Plan, Scheduled
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import label
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    NAMES,
    assigned,
    internal,
    new,
    old,
    staged_rows,
    state,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW

LATER, EARLIER = NOW + timedelta(hours=4), NOW - timedelta(hours=4)
OLD, NEW = old().certificate.thumbprint, new().certificate.thumbprint
NO_DATE = datetime(1, 1, 1, tzinfo=timezone.utc)


def test_each_use_with_its_certificate() -> None:
    seen = state()
    assert seen.assigned() == {ACCESS: OLD, DATA: OLD, AV: OLD, INTERNAL: internal().certificate.thumbprint}
    assert seen.current("WebServicesExternal") is None


@pytest.mark.parametrize("written", ["urn:certref:AccessEdgeExternal", "URN:CertRef:AccessEdgeExternal", ACCESS])
def test_a_use_may_come_with_its_prefix(written: str) -> None:
    assert state(uses=[assigned(written, old())]).current(ACCESS) == OLD


def test_a_thumbprint_in_lower_case_is_the_same() -> None:
    assert state(uses=[assigned(ACCESS, old(), Thumbprint=OLD.lower())]).current(ACCESS) == OLD


def test_alternative_names_come_as_a_list_or_as_one_text() -> None:
    several, one, none = (
        state(uses=[assigned(ACCESS, old(), AlternativeNames=names)]).assignments[0].names
        for names in (list(NAMES), NAMES[0], None)
    )
    assert (several, one, none) == (NAMES, NAMES[:1], ())


@pytest.mark.parametrize("nothing", [None, NO_DATE, ""])
def test_no_date_means_in_force_already(nothing: Any) -> None:
    seen = state(uses=[assigned(AV, old(), EffectiveDate=nothing, NotAfter=nothing)])
    assert seen.current(AV) == OLD and seen.scheduled(AV) is None
    assert seen.assignments[0].not_after is None


# What Get-CsCertificate shows between -Roll and the instant is not documented: every shape has to be understood.
STAGED = {
    "only the successor, with its date and what it succeeds": [assigned(AV, new(), LATER, old())],
    "both, the successor with its date": [assigned(AV, old()), assigned(AV, new(), LATER)],
    "both, the successor first": [assigned(AV, new(), LATER, old()), assigned(AV, old(), EARLIER)],
}


@pytest.mark.parametrize("shape", STAGED)
def test_a_staged_roll_shows_the_old_one_now_and_the_new_one_later(shape: str) -> None:
    seen = state(uses=STAGED[shape])
    shown = seen.scheduled(AV)
    assert seen.current(AV) == OLD
    assert shown is not None and (shown.thumbprint, shown.effective) == (NEW, LATER)
    assert seen.assigned() == {AV: OLD}


@pytest.mark.parametrize("shape", STAGED)
@pytest.mark.parametrize("clock", [LATER, LATER + DAY])
def test_from_the_instant_on_the_successor_is_in_force(shape: str, clock: datetime) -> None:
    seen = state(uses=STAGED[shape], clock=clock)
    assert seen.current(AV) == NEW and seen.scheduled(AV) is None


@pytest.mark.parametrize("shape", [*STAGED, "only the old one"])
def test_a_roll_converges_in_every_shape(shape: str) -> None:
    """By the product's reply, or by the journal where the product keeps silent."""
    recorded = Confirmed(NEW, LATER, OLD)
    uses = STAGED.get(shape, [assigned(AV, old())])
    before = roll.standing(NEW, state(uses=uses), recorded)
    assert before == roll.Standing("scheduled", LATER, OLD)
    after = roll.standing(NEW, state(uses=uses, clock=LATER), recorded)
    assert after.state == ("needed" if shape == "only the old one" else "done")


def test_a_journal_does_not_outvote_the_product() -> None:
    third = internal()
    shown = state(uses=[assigned(AV, old()), assigned(AV, third, LATER)])
    assert roll.standing(NEW, shown, Confirmed(NEW, LATER, OLD)).state == "needed"
    assert roll.standing(NEW, state(uses=[assigned(AV, new())]), None).state == "done"


def test_a_journal_of_another_successor_or_of_the_past_confirms_nothing() -> None:
    seen = state(uses=[assigned(AV, old())])
    assert roll.standing(NEW, seen, Confirmed(OLD, LATER, None)).state == "needed"
    assert roll.standing(NEW, seen, Confirmed(NEW, EARLIER, OLD)).state == "needed"
    assert roll.standing(NEW, seen, Confirmed(NEW, NOW, OLD)).state == "needed", "the instant itself has come"


def test_no_certificate_yet_and_a_first_one_announced() -> None:
    assert roll.standing(NEW, state(uses=[]), None) == roll.Standing("first")
    assert roll.standing(NEW, state(uses=[assigned(AV, new(), LATER)]), None).state == "scheduled"


# -- the rest of one read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("08:00:00", timedelta(hours=8)),
        ("1.02:30:15", timedelta(days=1, hours=2, minutes=30, seconds=15)),
        ("180.00:00:00", timedelta(days=180)),
        ("00:01:00.5000000", timedelta(minutes=1)),
    ],
)
def test_the_token_lifetime_is_read(text: str, expected: timedelta) -> None:
    seen = state(av=[{"Identity": "EdgeServer:x", "MaxTokenLifetime": text}])
    assert seen.token_lifetime == expected and seen.token_lifetime_read


@pytest.mark.parametrize("rows", [(), ({"MaxTokenLifetime": None},), ({"MaxTokenLifetime": "a while"},)])
def test_an_unknown_token_lifetime_is_the_documented_default_and_said_to_be(rows: Any) -> None:
    seen = state(av=rows)
    assert seen.token_lifetime == timedelta(hours=8) and not seen.token_lifetime_read


@pytest.mark.parametrize(
    "version, product",
    [
        ("5.0.8308.1068", "Lync Server 2013"),
        ("6.0.9319.0", "Skype for Business Server 2015"),
        ("7.0.2046.0", "Skype for Business Server 2019"),
        ("9.1", "Lync/Skype version 9.1"),
        ("", "unknown product"),
    ],
)
def test_the_product_is_named(version: str, product: str) -> None:
    assert state(version=version).product == product


# -- planning ----------------------------------------------------------------------------------------------------------


def test_a_switch_leaves_av_to_the_roll_unless_told() -> None:
    wanted = Wanted({use: new().certificate for use in (AV, DATA, ACCESS)})
    seen = state(staged_rows())
    switch = plan.switch(wanted, seen)
    assert [c.subject for c in switch.changes] == [ACCESS, DATA]
    whole = plan.with_replaced(switch, OLD, Scheduled(NEW, "needed"), seen.services, {})
    assert [c.subject for c in whole.changes] == [ACCESS, DATA, AV]
    first = switch.changes[0]
    assert (first.before, first.after) == (label(old().certificate), label(new().certificate))
    assert first.calls[0].parameters == {"Type": [ACCESS], "Thumbprint": NEW, "Confirm": Switch(False)}


def test_a_switch_done_is_nothing_to_do() -> None:
    wanted = Wanted({use: new().certificate for use in (AV, DATA, ACCESS)})
    done = state(staged_rows(), use_rows(new()))
    assert plan.switch(wanted, done) == Plan()
    assert roll.standing(NEW, done, None).state == "done"
    half = [assigned(ACCESS, new()), assigned(DATA, old())]
    assert [c.subject for c in plan.switch(wanted, state(staged_rows(), half)).changes] == [DATA]


def test_a_roll_carries_an_instant_not_a_text() -> None:
    """-EffectiveDate "must be formatted to match your server's region": it travels as an instant."""
    parameters = edge.roll_call(NEW, LATER).parameters
    assert parameters["EffectiveDate"] is LATER and parameters["Roll"] == Switch(True) and parameters["Type"] == [AV]
    assert "Roll" not in edge.assign_call(AV, NEW).parameters


def test_a_certificate_that_the_store_does_not_know_is_shown_by_its_thumbprint() -> None:
    gone = state([], [assigned(ACCESS, old())])
    assert edge.describe(OLD, gone) == OLD
    assert edge.describe(None, gone) == ""
    assert edge.describe(OLD, state()) == label(old().certificate)


def test_the_names_to_cover_are_those_in_use() -> None:
    assert edge.required_names(ACCESS, state()) == NAMES
    gone = state([], [assigned(ACCESS, old())])
    assert edge.required_names(ACCESS, gone) == NAMES, "as the product reports them when the store does not know it"
    assert edge.required_names(ACCESS, state(uses=[])) == ()


def test_one_read_asks_for_everything_and_changes_nothing() -> None:
    calls = edge.calls([NEW], NOW)
    assert all(c.kind == "read" for c in calls)
    assert len({c.id for c in calls}) == len(calls)
    assert {c.name for c in calls} >= {"Get-StoreCertificate", "Test-StoreKey", "Get-CsCertificate"}
    assert [c.name for c in calls if c.optional] == [
        "Test-TlsPresented", "Get-CsAVEdgeConfiguration", "Get-ServiceVersion", "Find-Event"
    ]  # fmt: skip
