# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call of every phase fails once, and the connection breaks at every command: what is told is what is there.

Three rules: a change is written down on the member before it is made; behind a failure nothing but a read is sent; and
whatever half of a switch was made, taking it back leaves the member as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, RemoteError
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    NEW,
    OLD,
    RUN,
    error,
    settings,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import (
    SETTLE,
    gate_over,
    go,
    ready_for,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    SERVICES,
    UNHURRIED,
    new,
)

PHASES = ("read", "roll", "switch", "prove", "settle", "take_back", "unroll")
UP = dict.fromkeys(SERVICES, "Running")
OPTIONAL = ("presented", "av", "version", "events")


def plain(call: str) -> str:
    """The id of a call without the thumbprint, which is another one in every run of the tests."""
    return re.sub("-[0-9A-F]{40}", "", call)


def failing(number: int, call: str) -> Callable[[int, Call], RemoteError | None]:
    """That call of that document fails."""
    return lambda n, c: error() if (n, plain(c.id)) == (number, call) else None


def start(phase: str, busy: int = 0) -> tuple[FakeEdge, Any]:
    """A member before that phase, and what runs the phase on it."""
    fake, seen, gate = ready_for(phase)
    fake.busy = busy
    return fake, lambda: go(phase, fake, seen, gate, SETTLE if phase == "settle" else None)


@cache
def documents(phase: str, busy: int = 0) -> tuple[tuple[str, ...], ...]:
    """The documents of that phase when all goes well."""
    fake, run = start(phase, busy)
    run()
    return tuple(tuple(plain(call) for call in document) for document in fake.documents)


CALLS = [(phase, n, call) for phase in PHASES for n, document in enumerate(documents(phase)) for call in document]
DOCUMENTS = [(phase, n) for phase in PHASES for n in range(len(documents(phase)))]


def true(fake: FakeEdge, evidence: Evidence) -> None:
    """What is told of the member is what is there."""
    assert evidence.assigned == fake.uses
    assert evidence.services == fake.services
    assert evidence.locked is (fake.lock is not None and fake.lock["Run"] in (RUN, SETTLE.run))
    assert (evidence.journal and evidence.journal.dumps()) == fake.journal


def written_down(fake: FakeEdge, phase: str) -> None:
    """Each change was made under this run's lock and, but for staging, with the journal saying that it was coming."""
    for made in fake.made:
        assert made.holder in (RUN, SETTLE.run), made
        if phase in ("roll", "switch", "take_back"):
            assert made.state in records.OPEN, made


@pytest.mark.parametrize("phase", PHASES)
def test_a_change_is_written_down_before_it_is_made(phase: str) -> None:
    fake, run = start(phase)
    run()
    written_down(fake, phase)
    assert phase in ("read", "prove") or fake.made


@pytest.mark.parametrize("phase, number, call", CALLS)
def test_a_call_that_fails(phase: str, number: int, call: str) -> None:
    fake, run = start(phase)
    fake.fail = failing(number, call)
    if call in OPTIONAL:
        true(fake, run()["evidence"])
        return
    with pytest.raises(PhaseFailed) as failed:
        run()
    assert "edge1" in str(failed.value) and "Access is denied." in str(failed.value)
    written_down(fake, phase)
    assert not any(fake.writes[number + 1 :]), "behind a failure nothing but a read is sent"
    if failed.value.evidence is not None:
        true(fake, failed.value.evidence)
    else:
        assert number == 0 and phase in ("read", "take_back"), "whoever has answered before is asked again"


@pytest.mark.parametrize("number, call", [case[1:] for case in CALLS if case[0] == "switch"])
def test_a_member_that_cannot_even_be_read_after_it_is_unknown(number: int, call: str) -> None:
    fake, run = start("switch")
    once = failing(number, call)
    fake.fail = lambda n, c: error() if n > number and c.id == "stores" else once(n, c)
    with pytest.raises(PhaseFailed) as failed:
        run()
    assert failed.value.evidence is None, "nothing is known, so nothing is told"


