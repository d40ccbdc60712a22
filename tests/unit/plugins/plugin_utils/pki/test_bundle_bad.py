# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries that cannot be used: each has its own error, which helps on and gives nothing away."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import (
    BundleError,
    open_bundle,
    read_certificates,
)
from ansible_collections.ucops.certificates.tests.unit.deliveries import (
    PASSWORD,
    bare_base64,
    enveloped,
    labelled,
    p7b,
    pems,
    pfx,
    vendor,
    zipped,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import (
    authority,
    ec_key,
    integer,
    issue,
    key_pem,
    oid,
    pem,
    rsa_key,
    seq,
    tlv,
)

V = vendor()
WHOLE = V.key + pems(V.leaf, *V.chain)
LOCKED = key_pem(V.leaf.key, PASSWORD.encode())
OTHER = issue("old.contoso.example", V.lower, key=rsa_key())
EC_LEAF = issue("ec.example", V.lower, key=ec_key("server"))
ED_LEAF = issue("ed.example", V.lower, key=ed25519.Ed25519PrivateKey.generate())


def flagged_encrypted() -> bytes:
    """A zip whose entry says that it is encrypted."""
    data = bytearray(zipped({"a.crt": b"x" * 40}, 0))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def damaged_entry() -> bytes:
    """A zip with an entry whose content is not what its checksum says."""
    data = bytearray(zipped({"a.crt": WHOLE}, 0))
    data[100] ^= 0xFF
    return bytes(data)


def linked() -> bytes:
    """A zip with a symbolic link in it."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        entry = zipfile.ZipInfo("leaf.crt")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return memory.getvalue()


BOMB = zipped({"a.crt": b"\x00" * 900_000})
BAD: dict[str, tuple[str, Callable[[], bytes], str | None]] = {
    "nothing": ("empty", lambda: b"", None),
    "spaces": ("empty", lambda: b" \r\n" * 10, None),
    "html": ("html", lambda: b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", None),
    "html with a mark and a comment": (
        "html", lambda: b"\xef\xbb\xbf\r\n<!-- x -->\n<HTML><head></head></HTML>", None),
    "prose": ("unreadable", lambda: b"Your certificate is attached.", None),
    "octets": ("unreadable", lambda: bytes(range(256)) * 4, None),
    "picture": ("unreadable", lambda: b"\x89PNG\r\n\x1a\n", None),
    "7-zip": ("unreadable", lambda: b"7z\xbc\xaf\x27\x1c", None),
    "java key store": ("unreadable", lambda: b"\xfe\xed\xfe\xed\x00\x00\x00\x02", None),
    "too large": ("too-large", lambda: b"x" * 5_000_001, None),
    "pem without its end": ("truncated", lambda: pems(V.leaf)[:-30], None),
    "pem cut in the middle of a second": ("truncated", lambda: (pems(V.leaf, V.lower))[:-400], None),
    "pem cut before the next one": (
        "truncated", lambda: pems(V.leaf).replace(b"-----END CERTIFICATE-----", b"") + pems(V.lower), None),
    "pem with a forged label": ("truncated", lambda: b"-----BEGIN \x1b[2J\xe2\x80\xae-----\n", None),
    "pem with an odd character": ("truncated", lambda: pems(V.leaf).replace(b"MII", b"M#I"), None),
    "pem with half its content": ("truncated", lambda: labelled(V.leaf.der[:400], "CERTIFICATE"), None),
    "der cut off": ("truncated", lambda: V.leaf.der[:-7], None),
    "p7b cut off": ("truncated", lambda: p7b(V.leaf, V.lower)[:-100], None),
    "p7b in base64 cut off": ("truncated", lambda: bare_base64(p7b(V.leaf, V.lower))[:-200], None),
    "p7b without certificates": ("unreadable", lambda: p7b(), None),
    "p7b encrypted": ("unreadable", enveloped, None),
    "pfx cut off": ("truncated", lambda: pfx(V.leaf)[:-50], PASSWORD),
    "request in der": (
        "unreadable", lambda: seq(seq(integer(0), seq(), seq(), tlv(0xA0)), seq(), tlv(3, b"\x00")), None),
    "outline of a certificate": ("unreadable", lambda: seq(seq(), seq(), tlv(3, bytes(130))), None),
    "outline of a p7b": ("unreadable", lambda: seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, bytes(130))), None),
    "request instead of a certificate": ("no-leaf", lambda: labelled(b"0\x00", "CERTIFICATE REQUEST") + V.key, None),
    "another password": ("password-wrong", lambda: pfx(V.leaf, V.chain), "wrong " + PASSWORD),
    "another password, old cipher": ("password-wrong", lambda: pfx(V.leaf, old=True), "wrong " + PASSWORD),
    "no password for a pfx": ("key-encrypted", lambda: pfx(V.leaf), None),
    "another password for a key": ("password-wrong", lambda: pems(V.leaf) + LOCKED, "wrong " + PASSWORD),
    "no password for a key": ("key-encrypted", lambda: pems(V.leaf) + LOCKED, None),
    "no password for a key in a zip": ("key-encrypted", lambda: zipped({"a.crt": V.leaf.der, "x.txt": LOCKED}), None),
    "key damaged": ("unreadable", lambda: pems(V.leaf) + pem(b"0\x03\x02\x01\x00", "PRIVATE KEY").encode(), None),
    "no key": ("no-key", lambda: pems(V.leaf, *V.chain), None),
    "no key in the pfx": ("no-key", lambda: pfx(V.leaf, V.chain, with_key=False), PASSWORD),
    "key of another certificate": ("key-mismatch", lambda: pems(V.leaf) + key_pem(rsa_key(2048, 1)), None),
    "key of the intermediate": ("key-mismatch", lambda: pems(V.leaf, V.lower) + key_pem(V.lower.key), None),
    "only a key": ("no-leaf", lambda: V.key, None),
    "only the chain": ("no-leaf", lambda: pems(*V.chain, V.root) + V.key, None),
    "two servers": ("two-leaves", lambda: WHOLE + pems(OTHER), None),
    "two servers in a zip": ("two-leaves", lambda: zipped({"a.crt": WHOLE, "old/b.crt": OTHER.der}), None),
    "ec key": ("ec-key", lambda: pems(EC_LEAF) + key_pem(EC_LEAF.key), None),
    "ed25519 key": ("ec-key", lambda: pems(ED_LEAF) + key_pem(ED_LEAF.key), None),
    "zip cut off": ("truncated", lambda: zipped({"a.crt": WHOLE})[:-40], None),
    "zip damaged": ("truncated", damaged_entry, None),
    "zip of nothing": ("no-leaf", lambda: zipped({}), None),
    "zip with html as a certificate": ("html", lambda: zipped({"a.crt": b"<html>sorry</html>", "b.pem": WHOLE}), None),
    "zip with a path upwards": ("zip-path", lambda: zipped({"../../etc/cron.d/x": WHOLE}), None),
    "zip with a path upwards inside": ("zip-path", lambda: zipped({"a/../../b.crt": WHOLE}), None),
    "zip with an absolute path": ("zip-path", lambda: zipped({"/etc/x.crt": WHOLE}), None),
    "zip with a windows path": ("zip-path", lambda: zipped({"..\\..\\x.crt": WHOLE}), None),
    "zip with a drive": ("zip-path", lambda: zipped({"C:\\x.crt": WHOLE}), None),
    "zip with a link": ("zip-path", linked, None),
    "zip in a zip": ("zip-nested", lambda: zipped({"inner.zip": zipped({"a.crt": WHOLE})}), None),
    "zip encrypted": ("zip-encrypted", flagged_encrypted, None),
    "zip bomb by ratio": ("zip-bomb", lambda: BOMB, None),
    "zip bomb by entry": ("zip-bomb", lambda: zipped({"a.crt": b"x" * 1_100_000}, 0), None),
    "zip bomb by number": ("zip-bomb", lambda: zipped({f"{n}.crt": b"x" for n in range(101)}), None),
    "zip bomb by sum": ("zip-bomb", lambda: zipped({f"{n}.txt": bytes([n]) * 90_000 for n in range(60)}), None),
}  # fmt: skip


def refused(data: bytes, password: str | None = None) -> BundleError:
    """The error of a delivery."""
    with pytest.raises(BundleError) as caught:
        open_bundle("delivery.zip", data, password)
    return caught.value


@pytest.mark.parametrize("what", BAD)
def test_each_has_its_own_error(what: str) -> None:
    """Id; expected, found, where, next; no password; nothing that comes from a traceback."""
    id, make, password = BAD[what]
    error = refused(make(), password)
    assert error.id == f"bundle.{id}", error
    message = str(error)
    assert error.message == message
    for part in ("expected ", ", found ", "'delivery.zip'", "; next: "):
        assert part in message
    assert not password or password not in message
    assert PASSWORD not in message
    assert "Traceback" not in message and "0x7f" not in message
    assert error.__cause__ is None
    assert message.isprintable()


@pytest.mark.parametrize(("what", "told"), [
    ("p7b encrypted", "PKCS#7 container that is not of certificates"), ("p7b without certificates", "without any"),
    ("request in der", "a certificate request"), ("java key store", "Java key store"),
])  # fmt: skip
def test_what_was_found_is_told(what: str, told: str) -> None:
    """The nearer the name, the sooner it is mended."""
    assert told in str(refused(BAD[what][1]()))


def test_entry_is_named() -> None:
    """In an archive of a dozen files the one at fault is told."""
    assert "entry 'ca/issuing.crt'" in str(refused(zipped({"leaf.crt": WHOLE, "ca/issuing.crt": V.lower.der[:-5]})))


def test_entry_names_cannot_forge_output() -> None:
    """They are foreign input."""
    message = str(refused(zipped({"../a\nok: [edge1]\x1b[31m.crt": WHOLE})))
    assert message.isprintable()


def test_both_servers_are_named_with_serial_and_dates() -> None:
    """So that one can tell last year's from this year's."""
    message = str(refused(WHOLE + pems(OTHER)))
    for one in (V.leaf.certificate, OTHER.certificate):
        assert one.subject in message
        assert one.serial_hex in message
        assert f"{one.not_before:%Y-%m-%d}" in message


def test_two_servers_even_if_the_key_fits_only_one() -> None:
    """The key would decide, but the person who sent two should know."""
    other = issue("old.contoso.example", V.lower, key=rsa_key(2048, 1))
    assert refused(WHOLE + pems(other)).id == "bundle.two-leaves"


def test_source_at_fault_is_named() -> None:
    """With several sources, the one that could not be read."""
    with pytest.raises(BundleError, match="'chain.p7b'") as caught:
        open_bundle("leaf.crt", V.leaf.der, None, [("chain.p7b", p7b(*V.chain)[:-9])])
    assert caught.value.id == "bundle.truncated"


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the directory claims is enough to refuse."""
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    assert refused(BOMB).id == "bundle.zip-bomb"


def test_a_bomb_that_lies_about_its_size() -> None:
    """The claimed size is small, the content is not: reading stops at the limit."""
    data = zipped({"a.crt": b"\x00" * 900_000})
    claimed = (900_000).to_bytes(4, "little")
    error = refused(data.replace(claimed, (500).to_bytes(4, "little")))
    assert error.id in ("bundle.zip-bomb", "bundle.truncated", "bundle.empty")


def test_read_certificates_refuses_what_holds_none() -> None:
    """A list of roots without a root."""
    for data in (V.key, zipped({"readme.txt": b"x"})):
        with pytest.raises(BundleError) as caught:
            read_certificates("roots.pem", data)
        assert caught.value.id == "bundle.unreadable"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_octets_end_in_an_error_of_ours(data: bytes) -> None:
    """Nothing else ever comes out."""
    with pytest.raises(BundleError):
        open_bundle("x", data, "secret")


WELL_FORMED = [WHOLE, p7b(V.leaf, V.lower), V.leaf.der, zipped({"a.crt": WHOLE}), pfx(V.leaf, V.chain, None)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WELL_FORMED), st.data())
def test_any_damage_ends_in_an_error_of_ours_or_in_nothing(data: bytes, draw: st.DataObject) -> None:
    """Octets changed, cut out or doubled."""
    at = draw.draw(st.integers(0, len(data) - 1))
    length = draw.draw(st.integers(0, 40))
    middle = draw.draw(st.binary(max_size=8))
    damaged = data[:at] + middle + data[at + length :]
    try:
        open_bundle("x", damaged, None, [("key", V.key)])
    except BundleError as error:
        assert error.message.isprintable()


def test_authority_offered_as_server() -> None:
    """A CA's own certificate with its key is what was given; the preflight says that it is a CA."""
    own = authority("Lab CA", key=rsa_key())
    assert open_bundle("x", own.pem.encode() + V.key).leaf == own.certificate
