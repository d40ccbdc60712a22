#!powershell
# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#Requires -Version 2.0

# The only code of ucops.certificates that runs on a server. It reads a JSON document of calls from $document, runs them in
# order, stops at the first error and writes one framed JSON reply. It decides nothing. docs/remote-calls.md describes
# document, reply and allowlist, and how to run this file by hand:
#     $document = [IO.File]::ReadAllText('C:\temp\read.json'); .\remote_calls.ps1
#
# Rules of this file:
# * PowerShell 2.0 and .NET 2.0/3.5 only: Exchange 2010 and Lync 2013 live on such hosts.
# * Module logging (event 4103) writes down what is bound to parameters of commands. So the document and what is in it pass
#   no command: only language, casts and methods. A function takes what it works on from $with, the current call's values.
# * Whole-line comments and indentation are cut off before the file travels, and so are regions that no call needs (the
#   calls stand behind the region's name): no here-strings, no block comments.

# Nothing may prompt, and nothing but the reply may reach the output.
$ErrorActionPreference = 'Stop'
$WarningPreference = $VerbosePreference = $DebugPreference = $ProgressPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'
$invariant = [Globalization.CultureInfo]::InvariantCulture
#region culture: facts
$culture = [Globalization.CultureInfo]::CurrentCulture.Name
#endregion

# The allowlist: functions of this file, which their regions name, and product cmdlets; the region exchange brings more.
$own = @()
$product = 'Get-CsCertificate', 'Get-CsWindowsService', 'Get-CsAVEdgeConfiguration', 'Get-CsComputer', 'Set-CsCertificate',
    'Remove-CsCertificate', 'Stop-CsWindowsService', 'Start-CsWindowsService'

# ---- The reply: a JSON writer. Blanks are escaped too, so that a console that wraps lines cannot eat one.

