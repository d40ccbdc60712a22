# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PFX that travels: what is in it, in which cipher, and what is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.blob import BlobError, certificate_from_blob
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import open_bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.pfx import rewrap_pfx
from ansible_collections.ucops.certificates.tests.unit.deliveries import PASSWORD, pems, pfx, vendor
from ansible_collections.ucops.certificates.tests.unit.zoo import issue, key_pem, rsa_key

V = vendor()
ONCE = b"one-time-Secret_42"


def openssl(tmp_path: Path, data: bytes, *options: str, password: bytes = ONCE) -> str:
    """What ``openssl pkcs12`` says of a PFX."""
    (tmp_path / "x.pfx").write_bytes(data)
    command = ["openssl", "pkcs12", "-in", str(tmp_path / "x.pfx"), "-passin", "stdin", *options]
    done = subprocess.run(command, input=password + b"\n", capture_output=True, check=True)
    return (done.stdout + done.stderr).decode()


def bundle() -> bytes:
    """The travelling PFX of the vendor's delivery."""
    delivered = open_bundle("vendor.pfx", pfx(V.leaf, [V.leaf, *V.chain, V.root]), PASSWORD)
    return rewrap_pfx(delivered, ONCE, "Contoso external 2026")


def test_cipher_and_mac_are_what_old_windows_reads(tmp_path: Path) -> None:
    """3DES with SHA-1 for key and certificate, HMAC-SHA-1 over all, about 2,000 rounds."""
    said = openssl(tmp_path, bundle(), "-info", "-noout")
    assert "MAC: sha1, Iteration 20" in said
    assert "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000" in said
    assert said.count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2
    assert "PBES2" not in said


def test_leaf_and_key_and_nothing_else(tmp_path: Path) -> None:
    """No chain, and no attribute that would choose a provider."""
    said = openssl(tmp_path, bundle(), "-info", "-noenc")
    assert said.count("BEGIN CERTIFICATE") == 1
    assert said.count(" PRIVATE KEY-----") == 2
    assert "friendlyName: Contoso external 2026" in said
    assert "localKeyID" in said
    for attribute in ("Microsoft CSP Name", "Microsoft Local Key set", "1.3.6.1.4.1.311.17"):
        assert attribute not in said


def test_a_provider_of_the_delivery_is_dropped(tmp_path: Path) -> None:
    """Exported from a server whose key lay in CNG: it must not land there again."""
    (tmp_path / "in.pem").write_bytes(V.key + pems(V.leaf))
    command = ["openssl", "pkcs12", "-export", "-in", str(tmp_path / "in.pem"), "-out", str(tmp_path / "cng.pfx"),
               "-CSP", "Microsoft Software Key Storage Provider", "-LMK", "-passout", "pass:x"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    data = (tmp_path / "cng.pfx").read_bytes()
    assert "Microsoft CSP Name" in openssl(tmp_path, data, "-info", "-noenc", password=b"x")
    said = openssl(tmp_path, rewrap_pfx(open_bundle("cng.pfx", data, "x"), ONCE), "-info", "-noenc")
    assert "Microsoft" not in said
    assert "friendlyName" not in said


def test_it_is_the_same_key_and_certificate() -> None:
    """As another library reads it."""
    loaded = pkcs12.load_pkcs12(bundle(), ONCE)
    assert loaded.cert is not None
    assert loaded.cert.certificate.public_bytes(serialization.Encoding.DER) == V.leaf.der
    assert loaded.key.private_numbers() == V.leaf.key.private_numbers()  # type: ignore[union-attr]
    assert loaded.additional_certs == []


def test_password_is_not_in_it() -> None:
    """Neither as it is nor as UTF-16."""
    data = bundle()
    assert ONCE not in data
    assert ONCE.decode().encode("utf-16-be") not in data


def test_two_of_the_same_are_different() -> None:
    """Salts are random."""
    assert bundle() != bundle()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_certificates_that_the_library_frowns_upon() -> None:
    """A serial number of zero travels like any other, without a warning."""
    odd = issue("odd.example", serial=0, key=rsa_key())
    data = rewrap_pfx(open_bundle("x", odd.pem.encode() + key_pem(odd.key)), ONCE)
    assert pkcs12.load_pkcs12(data, ONCE).cert is not None


def test_what_is_refused() -> None:
    """An empty password protects nothing; Exchange takes no friendly name of 64 characters."""
    delivered = open_bundle("x", V.key + pems(V.leaf))
    with pytest.raises(ValueError, match="password"):
        rewrap_pfx(delivered, b"")
    with pytest.raises(ValueError, match="at most 63"):
        rewrap_pfx(delivered, ONCE, "x" * 64)
    assert rewrap_pfx(delivered, ONCE, "x" * 63)


def element(*properties: tuple[int, bytes]) -> bytes:
    """A serialized store element."""
    fields = (n.to_bytes(4, "little") + b"\x01\0\0\0" + len(d).to_bytes(4, "little") + d for n, d in properties)
    return b"".join(fields)


def test_certificate_out_of_a_registry_blob() -> None:
    """Whatever properties stand around it."""
    sha1 = (3, bytes(20))
    name = (11, "Contoso\0".encode("utf-16-le"))
    assert certificate_from_blob(element(sha1, name, (32, V.leaf.der), (4, b"x"))) == V.leaf.der
    assert certificate_from_blob(element((32, V.leaf.der))) == V.leaf.der


@pytest.mark.parametrize("blob", [
    b"", b"\x20", element((3, bytes(20))), element((32, V.leaf.der))[:-1], element((3, bytes(20)))[:-5] + b"\xff" * 40,
])  # fmt: skip
def test_blobs_without_a_certificate(blob: bytes) -> None:
    """An error, not a certificate and not another exception."""
    with pytest.raises(BlobError):
        certificate_from_blob(blob)
