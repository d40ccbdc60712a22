# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions, down to what crosses the wire: how many commands, which writes, and what is said when it goes wrong."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.ucops.certificates.plugins.action import edge_service
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import CertificateAction
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued, authority, issue, key_pem, rsa_key

from .fake import USES, Member, run, thumb

ACCESS, AV = "AccessEdgeExternal", "AudioVideoAuthentication"


@cache
def pki() -> dict[str, Issued]:
    """A root, the old and the new issuing CA, the old and the new certificate."""
    root = authority("Root")
    before, now = authority("Old Issuing", root), authority("New Issuing", root)
    old = issue("sip.example", before, not_after=NOW + timedelta(days=20))
    return {"root": root, "before": before, "now": now, "old": old, "new": issue("sip.example", now, key=rsa_key())}


@pytest.fixture
def member() -> Member:
    """An Edge server on the old certificate."""
    made = pki()
    stores = {"My": [made["old"]], "CA": [made["before"]], "Root": [made["root"]]}
    return Member(stores, [made["old"]], dict.fromkeys(USES, made["old"]))


@pytest.fixture
def bundle(tmp_path: Path) -> dict[str, Any]:
    """The new certificate with its key and the vendor's chain, as a PEM file."""
    made = pki()
    parts = [made["new"].pem, made["now"].pem, made["root"].pem, key_pem(made["new"].key).decode()]
    path = tmp_path / "delivery.pem"
    path.write_text("".join(parts), encoding="ascii")
    return {"path": str(path)}


def test_a_change_is_one_read_and_one_write_and_no_change_one_read(member: Member, bundle: dict[str, Any]) -> None:
    result = run("store", member, bundle=bundle)
    assert result["changed"] and len(member.documents) == 2
    assert member.written == ["Add-StoreCertificate", "Import-StorePfx"]
    assert thumb(pki()["root"]) in member.stores["Root"] and len(member.stores["CA"]) == 2
    assert not run("store", member, bundle=bundle)["changed"] and len(member.documents) == 3


def test_check_mode_sends_only_reads(member: Member, bundle: dict[str, Any]) -> None:
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("store", {"bundle": bundle}),
        ("store", {"certificates": [pki()["now"].pem]}),
        ("store", {"state": "absent", "thumbprint": [thumb(pki()["old"])]}),
        ("edge_certificate", {"use": [ACCESS], "bundle": bundle}),
        ("edge_certificate", {"use": [ACCESS], "state": "absent"}),
        ("edge_service", {"name": ["RTCSRV"], "state": "restarted"}),
    ]
    for name, options in tasks:
        result = run(name, member, True, **options)
        assert result["changed"] and result["changes"] and result["diff"]["after"] != result["diff"]["before"]
    assert member.written == []


def test_a_change_that_did_not_take_is_a_failure(member: Member, bundle: dict[str, Any]) -> None:
    member.forgetful = True
    result = run("store", member, bundle=bundle)
    assert result["failed"] and result["changed"] and "still shows the old state" in result["msg"]
    member.forgetful = False
    run("store", member, bundle=bundle)
    member.forgetful = True
    result = run("edge_certificate", member, use=[ACCESS], bundle=bundle)
    assert result["failed"] and "AccessEdgeExternal" in result["msg"]


def test_a_call_that_fails_is_told_with_its_name(member: Member, bundle: dict[str, Any]) -> None:
    member.fails = {"Import-StorePfx": "Access is denied."}
    result = run("store", member, bundle=bundle)
    assert result["failed"] and "Import-StorePfx failed on EDGE1: Access is denied." in result["msg"]


def test_a_broken_connection_is_unreachable(member: Member, bundle: dict[str, Any]) -> None:
    member.breaks_at = 2
    with pytest.raises(AnsibleConnectionFailure, match="the line is dead.*only after another read"):
        run("store", member, bundle=bundle)
    member.breaks_at = len(member.documents) + 1
    look = run("host_check", member)
    assert look["unreachable"] and not look["ok"] and "no answer: the line is dead" in look["text"]


@pytest.mark.parametrize("check", [True, False])
def test_no_key_without_a_verified_server(member: Member, bundle: dict[str, Any], check: bool) -> None:
    member.options["_extras"] = {"ansible_winrm_server_cert_validation": "ignore"}
    result = run("store", member, check, bundle=bundle)
    assert result["failed"] and result["finding"] == "transport.insecure" and not member.written