function Format-Text($text) {
    $text = ([string]$text).Replace('\', '\\').Replace('"', '\"').Replace(' ', '\u0020')
    # A delegate is dear: only where there is something to escape.
    if ($text -cmatch '[^!-~]') { $text = [regex]::Replace($text, '[^!-~]', { '\u{0:x4}' -f [int][char]$args[0].Value }) }
    '"' + $text + '"'
}

function Format-Time($time) { $time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffffffZ', $invariant) }

# A value as JSON. What JSON has no form for is tagged; objects become their text. What remoting made again is a number or a
# bag of properties with the names of its former types: an enum is known by them, and of its methods ToString() is left.
function Format-Json($value, $depth) {
    if ($null -eq $value) { 'null' }
    elseif ($value -is [bool]) { if ($value) { 'true' } else { 'false' } }
    elseif ($value -is [string] -or $value -is [char] -or $value.PSObject.TypeNames -like '*System.Enum') { Format-Text $value }
    elseif ($value -is [byte[]]) { '{"$bytes":"' + [Convert]::ToBase64String($value) + '"}' }
    elseif ($value -is [DateTime]) { '{"$datetime":"' + (Format-Time ([DateTime]$value)) + '"}' }
    elseif ($value.GetType().IsPrimitive) {
        $text = [Convert]::ToString($value, $invariant)
        # Too long for a double, or no number (NaN, Infinity).
        if ($text -cmatch '^-?\d{16,}$') { '{"$int64":"' + $text + '"}' } elseif ($text -cmatch '[a-z]') { Format-Text $text } else { $text }
    } elseif ($depth -gt 40) { throw 'Nested too deep.' }
    elseif ($value -is [Collections.IDictionary]) {
        $members = foreach ($key in $value.Keys) { (Format-Text $key) + ':' + (Format-Json $value[$key] ($depth + 1)) }
        '{' + [string]::Join(',', [string[]]@($members)) + '}'
    } elseif ($value -is [Collections.IEnumerable]) {
        '[' + [string]::Join(',', [string[]]@(foreach ($item in $value) { Format-Json $item ($depth + 1) })) + ']'
    } else { Format-Text ([Convert]::ToString($value, $invariant)) }
}

# What went wrong, as a row: the innermost cause of a failed .NET call, and the messages of what caused it.
function Get-Fault($record) {
    $cause = $record.Exception
    while ($cause.InnerException -and $cause.GetType().Name -cmatch 'InvocationExc|^RuntimeExc') { $cause = $cause.InnerException }
    $message = "$($cause.Message)".Trim()
    for ($inner = $cause.InnerException; $inner; $inner = $inner.InnerException) {
        if (-not $message.Contains("$($inner.Message)")) { $message += ' ' + $inner.Message }
    }
    @{ message = $message; type = $cause.GetType().FullName; category = $record.CategoryInfo.Category
        fqid = $record.FullyQualifiedErrorId }
}

# ---- The document: a JSON reader that is the same on every version. Objects become hashtables; a tagged value, an object
# whose only key starts with a dollar sign, becomes what it stands for.

#region module:
# As a module of Ansible (with become) the document is an argument, and the reply a JSON result. No keys come this way.
Set-StrictMode -Off
$wrapped = -not $document -and $complex_args
if ($wrapped) { $document = $complex_args['document'] }
#endregion
$items = New-Object Collections.ArrayList
$outer = New-Object Collections.Stack
try {
    foreach ($token in [regex]::Matches($document, '"[^"\\]*(\\.[^"\\]*)*"|[{}[\]]|[^\s,:{}[\]]+')) {
        $value = $token.Value
        switch -regex ($value) {
            '^"' { $value = [regex]::Unescape($value.Substring(1, $value.Length - 2)) }
            '^(null|true|false)$' { $value = @{ true = $true; false = $false }[$value] }
            '^-?\d' { $value = [double]$value; if ($value -eq [Math]::Floor($value)) { $value = [long]$value } }
            '^[[{]' { $outer.Push($items); $items = New-Object Collections.ArrayList }
            '^]' { $value = $items.ToArray(); $items = $outer.Pop() }
            '^}' {
                $value = @{}
                for ($at = 0; $at -lt $items.Count; $at += 2) { $value[$items[$at]] = $items[$at + 1] }
                $tag = $null
                if ($items.Count -eq 2) { $tag = $items[0]; $inner = $items[1] }
                switch ($tag) {
                    '$bytes' { $value = [Convert]::FromBase64String($inner) }
                    '$datetime' {
                        $value = [DateTime]::Parse($inner, $invariant, [Globalization.DateTimeStyles]::RoundtripKind)
                        $value = $value.ToLocalTime()
                    }
                    '$switch' { $value = $inner }
                    '$computer' { $value = $env:COMPUTERNAME }
                    '$int64' { $value = [long]::Parse($inner, $invariant) }
                    '$secure' {
                        $value = [Activator]::CreateInstance([Security.SecureString])
                        foreach ($character in $inner.ToCharArray()) { $value.AppendChar($character) }
                    }
                }
                $items = $outer.Pop()
            }
        }
        if ($token.Value -notmatch '^[[{]') { [void]$items.Add($value) }
    }
} catch { throw 'The document is not JSON.' } # in words of ours: those of .NET may quote the document
$root = $items[0]
if ($outer.Count -or -not $root.nonce) { throw 'The document is not whole.' }

#region stores:
# ---- Certificate stores of the machine.

# Without flags to read: a store that nobody made is empty then, and stays unmade.
function Open-Store($name, $flags = 'ReadOnly, OpenExistingOnly', $location = 'LocalMachine') {
    $store = New-Object Security.Cryptography.X509Certificates.X509Store($name, $location)
    try { $store.Open($flags) }
    catch {
        # ERROR_FILE_NOT_FOUND
        if ((Get-Code $_) -ne 0x80070002) { throw $_ }
        $store = @{ Certificates = @() }
    }
    $store
}

# The HRESULT of what went wrong: its words are translated.
function Get-Code($record) { [Runtime.InteropServices.Marshal]::GetHRForException($record.Exception.GetBaseException()) }

function Find-Certificate($store, $thumbprint) {
    foreach ($certificate in $store.Certificates) {
        if ([string]::Equals($certificate.Thumbprint, $thumbprint, 'OrdinalIgnoreCase')) { return $certificate }
    }
}

# The key of a certificate. A property whose getter throws is silently $null in newer PowerShell; a method throws in all.
function Get-Key($certificate) { $certificate.get_PrivateKey.Invoke() }

# The same, if CryptoAPI holds it: what is done with the container is for CryptoAPI.
function Get-Container($certificate) {
    $key = Get-Key $certificate
    if (-not $key.CspKeyContainerInfo) { throw 'The certificate has no key in a CryptoAPI provider.' }
    $key
}

# A container that is no longer persistent is deleted when it is let go.
function Remove-Container($key) { $key.PersistKeyInCsp = $false; $key.Clear() }
#endregion

#region each:
# Runs a block for each certificate that is asked for; without thumbprints for all that have a key. Its row says whether the
# certificate is there, and what went wrong; `$more` are the values that the block sets.
function Get-EachRow($more, $block) {
    $store = Open-Store $with['Store']
    $asked = $with['Thumbprints']
    if ($null -eq $asked) {
        $asked = @(foreach ($certificate in $store.Certificates) { if ($certificate.HasPrivateKey) { $certificate.Thumbprint } })
    }
    foreach ($thumbprint in $asked) {
        $row = @{ Thumbprint = $thumbprint; Present = $false; Error = $null } + $more
        $certificate = Find-Certificate $store $thumbprint
        if ($certificate) {
            $row['Present'] = $true
            try { & $block } catch { $row['Error'] = (Get-Fault $_).message }
        }
        $row
    }
}
#endregion

#region facts:; needs stores
# Where a certificate's key lies, added to a row.
function Add-KeyFacts($row, $certificate) {
    $row['HasPrivateKey'] = $certificate.HasPrivateKey
    if (-not $certificate.HasPrivateKey) { return }
    $row['Provider'] = $row['Container'] = $row['KeySpec'] = $row['KeyError'] = $null
    $row['MachineKeySet'] = $row['Exportable'] = $false
    try {
        $key = Get-Key $certificate
        $info = $key.CspKeyContainerInfo
        if ($info) {
            $row['Provider'] = $info.ProviderName
            $row['Container'] = $info.KeyContainerName
            $row['KeySpec'] = $info.KeyNumber
            $row['MachineKeySet'] = $info.MachineKeyStore
            $row['Exportable'] = $info.Exportable
        } else { $row['Provider'] = 'CNG' }
    } catch {
        $row['KeyError'] = (Get-Fault $_).message
        # NTE_BAD_PROV_TYPE: a key storage provider (CNG) holds the key, which .NET cannot open this way.
        if ((Get-Code $_) -eq 0x80090014) { $row['Provider'] = 'CNG' }
    }
}
#endregion

#region read: Get-StoreCertificate; needs stores, facts
$own += 'Get-StoreCertificate'
function Get-StoreCertificate {
    $places = @(foreach ($name in $with['Stores']) { "LocalMachine\$name" })
    if ($with['Users']) { $places += 'CurrentUser\CA' }
    foreach ($place in $places) {
        $location, $name = $place.Split('\')
        foreach ($certificate in (Open-Store $name -location $location).Certificates) {
            $row = @{ Location = $location; Store = $name; RawData = $certificate.RawData; Blob = $null
                FriendlyName = $certificate.FriendlyName }
            Add-KeyFacts $row $certificate
            $row
        }
    }
    if (-not $with['Users']) { return }
    # SYSTEM and NETWORK SERVICE have stores of their own, which no X509Store opens from here.
    foreach ($sid in 'S-1-5-18', 'S-1-5-20') {
        $path = "Registry::HKEY_USERS\$sid\Software\Microsoft\SystemCertificates\CA\Certificates"
        foreach ($key in @(Get-ChildItem -Path $path -ErrorAction SilentlyContinue)) {
            @{ Location = $sid; Store = 'CA'; RawData = $null; Blob = $key.GetValue('Blob'); FriendlyName = ''
                HasPrivateKey = $false }
        }
    }
}
#endregion

#region change: Add-StoreCertificate, Remove-StoreCertificate; needs stores
$own += 'Add-StoreCertificate', 'Remove-StoreCertificate'
function Add-StoreCertificate {
    $certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2(, [byte[]]$with['RawData'])
    if ($with['FriendlyName']) { $certificate.FriendlyName = $with['FriendlyName'] }
    (Open-Store $with['Store'] 'ReadWrite').Add($certificate)
    @{ Store = $with['Store']; Thumbprint = $certificate.Thumbprint }
}

function Remove-StoreCertificate {
    $store = Open-Store $with['Store'] 'ReadWrite, OpenExistingOnly'
    $certificate = Find-Certificate $store $with['Thumbprint']
    if ($certificate) {
        # Opened first: a key that cannot be deleted must not be left behind without its certificate.
        $key = $null
        if ($with['DeleteKey'] -and $certificate.HasPrivateKey) { $key = Get-Container $certificate }
        $store.Remove($certificate)
        if ($key) { Remove-Container $key }
    }
    @{ Store = $with['Store']; Thumbprint = $with['Thumbprint']; Removed = [bool]$certificate }
}
#endregion

#region import: Import-StorePfx; needs stores, facts
$own += 'Import-StorePfx'
# Without provider attributes in the PFX the key lands in a CryptoAPI provider (nf-wincrypt-pfximportcertstore).
function Import-StorePfx {
    $flags = 'MachineKeySet, PersistKeySet'
    if ($with['Exportable']) { $flags += ', Exportable' }
    # Not Import(): newer .NET has only constructors. Not New-Object: it is a command.
    $certificate = [Activator]::CreateInstance([Security.Cryptography.X509Certificates.X509Certificate2],
        [object[]]([byte[]]$with['Pfx'], [Security.SecureString]$with['Password'],
            [Security.Cryptography.X509Certificates.X509KeyStorageFlags]$flags))
    try {
        if ($with['FriendlyName']) { $certificate.FriendlyName = $with['FriendlyName'] }
        $store = Open-Store $with['Store'] 'ReadWrite'
        $store.Add($certificate)
    } catch {
        # The key is on disk by now, and nothing points to it.
        $failure = $_
        try { Remove-Container (Get-Container $certificate) }
        catch { [void]$warned.Add('A key container may have been left behind: ' + (Get-Fault $_).message) }
        throw $failure
    }
    # As the store has it now, not as it was handed in.
    $certificate = Find-Certificate $store $certificate.Thumbprint
    $row = @{ Location = 'LocalMachine'; Store = $with['Store']; Thumbprint = $certificate.Thumbprint; Blob = $null
        FriendlyName = $certificate.FriendlyName }
    Add-KeyFacts $row $certificate
    $row
}
#endregion

#region sign: Test-StoreKey; needs stores, each
$own += 'Test-StoreKey'
# SHA-1, because every provider signs it: "Microsoft Enhanced Cryptographic Provider v1.0" refuses SHA-256.
function Test-StoreKey {
    $hash = [byte[]](1..20)
    Get-EachRow @{ Signs = $false } {
        if (-not $certificate.HasPrivateKey) { throw 'The certificate has no private key.' }
        $signer = New-Object Security.Cryptography.RSAPKCS1SignatureFormatter
        $signer.SetKey((Get-Key $certificate))
        $signer.SetHashAlgorithm('SHA1')
        $verifier = New-Object Security.Cryptography.RSAPKCS1SignatureDeformatter
        $verifier.SetKey($certificate.PublicKey.Key)
        $verifier.SetHashAlgorithm('SHA1')
        $row['Signs'] = $verifier.VerifySignature($hash, $signer.CreateSignature($hash))
        if (-not $row['Signs']) { throw 'The key does not belong to the certificate: its signature is not valid.' }
    }
}
#endregion

#region access: Get-StoreKeyAccess, Grant-StoreKey; needs stores, each
$own += 'Get-StoreKeyAccess', 'Grant-StoreKey'
# CryptoAPI keeps each machine key in a file, whose access list says who may use it.
function Get-KeyFile($certificate) {
    $name = (Get-Container $certificate).CspKeyContainerInfo.UniqueKeyContainerName
    New-Object IO.FileInfo("$env:ALLUSERSPROFILE\Microsoft\Crypto\RSA\MachineKeys\$name")
}

function Get-StoreKeyAccess {
    $entries = New-Object Collections.ArrayList
    $asked = @(Get-EachRow @{} {
        if (-not $certificate.HasPrivateKey) { return }
        $list = (Get-KeyFile $certificate).GetAccessControl()
        foreach ($rule in $list.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])) {
            [void]$entries.Add(@{ Thumbprint = $thumbprint; Sid = $rule.IdentityReference.Value
                    Rights = $rule.FileSystemRights; Type = $rule.AccessControlType })
        }
    })
    foreach ($row in $asked) {
        if (-not $row['Error']) { continue }
        [void]$warned.Add("Who may use the key of $($row['Thumbprint']) cannot be read: $($row['Error'])")
    }
    $entries
}

function Grant-StoreKey {
    $certificate = Find-Certificate (Open-Store $with['Store']) $with['Thumbprint']
    if (-not $certificate) { throw "There is no certificate $($with['Thumbprint'])." }
    $file = Get-KeyFile $certificate
    $list = $file.GetAccessControl()
    $sid = New-Object Security.Principal.SecurityIdentifier($with['Sid'])
    $list.AddAccessRule((New-Object Security.AccessControl.FileSystemAccessRule($sid, $with['Rights'], 'Allow')))
    $file.SetAccessControl($list)
    @{ Thumbprint = $with['Thumbprint']; Sid = $with['Sid'] }
}
#endregion

#region tls: Test-TlsPresented; needs stores, each
$own += 'Test-TlsPresented'
# Asks Schannel itself what it would send for a certificate: its server on one end of a loopback connection, a ClientHello made
# by hand on the other. The answer up to ServerHelloDone is returned raw; nothing is read out of it here.
function Test-TlsPresented {
    # TLS 1.2, where certificates are readable: ECDHE and plain RSA suites, curves and hashes to go with them, no server name.
    # A strict server asks for secure renegotiation (RFC 5746, offered as suite 00FF; KB980436) and the extended master secret
    # (RFC 7627).
    $hello = [Convert]::FromBase64String('FgMBAG0BAABpAwMHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwAAGMAwwC/AKMAnwBTAEwCdAJwANQAvAAoA/wEAACgACgAIAAYAFwAYABkACwACAQAADQAOAAwEAQUBBgECAQQDAgMAFwAA')
    # .NET 2.0 knows no TLS 1.1 and 1.2; the certificates do not depend on the version.
    $versions = 'Tls'
    if ([Enum]::IsDefined([Security.Authentication.SslProtocols], 'Tls12')) { $versions = 'Tls, Tls11, Tls12' }
    Get-EachRow @{ Flight = $null } {
        $client = $server = $null
        $listener = New-Object Net.Sockets.TcpListener([Net.IPAddress]::Loopback, 0)
        try {
            $listener.Start()
            $client = New-Object Net.Sockets.TcpClient('127.0.0.1', $listener.LocalEndpoint.Port)
            $server = $listener.AcceptTcpClient()
            $client.ReceiveTimeout = $server.ReceiveTimeout = $server.SendTimeout = 5000
            $tls = New-Object Net.Security.SslStream($server.GetStream(), $false)
            $pending = $tls.BeginAuthenticateAsServer($certificate, $false, $versions, $false, $null, $null)
            $stream = $client.GetStream()
            $stream.Write($hello, 0, $hello.Length)
            $flight = New-Object IO.MemoryStream
            $buffer = New-Object byte[] 16384
            do {
                $count = $stream.Read($buffer, 0, $buffer.Length)
                $flight.Write($buffer, 0, $count)
                $all = $flight.ToArray()
                # An alert (record type 21) ends it badly; ServerHelloDone (type 14, of length 0) ends it well.
                $done = $count -eq 0 -or $all[0] -eq 21 -or [BitConverter]::ToString($all).EndsWith('-0E-00-00-00', 'Ordinal')
            } until ($done -or $all.Length -gt 65536)
            if ($all[0] -ne 22) {
                $server.Close()
                $tls.EndAuthenticateAsServer($pending)
                throw 'The TLS stack sent no certificate.'
            }
            $row['Flight'] = $all
        } finally {
            $listener.Stop()
            if ($client) { $client.Close() }
            if ($server) { $server.Close() }
        }
    }
}
#endregion

#region events: Find-Event
$own += 'Find-Event'
function Find-Event {
    # .NET 3.5 formats messages under en-US only.
    if ([Environment]::Version.Major -lt 4) {
        [Threading.Thread]::CurrentThread.CurrentCulture = New-Object Globalization.CultureInfo('en-US')
    }
    $filter = @{ LogName = $with['Log']; StartTime = $with['After'] }
    if ($with['Sources']) { $filter['ProviderName'] = [string[]]$with['Sources'] }
    $events = @(Get-WinEvent -FilterHashtable $filter -MaxEvents $with['Newest'] -ErrorAction SilentlyContinue `
            -ErrorVariable problems)
    foreach ($problem in $problems) {
        switch -wildcard -casesensitive ($problem.FullyQualifiedErrorId) {
            'NoMatchingLogsFound*' { [void]$warned.Add("no event log named $($with['Log'])") }
            'NoMatching*' { }
            default { throw $problem }
        }
    }
    foreach ($event in $events) {
        $level = 'Information'
        if (1, 2 -contains $event.Level) { $level = 'Error' } elseif ($event.Level -eq 3) { $level = 'Warning' }
        $message = $event.Message
        # Without its message file an event is only its insertions.
        if (-not $message) { $message = [string]::Join(' ', [string[]]@(foreach ($part in $event.Properties) { $part.Value })) }
        @{ Id = $event.Id; Source = $event.ProviderName; Time = $event.TimeCreated; Level = $level; Message = $message }
    }
}
#endregion

#region services: Get-ServiceVersion
$own += 'Get-ServiceVersion'
function Get-ServiceVersion {
    foreach ($name in $with['Names']) {
        foreach ($service in @(Get-Service -Name $name -ErrorAction SilentlyContinue)) {
            $path = (Get-ItemProperty -Path "HKLM:\SYSTEM\CurrentControlSet\Services\$name").ImagePath
            # "C:\some folder\program.exe" -arguments, with or without quotes.
            if ($path -match '^\s*"([^"]+)"' -or $path -match '^\s*(.+?\.exe)') { $path = $matches[1] }
            $path = [Environment]::ExpandEnvironmentVariables($path)
            $version = (Get-Item -LiteralPath $path).VersionInfo.FileVersion
            @{ Name = $name; Path = $path; FileVersion = $version; Status = $service.Status }
        }
    }
}
#endregion

#region wait: Wait-Stopped
$own += 'Wait-Stopped'
# Waits a few seconds for services to stop, so that a member without work needs no second command; who still has work is an
# error, and the calls behind it are not made.
function Wait-Stopped {
    $until = [DateTime]::UtcNow.AddSeconds($with['Seconds'])
    while ($true) {
        $left = @(foreach ($name in $with['Names']) {
                foreach ($service in @(Get-Service -Name $name)) { if ("$($service.Status)" -ne 'Stopped') { $name } }
            })
        if (-not $left.Count) { break }
        if ([DateTime]::UtcNow -ge $until) {
            $call['fqid'] = 'ucops.StillRunning'
            throw "Not stopped after $($with['Seconds']) s: $([string]::Join(', ', [string[]]$left))."
        }
        [Threading.Thread]::Sleep(200)
    }
    foreach ($name in $with['Names']) { @{ Name = $name; Status = 'Stopped' } }
}
#endregion

#region copy: Copy-StoreCertificate; needs stores
# Into another store of the machine; both entries then point to one key, with its access list.
$own += 'Copy-StoreCertificate'
function Copy-StoreCertificate {
    $certificate = Find-Certificate (Open-Store $with['From']) $with['Thumbprint']
    if (-not $certificate) { throw "There is no certificate $($with['Thumbprint']) in $($with['From'])." }
    (Open-Store $with['To'] 'ReadWrite').Add($certificate)
    @{ Store = $with['To']; Thumbprint = $certificate.Thumbprint }
}
#endregion

#region state: Set-ServiceState, Invoke-IisReset
# Services in the order given; an absent one has no row. Those that depend on a stopped one stop, too.
$own += 'Set-ServiceState', 'Invoke-IisReset'
function Set-ServiceState {
    foreach ($name in $with['Names']) {
        foreach ($service in @(Get-Service -Name $name -ErrorAction SilentlyContinue)) {
            if ("$($service.Status)" -ne $with['Status']) {
                if ($with['Status'] -eq 'Running') { Start-Service -Name $name } else { Stop-Service -Name $name -Force }
            }
            @{ Name = $name; Status = (Get-Service -Name $name).Status }
        }
    }
}

function Invoke-IisReset {
    $said = @(iisreset)
    if ($LASTEXITCODE) { throw [string]::Join(' ', [string[]]$said) }
    @{ Name = 'W3SVC'; Status = (Get-Service -Name W3SVC).Status }
}
#endregion

#region bindings: Get-TlsBinding
# What http.sys presents on which port. The words of netsh are translated, its values are not: address and port, the hash, the
# application's id, and behind that the store. Without a hash (a central store) there is no row.
$own += 'Get-TlsBinding'
function Get-TlsBinding {
    $row = $last = $null
    foreach ($line in @(netsh http show sslcert)) {
        if ("$line" -notmatch '\s:\s+(\S.*?)\s*$') { continue }
        $value = $matches[1]
        if ($value -match '^(\[.+\]|[^:]+):(\d+)$') {
            $row = @{ Address = $matches[1]; Port = [int]$matches[2]; Store = 'My'; AppId = $null }
        } elseif ($row -and $value -match '^[0-9a-f]{40}$' -and -not $row['Thumbprint']) {
            $row['Thumbprint'] = $value.ToUpperInvariant()
            $row
        } elseif ($row -and $value -match '^\{[0-9a-f-]{36}\}$') { $row['AppId'] = $value }
        elseif ($last -and $last -eq $row['AppId'] -and $value -notmatch '^\(') { $row['Store'] = $value }
        $last = $value
    }
}
#endregion

#region values:
# ---- Journal and lock: values of one registry key, which only SYSTEM and Administrators can open.

$journal = 'HKLM:\SOFTWARE\ucops\certificates'

function Get-Values { if (Test-Path -Path $journal) { Get-ItemProperty -Path $journal } }

#endregion

#region journal: Get-Journal; needs values
$own += 'Get-Journal'
function Get-Journal {
    $values = Get-Values
    $lock = $null
    if ($values.LockRun) {
        $at = [DateTime]::Parse($values.LockAt, $invariant, [Globalization.DateTimeStyles]::RoundtripKind)
        $lock = @{ Run = $values.LockRun; Text = $values.LockText; At = $at }
    }
    @{ Text = $values.Journal; Lock = $lock }
}
#endregion

#region record: Set-Journal; needs values
$own += 'Set-Journal'
# Sets values of the key; $null removes one. The access list comes first, also to a key that is there: whoever made it may
# have been stopped half-way. Only that section: audit rules, even none, take the right to manage the security log.
function Set-Values($values) {
    if (-not (Test-Path -Path $journal)) { [void](New-Item -Path $journal -Force) }
    $wanted = 'D:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)'
    # Windows may show marks of inheritance (AI, AR) that nobody has set.
    if (((Get-Acl -Path $journal).GetSecurityDescriptorSddlForm('Access') -creplace 'A[IR]') -cne $wanted) {
        $list = New-Object Security.AccessControl.RegistrySecurity
        $list.SetSecurityDescriptorSddlForm($wanted, 'Access')
        Set-Acl -Path $journal -AclObject $list
    }
    foreach ($name in $values.Keys) {
        if ($null -ne $values[$name]) { Set-ItemProperty -Path $journal -Name $name -Value $values[$name] }
        else { Remove-ItemProperty -Path $journal -Name $name -ErrorAction SilentlyContinue }
    }
}

# Runs a block on the key's values while no other process of ours does. Throws when another run than `$run` holds the lock.
function Invoke-Alone($run, $block) {
    $mutex = New-Object Threading.Mutex($false, 'Global\ucops.certificates')
    # Whoever had it and died has left it to us.
    $mine = $true
    try { $mine = $mutex.WaitOne(15000, $false) } catch [Threading.AbandonedMutexException] { }
    if (-not $mine) { throw 'Another process has held the journal for 15 seconds.' }
    try {
        $values = Get-Values
        if ($values.LockRun -and $run -cnotcontains $values.LockRun) {
            $call['fqid'] = 'ucops.LockedByOther'
            throw "The member is locked by run $($values.LockRun) since $($values.LockAt) ($($values.LockText))."
        }
        & $block
    } finally { $mutex.ReleaseMutex() }
}

function Set-Journal {
    Invoke-Alone $with['Run'] {
        $new = @{ Journal = $with['Text'] }
        if ($values.LockRun) { $new['LockAt'] = Format-Time (Get-Date) }
        Set-Values $new
    }
    @{ Run = $with['Run'] }
}

#endregion

#region lock: Lock-Member, Unlock-Member; needs record
$own += 'Lock-Member', 'Unlock-Member'
function Lock-Member {
    $now = Get-Date
    Invoke-Alone $with['Run'], $with['TakeFrom'] {
        Set-Values @{ LockRun = $with['Run']; LockText = $with['Text']; LockAt = Format-Time $now }
    }
    @{ Run = $with['Run']; At = $now }
}

function Unlock-Member {
    Invoke-Alone (Get-Values).LockRun {
        $held = $values.LockRun -ceq $with['Run']
        if ($held) { Set-Values @{ LockRun = $null; LockText = $null; LockAt = $null } }
        @{ Run = $with['Run']; Held = $held }
    }
}
#endregion

#region maintenance: Get-Maintenance, Set-Maintenance; needs record
# What a server was before it was put into maintenance, beside the journal: a hook writes it while a run holds the lock.
$own += 'Get-Maintenance', 'Set-Maintenance'
function Get-Maintenance { @{ Text = (Get-Values).Maintenance } }

function Set-Maintenance { Set-Values @{ Maintenance = $with['Text'] } }
#endregion

$loaded = New-Object Collections.ArrayList
$loadError = $null
#region lync: lync
# The module path of a remote session may be older than the installation; these are the folders that setup makes.
if ($root['load'] -contains 'lync') {
    $folder = "$env:CommonProgramFiles\"
    foreach ($module in 'Lync', 'SkypeForBusiness', "${folder}Microsoft Lync Server 2013\Modules\Lync\Lync.psd1",
        "${folder}Skype for Business Server 2015\Modules\SkypeForBusiness\SkypeForBusiness.psd1",
        "${folder}Skype for Business Server 2019\Modules\SkypeForBusiness\SkypeForBusiness.psd1") {
        try {
            $found = @(Import-Module $module -PassThru -DisableNameChecking -ErrorAction Stop -WarningAction SilentlyContinue)[0]
            [void]$loaded.Add(@{ name = $found.Name; version = "$($found.Version)" })
            $loadError = $null
            break
        } catch { $loadError = "$loadError $((Get-Fault $_).message)".Trim() }
    }
}
#endregion

#region exchange: exchange, exchange:management_shell, exchange:session, exchange:snapin
# The management shell is remoting of its own, to this server or another one: calls say which server they mean. A session is
# the same to this very server, with a credential of its own instead of a logon that can be passed on. The snap-in acts here,
# past the rights that Exchange gives; Edge Transport has nothing else. CSS-Exchange, Confirm-ExchangeShell.ps1, does so.
$product += 'Get-ExchangeCertificate', 'Get-TransportServer', 'Get-TransportService', 'Get-ReceiveConnector', 'Get-SendConnector',
    'Get-PopSettings', 'Get-ImapSettings', 'Get-AuthConfig', 'Get-FederationTrust', 'Get-EdgeSubscription', 'Get-UMService',
    'Get-UMCallRouterSettings', 'Get-ClientAccessServer', 'Get-ClientAccessService', 'Get-OwaVirtualDirectory', 'Get-EcpVirtualDirectory',
    'Get-WebServicesVirtualDirectory', 'Get-ActiveSyncVirtualDirectory', 'Get-OabVirtualDirectory', 'Get-MapiVirtualDirectory',
    'Get-OutlookAnywhere',
    'Export-ExchangeCertificate', 'New-ExchangeCertificate', 'Import-ExchangeCertificate', 'Enable-ExchangeCertificate',
    'Set-PopSettings', 'Set-ImapSettings', 'Set-ReceiveConnector', 'Set-SendConnector',
    'Get-ServerComponentState', 'Get-Queue', 'Get-MailboxServer', 'Get-MailboxDatabaseCopyStatus', 'Set-ServerComponentState',
    'Redirect-Message', 'Set-MailboxServer', 'Move-ActiveMailboxDatabase'
$exchange = @(foreach ($token in $root['load']) { if ("$token" -like 'exchange*') { $token } })[0]
if ($exchange) {
    try {
        if (-not $env:ExchangeInstallPath) { throw 'Exchange is not installed: the variable ExchangeInstallPath is not set.' }
        if ([IntPtr]::Size -ne 8) { throw 'The Exchange Management Shell needs a 64-bit process.' }
        $bin = [IO.Path]::Combine($env:ExchangeInstallPath, 'bin')
        $key = 'HKLM:\SOFTWARE\Microsoft\ExchangeServer\v15'
        if (-not (Test-Path -Path "$key\Setup")) { $key = 'HKLM:\SOFTWARE\Microsoft\ExchangeServer\v14' }
        $edge = Test-Path -Path "$key\EdgeTransportRole"
        # What these scripts complain about does not end them; that the cmdlets are there in the end is what counts.
        $ErrorActionPreference = 'Continue'
        $Error.Clear()
        $way = 'management_shell'
        # RemoteExchange.ps1 loads Exchange's types, without which what arrives of a certificate is no more than its bytes
        # (ExchangeDsc, New-RemoteExchangeSession). Its greeting is silenced; an alias goes before the function it defines.
        $remote = [IO.Path]::Combine($bin, 'RemoteExchange.ps1')
        ${Alias:Get-ExBanner} = ${Alias:Get-Tip} = 'Out-Null'
        function Write-Host { }
        if ($edge -or $exchange -eq 'exchange:snapin') {
            $way = 'snapin'
            $console = [xml][IO.File]::ReadAllText([IO.Path]::Combine($bin, 'exShell.psc1'))
            foreach ($snapin in $console.PSConsoleFile.PSSnapIns.PSSnapIn) { Add-PSSnapin -Name $snapin.Name }
            if ($edge) { $null = . ([IO.Path]::Combine($bin, 'Exchange.ps1')) }
        } elseif ($exchange -eq 'exchange:session') {
            $way = 'session'
            # Where there are no tools, or they fail, the cmdlets answer all the same, with less.
            try { $null = . $remote } catch { }
            $Error.Clear()
            $network = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
            $name = [string]::Join('.', [string[]]@(foreach ($part in $network.HostName, $network.DomainName) { if ($part) { $part } }))
            # A type of PowerShell itself, since 1.0. Of a SecureString only its type's name is written down.
            $kind = 'Management.Automation.PSCredential'
            $logon = New-Object $kind($root['credential']['user'], $root['credential']['password'])
            $session = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri "http://$name/PowerShell/" `
                -Authentication Kerberos -Credential $logon
            if ($session) { $null = Import-PSSession -Session $session -CommandName $product -AllowClobber -DisableNameChecking }
        } else {
            $null = . $remote
            $null = Connect-ExchangeServer -auto
        }
        $ErrorActionPreference = 'Stop'
        $trouble = "$($Error[0])"
        if (-not (Get-Command -Name Get-ExchangeCertificate -ErrorAction SilentlyContinue)) {
            throw "There are no Exchange cmdlets after loading the $way. $trouble".Trim()
        }
        $setup = Get-ItemProperty -Path "$key\Setup"
        $version = $setup.MsiProductMajor, $setup.MsiProductMinor, $setup.MsiBuildMajor, $setup.MsiBuildMinor
        # A cmdlet that the account's roles lack does not exist in its shell.
        $have = @(foreach ($command in @(Get-Command -Name $product -ErrorAction SilentlyContinue)) { $command.Name })
        $lacks = @(foreach ($name in $product) { if ($name -notlike '*-Cs*' -and $have -notcontains $name) { $name } })
        [void]$loaded.Add(@{ name = 'Exchange'; version = [string]::Join('.', [string[]]$version); way = $way; lacks = $lacks })
    } catch { $loadError = (Get-Fault $_).message }
    $ErrorActionPreference = 'Stop'
}
#endregion

