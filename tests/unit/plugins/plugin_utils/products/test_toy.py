# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the toy says that no other product does; all that it has in common with them is test_every_product's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_toy import FakeToy
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import NEW, error
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.conftest import taken_in
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.subjects import (
    NEXT,
    SUBJECTS,
    Subject,
)


@pytest.fixture
def toy() -> Iterator[Subject]:
    with taken_in():
        yield SUBJECTS["toy"]


def test_a_directory_that_names_another_certificate_is_told(toy: Subject) -> None:
    fake = FakeToy()
    assert not list(toy.product.check("toy1", toy.look(fake).state))
    fake.told["Published"] = "AB" * 20
    (found,) = toy.product.check("toy1", toy.look(fake).state)
    assert found.id == "toy.unpublished" and "AB" * 20 in found.text and not found.stops


def test_a_greeting_that_moved_fails_the_switch_and_the_way_back_gives_it_back(toy: Subject) -> None:
    fake, run = FakeToy(forgets=True), toy.run()
    evidence, gate = toy.ready(fake, run)
    before = fake.looks()
    with pytest.raises(PhaseFailed, match="the greeting was 'hello' and is 'welcome'") as failed:
        toy.go("switch", fake, run, evidence, gate)
    assert failed.value.finding == "toy.greeting-moved"
    toy.go("take_back", fake, run)
    assert fake.looks() == before


def test_a_step_behind_the_switches_is_for_the_last_member_alone(toy: Subject) -> None:
    evidence = toy.go("read", FakeToy(), toy.run())
    whole = toy.product.array("toy", {"toy1": evidence, "toy2": evidence}, toy.product.own({}))
    assert list(whole.after) == ["toy2"] and not whole.plans and not whole.before
    fake = FakeToy()
    done = toy.renew(fake, toy.run())
    again = toy.look(fake).evidence
    assert not toy.product.array("toy", {"toy1": again}, toy.product.own({})).after, done


def test_a_new_run_gives_back_what_one_that_was_cut_off_had_moved(toy: Subject) -> None:
    """What is there now is not what was there: the journal of the run that did not end has the greeting."""
    fake, run = FakeToy(forgets=True), toy.run()
    evidence, gate = toy.ready(fake, run)
    fake.forget()
    fake.fail = lambda number, call: error("the process ended") if call.id == "bind-Console" else None
    with pytest.raises(PhaseFailed, match="the process ended"):
        toy.go("switch", fake, run, evidence, gate)
    assert fake.told["Greeting"] == "welcome"
    fake.forget()
    fake.forgets = False
    toy.renew(fake, toy.run(run=NEXT, take_over=run.run))
    assert fake.told["Greeting"] == "hello" and set(fake.held.values()) == {NEW}
