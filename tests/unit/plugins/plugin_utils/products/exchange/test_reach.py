# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that a server is reached by, and those of a request beside them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.reach import (
    Address,
    addresses,
    host_of,
    name_calls,
    row_of,
    servers_of,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.request.names import (
    check,
    lines,
    refusal,
    unread_lines,
)

from .exchange_rows import BUILDS, MAILBOX, reply, server
from .test_state import EDGE, documented

EXCHANGE, POOL = PRODUCTS["exchange"], PRODUCTS["edge"]
MAIL, AUTO, SMTP, POP = (f"{name}.contoso.example" for name in ("mail", "autodiscover", "smtp", "pop"))
OWA = "OWA ExternalUrl"


@pytest.mark.parametrize("year", BUILDS)
def test_only_what_the_version_has_is_asked(year: str) -> None:
    asked = name_calls(server(year, MAILBOX))
    assert not documented(asked, year)
    assert all(call.optional and "EX1" in call.parameters.values() for call in asked)
    assert name_calls(server(year, EDGE)) == ()
    assert ("MAPI" in {call.id for call in asked}) == (year != "2010")


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("https://Mail.Contoso.example:8443/owa", MAIL),
        (MAIL, MAIL),
        ("http://mail.contoso.example/OAB", None),
        ("https://", None),
        ("https://[broken/owa", None),
        ("https://10.0.0.5/owa", "10.0.0.5"),
        (None, None),
        ("", None),
        ("https://büro.contoso.example/", "xn--bro-hoa.contoso.example"),
    ],
)
def test_the_host_of_an_address(value: Any, host: str | None) -> None:
    assert host_of(value) == host


def test_every_setting_is_named() -> None:
    rows = {
        "OWA": [{"InternalUrl": "https://ex1.corp.example/owa", "ExternalUrl": f"https://{MAIL}/owa"}],
        "OAB": [{"InternalUrl": f"http://{MAIL}/OAB", "ExternalUrl": None}],
        "Outlook Anywhere": [{"InternalHostname": None, "ExternalHostname": MAIL}],
        "Autodiscover": [{"AutoDiscoverServiceInternalUri": f"https://{AUTO}/Autodiscover/Autodiscover.xml"}],
        "POP": [{"X509CertificateName": POP}],
        "IMAP": [{"X509CertificateName": ""}],
        "receive": [{"Name": "Client EX1", "Fqdn": SMTP}, {"Name": "Default EX1", "Fqdn": "EX1.corp.example"}],
        "send": [
            {"Name": "Out", "Fqdn": MAIL, "SourceTransportServers": ["EX2", "contoso.example/Servers/EX1"]},
            {"Name": "Other site", "Fqdn": "far.contoso.example", "SourceTransportServers": ["EX9"]},
            {"Name": "No FQDN", "Fqdn": None, "SourceTransportServers": "EX1"},
        ],
    }
    found = addresses(reply(rows), server())
    assert [(a.name, a.where, a.own) for a in found] == [
        (AUTO, "Autodiscover AutoDiscoverServiceInternalUri", False),
        ("ex1.corp.example", "OWA InternalUrl", False),
        (MAIL, OWA, False),
        (MAIL, "Outlook Anywhere ExternalHostname", False),
        (POP, "POP X509CertificateName (Get-PopSettings)", False),
        (SMTP, "receive connector Client EX1", False),
        ("ex1.corp.example", "receive connector Default EX1", True),
        (MAIL, "send connector Out", False),
    ]
    assert EXCHANGE.asks.reached_by({"reached_by": [row_of(one) for one in found]}, "external") == found


@pytest.mark.parametrize("text", ["EX1", "contoso.example/Configuration/EX1", "CN=EX1,CN=Servers,DC=x", "A\\EX1"])
def test_a_server_in_every_form(text: str) -> None:
    assert servers_of({"SourceTransportServers": text}) == ("EX1",)


def at(*found: tuple[str, str] | tuple[str, str, bool]) -> list[Address]:
    """Addresses of a member."""
    return [Address(*one) for one in found]