# ---- Run the calls.

$replies = @()
$stopped = $false
foreach ($call in $root['calls']) {
    if ($stopped) {
        $replies += Format-Json @{ id = $call['id']; not_run = $true }
        continue
    }
    $reply = @{ id = $call['id'] }
    $name = $call['name']
    $with = $call['with']
    $warned = $reply['warnings'] = New-Object Collections.ArrayList
    $made = $said = $null
    $rows = @()
    $watch = [Diagnostics.Stopwatch]::StartNew()
    try {
        if ($product -ccontains $name) {
            $made = @(& $name @with -ErrorAction Stop -WarningAction SilentlyContinue -WarningVariable said)
            $made = @(foreach ($object in $made) {
                    $row = @{}
                    foreach ($property in $call['keep']) { $row[$property] = $object.$property }
                    if ($null -ne $object) { $row }
                })
        } else {
            $call['fqid'] = 'ucops.NotAllowed'
            if ($own -cnotcontains $name) { throw "$name is not a call that this script makes." }
            $call['fqid'] = "ucops.$name"
            $made = @(& $name)
        }
        # Here, so that a value that cannot be written is an error of this call and does not cost the reply.
        $rows = @(foreach ($row in $made) { Format-Json $row })
    } catch {
        $reply['error'] = Get-Fault $_
        if ($null -ne $made) { $call['fqid'] = 'ucops.NotWritten' }
        if ($call['fqid']) { $reply['error']['fqid'] = $call['fqid'] }
        $stopped = -not $call['optional']
    }
    if ($said) { foreach ($text in $said) { [void]$warned.Add("$text") } }
    $reply['seconds'] = $watch.Elapsed.TotalSeconds
    $replies += '{"rows":[' + [string]::Join(',', [string[]]$rows) + '],' + (Format-Json $reply).Substring(1)
}

