# What Exchange needs of Windows beside windows.psm1: ways to its cmdlets, services that start and stop, http.sys, iisreset.
# The cmdlets themselves are a module that the lab writes out of Microsoft's metadata into the installation's folder.

# Exchange's types are there from now on, in this process.
function Use-LabTypes { $script:types = $true }

# Opens a way to the cmdlets; those that the account has are then there. Throws what the lab says against it.
function Open-LabShell([string]$way, [string]$user, [string]$password) {
    $names = Invoke-Lab 'exchange-shell' @{ Way = $way; User = $user; Password = $password; Types = [bool]$script:types }
    $module = [IO.Path]::Combine($env:ExchangeInstallPath, 'bin', 'LabExchange.psm1')
    Import-Module -Name $module -Global -DisableNameChecking -Function ([string[]]@($names)) -ErrorAction Stop
}

function Add-PSSnapin {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string]$Name)
    if ($Name -notlike 'Microsoft.Exchange.Management.PowerShell.*') { throw "No snap-ins have been registered for $Name." }
    Open-LabShell 'snapin'
}

function New-PSSession {
    [CmdletBinding()] param([string]$ConfigurationName, [uri]$ConnectionUri, [string]$Authentication, [pscredential]$Credential)
    if ($ConfigurationName -ne 'Microsoft.Exchange' -or $Authentication -ne 'Kerberos') { throw 'The lab plays Exchange only, by Kerberos.' }
    New-LabObject 'LabSession' @{ User = $Credential.UserName; Password = $Credential.GetNetworkCredential().Password }
}

function Import-PSSession {
    [CmdletBinding()] param([Parameter(Mandatory = $true)]$Session, [string[]]$CommandName, [switch]$AllowClobber, [switch]$DisableNameChecking)
    Open-LabShell 'session' $Session.User $Session.Password
}

function Stop-Service {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string]$Name, [switch]$Force)
    [void](Invoke-Lab 'service-set' @{ Name = $Name; Status = 'Stopped' })
}

function Start-Service {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string]$Name)
    [void](Invoke-Lab 'service-set' @{ Name = $Name; Status = 'Running' })
}

function iisreset {
    [void](Invoke-Lab 'iis-reset')
    $global:LASTEXITCODE = 0
    'Attempting stop...', 'Internet services successfully stopped', 'Internet services successfully restarted'
}

# As netsh writes it: docs of "netsh http show sslcert".
function netsh {
    if ("$args" -ne 'http show sslcert') { throw "The lab plays no netsh $args." }
    '', 'SSL Certificate bindings:', '-------------------------', ''
    foreach ($row in (Invoke-Lab 'bindings')) {
        "    IP:port                      : $($row['Address']):$($row['Port'])"
        "    Certificate Hash             : $($row['Thumbprint'].ToLower())"
        "    Application ID               : $($row['AppId'])"
        "    Certificate Store Name       : $($row['Store'])"
        '    Verify Client Certificate Revocation : Enabled', '    Ctl Identifier               : (null)', ''
    }
}

Export-ModuleMember -Function *
