"""What the script does for Exchange: loading its cmdlets, bindings of http.sys, copies between stores.

Functions stand in for Windows and for Exchange: what is tested is the script. netsh's output is typed after Microsoft's
documentation, once in English and once with words that nobody has to know.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Call,
    Credential,
    Reply,
    Secure,
    ThisComputer,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import authority
from pwsh.engine import run

pytestmark = pytest.mark.pwsh
APP = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
WEB, BACK = "a1" * 20, "b2" * 20
ENGLISH = f"""
SSL Certificate bindings:
-------------------------

    IP:port                      : 0.0.0.0:443
    Certificate Hash             : {WEB}
    Application ID               : {APP}
    Certificate Store Name       : MY
    Verify Client Certificate Revocation : Enabled
    Ctl Identifier               : (null)
    Ctl Store Name               : (null)

    IP:port                      : [::1]:444
    Certificate Hash             : {BACK}
    Application ID               : {APP}
    Certificate Store Name       : (null)
    Revocation Freshness Time    : 0

    Hostname:port                : mail.contoso.example:443
    Certificate Hash             : {BACK}
    Application ID               : {APP}
    Certificate Store Name       : Web Hosting

    Central Certificate Store    : 443
    Certificate Hash             : (null)
"""
OTHER = (
    ENGLISH.replace("IP:port ", "IP:Anschluss ").replace("Certificate Hash", "Zertifikathash").replace("Store", "Ort")
)
STORES = """
$cmdlet = Get-Command -Name New-Object -CommandType Cmdlet
function New-Object { param($TypeName, $ArgumentList)
    if ($TypeName -like '*X509Store') { $ArgumentList = $ArgumentList[0], 'CurrentUser' }
    if ($null -eq $ArgumentList) { return ,(& $cmdlet -TypeName $TypeName) }
    ,(& $cmdlet -TypeName $TypeName -ArgumentList $ArgumentList)
}
"""
REGISTRY = """
function Test-Path { param($Path) $Path -like "*\\v15*" -and ($Path -notlike '*EdgeTransportRole' -or $env:LAB_EDGE) }
function Get-ItemProperty { param($Path)
    @{ MsiProductMajor = 15; MsiProductMinor = 2; MsiBuildMajor = 1544; MsiBuildMinor = 14 }
}
function Add-PSSnapin { param($Name)
    $global:added = "$global:added $Name"
    function global:Get-ExchangeCertificate { [CmdletBinding()] param($Server)
        @{ Thumbprint = "$global:added"; Server = $Server }
    }
}
"""
CERTIFICATES = Call("c", "Get-ExchangeCertificate", {"Server": "EX1"}, ("Thumbprint", "Server"))


def bindings(text: str) -> Reply:
    """What Get-TlsBinding makes of netsh's output."""
    netsh = "function netsh { @'\n" + text + '\n\'@ -split "`n" }'
    return run([Call("b", "Get-TlsBinding")], before=netsh).reply()


@pytest.mark.parametrize("text", [ENGLISH, OTHER], ids=["english", "other words"])
def test_bindings_are_read_by_their_values(text: str) -> None:
    assert list(bindings(text).rows("b")) == [
        {"Address": "0.0.0.0", "Port": 443, "Thumbprint": WEB.upper(), "Store": "MY", "AppId": APP},
        {"Address": "[::1]", "Port": 444, "Thumbprint": BACK.upper(), "Store": "My", "AppId": APP},
        {
            "Address": "mail.contoso.example",
            "Port": 443,
            "Thumbprint": BACK.upper(),
            "Store": "Web Hosting",
            "AppId": APP,
        },
    ]


def test_no_bindings_no_rows() -> None:
    answer = bindings("The system cannot find the file specified.")["b"]
    assert answer.ok and not answer.rows


def test_a_copy_and_a_copy_of_nothing() -> None:
    copied = authority("Copied").certificate
    names = {"From": "ucops-test-a", "To": "ucops-test-b", "Thumbprint": copied.thumbprint}
    calls = [
        Call("add", "Add-StoreCertificate", {"Store": names["From"], "RawData": copied.der, "FriendlyName": None}),
        Call("copy", "Copy-StoreCertificate", names),
        Call("gone", "Remove-StoreCertificate", {"Store": names["To"], **_one(names), "DeleteKey": False}),
        Call("source", "Remove-StoreCertificate", {"Store": names["From"], **_one(names), "DeleteKey": False}),
        Call("nothing", "Copy-StoreCertificate", names),
    ]
    reply = run(calls, before=STORES).reply()
    assert reply.rows("copy") == ({"Store": "ucops-test-b", "Thumbprint": names["Thumbprint"]},)
    assert reply.rows("gone")[0]["Removed"] and reply.rows("source")[0]["Removed"]
    error = reply["nothing"].error
    assert error and error.fqid == "ucops.Copy-StoreCertificate" and "ucops-test-a" in error.message


