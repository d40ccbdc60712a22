# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is concluded from one read: plan, judgement, digest, and whether there is a way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import (
    Judged,
    chain_picture,
    conclude,
    digest,
    rollback_possible,
    use_problems,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import chain_paths
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Stores, stores_from_rows
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import NEW, OLD, ids, wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    NAMES,
    UNHURRIED,
    allowed,
    assigned,
    internal,
    issuing,
    key_test,
    keyed,
    new,
    old,
    old_issuing,
    root,
    running,
    staged_rows,
    state,
    store_rows,
    stored,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, issue

READY = state(staged_rows(), keys=[key_test(new())])


def judge(read: Any = READY, **options: Any) -> Judged:
    return conclude("edge1", options.pop("want", None) or wanted(), read, None, **options)


def leaf(*names: str, **knobs: Any) -> Issued:
    return issue(names[0], issuing(), **{"names": names, "not_before": NOW - DAY, **knobs})


def found(issued: Issued, use: str = ACCESS, names: tuple[str, ...] = (), **more: Any) -> list[Any]:
    return list(use_problems(wanted(issued, (use,)), state(**more), names))


# -- forecast and proof ------------------------------------------------------------------------------------------------


def test_before_staging_the_stores_are_judged_as_they_would_be() -> None:
    before = judge(state())
    assert before.forecast and before.ready and before.findings == ()
    assert [c.subject for c in before.stage] == ["LocalMachine\\CA", "LocalMachine\\My"]
    assert [c.subject for c in before.switch] == [ACCESS, DATA]
    after = judge()
    assert not after.forecast and after.ready and after.stage == () and after.switch == before.switch


def test_a_forecast_sees_what_staging_would_not_mend() -> None:
    rootless = [row for row in store_rows() if row["Store"] != "Root"]
    judged = judge(state(rootless))
    assert judged.forecast and not judged.ready
    assert any(f.id.startswith("chain.") for f in judged.findings)


def test_a_missing_intermediate_of_the_delivery_closes_the_forecast() -> None:
    """The incident: the delivery brought no intermediate, so none is staged."""
    bare = wanted()
    bare = type(bare)(bare.uses, bare.keys, {}, (), bare.trust)
    judged = judge(state(), want=bare)
    assert "chain.issuer-missing" in ids(judged.findings) and not judged.ready


def test_a_key_that_lies_there_but_does_not_sign_is_found_after_staging() -> None:
    silent = judge(state(staged_rows(), keys=[key_test(new(), False, "Keyset does not exist")]))
    assert ids(silent.findings) == ["key.unusable"]


def test_a_service_that_is_down_is_found_before_anything_is_switched() -> None:
    judged = judge(state(staged_rows(), services=running(RTCDATAPROXY="Stopped")))
    assert ids(judged.findings) == ["product.service-stopped"] and not judged.ready


def test_events_count_only_when_asked() -> None:
    row = {"Id": 1, "Source": "LS Protocol Stack", "Time": NOW, "Level": "Error", "Message": "shared session key"}
    read = state(staged_rows(), events=[row])
    assert judge(read).findings == ()
    assert ids(judge(read, events_since=NOW).findings) == ["event.session-key"]
    assert judge(read, events_since=NOW + DAY).findings == ()


def test_av_is_part_of_the_switch_only_when_it_is_replaced() -> None:
    assert AV not in [c.subject for c in judge().switch]
    assert AV in [c.subject for c in judge(replace_av=True).switch]
    assert judge(want=wanted(uses=(ACCESS,))).standing is None, "A/V authentication is not this run's matter"


# -- names, dates, hashes ----------------------------------------------------------------------------------------------


def test_a_name_in_use_that_the_new_one_does_not_cover() -> None:
    (problem,) = found(leaf(NAMES[0]))
    assert problem.id == "names.missing" and problem.evidence == {"missing": NAMES[1]}
    assert found(leaf(*NAMES, "more.contoso.example")) == []
    assert found(leaf(NAMES[0]), AV) == [], "the A/V certificate's names do not matter"


def test_names_that_the_user_demands_are_for_the_external_uses() -> None:
    extra = ("sip.fabrikam.example",)
    assert [p.evidence["missing"] for p in found(leaf(*NAMES), names=extra)] == ["sip.fabrikam.example"]
    assert found(leaf("edgepool.contoso.example"), INTERNAL, names=extra) == []


