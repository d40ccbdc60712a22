"""No key and no password passes a command's parameters or a pipeline: Windows would log them (event 4103)."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    SCRIPT,
    shipped_script,
    slice_script,
    stdin_text,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Secure
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import document, parse_reply
from lab.pki import Pki
from pwsh.engine import NONCE, find_pwsh, powershell

pytestmark = pytest.mark.pwsh

WATCH = Path(__file__).with_name("watch.ps1")
PASSWORD = "canary-of-the-password"
AFTER = "$source.Flush(); foreach ($line in $seen) { 'seen: ' + $line }"


@pytest.fixture(scope="module")
def pfx() -> bytes:
    leaf = Pki(datetime.now(timezone.utc))["external-new"]
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2000)
    how = (
        builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(SHA1()).build(PASSWORD.encode())
    )
    key: Any = leaf.key
    return pkcs12.serialize_key_and_certificates(None, key, leaf.certificate, None, how)


def watched(pfx: bytes, folder: Path, script: str | None = None, bootstrap: str = BOOTSTRAP) -> tuple[str, str]:
    """Import a PFX with every command watched: the reply's part of the output, and all that was bound."""
    given = {"Store": "My", "Pfx": pfx, "Password": Secure(PASSWORD), "Exportable": True, "FriendlyName": None}
    calls = [
        Call("1", "Import-StorePfx", given),
        Call("2", "Test-StoreKey", {"Store": "My", "Thumbprints": ["00" * 20]}),
        Call("3", "Get-StoreCertificate", {"Stores": ["My"], "Users": False}),
    ]
    names = [call.name for call in calls]
    sent = strip_script(slice_script(script or shipped_script(), names))
    trace = folder / "trace.txt"
    before = f"$traceFile = '{trace}'\n. '{WATCH}'\n"
    stdin = stdin_text(sent, document(NONCE, [], calls))
    done = powershell(f"{before}{bootstrap}\n{AFTER}", stdin, environment={"HOME": str(folder)})
    bound = "\n".join(line for line in done.stdout.splitlines() if line.startswith("seen: "))
    assert bound and trace.stat().st_size, done.stderr
    return done.stdout + done.stderr, bound + "\n" + trace.read_text("utf-8", "replace")


def leaks(bound: str, pfx: bytes) -> list[str]:
    """What of the secrets was bound, by any of the forms it may take."""
    text = base64.b64encode(pfx).decode()
    # The ends of the text may belong to more bytes; a good part of it in the middle does as well.
    middle = len(text) // 8 * 4
    signs = {
        "the password": PASSWORD,
        "the PFX as base64": text[middle : middle + 60],
        "the PFX as numbers": " ".join(str(byte) for byte in pfx[100:120]),
        "the document": '"$bytes"',
    }
    return [what for what, sign in signs.items() if sign in bound]


def test_a_canary_is_seen_by_no_command(pfx: bytes, tmp_path: Path) -> None:
    out, bound = watched(pfx, tmp_path)
    reply = parse_reply(NONCE, out)
    assert reply["1"].ok and reply.rows("1")[0]["HasPrivateKey"], reply["1"].error
    assert leaks(bound, pfx) == []
    assert PASSWORD not in out
    assert "New-Object" in bound and "BIND" in bound, "nothing was watched"


LEAKS = {
    "a constructor by New-Object": (
        "[Activator]::CreateInstance([Security.Cryptography.X509Certificates.X509Certificate2],\n"
        "        [object[]]([byte[]]$with['Pfx'], [Security.SecureString]$with['Password'],\n"
        "            [Security.Cryptography.X509Certificates.X509KeyStorageFlags]$flags))",
        "New-Object Security.Cryptography.X509Certificates.X509Certificate2"
        "([byte[]]$with['Pfx'], $with['Password'], $flags)",
    ),
    "the document in a function's parameter": (
        "$root = $items[0]\n",
        "$root = $items[0]\nfunction Read-It($text) { $text.Length }\n$null = Read-It $document\n",
    ),
    "a password in a pipeline": (
        "$value.AppendChar($character) }",
        "$value.AppendChar($character) }; $null = $inner | ForEach-Object { $_ }",
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_would_be_seen(name: str, pfx: bytes, tmp_path: Path) -> None:
    old, new = LEAKS[name]
    script = shipped_script()
    assert script.count(old) == 1, "the script has changed: what this test replaces is not there once"
    _out, bound = watched(pfx, tmp_path, script.replace(old, new))
    assert leaks(bound, pfx)


def test_a_leak_of_the_bootstrap_would_be_seen(pfx: bytes, tmp_path: Path) -> None:
    leaky = BOOTSTRAP.replace("$document=$t[1]\n", "$document=$t[1]\nfunction Keep($text){$text}\n$null=Keep $t[1]\n")
    assert leaky != BOOTSTRAP
    assert leaks(watched(pfx, tmp_path, bootstrap=leaky)[1], pfx)


def test_there_is_no_pipeline_at_all(tmp_path: Path) -> None:
    """Of two commands or more: what passes between them is bound to the second one's parameters."""
    pwsh = find_pwsh()
    assert pwsh
    bootstrap = tmp_path / "bootstrap.ps1"
    bootstrap.write_text(BOOTSTRAP, "ascii")
    counter = tmp_path / "count.ps1"
    counter.write_text(
        """foreach ($path in $args) { $a = $b = $null
$tree = [System.Management.Automation.Language.Parser]::ParseFile($path, [ref]$a, [ref]$b)
foreach ($pipe in $tree.FindAll({ $args[0].GetType().Name -eq 'PipelineAst' }, $true)) {
    if ($pipe.PipelineElements.Count -gt 1) { "$($pipe.Extent.StartLineNumber): $($pipe.Extent.Text)" } } }
'looked'
""",
        "ascii",
    )
    command = [pwsh, "-NoProfile", "-File", str(counter), str(SCRIPT), str(bootstrap)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["looked"], done.stdout + done.stderr


def test_the_secrets_are_named_where_they_are_used_and_nowhere_else() -> None:
    """Of the values in $with that are secret there is one use each: in the constructor's arguments."""
    for name in ("Pfx", "Password"):
        assert len(re.findall(rf"\$with\['{name}'\]", shipped_script())) == 1