def _one(names: dict[str, str]) -> dict[str, str]:
    return {"Thumbprint": names["Thumbprint"]}


SERVICES = """
$global:status = @{ POP = 'Running'; IMAP = 'Stopped' }
$global:did = ''
function Get-Service { [CmdletBinding()] param($Name)
    if ($global:status[$Name]) { New-Object PSObject -Property @{ Name = $Name; Status = $global:status[$Name] } }
    else { Write-Error "no service $Name" }
}
function Stop-Service { param($Name, [switch]$Force) $global:status[$Name] = 'Stopped'; $global:did += "-$Name" }
function Start-Service { param($Name)
    if ($Name -eq 'IMAP') { throw 'Cannot start service IMAP.' }
    $global:status[$Name] = 'Running'; $global:did += "+$Name"
}
function Get-CsCertificate { [CmdletBinding()] param($Type) @{ Thumbprint = "$Type$global:did" } }
"""


def test_services_are_stopped_and_started_where_they_are_not_so_already() -> None:
    names = {"Names": ["POP", "IMAP", "UM"]}
    calls = [
        Call("down", "Set-ServiceState", {**names, "Status": "Stopped"}),
        Call("up", "Set-ServiceState", {"Names": ["POP"], "Status": "Running"}),
        Call("did", "Get-CsCertificate", {"Type": ThisComputer()}, ("Thumbprint",)),
        Call("fails", "Set-ServiceState", {**names, "Status": "Running"}),
    ]
    reply = run(calls, before=SERVICES + "$env:COMPUTERNAME = 'EX1'").reply()
    assert [(row["Name"], row["Status"]) for row in reply.rows("down")] == [("POP", "Stopped"), ("IMAP", "Stopped")]
    assert reply.rows("up") == ({"Name": "POP", "Status": "Running"},)
    assert reply.rows("did") == ({"Thumbprint": "EX1-POP+POP"},), "what stopped already is not stopped again"
    error = reply["fails"].error
    assert error and error.fqid == "ucops.Set-ServiceState" and "Cannot start service IMAP" in error.message


@pytest.mark.parametrize("code", [0, 5])
def test_iisreset_and_what_it_says_when_it_fails(code: int) -> None:
    before = (
        f"function iisreset {{ 'Access denied,'; 'you must be an administrator'; $global:LASTEXITCODE = {code} }}\n"
        "function Get-Service { param($Name) New-Object PSObject -Property @{ Status = 'Running' } }"
    )
    answer = run([Call("iis", "Invoke-IisReset")], before=before).reply()["iis"]
    if code:
        assert answer.error and "must be an administrator" in answer.error.message
    else:
        assert answer.rows == ({"Name": "W3SVC", "Status": "Running"},)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The files of an installation that the script reads."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "RemoteExchange.ps1").write_text(
        "Write-Host 'Welcome to the Exchange Management Shell!'\n'some output'\n"
        "Write-Error 'something that does not matter'\n"
        "function Connect-ExchangeServer { param([switch]$auto)\n"
        "  if ($env:LAB_DOWN) { Write-Error 'Connecting to remote server failed'; return }\n"
        "  function global:Get-ExchangeCertificate { [CmdletBinding()] param($Server)\n"
        "    @{ Thumbprint = 'remote'; Server = $Server } } }\n",
        encoding="ascii",
    )
    (tmp_path / "bin" / "exShell.psc1").write_text(
        "<PSConsoleFile><PSSnapIns><PSSnapIn Name='First' /><PSSnapIn Name='Second' /></PSSnapIns></PSConsoleFile>",
        encoding="ascii",
    )
    (tmp_path / "bin" / "Exchange.ps1").write_text('$global:added = "$global:added local"\n', encoding="ascii")
    return tmp_path


def loaded(folder: Path | None, load: str = "exchange", **environment: str) -> Reply:
    """The reply of a document that loads Exchange."""
    lines = [f"$env:{name} = '{value}'" for name, value in environment.items()]
    if folder:
        lines.append(f"$env:ExchangeInstallPath = '{folder}{os.sep}'")
    return run([CERTIFICATES], before="\n".join([REGISTRY, *lines]), load=[load]).reply()


@pytest.mark.parametrize(
    ("load", "edge", "told"),
    [
        ("exchange", "", "remote"),
        ("exchange:management_shell", "", "remote"),
        ("exchange:snapin", "", " First Second"),
        ("exchange", "1", " First Second local"),
    ],
)
def test_ways_into_the_shell(installed: Path, load: str, edge: str, told: str) -> None:
    """Edge Transport has only its local shell; noise of the shell's own scripts does no harm."""
    reply = loaded(installed, load, LAB_EDGE=edge)
    assert reply.host.load_error is None and reply.rows("c") == ({"Thumbprint": told, "Server": "EX1"},)
    assert [(module.name, module.version) for module in reply.host.loaded] == [("Exchange", "15.2.1544.14")]


