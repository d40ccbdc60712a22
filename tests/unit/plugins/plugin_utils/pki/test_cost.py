# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file demands is read before it is paid: the library is never asked to open one that demands too much."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import deps, formats, keys, pbe
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError, open_bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.cost import MAX_ROUNDS, Budget
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.errors import Where
from ansible_collections.ucops.certificates.tests.unit import costly
from ansible_collections.ucops.certificates.tests.unit.costly import (
    PKCS5,
    PKCS12,
    encrypted_key,
    locked,
    locked_safe,
    mac,
    pbes1,
    pbes2,
    pbkdf2,
    pbmac1,
    pfx_ber,
    pfx_of,
    safe,
    scrypt,
    shrouded,
)
from ansible_collections.ucops.certificates.tests.unit.deliveries import PASSWORD, labelled, pems, pfx, vendor, zipped
from ansible_collections.ucops.certificates.tests.unit.zoo import integer, key_pem, oid, seq, tlv

V = vendor()
LOT = 100_000_000
HIDDEN = seq(shrouded(encrypted_key(pbes2(pbkdf2(LOT)))))


def hidden(password: bytes, inside: bytes = HIDDEN) -> bytes:
    """A PFX with an encrypted key in an encrypted part."""
    return pfx_of(locked_safe(*locked(inside, password, 100)))


# What -> (file, the numbers that the error has to name).
COSTLY: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "MAC": (lambda: pfx_of(safe(), macs=mac(2**31 - 1)), ("2,147,483,647",)),
    "MAC of more than an integer of C": (lambda: pfx_of(safe(), macs=mac(2**70)), ("1,180,591,620,717,411,303,424",)),
    "MAC of less than nothing": (lambda: pfx_of(safe(), macs=mac(-5)), ("-5",)),
    "MAC of PBMAC1": (lambda: pfx_of(safe(), macs=mac(1, pbmac1(LOT))), ("100,000,000",)),
    "MAC of PBMAC1 with a long key": (lambda: pfx_of(safe(), macs=mac(1, pbmac1(2048, 2**30))), ("1,073,741,824",)),
    "MAC in BER": (lambda: pfx_ber(safe(), macs=mac(LOT)), ("100,000,000",)),
    "key in a PFX": (lambda: pfx_of(safe(shrouded(encrypted_key(pbes2(pbkdf2(LOT)))))), ("100,000,000",)),
    "key in a PFX, old cipher": (lambda: pfx_of(safe(shrouded(encrypted_key(pbes1(LOT))))), ("100,000,000",)),
    "key in a PFX in BER": (lambda: pfx_ber(safe(shrouded(encrypted_key(pbes2(pbkdf2(LOT)))))), ("100,000,000",)),
    "key in bags in bags": (
        lambda: pfx_of(safe(costly.bag_of(costly.bag_of(shrouded(encrypted_key(pbes1(LOT))))))), ("100,000,000",)),
    "certificates in a PFX": (lambda: pfx_of(locked_safe(pbes2(pbkdf2(LOT)), bytes(64))), ("100,000,000",)),
    "certificates in a PFX, RC2": (
        lambda: pfx_of(locked_safe(pbes1(LOT, f"{PKCS12}.1.6"), bytes(64))), ("100,000,000",)),
    "certificates in a PFX, scrypt": (lambda: pfx_of(locked_safe(pbes2(scrypt(2**22)), bytes(64))), ("4,096 MB",)),
    "second part of a PFX": (
        lambda: pfx_of(safe(), safe(shrouded(encrypted_key(pbes1(10)))), locked_safe(pbes1(LOT), bytes(8))),
        ("100,000,000",)),
    "parts of a PFX together": (
        lambda: pfx_of(*[safe(shrouded(encrypted_key(pbes1(3_000_000))))] * 4, macs=mac(2048)),
        ("3,000,000", "12,000,000")),
    "hidden key": (lambda: hidden(PASSWORD.encode()), ("100,000,000",)),
    "hidden key of absurd size": (
        lambda: hidden(PASSWORD.encode(), seq(shrouded(encrypted_key(pbes1(1), 7000)))), ("7,000",)),
    "PKCS#8": (lambda: encrypted_key(pbes2(pbkdf2(LOT))), ("100,000,000",)),
    "PKCS#8 in PEM": (
        lambda: labelled(encrypted_key(pbes2(pbkdf2(LOT))), "ENCRYPTED PRIVATE KEY"), ("100,000,000",)),
    "PKCS#8 with a long key": (lambda: encrypted_key(pbes2(pbkdf2(2048, 10**7))), ("10,000,000",)),
    "PKCS#8, old cipher": (lambda: encrypted_key(pbes1(LOT, f"{PKCS5}.3")), ("100,000,000",)),
    "PKCS#8, cipher of PKCS#12": (lambda: encrypted_key(pbes1(LOT)), ("100,000,000",)),
    "PKCS#8, scrypt N": (lambda: encrypted_key(pbes2(scrypt(2**22))), ("4,194,304", "4,096 MB", "256 MB")),
    "PKCS#8, scrypt r": (lambda: encrypted_key(pbes2(scrypt(1024, 2**16))), ("65,536", "8,200 MB")),
    "PKCS#8, scrypt p": (lambda: encrypted_key(pbes2(scrypt(2**14, 8, 2**12))), ("4,096", "536,870,912")),
    "PKCS#8, scrypt of nothing": (lambda: encrypted_key(pbes2(scrypt(-(2**22)))), ("-4,194,304",)),
    "PKCS#8 of absurd size": (lambda: encrypted_key(pbes1(2048), 9000), ("9,0", "6,000 octets")),
    "PKCS#8 in the clear, of absurd size": (
        lambda: labelled(seq(integer(0), seq(oid("1.2.840.113549.1.1.1"), b"\x05\x00"), tlv(4, bytes(9000))),
                         "PRIVATE KEY"), ("6,000 octets",)),
    "PKCS#1 of absurd size": (lambda: seq(integer(0), *[integer(1 << 16000)] * 5), ("6,000 octets",)),
    "traditional PEM of absurd size": (
        lambda: labelled(bytes(50_000), "RSA PRIVATE KEY").replace(
            b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1), ("6,000 octets",)),
    "OPENSSH": (lambda: labelled(costly.openssh(10_000), "OPENSSH PRIVATE KEY"), ("10,000 of bcrypt",)),
}  # fmt: skip


