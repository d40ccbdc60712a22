# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all actions: read, plan, apply, confirm; and each error in the form that Ansible and a user know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils import base
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import (
    CertificateAction,
    Stop,
    Unconfirmed,
    aware,
    diff_of,
    raise_errors,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import deps
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import CertificateError
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Change
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    Call,
    CallError,
    OutcomeUnknown,
    Reply,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost, KeyRefused, WriteRefused
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error, host
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import UNHURRIED

READ = (Call("look", "Get-Journal"),)
WRITE = Call("write", "Set-Journal", {"Run": "r", "Text": "new"})


class Journal:
    """A host with one value; ``forgetful`` accepts a change and does not make it."""

    def __init__(self, text: str | None = None, forgetful: bool = False, **errors: Any) -> None:
        self.text, self.forgetful, self.errors = text, forgetful, errors
        self.sent: list[list[str]] = []

    def read(self, load: Sequence[str], calls: Sequence[Call]) -> Reply:
        return self._run(calls)

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool) -> Reply:
        assert not check_mode
        return self._run(calls)

    def _run(self, calls: Sequence[Call]) -> Reply:
        self.sent.append([call.id for call in calls])
        answers: dict[str, Answer] = {}
        for call in calls:
            if any(answer.error for answer in answers.values()):
                answers[call.id] = Answer(not_run=True)
            elif call.id in self.errors:
                answers[call.id] = Answer(error=self.errors[call.id])
            else:
                if call.kind == "write" and not self.forgetful:
                    self.text = call.parameters["Text"]
                answers[call.id] = Answer(({"Text": self.text},))
        return Reply(host(), answers)


def plan(reply: Reply) -> list[Change]:
    """The value has to be ``new``."""
    text = next(iter(reply.rows("look")), {}).get("Text")
    return [] if text == "new" else [Change("write", "journal", text or "", "new", (WRITE,))]


