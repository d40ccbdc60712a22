"""Nothing newer than PowerShell 2.0 and .NET 2.0/3.5 crosses the wire, and the checker that says so finds it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    SCRIPT,
    shipped_script,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import PRODUCT
from pwsh.engine import ROOT, find_pwsh, powershell

pytestmark = pytest.mark.pwsh

CHECKER = Path(__file__).with_name("ps20check.ps1")
#: Another checker of the same kind, where there is one beside the checkout: the two must agree.
OTHER = ROOT.parent / "shared" / "tools" / "ps20check.ps1"
CLEAN = "nothing newer than PowerShell 2.0 found"
#: Commands the script calls besides product cmdlets: a program of Windows, and what Exchange's own scripts define.
KNOWN = ",".join([*PRODUCT, "netsh", "iisreset", "Connect-ExchangeServer"])

NEWER = {
    "operator -in": "if ('a' -in 'a', 'b') { 1 }",
    "operator -notin": "'a' -notin $x",
    "operator -shl": "1 -shl 2",
    "[ordered]": "$x = [ordered]@{ a = 1 }",
    "[pscustomobject]": "[pscustomobject]@{ a = 1 }",
    "new()": "[Text.StringBuilder]::new()",
    ".Where()": "(1, 2).Where({ $_ })",
    ".ForEach()": "(1, 2).ForEach({ $_ })",
    "a class": "class A { [int]$B }",
    "an enum": "enum A { B }",
    "using": "using namespace System.Text",
    "a ternary": "$x ? 1 : 2",
    "a chain": "Get-Date && Get-Date",
    "??": "$x ?? 1",
    "??=": "$x ??= 1",
    "?.": "${x}?.Trim()",
    "$PSItem": "1 | ForEach-Object { $PSItem }",
    "$PSScriptRoot": "$PSScriptRoot",
    "redirection of warnings": "Get-Date 3>&1",
    "redirection of all": "Get-Date *> x",
    "a property's name for Where-Object": "Get-Process | Where-Object Name -eq 'x'",
    "a property's name for ForEach-Object": "Get-Process | % Name",
    "-ErrorAction Ignore": "Get-Date -ErrorAction Ignore",
    "a command of 3.0": "ConvertTo-Json 1",
    "a command of 5.0": "Get-FileHash x",
    "a parameter of 3.0": "Get-Content -Path x -Raw",
    "a parameter of 3.0, of Get-ChildItem": "Get-ChildItem -Path x -File",
    "a static method of .NET 4": "[string]::IsNullOrWhiteSpace($x)",
    "a static method of .NET 4.6": "[Array]::Empty()",
    "a method of .NET 4": "$x.EnumerateFiles()",
    "a type of .NET 4": "[Lazy]::Equals($x, $y)",
    "a type of .NET 4.5, made": "New-Object Net.Http.HttpClient",
    "what does not parse": "if (",
}
OLD = {
    "words": "Get-Date -ea SilentlyContinue; 1..3 | ForEach-Object { $_ } | Where-Object { $_ -gt 1 }",
    "types": "[Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($x)); New-Object Collections.Hashtable",
    "errors": "try { throw 'x' } catch [IO.IOException] { $_ } finally { }",
    "splatting": "$x = @{ Name = 'y' }; Get-Service @x 2>&1",
    "regular expressions": "[regex]::Replace('a', 'b', { 'c' }); 'a' -split 'b'; 'a', 'b' -join 'c'",
    "parameters": "function A { [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$B) $B }; A -B 1",
    "calls of blocks": "$b = { $args }; & $b 1; $b.Invoke(1); $x.Method.Invoke(1)",
}


def check(checker: Path, *arguments: str) -> tuple[bool, str]:
    """Whether a checker found nothing, and all it said."""
    pwsh = find_pwsh()
    assert pwsh
    done = subprocess.run(
        [pwsh, "-NoProfile", "-File", str(checker), *arguments], capture_output=True, text=True, timeout=300
    )
    said = done.stdout + done.stderr
    assert (done.returncode == 0) is (CLEAN in said), said
    return done.returncode == 0, said


def other(path: Path, known: str = "") -> tuple[bool, str]:
    """The same of the other checker."""
    return check(OTHER, str(path), str(OTHER.parents[1] / "data"), known)


def test_the_script_and_the_bootstrap_hold_nothing_newer(tmp_path: Path) -> None:
    bootstrap = tmp_path / "bootstrap.ps1"
    bootstrap.write_text(BOOTSTRAP, "ascii")
    for path, known in ((SCRIPT, KNOWN), (bootstrap, "")):
        fine, said = check(CHECKER, str(path), known)
        assert fine, said
        if OTHER.exists():
            fine, said = other(path, known)
            assert fine, said


TOKENS = """
foreach ($path in $env:WHOLE, $env:STRIPPED) {
    $tokens = $problems = $null
    [void][Management.Automation.Language.Parser]::ParseFile($path, [ref]$tokens, [ref]$problems)
    $words = @(foreach ($token in $tokens) {
            if ('NewLine', 'Comment', 'EndOfInput' -notcontains $token.Kind) { "$($token.Kind) $($token.Text)" }
        })
    $bytes = [Text.Encoding]::UTF8.GetBytes([string]::Join("`n", $words))
    "$($problems.Count) $($words.Count) " + [Convert]::ToBase64String($bytes)
}
"""


def test_what_travels_is_the_same_program(tmp_path: Path) -> None:
    """Comments, line ends and blanks apart it has the same tokens, as PowerShell's own parser reads them."""
    whole, stripped = tmp_path / "whole.ps1", tmp_path / "stripped.ps1"
    whole.write_text(shipped_script(), "ascii")
    stripped.write_text(strip_script(shipped_script()), "ascii")
    done = powershell(TOKENS, environment={"WHOLE": str(whole), "STRIPPED": str(stripped)})
    first, second = done.stdout.split("\n")[:2]
    assert first.startswith("0 ") and int(first.split()[1]) > 3000, done.stderr
    assert second == first
    fine, said = check(CHECKER, str(stripped), KNOWN)
    assert fine, said


