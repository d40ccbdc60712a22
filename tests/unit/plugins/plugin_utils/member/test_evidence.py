# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is concluded from one read of an Edge server: plan, judgement, digest, and whether there is a way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence, WayBack
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.read import digest
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Stores, stores_from_rows
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    NEW,
    OLD,
    evidence,
    ids,
    reply,
    settings,
    sight,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    UNHURRIED,
    allowed,
    assigned,
    issuing,
    key_test,
    new,
    old,
    old_issuing,
    root,
    running,
    staged_rows,
    store_rows,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW

READY: dict[str, Any] = {"stores": staged_rows(), "keys": [key_test(new())]}


def judge(rows: Any = None, want: Any = None, since: datetime | None = None, **facts: Any) -> Evidence:
    """The evidence of a read with these rows."""
    return sight(reply(facts, **(READY if rows is None else rows)), want=want, since=since).evidence


# -- forecast and proof ------------------------------------------------------------------------------------------------


def test_before_staging_the_stores_are_judged_as_they_would_be() -> None:
    before = judge({})
    assert before.forecast and before.ready and before.findings == ()
    assert [line.split(":")[0] for line in before.stage] == ["LocalMachine\\CA", "LocalMachine\\My"]
    assert [c.subject for c in before.plan.changes] == [ACCESS, DATA]
    after = judge()
    assert not after.forecast and after.ready and after.stage == () and after.plan == before.plan


def test_a_forecast_sees_what_staging_would_not_mend() -> None:
    rootless = [row for row in store_rows() if row["Store"] != "Root"]
    judged = judge({"stores": rootless})
    assert judged.forecast and not judged.ready
    assert any(f.id.startswith("chain.") for f in judged.findings)


def test_a_missing_intermediate_of_the_delivery_closes_the_forecast() -> None:
    """The incident: the delivery brought no intermediate, so none is staged."""
    bare = wanted()
    bare = type(bare)(bare.uses, bare.keys, {}, (), bare.trust)
    judged = judge({}, want=bare)
    assert "chain.issuer-missing" in ids(judged.findings) and not judged.ready


def test_a_key_that_lies_there_but_does_not_sign_is_found_after_staging() -> None:
    silent = judge(READY | {"keys": [key_test(new(), False, "Keyset does not exist")]})
    assert ids(silent.findings) == ["key.unusable"]


def test_a_service_that_is_down_is_found_before_anything_is_switched() -> None:
    judged = judge(READY | {"services": running(RTCDATAPROXY="Stopped")})
    assert ids(judged.findings) == ["product.service-stopped"] and not judged.ready


def test_events_count_only_when_asked() -> None:
    row = {"Id": 1, "Source": "LS Protocol Stack", "Time": NOW, "Level": "Error", "Message": "shared session key"}
    read = READY | {"events": [row]}
    assert judge(read).findings == ()
    assert ids(judge(read, since=NOW).findings) == ["event.session-key"]
    assert judge(read, since=NOW + DAY).findings == ()


def test_av_is_part_of_the_switch_only_when_it_is_replaced() -> None:
    assert AV not in [c.subject for c in judge().plan.changes]
    bare = judge(READY | {"assignments": [assigned(ACCESS, old()), assigned(DATA, old())]})
    assert bare.pending[AV].state == "first" and AV not in bare.plan.uses, "the array decides about that"
    replaced = EDGE.array("edge", {"edge1": bare}, EDGE.own({})).plans["edge1"]
    assert [c.subject for c in replaced.changes] == [ACCESS, DATA, AV] and replaced.uses[AV].after == NEW
    assert judge(want=wanted(uses=(ACCESS,))).pending == {}, "A/V authentication is not this run's matter"


# -- the digest --------------------------------------------------------------------------------------------------------

ROWS = [*staged_rows(), stored(root(), "CA"), stored(issuing(), "CA", "CurrentUser")]


def made(rows: Any, signs: bool = True, access: Any = ()) -> Stores:
    return stores_from_rows(rows, [key_test(new(), signs)], access)


@UNHURRIED
@given(st.permutations(ROWS))
def test_the_digest_does_not_depend_on_the_order(rows: list[dict[str, Any]]) -> None:
    assert digest(made(rows)) == digest(made(ROWS))


def test_the_digest_holds_stores_and_keys_and_nothing_else() -> None:
    base = digest(made(ROWS))
    same = [
        made(ROWS, access=[allowed(new(), "S-1-5-20")]),
        made([*ROWS, stored(old_issuing(), "CA", "S-1-5-18")]),
        made([row | {"FriendlyName": "renamed"} for row in ROWS]),
    ]
    other = [
        made(ROWS[1:]),
        made([*ROWS, stored(new(), "CA")]),
        made([row | {"Container": "c-2"} if row.get("Container") else row for row in ROWS]),
        made([row | {"Exportable": False} if row.get("Container") else row for row in ROWS]),
        made(ROWS, signs=False),
    ]
    assert [digest(one) for one in same] == [base] * len(same)
    assert len({base, *(digest(one) for one in other)}) == len(other) + 1


def test_one_certificate_twice_in_a_store_has_a_digest_too() -> None:
    """A store shows what group policy put there beside what lies there by itself."""
    twice = [*ROWS, stored(new()), stored(root(), "Root")]
    assert digest(made(twice)) == digest(made(twice[::-1])) != digest(made(ROWS))


# -- the way back ------------------------------------------------------------------------------------------------------

WINDOW = timedelta(hours=12)


def back(clock: datetime = NOW, **rows: Any) -> WayBack:
    run = settings(window_hours=WINDOW.total_seconds() / 3600)
    return evidence(reply({"clock": clock}, **rows), run=run, want=wanted(uses=(ACCESS,))).back[ACCESS]


def test_there_is_a_way_back_to_a_certificate_that_lives_on() -> None:
    assert back() == WayBack(True)


@pytest.mark.parametrize("left, possible", [(WINDOW, False), (WINDOW + timedelta(seconds=1), True)])
def test_services_do_not_start_with_an_expired_one(left: timedelta, possible: bool) -> None:
    answer = back(clock=old().certificate.not_after - left)
    assert answer.possible is possible and ("within the window" in answer.why) is not possible


def test_there_is_no_way_back_without_certificate_or_key() -> None:
    assert back(assignments=[]).possible, "nothing was there before: the new one stays, and hinders nobody's way back"
    assert OLD in back(stores=[]).why
    bare = [stored(old()) if row["RawData"] == old().der else row for row in store_rows()]
    assert not back(stores=bare).possible
