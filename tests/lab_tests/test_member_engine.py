"""Documents: framing, order, errors, values, host facts, journal and lock, faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.faults import DropConnection
from lab.interfaces import Result
from lab.member import product
from lab.member.host import EdgeMember
from lab.member.product import also_play

from .member_tools import NONCE, ask, ask_later, call, document, moment, order, packed, pool, run, switch


@pytest.fixture
def member(tmp_path: Path) -> EdgeMember:
    return pool(tmp_path, members="1").members[0]  # type: ignore[return-value]


def output(member: EdgeMember, *calls: dict[str, object]) -> list[str]:
    result: Result = run(member.execute("x", packed(document(*calls)), "winrs"))
    return result.stdout.decode("ascii").split("\r\n")


def test_frame_is_ascii_in_short_lines(member: EdgeMember) -> None:
    lines = output(member, call("Get-StoreCertificate", Stores=["My", "CA", "Root"]))
    assert lines[0] == f"ucops-begin {NONCE}" and lines[-2:] == [f"ucops-end {NONCE}", ""]
    assert max(map(len, lines)) == 8000


def test_noise_around_the_frame_when_told(member: EdgeMember) -> None:
    order(member, banner=True)
    lines = output(member, call("Get-Journal"))
    assert lines.index(f"ucops-begin {NONCE}") > 0
    assert lines[-2].startswith("WARNING:")


def test_stops_at_the_first_error_unless_optional(member: EdgeMember) -> None:
    bad = call("Get-CsCertificate", keep=("Use",), Nonsense=1)
    replies = ask(member, {**bad, "optional": True}, call("Get-Journal"), bad, call("Get-Journal"))
    assert replies[0]["error"]["fqid"] == "NamedParameterNotFound,Get-CsCertificate"
    assert replies[1]["rows"] and "error" in replies[2]
    assert replies[3] == {"id": "4", "not_run": True}


def test_keep_picks_properties_and_absent_ones_are_null(member: EdgeMember) -> None:
    rows = ask(member, call("Get-CsCertificate", keep=("Use", "thumbprint", "Nothing"), Type=["Internal"]))[0]["rows"]
    assert rows == [{"Use": "Internal", "thumbprint": member.state.assigned["Internal"].thumbprint, "Nothing": None}]


def test_values_are_typed(member: EdgeMember) -> None:
    row = ask(
        member, call("Get-CsCertificate", keep=("NotAfter", "AlternativeNames", "EffectiveDate"), Type=["Internal"])
    )
    found = row[0]["rows"][0]
    assert found["AlternativeNames"] == ["edgepool.corp.contoso.example"]
    assert set(found["NotAfter"]) == {"$datetime"} and found["NotAfter"]["$datetime"].endswith("Z")
    assert found["EffectiveDate"] is None
    raw = ask(member, call("Get-StoreCertificate", Stores=["Root"]))[0]["rows"][0]["RawData"]
    assert set(raw) == {"$bytes"}


def test_unknown_name_and_module_not_loaded(member: EdgeMember) -> None:
    assert ask(member, call("Remove-Item", Path="C:\\"))[0]["error"]["fqid"] == "ucops.NotAllowed"
    unloaded = ask(member, call("Get-CsComputer", keep=("Fqdn",)), load=())[0]
    assert unloaded["error"]["fqid"] == "CommandNotFoundException"
    order(member, module="missing")
    reply = run(ask_later(member, call("Get-Journal"), call("Get-CsComputer", keep=("Fqdn",))))
    assert "was not loaded" in reply["host"]["load_error"] and reply["host"]["loaded"] == []
    assert reply["replies"][0]["rows"] and "error" in reply["replies"][1]


def test_what_is_not_installed_is_not_loaded(member: EdgeMember) -> None:
    reply = run(ask_later(member, call("Get-CsComputer", keep=("Fqdn",)), load=("toy",)))
    assert reply["host"]["load_error"] == "toy is not installed on this server." and reply["host"]["loaded"] == []
    assert reply["replies"][0]["error"]["fqid"] == "CommandNotFoundException"


def test_a_scenario_plays_cmdlets_of_its_own_and_none_of_microsoft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound by what it documents of them, as all are; nobody can say anew what Set-CsCertificate does."""
    monkeypatch.setattr(product, "CMDLETS", dict(product.CMDLETS))
    known = dict(product.cmdlets.metadata())
    monkeypatch.setattr(product.cmdlets, "metadata", lambda: known)
    with pytest.raises(ValueError, match="Set-CsCertificate"):
        also_play("Set-CsCertificate", {}, product.set_certificate, "write")
    facts = {"applicable": ["Toy Server 1"], "parameters": {}}
    also_play("Get-Toy", facts, product.get_computer, "read")
    assert product.cmdlets.known("get-toy", "Toy Server 1") == "Get-Toy"
    assert product.cmdlets.known("Get-Toy", "Lync Server 2013") is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("4.0", "6.3.9600", "4.0.30319.42000", "Lync")),
        ({"powershell": "2.0"}, ("2.0", "6.1.7601", "2.0.50727.5485", "Lync")),
        (
            {"product": "sfb2019", "windows": "2019"},
            ("5.1.17763.5830", "10.0.17763", "4.0.30319.42000", "SkypeForBusiness"),
        ),
    ],
)
def test_host_facts(tmp_path: Path, options: dict[str, str], expected: tuple[str, ...]) -> None:
    member = pool(tmp_path, members="1", **options).members[0]
    host = run(ask_later(member, call("Get-Journal")))["host"]  # type: ignore[arg-type]
    assert (host["powershell"], host["windows"], host["clr"], host["loaded"][0]["name"]) == expected
    assert host["computer"] == "EDGE1" and host["user"] == "EDGE1\\labadmin" and host["bits"] == 64 and host["admin"]


