# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against giving an Edge server a certificate."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.judge import leaf_problems, use_problems
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import ids, wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    INTERNAL,
    NAMES,
    assigned,
    issuing,
    keyed,
    old,
    state,
    store_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, issue


def leaf(*names: str, **knobs: Any) -> Issued:
    return issue(names[0], issuing(), **{"names": names, "not_before": NOW - DAY, **knobs})


def found(issued: Issued, use: str = ACCESS, names: tuple[str, ...] = (), **more: Any) -> list[Any]:
    want, here = wanted(issued, (use,)), state(**more)
    return [*use_problems(want, here, names), *leaf_problems(want, here)]


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