@pytest.mark.parametrize("phase, number", DOCUMENTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_breaks(phase: str, number: int, when: str) -> None:
    fake, run = start(phase)
    fake.lost = {number: when}
    with pytest.raises(HostLost) as lost:
        run()
    assert len(fake.documents) == number + 1, "it is the array's turn now"
    assert lost.value.may_have_applied is fake.writes[number]
    written_down(fake, phase)


@pytest.mark.parametrize("phase, number", DOCUMENTS)
def test_an_answer_that_is_cut_off_is_followed_by_a_read(phase: str, number: int) -> None:
    """Whether it took effect is not known until the member is asked again."""
    fake, run = start(phase)
    fake.garbled = {number}
    with pytest.raises(PhaseFailed, match="cut off") as failed:
        run()
    assert fake.writes[number + 1 :] == [False]
    assert failed.value.evidence is not None
    true(fake, failed.value.evidence)


# -- the way back, from wherever the switch stopped --------------------------------------------------------------------


def broken_switch(what: str, number: int, call: str, busy: int) -> FakeEdge:
    fake, run = start("switch", busy)
    if what == "fails":
        fake.fail = failing(number, call)
    elif what == "garbled":
        fake.garbled = {number}
    else:
        fake.lost = {number: what}
    with pytest.raises((PhaseFailed, HostLost)):
        run()
    fake.forget()
    return fake


BUSY = 8
BREAKS = [("fails", n, call) for n, document in enumerate(documents("switch")) for call in document]
BREAKS += [(what, n, "") for what in ("before", "after", "garbled") for n in range(len(documents("switch")))]
BUSY_BREAKS = [(what, n, "") for what in ("before", "after", "garbled") for n in range(len(documents("switch", BUSY)))]


@pytest.mark.parametrize("what, number, call, busy", [(*b, 0) for b in BREAKS] + [(*b, BUSY) for b in BUSY_BREAKS])
def test_taking_back_leaves_the_member_as_it_was(what: str, number: int, call: str, busy: int) -> None:
    fake = broken_switch(what, number, call, busy)
    fake.busy = 0
    evidence = go("take_back", fake)["evidence"]
    assert (fake.uses[ACCESS], fake.uses[DATA], fake.uses[AV]) == (OLD, OLD, OLD)
    assert fake.services == UP
    true(fake, evidence)
    written_down(fake, "take_back")
    left = Journal.loads(fake.journal) if fake.journal else None
    assert left is None or left.state not in records.OPEN


@pytest.mark.parametrize("number, call", [case[1:] for case in CALLS if case[0] == "take_back"])
@pytest.mark.parametrize("what", ["fails", "before", "after"])
def test_taking_back_can_be_repeated_until_it_is_done(number: int, call: str, what: str) -> None:
    fake, run = start("take_back")
    if what == "fails":
        fake.fail = failing(number, call)
    else:
        fake.lost = {number: what}
    if what != "fails" or call not in OPTIONAL:
        with pytest.raises((PhaseFailed, HostLost)):
            run()
    fake.forget()
    go("take_back", fake)
    assert fake.uses[ACCESS] == fake.uses[DATA] == OLD and fake.services == UP


# -- the way forward, from wherever an earlier run stopped -------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(documents("read"))))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_key_is_imported_once_however_often_staging_broke(number: int, when: str) -> None:
    fake, run = start("read")
    fake.lost = {number: when}
    with pytest.raises(HostLost):
        run()
    imports = [m for m in fake.made if m.call.startswith("import")]
    fake.forget()
    result = go("read", fake, run=settings(run="20261123T130000Z-0002", take_over=RUN))
    imports += [m for m in fake.made if m.call.startswith("import")]
    assert len(imports) == 1 and result["evidence"].ready and not result["evidence"].forecast
    assert [row["RawData"] for row in fake.stores].count(new().der) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("shows_roll", [True, False])
def test_a_roll_that_broke_is_made_again_or_adopted(when: str, shows_roll: bool) -> None:
    fake, seen, gate = ready_for("roll", shows_roll=shows_roll)
    fake.lost = {0: when}
    with pytest.raises(HostLost):
        go("roll", fake, seen, gate)
    fake.forget()
    again = go("read", fake)["evidence"]
    assert again.pending[AV].state == ("scheduled" if when == "after" else "needed")
    if when == "before":
        go("roll", fake, again, gate)
    assert fake.successor is not None and fake.successor[0] == NEW
    assert fake.uses[AV] == OLD


# -- everything at once ------------------------------------------------------------------------------------------------


def renewed(fake: FakeEdge) -> bool:
    """A renewal as the role makes it: True when it came to its end."""
    try:
        seen = go("read", fake)["evidence"]
        gate = gate_over(seen)
        for phase in ("roll", "switch", "prove"):
            seen = go(phase, fake, seen, gate)["evidence"]
    except (PhaseFailed, HostLost):
        return False
    return True


def until_done(fake: FakeEdge, phase: str) -> None:
    """Whoever is refused tries again, as often as something can break."""
    for left in reversed(range(6)):
        try:
            seen = go("read", fake, check_mode=True)["evidence"] if phase == "unroll" else None
            if phase == "take_back" or (seen.journal is not None and seen.journal.roll is not None):
                go(phase, fake, seen)
            return
        except (PhaseFailed, HostLost):
            if not left:
                raise


@hypothesis.settings(UNHURRIED, max_examples=40)
@given(
    faults=st.dictionaries(st.integers(0, 14), st.sampled_from(["before", "after", "garbled"]), max_size=4),
    busy=st.integers(0, 6),
    shows_roll=st.booleans(),
)
def test_whatever_breaks_the_member_ends_renewed_or_as_it_was(
    faults: dict[int, str], busy: int, shows_roll: bool
) -> None:
    fake = FakeEdge(busy=busy, shows_roll=shows_roll)
    fake.garbled = {number for number, what in faults.items() if what == "garbled"}
    fake.lost = {number: what for number, what in faults.items() if what != "garbled"}
    if renewed(fake):
        assert fake.uses[ACCESS] == fake.uses[DATA] == NEW
    else:
        until_done(fake, "take_back")
        assert fake.uses[ACCESS] == fake.uses[DATA] == OLD
    assert fake.services == UP and fake.uses[AV] == OLD, "nobody's calls were cut"
    assert [row["RawData"] for row in fake.stores].count(new().der) <= 1, "one key, one container"
    if fake.journal and records.read(fake.journal).roll is not None:
        until_done(fake, "unroll")
        assert fake.successor is None and fake.uses[AV] == OLD
    written_down(fake, "renewal")