def test_no_line_of_the_script_asks_to_be_left_alone() -> None:
    """The other checker leaves such lines alone; we need none."""
    assert "newer: guarded" not in SCRIPT.read_text("ascii")


def test_what_is_newer_is_found(tmp_path: Path) -> None:
    """All samples in one file, one a line: a process for each would take minutes."""
    broken = {"what does not parse"}
    samples = {name: text for name, text in NEWER.items() if name not in broken}
    for checker in [CHECKER, *([OTHER] if OTHER.exists() else [])]:
        path = tmp_path / "samples.ps1"
        # `using` must stand first.
        lines = sorted(samples.values(), key=lambda text: not text.startswith("using"))
        path.write_text("\n".join(lines) + "\n", "ascii")
        fine, said = check(checker, str(path)) if checker is CHECKER else other(path)
        assert not fine
        missed = [text for number, text in enumerate(lines, 1) if f"samples.ps1:{number}: " not in said]
        assert not missed, f"{checker.name} does not see {missed}"


def test_what_does_not_parse_is_found(tmp_path: Path) -> None:
    path = tmp_path / "broken.ps1"
    path.write_text(NEWER["what does not parse"], "ascii")
    fine, said = check(CHECKER, str(path))
    assert not fine and "does not parse" in said


def test_what_is_old_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "old.ps1"
    path.write_text("\n".join(OLD.values()) + "\n", "ascii")
    fine, said = check(CHECKER, str(path))
    assert fine, said


def test_a_command_has_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "product.ps1"
    path.write_text("Get-CsCertificate -Type Default\n", "ascii")
    assert not check(CHECKER, str(path))[0]
    assert check(CHECKER, str(path), "Get-CsCertificate")[0]