def test_missing_and_superfluous_names_are_named_with_their_settings() -> None:
    reached = {
        "ex1": at((MAIL, OWA), ("webmail.contoso.example", "EWS ExternalUrl"), ("ex1.corp.example", "receive", True)),
        "ex2": at((MAIL, OWA), ("webmail.contoso.example", "EWS ExternalUrl"), (SMTP, "receive connector Client EX2")),
    }
    found = check([MAIL, AUTO, "old.contoso.example"], reached, [SMTP.upper()], EXCHANGE.asks)
    assert [one.as_line() for one in found.missing] == ["webmail.contoso.example: EWS ExternalUrl (ex1, ex2)"]
    assert [one.name for one in found.accepted] == [SMTP]
    assert [one.name for one in found.superfluous] == ["old.contoso.example"], "autodiscover is no setting's"
    assert [one.name for one in found.own] == ["ex1.corp.example"] and found.notes == ()
    text = refusal(found, "exchange")
    assert "webmail.contoso.example: EWS ExternalUrl (ex1, ex2)" in text
    assert "request_accept_missing: [webmail.contoso.example]" in text and "Nothing was requested" in text
    said = "\n".join(lines(found, ["ex1", "ex2"]))
    for part in ("missing      webmail", f"left out     {SMTP}", "superfluous  old", "not needed   ex1.corp"):
        assert part in said


def test_the_certificates_in_use_count_too() -> None:
    rows = [
        {"names": [MAIL, "*.contoso.example", "alias.contoso.example"], "services": ["IIS"], "self_issued": False},
        {"names": ["EX1"], "services": ["SMTP"], "self_issued": True},
        {"names": ["unused.contoso.example"], "services": [], "self_issued": False},
    ]
    found = EXCHANGE.asks.reached_by({"reached_by": [], "certificates": rows}, "external")
    assert [a.as_line() for a in check([MAIL], {"ex1": found}, (), EXCHANGE.asks).missing] == [
        "alias.contoso.example: certificate in use (IIS) (ex1)"
    ]
    said = lines(check([MAIL], {"ex1": found}, ["alias.contoso.example"], EXCHANGE.asks), ["ex1"])
    assert "the rollout will ask for it" in said[0]


def test_all_is_well() -> None:
    found = check([MAIL, AUTO], {"ex1": at((MAIL, OWA), (AUTO, "Autodiscover"))}, (), EXCHANGE.asks)
    assert not refusal(found, "exchange")
    assert lines(found, ["ex1"]) == ("names: all that ex1 are configured with, and no others",)


def test_a_wildcard_is_told_with_what_follows() -> None:
    found = check(["*.contoso.example"], {"ex1": at((MAIL, OWA), ("contoso.example", "ECP"))}, (), EXCHANGE.asks)
    assert [one.name for one in found.missing] == ["contoso.example"] and not found.superfluous
    said = " ".join(found.notes)
    for part in (f"{MAIL} is covered, a.b.contoso.example and contoso.example itself are not", "POP and IMAP", "SMTP"):
        assert part in said
    both = check(["*.contoso.example", "contoso.example"], {}, (), EXCHANGE.asks)
    assert "contoso.example is among the names" in both.notes[0]


def test_without_autodiscover_it_is_asked_for() -> None:
    assert "autodiscover.<mail domain>" in check([MAIL], {"ex1": at((MAIL, OWA))}, (), EXCHANGE.asks).notes[0]
    assert check([MAIL], {"edge1": at((MAIL, "certificate"))}, (), POOL.asks).notes == ()


def test_an_edge_server_is_reached_by_what_its_certificates_have() -> None:
    info = {
        "assignments": [
            {"use": "AccessEdgeExternal", "in_force": True, "certificate": {"names": ["sip.contoso.example"]}},
            {"use": "DataEdgeExternal", "in_force": False, "certificate": {"names": ["old.contoso.example"]}},
            {"use": "DataEdgeExternal", "in_force": True, "certificate": None},
            {"use": "AudioVideoAuthentication", "in_force": True, "certificate": {"names": ["av.contoso.example"]}},
            {"use": "Internal", "in_force": True, "certificate": {"names": ["edge.corp.example"]}},
        ]
    }
    assert [a.name for a in POOL.asks.reached_by(info, "external")] == ["sip.contoso.example"]
    assert [a.name for a in POOL.asks.reached_by(info, "internal")] == ["edge.corp.example"]


def test_what_a_member_did_not_show_is_told() -> None:
    assert unread_lines({"ex1": {"unread": ["OWA: denied"]}, "ex2": {}}) == ("  not read     ex1: OWA: denied",)
