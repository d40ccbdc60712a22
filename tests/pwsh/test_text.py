"""remote_calls.ps1 as a text: what may stand in it, how it is cut, how long it is on the wire."""

from __future__ import annotations

import base64
import gzip
import re
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    shipped_script,
    slice_script,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import ALLOWED, LOADABLE, OWN, PRODUCT
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import FACTS

SCRIPT = shipped_script()
EXCHANGE_ONLY = {
    *("Copy-StoreCertificate", "Get-TlsBinding", "Set-ServiceState", "Invoke-IisReset"),
    *("Get-Maintenance", "Set-Maintenance"),
}


def packed(names: list[str]) -> int:
    """Bytes of the script for these calls, stripped and compressed."""
    return len(gzip.compress(strip_script(slice_script(SCRIPT, names)).encode(), 9))


def names_in(variable: str) -> list[str]:
    """The names of an allowlist in the script; regions may add to it."""
    found = re.findall(rf"^\${variable} \+?= ((?:'[\w-]+',?\s*)+)$", SCRIPT, re.M)
    assert found
    return [name for part in found for name in re.findall(r"'([\w-]+)'", part)]


def test_both_sides_have_one_allowlist() -> None:
    assert names_in("own") == list(OWN)
    assert names_in("product") == list(PRODUCT)


def test_every_own_function_travels_when_it_is_called() -> None:
    for name in OWN:
        assert f"function {name} {{" in slice_script(SCRIPT, [name]), name
    for name in PRODUCT:
        assert not re.search(rf"function {name}\b", SCRIPT)


def test_every_region_is_for_a_call_a_module_to_load_or_another_region() -> None:
    heads = re.findall(r"^#region (\w+):([^;\n]*)(?:; needs (.*))?$", SCRIPT, re.M)
    called = {call.strip() for _name, calls, _needs in heads for call in calls.split(",") if call.strip()}
    needed = {need.strip() for _name, _calls, needs in heads for need in needs.split(",") if need.strip()}
    assert called == set(OWN) | LOADABLE | {FACTS}
    assert {name for name, calls, _needs in heads if not calls.strip()} - needed == {"module", "reply"}


def test_a_slice_defines_every_function_it_uses() -> None:
    defined_anywhere = set(re.findall(r"^function ([\w-]+)", SCRIPT, re.M))
    for name in OWN:
        text = slice_script(SCRIPT, [name])
        defined = set(re.findall(r"^function ([\w-]+)", text, re.M))
        code = "\n".join(line for line in strip_script(text).splitlines() if not line.startswith(("$own", "'")))
        for used in defined_anywhere - set(ALLOWED):
            if re.search(rf"(?<![\w'-]){used}(?![\w'-])", code):
                assert used in defined, f"{name} needs {used}"


def test_nothing_in_it_breaks_when_comments_and_indentation_are_cut_off() -> None:
    assert "@'" not in SCRIPT and '@"' not in SCRIPT, "a here-string"
    assert "<#" not in SCRIPT, "a block comment"
    assert SCRIPT.isascii()
    assert SCRIPT.startswith("#!powershell\n"), "Ansible takes it for a module of another language"


def test_the_size_on_the_wire() -> None:
    """The budget of a rollout is counted in kilobytes: what grows here is paid by every command."""
    assert packed([]) <= 2500
    assert packed(["lync", "Get-CsWindowsService"]) <= 2750
    usual = [FACTS, "lync", "Get-Journal", "Get-StoreCertificate", "Find-Event", "Get-ServiceVersion", *PRODUCT]
    assert packed(usual) <= 4500
    assert packed([*(set(ALLOWED) - EXCHANGE_ONLY), "lync", FACTS]) <= 6900


def test_the_size_on_the_wire_to_exchange() -> None:
    """Nobody else pays for it: what only Exchange needs stands in regions of its own."""
    usual = [FACTS, "exchange", "Get-StoreCertificate", "Get-TlsBinding", "Get-ServiceVersion", *PRODUCT]
    assert packed(usual) <= 5200
    assert packed([*ALLOWED, *LOADABLE, FACTS]) <= 8500


def client_hello() -> bytes:
    """The ClientHello in the script."""
    found = re.search(r"FromBase64String\('([A-Za-z0-9+/=]+)'\)", SCRIPT)
    assert found
    return base64.b64decode(found[1])


def extensions_in(block: bytes) -> dict[int, bytes]:
    """Number -> content; the block's own length was checked. Nothing may be left over."""
    found = {}
    while block:
        size = int.from_bytes(block[2:4], "big")
        assert len(block) >= 4 + size
        found[int.from_bytes(block[:2], "big")] = block[4 : 4 + size]
        block = block[4 + size :]
    return found