def test_lock_and_journal(member: EdgeMember) -> None:
    assert ask(member, call("Lock-Member", Run="one", Text="night shift", TakeFrom=None))[0]["rows"][0]["Run"] == "one"
    refused = ask(member, call("Lock-Member", Run="two", Text="other", TakeFrom=None))[0]["error"]
    assert refused["fqid"] == "ucops.LockedByOther" and "one" in refused["message"]
    assert ask(member, call("Set-Journal", Run="two", Text="x"))[0]["error"]["fqid"] == "ucops.LockedByOther"
    assert ask(member, call("Set-Journal", Run="one", Text="written"))[0]["rows"] == [{"Run": "one"}]
    read = ask(member, call("Get-Journal"))[0]["rows"][0]
    assert read["Text"] == "written" and read["Lock"]["Text"] == "night shift"
    assert ask(member, call("Unlock-Member", Run="two"))[0]["rows"] == [{"Run": "two", "Held": False}]
    assert "rows" in ask(member, call("Lock-Member", Run="two", Text="other", TakeFrom="one"))[0]
    assert ask(member, call("Unlock-Member", Run="two"))[0]["rows"] == [{"Run": "two", "Held": True}]
    assert member.describe()["lock"] is None and member.describe()["journal"] == "written"


def test_without_administrator_rights_nothing_is_written(member: EdgeMember) -> None:
    order(member, admin=False)
    error = ask(member, call("Lock-Member", Run="one", Text="", TakeFrom=None))[0]["error"]
    assert error["type"] == "System.UnauthorizedAccessException"


def test_events_newest_first_with_noise_and_limit(member: EdgeMember) -> None:
    asked = {"Log": "Lync Server", "After": moment(member.state.clock.now().replace(year=2020)), "Sources": []}
    rows = ask(member, call("Find-Event", **asked, Newest=5))[0]["rows"]
    assert len(rows) == 5 and {r["Id"] for r in rows} <= {14428, 14507}
    assert [r["Time"]["$datetime"] for r in rows] == sorted((r["Time"]["$datetime"] for r in rows), reverse=True)
    order(member, noise=False)
    assert ask(member, call("Find-Event", **asked, Newest=5))[0]["rows"] == []
    missing = ask(member, call("Find-Event", **{**asked, "Log": "Nope"}, Newest=5))[0]
    assert missing["rows"] == [] and missing["warnings"] == ["no event log named Nope"]


def test_fault_before_and_after_the_effect(member: EdgeMember) -> None:
    member.faults.add({"do": "drop-before", "call": "Set-Journal"})
    with pytest.raises(DropConnection):
        ask(member, call("Set-Journal", Run="r", Text="first"))
    assert member.describe()["journal"] is None
    member.faults.add({"do": "drop-after", "call": "Set-Journal"})
    with pytest.raises(DropConnection):
        ask(member, call("Set-Journal", Run="r", Text="second"), call("Set-Journal", Run="r", Text="third"))
    assert member.describe()["journal"] == "second"


def test_the_script_may_run_on_after_the_connection_is_lost(member: EdgeMember) -> None:
    order(member, after_drop="runs-on")
    member.faults.add({"do": "drop-after", "call": "Set-Journal"})
    with pytest.raises(DropConnection):
        ask(member, call("Set-Journal", Run="r", Text="second"), call("Set-Journal", Run="r", Text="third"))
    assert member.describe()["journal"] == "third"


def test_injected_error_is_an_error_of_the_call(member: EdgeMember) -> None:
    member.faults.add({"do": "error", "phase": "write", "message": "no luck"})
    replies = ask(member, call("Get-Journal"), call("Set-Journal", Run="r", Text="x"), call("Get-Journal"))
    assert replies[1]["error"]["message"] == "no luck" and replies[2] == {"id": "3", "not_run": True}
    assert member.describe()["journal"] is None


def test_control_refuses_what_it_does_not_know(member: EdgeMember) -> None:
    for body in (
        {"nonsense": 1},
        {"rolled_shape": "round"},
        {"store": {"store": "My", "ad": []}},
        {"store": {"store": "My", "add": ["no-such"]}},
        {"services": {"RTCSRV": "Dancing"}},
        {"assigned": {"Kitchen": "root"}},
    ):
        with pytest.raises(ValueError, match="expected"):
            order(member, **body)


def test_product_cmdlet_without_local_store_cannot_reach_the_central_store(member: EdgeMember) -> None:
    replies = ask(
        member,
        call("Get-CsAVEdgeConfiguration", keep=("MaxTokenLifetime",), optional=True),
        call("Get-CsAVEdgeConfiguration", keep=("MaxTokenLifetime",), LocalStore=switch()),
    )
    assert "SqlException" in replies[0]["error"]["message"]
    assert replies[1]["rows"] == [{"MaxTokenLifetime": "08:00:00"}]


def test_state_is_complete(member: EdgeMember, tmp_path: Path) -> None:
    state = member.describe()
    assert state["assigned"]["AccessEdgeExternal"] == member.pki["external-old"].thumbprint
    assert state["orphan_keys"] == 0 and state["keys"] == 2 and state["mutual_tls"] == "works"
    assert set(state["services"]) == {"REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"}
