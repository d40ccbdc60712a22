"""Ways into the management shell, the document's new functions, and the request's way through the vendor."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.client import LabError, LabProcess
from lab.exchange.certificates import NAMES
from lab.exchange.member import ExchangeMember

from .exchange_tools import Typist, answer, array, ask, call, did, order, put, run, shared_pki, thumb
from .member_tools import document

GET = call("Get-ExchangeCertificate", keep=("Thumbprint",))
STAGE = "ucops.certificates"


@pytest.fixture
def ex1(tmp_path: Path) -> ExchangeMember:
    return array(tmp_path).servers[0]


def host(member: ExchangeMember, *load: str, **root: Any) -> dict[str, Any]:
    """What the script says of the host after a load."""
    found: dict[str, Any] = answer(member, {**document(GET, load=load), **root})["host"]
    return found


def test_the_second_hop(ex1: ExchangeMember) -> None:
    refused = host(ex1, "exchange:management_shell")
    assert refused["loaded"] == [] and "logon session does not exist" in refused["load_error"]
    password = {"user": "CORP\\labadmin", "password": {"$secure": "secret"}}
    loaded = host(ex1, "exchange", credential=password)["loaded"]
    um = ["Get-UMService", "Set-UMService", "Get-UMCallRouterSettings", "Set-UMCallRouterSettings"]  # gone in 2019
    assert loaded == [{"name": "Exchange", "version": "15.2.1544.14", "way": "session", "lacks": um}]
    wrong = {"user": "CORP\\labadmin", "password": {"$secure": "wrong"}}
    assert "Access is denied" in host(ex1, "exchange:session", credential=wrong)["load_error"]
    order(ex1, second_hop="delegates")
    assert host(ex1, "exchange")["loaded"][0]["way"] == "management_shell"
    order(ex1, shell_quota="exceeded")
    assert "OutOfMemory" in host(ex1, "exchange")["load_error"]
    assert host(ex1, "exchange:snapin")["load_error"] is None
    order(ex1, bits=32)
    assert "64-bit" in host(ex1, "exchange:snapin")["load_error"]
    order(ex1, bits=64, module="missing")
    assert "not installed" in host(ex1, "exchange:snapin")["load_error"]


PASSWORD = {"user": "CORP\\labadmin", "password": {"$secure": "secret"}}


def test_no_management_shell_without_its_script(ex1: ExchangeMember) -> None:
    order(ex1, second_hop="delegates", remote_exchange="missing")
    assert "RemoteExchange.ps1" in host(ex1, "exchange:management_shell")["load_error"]
    assert host(ex1, "exchange:session", credential=PASSWORD)["load_error"] is None


def test_the_federation_trust(ex1: ExchangeMember) -> None:
    keep = ("OrgPrivCertificate", "OrgPrevPrivCertificate")
    assert did(ex1, "Get-FederationTrust", keep) == []
    order(ex1, federation="mail-old")
    assert did(ex1, "Get-FederationTrust", keep) == [
        {"OrgPrivCertificate": thumb("mail-old"), "OrgPrevPrivCertificate": None}
    ]


def test_without_a_shell_own_functions_work(ex1: ExchangeMember) -> None:
    replies = ask(ex1, call("Get-TlsBinding"), {**GET, "optional": True}, load=("exchange:management_shell",))
    assert replies[1]["error"]["fqid"] == "CommandNotFoundException"
    assert replies[0]["rows"][2] == {
        "Address": "0.0.0.0",
        "Port": 444,
        "Thumbprint": thumb("ex1-self"),
        "Store": "My",
        "AppId": "{4dc3e181-e14b-4a21-b022-59fc669b0914}",
    }
    assert "lync" in answer(ex1, document(GET, load=("lync",)))["host"]["load_error"]


def test_staged_copied_and_taken_back(ex1: ExchangeMember) -> None:
    """What the product does: nothing but My is looked at, and the copy shares key and access with the staged one."""
    new = put(ex1, "mail-new", store=STAGE)
    before = ex1.describe()["leaves"]
    ask(ex1, call("Grant-StoreKey", Store=STAGE, Thumbprint=new, Sid="S-1-5-20", Rights="Read"))
    assert ex1.describe()["leaves"] == before
    copied = ask(ex1, call("Copy-StoreCertificate", From=STAGE, To="My", Thumbprint=new))[0]
    assert copied["rows"] == [{"Store": "My", "Thumbprint": new}]
    assert ex1.describe()["leaves"]["SMTP submission"] == new and ex1.describe()["keys"] == 4
    did(ex1, "Enable-ExchangeCertificate", Thumbprint=new, Services="IIS", DoNotRequireSsl=True)
    reset = ask(ex1, call("Invoke-IisReset"))[0]
    assert reset["rows"] == [{"Name": "W3SVC", "Status": "Running"}] and ex1.describe()["cookie_certificate"] == new
    did(ex1, "Enable-ExchangeCertificate", Thumbprint=thumb("mail-old"), Services="IIS", DoNotRequireSsl=True)
    ask(ex1, call("Remove-StoreCertificate", Store="My", Thumbprint=new, DeleteKey=False))
    state = ex1.describe()
    assert state["leaves"] == before and state["orphan_keys"] == 0 and state["default_smtp"] == thumb("ex1-self")
    gone = ask(ex1, call("Copy-StoreCertificate", From="Nowhere", To="My", Thumbprint=new))[0]
    assert gone["error"]["fqid"] == "ucops.Copy-StoreCertificate"


def test_services_are_stopped_and_started(ex1: ExchangeMember) -> None:
    names = ["MSExchangePOP3", "MSExchangePOP3BE", "MSExchangeUM"]
    reply = ask(ex1, call("Set-ServiceState", Names=names, Status="Stopped"))[0]
    assert [r["Status"] for r in reply["rows"]] == ["Stopped", "Stopped"] and "MSExchangeUM" in reply["warnings"][0]
    assert "POP3" not in ex1.describe()["leaves"]
    order(ex1, service_fails="MSExchangePOP3BE")
    failed = ask(ex1, call("Set-ServiceState", Names=names, Status="Running"))[0]
    assert failed["error"]["fqid"] == "ucops.Set-ServiceState"
    row = ask(ex1, call("Get-ServiceVersion", Names=["MSExchangeTransport"]))[0]["rows"][0]
    assert row["FileVersion"] == "15.2.1544.14"


def test_a_question_that_hangs_ends_with_the_lab(ex1: ExchangeMember) -> None:
    import asyncio

    from .member_tools import packed

    order(ex1, prompt="hangs")
    new = put(ex1, "mail-new")

    async def both() -> bytes:
        asked = document(call("Enable-ExchangeCertificate", Thumbprint=new, Services="SMTP"), load=("exchange:snapin",))
        waiting = asyncio.create_task(ex1.execute("bootstrap", packed(asked), "winrs"))
        await asyncio.sleep(0)
        assert not waiting.done()
        await ex1.stop()
        return (await waiting).stdout

    assert b"NonInteractive" in run(both())


@pytest.fixture
def typed() -> Iterator[Typist]:
    with LabProcess("exchange-array", product="exchange2010", settings={"edge_transport": "1", "members": "2"}) as lab:
        yield Typist(lab)


def test_the_seed_made_on_a_server(typed: Typist) -> None:
    """Request on the first server, answer imported there; the second one has no key for it."""
    names = ",".join(NAMES)
    shown = typed.ok(
        "ex1",
        "New-ExchangeCertificate -GenerateRequest -SubjectName 'C=US, O=Contoso, CN=mail.contoso.example' "
        f"-DomainName {names} -PrivateKeyExportable $true -FriendlyName 'mail 2027' | fl Text",
    )
    request = shown[shown.index("-----BEGIN") : shown.index("REQUEST-----", shown.index("-----END")) + 12]
    signed = typed.lab.configure("ex1", sign=request)["answer"]
    with zipfile.ZipFile(signed["file"]) as archive:
        p7b = next(archive.read(n) for n in archive.namelist() if n.endswith(".p7b"))
    for member, private in (("ex1", "True"), ("ex2", "False")):
        typed.lab.configure(member, files={"C:\\temp\\answer.p7b": base64.b64encode(p7b).decode()})
        path = "C:\\temp\\answer.p7b"
        said = typed.ok(
            member,
            "Import-ExchangeCertificate -FileData "
            f"([Byte[]]$(Get-Content -Path '{path}' -Encoding byte -ReadCount 0)) | fl",
        )
        row = dict(line.split(" : ", 1) for line in said.splitlines() if " : " in line and line[0].isalpha())
        shown_row = {k.strip(): v for k, v in row.items()}
        assert shown_row["HasPrivateKey"] == private
    with pytest.raises(LabError, match="certificate request"):
        typed.lab.configure("ex1", sign="nonsense")


def test_by_hand(typed: Typist) -> None:
    new = "-Services SMTP"
    typed.lab.store("ex1", store="My", add=["mail-new"], key=True)
    thumbprint = typed.names("ex1")["mail-new"]
    assert "NonInteractive" in typed.fails("ex1", f"Enable-ExchangeCertificate {thumbprint} {new}")
    typed.ok("ex1", f"Enable-ExchangeCertificate {thumbprint} {new} -Force")
    state = typed.lab.state()["ex1"]
    assert state["default_smtp"] == thumbprint and state["edge_sync"] == {"GATE1": "broken"}
    assert "is not recognized" in typed.fails("ex1", "Get-TransportService EX1")
    assert thumbprint in typed.ok("ex1", "Get-TransportServer EX1 | fl InternalTransportCertificateThumbprint")
    assert "GATE1" in typed.ok("ex1", "Get-EdgeSubscription")
    assert "cannot be found that matches parameter name 'FileName'" in typed.fails(
        "ex1", "Import-ExchangeCertificate -FileName C:\\temp\\x.pfx"
    )


def test_mixed_versions(tmp_path: Path) -> None:
    lab = array(tmp_path, members="3", products="exchange2019,exchange2019,exchangese")
    assert [m.describe()["product"] for m in lab.servers] == ["exchange2019", "exchange2019", "exchangese"]
    assert shared_pki()["mail-old"].thumbprint in lab.servers[2].describe()["stores"]["LocalMachine"]["My"]
