"""Certificate stores and keys."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, pkcs12

from ansible_collections.ucops.certificates.plugins.module_utils.tls_wire import certificates_in_flight
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call, Secure

from .conftest import Side

CAPI = "Microsoft Enhanced Cryptographic Provider v1.0"
NETWORK_SERVICE = "S-1-5-20"
PASSWORD = 'one-time "pass" wörd \\'


def pfx(side: Side, name: str, old: bool = True) -> bytes:
    """Leaf and key; encrypted as every Windows reads it, or as only newer ones do."""
    issued = side.pki[name]
    how: Any = BestAvailableEncryption(PASSWORD.encode())
    if old:
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2000)
        how = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(SHA1())
        how = how.build(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(None, issued.key, issued.certificate, None, how)  # type: ignore[arg-type]


def imported(side: Side, name: str = "external-new", **more: Any) -> Answer:
    """Import a lab certificate with its key into My."""
    given = {"Pfx": pfx(side, name), "Password": Secure(PASSWORD), "Exportable": True, "FriendlyName": None, **more}
    return side.one("Import-StorePfx", Store="My", **given)


def keys(side: Side) -> tuple[int, int]:
    """Key containers, and those that no certificate points to."""
    shown = side.member().describe()
    return shown["keys"], shown["orphan_keys"]


def in_store(side: Side, store: str) -> set[str]:
    return {entry.thumbprint for entry in side.state().stores.entries(store)}


def error_of(answer: Answer, call: str, words: str) -> None:
    assert answer.error is not None and words in answer.error.message, answer
    assert answer.error.fqid == f"ucops.{call}"
    assert answer.error.type == "System.Security.Cryptography.CryptographicException"


# ---- reading


def test_the_machines_stores_are_read_as_they_are(side: Side) -> None:
    rows = side.rows("Get-StoreCertificate", Stores=["My", "CA", "Root"], Users=False)
    by_place = {(row["Store"], row["RawData"]): row for row in rows}
    assert set(by_place) == {
        *(("My", side.pki[name].der) for name in ("external-old", "internal-old")),
        ("CA", side.pki["issuing-old"].der),
        *(("Root", side.pki[name].der) for name in ("root", "corp-root")),
    }
    leaf = by_place["My", side.pki["external-old"].der]
    container = side.state().stores.get("My", side.thumb("external-old"))
    assert container is not None
    assert leaf == {
        "Location": "LocalMachine",
        "Store": "My",
        "RawData": side.pki["external-old"].der,
        "Blob": None,
        "FriendlyName": "",
        "HasPrivateKey": True,
        "Provider": CAPI,
        "Container": container.container,
        "KeySpec": "Exchange",
        "MachineKeySet": True,
        "Exportable": True,
        "KeyError": None,
    }
    assert by_place["CA", side.pki["issuing-old"].der] == {
        "Location": "LocalMachine",
        "Store": "CA",
        "RawData": side.pki["issuing-old"].der,
        "Blob": None,
        "FriendlyName": "",
        "HasPrivateKey": False,
    }


def test_the_stores_of_services_and_of_the_admin_are_told_apart(side: Side) -> None:
    for place, name in (("S-1-5-18", "issuing-new"), ("S-1-5-20", "root-cross"), ("CurrentUser", "root-legacy")):
        side.order(store={"location": place, "store": "CA", "add": [name]})
    rows = side.rows("Get-StoreCertificate", Stores=["CA"], Users=True)
    assert {row["Location"]: row["Store"] for row in rows} == {
        place: "CA" for place in ("LocalMachine", "CurrentUser", "S-1-5-18", "S-1-5-20")
    }
    (system,) = [row for row in rows if row["Location"] == "S-1-5-18"]
    assert system["RawData"] is None and system["HasPrivateKey"] is False and system["FriendlyName"] == ""
    assert system["Blob"].endswith(side.pki["issuing-new"].der)
    (network,) = [row for row in rows if row["Location"] == "S-1-5-20"]
    assert network["Blob"].endswith(side.pki["root-cross"].der)
    own = {row["RawData"] for row in rows if row["Location"] == "CurrentUser"}
    assert own == {side.pki["root-legacy"].der, side.pki["issuing-old"].der}, "the admin's view includes the machine's"
    assert {row["RawData"] for row in rows if row["Location"] == "LocalMachine"} == {side.pki["issuing-old"].der}


def test_a_store_that_is_not_there_is_empty(side: Side) -> None:
    assert side.rows("Get-StoreCertificate", Stores=["ucops"], Users=False) == ()
    assert side.rows("Get-StoreCertificate", Stores=[], Users=False) == ()


def test_where_a_key_lies_that_cannot_be_opened(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"], "key": True, "cng": True})
    lost = side.state().stores.get("My", side.thumb("internal-old"))
    assert lost is not None
    side.state().keys.delete(lost.container)
    rows = {row["RawData"]: row for row in side.rows("Get-StoreCertificate", Stores=["My"], Users=False)}
    cng = rows[side.pki["external-new"].der]
    assert cng["HasPrivateKey"] and cng["Provider"] == "CNG" and "Invalid provider type" in cng["KeyError"]
    gone = rows[side.pki["internal-old"].der]
    assert gone["HasPrivateKey"] and gone["Provider"] is None and gone["KeyError"] == "Keyset does not exist"
    for row in (cng, gone):
        assert (row["Container"], row["KeySpec"], row["MachineKeySet"], row["Exportable"]) == (None, None, False, False)


# ---- certificates without keys


@pytest.mark.parametrize("friendly", [None, 'Zürich "CA"'])
def test_a_certificate_is_added_with_its_name(side: Side, friendly: str | None) -> None:
    der = side.pki["issuing-new"].der
    given = {"Store": "CA", "RawData": der, "FriendlyName": friendly}
    thumb = side.thumb("issuing-new")
    for _again in range(2):
        assert side.rows("Add-StoreCertificate", **given) == ({"Store": "CA", "Thumbprint": thumb},)
    entry = side.state().stores.get("CA", thumb)
    assert entry is not None and entry.der == der and entry.friendly_name == (friendly or "")
    rows = side.rows("Get-StoreCertificate", Stores=["CA"], Users=False)
    assert [row["FriendlyName"] for row in rows if row["RawData"] == der] == [friendly or ""]


def test_adding_a_certificate_that_is_there_keeps_its_key(side: Side) -> None:
    side.rows("Add-StoreCertificate", Store="My", RawData=side.pki["external-old"].der, FriendlyName=None)
    assert keys(side) == (2, 0)
    (row,) = side.rows("Test-StoreKey", Store="My", Thumbprints=[side.thumb("external-old")])
    assert row["Signs"]


def test_what_is_no_certificate_is_not_added(side: Side) -> None:
    answer = side.one("Add-StoreCertificate", Store="CA", RawData=b"<html>", FriendlyName=None)
    error_of(answer, "Add-StoreCertificate", "")
    assert in_store(side, "CA") == {side.thumb("issuing-old")}


def test_a_certificate_is_removed_and_its_key_only_when_asked(side: Side) -> None:
    for name, delete, left in (("external-old", False, (2, 1)), ("internal-old", True, (1, 1))):
        thumb = side.thumb(name)
        given = {"Store": "My", "Thumbprint": thumb, "DeleteKey": delete}
        assert side.rows("Remove-StoreCertificate", **given) == ({"Store": "My", "Thumbprint": thumb, "Removed": True},)
        assert thumb not in in_store(side, "My") and keys(side) == left
        assert side.rows("Remove-StoreCertificate", **given) == (
            {"Store": "My", "Thumbprint": thumb, "Removed": False},
        )


def test_a_certificate_whose_key_cannot_be_deleted_stays(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"], "key": True, "cng": True})
    thumb = side.thumb("external-new")
    answer = side.one("Remove-StoreCertificate", Store="My", Thumbprint=thumb, DeleteKey=True)
    error_of(answer, "Remove-StoreCertificate", "Invalid provider type")
    assert thumb in in_store(side, "My") and keys(side) == (3, 0)


def test_a_certificate_without_a_key_is_removed_with_delete_key(side: Side) -> None:
    thumb = side.thumb("issuing-old")
    (row,) = side.rows("Remove-StoreCertificate", Store="CA", Thumbprint=thumb, DeleteKey=True)
    assert row["Removed"] and keys(side) == (2, 0)


# ---- import


@pytest.mark.parametrize(("exportable", "friendly"), [(True, None), (False, "SIP externe, Zürich")])
def test_a_pfx_is_imported_with_its_key(side: Side, exportable: bool, friendly: str | None) -> None:
    answer = imported(side, Exportable=exportable, FriendlyName=friendly)
    assert answer.ok, answer.error
    thumb = side.thumb("external-new")
    entry = side.state().stores.get("My", thumb)
    assert entry is not None and keys(side) == (3, 0)
    container = side.state().keys.get(entry.container)
    assert container is not None and container.machine and container.exportable is exportable
    assert answer.rows == (
        {
            "Location": "LocalMachine",
            "Store": "My",
            "Thumbprint": thumb,
            "Blob": None,
            "FriendlyName": friendly or "",
            "HasPrivateKey": True,
            "Provider": CAPI,
            "Container": entry.container,
            "KeySpec": "Exchange",
            "MachineKeySet": True,
            "Exportable": exportable,
            "KeyError": None,
        },
    )
    given = {"Store": "My", "Thumbprints": [thumb]}
    assert side.rows("Test-StoreKey", **given) == (
        {"Thumbprint": thumb, "Present": True, "Signs": True, "Error": None},
    )


def test_a_pfx_that_does_not_open_leaves_nothing(side: Side) -> None:
    for given in (
        {"Password": Secure("wrong")},
        {"Pfx": pfx(side, "external-new")[:-40]},
        {"Pfx": b"no pfx at all"},
    ):
        answer = imported(side, **given)
        error_of(answer, "Import-StorePfx", "")
        assert keys(side) == (2, 0) and side.thumb("external-new") not in in_store(side, "My")
        assert answer.error is not None and PASSWORD not in answer.error.message


def test_an_aes_pfx_is_refused_by_an_old_windows_as_a_wrong_password(side: Side) -> None:
    answer = imported(side, Pfx=pfx(side, "external-new", old=False))
    error_of(answer, "Import-StorePfx", "password is not correct")
    assert keys(side) == (2, 0)


def test_an_import_that_fails_half_way_leaves_no_key(side: Side) -> None:
    side.order(import_fails=True)
    error_of(imported(side), "Import-StorePfx", "Access is denied")
    assert keys(side) == (2, 0) and side.thumb("external-new") not in in_store(side, "My")


def test_without_an_administrators_token_nothing_is_imported(side: Side) -> None:
    side.order(admin=False)
    answer = imported(side)
    assert answer.error is not None and "denied" in answer.error.message
    assert keys(side) == (2, 0)


def test_importing_again_makes_another_container(side: Side) -> None:
    """PFXImportCertStore persists a key each time: whoever imports twice leaves one behind."""
    assert imported(side).ok and imported(side).ok
    assert keys(side) == (4, 1)


# ---- keys


def test_keys_are_tried(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"], "key": True, "cng": True})
    side.order(store={"store": "My", "add": ["issuing-new"]})
    names = ("external-old", "external-new", "issuing-new")
    absent = "00" * 20
    given = {"Store": "My", "Thumbprints": [*(side.thumb(name) for name in names), absent]}
    rows = side.rows("Test-StoreKey", **given)
    assert [(row["Thumbprint"], row["Present"], row["Signs"]) for row in rows] == [
        (side.thumb("external-old"), True, True),
        (side.thumb("external-new"), True, False),
        (side.thumb("issuing-new"), True, False),
        (absent, False, False),
    ]
    assert [row["Error"] for row in rows] == [
        None,
        "Invalid provider type specified.",
        "The certificate has no private key.",
        None,
    ]


def test_a_key_that_belongs_to_another_certificate_does_not_pass(side: Side) -> None:
    entry = side.state().stores.get("My", side.thumb("external-old"))
    assert entry is not None
    container = side.state().keys.get(entry.container)
    assert container is not None
    container.key = side.pki["internal-old"].key
    (row,) = side.rows("Test-StoreKey", Store="My", Thumbprints=[side.thumb("external-old")])
    assert row["Present"] and not row["Signs"] and row["Error"]


def test_who_may_use_a_key(side: Side) -> None:
    assert imported(side).ok
    thumb = side.thumb("external-new")
    given = {"Store": "My", "Thumbprints": [thumb, side.thumb("external-old"), "00" * 20]}
    fresh = [row for row in side.rows("Get-StoreKeyAccess", **given) if row["Thumbprint"] == thumb]
    assert {row["Sid"] for row in fresh} == {"S-1-5-18", "S-1-5-32-544"}
    assert side.rows("Grant-StoreKey", Store="My", Thumbprint=thumb, Sid=NETWORK_SERVICE, Rights="Read") == (
        {"Thumbprint": thumb, "Sid": NETWORK_SERVICE},
    )
    rows = side.rows("Get-StoreKeyAccess", **given)
    new = {"Thumbprint": thumb, "Sid": NETWORK_SERVICE, "Rights": "Read, Synchronize", "Type": "Allow"}
    assert new in rows
    old = {**new, "Thumbprint": side.thumb("external-old")}
    assert old in rows, "as Set-CsCertificate granted it"
    assert "FullControl" in {row["Rights"] for row in rows}


@pytest.mark.parametrize("name", ["Test-StoreKey", "Get-StoreKeyAccess", "Test-TlsPresented"])
def test_asking_about_nothing_answers_nothing(side: Side, name: str) -> None:
    answer = side.one(name, Store="My", Thumbprints=[])
    assert answer.ok and answer.rows == () and answer.warnings == ()


def test_access_of_a_key_that_cannot_be_opened_is_a_warning(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"], "key": True, "cng": True})
    thumb = side.thumb("external-new")
    answer = side.one("Get-StoreKeyAccess", Store="My", Thumbprints=[thumb])
    assert answer.ok and answer.rows == () and len(answer.warnings) == 1 and thumb in answer.warnings[0]
    granted = side.one("Grant-StoreKey", Store="My", Thumbprint=thumb, Sid=NETWORK_SERVICE, Rights="Read")
    error_of(granted, "Grant-StoreKey", "Invalid provider type")
    missing = side.one("Grant-StoreKey", Store="My", Thumbprint="00" * 20, Sid=NETWORK_SERVICE, Rights="Read")
    assert missing.error is not None and "There is no certificate" in missing.error.message


# ---- what the TLS stack would send


def presented(side: Side, *names: str) -> list[tuple[bool, list[bytes], str | None]]:
    rows = side.rows("Test-TlsPresented", Store="My", Thumbprints=[*(side.thumb(name) for name in names), "00" * 20])
    last = rows[-1]
    assert last == {"Thumbprint": "00" * 20, "Present": False, "Flight": None, "Error": None}
    return [
        (row["Present"], certificates_in_flight(row["Flight"]) if row["Flight"] else [], row["Error"])
        for row in rows[:-1]
    ]


def test_the_tls_stack_sends_the_intermediate_only_when_the_machine_has_it(side: Side) -> None:
    assert imported(side).ok
    leaf, issuer = side.pki["external-new"].der, side.pki["issuing-new"].der
    assert presented(side, "external-new") == [(True, [leaf], None)]
    side.rows("Add-StoreCertificate", Store="CA", RawData=issuer, FriendlyName=None)
    old = [side.pki[name].der for name in ("external-old", "issuing-old")]
    assert presented(side, "external-new", "external-old") == [(True, [leaf, issuer], None), (True, old, None)]


def test_the_admins_own_intermediate_does_not_count(side: Side) -> None:
    assert imported(side).ok
    side.order(store={"location": "CurrentUser", "store": "CA", "add": ["issuing-new"]})
    assert presented(side, "external-new") == [(True, [side.pki["external-new"].der], None)]


def test_a_certificate_without_a_key_presents_nothing(side: Side) -> None:
    side.order(store={"store": "My", "add": ["external-new"]})
    ((present, flight, error),) = presented(side, "external-new")
    assert present and flight == [] and error


def test_reads_change_nothing(side: Side) -> None:
    before = side.member().describe()
    thumbs = {"Store": "My", "Thumbprints": [side.thumb("external-old")]}
    reply = side.ask(
        Call("1", "Get-StoreCertificate", {"Stores": ["My", "ucops"], "Users": True}),
        *(Call(name, name, thumbs) for name in ("Test-StoreKey", "Get-StoreKeyAccess", "Test-TlsPresented")),
        Call("2", "Get-Journal"),
    )
    assert all(answer.ok for answer in reply.answers.values())
    after = side.member().describe()
    volatile = ("clock", "ran")
    assert {k: v for k, v in after.items() if k not in volatile} == {
        k: v for k, v in before.items() if k not in volatile
    }


def test_reading_a_store_that_nobody_made_makes_none(side: Side) -> None:
    """A store is a registry key: check mode must leave none behind."""
    place, absent = "ucops.certificates", "00" * 20
    assert side.rows("Get-StoreCertificate", Stores=[place, "My", "Disallowed"], Users=True)
    for name in ("Test-StoreKey", "Get-StoreKeyAccess", "Test-TlsPresented"):
        for asked in ([absent], None):
            answer = side.one(name, Store=place, Thumbprints=asked)
            assert answer.ok and not any(row["Present"] for row in answer.rows), (name, asked)
    given = {"Store": place, "Thumbprint": absent}
    assert side.rows("Remove-StoreCertificate", **given, DeleteKey=True)[0]["Removed"] is False
    granted = side.one("Grant-StoreKey", **given, Sid=NETWORK_SERVICE, Rights="Read")
    assert granted.error is not None and "There is no certificate" in granted.error.message
    assert side.member().describe()["stores_made"] == []


def test_a_store_is_made_by_what_is_put_into_it(side: Side) -> None:
    given = {"Pfx": pfx(side, "external-new"), "Password": Secure(PASSWORD), "Exportable": False, "FriendlyName": None}
    assert side.one("Import-StorePfx", Store="ucops.certificates", **given).ok
    assert side.member().describe()["stores_made"] == ["LocalMachine\\ucops.certificates"]
    (row,) = side.rows("Get-StoreCertificate", Stores=["ucops.certificates"], Users=False)
    assert row["RawData"] == side.pki["external-new"].der
    gone = {"Store": "ucops.certificates", "Thumbprint": side.thumb("external-new"), "DeleteKey": True}
    assert side.rows("Remove-StoreCertificate", **gone)[0]["Removed"]
    assert side.rows("Get-StoreCertificate", Stores=["ucops.certificates"], Users=False) == ()
