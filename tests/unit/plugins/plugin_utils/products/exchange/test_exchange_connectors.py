# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connectors are renamed, and why others are not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.connectors import (
    ConnectorOrder,
    certificate_of,
    changes_of,
    choose,
    connector_order,
    foreign,
    holder_calls,
    lacking,
    own_calls,
    restarts,
    row_of,
    servers_of,
    wanted_of,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import tls_certificate_name
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, RemoteError

from .exchange_rows import BUILDS, made, reply, server, state
from .test_state import EDGE, documented

# `old` and `new` have one issuer and one subject; `self` has another name.
NEW, OLD = made("new"), made("self")
NAME, GONE = tls_certificate_name(NEW), tls_certificate_name(OLD)


def connector(kind: str, name: str, now: str | None, *sources: str) -> Connector:
    """A connector with this certificate name."""
    return Connector(kind, name, "", now, "", sources)


FRONT = connector("receive", "Default Frontend EX1", GONE)
CLIENT = connector("receive", "Client Frontend EX1", None)
OUT = connector("send", "Out", GONE, "EX1", "contoso.example/Servers/EX2")
DONE = connector("send", "Done", NAME.upper(), "EX1")
EVERY = (FRONT, CLIENT, OUT, DONE)
OPTIONS: dict[str, Any] = {"thumbprint": NEW.thumbprint, "replaces": None, "receive": [], "send": []}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "connectors by name"),
        ({"replaces": NEW.thumbprint.lower()}, "the same certificate"),
        ({"thumbprint": "12", "send": ["Out"]}, "40 hexadecimal"),
    ],
)
def test_what_cannot_be_meant(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        connector_order({**OPTIONS, **given})


def test_those_with_the_old_name_and_those_asked_for() -> None:
    order = connector_order(
        {**OPTIONS, "replaces": OLD.thumbprint, "receive": ["ex1\\client frontend EX1"], "send": ["out"]}
    )
    assert foreign(order, EVERY, server()) == ()
    assert wanted_of(order, EVERY, OLD) == ((CLIENT, True), (OUT, True), (FRONT, False))


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (ConnectorOrder("x", receive=("EX2\\Default Frontend EX2",)), "is a connector of EX2, and this is EX1"),
        (
            ConnectorOrder("x", receive=("Default Frontend EX2",)),
            "has no such Receive connector; it has Default Frontend EX1",
        ),
        (ConnectorOrder("x", send=("Default Frontend EX1",)), "there is no such Send connector; there are Out, Done"),
    ],
)
def test_a_connector_of_another_server(order: ConnectorOrder, told: str) -> None:
    assert told in foreign(order, EVERY, server())[0].text


@pytest.mark.parametrize("source", ["EX2", "ex2.corp.example", "corp.example/Servers/EX2", "CN=EX2,CN=Servers,DC=x"])
def test_source_servers_in_every_form(source: str) -> None:
    assert servers_of(connector("send", "Out", None, source, "EX1"), server()) == ("EX2", "EX1")
    assert servers_of(connector("send", "Out", None), server()) == ()
    assert servers_of(connector("send", "Out", None), server("2019", EDGE)) == ("EX1",)


def row(**more: Any) -> dict[str, Any]:
    """The certificate as a server shows it."""
    return {"Thumbprint": NEW.thumbprint, "Services": "IIS, SMTP", "HasPrivateKey": True, "RawData": NEW.der, **more}


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (row(), None),
        (row(Services=None), "whether it is enabled for SMTP there cannot be known"),
        (row(Services=None, HasPrivateKey=False), "whether it has its key and is enabled for SMTP there"),
        (row(Thumbprint=None, Services=None, HasPrivateKey=None), "whether it has its key and is enabled for SMTP"),
        (row(HasPrivateKey=False), "without its private key"),
        (row(Services="IIS"), "not enabled for SMTP"),
        (row(RawData=OLD.der), "does not hold it"),
        (row(RawData=b"rubbish"), "does not hold it"),
        (row(RawData=None, Thumbprint=NEW.thumbprint.lower()), None),
    ],
)
def test_what_counts_as_holding_it(shown: dict[str, Any], why: str | None) -> None:
    found = lacking(reply({"holder-EX2": [shown]}), ["EX2"], NEW.thumbprint)
    assert why in found["EX2"] if why else found == {}


def test_a_server_that_does_not_answer_does_not_hold_it() -> None:
    error = RemoteError("The certificate was not found.", "System.ArgumentException", "x", "InvalidArgument")
    said = reply({})
    found = lacking(type(said)(said.host, {"holder-EX2": Answer(error=error)}), ["EX2", "EX3"], NEW.thumbprint)
    assert "The certificate was not found." in found["EX2"] and "not asked" in found["EX3"]


def test_only_where_all_servers_hold_it() -> None:
    wanted = [(one, False) for one in EVERY if one.certificate_name]
    choice = choose(wanted, NEW, {"EX2": "does not hold it"}, server())
    assert [rename.connector for rename in choice.renames] == [FRONT] and restarts(choice, server()) == {}
    assert [problem.subject for problem in choice.held_back] == ["Send connector Out"]
    assert "EX2 does not hold it" in choice.held_back[0].text
    both = choose(wanted, NEW, {}, server())
    assert [rename.connector for rename in both.renames] == [FRONT, OUT] and both.held_back == ()
    assert restarts(both, server()) == {"EX1": ["MSExchangeTransport"], "EX2": ["MSExchangeTransport"]}
    nowhere = choose([(connector("send", "Lost", GONE), False)], NEW, {}, server())
    assert "no source server" in nowhere.held_back[0].text


def test_the_certificate_counts_where_services_look() -> None:
    """Staged, none finds it."""
    assert certificate_of(NEW.thumbprint, state(staged=("new",)).stores) is None
    assert certificate_of(NEW.thumbprint, state(my=("old", "new", "self", "auth")).stores) == NEW


def test_this_server_is_asked_whether_the_key_signs_and_who_reads_it() -> None:
    asked = {call.name: call.parameters for call in own_calls(NEW.thumbprint)}
    assert set(asked) == {"Get-StoreCertificate", "Test-StoreKey", "Get-StoreKeyAccess"}
    assert asked["Get-StoreCertificate"]["Stores"] == ["My"]
    assert asked["Test-StoreKey"]["Thumbprints"] == [NEW.thumbprint] == asked["Get-StoreKeyAccess"]["Thumbprints"]


def test_a_connector_as_plain_data() -> None:
    assert row_of(OUT, server()) == {
        "kind": "send",
        "name": "Out",
        "certificate_name": GONE,
        "servers": ["EX1", "EX2"],
    }


@pytest.mark.parametrize("year", [year for year in BUILDS if year != "2010"])
def test_only_documented_cmdlets_and_parameters(year: str) -> None:
    at = server(year)
    choice = choose([(FRONT, False), (OUT, False)], NEW, {}, at)
    sent = [call for change in changes_of(choice, at) for call in change.calls]
    assert [call.parameters["Identity"] for call in sent] == ["EX1\\Default Frontend EX1", "Out"]
    assert all(call.parameters["TlsCertificateName"] == NAME for call in sent)
    assert not documented([*sent, *holder_calls(["EX1", "EX2"], NEW.thumbprint)], year)