def test_the_certificate_goes_where_it_is_ready_only(member: Member, bundle: dict[str, Any]) -> None:
    member.stores["My"][thumb(pki()["new"])] = pki()["new"].der
    member.keys.add(thumb(pki()["new"]))
    result = run("edge_certificate", member, use=[ACCESS], thumbprint=thumb(pki()["new"]))
    assert result["failed"] and "New Issuing" in result["msg"] and not member.written
    lax = run("edge_certificate", member, use=[ACCESS], thumbprint=thumb(pki()["new"]), check_ready=False)
    assert lax["changed"] and lax["assigned"][ACCESS] == thumb(pki()["new"])
    member.keys.clear()
    result = run("edge_certificate", member, use=["DataEdgeExternal"], bundle=bundle)
    assert {found["id"] for found in result["findings"]} >= {"key.missing", "store.intermediate-missing"}


def test_a_roll_that_is_not_shown_is_no_failure_but_told(member: Member, bundle: dict[str, Any]) -> None:
    run("store", member, bundle=bundle)
    when = f"{NOW + timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}"
    result = run("edge_certificate", member, use=[AV], bundle=bundle, roll=True, effective_date=when)
    assert result["changed"] and "does not show the successor" in " ".join(result["warnings"])
    assert result["assigned"][AV] == thumb(pki()["old"])


def test_a_drain_is_polled_and_its_end_is_the_users_choice(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    slept: list[float] = []
    monkeypatch.setattr(edge_service, "CLOCK", Clock(lambda: NOW, lambda: sum(slept), slept.append))
    monkeypatch.setattr(CertificateAction, "tell", lambda self, text: told.append(text))
    wish: dict[str, Any] = {"name": ["RTCSRV"], "drain_seconds": 60, "drain_poll_seconds": 15}
    member.busy = 4
    result = run("edge_service", member, state="restarted", **wish)
    assert result["changed"] and result["services"]["RTCSRV"] == "Running" and slept == [15, 15]
    assert told[0] == "draining: RTCSRV still has calls, 60 s left"
    member.busy = 100
    result = run("edge_service", member, state="stopped", **wish)
    assert result["finding"] == "product.drain-expired" and set(member.services.values()) == {"Running"}
    result = run("edge_service", member, state="stopped", drain_expired="continue", **wish)
    assert result["changed"] and member.services["RTCSRV"] == "Stopped"
    assert not run("edge_service", member, state="stopped", **wish)["changed"]
    assert "no service RTCSRV" in run("edge_service", Gone(member), state="stopped", **wish)["msg"]


class Gone(Member):
    """A member without the Access Edge."""

    def __init__(self, like: Member) -> None:
        super().__init__({}, [], {})
        self.services = {name: status for name, status in like.services.items() if name != "RTCSRV"}


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("store", {"certificates": [], "thumbprint": []}, "mutually exclusive"),
        ("store", {"state": "gone"}, "present, absent"),
        ("edge_certificate", {"use": ["Anything"]}, "AccessEdgeExternal"),
        ("edge_service", {"name": ["RTCSRV"]}, "state"),
        ("edge_info", {"nonsense": 1}, "nonsense"),
        ("array_verdict", {"members": []}, "evidence"),
    ],
)
def test_options_are_validated_before_anything_is_sent(name: str, options: dict[str, Any], text: str) -> None:
    host = Member({}, [], {})
    with pytest.raises(AnsibleActionFail, match=text):
        run(name, host, True, **options)
    assert not host.documents


def test_a_verdict_takes_what_modules_return() -> None:
    new, old = "AA" * 20, "BB" * 20
    options: dict[str, Any] = {
        "members": ["a", "b", "c", "d"],
        "desired": {ACCESS: new},
        "old": {"a": {ACCESS: old}, "b": {ACCESS: old}},
        "excluded": {"d": "its disk is broken"},
        "evidence": {
            "a": {"assigned": {ACCESS: new}, "pending": {AV: {"thumbprint": new, "effective": "x"}}},
            "b": {ACCESS: old.lower()},
            "c": {"unreachable": True, "assigned": {ACCESS: new}},
        },
    }
    result = run("array_verdict", Member({}, [], {}), **options)
    assert (result["verdict"], result["members"]) == ("unknown", {"a": "new", "b": "old", "c": "lost"})
    assert "d is excluded (its disk is broken)" in result["text"]
    for wrong in ("text", {"assigned": {ACCESS: 1}}, {"assigned": []}):
        options["evidence"]["b"] = wrong
        assert "evidence.b" in run("array_verdict", Member({}, [], {}), **options)["msg"]
