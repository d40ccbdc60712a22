"""Stores, keys and PFX files, as each Windows takes them."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from lab.deliveries import encrypted_key, pfx
from lab.member.host import EdgeMember
from lab.member.keys import NETWORK_SERVICE
from lab.pki import Issued
from lab.scenarios import EdgePool

from .member_tools import ask, call, order, pool, put, set_certificate, thumb


def old_pfx(issued: Issued, password: str) -> bytes:
    """A PFX that every Windows opens: 3DES and SHA-1, no provider attribute."""
    how = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(None, issued.key, issued.certificate, None, how)  # type: ignore[arg-type]


def importing(data: bytes, password: str = "pw", **more: Any) -> dict[str, Any]:
    """Import-StorePfx."""
    carried = {"Pfx": {"$bytes": base64.b64encode(data).decode()}, "Password": {"$secure": password}}
    return call("Import-StorePfx", Store="My", **carried, Exportable=True, **more)


@pytest.fixture
def lab(tmp_path: Path) -> EdgePool:
    return pool(tmp_path, members="1")


@pytest.fixture
def member(lab: EdgePool) -> EdgeMember:
    return lab.members[0]  # type: ignore[return-value]


def test_import_of_a_3des_pfx_lands_in_cryptoapi(lab: EdgePool, member: EdgeMember) -> None:
    row = ask(member, importing(old_pfx(lab.pki["external-new"], "pw"), FriendlyName="renewed"))[0]["rows"][0]
    assert row["Thumbprint"] == thumb(lab, "external-new") and row["FriendlyName"] == "renewed"
    assert row["Provider"] == "Microsoft Enhanced Cryptographic Provider v1.0" and row["KeySpec"] == "Exchange"
    assert row["MachineKeySet"] and row["Exportable"] and row["KeyError"] is None
    assert member.describe()["keys"] == 3


@pytest.mark.parametrize(("windows", "opens"), [("2008r2", False), ("2012r2", False), ("2016", False), ("2019", True)])
def test_aes_pfx_opens_on_2019_only(tmp_path: Path, windows: str, opens: bool) -> None:
    lab = pool(tmp_path, members="1", windows=windows)
    reply = ask(lab.members[0], importing(pfx(lab.pki["external-new"], [], "pw")))[0]  # type: ignore[arg-type]
    assert ("rows" in reply) is opens
    if not opens:
        assert "network password is not correct" in reply["error"]["message"]


def test_wrong_password_and_garbage(lab: EdgePool, member: EdgeMember) -> None:
    wrong = ask(member, importing(old_pfx(lab.pki["external-new"], "other")))[0]["error"]
    assert "network password is not correct" in wrong["message"] and wrong["fqid"] == "ucops.Import-StorePfx"
    assert "Cannot find the requested object" in ask(member, importing(b"nonsense"))[0]["error"]["message"]
    assert member.describe()["keys"] == 2


def test_importing_twice_leaves_an_orphan_and_loses_the_acl(lab: EdgePool, member: EdgeMember) -> None:
    ask(member, importing(old_pfx(lab.pki["external-old"], "pw")))
    state = member.describe()
    assert state["orphan_keys"] == 1 and state["keys"] == 3
    asked = {"Store": "My", "Thumbprints": [thumb(lab, "external-old")]}
    assert NETWORK_SERVICE not in {r["Sid"] for r in ask(member, call("Get-StoreKeyAccess", **asked))[0]["rows"]}


def test_removing_without_the_key_leaves_an_orphan(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "av-new", "external-new", key=True)
    gone = ask(
        member,
        call("Remove-StoreCertificate", Store="My", Thumbprint=thumb(lab, "av-new"), DeleteKey=False),
        call("Remove-StoreCertificate", Store="My", Thumbprint=thumb(lab, "external-new"), DeleteKey=True),
        call("Remove-StoreCertificate", Store="My", Thumbprint=thumb(lab, "external-new"), DeleteKey=True),
    )
    assert [g["rows"][0]["Removed"] for g in gone] == [True, True, False]
    assert member.describe()["orphan_keys"] == 1


def test_failed_import_leaves_no_key(lab: EdgePool, member: EdgeMember) -> None:
    order(member, import_fails=True)
    assert "error" in ask(member, importing(old_pfx(lab.pki["external-new"], "pw")))[0]
    assert member.describe()["keys"] == 2 and thumb(lab, "external-new") not in str(member.describe()["stores"])


def test_cng_key_cannot_be_opened_and_cannot_be_assigned(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True, cng=True)
    new = thumb(lab, "external-new")
    rows = ask(member, call("Get-StoreCertificate", Stores=["My"]))[0]["rows"]
    row = next(r for r in rows if r.get("Provider") == "CNG")
    assert row["KeyError"].startswith("Invalid provider type specified")
    tested = ask(member, call("Test-StoreKey", Store="My", Thumbprints=[new]))[0]["rows"][0]
    assert tested["Present"] and not tested["Signs"]
    assert (
        "buffer supplied to a function was too small"
        in set_certificate(member, new, "AccessEdgeExternal")["error"]["message"]
    )


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl program")
def test_provider_attribute_of_the_pfx_is_obeyed(lab: EdgePool, member: EdgeMember, tmp_path: Path) -> None:
    new = lab.pki["external-new"]
    clear = new.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = tmp_path / "both.pem"
    both.write_bytes(new.pem + clear)
    made = subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", str(both), "-passout", "pass:pw"]
        + ["-CSP", "Microsoft Software Key Storage Provider"]
        + ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        capture_output=True,
        check=True,
    )
    assert ask(member, importing(made.stdout))[0]["rows"][0]["Provider"] == "CNG"


def test_key_tests_and_grants(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    put(member, "My", "av-new")
    new, bare = thumb(lab, "external-new"), thumb(lab, "av-new")
    rows = ask(member, call("Test-StoreKey", Store="My", Thumbprints=[new, bare, "00" * 20]))[0]["rows"]
    assert [(r["Present"], r["Signs"]) for r in rows] == [(True, True), (True, False), (False, False)]
    access = call("Get-StoreKeyAccess", Store="My", Thumbprints=[new, bare])
    assert {r["Sid"] for r in ask(member, access)[0]["rows"]} == {"S-1-5-18", "S-1-5-32-544"}
    ask(member, call("Grant-StoreKey", Store="My", Thumbprint=new, Sid=NETWORK_SERVICE, Rights="Read"))
    granted = next(r for r in ask(member, access)[0]["rows"] if r["Sid"] == NETWORK_SERVICE)
    assert granted == {"Thumbprint": new, "Sid": NETWORK_SERVICE, "Rights": "Read, Synchronize", "Type": "Allow"}
    order(member, key={"certificate": "external-new", "delete": True})
    lost = ask(member, call("Test-StoreKey", Store="My", Thumbprints=[new]))[0]["rows"][0]
    assert not lost["Signs"] and lost["Error"].startswith("Keyset does not exist")


def test_user_stores_are_told_apart(lab: EdgePool, member: EdgeMember) -> None:
    for location in ("S-1-5-18", "S-1-5-20", "CurrentUser"):
        order(member, store={"location": location, "store": "CA", "add": ["issuing-new"]})
    rows = ask(member, call("Get-StoreCertificate", Stores=["CA"], Users=True))[0]["rows"]
    places = [(r["Location"], r["RawData"] is not None, r["Blob"] is not None) for r in rows]
    assert places == [
        ("LocalMachine", True, False),
        ("CurrentUser", True, False),  # the admin's own
        ("CurrentUser", True, False),  # what it inherits from the computer
        ("S-1-5-18", False, True),
        ("S-1-5-20", False, True),
    ]
    blob = base64.b64decode(rows[-1]["Blob"]["$bytes"])
    assert blob.endswith(lab.pki["issuing-new"].der) and blob[:4] == b"\x03\0\0\0"


def test_adding_a_certificate_keeps_the_key_it_had(lab: EdgePool, member: EdgeMember) -> None:
    der = {"$bytes": base64.b64encode(lab.pki["external-old"].der).decode()}
    ask(member, call("Add-StoreCertificate", Store="My", RawData=der, FriendlyName=None))
    assert member.describe()["orphan_keys"] == 0
    bad = ask(member, call("Add-StoreCertificate", Store="CA", RawData={"$bytes": "AAAA"}))[0]["error"]
    assert bad["fqid"] == "ucops.Add-StoreCertificate"
    assert encrypted_key(lab.pki["external-old"], "pw").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
