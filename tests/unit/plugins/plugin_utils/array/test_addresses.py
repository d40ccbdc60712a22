# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose port it is: one address named by two members proves neither of them, however it is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import addresses
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.addresses import address
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import Refused
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.run import Whose
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.array_runs import (
    ENDPOINTS,
    array_run,
    renewed,
    rows,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.array.test_run import preflight
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import MEMBERS, ids, settings
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    DATA,
    UNHURRIED,
    issuing,
    new,
    old,
    old_issuing,
)

NEW_CHAIN, OLD_CHAIN = (new(), issuing()), (old(), old_issuing())


def at(host: str, port: Any = 443, **more: Any) -> dict[str, Any]:
    return {"name": "Access Edge", "host": host, "port": port, "use": ACCESS, **more}


SPELLINGS = [
    ("SIP.contoso.example", "sip.contoso.example."),
    (" edge1", "EDGE1"),
    ("2001:db8::11", "2001:0DB8:0:0:0:0:0:11"),
    ("[2001:db8::11]", "2001:db8::11"),
    ("::ffff:192.0.2.11", "192.0.2.11"),
    ("127.1", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"),
    ("b\u00fccher.example", "xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_spellings_of_one_address(one: str, other: str) -> None:
    assert address(one, 443) == address(other, "443") != address(other, 5061)
    refused = {"edge1": [at(one)], "edge2": [at(other, "443")], "edge3": [at("192.0.2.13")]}
    with pytest.raises(Refused, match="(?s)No member was touched.*edge1, edge2 in rollout_end.*verify_front_ends"):
        preflight(endpoints=refused)


@pytest.mark.parametrize(
    ("one", "other"),
    [("192.0.2.11", "192.0.2.110"), ("edge1", "edge1.contoso.example"), ("2001:db8::1", "2001:db8::10"), ("a", "a..b")],
)
def test_addresses_that_are_not_the_same(one: str, other: str) -> None:
    assert address(one, 443) != address(other, 443)
    preflight(endpoints={"edge1": [at(one)], "edge2": [at(other)], "edge3": None})


@UNHURRIED
@given(st.text("abcXYZ019.-:[] x\u00e4\u00df\u00b5", max_size=40), st.integers(1, 65535))
def test_any_host_has_one_form(host: str, port: int) -> None:
    once = address(host, port)
    assert address(once[0], port) == address(once[0].upper(), port)


def test_endpoints_copied_from_one_member_to_all_are_refused_with_all_addresses() -> None:
    copied = {m: ENDPOINTS["edge1"] for m in MEMBERS}
    with pytest.raises(Refused) as refused:
        preflight(endpoints=copied)
    (found,) = (f for f in refused.value.result["findings"] if f["id"] == "wire.address-shared")
    assert found["subject"] == "192.0.2.11:443, 192.0.2.11:444" and "edge1, edge2, edge3" in found["text"]


def test_the_ports_of_a_member_that_is_left_out_are_nobody_else_s() -> None:
    endpoints = {**ENDPOINTS, "edge2": [at("192.0.2.13")]}
    with pytest.raises(Refused, match="edge2, edge3"):
        preflight(endpoints=endpoints, more={"excluded": {"edge3": "broken disk"}})


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"name": "x", "port": 443}, "entry 2: host is missing"),
        ({"host": "192.0.2.1"}, "entry 2: port: expected a TCP port from 1 to 65535, found 'None'"),
        ({"host": "192.0.2.1", "port": "https"}, "found 'https'"),
        ({"host": "192.0.2.1", "port": 0}, "found '0'"),
        ({"host": "192.0.2.1", "port": 65536}, "found '65536'"),
        ({"host": "192.0.2.1", "port": True}, "found 'True'"),
        ("192.0.2.1:443", "expected name, host and port, found str"),
        ({"host": "192.0.2.1", "port": 443}, "entry 2: name is missing"),
        ({"name": "x", "host": "192.0.2.1", "port": 443, "sni": "a.b"}, "server_name, starttls, use, found sni"),
        ({"name": "x", "host": "192.0.2.1", "port": 443, "starttls": "ftp"}, "expected smtp, imap, pop3, found 'ftp'"),
    ],
)
def test_an_endpoint_without_an_address_is_named(entry: Any, text: str) -> None:
    with pytest.raises(InputError, match="rollout_endpoints of edge2") as refused:
        preflight(endpoints={**ENDPOINTS, "edge2": [at("192.0.2.12"), entry]})
    assert text in str(refused.value)
    with pytest.raises(InputError, match="edge2: expected a list of ports, found dict"):
        preflight(endpoints={**ENDPOINTS, "edge2": at("192.0.2.12")})


def test_going_back_rests_on_no_port_and_is_not_refused_but_judges_nobody_by_it() -> None:
    copied = {m: ENDPOINTS["edge1"] for m in MEMBERS}
    assert preflight(endpoints=copied, purpose="rollback", bundles={})["settings"]
    wire = rows(dict.fromkeys(MEMBERS, OLD_CHAIN))
    run = array_run(run=settings(purpose="rollback"), endpoints=copied, wire=[], wire_after=wire)
    assert {port.member for port in run.after or ()} <= {"", "edge2", "edge3"}
    assert all(port.member == "" for port in run.after or () if port.host == "192.0.2.11")


