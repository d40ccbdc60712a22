# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_request on a folder: what is made, kept, refused."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import deps
from ansible_collections.ucops.certificates.tests.unit.costly import encrypted_key, pbes2, pbkdf2, scrypt
from ansible_collections.ucops.certificates.tests.unit.deliveries import labelled
from ansible_collections.ucops.certificates.tests.unit.plugins.action.fake import run
from ansible_collections.ucops.certificates.tests.unit.zoo import key_pem, rsa_key

PASSWORD = "a password of the test"
NAMES = ["sip.contoso.example", "webcon.contoso.example"]


def ask(folder: Path, check: bool = False, **more: Any) -> dict[str, Any]:
    """The task."""
    options = {"path": str(folder / "new.csr"), "key_path": str(folder / "new.key.pem"), "key_password": PASSWORD}
    return run("certificate_request", MagicMock(), check, **{**options, "names": NAMES, **more})


def files(folder: Path) -> dict[str, bytes]:
    """What lies there."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_key_and_request_fit_and_only_the_owner_reads_the_key(tmp_path: Path) -> None:
    made = ask(tmp_path, organization="Contoso")
    assert made["changed"] and set(files(tmp_path)) == {"new.csr", "new.key.pem"}
    assert (tmp_path / "new.key.pem").stat().st_mode & 0o777 == 0o600
    assert made["csr"].encode() == files(tmp_path)["new.csr"] and made["subject"] == "O=Contoso, CN=sip.contoso.example"
    key = ["openssl", "pkey", "-in", str(tmp_path / "new.key.pem"), "-passin", f"pass:{PASSWORD}", "-pubout"]
    csr = ["openssl", "req", "-in", str(tmp_path / "new.csr"), "-noout", "-pubkey"]
    public = [subprocess.run(command, capture_output=True, check=True).stdout for command in (key, csr)]
    assert public[0] == public[1] and b"PUBLIC KEY" in public[0]
    assert PASSWORD not in str(made) and "PRIVATE KEY" not in str(made)


def test_once_made_nothing_is_made_again(tmp_path: Path) -> None:
    first = ask(tmp_path)
    before = files(tmp_path)
    again = ask(tmp_path)
    assert not again["changed"] and again["changes"] == [] and files(tmp_path) == before
    assert {k: again[k] for k in ("csr", "names", "public_key_sha256", "key_size")} == {
        k: first[k] for k in ("csr", "names", "public_key_sha256", "key_size")
    }


def test_check_mode_says_what_would_be_and_writes_nothing(tmp_path: Path) -> None:
    told = ask(tmp_path, check=True)
    assert told["changed"] and told["csr"] is None and files(tmp_path) == {}
    assert told["changes"] == ["private key: made, RSA 2048 bits", "certificate request: made"]
    assert "  webcon.contoso.example\n" in told["diff"]["after"]


def test_other_names_make_another_request_with_the_same_key(tmp_path: Path) -> None:
    first = ask(tmp_path)
    key = files(tmp_path)["new.key.pem"]
    told = ask(tmp_path, check=True, names=[*NAMES, "av.contoso.example"])
    assert told["changed"] and "av.contoso.example" in told["diff"]["after"] and told["csr"] is None
    made = ask(tmp_path, names=[*NAMES, "av.contoso.example"])
    assert made["changed"] and files(tmp_path)["new.key.pem"] == key and made["csr"] != first["csr"]
    assert made["public_key_sha256"] == first["public_key_sha256"]
    assert made["changes"] == [
        f"certificate request: names: {', '.join(NAMES)} -> {', '.join(NAMES)}, av.contoso.example"
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"key_password": ""}, "no key is written in the clear"),
        ({"key_password": "another"}, "does not open the private key that is there. It is not overwritten"),
        ({"key_size": 4096}, "expected an RSA key of 4096 bits, found an RSA key of 2048 bits"),
        ({"key_path": "elsewhere.key.pem"}, "whose private key is not at"),
        ({"key_path": "new.csr"}, "are the same file"),
        ({"names": ["not a name"]}, "expected DNS names"),
        ({"path": "missing/new.csr"}, "cannot be written: No such file or directory"),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    ask(tmp_path)
    before = files(tmp_path)
    given = {k: str(tmp_path / v) if k.endswith("path") else v for k, v in more.items()}
    refused = ask(tmp_path, **given)
    assert refused["failed"] and told in refused["msg"] and files(tmp_path) == before


@pytest.mark.parametrize("found", [b"", b"not a key", key_pem(rsa_key())])
def test_a_file_that_is_no_encrypted_key_stays(tmp_path: Path, found: bytes) -> None:
    (tmp_path / "new.key.pem").write_bytes(found)
    refused = ask(tmp_path)
    assert refused["failed"] and files(tmp_path) == {"new.key.pem": found}
    assert "is empty" in refused["msg"] or "It is not overwritten" in refused["msg"]


def test_a_request_that_is_none_stays(tmp_path: Path) -> None:
    ask(tmp_path)
    (tmp_path / "new.csr").write_text("<html>")
    assert "It is not overwritten" in ask(tmp_path)["msg"] and (tmp_path / "new.csr").read_text() == "<html>"


@pytest.mark.parametrize(
    ("derivation", "number"), [(pbkdf2(10**8), "100,000,000"), (scrypt(2**22), "4,096 MB")], ids=["time", "memory"]
)
def test_a_key_whose_password_would_take_hours_is_not_opened(
    derivation: bytes, number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("load_pem_private_key", "load_der_private_key"):
        monkeypatch.setattr(deps.serialization, name, lambda *_args: pytest.fail("the library was asked to open it"))
    key = labelled(encrypted_key(pbes2(derivation)), "ENCRYPTED PRIVATE KEY")
    (tmp_path / "new.key.pem").write_bytes(key)
    told = ask(tmp_path)
    assert told["failed"] and told["finding"] == "bundle.too-costly"
    assert number in told["msg"] and "new.key.pem" in told["msg"] and "not overwritten" in told["msg"]
    assert files(tmp_path) == {"new.key.pem": key}
