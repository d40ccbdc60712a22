"""The traps of the certificate cmdlets, one by one."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.deliveries import p7b, pfx
from lab.exchange.certificates import NAMES, read_request
from lab.exchange.member import ExchangeMember
from lab.member.values import encode

from .exchange_tools import VERSIONS, array, ask, call, did, do, event_numbers, order, put, refused, shared_pki, thumb

ENABLE, REMOVE, GET = "Enable-ExchangeCertificate", "Remove-ExchangeCertificate", "Get-ExchangeCertificate"
IMPORT, NEW = "Import-ExchangeCertificate", "New-ExchangeCertificate"
PASSWORD = {"$secure": "vendor"}


@pytest.fixture
def ex1(tmp_path: Path) -> ExchangeMember:
    return array(tmp_path).servers[0]


def state(member: ExchangeMember) -> dict[str, Any]:
    return member.describe()


def services(member: ExchangeMember, name: str) -> Any:
    row = did(member, GET, ("Services",), Thumbprint=thumb(name))[0]
    return row["Services"]


def legacy_pfx(name: str) -> Any:
    """A PFX that every Windows opens."""
    issued = shared_pki()[name]
    how = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .build(b"vendor")
    )
    chain = [shared_pki()["issuing-new"].certificate]
    return encode(pkcs12.serialize_key_and_certificates(None, issued.key, issued.certificate, chain, how))


@pytest.mark.parametrize("product", VERSIONS)
def test_enabling_smtp_asks_and_force_moves_the_default(tmp_path: Path, product: str) -> None:
    ex1 = array(tmp_path, product=product, edge_transport="1").servers[0]
    new = put(ex1, "mail-new")
    error = refused(ex1, ENABLE, Thumbprint=new, Services="SMTP")
    assert "NonInteractive" in error["message"] and state(ex1)["default_smtp"] == thumb("ex1-self")
    did(ex1, ENABLE, Thumbprint=new, Services="SMTP", Force=True)
    assert state(ex1)["default_smtp"] == new and state(ex1)["edge_sync"] == {"GATE1": "broken"}
    did(ex1, ENABLE, Thumbprint=thumb("ex1-self"), Services="SMTP", Force=True)
    assert state(ex1)["default_smtp"] == thumb("ex1-self") and state(ex1)["edge_sync"] == {"GATE1": "works"}
    assert "SMTP" in services(ex1, "mail-new")


def test_a_question_may_count_as_answered(ex1: ExchangeMember) -> None:
    order(ex1, prompt="yes")
    new = put(ex1, "mail-new")
    did(ex1, ENABLE, Thumbprint=new, Services="SMTP")
    assert state(ex1)["default_smtp"] == new


def test_network_service_alone_asks_nothing(ex1: ExchangeMember) -> None:
    new = put(ex1, "mail-new")
    did(ex1, ENABLE, Thumbprint=new, Services="IIS", NetworkServiceAllowed=True, DoNotRequireSsl=True)
    assert state(ex1)["default_smtp"] == thumb("ex1-self") and new in state(ex1)["smtp_enabled"]


def test_services_are_additive_and_partly_derived(ex1: ExchangeMember) -> None:
    before = services(ex1, "mail-old")
    assert before == "IMAP, POP, IIS, SMTP"
    did(ex1, ENABLE, Thumbprint=thumb("mail-old"), Services="None")
    assert services(ex1, "mail-old") == before
    put(ex1, "mail-new")
    assert services(ex1, "mail-new") == "IMAP, POP"  # nobody enabled it: the names match
    order(ex1, key={"certificate": "mail-new", "grant": "S-1-5-20"})
    assert services(ex1, "mail-new") == "IMAP, POP, SMTP"
    did(ex1, ENABLE, Thumbprint=thumb("mail-new"), Services="IIS")
    assert services(ex1, "mail-new") == "IMAP, POP, IIS, SMTP" and services(ex1, "mail-old") == "IMAP, POP, SMTP"


def test_services_over_reported_or_null(ex1: ExchangeMember) -> None:
    order(ex1, services_shape="extra")
    assert services(ex1, "auth") == "IMAP, POP, IIS, SMTP"
    order(ex1, services_shape="null")
    assert services(ex1, "mail-old") is None


def test_require_ssl(ex1: ExchangeMember) -> None:
    new = put(ex1, "mail-new")
    did(ex1, ENABLE, Thumbprint=new, Services="IIS", DoNotRequireSsl=True)
    assert state(ex1)["require_ssl"] is False
    did(ex1, ENABLE, Thumbprint=new, Services="IIS")
    assert state(ex1)["require_ssl"] is True
    assert state(ex1)["bindings"]["0.0.0.0:443"] == new and state(ex1)["bindings"]["0.0.0.0:444"] == thumb("ex1-self")


def test_identity_that_names_nothing_returns_everything(ex1: ExchangeMember) -> None:
    every = len(did(ex1, GET, ("Thumbprint",)))
    assert every == 3
    assert len(did(ex1, GET, ("Thumbprint",), Identity=None)) == every
    assert len(did(ex1, GET, ("Thumbprint",), Identity="EX1\\" + "0" * 40)) == every
    assert len(did(ex1, GET, ("Thumbprint",), Identity=f"ex1.corp.contoso.example\\{thumb('mail-old')}")) == 1
    assert "was not found" in refused(ex1, GET, Thumbprint="0" * 40)["message"]


def test_friendly_names_have_less_than_64_characters(ex1: ExchangeMember) -> None:
    data = legacy_pfx("mail-new")
    assert "64" in refused(ex1, IMPORT, FileData=data, Password=PASSWORD, FriendlyName="x" * 64)["message"]
    rows = did(ex1, IMPORT, ("Thumbprint",), FileData=data, Password=PASSWORD, FriendlyName="x" * 63)
    assert rows == [{"Thumbprint": thumb("mail-new")}]
    again = do(ex1, IMPORT, FileData=data, Password=PASSWORD)
    assert "already exists" in again["error"]["message"]
    order(ex1, duplicate_import="replaces")
    did(ex1, IMPORT, FileData=data, Password=PASSWORD)
    assert state(ex1)["orphan_keys"] == 1
    assert thumb("issuing-new") not in state(ex1)["stores"]["LocalMachine"]["CA"]  # the chain was left out


def test_aes_before_windows_2019_is_a_wrong_password(tmp_path: Path) -> None:
    leaf, issuing = shared_pki()["mail-new"], shared_pki()["issuing-new"]
    data = encode(pfx(leaf, [issuing], "vendor"))
    old = array(tmp_path, product="exchange2016").servers[0]
    assert "wrong password" in refused(old, IMPORT, FileData=data, Password=PASSWORD)["message"]
    did(array(tmp_path).servers[0], IMPORT, FileData=data, Password=PASSWORD)


def test_revocation_check_failure_is_a_status_and_no_error(ex1: ExchangeMember) -> None:
    order(ex1, revocation="blocked")
    rows = {r["Thumbprint"]: r["Status"] for r in did(ex1, GET, ("Thumbprint", "Status"))}
    assert rows[thumb("mail-old")] == "RevocationCheckFailure" and rows[thumb("ex1-self")] == "Valid"
    did(ex1, ENABLE, Thumbprint=thumb("mail-old"), Services="IIS", DoNotRequireSsl=True)


def test_removal(ex1: ExchangeMember) -> None:
    old, new = thumb("mail-old"), put(ex1, "mail-new")
    assert "NonInteractive" in refused(ex1, REMOVE, Thumbprint=old)["message"]
    error = refused(ex1, REMOVE, Thumbprint=old, Confirm=False)
    assert "tagged with following Send Connectors : Outbound to Office 365" in error["message"]
    order(ex1, tls_certificate_names={"Outbound to Office 365": None})
    assert "used by IIS" in refused(ex1, REMOVE, Thumbprint=old, Confirm=False)["message"]
    did(ex1, ENABLE, Thumbprint=new, Services="IIS", DoNotRequireSsl=True)
    did(ex1, REMOVE, Thumbprint=old, Confirm=False)
    assert state(ex1)["orphan_keys"] == 0
    assert "internal transport" in refused(ex1, REMOVE, Thumbprint=thumb("ex1-self"), Confirm=False)["message"]


def test_a_renewal_with_the_same_issuer_cannot_be_told_from_the_old_one(ex1: ExchangeMember) -> None:
    new = put(ex1, "mail-same-issuer")
    for each in (new, thumb("mail-old")):
        assert "tagged with following" in refused(ex1, REMOVE, Thumbprint=each, Confirm=False)["message"]


def test_only_raw_data_while_the_auth_certificate_is_broken(ex1: ExchangeMember) -> None:
    order(ex1, second_hop="delegates", auth_certificate="auth-expired")
    asked = call(GET, keep=("Thumbprint", "RawData"))
    row = ask(ex1, asked, load=("exchange:management_shell",))[0]["rows"][0]
    assert row["Thumbprint"] is None and row["RawData"]["$bytes"]
    assert did(ex1, GET, ("Thumbprint",))[0]["Thumbprint"]  # the snap-in serializes nothing
    order(ex1, data_signing="off")
    assert ask(ex1, asked, load=("exchange:management_shell",))[0]["rows"][0]["Thumbprint"]


def test_dates_may_come_as_text(ex1: ExchangeMember) -> None:
    order(ex1, second_hop="delegates", dates="text")
    asked = call(GET, keep=("NotAfter",))
    row = ask(ex1, asked, load=("exchange:management_shell",))[0]["rows"][0]
    assert isinstance(row["NotAfter"], str)


@pytest.mark.parametrize("product", VERSIONS)
def test_a_request_and_its_answer(tmp_path: Path, product: str) -> None:
    ex1 = array(tmp_path, product=product).servers[0]
    domains = [NAMES[2], NAMES[0], NAMES[4], NAMES[3], NAMES[1]]
    given = {
        "GenerateRequest": True,
        "SubjectName": "C=US, S=Washington, L=Redmond, O=Contoso, CN=mail.contoso.example",
    }
    made = did(ex1, NEW, ("FileData",), **given, DomainName=domains, BinaryEncoded=True, FriendlyName="mail 2027")[0]
    request = x509.load_der_x509_csr(b64decode(made["FileData"]["$bytes"]))
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == domains
    assert request.subject.rfc4514_string() == "CN=mail.contoso.example,O=Contoso,L=Redmond,ST=Washington,C=US"
    pending = [r for r in did(ex1, GET, ("Status", "Thumbprint")) if r["Status"] == "PendingRequest"]
    assert len(pending) == 1
    assert "PendingRequest" in refused(ex1, ENABLE, Thumbprint=pending[0]["Thumbprint"], Services="IIS")["message"]

    answer = shared_pki().answer(request)
    data = encode(answer.public_bytes(serialization.Encoding.PEM))
    row = did(ex1, IMPORT, ("Thumbprint", "HasPrivateKey", "FriendlyName"), FileData=data)[0]
    assert row["HasPrivateKey"] is True and row["FriendlyName"] == "mail 2027"
    assert not [r for r in did(ex1, GET, ("Status",)) if r["Status"] == "PendingRequest"]
    not_exported = refused(ex1, "Export-ExchangeCertificate", Thumbprint=row["Thumbprint"], Password=PASSWORD)
    assert "exportable" in not_exported["message"]


def test_the_text_of_a_request_and_a_name_that_is_added(ex1: ExchangeMember) -> None:
    text = did(ex1, NEW, ("Text",), GenerateRequest=True, SubjectName="CN=mail.contoso.example", KeySize=4096)[0][
        "Text"
    ]
    assert text.startswith("-----BEGIN NEW CERTIFICATE REQUEST-----")
    request = read_request(text.encode("utf-16-le"))  # as Microsoft's example writes it
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.contoso.example"]
    assert "1024, 2048 or 4096" in refused(ex1, NEW, GenerateRequest=True, KeySize=3072)["message"]


def test_an_answer_to_another_request(ex1: ExchangeMember) -> None:
    data = encode(p7b(shared_pki()["mail-new"], shared_pki()["issuing-new"]))
    assert did(ex1, IMPORT, ("HasPrivateKey",), FileData=data)[0]["HasPrivateKey"] is False
    assert "PrivateKeyMissing" in refused(ex1, ENABLE, Thumbprint=thumb("mail-new"), Services="IIS")["message"]
    order(ex1, foreign_answer="refused")
    assert "pending" in refused(ex1, IMPORT, FileData=data)["message"]
    assert "corrupted" in refused(ex1, IMPORT, FileData=encode(b"<html>"))["message"]


def test_export_carries_the_key(ex1: ExchangeMember) -> None:
    row = did(ex1, "Export-ExchangeCertificate", ("FileData",), Thumbprint=thumb("mail-old"), Password=PASSWORD)[0]
    data = b64decode(row["FileData"]["$bytes"])
    opened = pkcs12.load_pkcs12(data, b"vendor")
    assert opened.cert is not None and opened.cert.certificate == shared_pki()["mail-old"].certificate


def test_a_bare_new_certificate_wants_to_be_the_default(ex1: ExchangeMember) -> None:
    assert "NonInteractive" in refused(ex1, NEW)["message"]
    made = did(ex1, NEW, ("Thumbprint", "Subject"), Force=True)[0]
    assert made["Subject"] == "CN=EX1" and state(ex1)["default_smtp"] == made["Thumbprint"]


def test_wildcards_are_not_for_pop_and_imap(ex1: ExchangeMember) -> None:
    new = put(ex1, "mail-wildcard")
    reply = do(ex1, ENABLE, Thumbprint=new, Services="POP,IMAP")
    assert any("X509CertificateName" in w for w in reply["warnings"]) and len(reply["warnings"]) == 2
    assert state(ex1)["client_names"] == {"IMAP": NAMES[3], "POP": NAMES[4]}
    did(ex1, ENABLE, Thumbprint=thumb("mail-old"), Services="POP")
    assert state(ex1)["client_names"]["POP"] == NAMES[0]


def test_unified_messaging(tmp_path: Path) -> None:
    ex1 = array(tmp_path, product="exchange2016").servers[0]
    new = put(ex1, "mail-new")
    assert "UMStartupMode" in refused(ex1, ENABLE, Thumbprint=new, Services="UM")["message"]
    did(ex1, "Set-UMService", Identity="EX1", UMStartupMode="Dual")
    assert "stop MSExchangeUM" in refused(ex1, ENABLE, Thumbprint=new, Services="UM")["message"]
    ask(ex1, call("Set-ServiceState", Names=["MSExchangeUM"], Status="Stopped"))
    did(ex1, ENABLE, Thumbprint=new, Services="UM")
    assert "UM" in services(ex1, "mail-new")


def test_another_server_by_accident(tmp_path: Path) -> None:
    lab = array(tmp_path, members="2", second_hop="delegates", shell_lands_on="EX2")
    one, two = lab.servers
    new = put(two, "mail-new")
    asked = call(ENABLE, Thumbprint=new, Services="IIS", DoNotRequireSsl=True)
    ask(one, asked, load=("exchange:management_shell",))
    assert state(two)["bindings"]["0.0.0.0:443"] == new and state(one)["bindings"]["0.0.0.0:443"] == thumb("mail-old")
    pinned = ask(one, call(GET, keep=("Identity",), Server="EX1"), load=("exchange:management_shell",))
    assert all(r["Identity"].startswith("ex1.") for r in pinned[0]["rows"])


def test_the_default_certificate_and_its_events(ex1: ExchangeMember) -> None:
    order(ex1, default_smtp=None)
    assert 12012 in event_numbers(ex1)
    order(ex1, default_smtp="mail-new")
    assert 12013 in event_numbers(ex1)
    put(ex1, "mail-expired")
    order(ex1, default_smtp="mail-expired")
    assert 12015 in event_numbers(ex1)


def test_roles_and_services_that_are_missing(ex1: ExchangeMember) -> None:
    order(ex1, second_hop="delegates", rbac_missing=ENABLE)
    asked = call(ENABLE, Thumbprint=thumb("mail-old"), Services="IIS")
    reply = ask(ex1, asked, load=("exchange:management_shell",))[0]
    assert reply["error"]["fqid"] == "CommandNotFoundException"
    order(ex1, services={"MSExchangeServiceHost": "Stopped"})
    assert "RPC server is unavailable" in refused(ex1, GET)["message"]
