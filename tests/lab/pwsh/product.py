"""The product's PowerShell module, written from Microsoft's parameter metadata: real advanced functions.

PowerShell's own binder refuses what the metadata does not have; what the cmdlets do is the member's doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..member.cmdlets import ALL_SETS, CERT_TYPES, metadata, parameters
from ..member.product import CMDLETS
from ..member.versions import Product

#: Types of the metadata -> types here. What is not listed takes anything.
_TYPES = {
    "SwitchParameter": "switch",
    "String": "string",
    "DateTime": "DateTime",
    "CertType": "CertType",
    "Boolean": "bool",
    "Byte": "byte",
    "Int32": "int",
    "XdsIdentity": "string",
    "XdsGlobalRelativeIdentity": "string",
    "Fqdn": "string",
}
#: Added by SupportsShouldProcess.
_COMMON = ("Confirm", "WhatIf")
#: What a cmdlet's objects are called.
_OBJECTS = {
    "Get-CsCertificate": "Microsoft.Rtc.Management.Deployment.CertificateReference",
    "Get-CsWindowsService": "Microsoft.Rtc.Management.Deployment.Core.NTService",
}
_NAMESPACE = "Microsoft.Rtc.Management."
_HEAD = """# Written by the lab out of Microsoft's parameter metadata for {product}.
enum CertType {{ {types} }}
enum NTServiceStatus {{ Stopped = 1; StartPending; StopPending; Running; ContinuePending; PausePending; Paused }}

function Invoke-Product($cmdlet, $bound, $type) {{
    $given = @{{}}
    $common = '{common}'.Split(' ')
    foreach ($name in $bound.Keys) {{ if ($common -notcontains $name) {{ $given[$name] = $bound[$name] }} }}
    try {{ $answer = Invoke-Lab 'cmdlet' @{{ Name = $cmdlet.MyInvocation.MyCommand.Name; With = $given }} }}
    catch {{ $cmdlet.ThrowTerminatingError($_) }}
    foreach ($text in $answer['warnings']) {{ $cmdlet.WriteWarning($text) }}
    $cmdlet.WriteVerbose('The lab has answered.')
    foreach ($row in $answer['rows']) {{
        if ($row['Status']) {{ $row['Status'] = [NTServiceStatus]$row['Status'] }}
        New-LabObject $type $row
    }}
}}
"""
_FUNCTION = """
function {name} {{
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Low'{default})] param(
{parameters}
    )
    if ($PSCmdlet.ShouldProcess('{name}')) {{ Invoke-Product $PSCmdlet $PSBoundParameters '{type}' }}
}}
"""


def write_module(folder: Path, product: Product) -> None:
    """Write the module into ``folder``, a folder of modules."""
    at = folder / product.module
    at.mkdir(parents=True, exist_ok=True)
    (at / f"{product.module}.psd1").write_text(
        f"@{{ RootModule = '{product.module}.psm1'; ModuleVersion = '{product.module_version}'; "
        f"FunctionsToExport = '*-*' }}\n",
        "ascii",
    )
    (at / f"{product.module}.psm1").write_text(module_text(product.documented_as), "ascii")


def module_text(product: str) -> str:
    """The module's text for one product version, as the metadata names it."""
    common = "Verbose Debug ErrorAction WarningAction InformationAction ErrorVariable WarningVariable OutVariable"
    text = _HEAD.format(product=product, types="; ".join(CERT_TYPES), common=f"{common} OutBuffer WhatIf")
    names = [name for name in CMDLETS if product in metadata()[name]["applicable"]]
    for name in names:
        kind = _OBJECTS.get(name, f"{_NAMESPACE}{name.split('-')[1]}")
        text += function_text(name, parameters(name, product), kind)
    return text + f"\nExport-ModuleMember -Function {', '.join(names)}\n"


def function_text(name: str, offered: Mapping[str, Any], kind: str) -> str:
    """One cmdlet as an advanced function; ``kind``: what its objects are called."""
    default = _default_set(offered)
    return _FUNCTION.format(
        name=name,
        default=f", DefaultParameterSetName = '{default}'" if default else "",
        parameters=",\n".join(_parameter(n, p) for n, p in offered.items() if n not in _COMMON),
        type=kind,
    )


def _default_set(offered: Mapping[str, Any]) -> str | None:
    """The metadata names no default: the set that asks for least is taken, of certificates the one by thumbprint."""
    sets = sorted({s for p in offered.values() for s in p["sets"]} - {ALL_SETS})
    asked = {s: sum(p["required"] for p in offered.values() if s in p["sets"]) for s in sets}
    return min(sets, key=lambda s: (asked[s], s != "Thumbprint")) if sets else None


def _parameter(name: str, facts: Mapping[str, Any]) -> str:
    lines = []
    for chosen in facts["sets"]:
        words = [f"Mandatory = ${str(facts['required']).lower()}"]
        if facts["position"] != "Named":
            words.append(f"Position = {facts['position']}")
        if chosen != ALL_SETS:
            words.append(f"ParameterSetName = '{chosen}'")
        lines.append(f"[Parameter({', '.join(words)})]")
    if facts["aliases"]:
        lines.append("[Alias(" + ", ".join(f"'{a}'" for a in facts["aliases"]) + ")]")
    kind = facts["type"].removesuffix("[]").rsplit(".", 1)[-1]
    shown = _TYPES.get(kind, "object") + ("[]" if facts["type"].endswith("[]") else "")
    return "\n".join(f"        {line}" for line in [*lines, f"[{shown}]${name}"])