@pytest.fixture
def unpaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library may be asked to open anything."""

    def paid(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("the library was asked to open it")

    monkeypatch.setattr(deps.pkcs12, "load_pkcs12", paid)
    for name in ("load_der_private_key", "load_pem_private_key", "load_ssh_private_key"):
        monkeypatch.setattr(deps.serialization, name, paid)


def refused(data: bytes, password: str | None) -> BundleError:
    """The error of a delivery."""
    with pytest.raises(BundleError) as caught:
        open_bundle("delivery.bin", data, password)
    return caught.value


@pytest.mark.usefixtures("unpaid")
@pytest.mark.parametrize("wrap", ["plain", "zip"])
@pytest.mark.parametrize("what", COSTLY)
def test_what_costs_too_much_is_not_opened(what: str, wrap: str) -> None:
    make, numbers = COSTLY[what]
    data = make() if wrap == "plain" else zipped({"a.crt": V.leaf.der, "k.p12": make()})
    error = refused(data, PASSWORD)
    assert error.id == "bundle.too-costly"
    assert all(number in str(error) for number in numbers), error
    assert "delivery.bin" in str(error) and "; next: " in str(error)
    assert (wrap == "zip") == ("k.p12" in str(error))


@pytest.mark.usefixtures("unpaid")
@pytest.mark.parametrize("what", [name for name in COSTLY if "MAC" in name or " PFX" in name])
def test_a_pfx_costs_nothing_without_a_password_either(what: str) -> None:
    assert refused(COSTLY[what][0](), None).id == "bundle.too-costly"


@pytest.mark.usefixtures("unpaid")
def test_what_lies_hidden_under_an_empty_password_is_seen() -> None:
    assert "100,000,000" in str(refused(hidden(b""), None))


@pytest.mark.usefixtures("unpaid")
@pytest.mark.parametrize(
    "inside",
    [
        b"\x1f\x81\x01\x00" + HIDDEN,
        b"\x30\x85\x00" + len(HIDDEN).to_bytes(4, "big") + HIDDEN,
        seq(b"\x1f\x81\x01\x00", HIDDEN),
        b"\x30\x80" + HIDDEN,
        seq(b"\x30\x80" * 60 + HIDDEN + costly.END * 60),
        seq(tlv(0xA0, b"\x04\x82\xff\xff"), HIDDEN),
    ],
    ids=["large tag", "long length", "large tag inside", "without end", "too deep", "a length that lies"],
)
def test_what_cannot_be_followed_is_not_handed_on(inside: bytes) -> None:
    """A form that our reader does not know must not be a way past it."""
    for data in (hidden(PASSWORD.encode(), inside), pfx_of(inside), seq(integer(3), inside)):
        assert refused(data, PASSWORD).id in ("bundle.unreadable", "bundle.password-wrong", "bundle.truncated")


def test_the_files_of_a_delivery_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them would do."""
    monkeypatch.setattr(deps.serialization, "load_der_private_key", lambda *_args: V.leaf.key)
    one = encrypted_key(pbes2(pbkdf2(4_000_000)))
    assert open_bundle("a", zipped({"a.crt": V.leaf.der, "1.key": one, "2.key": one}), "pw")
    error = refused(zipped({"a.crt": V.leaf.der, "1.key": one, "2.key": one, "3.key": one}), "pw")
    assert error.id == "bundle.too-costly" and "12,000,000 in all" in str(error) and "3.key" in str(error)
    with pytest.raises(BundleError, match="12,000,000 in all"):
        open_bundle("a", pems(V.leaf), "pw", [(f"{n}.key", one) for n in range(3)])


