"""Exchange cmdlets take what Microsoft's metadata has for their version, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.exchange.binding import bind, known, metadata, parameters
from lab.exchange.servers import CMDLETS
from lab.member.cmdlets import DATA
from lab.member.errors import CallError

from .exchange_tools import VERSIONS, array, ask, call, did, do, put, refused, shared_pki

E2010, E2013, E2019 = "Exchange Server 2010", "Exchange Server 2013", "Exchange Server 2019"
ENABLE = "Enable-ExchangeCertificate"


def test_every_cmdlet_of_the_metadata_is_played_and_the_other_way_round() -> None:
    assert set(metadata()) == set(CMDLETS)
    source = json.loads(DATA.with_name("exchange_cmdlets.json").read_text("utf-8"))["source"]
    assert "office-docs-powershell" in source


@pytest.mark.parametrize(
    ("product", "given", "fqid"),
    [
        (E2010, {"Identity": "EX1\\AB", "Services": "IIS"}, "NamedParameterNotFound"),
        (E2019, {"Identity": "EX1\\AB", "Server": "EX1", "Services": "IIS"}, "AmbiguousParameterSet"),
        (E2019, {"Thumbprint": "AB"}, "MissingMandatoryParameter"),
        (E2019, {"Thumbprint": "AB", "Services": "IIS,Kitchen"}, "CannotConvertArgumentNoMessage"),
        (E2019, {"Thumbprint": "AB", "Services": "IIS", "Nonsense": 1}, "NamedParameterNotFound"),
    ],
)
def test_refused(product: str, given: dict[str, Any], fqid: str) -> None:
    with pytest.raises(CallError) as caught:
        bind(ENABLE, product, given)
    assert caught.value.fqid == f"{fqid},{ENABLE}"


def test_file_names_exist_on_2013_only() -> None:
    for product in (E2010, "Exchange Server 2016", E2019, "Exchange Server SE"):
        assert "FileName" not in parameters("Import-ExchangeCertificate", product)
        assert "RequestFile" not in parameters("New-ExchangeCertificate", product)
    assert "FileName" in parameters("Import-ExchangeCertificate", E2013)


def test_a_thumbprint_may_stand_first_and_services_are_flags() -> None:
    assert bind(ENABLE, E2019, {"Services": ["smtp", "IIS"]}, ["AB"]) == {
        "Thumbprint": "AB",
        "Services": ["IIS", "SMTP"],
    }
    assert bind(ENABLE, E2019, {"Services": "POP, IMAP", "Thumbprint": "AB"})["Services"] == ["IMAP", "POP"]


def test_requests_cannot_be_enabled_beforehand() -> None:
    with pytest.raises(CallError) as caught:
        bind("New-ExchangeCertificate", E2019, {"GenerateRequest": True, "Services": "IIS"})
    assert caught.value.fqid == "AmbiguousParameterSet,New-ExchangeCertificate"


def test_connectors_have_certificate_names_since_2013() -> None:
    assert "TlsCertificateName" not in parameters("Set-SendConnector", E2010)
    assert "TlsCertificateName" in parameters("Set-ReceiveConnector", E2013)
    assert known("get-transportservice", E2010) is None and known("Get-UMService", E2019) is None


@pytest.mark.parametrize("product", VERSIONS)
def test_what_each_version_reads(tmp_path: Path, product: str) -> None:
    member = array(tmp_path, product=product).servers[0]
    transport = "Get-TransportServer" if product == "exchange2010" else "Get-TransportService"
    row = did(member, transport, ("InternalTransportCertificateThumbprint",), Identity="EX1")[0]
    assert row["InternalTransportCertificateThumbprint"] == shared_pki()["ex1-self"].thumbprint
    assert did(member, "Get-ExchangeServer", ("Name", "ServerRole"), Identity="ex1")[0]["Name"] == "EX1"
    assert len(did(member, "Get-ReceiveConnector", ("Identity", "Fqdn"), Server="EX1")) == 3
    assert did(member, "Get-PopSettings", ("X509CertificateName",), Server="EX1")
    assert did(member, "Get-SendConnector", ("Name", "SourceTransportServers"))
    reply = do(member, "Get-UMService", ("UMStartupMode",), Identity="EX1")
    assert ("error" in reply) is (product not in ("exchange2013", "exchange2016"))


def test_edge_transport_has_fewer_cmdlets(tmp_path: Path) -> None:
    inside, gate = array(tmp_path, edge_transport="1").servers
    seen = {r["Identity"].partition("\\")[0] for r in did(inside, "Get-ReceiveConnector", ("Identity",))}
    assert (
        seen == {"EX1"} and "couldn't be found" in refused(inside, "Get-ExchangeCertificate", Server="GATE1")["message"]
    )
    assert {r["Name"] for r in did(inside, "Get-ExchangeServer", ("Name",))} == {"EX1", "GATE1"}
    reply = ask(gate, call("Get-ExchangeCertificate", keep=("Thumbprint",)), load=("exchange",))[0]
    assert len(reply["rows"]) == 2
    assert refused(gate, "Get-PopSettings", Server="GATE1")["fqid"] == "CommandNotFoundException"
    assert "Edge Transport" in refused(gate, "Get-ExchangeCertificate", DomainController="dc1")["message"]
    new = put(gate, "mail-new")
    assert "Only the SMTP service" in refused(gate, ENABLE, Thumbprint=new, Services="IIS,SMTP", Force=True)["message"]