OWN_SESSION = """
function New-PSSession { [CmdletBinding()] param($ConfigurationName, $ConnectionUri, $Authentication,
        [Management.Automation.PSCredential]$Credential)
    if ($env:LAB_DOWN) { Write-Error 'Access is denied.'; return }
    $global:logon = "$ConfigurationName $ConnectionUri $Authentication $($Credential.UserName)"
    $global:right = $Credential.GetNetworkCredential().Password -ceq 'p\u00e4ss word'
    'the session'
}
function Import-PSSession { param($Session, $CommandName, [switch]$AllowClobber, [switch]$DisableNameChecking)
    if ($CommandName -notcontains 'Get-ExchangeCertificate' -or $CommandName -contains 'iex') { throw 'names' }
    function global:Get-ExchangeCertificate { [CmdletBinding()] param($Server)
        @{ Thumbprint = "$global:logon $global:right"; Server = $Server }
    }
}
"""


TOOLS = """
Write-Host -Fore Yellow -No 'Loading'
'some output'
function get-exbanner { [Console]::WriteLine('Welcome!'); Read-Host 'name' }
function get-tip { [Console]::WriteLine('Tip of the day') }
get-exbanner
get-tip
$global:types = 'types'
"""
SHOWS_TYPES = """
function New-PSSession { [CmdletBinding()] param($ConfigurationName, $ConnectionUri, $Authentication, $Credential)
    $global:before = $global:types
    'the session'
}
function Import-PSSession { param($Session, $CommandName, [switch]$AllowClobber, [switch]$DisableNameChecking)
    function global:Get-ExchangeCertificate { [CmdletBinding()] param($Server)
        @{ Thumbprint = "$global:before"; Server = $Server }
    }
}
"""


@pytest.mark.parametrize(
    ("tools", "told"),
    [(TOOLS, "types"), (None, ""), (TOOLS + "throw 'the types do not load'", "types"), ("throw 'no'", "")],
    ids=["there", "missing", "fails behind them", "fails"],
)
def test_types_are_loaded_before_a_session_is_opened(installed: Path, tools: str | None, told: str) -> None:
    """Without a word and without a question; without RemoteExchange.ps1 the session is opened all the same."""
    script = installed / "bin" / "RemoteExchange.ps1"
    if tools is None:
        script.unlink()
    else:
        script.write_text(tools, encoding="ascii")
    done = run(
        [CERTIFICATES],
        before="\n".join([REGISTRY, SHOWS_TYPES, f"$env:ExchangeInstallPath = '{installed}{os.sep}'"]),
        load=["exchange:session"],
        credential=Credential("CORP\\admin", Secure("x")),
    )
    reply = done.reply()
    assert reply.host.load_error is None and reply.rows("c") == ({"Thumbprint": told, "Server": "EX1"},)
    assert done.stdout.lstrip().startswith("ucops-begin") and not done.stderr.strip(), done.stdout + done.stderr


@pytest.mark.parametrize("down", ["", "1"])
def test_a_session_of_its_own(installed: Path, down: str) -> None:
    """To this server's own name, as the user that the document names; the password is right and nowhere to be read."""
    lines = [f"$env:ExchangeInstallPath = '{installed}{os.sep}'", f"$env:LAB_DOWN = '{down}'"]
    logon = Credential("CORP\\admin", Secure("p\u00e4ss word"))
    done = run(
        [CERTIFICATES],
        before="\n".join([REGISTRY, OWN_SESSION.replace("\\u00e4", "\u00e4"), *lines]),
        load=["exchange:session"],
        credential=logon,
    )
    reply = done.reply()
    assert "ss word" not in done.stdout
    if down:
        assert "Access is denied." in str(reply.host.load_error) and not reply.host.loaded
        return
    told = str(reply.rows("c")[0]["Thumbprint"])
    assert told.startswith("Microsoft.Exchange http://") and told.endswith("/PowerShell/ Kerberos CORP\\admin True")


def test_why_there_is_no_shell(installed: Path) -> None:
    gone = loaded(None)
    assert "ExchangeInstallPath" in str(gone.host.load_error) and not gone.host.loaded
    assert gone["c"].error and gone["c"].error.fqid == "CommandNotFoundException"
    down = loaded(installed, LAB_DOWN="1")
    assert "Connecting to remote server failed" in str(down.host.load_error) and not down.host.loaded


def test_without_loading_there_are_no_such_cmdlets() -> None:
    error = run([CERTIFICATES]).reply()["c"].error
    assert error and error.fqid == "ucops.NotAllowed"
