# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate requests, as openssl reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import request
from ansible_collections.ucops.certificates.tests.unit.zoo import rsa_key

NAMES = ["mail.contoso.example", "autodiscover.contoso.example", "a.contoso.example", "*.contoso.example"]


def openssl(*arguments: str, given: bytes) -> str:
    """What openssl says; it must succeed."""
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True)
    return (done.stdout + done.stderr).decode("utf-8")


def test_openssl_reads_subject_names_in_their_order_and_the_signature() -> None:
    fields = {"organization": "Zürich & Söhne, Inc.", "country": "de", "locality": "日本", "state": "BY"}
    wanted = request.wish(NAMES, {**fields, "organizational_unit": " Mail "})
    said = openssl(
        "req",
        "-noout",
        "-text",
        "-verify",
        "-nameopt",
        "utf8,sep_comma_plus_space",
        given=request.make(wanted, rsa_key()),
    )
    assert "verify OK" in said
    assert "Subject: C=DE, ST=BY, L=日本, O=Zürich & Söhne, Inc., OU=Mail, CN=mail.contoso.example" in said
    assert ", ".join(f"DNS:{name}" for name in NAMES) in said
    assert "sha256WithRSAEncryption" in said


def test_it_reads_what_it_made_and_finds_nothing_to_do() -> None:
    wanted = request.wish(NAMES, {"organization": "Contoso"})
    found = request.read(request.make(wanted, rsa_key()))
    assert (found.names, found.subject, found.bits, found.signed) == (wanted.names, wanted.subject, 2048, True)
    assert request.differences(wanted, found, request.spki_sha256(rsa_key())) == ()
    (other,) = request.differences(wanted, found, request.spki_sha256(rsa_key(2048, 1)))
    assert "another key" in other


@pytest.mark.parametrize("changed", [NAMES[::-1], NAMES[:3], [*NAMES, "new.contoso.example"]])
def test_another_order_is_another_request(changed: list[str]) -> None:
    found = request.read(request.make(request.wish(NAMES, {"common_name": NAMES[0]}), rsa_key()))
    wanted = request.wish(changed, {"common_name": NAMES[0]})
    (text,) = request.differences(wanted, found, request.spki_sha256(rsa_key()))
    assert text == f"names: {', '.join(NAMES)} -> {', '.join(changed)}"


def test_what_windows_and_openssl_wrote_is_read(tmp_path: Path) -> None:
    plain = request.make(request.wish(NAMES, {}), rsa_key())
    windows = plain.replace(b" CERTIFICATE REQUEST", b" NEW CERTIFICATE REQUEST").replace(b"\n", b"\r\n")
    assert request.read(windows) == request.read(plain)
    key = tmp_path / "key.pem"
    made = openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:3072",
        "-nodes",
        "-keyout",
        str(key),
        "-subj",
        "/C=DE/emailAddress=a@b.example/CN=x",
        given=b"",
    )
    found = request.read(made[made.index("-----BEGIN") :].encode())
    assert found.bits == 3072 and found.names == () and found.signed
    assert found.subject == (("country", "DE"), ("1.2.840.113549.1.9.1", "a@b.example"), ("common_name", "x"))


def test_a_request_whose_signature_is_false_does_not_do() -> None:
    wanted = request.wish(NAMES, {})
    pem = request.make(wanted, rsa_key()).decode().splitlines()
    at = len(pem) - 3
    pem[at] = pem[at][:10] + ("A" if pem[at][10] != "A" else "B") + pem[at][11:]
    found = request.read("\n".join(pem).encode())
    assert not found.signed
    assert "signature" in request.differences(wanted, found, request.spki_sha256(rsa_key()))[0]


@pytest.mark.parametrize(
    ("names", "fields", "told"),
    [
        ([], {}, "at least one DNS name"),
        (["mail contoso"], {}, "found 'mail contoso'"),
        (["a.example", "b.example", "A.example."], {}, "'A.example.' is there twice"),
        (["*.example"], {}, "'*.example'"),
        (["a.example"], {"country": "Germany"}, "two letters"),
        (["a.example"], {"organization": "x" * 65}, "organization: expected at most 64"),
        (["a.example"], {"locality": "x\ny"}, "printable"),
        ([f"{'long.' * 13}example"], {}, "give a shorter common_name"),
        (["a.example"], {"common_name": "b.example"}, "is none of the names"),
    ],
)
def test_what_no_certificate_can_say_is_refused(names: list[str], fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="expected|twice|none of") as refused:
        request.wish(names, fields)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(ValueError, match="expected a certificate request in PEM or DER"):
        request.read(data)


def test_no_key_is_written_in_the_clear() -> None:
    with pytest.raises(ValueError, match="no key is written in the clear"):
        request.encrypted(rsa_key(), b"")
    pem = request.encrypted(rsa_key(), b"pass word")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert "PRIVATE KEY" in openssl("pkey", "-passin", "pass:pass word", given=pem)


LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


@given(st.lists(LABEL, min_size=1, max_size=30, unique=True))
def test_whatever_names_in_whatever_order(labels: list[str]) -> None:
    wanted = request.wish([f"{label}.example" for label in labels], {"common_name": "some words"})
    found = request.read(request.make(wanted, rsa_key()))
    assert found.names == tuple(f"{label}.example" for label in labels)
    assert request.differences(wanted, found, request.spki_sha256(rsa_key())) == ()
