# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever form a delivery has, the same bundle comes out of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import (
    Bundle,
    open_bundle,
    read_certificates,
)
from ansible_collections.ucops.certificates.tests.unit.deliveries import (
    PASSWORD,
    Vendor,
    bare_base64,
    crlf,
    labelled,
    p7b,
    p7b_ber,
    pems,
    pfx,
    vendor,
    zipped,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, issue, key_pem, rsa_key

V = vendor()
KEY = ("key.pem", V.key)
UTF16 = V.key + pems(V.leaf, *V.chain)
BAG = b"Bag Attributes\n    localKeyID: 01 02\n    friendlyName: Contoso\nsubject=CN = x\n\nissuer=CN = y\n\n"


def traditional(vendor: Vendor) -> bytes:
    """The key as PKCS#1."""
    return vendor.leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def der_key(vendor: Vendor, protection: serialization.KeySerializationEncryption | None = None) -> bytes:
    """The key as PKCS#8, DER."""
    return vendor.leaf.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, protection or serialization.NoEncryption()
    )


def locked() -> serialization.KeySerializationEncryption:
    """Encryption with the password."""
    return serialization.BestAvailableEncryption(PASSWORD.encode())


def old_style_locked(vendor: Vendor) -> bytes:
    """The key as OpenSSL of old encrypted it, with a DEK-Info header."""
    return vendor.leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, locked()
    )


