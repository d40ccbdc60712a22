# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Exchange server out of service and back: what is read, refused, planned, waited for and put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange import condition as seeing
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange import maintenance as plans
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.condition import (
    Condition,
    Copy,
    Remembered,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Server, version_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Change
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    HostFacts,
    RemoteError,
    Reply,
)

NEW, OLD = (Server("EX1", version_of(text), {}) for text in ("15.2.1544.14", "14.3.513.0"))
HOST = HostFacts("EX1", "5.1", "4", "10.0", 64, None, "CORP\\admin", True, "FullLanguage", "en-US")
ACTIVE = {"ServerWideOffline": "Active", "HubTransport": "Active"}
TARGETS = {"ex2": ("ex2.corp.contoso.example", "Active")}


def condition(server: Server = NEW, **more: Any) -> Condition:
    """A server in service: DB1 is mounted here, with a healthy copy on EX2."""
    usual: dict[str, Any] = {
        "record": None,
        "components": ACTIVE if server is NEW else {},
        "waiting": 3,
        "policy": "Unrestricted",
        "disabled": False,
        "barred": frozenset(),
        "copies": (Copy("DB1", "EX1", "Mounted"), Copy("DB2", "EX1", "Healthy"), Copy("DB1", "EX2", "Healthy")),
        "targets": TARGETS if server is NEW else {},
    }
    return Condition(server, **{**usual, **more})


def names(changes: tuple[Change, ...]) -> list[str]:
    """The cmdlets of changes, in their order."""
    return [call.name for change in changes for call in change.calls]


def answers(**rows: Any) -> Reply:
    """A reply; an answer that is a text is an error."""
    made = {
        name.replace("__", " "): Answer(error=RemoteError(found, "", "", ""))
        if isinstance(found, str)
        else Answer(found)
        for name, found in rows.items()
    }
    return Reply(HOST, made)


# -- reading -----------------------------------------------------------------------------------------------------------


def queue(kind: str, count: int, name: str = "3", hop: str = "db1") -> Mapping[str, Any]:
    return {"DeliveryType": kind, "MessageCount": count, "Identity": f"EX1\\{name}", "NextHopDomain": hop}


def test_what_no_draining_takes_away_is_not_waited_for() -> None:
    rows = (
        queue("SmtpDeliveryToMailbox", 4),
        queue("ShadowRedundancy", 90),
        queue("Undefined", 7, "Poison", "Poison Message"),
        queue("Undefined", 1, "Submission", "Submission"),
    )
    assert seeing.waiting_of(answers(queues=rows)) == 5
    assert seeing.waiting_of(answers(queues="the RPC server is unavailable")) is None
    assert seeing.waiting_of(answers()) is None


def test_a_read_becomes_a_condition() -> None:
    servers = (
        {"Name": "EX1", seeing.POLICY: "IntrasiteOnly", seeing.DISABLED: False},
        {"Name": "EX2", seeing.POLICY: "Unrestricted", seeing.DISABLED: True},
        {"Name": "EX3", seeing.POLICY: "Blocked", seeing.DISABLED: False},
    )
    here = ({"DatabaseName": "DB1", "MailboxServer": "ex1", "Status": "Mounted"},)
    reply = answers(
        record=({"Text": Remembered(policy="Unrestricted").dumps()},),
        components=({"Component": "HubTransport", "State": "Draining"},),
        target__ex2=({"ServerFqdn": "ex2.corp.contoso.example", "State": "Active"},),
        servers=servers,
        here=here,
        queues=(),
    )
    seen = seeing.see(NEW, reply, ("ex2", "ex4"))
    assert seen.record == Remembered(policy="Unrestricted") and seen.components == {"HubTransport": "Draining"}
    assert (seen.policy, seen.disabled, seen.barred) == ("IntrasiteOnly", False, {"EX2", "EX3"})
    assert seen.mounted == ("DB1",) and seen.waiting == 0 and seen.target == "ex2.corp.contoso.example"
    assert seen.targets["ex4"] == ("", "")
    others = answers(copies__DB1=(*here, {"DatabaseName": "DB1", "MailboxServer": "EX2", "Status": "Failed"}))
    assert seeing.with_others(seen, others).copies == (Copy("DB1", "EX1", "Mounted"), Copy("DB1", "EX2", "Failed"))


