"""Exchange on the pwsh engine: an installation's files, its cmdlets from Microsoft's metadata, and what they ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..exchange import binding, services, watch
from ..exchange import shell as shells
from ..exchange.engine import ExchangeEngine
from ..exchange.functions import FUNCTIONS
from ..exchange.servers import CMDLETS
from ..exchange.state import ExchangeState
from ..interfaces import Result, Shell
from ..member.errors import CallError
from .backend import Backend, With
from .engine import PwshEngine
from .product import function_text
from .registry import Registry, Values

_HEAD = """# Written by the lab out of Microsoft's parameter metadata for {product}.
function Invoke-Product($cmdlet, $bound, $type) {{
    $given = @{{}}
    $common = 'Verbose', 'Debug', 'ErrorAction', 'WarningAction', 'ErrorVariable', 'WarningVariable', 'OutVariable'
    foreach ($name in $bound.Keys) {{ if ($common -notcontains $name) {{ $given[$name] = $bound[$name] }} }}
    try {{ $answer = Invoke-Lab 'cmdlet' @{{ Name = $cmdlet.MyInvocation.MyCommand.Name; With = $given }} }}
    catch {{ $cmdlet.ThrowTerminatingError($_) }}
    foreach ($text in $answer['warnings']) {{ $cmdlet.WriteWarning($text) }}
    foreach ($row in $answer['rows']) {{
        # Without Exchange's types: what remoting makes of a certificate's bytes.
        if ($row['Thumbprint'] -and $row['RawData'] -and -not $row.ContainsKey('Services')) {{
            [Security.Cryptography.X509Certificates.X509Certificate2]::new([byte[]]$row['RawData'])
        }} else {{ New-LabObject $type $row }}
    }}
}}
"""
_REMOTE = """# The lab's RemoteExchange.ps1: loads the types, says hello, and gives Connect-ExchangeServer.
Use-LabTypes
function get-exbanner { Write-Host '         Welcome to the Exchange Management Shell!' }
function get-tip { Write-Host 'Tip of the day' }
get-exbanner
get-tip
Write-Host -Fore Yellow -No 'Full list of cmdlets: Get-Command'
function Connect-ExchangeServer {
    param([switch]$Auto)
    try { Open-LabShell 'management_shell' } catch { Write-Error $_ }
}
"""
_CONSOLE = """<?xml version="1.0" encoding="utf-8"?>
<PSConsoleFile ConsoleSchemaVersion="1.0"><PSVersion>2.0</PSVersion>
<PSSnapIns><PSSnapIn Name="Microsoft.Exchange.Management.PowerShell.E2010" /></PSSnapIns></PSConsoleFile>
"""


def module_text(product: str) -> str:
    """The cmdlets of one product version as advanced functions; PowerShell's own binder refuses what it has not."""
    text = _HEAD.format(product=product)
    for name in sorted(CMDLETS):
        if binding.known(name, product):
            kind = f"Microsoft.Exchange.Management.{name.split('-')[1]}"
            text += function_text(name, binding.parameters(name, product), kind)
    return text + "\nExport-ModuleMember -Function *-*\n"


def write_installation(folder: Path, product: str) -> None:
    """The files of ExchangeInstallPath that the script reads."""
    here = folder / "bin"
    here.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("exShell.psc1", _CONSOLE),
        ("Exchange.ps1", "# The lab's Exchange.ps1.\n"),
        ("LabExchange.psm1", module_text(product)),
    ):
        (here / name).write_text(text, "ascii")


def place_tools(folder: Path, present: bool) -> None:
    """RemoteExchange.ps1 is there, or is not."""
    script = folder / "bin" / "RemoteExchange.ps1"
    if present:
        script.write_text(_REMOTE, "ascii")
    else:
        script.unlink(missing_ok=True)


