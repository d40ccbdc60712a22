"""Product cmdlets: what they take, refuse, answer and do, as PowerShell's binder and the member have it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call, RemoteError, Switch

from .conftest import Bench, Side

AV = "AudioVideoAuthentication"
FIELDS = (
    *("Use", "Thumbprint", "SerialNumber", "Subject", "Issuer", "NotBefore", "NotAfter", "AlternativeNames"),
    *("EffectiveDate", "PreviousThumbprint"),
)
#: A cmdlet of the product answers of its own accord; the stand-ins are functions, whose binder has names of its own.
CONVERSIONS = ("CannotConvertArgument", "ParameterArgumentTransformationError")


def assign(side: Side, name: str, *uses: str, **more: Any) -> Answer:
    given = {"Type": list(uses), "Thumbprint": side.thumb(name), "Confirm": Switch(False), **more}
    return side.one("Set-CsCertificate", **given)


def failed(answer: Answer) -> RemoteError:
    assert answer.error is not None, answer.rows
    return answer.error


def new_leaf(side: Side, name: str = "external-new") -> None:
    side.order(store=[{"store": "My", "add": [name], "key": True}, {"store": "CA", "add": ["issuing-new"]}])


# ---- reading


def test_assignments_are_read_with_the_properties_that_are_asked_for(side: Side) -> None:
    rows = {row["Use"]: row for row in side.rows("Get-CsCertificate", keep=FIELDS)}
    assert set(rows) == {"AccessEdgeExternal", "DataEdgeExternal", AV, "Internal"}
    leaf = side.pki["external-old"].certificate
    assert rows["AccessEdgeExternal"] == {
        "Use": "AccessEdgeExternal",
        "Thumbprint": side.thumb("external-old"),
        "SerialNumber": f"{leaf.serial_number:X}".zfill((len(f"{leaf.serial_number:X}") + 1) // 2 * 2),
        "Subject": "CN=sip.contoso.example, O=Contoso, L=Redmond, S=Washington, C=US",
        "Issuer": rows["AccessEdgeExternal"]["Issuer"],
        "NotBefore": leaf.not_valid_before_utc,
        "NotAfter": leaf.not_valid_after_utc,
        "AlternativeNames": ["sip.contoso.example", "webcon.contoso.example", "av.contoso.example"],
        "EffectiveDate": None,
        "PreviousThumbprint": None,
    }
    assert rows["Internal"]["AlternativeNames"] == ["edgepool.corp.contoso.example"], "a list of one is a list"


def test_properties_come_by_any_case_and_absent_ones_are_nothing(side: Side) -> None:
    (row,) = side.rows("Get-CsCertificate", keep=("thumbprint", "NoSuchThing"), Type=["Internal"])
    assert row == {"thumbprint": side.thumb("internal-old"), "NoSuchThing": None}


def test_services_have_a_state(side: Side) -> None:
    wanted = {"ExcludeActivityLevel": Switch(True)}
    rows = side.rows("Get-CsWindowsService", keep=("Name", "Status", "ActivityLevel"), **wanted)
    assert {row["Name"]: row["Status"] for row in rows} == dict.fromkeys(
        ("REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"), "Running"
    )
    assert {row["ActivityLevel"] for row in rows} == {None}
    (one,) = side.rows("Get-CsWindowsService", keep=("Name", "ActivityLevel"), Name="RTCSRV")
    assert one["Name"] == "RTCSRV" and one["ActivityLevel"]
    error = failed(side.one("Get-CsWindowsService", keep=("Name",), Name="RTCSRVX"))
    assert "RTCSRVX" in error.message and error.category == "ObjectNotFound"


def test_the_local_configuration_is_read_from_the_local_store_only(side: Side) -> None:
    keep = ("Identity", "MaxTokenLifetime")
    assert side.rows("Get-CsAVEdgeConfiguration", keep=keep, LocalStore=Switch(True)) == (
        {"Identity": "Global", "MaxTokenLifetime": "08:00:00"},
    )
    reply = side.ask(
        Call("central", "Get-CsAVEdgeConfiguration", {}, keep, optional=True),
        Call("computer", "Get-CsComputer", {"Local": Switch(True)}, ("Fqdn",), optional=True),
    )
    error = failed(reply["central"])
    assert error.type == "Microsoft.Rtc.Common.Data.SqlConnectionException" and "SQL" in error.message
    assert reply["computer"].ok, reply["computer"].error


# ---- binding


def test_a_parameter_that_is_not_documented_is_refused(side: Side) -> None:
    error = failed(assign(side, "external-old", AV, Rol=Switch(True), Nonsense="x"))
    assert (error.fqid, error.category) == ("NamedParameterNotFound,Set-CsCertificate", "InvalidArgument")
    assert error.type == "System.Management.Automation.ParameterBindingException"
    assert "Nonsense" in error.message or "Rol" in error.message


def test_a_parameter_of_another_version_is_refused(side: Side) -> None:
    """NetportId is documented for Lync Server 2010 only."""
    error = failed(assign(side, "external-old", AV, NetportId="1"))
    assert error.fqid == "NamedParameterNotFound,Set-CsCertificate"


def test_an_alias_is_a_parameter(side: Side) -> None:
    new_leaf(side)
    when = side.state().clock.now().replace(microsecond=0) + timedelta(hours=2)
    assert assign(side, "external-new", AV, Roll=Switch(True), EffectiveTime=when).ok
    assert side.state().assigned[AV].effective == when


def test_a_mandatory_parameter_is_not_asked_for(side: Side) -> None:
    error = failed(side.one("Set-CsCertificate", Type=[AV], Password="x"))
    assert error.fqid == "MissingMandatoryParameter,Set-CsCertificate" and "Path" in error.message
    assert error.category == "InvalidArgument"


@pytest.mark.parametrize("given", [{"Type": ["NoSuchUse"]}, {"EffectiveDate": "in a while"}])
def test_a_value_of_the_wrong_type_is_refused(side: Side, given: dict[str, Any]) -> None:
    error = failed(assign(side, "external-old", *given.get("Type", [AV]), **given))
    assert error.fqid.startswith(CONVERSIONS) and error.fqid.endswith(",Set-CsCertificate")
    assert error.type.startswith("System.Management.Automation.ParameterBinding")


def test_sets_do_not_mix(side: Side) -> None:
    error = failed(assign(side, "external-old", AV, Path="C:\\x.pfx"))
    assert (error.fqid, error.category) == ("AmbiguousParameterSet,Set-CsCertificate", "InvalidArgument")


def test_a_certificate_that_is_not_there(side: Side) -> None:
    assert failed(side.one("Set-CsCertificate", Type=[AV], Thumbprint="00" * 20)).category == "ObjectNotFound"


# ---- doing


def test_an_assignment_takes_effect(side: Side) -> None:
    new_leaf(side)
    answer = assign(side, "external-new", "AccessEdgeExternal", "DataEdgeExternal")
    assert answer.ok and answer.rows == ()
    assigned = side.state().assigned
    assert (
        assigned["AccessEdgeExternal"].thumbprint
        == assigned["DataEdgeExternal"].thumbprint
        == side.thumb("external-new")
    )
    assert assigned[AV].thumbprint == side.thumb("external-old")


@pytest.mark.parametrize("hours", [-5.5, 0, 13])
def test_a_roll_means_its_instant_whatever_zone_it_was_given_in(side: Side, hours: float) -> None:
    new_leaf(side)
    zone = timezone(timedelta(hours=hours))
    when = (side.state().clock.now() + timedelta(hours=4)).replace(microsecond=0)
    assert assign(side, "external-new", AV, Roll=Switch(True), EffectiveDate=when.astimezone(zone)).ok
    assert side.state().assigned[AV].effective == when and side.state().assigned[AV].pending == side.thumb(
        "external-new"
    )
    (row,) = [row for row in side.rows("Get-CsCertificate", keep=FIELDS) if row["Use"] == AV]
    assert row["EffectiveDate"] == when and row["PreviousThumbprint"] == side.thumb("external-old")


def test_a_roll_without_its_instant_fails(side: Side) -> None:
    new_leaf(side)
    error = failed(assign(side, "external-new", AV, Roll=Switch(True)))
    assert "EffectiveDate" in error.message and error.fqid == "InvalidCommandArguments,Set-CsCertificate"
    assert (error.type, error.category) == ("System.ArgumentException", "InvalidArgument")
    assert assign(side, "external-new", AV, Roll=Switch(False)).ok, "a switch that is off is not there"


def test_a_key_that_the_product_cannot_use(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"], "key": True, "cng": True})
    error = failed(assign(side, "external-new", "AccessEdgeExternal"))
    assert error.message == "The buffer supplied to a function was too small."
    assert error.type == "System.Security.Cryptography.CryptographicException"
    assert side.state().assigned["AccessEdgeExternal"].thumbprint == side.thumb("external-old")


def test_services_stop_and_start(side: Side) -> None:
    side.state().calls = 3
    stop = {"Name": "RTCSRV", "Graceful": Switch(True), "NoWait": Switch(True), "Confirm": Switch(False)}
    assert side.one("Stop-CsWindowsService", **stop).ok
    (row,) = side.rows("Get-CsWindowsService", keep=("Status",), Name="RTCSRV", ExcludeActivityLevel=Switch(True))
    assert row == {"Status": "Paused"}
    side.order(calls=0)
    (row,) = side.rows("Get-CsWindowsService", keep=("Status",), Name="RTCSRV", ExcludeActivityLevel=Switch(True))
    assert row == {"Status": "Stopped"}
    assert side.one("Start-CsWindowsService", Name="RTCSRV", Confirm=Switch(False)).ok
    assert side.state().services["RTCSRV"] == "Running"


def test_a_service_that_not_every_server_has_goes_down_along_and_stays_down(side: Side) -> None:
    other = "RTCXMPPTGWPXY"
    side.order(service={"name": other, "depends_on": "RTCSRV"})
    assert side.one("Stop-CsWindowsService", Name="RTCSRV", Force=Switch(True), Confirm=Switch(False)).ok
    assert side.rows("Wait-Stopped", Names=[other], Seconds=0) == ({"Name": other, "Status": "Stopped"},)
    assert side.one("Start-CsWindowsService", Name="RTCSRV", Confirm=Switch(False)).ok
    (row,) = side.rows("Get-CsWindowsService", keep=("Name", "Status"), Name=other, ExcludeActivityLevel=Switch(True))
    assert row == {"Name": other, "Status": "Stopped"}
    assert side.one("Start-CsWindowsService", Name=other, Confirm=Switch(False)).ok
    assert side.state().services[other] == "Running"


def test_waiting_for_services_ends_either_way(side: Side) -> None:
    answer = side.one("Wait-Stopped", Names=["RTCSRV", "RTCMRAUTH"], Seconds=0.3)
    error = failed(answer)
    assert error.fqid == "ucops.StillRunning" and "RTCSRV" in error.message and "RTCMRAUTH" in error.message
    side.order(services={"RTCSRV": "Stopped"})
    assert "RTCSRV" not in failed(side.one("Wait-Stopped", Names=["RTCSRV", "RTCMRAUTH"], Seconds=0)).message
    assert side.rows("Wait-Stopped", Names=["RTCSRV"], Seconds=5) == ({"Name": "RTCSRV", "Status": "Stopped"},)
    gone = failed(side.one("Wait-Stopped", Names=["NoSuchService"], Seconds=0))
    assert "NoSuchService" in gone.message and gone.fqid == "ucops.Wait-Stopped"


def test_a_prompt_is_an_error_and_does_not_wait(side: Side) -> None:
    """Remove-CsCertificate asks when the certificate is in use and nobody said -Force."""
    error = failed(side.one("Remove-CsCertificate", Type=["Internal"]))
    assert error.type == "System.Management.Automation.PSInvalidOperationException"
    assert side.state().assigned["Internal"].thumbprint == side.thumb("internal-old")
    assert side.one("Remove-CsCertificate", Type=["Internal"], Force=Switch(True)).ok
    assert side.state().assigned["Internal"].thumbprint is None


def test_what_if_does_nothing(side: Side) -> None:
    new_leaf(side)
    assert assign(side, "external-new", "AccessEdgeExternal", WhatIf=Switch(True)).ok
    assert side.state().assigned["AccessEdgeExternal"].thumbprint == side.thumb("external-old")


# ---- order, modules, rights


def test_calls_run_in_order_and_stop_at_the_first_error(side: Side) -> None:
    new_leaf(side)
    thumb = side.thumb("external-new")
    calls = [
        Call("soft", "Set-CsCertificate", {"Type": ["Internal"], "Thumbprint": "00" * 20}, optional=True),
        Call("first", "Set-CsCertificate", {"Type": ["AccessEdgeExternal"], "Thumbprint": thumb}),
        Call("hard", "Set-CsCertificate", {"Type": ["DataEdgeExternal"], "Thumbprint": "00" * 20}),
        Call("late", "Set-CsCertificate", {"Type": ["DataEdgeExternal"], "Thumbprint": thumb}),
        Call("read", "Get-Journal"),
    ]
    reply = side.ask(*calls)
    assert list(reply.answers) == [call.id for call in calls]
    assert reply["soft"].error and reply["first"].ok and reply["hard"].error
    assert reply["late"].not_run and reply["read"].not_run
    assigned = side.state().assigned
    assert assigned["AccessEdgeExternal"].thumbprint == thumb
    assert assigned["DataEdgeExternal"].thumbprint == side.thumb("external-old")
    assert side.member().describe()["ran"] == ["Set-CsCertificate"] * 3


def test_the_module_is_loaded_and_named(side: Side) -> None:
    host = side.ask(Call("1", "Get-Journal")).host
    product = side.state().host.product
    assert [(module.name, module.version) for module in host.loaded] == [(product.module, product.module_version)]
    assert host.load_error is None
    assert side.ask(Call("1", "Get-Journal"), load=()).host.loaded == ()


def test_a_missing_module_is_told_and_the_rest_works(bench: Bench, engine: str) -> None:
    side = Side(bench, engine, module="missing")
    reply = side.ask(Call("1", "Get-Journal"), Call("2", "Get-CsCertificate", {}, ("Use",)))
    assert reply.host.load_error and "not loaded" in reply.host.load_error and reply.host.loaded == ()
    assert reply["1"].ok
    error = failed(reply["2"])
    assert (error.fqid, error.category) == ("CommandNotFoundException", "ObjectNotFound")
    assert error.type == "System.Management.Automation.CommandNotFoundException"
    assert "Get-CsCertificate" in error.message


@pytest.mark.parametrize("product", ["sfb2015", "sfb2019"])
def test_later_products_have_a_module_of_another_name(bench: Bench, engine: str, product: str) -> None:
    side = Side(bench, engine, product=product, powershell="5.1")
    host = side.ask(Call("1", "Get-CsCertificate", {}, ("Use",))).host
    assert [module.name for module in host.loaded] == ["SkypeForBusiness"]


def test_host_facts_are_the_members(side: Side) -> None:
    side.order(clock_offset=3600)
    host = side.ask(Call("1", "Get-Journal"), load=()).host
    facts = side.state().host
    assert host.computer == "EDGE1" and host.user == "EDGE1\\labadmin" and host.admin and host.bits == 64
    assert host.powershell == facts.powershell and host.windows == facts.windows.version
    assert host.language == "FullLanguage"
    assert isinstance(host.clock, datetime) and abs(host.clock - side.state().clock.now()) < timedelta(seconds=60)
    side.order(admin=False)
    assert not side.ask(Call("1", "Get-Journal"), load=()).host.admin