def test_a_server_without_the_mailbox_role_has_no_databases() -> None:
    seen = seeing.see(OLD, answers(servers=(), here="not a Mailbox server", record=({"Text": None},)), ())
    assert (seen.policy, seen.copies, seen.record) == (None, (), None)
    assert plans.entering(seen, True) == () and plans.refusals(seen, True) == ()


def test_copies_that_could_not_be_read_are_no_copies_that_are_not_there() -> None:
    servers = ({"Name": "EX1", seeing.POLICY: "Unrestricted"},)
    with pytest.raises(ValueError, match="could not be read: RPC"):
        seeing.see(OLD, answers(servers=servers, here="RPC"), ())


def test_each_version_is_asked_what_it_knows() -> None:
    new, old = ({call.id: call for call in seeing.read_calls(server, ("ex2",))} for server in (NEW, OLD))
    states = [call for call in new.values() if call.name == "Get-ServerComponentState"]
    assert [call.parameters["Identity"] for call in states] == ["EX1", "ex2"]
    assert "Get-ServerComponentState" not in {call.name for call in old.values()}
    assert seeing.DISABLED in new["servers"].keep and seeing.DISABLED not in old["servers"].keep
    assert [c.parameters["Identity"] for c in seeing.copy_calls(("DB1", "DB2"))] == ["DB1", "DB2"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "another/1"}', '{"schema": "ucops.certificates/maintenance/1", "policy": 3}']
)
def test_a_record_that_cannot_be_read_says_what_to_do(text: str) -> None:
    with pytest.raises(ValueError, match="value Maintenance, is not what this version writes"):
        Remembered.loads(text)


# -- refusing ----------------------------------------------------------------------------------------------------------


def test_a_server_in_order_may_go() -> None:
    assert plans.refusals(condition(), True) == ()
    assert plans.refusals(condition(OLD), True) == ()


def test_somebody_has_to_take_the_messages() -> None:
    for targets, said in (
        ({}, "none named"),
        ({"ex2": ("", "")}, "ex2: not found"),
        ({"ex2": ("e", "Draining")}, "ex2: Draining"),
    ):
        (told,) = plans.refusals(condition(targets=targets), True)
        assert said in told
    out = {name: "Inactive" for name in ACTIVE}
    assert plans.refusals(condition(targets={}, components=out, waiting=0), True) == ()
    assert len(plans.refusals(condition(targets={}, components=out, waiting=2), True)) == 1


@pytest.mark.parametrize(
    ("others", "barred", "said"),
    [
        ((), (), "found no other copy"),
        ((Copy("DB1", "EX2", "Failed"),), (), "EX2: Failed"),
        ((Copy("DB1", "EX2", "Healthy"),), ("EX2",), "EX2: Healthy, activation is blocked"),
        ((Copy("DB9", "EX2", "Healthy"),), (), "found no other copy"),
    ],
)
def test_every_mounted_database_has_to_have_a_place(
    others: tuple[Copy, ...], barred: tuple[str, ...], said: str
) -> None:
    seen = condition(copies=(Copy("DB1", "EX1", "Mounted"), *others), barred=frozenset(barred))
    (told,) = plans.refusals(seen, True)
    assert told.startswith("DB1 is mounted here") and said in told
    assert plans.refusals(seen, False) == (), "left where it is"


# -- there -------------------------------------------------------------------------------------------------------------


def test_the_steps_are_in_microsofts_order() -> None:
    steps = plans.entering(condition(components={**ACTIVE, "UMCallRouter": "Active"}), True)
    assert names(steps) == [
        *("Set-ServerComponentState", "Set-ServiceState", "Set-ServiceState", "Set-ServerComponentState"),
        *("Redirect-Message", "Set-MailboxServer", "Set-MailboxServer"),
    ]
    calls = [call for step in steps for call in step.calls]
    assert len({call.id for call in calls}) == len(calls)
    assert calls[4].parameters["Target"] == ["ex2.corp.contoso.example"]
    assert [(s.subject, s.before, s.after) for s in plans.offline(condition())] == [
        ("ServerWideOffline", "Active", "Inactive")
    ]


