"""Parameters are bound strictly by Microsoft's metadata, and refused in PowerShell's shapes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from lab.member.cmdlets import bind, metadata, parameters
from lab.member.errors import CallError
from lab.member.product import CMDLETS
from lab.member.values import Switch

LYNC = "Lync Server 2013"
SET = "Set-CsCertificate"


def test_every_cmdlet_of_the_metadata_is_played_and_the_other_way_round() -> None:
    assert set(metadata()) == set(CMDLETS)


@pytest.mark.parametrize(
    ("given", "fqid"),
    [
        ({"Thumbprint": "AB", "Nonsense": 1}, "NamedParameterNotFound"),
        ({"Thumbprint": "AB", "NetportId": "x"}, "NamedParameterNotFound"),  # Lync Server 2010 only
        ({"Thumbprint": "AB", "Path": "C:\\x.pfx"}, "AmbiguousParameterSet"),
        ({"Thumbprint": "AB", "Password": "p"}, "AmbiguousParameterSet"),
        ({"Password": "p"}, "MissingMandatoryParameter"),
        ({"Thumbprint": "AB", "Type": ["Kitchen"]}, "CannotConvertArgumentNoMessage"),
        ({"Thumbprint": "AB", "EffectiveDate": "some day"}, "CannotConvertArgumentNoMessage"),
        ({"Thumbprint": "AB", "Roll": "yes"}, "CannotConvertArgumentNoMessage"),
        ({"Thumbprint": "AB", "Re": "x"}, "AmbiguousParameter"),
        ({"EffectiveDate": "1/2/2026", "EffectiveTime": "1/2/2026", "Thumbprint": "AB"}, "ParameterAlreadyBound"),
    ],
)
def test_refused(given: dict[str, object], fqid: str) -> None:
    with pytest.raises(CallError) as caught:
        bind(SET, LYNC, given)
    assert caught.value.fqid == f"{fqid},{SET}"
    assert caught.value.type == "System.Management.Automation.ParameterBindingException"


def test_alias_case_prefix_and_conversion() -> None:
    bound = bind(
        SET, LYNC, {"thumb": "AB", "TYPE": "internal", "EffectiveTime": "1/31/2027 02:30:00 PM", "Roll": Switch(True)}
    )
    assert bound["Type"] == ["Internal"]
    assert bound["EffectiveDate"] == datetime(2027, 1, 31, 14, 30, tzinfo=timezone.utc)
    assert bound["Roll"] is True


def test_positions_and_common_parameters() -> None:
    assert bind("Get-CsWindowsService", LYNC, {"ErrorAction": "Stop"}, ["RTCSRV"]) == {"Name": "RTCSRV"}
    with pytest.raises(CallError, match="positional"):
        bind(SET, LYNC, {"Thumbprint": "AB"}, ["x"])


def test_parameters_differ_by_product_version() -> None:
    old = parameters(SET, "Lync Server 2010")
    assert "NetportId" in old and "Roll" not in old
    assert "Roll" in parameters(SET, "Skype for Business Server 2019")
