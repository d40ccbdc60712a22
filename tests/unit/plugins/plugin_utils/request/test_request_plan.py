# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request for an array: what cannot be meant, where it is made, what an admin is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.request import words
from ansible_collections.ucops.certificates.plugins.plugin_utils.request.names import look_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.request.plan import (
    answer_differences,
    asked_of,
    place,
    problems,
    request_order,
    unread,
)

MAIL, AUTO = "mail.contoso.example", "autodiscover.contoso.example"
GIVEN: dict[str, Any] = {
    "product": "exchange",
    "array": "exchange",
    "members": ["ex1", "ex2"],
    "excluded": {},
    "on": "server",
    "server": "",
    "names": [MAIL, AUTO],
    "subject": {},
    "key_size": 2048,
    "exportable": True,
    "friendly_name": "mail",
    "file": "",
    "key_file": "",
    "key_password": False,
    "answer": "",
    "accept_missing": [],
    "use": "external",
}
CONTROLLER = {"on": "controller", "file": "mail.csr", "key_file": "mail.key.pem", "key_password": True}
EDGE = {**CONTROLLER, "product": "edge", "array": "edge"}


@pytest.mark.parametrize("given", [{}, CONTROLLER, EDGE, {**EDGE, "use": "internal"}, {"answer": "a", "names": []}])
def test_what_can_be_meant(given: dict[str, Any]) -> None:
    assert problems({**GIVEN, **given}) == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"members": []}, "found none in 'exchange'"),
        ({"names": []}, "request_names: expected the DNS names"),
        ({"names": ["mail contoso"]}, "request_names: expected DNS names"),
        ({"names": [MAIL, MAIL.upper()]}, "is there twice"),
        ({"subject": {"country": "Germany"}}, "request_subject: country"),
        ({"server": "ex9"}, "request_server: expected a member of exchange (ex1, ex2), found 'ex9'"),
        ({"server": "ex1", "excluded": {"ex1": "dead"}}, "ex1 is left out by request_excluded"),
        ({"excluded": {"ex9": "dead"}}, "'ex9' is no member"),
        ({"excluded": {"ex2": " "}}, "expected the reason"),
        ({"excluded": {"ex1": "dead", "ex2": "dead"}}, "all members of exchange are left out"),
        ({"key_size": 3072}, "2048 and 4096 bits, found 3072"),
        ({"exportable": False}, "which all need the key"),
        ({"friendly_name": "x" * 64}, "fewer than 64 characters"),
        ({"key_file": "mail.key.pem"}, "the key stays on the server"),
        ({"use": "internal"}, "internal is for an Edge pool"),
        ({"accept_missing": ["not a name"]}, "request_accept_missing: expected DNS names"),
        ({**CONTROLLER, "server": "ex1"}, "request_server counts only with"),
        ({**CONTROLLER, "file": ""}, "request_file: needed"),
        ({**CONTROLLER, "key_file": ""}, "request_key_file: needed"),
        ({**CONTROLLER, "key_password": False}, "request_key_password: needed"),
        ({"product": "edge"}, "expected controller, found server"),
        ({**EDGE, "names": ["*.contoso.example"]}, "takes no wildcard"),
    ],
)
def test_what_cannot_be_meant(given: dict[str, Any], told: str) -> None:
    found = problems({**GIVEN, **given})
    assert len(found) == 1 and told in found[0], found


def test_everything_is_told_at_once() -> None:
    assert len(problems({**GIVEN, "names": [], "key_size": 3072, "server": "ex9"})) == 3


def test_one_server_needs_no_exportable_key() -> None:
    assert problems({**GIVEN, "members": ["ex1"], "exportable": False}) == ()


def test_the_request_is_made_on_the_first_that_is_there() -> None:
    order = request_order({**GIVEN, "excluded": {"ex1": "dead"}})
    assert (order.server, order.looked_at, order.others) == ("ex2", ("ex2",), ("ex1",))
    assert request_order({**GIVEN, **CONTROLLER}).server == ""


def test_a_member_that_was_not_read_stops_it() -> None:
    order = request_order(GIVEN)
    assert unread(order, {"ex1": {"reached_by": []}, "ex2": {"reached_by": []}}, {}) == ""
    said = unread(order, {"ex1": {"reached_by": []}}, {"ex2": "no route"})
    assert "1 of 2 members" in said and "ex2: no route" in said and "request_excluded" in said
    assert unread(request_order({**GIVEN, "excluded": {"ex2": "dead"}}), {"ex1": {"x": 1}}, {}) == ""


def test_the_answer_finds_its_member() -> None:
    order = request_order({**GIVEN, "answer": "a.zip"})
    assert place(order, {"ex1": "placed", "ex2": "waits"}, {}) == ("ex2", "")
    assert place(order, {"ex1": "placed"}, {"ex2": "no"}) == ("ex1", "")
    member, said = place(order, {}, {"ex1": "another key", "ex2": "no route"})
    assert member == "" and "ex1: another key; ex2: no route" in said and "Nothing was changed" in said


