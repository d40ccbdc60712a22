# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are read leniently, and as others read them where others do."""

from __future__ import annotations

import ssl
import subprocess
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import der, dn, outline
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import (
    Certificate,
    CertificateError,
    byte_reversed_serial,
    load_der,
    load_pem,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import (
    ANY,
    MAIL,
    SERVER,
    authority,
    ec_key,
    extension,
    fresh_key,
    issue,
    name,
    oid,
    rsa_key,
    seq,
    tlv,
)


def system_roots() -> list[Certificate]:
    """The roots that this machine trusts, if it has a list."""
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if candidate and Path(candidate).is_file():
            return load_pem(Path(candidate).read_bytes())
    pytest.skip("this machine has no list of trusted roots")


def library(certificate: Certificate) -> x509.Certificate:
    """The same certificate as ``cryptography`` reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(certificate.der)


def same_as_the_library(ours: Certificate) -> None:
    """Field by field."""
    theirs = library(ours)
    assert (ours.serial, ours.not_before, ours.not_after) == (
        theirs.serial_number, theirs.not_valid_before_utc, theirs.not_valid_after_utc)  # fmt: skip
    assert ours.subject_raw == theirs.subject.public_bytes()
    assert ours.issuer_raw == theirs.issuer.public_bytes()
    assert ours.body.signed == theirs.tbs_certificate_bytes
    assert ours.body.signature == theirs.signature
    assert ours.key_bits == getattr(theirs.public_key(), "key_size", 256)
    hashed = theirs.signature_hash_algorithm
    assert ours.signature_hash == (hashed.name if hashed else None)
    assert not ours.malformed
    found: dict[type, Any] = {type(one.value): one.value for one in theirs.extensions}
    basic = found.get(x509.BasicConstraints)
    assert ours.basic_constraints == ((basic.ca, basic.path_length) if basic else None)
    usage = found.get(x509.KeyUsage)
    assert (ours.key_usage is None) == (usage is None)
    if usage is not None:
        assert ours.key_usage is not None
        for bit in ("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign", "key_agreement"):
            assert (bit in ours.key_usage) == getattr(usage, bit)
    names = found.get(x509.SubjectAlternativeName)
    assert ours.dns_names == (tuple(names.get_values_for_type(x509.DNSName)) if names else ())
    extended = found.get(x509.ExtendedKeyUsage)
    purposes = frozenset(one.dotted_string for one in extended) if extended else None
    assert ours.extended_usage == purposes
    own = found.get(x509.SubjectKeyIdentifier)
    assert ours.subject_key_id == (own.digest if own else None)
    above = found.get(x509.AuthorityKeyIdentifier)
    assert ours.authority_key_id == (above.key_identifier if above else None)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_system_roots_are_read_as_the_library_reads_them() -> None:
    """All that this machine trusts: a hundred and more certificates of as many authors."""
    for certificate in system_roots():
        same_as_the_library(certificate)
        assert certificate.self_issued


@pytest.mark.parametrize("key", [rsa_key(), ec_key("p384", ec.SECP384R1), ed25519.Ed25519PrivateKey.generate()])
def test_zoo_is_read_as_the_library_reads_it(key: object) -> None:
    """Every field that we take apart ourselves."""
    root = authority("Root", path_length=3)
    same_as_the_library(root.certificate)
    names, usage = ["a.example", "b.example"], ("digital_signature", "key_agreement")
    leaf = issue("a.example", root, key=key, names=names, extended=[SERVER, ANY, MAIL], usage=usage)
    same_as_the_library(leaf.certificate)


def test_fingerprints_are_those_of_openssl(tmp_path: Path) -> None:
    """Thumbprint and SHA-256 as another program computes them; the serial number as it prints it."""
    one = issue("x.example", serial=0xF00D1234)
    (tmp_path / "x.pem").write_text(one.pem)
    command = ["openssl", "x509", "-in", str(tmp_path / "x.pem"), "-noout", "-serial", "-fingerprint"]
    sha1 = subprocess.run([*command, "-sha1"], capture_output=True, text=True, check=True).stdout.replace(":", "")
    sha256 = subprocess.run([*command, "-sha256"], capture_output=True, text=True, check=True).stdout.replace(":", "")
    assert one.certificate.thumbprint in sha1
    assert one.certificate.sha256.upper() in sha256
    assert "serial=F00D1234" in sha1


def test_serial_number_as_windows_prints_it_and_as_lync_logs_it() -> None:
    """Even number of digits, the sign octet kept; reversed octet by octet."""
    one = issue(serial=0xF00D12).certificate
    assert one.serial_hex == "00F00D12"
    assert byte_reversed_serial(one) == "120DF000"
    assert issue(serial=0).certificate.serial_hex == "00"
    assert issue(serial=-1).certificate.serial == -1


def test_problems_are_told_and_nothing_is_hidden_by_them() -> None:
    """One bad extension leaves all others readable."""
    odd = [extension("2.5.29.30", b"\x04\x00"), extension("2.5.29.35", b"\x05\x00")]
    bad = issue("x.example", extra=odd, aki=False, serial=0).certificate
    assert bad.dns_names == ("x.example",)
    assert any("2.5.29.30" in problem for problem in bad.malformed)
    assert not any("2.5.29.35" in problem for problem in bad.malformed)
    assert any("2.5.29.35" in problem for problem in bad.problems)
    assert any("serial number 0" in problem for problem in bad.problems)
    assert not issue().certificate.problems


def test_equal_when_the_bytes_are_equal() -> None:
    """So that certificates can be kept in sets; bytes behind the end do not count."""
    one = issue()
    assert load_der(one.der + b"\r\n") == load_der(one.der) == one.certificate
    assert len({load_der(one.der), one.certificate}) == 1
    assert one.certificate != issue().certificate
    assert one.certificate.thumbprint in repr(one.certificate)


def test_pem_with_several() -> None:
    """In their order; text between is passed over; a broken block is named by its place."""
    first, second = issue("a"), issue("b")
    text = f"subject: a\n{first.pem}\nissuer: x\n{second.pem.replace('CERTIFICATE', 'X509 CERTIFICATE')}"
    assert load_pem(text) == load_pem(text.encode()) == [first.certificate, second.certificate]
    assert load_pem("nothing") == []
    with pytest.raises(CertificateError, match="PEM block 2"):
        load_pem(first.pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(("given", "shown"), [
    (name(C="US", O="A, B", CN="x"), "CN=x, O=A\\, B, C=US"),
    (name(CN=" a "), "CN=\\ a\\ "),
    (name(CN="#1"), "CN=\\#1"),
    (name(CN="a\nb\u202e"), "CN=a\\0Ab\\E2\\80\\AE"),
    (name(("2.5.4.99", "odd")), "2.5.4.99=odd"),
    (name(("CN", "Müller", 0x1E)), "CN=Müller"),
    (name(("CN", "Müller", 0x14)), "CN=Müller"),
    (name(DC="example"), "DC=example"),
    (name(), "(empty name)"),
    (seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, b"a")), seq(oid("2.5.4.11"), tlv(0x0C, b"b")))), "CN=a + OU=b"),
    (b"\x30\x05abc", "(unreadable name 3005616263)"),
])  # fmt: skip
def test_names_for_people(given: bytes, shown: str) -> None:
    """Most specific first, escaped as RFC 4514 says, nothing that does not print."""
    assert dn.text(given) == shown


def test_names_are_one_in_every_spelling() -> None:
    """RFC 5280, section 7.1; and the order of a multi-valued part does not matter."""
    one = name(("O", "Contoso  Ltd", 0x0C), ("CN", "Straße", 0x0C))
    assert dn.key(one) == dn.key(name(("O", " contoso ltd", 0x13), ("CN", "STRASSE", 0x1E)))
    assert dn.key(one) != dn.key(name(("CN", "Straße", 0x0C), ("O", "Contoso Ltd", 0x0C)))
    assert dn.key(b"junk") == b"junk"


def times(text: bytes, tag: int = 0x18) -> datetime:
    """An encoded time, read."""
    return outline.instant(der.read(tlv(tag, text)))


def test_dates_in_every_form() -> None:
    """Those of RFC 5280, and those it forbids."""
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
    assert times(b"261123120000Z", 0x17) == times(b"20261123120000Z") == noon
    assert times(b"2611231200Z", 0x17) == times(b"202611231200Z") == noon
    assert times(b"20261123140000+0200") == times(b"20261123070000-0500") == noon
    assert times(b"20261123120000.5Z").microsecond == 500_000
    assert times(b"500101000000Z", 0x17).year == 1950
    assert times(b"491231235959Z", 0x17).year == 2049
    for bad in (b"20261323120000Z", b"tomorrow", b"", b"2026"):
        with pytest.raises(ValueError):
            times(bad)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120))
def test_any_octets_are_a_certificate_or_a_certificate_error(data: bytes) -> None:
    """Nothing else ever comes out of them."""
    with pytest.raises(CertificateError):
        load_der(data)


SOURCE = issue("fuzz.example", authority("Root"), permitted=["example"], names=["a.example", ("ip", bytes(4))]).der


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SOURCE) - 1), st.integers(0, 255))
def test_any_changed_octet_leaves_a_certificate_or_a_certificate_error(at: int, value: int) -> None:
    """Every property can be asked of what is left."""
    try:
        one = load_der(SOURCE[:at] + bytes((value,)) + SOURCE[at + 1 :])
    except CertificateError:
        return
    assert one.subject.isprintable() and one.issuer.isprintable()
    assert isinstance(one.problems, tuple)
    assert (one.key_type, one.key_bits, one.signature_hash, one.dns_names, one.aia, one.self_issued) is not None


def test_indefinite_lengths_nested_without_end() -> None:
    """No deep recursion, no endless loop."""
    with pytest.raises(der.DerError):
        der.read(b"\x30\x80" * 5000)


def test_key_of_an_unknown_kind() -> None:
    """It is shown by its identifier."""
    odd = issue(key=fresh_key())
    changed = load_der(odd.der.replace(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.2.9")))
    assert changed.key_type == "1.2.840.10045.2.9"
    assert changed.key_bits == 0
