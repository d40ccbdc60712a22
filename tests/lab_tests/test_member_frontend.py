"""Front End servers and Directors of the lab: what they answer, and that nothing but reads is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.frontend import OAUTH, OWN_USES, FrontEndPool
from lab.interfaces import Options
from lab.member.host import EdgeMember
from lab_tests.member_tools import ask, call, quiet, shared_pki, switch


def pool(folder: Path, /, **extra: str) -> dict[str, Any]:
    """Members by name; their ports are closed."""
    options = Options("frontend-pool", folder, "127.99.0", "labadmin", "secret", quiet, extra=extra)
    return {member.name: member for member in FrontEndPool(options, shared_pki()).members}


def rows(member: EdgeMember, name: str, *keep: str, **given: Any) -> list[dict[str, Any]]:
    (reply,) = ask(member, call(name, keep=keep, **given))
    assert "error" not in reply, reply
    return list(reply["rows"])


def test_each_server_has_its_own_certificate_and_all_have_the_same_issuer_of_tokens(tmp_path: Path) -> None:
    members = pool(tmp_path)
    held = {
        name: {row["Use"]: row["Thumbprint"] for row in rows(member, "Get-CsCertificate", "Use", "Thumbprint")}
        for name, member in members.items()
    }
    assert list(held) == ["front1", "front2", "director1"]
    assert all(set(of) == {*OWN_USES, OAUTH} for of in held.values())
    assert len({of["Default"] for of in held.values()}) == 3 and len({of[OAUTH] for of in held.values()}) == 1


def test_services_by_role_and_iis_where_it_is_listed(tmp_path: Path) -> None:
    members, without = pool(tmp_path), pool(tmp_path, iis="not-listed")

    def names(member: EdgeMember) -> set[str]:
        return {row["Name"] for row in rows(member, "Get-CsWindowsService", "Name")}

    assert "RTCIMMCU" in names(members["front1"]) and "RTCIMMCU" not in names(members["director1"])
    assert names(members["front1"]) - names(without["front1"]) == {"W3SVC"}


def test_names_of_pool_and_server(tmp_path: Path) -> None:
    member = pool(tmp_path)["director1"]
    (row,) = rows(member, "Get-CsComputer", "Pool", "Fqdn", Local=switch())
    assert row == {"Pool": "dirpool.corp.contoso.example", "Fqdn": "director1.corp.contoso.example"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Set-CsCertificate", {"Type": ["Default"], "Thumbprint": "00"}),
        ("Remove-CsCertificate", {"Type": ["Default"]}),
        ("Stop-CsWindowsService", {"Name": "RTCSRV"}),
        ("Start-CsWindowsService", {"Name": "RTCSRV"}),
        ("Get-CsAVEdgeConfiguration", {}),
        ("Get-CsComputer", {}),
    ],
)
def test_what_is_not_played_is_refused_loudly(tmp_path: Path, name: str, given: dict[str, Any]) -> None:
    member = pool(tmp_path)["front1"]
    before = member.describe()["assigned"], member.describe()["services"]
    (reply,) = ask(member, call(name, **given))
    assert reply["error"]["fqid"] == f"lab.NotPlayed,{name}" and "role frontend" in reply["error"]["message"]
    assert (member.describe()["assigned"], member.describe()["services"]) == before