def made(**more: Any) -> dict[str, Any]:
    """What exchange_request returned."""
    return {"changed": True, "changes": ["request: made"], "csr": "-----BEGIN", **more}


def test_the_next_step_of_a_request() -> None:
    order = request_order(GIVEN)
    said = "\n".join([*words.made_lines(order, made(), False), *words.next_lines(order, "", "")])
    for part in ("made, on ex1", MAIL, "Paste", "Leave the pending request on ex1", "request_answer=", "to ex2"):
        assert part in said
    assert said.index(MAIL) < said.index(AUTO)
    assert "would be made" in words.made_lines(order, made(csr=None), True)[0]
    assert "is there already" in words.made_lines(order, made(changed=False), False)[0]
    alone = "\n".join(words.next_lines(request_order({**GIVEN, "members": ["ex1"]}), "mail.csr", ""))
    assert "has to get from" not in alone and "Upload mail.csr" in alone
    here = "\n".join(words.next_lines(request_order({**GIVEN, **CONTROLLER}), "mail.csr", "mail.key.pem"))
    assert "Keep mail.key.pem" in here and "pending" not in here


def test_how_the_key_gets_to_the_others() -> None:
    order, thumb = request_order({**GIVEN, "answer": "a.zip"}), "AB" * 20
    answered = {"changed": True, "changes": [], "staged": thumb, "exportable": True}
    said = "\n".join(words.staged_lines(order, answered, [MAIL], False))
    assert f"certutil -exportPFX ucops.certificates {thumb}" in said and "to ex2" in said
    assert f"the vendor left out {AUTO}" in said
    locked = "\n".join(words.staged_lines(order, {**answered, "exportable": False}, (), False))
    assert "may not be exported" in locked and "request_on: controller" in locked and "certutil" not in locked
    alone = request_order({**GIVEN, "members": ["ex1"], "answer": "a.zip"})
    one = "\n".join(words.staged_lines(alone, answered, (), False))
    assert "exchange_services on ex1" in one and "certutil" not in one
    assert "nothing was changed" in words.staged_lines(order, {"changed": True, "staged": None}, (), True)[0]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([MAIL, AUTO], ()),
        ([MAIL], (f"the vendor left out {AUTO}",)),
        ([MAIL, AUTO, "www.contoso.example"], ("the vendor added www.contoso.example",)),
        ([AUTO, MAIL], (f"the vendor changed their order: {AUTO}, {MAIL}",)),
    ],
)
def test_what_the_vendor_changed(names: list[str], told: tuple[str, ...]) -> None:
    assert answer_differences(names, [MAIL, AUTO]) == told
    assert answer_differences(names, []) == ()


@pytest.mark.parametrize(("given", "told"), [(EDGE, "renew_edge_pool"), (CONTROLLER, "renew_exchange")])
def test_what_to_do_with_a_bundle(given: dict[str, Any], told: str) -> None:
    order = request_order({**GIVEN, **given, "answer": "a.zip"})
    leaf = {"thumbprint": "AB", "subject": "CN=x", "not_before": "1", "not_after": "2", "names": [MAIL]}
    said = "\n".join(words.bundle_lines(order, leaf, "a.zip", "mail.key.pem"))
    assert told in said and "path: a.zip, key_path: mail.key.pem" in said


@pytest.mark.parametrize(
    ("row", "member", "compared", "server", "asked"),
    [
        ({}, "ex1", True, "", "look"),
        ({}, "ex1", False, "", ""),
        ({}, "ex9", True, "", ""),
        ({"answer": "mail.zip"}, "ex2", True, "", "answer"),
        ({"answer": "mail.zip"}, "ex2", True, "ex1", ""),
        ({"answer": "mail.zip", "on": "controller"}, "ex1", True, "", ""),
    ],
)
def test_what_a_member_is_asked(row: dict[str, str], member: str, compared: bool, server: str, asked: str) -> None:
    """Names with a request, the pending request with an answer; nobody who is left out, and nobody for nothing."""
    usual = {"looked_at": ["ex1", "ex2"], "on": "server", "answer": ""}
    assert asked_of({**usual, **row}, member, compared, server) == asked


def test_what_counts_of_a_look() -> None:
    """Of everything that exchange_info tells a task's result carries what names are compared with, and no more."""
    info = {
        "reached_by": [{"name": "mail.contoso.example"}],
        "certificates": [
            {"thumbprint": "AA", "services": ["IIS"], "self_issued": False},
            {"thumbprint": "BB", "services": [], "self_issued": False},
            {"thumbprint": "CC", "services": ["SMTP"], "self_issued": True},
        ],
        "findings": [{"id": "exchange.unread", "text": "OWA: denied"}, {"id": "leaf.expired", "text": "over"}],
        "connectors": ["many"],
    }
    look = look_of(info)
    assert [row["thumbprint"] for row in look["certificates"]] == ["AA"] and look["unread"] == ["OWA: denied"]
    assert set(look) == {"reached_by", "certificates", "unread"}
    assert look_of({"assignments": [{"use": "Internal"}], "stores": {}})["assignments"] == [{"use": "Internal"}]