FORMS: dict[str, Callable[[], tuple[bytes, list[tuple[str, bytes]]]]] = {
    "pem": lambda: (pems(V.leaf, *V.chain) + V.key, []),
    "pem, root included, root first": lambda: (pems(V.root, V.upper, V.lower, V.leaf) + V.key, []),
    "pem, any order and repeated": lambda: (V.key + pems(V.upper, V.leaf, V.lower, V.leaf, V.upper), []),
    "pem with windows line ends": lambda: (crlf(pems(V.leaf, *V.chain) + V.key), []),
    "pem with a byte order mark": lambda: (b"\xef\xbb\xbf" + pems(V.leaf, *V.chain), [KEY]),
    "pem in utf-16 with mark": lambda: (UTF16.decode().encode("utf-16"), []),
    "pem in utf-16 without mark": lambda: (UTF16.decode().encode("utf-16-le"), []),
    "pem in big-endian utf-16": lambda: (b"\xfe\xff" + UTF16.decode().encode("utf-16-be"), []),
    "pem with what openssl writes between": lambda: (BAG + pems(V.leaf) + BAG + pems(*V.chain) + BAG + V.key, []),
    "pem indented": lambda: (b"".join(b"  " + line + b"\n" for line in UTF16.splitlines()), []),
    "pem without a line end at its end": lambda: (UTF16.rstrip(), []),
    "pem with a request and parameters beside": lambda: (
        labelled(b"0\x00", "CERTIFICATE REQUEST") + UTF16 + labelled(b"0\x00", "DH PARAMETERS"), []),
    "key in a file of its own": lambda: (pems(V.leaf, *V.chain), [KEY]),
    "key first": lambda: (V.key, [("certs.pem", pems(V.leaf, *V.chain))]),
    "key in der": lambda: (pems(V.leaf, *V.chain), [("k", der_key(V))]),
    "key in pkcs#1": lambda: (pems(V.leaf, *V.chain), [("k", traditional(V))]),
    "key encrypted": lambda: (pems(V.leaf, *V.chain), [("k", key_pem(V.leaf.key, PASSWORD.encode()))]),
    "key encrypted the old way": lambda: (pems(V.leaf, *V.chain), [("k", old_style_locked(V))]),
    "key encrypted in der": lambda: (pems(V.leaf, *V.chain), [("k", der_key(V, locked()))]),
    "another key beside the right one": lambda: (pems(V.leaf, *V.chain), [("old.key", key_pem(rsa_key(2048, 1))), KEY]),
    "der of each": lambda: (V.leaf.der, [("a", V.lower.der), ("b", V.upper.der), KEY]),
    "der one after the other": lambda: (V.leaf.der + V.lower.der + V.upper.der, [KEY]),
    "p7b in der": lambda: (p7b(V.leaf, *V.chain), [KEY]),
    "p7b in ber": lambda: (p7b_ber(V.leaf, *V.chain), [KEY]),
    "p7b in pem": lambda: (labelled(p7b(V.leaf, *V.chain), "PKCS7"), [KEY]),
    "p7b labelled certificate": lambda: (labelled(p7b(V.leaf, *V.chain), "CERTIFICATE"), [KEY]),
    "p7b as bare base64": lambda: (bare_base64(p7b(V.leaf, *V.chain)), [KEY]),
    "p7b as bare base64 in utf-16": lambda: (bare_base64(p7b(V.leaf, *V.chain)).decode().encode("utf-16"), [KEY]),
    "p7b of the chain only": lambda: (pems(V.leaf), [("chain.p7b", p7b(*V.chain)), KEY]),
    "pfx": lambda: (pfx(V.leaf, V.chain), []),
    "pfx of old windows": lambda: (pfx(V.leaf, V.chain, old=True), []),
    "pfx with root": lambda: (pfx(V.leaf, [*V.chain, V.root]), []),
    "pfx whose chain repeats the leaf": lambda: (pfx(V.leaf, [V.leaf, *V.chain]), []),
    "pfx in base64": lambda: (bare_base64(pfx(V.leaf, V.chain)), []),
    "pfx of leaf and key, chain beside": lambda: (pfx(V.leaf), [("chain.pem", pems(*V.chain))]),
    "zip as vendors send it": lambda: (zipped({
        "ccff764677002767.crt": pems(V.leaf), "ccff764677002767.pem": crlf(pems(V.leaf)),
        "gd_bundle.crt": pems(*V.chain), "gd.p7b": p7b(V.leaf, *V.chain), "README.txt": b"Thank you for your order"}),
        [KEY]),
    "zip with folders": lambda: (zipped({"certs/": b"", "certs/leaf.crt": V.leaf.der, "certs/ca/1.crt": V.lower.der,
                                         "certs/ca/2.crt": V.upper.der, "private/key.pem": V.key}), []),
    "zip with leftovers of a mac": lambda: (zipped({
        "a.crt": UTF16, "__MACOSX/._a.crt": b"\x00\x05\x16\x07" + b"x" * 60, "page.html": b"<html></html>",
        "checksums": b"abc  a.crt", "logo.png": b"\x89PNG\r\n", "empty.txt": b""}), []),
    "zip with a pfx": lambda: (zipped({"server.pfx": pfx(V.leaf, V.chain)}), []),
    "zip stored": lambda: (zipped({"all.pem": UTF16}, 0), []),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_same_bundle_out_of_every_form(form: str) -> None:
    """Leaf, intermediates in order, key; the root only where one was delivered."""
    data, extra = FORMS[form]()
    bundle = open_bundle("delivery", data, PASSWORD, extra)
    assert bundle.leaf == V.leaf.certificate
    assert bundle.intermediates == (V.lower.certificate, V.upper.certificate)
    assert bundle.roots == ((V.root.certificate,) if "root" in form else ())
    assert bundle.key.private_numbers() == V.leaf.key.private_numbers()  # type: ignore[union-attr]


@pytest.mark.parametrize("empty", [None, ""])
def test_a_pfx_without_a_password(empty: str | None) -> None:
    """No password and an empty one are the same."""
    assert open_bundle("a.pfx", pfx(V.leaf, V.chain, None), empty).leaf == V.leaf.certificate


def test_a_password_that_is_not_needed_is_no_fault() -> None:
    """One password variable serves deliveries of all kinds."""
    assert open_bundle("a.pem", UTF16, "anything").leaf == V.leaf.certificate


def test_notes_tell_of_ciphers_that_old_windows_cannot_read() -> None:
    """It is re-wrapped, but somebody may import it by hand."""
    assert [note.id for note in open_bundle("a.pfx", pfx(V.leaf), PASSWORD).notes] == ["bundle.pfx-new-cipher"]
    assert open_bundle("a.pfx", pfx(V.leaf, old=True), PASSWORD).notes == ()


def test_intermediates_follow_the_chain_then_the_rest() -> None:
    """Certificates that are not in the chain are kept, behind the chain; twins of its time before others."""
    dates = {"not_before": NOW - 900 * DAY, "not_after": NOW - 40 * DAY}
    stale = authority("Vendor Issuing CA", V.upper, key=V.lower.key, **dates)
    stranger = authority("Another CA", authority("Another root"))
    bundle = open_bundle("x", pems(stranger, stale, V.upper, V.leaf, V.lower) + V.key)
    assert [one.common_name for one in bundle.intermediates[:2]] == ["Vendor Issuing CA", "Vendor Policy CA"]
    assert bundle.intermediates[0] == V.lower.certificate
    assert set(bundle.intermediates[2:]) == {stale.certificate, stranger.certificate}


def test_cross_signed_root_is_an_intermediate() -> None:
    """GoDaddy's shape: the root comes signed by an older root, which comes too."""
    old, new = authority("Class 2"), authority("Root G2")
    cross = authority("Root G2", old, key=new.key)
    issuing = authority("Issuing G2", new)
    leaf = issue(issuer=issuing, key=rsa_key())
    bundle = open_bundle("x", pems(leaf, cross, old, issuing) + V.key)
    assert bundle.intermediates == (issuing.certificate, cross.certificate)
    assert bundle.roots == (old.certificate,)


def test_old_root_without_basic_constraints_is_no_second_leaf() -> None:
    """A version 1 root says of itself nothing at all; that it issued something says enough."""
    root = authority("Old root", version=1)
    issuing = authority("Issuing", root)
    leaf = issue(issuer=issuing, key=rsa_key())
    bundle = open_bundle("x", pems(root, issuing, leaf) + V.key)
    assert (bundle.leaf, bundle.roots) == (leaf.certificate, (root.certificate,))


def test_self_signed_server_certificate() -> None:
    """It is the leaf, though nobody else issued it; also when it calls itself a CA."""
    for ca in (False, True):
        own = issue("server", key=rsa_key(), ca=ca, names=["server"])
        assert open_bundle("x", own.pem.encode() + V.key).leaf == own.certificate


def test_nothing_secret_is_printed() -> None:
    """Neither repr nor str of a bundle shows a key."""
    bundle: Bundle = open_bundle("x", UTF16)
    assert "key" not in repr(bundle).lower().replace("key_", "")
    assert "RSAPrivateKey" not in repr(bundle)


def test_read_certificates_from_any_form() -> None:
    """Lists of trusted roots come in the same forms."""
    for data in (pems(V.root, V.upper), p7b(V.root, V.upper), zipped({"r.crt": V.root.der, "u.crt": V.upper.der})):
        assert read_certificates("roots", data) == (V.root.certificate, V.upper.certificate)
