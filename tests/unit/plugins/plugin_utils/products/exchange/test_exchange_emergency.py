# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves along on an Exchange server where its certificate has expired or its key is compromised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import DEFAULT
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Emergency
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    STAGED,
    evidence,
    settings,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import journal
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    NAMES,
    issuing,
    made,
    server,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, issue, rsa_key

EXPIRED, COMPROMISED = Emergency("expired"), Emergency("compromised")
NEW, OLD, SELF = (made(kind).thumbprint for kind in ("new", "old", "self"))
LATE = NOW + 21 * DAY
"""A day after the certificate in use has ended."""


def urgent(cause: Emergency, **more: Any) -> Settings:
    return settings(emergency=cause, **more)


def told(run: Settings, want: Wanted | None = None, clock: Any = NOW, **given: Any) -> Any:
    return evidence(replace(state(**{**STAGED, **given}), clock=clock), run, want)


@pytest.mark.parametrize("asked", [None, "keep"])
def test_a_default_smtp_certificate_with_the_replaced_key_moves_along(asked: str | None) -> None:
    seen = told(urgent(COMPROMISED, default_smtp=asked), default="old")
    assert seen.plan.settings[DEFAULT].after == NEW
    (found,) = [f for f in seen.findings if f.id == "exchange.default-smtp-moves"]
    assert not found.stops and "must not stay" in found.text
    assert not [f.id for f in seen.findings if f.stops and f.id.startswith("exchange.default")]
    ordinary = told(settings(default_smtp=asked), default="old")
    assert ordinary.plan.settings.get(DEFAULT) is None or ordinary.plan.settings[DEFAULT].after == OLD


def test_one_that_has_expired_or_is_gone_moves_along_too_and_the_server_s_own_stays() -> None:
    late = told(urgent(EXPIRED), clock=LATE, default="old")
    assert late.plan.settings[DEFAULT].after == NEW and "exchange.default-smtp-moves" in {f.id for f in late.findings}
    gone = told(urgent(EXPIRED), clock=LATE, default="wildcard")
    assert gone.plan.settings[DEFAULT].after == NEW
    own = told(urgent(COMPROMISED))
    assert own.plan.settings[DEFAULT].after == SELF
    assert "exchange.default-smtp-moves" not in {f.id for f in own.findings}


def older() -> Any:
    return issue(
        NAMES[0], issuing(), names=NAMES, not_before=NOW - 350 * DAY, not_after=NOW + 90 * DAY, key=rsa_key(which=2)
    ).certificate


@pytest.mark.parametrize(
    ("cause", "clock", "id"),
    [
        (EXPIRED, LATE, "emergency.older"),
        (COMPROMISED, NOW, "leaf.older-than-current"),  # SMTP would go on choosing the compromised one
        (EXPIRED, NOW, "leaf.older-than-current"),  # and the one in use as long as it lives
        (Emergency(), LATE, "leaf.older-than-current"),
    ],
)
def test_a_spare_certificate_does_where_smtp_does_not_choose_the_other_one(
    cause: Emergency, clock: Any, id: str
) -> None:
    found = [f.id for f in told(urgent(cause), wanted(older()), clock).findings if "older" in f.id]
    assert found == [id]


def test_what_a_run_that_broke_off_left_down_is_started() -> None:
    at = server()
    down = replace(at, services={**at.services, "MSExchangePop3": "Stopped"})
    left = journal("switching", array="exchange", members=("ex1", "ex2"), uses={}, services=("MSExchangePop3",))
    seen = evidence(state(down, **STAGED), urgent(EXPIRED), journal=left)
    assert seen.plan.start == ("MSExchangePop3",) and "MSExchangePop3" in seen.plan.run
    assert [f.severity for f in seen.findings if f.id == "journal.unfinished"] == ["warning"]
    assert evidence(state(down, **STAGED), settings(), journal=left).plan.start == ()