@pytest.mark.parametrize("rounds", [1, 2000, 2048, 100_000, 600_000])
def test_what_programs_make_is_opened(rounds: int) -> None:
    """From the tests' own hands, with the derivation really made."""
    algorithm, encrypted = locked(costly.plain_key(), b"pw", rounds)
    delivery = zipped({"a.crt": V.leaf.der, "k.der": seq(algorithm, tlv(4, encrypted))})
    assert formats.read(contents := formats.Contents(), "a", delivery, "pw") is None
    assert contents.keys and contents.budget.rounds == rounds


@pytest.mark.parametrize("ber", [False, True])
def test_a_key_within_an_encrypted_part_is_opened_where_it_costs_little(ber: bool) -> None:
    algorithm, encrypted = locked(costly.plain_key(), PASSWORD.encode(), 500)
    own = seq(shrouded(seq(algorithm, tlv(4, encrypted))))
    part = locked_safe(*locked(own, PASSWORD.encode(), 700))
    budget = Budget()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BER
        found = keys.from_pfx(pfx_ber(part) if ber else pfx_of(part), PASSWORD, Where("a"), budget)
    assert found.key is not None and budget.rounds == 1200


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on the PATH")
@pytest.mark.parametrize("password", ["pw", "Ünï 😀", ""])
@pytest.mark.parametrize(
    "options",
    ["", "-legacy", "-legacy -certpbe PBE-SHA1-RC2-128", "-legacy -certpbe PBE-SHA1-2DES", "-descert",
     "-certpbe AES-128-CBC -macalg sha512", "-certpbe DES-EDE3-CBC", "-certpbe NONE"],
)  # fmt: skip
def test_every_usual_cipher_is_looked_into(options: str, password: str, tmp_path: Path) -> None:
    """PFX files that OpenSSL makes: their encrypted part is seen, and the library opens them afterwards."""
    (tmp_path / "k.pem").write_bytes(key_pem(V.leaf.key))
    (tmp_path / "l.pem").write_bytes(pems(V.leaf))
    command = ["openssl", "pkcs12", "-export", "-inkey", "k.pem", "-in", "l.pem", "-passout", "stdin", *options.split()]
    made = subprocess.run(command, cwd=tmp_path, input=password.encode() + b"\n", capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"this OpenSSL does not make it: {made.stderr[:80]!r}")
    parts = list(pbe.hidden(made.stdout, password.encode() or None))
    assert len(parts) == (0 if "NONE" in options else 1)
    assert all(V.leaf.der in part for part in parts)
    loaded = keys.from_pfx(made.stdout, password or None, Where("a"), Budget())
    assert loaded.key is not None and loaded.certificates == (V.leaf.der,)


def test_a_cipher_that_cannot_be_looked_into_is_named() -> None:
    error = refused(pfx_of(locked_safe(pbes1(2048, f"{PKCS12}.1.1"), bytes(64))), PASSWORD)
    assert error.id == "bundle.unreadable" and "1.2.840.113549.1.12.1.1" in str(error) and "3DES" in str(error)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=6), st.booleans())
def test_no_change_of_a_pfx_gets_past(at: int, octets: bytes, ber: bool) -> None:
    """Whatever is written over it: it is opened, or refused in a sentence; the cost is known before."""
    good = bytearray(pfx(V.leaf, V.chain, "pw"))
    if ber:
        good = bytearray(pfx_ber(safe(shrouded(encrypted_key(pbes2(pbkdf2(10))))), macs=mac(10)))
    at %= len(good)
    good[at : at + len(octets)] = octets
    asked: list[bytes] = []
    budget = Budget()
    load = pkcs12.load_pkcs12
    try:
        deps.pkcs12.load_pkcs12 = lambda data, password: asked.append(data) or load(data, password)  # type: ignore[func-returns-value]
        keys.from_pfx(bytes(good), "pw", Where("a"), budget)
    except BundleError as error:
        assert error.id.startswith("bundle.")
    finally:
        deps.pkcs12.load_pkcs12 = load
    assert not asked or budget.rounds <= MAX_ROUNDS