# -- within one member -------------------------------------------------------------------------------------------------


def test_one_port_cannot_be_of_two_uses() -> None:
    twice = [at("192.0.2.11"), at("192.0.2.11.", use=DATA)]
    with pytest.raises(Refused, match="(?s)wire.address-twice.*192.0.2.11:443.*AccessEdgeExternal, DataEdgeExternal"):
        preflight(endpoints={**ENDPOINTS, "edge1": twice})


def test_one_port_may_be_asked_for_two_names() -> None:
    said: list[str] = []
    named = [at("192.0.2.11", server_name="mail.example"), at("192.0.2.11", server_name="owa.example", use="IIS")]
    preflight(said, endpoints={**ENDPOINTS, "edge1": named})
    assert not any("counts once" in line for line in said)


def test_a_port_that_is_listed_twice_counts_once_and_is_told() -> None:
    said: list[str] = []
    endpoints = {**ENDPOINTS, "edge1": [*ENDPOINTS["edge1"], at("192.0.2.11", name="The same")]}
    preflight(said, endpoints=endpoints)
    assert any("edge1" in line and "192.0.2.11:443 is listed 2 times; it counts once" in line for line in said)
    wire = rows(dict.fromkeys(MEMBERS, NEW_CHAIN))
    again = [*wire, *wire, {**wire[0], "name": "The same"}]
    run = array_run(said, endpoints=endpoints, evidence=renewed(*MEMBERS), wire_after=again, touched=list(MEMBERS))
    assert len(run.after or ()) == 7
    assert run.run("prove")["refusal"] == "" and "every member   proven on 6 port(s)" in said[-1]


# -- what is counted and judged ----------------------------------------------------------------------------------------


def test_only_the_ports_of_the_member_count_for_it() -> None:
    said: list[str] = []
    wire = rows({**dict.fromkeys(MEMBERS, NEW_CHAIN), "edge3": ()})
    run = array_run(said, evidence=renewed("edge2"), wire_after=wire, touched=["edge2"], only="edge2")
    assert run.run("prove")["refusal"] == "" and "edge2          proven on 2 port(s)" in said[-1]


def test_another_member_s_reading_from_before_says_nothing_of_this_one() -> None:
    """Same name, same host in the reading, another owner: keyed without the member, one would stand for the other."""
    silent = rows({**dict.fromkeys(MEMBERS, OLD_CHAIN), "edge2": ()})
    run = array_run(wire=silent, wire_after=silent)
    keys = [port.key for port in run.before]
    assert len(set(keys)) == len(keys) == 6 and {key[0] for key in keys} == set(MEMBERS)


# -- verification ------------------------------------------------------------------------------------------------------


def test_a_verification_judges_nobody_by_an_address_that_two_name() -> None:
    whose = Whose.of({"edge1": [at("192.0.2.11"), at("192.0.2.11", 5061)], "edge2": [at("192.0.2.11.")]}, {})
    assert whose.owners("edge", ["edge1", "edge2"]) == {("192.0.2.11", 5061): ("edge1", ACCESS)}
    found = whose.findings(["edge1", "edge2"])
    assert [(f.id, f.member, f.subject) for f in found] == [
        ("wire.address-shared", "edge1", "192.0.2.11:443"),
        ("wire.address-shared", "edge2", "192.0.2.11:443"),
    ]
    assert all(f.stops and "edge1, edge2" in f.text and "verify_front_ends" in f.remedy for f in found)


def test_members_of_two_arrays_and_members_left_out_count_too() -> None:
    whose = Whose.of({"edge1": [at("192.0.2.11")], "ex1": [at("192.0.2.11")]}, {})
    assert whose.owners("edge", ["edge1"]) == {} and ids(whose.findings(["edge1"])) == ["wire.address-shared"]


def test_a_front_end_that_is_also_given_to_a_member() -> None:
    whose = Whose.of({"edge1": [at("192.0.2.9")], "edge2": [at("192.0.2.12")]}, {"edge": [at("192.0.2.9")]})
    assert whose.owners("edge", ["edge1", "edge2"]) == {
        ("192.0.2.12", 443): ("edge2", ACCESS),
        ("192.0.2.9", 443): ("edge", ACCESS),
    }
    (found,) = whose.findings(["edge1", "edge2"])
    assert found.member == "edge1" and "edge1, the front end of edge" in found.text


def test_one_proxy_in_front_of_two_arrays_is_nothing_to_tell() -> None:
    front = {"edge": [at("192.0.2.9")], "exchange": [at("192.0.2.9", server_name="mail.contoso.example")]}
    whose = Whose.of({"edge1": [at("192.0.2.11")], "ex1": None}, front)
    assert whose.findings(["edge1", "ex1"]) == ()
    assert ("192.0.2.9", 443) in whose.owners("edge", ["edge1"]) and ("192.0.2.9", 443) in whose.owners("exchange", [])


def test_spelled_otherwise_a_port_is_still_its_members() -> None:
    assert addresses.owners({"edge1": [at("[2001:DB8::1]")]}) == {("2001:db8::1", 443): ("edge1", ACCESS)}
    assert addresses.shown(("2001:db8::1", 443)) == "[2001:db8::1]:443"
