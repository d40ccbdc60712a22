"""Component states, queues and copies of databases by hand: what an admin who forgets a step is left with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.exchange.member import ExchangeMember

from .exchange_tools import VERSIONS, array, did, do, order, refused, switch

OFF = switch(False)


def states(member: ExchangeMember, *names: str) -> dict[str, str]:
    """Components and their states."""
    rows = did(member, "Get-ServerComponentState", ("Component", "State"), Identity=member.state.computer)
    found = {row["Component"]: row["State"] for row in rows}
    return {name: found[name] for name in names}


def ask_for(member: ExchangeMember, component: str, state: str, requester: str = "Maintenance") -> None:
    """Set-ServerComponentState on the member itself."""
    given = {"Component": component, "State": state, "Requester": requester}
    did(member, "Set-ServerComponentState", Identity=member.state.computer, **given)


def test_only_who_asked_takes_it_back(tmp_path: Path) -> None:
    member = array(tmp_path).servers[0]
    ask_for(member, "ServerWideOffline", "Inactive")
    ask_for(member, "ServerWideOffline", "Inactive", "Functional")
    assert states(member, "OwaProxy", "Monitoring") == {"OwaProxy": "Inactive", "Monitoring": "Active"}
    ask_for(member, "ServerWideOffline", "Active")
    assert states(member, "ServerWideOffline", "HubTransport") == dict.fromkeys(
        ("ServerWideOffline", "HubTransport"), "Inactive"
    )
    ask_for(member, "ServerWideOffline", "Active", "Functional")
    assert states(member, "ServerWideOffline") == {"ServerWideOffline": "Active"}


@pytest.mark.parametrize(
    "wrong",
    [{"Requester": "Me"}, {"State": "Off"}, {"Component": "Kitchen"}, {"Component": "OwaProxy", "State": "Draining"}],
)
def test_what_it_does_not_know_it_refuses(tmp_path: Path, wrong: dict[str, Any]) -> None:
    member = array(tmp_path).servers[0]
    usual = {"Identity": "EX1", "Component": "HubTransport", "State": "Inactive", "Requester": "Maintenance"}
    assert refused(member, "Set-ServerComponentState", **{**usual, **wrong})["message"]
    assert member.describe()["components"] == {}


def test_draining_begins_with_a_restart_of_transport(tmp_path: Path) -> None:
    member = array(tmp_path, members="2", queue_leaves="1").servers[0]
    order(member, queue={"messages": 3})
    ask_for(member, "HubTransport", "Draining")
    did(member, "Get-Queue", ("MessageCount",), Server="EX1")
    assert member.describe()["queue"]["messages"] == 3, "nothing was restarted"
    for status in ("Stopped", "Running"):
        did(member, "Set-ServiceState", Names=["MSExchangeTransport"], Status=status)
    rows = did(member, "Get-Queue", ("MessageCount", "DeliveryType"), Server="EX1")
    assert [row["MessageCount"] for row in rows if row["DeliveryType"] == "SmtpDeliveryToMailbox"] == [2]


def test_redirecting_asks_and_leaves_shadow_and_poison_messages(tmp_path: Path) -> None:
    one, two = array(tmp_path, members="2").servers
    order(one, queue={"messages": 3, "shadow": 2, "poison": 1})
    target = {"Server": "EX1", "Target": [two.state.fqdn]}
    refused(one, "Redirect-Message", **target)
    assert one.describe()["queue"]["messages"] == 3, "nobody answered the question"
    assert "couldn't be found" in refused(one, "Redirect-Message", Server="EX1", Target=["ex2"], Confirm=OFF)["message"]
    did(one, "Redirect-Message", Confirm=OFF, **target)
    assert one.describe()["queue"] == {"messages": 0, "shadow": 2, "poison": 1}
    assert two.describe()["queue"]["messages"] == 3


def test_a_database_goes_where_a_healthy_copy_may_be_activated(tmp_path: Path) -> None:
    one, two = array(tmp_path, members="2", dag="1").servers
    did(two, "Set-MailboxServer", Identity="EX2", DatabaseCopyAutoActivationPolicy="Blocked")
    did(one, "Set-MailboxServer", Identity="EX1", DatabaseCopyActivationDisabledAndMoveNow=True)
    assert one.describe()["databases"]["DB1"] == "Mounted", "the only other server is blocked"
    did(two, "Set-MailboxServer", Identity="EX2", DatabaseCopyAutoActivationPolicy="Unrestricted")
    did(one, "Set-MailboxServer", Identity="EX1", DatabaseCopyActivationDisabledAndMoveNow=True)
    assert one.describe()["databases"] == {"DB1": "Healthy", "DB2": "Healthy"}
    order(one, databases={"DB1": {"EX1": "Failed"}})
    back = {"Identity": "DB1", "ActivateOnServer": "EX1", "Confirm": OFF}
    assert "isn't healthy" in refused(one, "Move-ActiveMailboxDatabase", **back)["message"]
    order(one, databases={"DB1": {"EX1": "Healthy"}})
    did(one, "Move-ActiveMailboxDatabase", **back)
    assert one.describe()["databases"]["DB1"] == "Mounted" and two.describe()["databases"]["DB1"] == "Healthy"


@pytest.mark.parametrize("product", VERSIONS)
def test_2010_has_neither_components_nor_redirection(tmp_path: Path, product: str) -> None:
    member = array(tmp_path, product=product).servers[0]
    old = product == "exchange2010"
    reply = do(member, "Get-ServerComponentState", ("State",), Identity="EX1")
    assert ("error" in reply) is old
    gone = refused(member, "Redirect-Message", Server="EX1", Target=["nobody.corp.contoso.example"])["fqid"]
    assert (gone == "CommandNotFoundException") is old
    rows = did(member, "Get-MailboxDatabaseCopyStatus", ("DatabaseName", "Status"), Server="EX1")
    assert rows == [{"DatabaseName": "DB1", "Status": "Mounted"}]
    given = {"Identity": "EX1", "DatabaseCopyActivationDisabledAndMoveNow": False}
    if old:
        assert refused(member, "Set-MailboxServer", **given)["fqid"].startswith("NamedParameterNotFound")
    else:
        did(member, "Set-MailboxServer", **given)