#region hangup: exchange, exchange:management_shell, exchange:session, exchange:snapin
# A user has only so many sessions of the management shell.
try {
    foreach ($session in @(Get-PSSession)) {
        if ($session.ConfigurationName -eq 'Microsoft.Exchange') { Remove-PSSession -Session $session }
    }
} catch { }
#endregion

# ---- Answer.

$facts = @{ computer = $env:COMPUTERNAME; clock = Format-Time (Get-Date); loaded = $loaded; load_error = $loadError }
#region who: facts
# Nothing in here may cost the reply.
$user = "$env:USERDOMAIN\$env:USERNAME"
$admin = $false
$windows = $null
try {
    # Not [Environment]::OSVersion, which tells programs without a manifest a lower version. CurrentVersion ends with 6.3.
    $values = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $windows = "$($values.CurrentVersion).$($values.CurrentBuildNumber)"
    if ($values.CurrentMajorVersionNumber) { $windows = $windows -replace '^\d+\.\d+', "$($values.CurrentMajorVersionNumber).0" }
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $user = $identity.Name
    $principal = New-Object Security.Principal.WindowsPrincipal($identity)
    $admin = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
} catch { }
$facts += @{
    user = $user; admin = $admin; windows = $windows; bits = [IntPtr]::Size * 8; clr = "$([Environment]::Version)"; culture = $culture
    powershell = "$($PSVersionTable.PSVersion)"; language = "$($ExecutionContext.SessionState.LanguageMode)"
}
#endregion
$text = '{"host":' + (Format-Json $facts) + ',"replies":[' + [string]::Join(',', [string[]]$replies) + ']}'
$lines = @("ucops-begin $($root['nonce'])")
for ($at = 0; $at -lt $text.Length; $at += 8000) { $lines += $text.Substring($at, [Math]::Min(8000, $text.Length - $at)) }
$lines += "ucops-end $($root['nonce'])"
#region reply:
if ($wrapped) { $lines = Format-Json @{ changed = $false; reply = [string]::Join("`n", $lines) } }
#endregion
$lines