class Action(CertificateAction):
    """Does what the test says."""

    todo: Any = None

    def act(self, options: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        if isinstance(self.todo, Exception):
            raise self.todo
        return {"changed": True}


def action(todo: Any = None, check_mode: bool = False, connection: Any = None) -> Action:
    task = MagicMock(args={}, check_mode=check_mode, diff=False, async_val=0, no_log=False, delegate_to=None)
    task.action = "ucops.certificates.store"
    made = Action(task, connection or MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    made.todo = todo
    return made


# -- converge ----------------------------------------------------------------------------------------------------------


def test_a_change_is_made_and_read_back_in_one_command() -> None:
    member = Journal("old")
    changes, reply = action().converge(member, (), READ, plan)  # type: ignore[arg-type]
    assert member.sent == [["look"], ["write", "look"]] and member.text == "new"
    assert [c.as_line() for c in changes] == ["journal: old -> new"] and plan(reply) == []


def test_nothing_to_do_is_one_read() -> None:
    member = Journal("new")
    assert action().converge(member, (), READ, plan)[0] == []  # type: ignore[arg-type]
    assert member.sent == [["look"]]


def test_check_mode_plans_the_same_and_sends_no_change() -> None:
    member = Journal("old")
    changes, _ = action(check_mode=True).converge(member, (), READ, plan)  # type: ignore[arg-type]
    assert len(changes) == 1 and member.sent == [["look"]] and member.text == "old"


def test_a_change_that_did_not_take_is_told_with_what_is_left() -> None:
    with pytest.raises(Unconfirmed, match="still shows the old state: journal: old -> new") as failed:
        action().converge(Journal("old", forgetful=True), (), READ, plan)  # type: ignore[arg-type]
    assert failed.value.result == {"changed": True}


@pytest.mark.parametrize("call", ["look", "write"])
def test_a_call_that_fails_ends_it(call: str) -> None:
    member = Journal("old", **{call: error("Access is denied.", "denied")})
    with pytest.raises(Stop, match="failed on EDGE1: Access is denied") as failed:
        action().converge(member, (), READ, plan)  # type: ignore[arg-type]
    assert failed.value.result["remote_error"] == "denied" and member.text == "old"


def test_an_optional_call_may_fail() -> None:
    reply = Reply(host(load_error="no module"), {"a": Answer(error=error()), "b": Answer()})
    raise_errors(reply, [Call("a", "Get-Journal", optional=True), Call("b", "Get-Journal")])
    with pytest.raises(Stop, match="no module"):
        raise_errors(reply, [Call("a", "Get-Journal")])


def test_a_diff_reads_like_the_plan() -> None:
    changes = [Change("add", "LocalMachine\\CA", "", "CA 1"), Change("remove", "LocalMachine\\My", "leaf", "")]
    assert diff_of("edge1", changes) == {
        "before_header": "edge1", "after_header": "edge1",
        "before": "LocalMachine\\CA: absent\nLocalMachine\\My: leaf\n",
        "after": "LocalMachine\\CA: CA 1\nLocalMachine\\My: absent\n",
    }  # fmt: skip


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raised, result",
    [
        (Stop("stopped", finding="x.y", left=1), {"msg": "stopped", "finding": "x.y", "left": 1}),
        (Unconfirmed("left", changed=True), {"msg": "left", "changed": True}),
        (InputError("trust.unreadable", "no list"), {"msg": "no list", "finding": "trust.unreadable"}),
        (BundleError("bundle.no-key", "no key"), {"msg": "no key", "finding": "bundle.no-key"}),
        (CertificateError("not DER"), {"msg": "not DER"}),
        (deps.DependencyError("install cryptography"), {"msg": "install cryptography"}),
        (KeyRefused("set https"), {"msg": "set https", "finding": "transport.insecure"}),
        (WriteRefused("check mode"), {"msg": "check mode"}),
        (CallError("two calls"), {"msg": "two calls"}),
        (OutcomeUnknown("cut off", may_have_applied=True), {"msg": "cut off", "may_have_applied": True}),
        (OutcomeUnknown("cut off", may_have_applied=False), {"msg": "cut off", "may_have_applied": False}),
    ],
)
def test_each_error_is_a_failed_task_with_its_id(raised: Exception, result: dict[str, Any]) -> None:
    given = action(raised).run(task_vars={})
    assert given["failed"] is True and given | result == given


def test_a_lost_host_is_unreachable_not_failed() -> None:
    with pytest.raises(AnsibleConnectionFailure, match="no route"):
        action(HostLost("no route", may_have_applied=True)).run(task_vars={})


def test_an_error_of_our_own_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        action(ZeroDivisionError()).run(task_vars={})


def test_without_cryptography_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise deps.DependencyError("install cryptography on the controller")

    monkeypatch.setattr(base.deps, "require", missing)
    assert "install cryptography" in action(AssertionError("was tried")).run(task_vars={})["msg"]


def test_a_good_task_says_what_act_says() -> None:
    assert action().run(task_vars={})["changed"] is True


def test_a_host_that_is_no_windows_is_refused_with_what_to_set() -> None:
    connection = MagicMock(transport="ssh", _shell=SimpleNamespace())
    with pytest.raises(Stop, match="Set ansible_connection") as refused:
        action(connection=connection).host({"inventory_hostname": "edge1"})
    assert "edge1" in str(refused.value) and "'ssh'" in str(refused.value)


# -- instants ----------------------------------------------------------------------------------------------------------


@UNHURRIED
@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_in_every_zone(moment: datetime, minutes: int) -> None:
    utc = moment.replace(tzinfo=timezone.utc)
    there = utc.astimezone(timezone(timedelta(minutes=minutes)))
    assert aware(there.isoformat(), "at") == utc and aware(there.isoformat(), "at").tzinfo is timezone.utc


def test_z_is_utc() -> None:
    assert aware(" 2026-11-24T02:00:00Z ", "at") == datetime(2026, 11, 24, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-11-24", "2026-11-24T02:00:00", "2026-13-24T02:00:00Z"])
def test_a_local_time_or_none_at_all_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="effective_date") as refused:
        aware(text, "effective_date")
    assert refused.value.id == "input.instant"
