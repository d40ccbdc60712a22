# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call to an Exchange server fails once, and the connection breaks at every command: there is a way back."""

from __future__ import annotations

import re

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.services import DEFAULT
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_steps import (
    go,
    ready_for,
    told,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_exchange import (
    FakeExchange,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error


def plain(call: str) -> str:
    """The id of a call without the thumbprint, which is another one in every run of the tests."""
    return re.sub("-[0-9A-F]{40}", "", call)


def documents(phase: str) -> list[list[str]]:
    fake, seen, gate = ready_for(phase)
    go(phase, fake, seen, gate)
    return [[plain(call) for call in document] for document in fake.documents]


CALLS = [(p, n, call) for p in ("switch", "prove", "take_back") for n, d in enumerate(documents(p)) for call in d]
NEEDED = {"services", "stores", "certificates", "transport", "bindings", "POP", "IMAP", "journal"}


def optional(phase: str, number: int, call: str) -> bool:
    """What a server of another version has not, and what is only told."""
    return not call.startswith(("journal", "unlock", "grant", "copy", "enable", "default", "name-", "stop", "start",
                                "lock", "back", "out")) and call not in NEEDED  # fmt: skip


@pytest.mark.parametrize(("phase", "number", "call"), [case for case in CALLS if not optional(*case)])
def test_a_call_that_fails_is_told_and_nothing_but_a_read_follows(phase: str, number: int, call: str) -> None:
    fake, seen, gate = ready_for(phase)
    fake.fail = lambda n, c: error() if (n, plain(c.id)) == (number, call) else None
    with pytest.raises(PhaseFailed, match="ex1.*Access is denied.") as failed:
        go(phase, fake, seen, gate)
    assert not any(fake.writes[number + 1 :])
    after = failed.value.evidence
    assert after is None or (after.settings[DEFAULT], dict(after.services)) == (fake.default, fake.services)
    assert after is not None or (phase, number) == ("take_back", 0), "whoever has answered before is asked again"


@pytest.mark.parametrize(("phase", "number"), sorted({case[:2] for case in CALLS}))
@pytest.mark.parametrize("when", ["before", "after"])
def test_from_wherever_a_connection_broke_there_is_a_way_back(phase: str, number: int, when: str) -> None:
    fake, seen, gate = ready_for(phase)
    fake.lost = {number: when}
    with pytest.raises(HostLost):
        go(phase, fake, seen, gate)
    fake.forget()
    go("take_back", fake)
    assert fake.looks() == FakeExchange().looks() or phase == "prove" and told(fake).state == "done"


@pytest.mark.parametrize(
    "call", ["grant", "copy", "enable", "default-back", "name-POP", "stop", "start", "journal-after"]
)
def test_from_wherever_a_switch_stopped_there_is_a_way_back(call: str) -> None:
    fake, seen, gate = ready_for("switch")
    fake.fail = lambda number, one: error() if one.id == call else None
    with pytest.raises(PhaseFailed):
        go("switch", fake, seen, gate)
    fake.forget()
    go("take_back", fake)
    assert fake.looks() == FakeExchange().looks() and told(fake).state == "taken-back"