def test_the_client_hello_is_what_its_comment_says() -> None:
    hello = client_hello()
    assert hello[:3] == b"\x16\x03\x01" and int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert hello[5] == 1 and int.from_bytes(hello[6:9], "big") == len(hello) - 9
    assert hello[9:11] == b"\x03\x03"
    suites = hello[46 : 46 + int.from_bytes(hello[44:46], "big")]
    assert {suites[at : at + 2].hex() for at in range(0, len(suites), 2)} == {
        *("c030", "c02f", "c028", "c027", "c014", "c013", "009d", "009c", "0035", "002f", "000a", "00ff")
    }
    at = 46 + len(suites)
    assert hello[at : at + 2] == b"\x01\x00", "no compression"
    assert int.from_bytes(hello[at + 2 : at + 4], "big") == len(hello) - at - 4
    extensions = extensions_in(hello[at + 4 :])
    assert list(extensions) == [10, 11, 13, 23], (
        "supported groups, point formats, signature algorithms, extended master secret; no server name, no TLS 1.3"
    )
    assert extensions[23] == b""


def test_openssl_takes_the_client_hello_and_grants_what_strict_servers_ask_for() -> None:
    """RFC 5746: renegotiation_info answers suite 00FF; RFC 7627: the server gives the extended master secret back."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.contoso.example")])
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=3650))
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(builder.sign(key, hashes.SHA256()))
    context.use_privatekey(key)
    server = SSL.Connection(context)
    server.set_accept_state()
    server.bio_write(client_hello())
    with pytest.raises(SSL.WantReadError):
        server.do_handshake()
    flight = server.bio_read(65536)
    assert flight[0] == 22 and flight[5] == 2, "a ServerHello, no alert"
    body = flight[9 : 9 + int.from_bytes(flight[6:9], "big")]
    at = 2 + 32 + 1 + body[34] + 2 + 1
    granted = extensions_in(body[at + 2 : at + 2 + int.from_bytes(body[at : at + 2], "big")])
    assert granted[0xFF01] == b"\x00" and granted[23] == b""
    assert flight.endswith(b"\x0e\x00\x00\x00"), "up to ServerHelloDone"


def test_nothing_in_it_depends_on_the_language_of_windows() -> None:
    """Under a Turkish Windows "i" and "I" are two letters; comparing by culture passes over invisible characters."""
    code = "\n".join(line.strip() for line in SCRIPT.splitlines() if not line.lstrip().startswith("#"))
    assert not re.search(r"\.To(Upper|Lower)\(", code), "casing by culture"
    calls = re.findall(r"\.(?:EndsWith|StartsWith|IndexOf|LastIndexOf|Compare|CompareTo)\(.*", code)
    assert calls and all("Ordinal" in call for call in calls), "comparing by culture"
    patterns = re.findall(r"-(?:i?not)?i?(?:match|replace|split|like|notlike) ('[^'\n]*'|\S+)", code)
    patterns += re.findall(r"^'([^'\n]*)' \{", code[code.index("switch -regex") : code.index("'^}' {")], re.M)
    assert len(patterns) > 5
    for pattern in patterns:
        assert not re.search("[iI]", pattern), f"the case of an i depends on the culture: {pattern}"
    assert "switch -wildcard (" not in code, "say -casesensitive"


def test_every_store_is_opened_as_what_is_done_with_it() -> None:
    """Reading takes a store as it is: OpenExistingOnly. Only what puts something into one may make it."""
    code = "\n".join(line.strip() for line in SCRIPT.splitlines() if not line.lstrip().startswith("#"))
    assert code.count("X509Store(") == 1 and code.count(".Open(") == 1, "one place opens stores"
    assert "function Open-Store($name, $flags = 'ReadOnly, OpenExistingOnly'" in code
    given = re.findall(r"Open-Store [^)\n]*?('Read[^']*')", code)
    assert given and set(given) == {"'ReadWrite'", "'ReadWrite, OpenExistingOnly'"}
    assert code.count("'ReadWrite'") == 3, "Add-StoreCertificate, Import-StorePfx, Copy-StoreCertificate"


def test_flags_for_net_are_cast_where_they_are_handed_over() -> None:
    """What an operator makes of two enumerations differs between versions; a constructor takes one type."""
    assert "[Security.Cryptography.X509Certificates.X509KeyStorageFlags]$flags))" in SCRIPT
    assert "-bor" not in SCRIPT