class ExchangeRegistry(Registry):
    """Beside the journal: what setup wrote, and the services."""

    state: ExchangeState

    def _has(self, service: str) -> bool:
        return service in self.state.services

    def program(self, service: str) -> str:
        """The program of a service."""
        if service == services.IIS:
            return "C:\\Windows\\system32\\svchost.exe"
        return f"C:\\Program Files\\{self.state.host.product.folder}\\Bin\\{service}.exe"

    def get(self, path: str) -> Values | None:
        """The values of a key; None when there is no such key."""
        numbers = [int(part) for part in self.state.host.product.file_version.split(".")]
        root = f"HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v{numbers[0]}"
        names = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")
        if path.casefold() == f"{root}\\Setup".casefold():
            return dict(zip(names, numbers, strict=True))
        if path.casefold() == f"{root}\\EdgeTransportRole".casefold():
            return {} if self.state.edge else None
        return super().get(path)


class ExchangeBackend(Backend):
    """The asking side of one server."""

    engine: ExchangeEngine
    functions = FUNCTIONS

    def __init__(self, engine: ExchangeEngine) -> None:
        super().__init__(engine)
        self.registry = ExchangeRegistry(engine.state)
        self._answers |= {
            "exchange-shell": self._shell,
            "bindings": lambda given: FUNCTIONS["Get-TlsBinding"][0](self.server, {}, []),  # type: ignore[arg-type]
            "service-set": self._set_service,
            "iis-reset": self._reset,
        }

    @property
    def server(self) -> ExchangeState:
        """The server."""
        return self.engine.exchange.server

    async def answer(self, verb: str, given: With) -> Any:
        """As for every member; and what it changed is looked at by those who write events."""
        try:
            return await super().answer(verb, given)
        finally:
            watch.look(self.server.organization)

    def _shell(self, given: With) -> list[str]:
        """Open a way to the cmdlets: the names of those that this account then has. Raises CallError."""
        token = f"exchange:{given['Way']}"
        document = {"credential": {"user": given.get("User"), "password": {"$secure": given.get("Password")}}}
        try:
            opened = shells.load(self.server, token, document, self.engine.accounts)
        except shells.CannotLoad as error:
            raise CallError(str(error), "PSSessionOpenFailed", category="OpenError") from None
        # What PowerShell really loaded, not what would have been played.
        opened = replace(opened, types=bool(given["Types"]) or not opened.remote)
        self.engine.exchange.shell = opened
        product = self.server.host.product.documented_as
        known = [name for name in CMDLETS if binding.known(name, product)]
        return [name for name in known if shells.available(self.server, opened, name)]

    def _service(self, given: With) -> dict[str, str] | None:
        name = given["Name"]
        found = self.server.services.get(name)
        return {"Name": name, "Status": found} if found else None

    def _file_version(self, given: With) -> str | None:
        for service in self.server.services:
            if self.registry.program(service).casefold() == str(given["Path"]).casefold():
                host = self.server.host
                return host.windows.version if service == services.IIS else host.product.file_version
        return None

    def _set_service(self, given: With) -> None:
        if not self.server.behaviour.admin:
            raise CallError("Access is denied.", "CouldNotStartService", category="PermissionDenied")
        (services.start if given["Status"] == "Running" else services.stop)(self.server, given["Name"])

    def _reset(self, given: With) -> None:
        services.restart(self.server, services.IIS)


class ExchangePwsh(PwshEngine):
    """PowerShell processes of one Exchange server."""

    functions = FUNCTIONS

    def _backend(self, engine: Any) -> Backend:
        return ExchangeBackend(engine)

    async def run(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run a script, with the tools as they are now."""
        if self.backend.state.behaviour.module == "present":
            place_tools(self._installation(), shells.remote_exchange(self.backend.state))
        return await super().run(script, stdin, shell)

    def _installation(self) -> Path:
        folder = self.home / "exchange"
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        return folder

    def _product(self) -> dict[str, str]:
        state = self.backend.state
        if state.behaviour.module != "present":
            return {}
        folder = self._installation()
        write_installation(folder, state.host.product.documented_as)
        return {"ExchangeInstallPath": f"{folder}/"}