def test_2010_blocks_and_then_moves() -> None:
    steps = plans.entering(condition(OLD), True)
    assert names(steps) == ["Set-MailboxServer", "Move-ActiveMailboxDatabase"] and plans.offline(condition(OLD)) == ()
    assert plans.left(condition(OLD), True) == ("DB1 is mounted",), "its queues are nobody's to drain"


def test_what_is_so_already_is_left() -> None:
    out = condition(components=dict.fromkeys(ACTIVE, "Inactive"), waiting=0, policy="Blocked", disabled=True, copies=())
    assert plans.entering(out, True) == () == plans.offline(out)
    assert names(plans.entering(condition(), False))[-1] == "Redirect-Message"


def test_what_is_left_is_told() -> None:
    assert plans.left(condition(), True) == ("3 messages wait", "DB1 is mounted")
    assert plans.left(condition(waiting=None), False) == ("its queues do not answer",)
    assert plans.left(condition(waiting=0), False) == ()


def test_the_record_holds_what_is_changed_and_keeps_what_an_earlier_begin_wrote() -> None:
    seen = condition()
    changes = (*plans.entering(seen, True), *plans.offline(seen))
    record = plans.record_of(seen, changes)
    assert record == Remembered(("ServerWideOffline", "HubTransport"), "Unrestricted", True, ("DB1",))
    assert Remembered.loads(record.dumps()) == record
    half = condition(record=record, components={**ACTIVE, "HubTransport": "Draining"}, policy="Blocked", copies=())
    again = plans.record_of(half, (*plans.entering(half, True), *plans.offline(half)))
    assert again == record
    assert plans.record_call(None).parameters == {"Text": None}


# -- and back ----------------------------------------------------------------------------------------------------------

RECORD = Remembered(("ServerWideOffline", "HubTransport", "UMCallRouter"), "IntrasiteOnly", True, ("DB1",))
OUT = condition(
    record=RECORD,
    components=dict.fromkeys((*ACTIVE, "UMCallRouter"), "Inactive"),
    policy="Blocked",
    disabled=True,
    copies=(Copy("DB1", "EX1", "Healthy"),),
)


def test_the_way_back_is_what_the_record_holds() -> None:
    subjects = [(change.subject, change.after) for change in plans.leaving(OUT)]
    assert subjects == [
        ("ServerWideOffline", "Active"),
        ("UMCallRouter", "Active"),
        (seeing.DISABLED, "False"),
        (seeing.POLICY, "IntrasiteOnly"),
        ("HubTransport", "Active"),
    ]
    assert names(plans.returning(OUT)) == ["Move-ActiveMailboxDatabase"]
    assert plans.elsewhere(OUT) == ("DB1",)


def test_what_is_not_in_the_record_is_nobodys_to_put_back() -> None:
    assert plans.leaving(replace(OUT, record=Remembered())) == ()
    assert plans.leaving(replace(OUT, record=None)) == () == plans.returning(replace(OUT, record=None))
    only = plans.leaving(replace(OUT, record=Remembered(("HubTransport",))))
    assert [change.subject for change in only] == ["HubTransport"]


def test_what_is_back_already_is_left() -> None:
    back = replace(OUT, components={**ACTIVE, "UMCallRouter": "Active"}, policy="IntrasiteOnly", disabled=False)
    assert plans.leaving(back) == ()
    assert plans.returning(replace(back, copies=(Copy("DB1", "EX1", "Mounted"),))) == ()
    assert plans.elsewhere(replace(back, copies=(Copy("DB1", "EX1", "Mounted"),))) == ()


@pytest.mark.parametrize("status", ["Failed", "FailedAndSuspended", "Resynchronizing", "Seeding"])
def test_a_copy_that_is_not_healthy_is_not_activated(status: str) -> None:
    assert plans.returning(replace(OUT, copies=(Copy("DB1", "EX1", status),))) == ()
