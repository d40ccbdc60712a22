# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Edge pool does at once where its certificate has expired or its key is compromised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import plan
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.judge import av_findings, use_problems
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.own import EdgeOwn
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.roll import Standing, decide
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Both, Confirmed, Emergency, Plan
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    LATER,
    NEW,
    OLD,
    ids,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    NAMES,
    SERVICES,
    assigned,
    issuing,
    new,
    old,
    state,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, issue

EXPIRED, COMPROMISED = Emergency("expired"), Emergency("compromised")
LIFETIME = timedelta(hours=8)
MEMBERS = ("edge1", "edge2", "edge3")


def roll(emergency: Emergency, ends: Any, **standings: str) -> Any:
    at = {m: Standing(s, LATER if s == "scheduled" else None, "OLD") for m, s in standings.items()}  # type: ignore[arg-type]
    return decide(at, NOW, ends, LIFETIME, emergency=emergency)


def test_what_is_compromised_waits_for_no_instant() -> None:
    whole = roll(COMPROMISED, NOW + 30 * DAY, edge1="scheduled", edge2="needed", edge3="first")
    assert (whole.action, whole.members, whole.instant) == ("replace", MEMBERS, None)
    rest = roll(COMPROMISED, NOW + 30 * DAY, edge1="done", edge2="scheduled", edge3="done")
    assert (rest.action, rest.members) == ("replace", ("edge2",)), "nobody is told that its instant has passed"
    assert roll(COMPROMISED, None, edge1="done").action == "none"


@pytest.mark.parametrize(
    ("hours", "action"), [(-1, "replace"), (8, "replace"), (8.4, "replace"), (9, "roll"), (99, "roll")]
)
def test_what_expired_is_rolled_only_where_its_own_certificate_outlives_the_tokens(hours: float, action: str) -> None:
    found = roll(EXPIRED, NOW + timedelta(hours=hours), edge1="needed", edge2="needed")
    assert (found.action, found.members) == (action, ("edge1", "edge2"))


def test_an_instant_that_the_certificate_in_use_does_not_live_to_see_is_not_waited_for() -> None:
    found = roll(EXPIRED, NOW - DAY, edge1="scheduled", edge2="scheduled")
    assert (found.action, found.members) == ("replace", ("edge1", "edge2"))
    assert roll(Emergency(), NOW - DAY, edge1="scheduled", edge2="scheduled").action == "none", "an ordinary run waits"


def test_everything_that_is_down_is_started_and_what_hangs_is_stopped_first() -> None:
    status = {**dict.fromkeys(SERVICES, "Stopped"), "REPLICA": "Running", "RTCSRV": "StartPending", "XMPP": "Stopped"}
    made = plan.brought_up(Plan(), (ACCESS,), status, ("XMPP", "GONE"))
    assert (made.stop, made.start, made.run) == (("RTCSRV",), ("RTCSRV", "XMPP"), ("REPLICA", "RTCSRV", "XMPP"))
    assert plan.brought_up(Plan(), (ACCESS,), dict.fromkeys(SERVICES, "Running"), ()) == Plan()


def test_a_successor_that_still_waits_behind_a_replacement_is_left() -> None:
    waiting = [*use_rows(new()), assigned(AV, old(), LATER, new())]
    done = Plan(uses={AV: Both(OLD, NEW)})
    assert EDGE.left(done, state(uses=waiting)) == (f"{AV}: {OLD} still waits for its instant",)
    assert EDGE.left(done, state(uses=use_rows(new()))) == ()
    assert EDGE.left(Plan(uses={ACCESS: Both(OLD, NEW)}), state(uses=waiting)) == (), "it was not replaced at once"


@pytest.mark.parametrize("cause", [EXPIRED, COMPROMISED, Emergency()])
def test_an_older_certificate_is_no_step_back(cause: Emergency) -> None:
    spare = issue(NAMES[0], issuing(), names=NAMES, not_before=NOW - 340 * DAY)
    (problem,) = use_problems(wanted(spare, (ACCESS,)), state(), (), cause)
    assert problem.id == ("emergency.older" if cause else "leaf.older-than-current")


def test_a_use_that_follows_after_its_instant_has_no_certificate_of_its_own() -> None:
    here = state(uses=use_rows(new(), old()))
    other = issue(NAMES[0], issuing(), names=NAMES)
    want = wanted(other)
    assert ids(av_findings("edge1", EdgeOwn(), want, here)) == ["product.av-own-certificate"]
    assert ids(av_findings("edge1", EdgeOwn(), want, here, Confirmed(NEW, LATER, OLD))) == []
    assert ids(av_findings("edge1", EdgeOwn(), want, here, Confirmed(OLD, LATER, OLD))) == [
        "product.av-own-certificate"
    ]
    shown = state(uses=[*use_rows(new(), old()), assigned(AV, new(), LATER, old())])
    assert ids(av_findings("edge1", EdgeOwn(), want, shown)) == []
