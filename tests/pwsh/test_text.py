"""remote_calls.ps1 as a text: what may stand in it, how it is cut, how long it is on the wire."""

from __future__ import annotations

import base64
import gzip
import re

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    shipped_script,
    slice_script,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import ALLOWED, LOADABLE, OWN, PRODUCT
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import FACTS

SCRIPT = shipped_script()
EXCHANGE_ONLY = {"Copy-StoreCertificate", "Get-TlsBinding", "Set-ServiceState", "Invoke-IisReset"}


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
    assert packed([]) <= 2800
    assert packed(["lync", "Get-CsWindowsService"]) <= 3000
    usual = [FACTS, "lync", "Get-Journal", "Get-StoreCertificate", "Find-Event", "Get-ServiceVersion", *PRODUCT]
    assert packed(usual) <= 4500
    assert packed([*(set(ALLOWED) - EXCHANGE_ONLY), "lync", FACTS]) <= 6700


def test_the_size_on_the_wire_to_exchange() -> None:
    """Nobody else pays for it: what only Exchange needs stands in regions of its own."""
    usual = [FACTS, "exchange", "Get-StoreCertificate", "Get-TlsBinding", "Get-ServiceVersion", *PRODUCT]
    assert packed(usual) <= 5200
    assert packed([*ALLOWED, *LOADABLE, FACTS]) <= 8200


def test_the_client_hello_is_what_its_comment_says() -> None:
    found = re.search(r"FromBase64String\('([A-Za-z0-9+/=]+)'\)", SCRIPT)
    assert found
    hello = base64.b64decode(found[1])
    assert hello[:3] == b"\x16\x03\x01" and int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert hello[5] == 1 and int.from_bytes(hello[6:9], "big") == len(hello) - 9
    assert hello[9:11] == b"\x03\x03"
    suites = hello[46 : 46 + int.from_bytes(hello[44:46], "big")]
    assert {suites[at : at + 2].hex() for at in range(0, len(suites), 2)} == {
        *("c030", "c02f", "c028", "c027", "c014", "c013", "009d", "009c", "0035", "002f", "000a")
    }
    extensions = hello[46 + len(suites) + 4 :]
    kinds = []
    while extensions:
        kinds.append(int.from_bytes(extensions[:2], "big"))
        extensions = extensions[4 + int.from_bytes(extensions[2:4], "big") :]
    assert kinds == [10, 11, 13], "supported groups, point formats, signature algorithms; no server name, no TLS 1.3"
