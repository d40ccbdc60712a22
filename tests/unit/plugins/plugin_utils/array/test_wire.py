# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ports presented before and after, and which of it fails a rollout."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port, judge_port, ports
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import NEW, OLD
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    UNHURRIED,
    issuing,
    new,
    old,
    old_issuing,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued

HOST = "192.0.2.11"
TRUST = [root().certificate]


def port(*chain: Issued, error: str | None = None) -> Port:
    return Port("edge1", "Access Edge", HOST, 443, ACCESS, tuple(one.certificate for one in chain), error)


SILENT = port(error="timed out")
BEFORE = port(old(), old_issuing())


def judge(now: Port, before: Port | None = BEFORE, wanted: str | None = NEW, **more: Any) -> list[Finding]:
    given: dict[str, Any] = {"trust": TRUST, "at": NOW, "assigned": NEW} | more
    return judge_port(now, before, wanted, **given)


def test_a_port_that_presents_the_new_one_complete_is_in_order() -> None:
    assert judge(port(new(), issuing())) == []
    assert judge(port(new(), issuing(), root())) == [], "a root too many does no harm"
    assert judge(port(new(), issuing()), SILENT) == [], "it came up"
    assert judge(port(new(), issuing()), None) == []


def test_a_port_that_still_presents_the_old_one() -> None:
    (found,) = judge(BEFORE)
    assert found.id == "wire.leaf-differs" and found.stops and found.subject == f"Access Edge {HOST}:443"
    assert NEW in found.text and OLD in found.text and "still holds the old one" in found.text
    (other,) = judge(BEFORE, assigned=OLD)
    assert "still holds" not in other.text, "the product says the same as the port"


def test_a_service_that_the_user_may_have_restarted_is_named_with_its_option() -> None:
    (found,) = judge_port(BEFORE, BEFORE, NEW, TRUST, NOW, NEW, restartable=True)
    assert found.text.endswith(f"still holds the old one until it is restarted: name {ACCESS} in rollout_restart")
    (other,) = judge_port(BEFORE, BEFORE, NEW, TRUST, NOW, OLD, restartable=True)
    assert "rollout_restart" not in other.text, "a restart would not help: the product has the old one, too"


def test_a_port_that_presents_no_intermediate() -> None:
    (found,) = judge(port(new()))
    assert found.id == "wire.incomplete" and found.stops and "presents 1 certificate(s)" in found.text
    assert judge(port(new()), trust=()) == [], "without a list of roots there is nothing to judge by"


def test_a_chain_that_is_out_of_date_by_the_member_s_clock() -> None:
    assert [f.id for f in judge(port(new(), issuing()), at=NOW + 400 * DAY)] == ["wire.incomplete"]


def test_a_use_that_is_not_renewed_is_not_compared() -> None:
    assert judge(BEFORE, wanted=None) == []


def test_a_port_that_went_silent() -> None:
    (found,) = judge(SILENT)
    assert found.id == "wire.unreadable" and found.stops and "timed out" in found.text


def test_mail_that_is_turned_away_while_hooks_have_the_member_out_of_service() -> None:
    """Told then, and an error as soon as the member ought to be back; silence of any other kind is one at once."""
    said = "expected 220 as answer to its greeting, found '421 4.3.2 Service not active'"
    (found,) = judge(port(error=said), aside=True)
    assert (found.id, found.severity, found.stops) == ("wire.out-of-service", "info", False) and "421" in found.text
    (found,) = judge(port(error=said))
    assert found.id == "wire.unreadable" and found.stops
    for other in ("timed out", said.replace("'421", "'554"), "STARTTLS is not offered; EHLO was answered with 421"):
        (found,) = judge(port(error=other), aside=True)
        assert found.id == "wire.unreadable" and found.stops
    (found,) = judge(port(error=said), SILENT, aside=True)
    assert found.id == "wire.unreadable-before"


def test_a_port_that_nobody_looked_at_before_is_told_and_not_blamed() -> None:
    (found,) = judge(SILENT, None)
    assert (found.id, found.severity, found.stops) == ("wire.unreadable-before", "warning", False)
    assert found.text == "cannot be read, and nobody looked before: timed out"


@UNHURRIED
@given(
    wanted=st.sampled_from([None, NEW, OLD]),
    assigned=st.sampled_from([None, NEW, OLD]),
    before=st.sampled_from([SILENT, port(error="refused"), port()]),
)
def test_a_port_that_could_not_be_read_before_either_never_fails(
    wanted: str | None, assigned: str | None, before: Port
) -> None:
    (found,) = judge(SILENT, before, wanted, assigned=assigned)
    assert found.id == "wire.unreadable-before" and not found.stops


def test_without_a_reading_from_before_silence_proves_nothing() -> None:
    """Settling has none: a port that this controller never could read must not fail it."""
    (found,) = judge(SILENT, None)
    assert not found.stops and "could be read before" not in found.text and "timed out" in found.text


def row(*chain: Any, **more: Any) -> dict[str, Any]:
    return {"host": HOST, "port": 443, "certificates": list(chain), "error": None, "name": "Access Edge"} | more


OWNERS = {(HOST, 443): ("edge1", ACCESS)}


def test_rows_become_ports_of_their_members() -> None:
    text = [base64.b64encode(one.der).decode() for one in (new(), issuing())]
    for chain in (text, [{"der": one} for one in text]):
        (found,) = ports([row(*chain)], OWNERS)
        assert found == port(new(), issuing()) and found.leaf == new().certificate
        assert found.key == ("edge1", "Access Edge", HOST, 443, "")


def test_a_port_of_nobody_and_without_a_name() -> None:
    (found,) = ports([row(name=None, port="5061", error="refused")], OWNERS)
    assert (found.member, found.use, found.name) == ("", "", f"{HOST}:5061")
    assert found.leaf is None and found.error == "refused"


@pytest.mark.parametrize("junk", ["!!!", base64.b64encode(b"junk").decode(), "AAA"])
def test_what_cannot_be_read_is_a_port_that_could_not_be_read(junk: str) -> None:
    (found,) = ports([row(junk)], OWNERS)
    assert found.leaf is None and "cannot be read" in str(found.error)