def test_the_internal_interface_s_only_name_is_its_common_name() -> None:
    """Microsoft: the subject is the pool's name, and no alternative name."""
    (problem,) = found(leaf("other.contoso.example"), INTERNAL)
    assert problem.evidence == {"missing": "edgepool.contoso.example"}


def test_a_wildcard_in_use_is_no_name_to_cover() -> None:
    star = leaf("*.contoso.example", not_before=NOW - 2 * DAY)
    uses = [assigned(ACCESS, star)]
    assert found(leaf("sip.contoso.example"), stores=store_rows(keyed(star)), uses=uses) == []


@pytest.mark.parametrize("version, expected", [("5.0.8308", ["names.wildcard"]), ("6.0.9319", []), ("", [])])
def test_wildcards_do_not_work_on_lync_2013(version: str, expected: list[str]) -> None:
    assert ids(found(leaf(*NAMES, "*.contoso.example"), version=version)) == expected


def test_a_step_back_in_time_is_refused() -> None:
    older = leaf(*NAMES, not_before=old().certificate.not_before - DAY)
    assert ids(found(older)) == ["leaf.older-than-current"]
    assert found(leaf(*NAMES, not_before=old().certificate.not_before + DAY)) == []
    assert list(use_problems(wanted(old(), (ACCESS,)), state(), ())) == [], "the same one is no step at all"


@pytest.mark.parametrize(
    "windows, expected",
    [((6, 1, 7601), ["leaf.sha512"]), ((6, 3, 9600), ["leaf.sha512"]), ((10, 0, 14393), []), ((10, 0, 20348), [])],
)
def test_sha512_stops_the_access_edge_before_server_2016(windows: tuple[int, ...], expected: list[str]) -> None:
    assert ids(found(leaf(*NAMES, hashed="sha512"), windows=windows)) == expected


@pytest.mark.parametrize(
    "clock, expected",
    [
        (NOW - 2 * DAY, ["leaf.not-yet-valid"]),
        (NOW + 400 * DAY, ["leaf.expired"]),
        (NOW, []),
    ],
)
def test_the_member_s_clock_decides_about_the_dates(clock: datetime, expected: list[str]) -> None:
    assert ids(found(leaf(*NAMES), clock=clock)) == expected


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


def back(**more: Any) -> dict[str, Any]:
    return rollback_possible(wanted(uses=(ACCESS,)), state(**more), WINDOW)[ACCESS]


def test_there_is_a_way_back_to_a_certificate_that_lives_on() -> None:
    assert back() == {"possible": True, "why": ""}


@pytest.mark.parametrize("left, possible", [(WINDOW, False), (WINDOW + timedelta(seconds=1), True)])
def test_services_do_not_start_with_an_expired_one(left: timedelta, possible: bool) -> None:
    answer = back(clock=old().certificate.not_after - left)
    assert answer["possible"] is possible and ("within the window" in answer["why"]) is not possible


def test_there_is_no_way_back_without_certificate_or_key() -> None:
    assert back(uses=[])["possible"], "nothing was there before: the new one stays, and hinders nobody's way back"
    assert OLD in back(stores=[])["why"]
    bare = [stored(old()) if row["RawData"] == old().der else row for row in store_rows()]
    assert not back(stores=bare)["possible"]


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_a_chain_is_drawn_with_what_is_missing_at_its_end() -> None:
    whole = chain_paths(new().certificate, [issuing().certificate], [root().certificate], NOW, "server")[0]
    picture = chain_picture(whole)
    assert [link["role"] for link in picture["path"]] == ["leaf", "intermediate", "root"]
    assert picture["ok"] and picture["missing"] == [] and picture["path"][0]["thumbprint"] == NEW
    broken = chain_picture(chain_paths(new().certificate, [], [root().certificate], NOW, "server")[0])
    assert not broken["ok"] and broken["missing"] == ["Contoso Issuing CA"]


def test_wanted_counts_each_leaf_once() -> None:
    several = wanted()
    assert several.leaves == (new().certificate,) and several.thumbprints == (NEW,)
    both = type(several)({ACCESS: new().certificate, INTERNAL: internal().certificate})
    assert len(both.leaves) == 2 and use_rows(old())
    twice = type(several)(several.uses, several.keys, {"a": (issuing().certificate,), "b": (issuing().certificate,)})
    assert twice.stores.intermediates == (issuing().certificate,), "installed once, wanted by two"
