# What of Windows does not exist here, played by the member in the lab's process: registry, services, event log, file versions,
# clock, identity and access lists. Certificate stores and keys are in stores.psm1, product cmdlets in a generated module.
#
# A stand-in is a function (or a type accelerator) of the same name. Everything else a script does is PowerShell's own doing.

# ---- The way to the lab: one line of JSON there, one back.

function ConvertTo-Wire($value) {
    if ($null -eq $value) { return 'null' }
    if ($value -is [psobject]) { $value = $value.PSObject.BaseObject }
    if ($value -is [switch]) { return '{"$switch":' + "$([bool]$value)".ToLower() + '}' }
    if ($value -is [bool]) { return "$value".ToLower() }
    if ($value -is [byte[]]) { return '{"$bytes":"' + [Convert]::ToBase64String($value) + '"}' }
    if ($value -is [DateTime]) { return '{"$datetime":"' + $value.ToUniversalTime().ToString('o') + '"}' }
    if ($value -is [Collections.IDictionary]) {
        return '{' + (@(foreach ($key in $value.Keys) { (ConvertTo-Wire "$key") + ':' + (ConvertTo-Wire $value[$key]) }) -join ',') + '}'
    }
    if ($value -is [int] -or $value -is [long]) { return "$value" }
    if ($value -isnot [string] -and $value -is [Collections.IEnumerable]) {
        return '[' + (@(foreach ($item in $value) { ConvertTo-Wire $item }) -join ',') + ']'
    }
    [System.Text.Json.JsonSerializer]::Serialize([string]"$value", [string])
}

function ConvertFrom-Wire($element) {
    # JsonValueKind: 1 object, 2 array, 3 string, 4 number, 5 true, 6 false, 7 null
    switch ([int]$element.ValueKind) {
        3 { return $element.GetString() }
        4 { return $element.GetInt64() }
        5 { return $true }
        6 { return $false }
        2 {
            $list = [System.Collections.Generic.List[object]]::new()
            foreach ($item in $element.EnumerateArray()) { $list.Add((ConvertFrom-Wire $item)) }
            return , $list
        }
        1 {
            $table = @{}
            foreach ($member in $element.EnumerateObject()) {
                # The commonest values without a call of their own.
                $kind = [int]$member.Value.ValueKind
                if ($kind -eq 3) { $table[$member.Name] = $member.Value.GetString() }
                elseif ($kind -eq 4) { $table[$member.Name] = $member.Value.GetInt64() }
                else { $table[$member.Name] = ConvertFrom-Wire $member.Value }
            }
            if ($table.Count -eq 1) {
                if ($table.Contains('$bytes')) { return , [Convert]::FromBase64String($table['$bytes']) }
                # As the product hands dates out: local time.
                if ($table.Contains('$datetime')) { return [DateTime]::Parse($table['$datetime'], $null, 'RoundtripKind').ToLocalTime() }
            }
            return $table
        }
    }
}

# Asks the lab; returns its answer, or throws its error as the record that Windows would show.
function Invoke-Lab([string]$Verb, [hashtable]$With = @{}) {
    $LabLink.Writer.WriteLine('{"ask":"' + $Verb + '","with":' + (ConvertTo-Wire $With) + '}')
    $line = $LabLink.Reader.ReadLine()
    if ($null -eq $line) { throw 'The lab has gone.' }
    $answer = ConvertFrom-Wire ([System.Text.Json.JsonDocument]::Parse($line).RootElement)
    if ($answer.Contains('error')) { throw (New-LabRecord $answer['error']) }
    , $answer['value']
}

function New-LabRecord($told) {
    $exception = New-LabException $told['type'] $told['message']
    if ($told['hresult']) { $exception.HResult = [int]$told['hresult'] }
    $category = [System.Management.Automation.ErrorCategory]$told['category']
    [System.Management.Automation.ErrorRecord]::new($exception, ($told['fqid'] -split ',')[0], $category, $null)
}

# An exception of a type by its name. A type of the product is made up on the spot: .NET here has none of that name.
function New-LabException([string]$name, [string]$message) {
    $type = $name -as [type]
    if (-not $type) {
        if (-not $LabLink.Types[$name]) {
            $assembly = [Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly([Reflection.AssemblyName]"lab$($LabLink.Types.Count)", 'Run')
            $builder = $assembly.DefineDynamicModule('lab').DefineType($name, 'Public', [Exception])
            $maker = $builder.DefineConstructor('Public', 'Standard', [type[]]@([string]))
            $code = $maker.GetILGenerator()
            $code.Emit([Reflection.Emit.OpCodes]::Ldarg_0)
            $code.Emit([Reflection.Emit.OpCodes]::Ldarg_1)
            $code.Emit([Reflection.Emit.OpCodes]::Call, [Exception].GetConstructor([type[]]@([string])))
            $code.Emit([Reflection.Emit.OpCodes]::Ret)
            $LabLink.Types[$name] = $builder.CreateType()
        }
        $type = $LabLink.Types[$name]
    }
    [System.Activator]::CreateInstance($type, [object[]]@($message))
}

# An object with the methods and properties given as blocks; `$this` is the object.
function New-LabObject([string]$type, [hashtable]$values, [hashtable]$methods = @{}, [hashtable]$properties = @{}) {
    $object = [pscustomobject]$values
    $object.PSObject.TypeNames.Insert(0, $type)
    foreach ($name in $methods.Keys) { $object.PSObject.Members.Add([psscriptmethod]::new($name, $methods[$name])) }
    foreach ($name in $properties.Keys) { $object.PSObject.Properties.Add([psscriptproperty]::new($name, $properties[$name])) }
    $object
}

$real = @{}
foreach ($name in 'New-Object', 'Get-Item', 'Get-ChildItem', 'New-Item', 'Test-Path', 'Get-Date') {
    $real[$name] = $ExecutionContext.InvokeCommand.GetCommand($name, 'Cmdlet')
}

# ---- Clock and identity.

function Get-Date { (Invoke-Lab 'clock') }

class LabIdentity {
    [string]$Name
    static [LabIdentity] GetCurrent() {
        $made = [LabIdentity]::new()
        $made.Name = (Invoke-Lab 'identity')['name']
        return $made
    }
}
$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
[void]$accelerators::Remove('Security.Principal.WindowsIdentity')
$accelerators::Add('Security.Principal.WindowsIdentity', [LabIdentity])

# ---- Objects that New-Object would make on Windows.

function New-Object {
    [CmdletBinding()] param(
        [Parameter(Mandatory = $true, Position = 0)][string]$TypeName,
        [Parameter(Position = 1)][object[]]$ArgumentList,
        [Collections.IDictionary]$Property
    )
    switch -regex ($TypeName) {
        '(^|\.)X509Certificates\.X509Store$' { return New-LabStore $ArgumentList[0] $ArgumentList[1] }
        '(^|\.)Principal\.WindowsPrincipal$' {
            return New-LabObject 'LabPrincipal' @{ Admin = (Invoke-Lab 'identity')['admin'] } @{
                IsInRole = { param($role) [int]$role -eq [int][Security.Principal.WindowsBuiltInRole]::Administrator -and $this.Admin } }
        }
        '(^|\.)Principal\.SecurityIdentifier$' {
            if ($ArgumentList[0] -notmatch '^S-1(-\d+)+$') { throw [ArgumentException]::new('Value was invalid.', 'sddlForm') }
            return New-LabObject 'LabSid' @{ Value = $ArgumentList[0] }
        }
        '(^|\.)AccessControl\.FileSystemAccessRule$' {
            $rights = [enum]::Parse([Security.AccessControl.FileSystemRights], $ArgumentList[1], $true)
            $type = [Security.AccessControl.AccessControlType]$ArgumentList[2]
            return New-LabObject 'LabRule' @{ IdentityReference = $ArgumentList[0]; FileSystemRights = $rights; AccessControlType = $type }
        }
        '(^|\.)AccessControl\.RegistrySecurity$' {
            return New-LabRegistrySecurity ''
        }
        '(^|\.)Sockets\.TcpClient$' { if (Invoke-Lab 'strict-hello') { return New-LabClient $ArgumentList[0] $ArgumentList[1] } }
        '^(System\.)?IO\.FileInfo$' { return New-LabFile $ArgumentList[0] }
    }
    & $real['New-Object'] @PSBoundParameters
}

# An access list of the registry. Without sections a text is taken for all of them: owner, group, audit and access rules.
function New-LabRegistrySecurity([string]$sddl) {
    New-LabObject 'LabRegistrySecurity' @{ Sddl = $sddl; Sections = '' } @{
        SetSecurityDescriptorSddlForm = { param($text, $sections = 'All')
            $this.Sections = [Security.AccessControl.AccessControlSections]$sections
            # All has a name of its own, which does not tell its parts.
            if ($this.Sections -eq [Security.AccessControl.AccessControlSections]::All) { $this.Sections = 'Audit, Access, Owner, Group' }
            $this.Sddl = $text }
        GetSecurityDescriptorSddlForm = { param($sections)
            if ([Security.AccessControl.AccessControlSections]$sections -ne 'Access') { throw 'The lab knows access rules only.' }
            $this.Sddl }
    }
}

# The client's end of a connection to a server that is strict about what a ClientHello offers: a hello that is not enough
# never reaches the server here; it is answered as such a server does, by an alert (40, handshake_failure).
function New-LabClient([string]$name, [int]$port) {
    $real = [Net.Sockets.TcpClient]::new($name, $port)
    $real.ReceiveTimeout = 5000
    New-LabObject 'LabClient' @{ Real = $real; ReceiveTimeout = 0 } @{
        Close = { $this.Real.Close() }
        GetStream = {
            New-LabObject 'LabStream' @{ Real = $this.Real.GetStream(); Refused = $false } @{
                Write = { param($buffer, $at, $count)
                    $this.Refused = Invoke-Lab 'hello-refused' @{ Hello = [byte[]]$buffer[$at..($at + $count - 1)] }
                    if (-not $this.Refused) { $this.Real.Write($buffer, $at, $count) } }
                Read = { param($buffer, $at, $count)
                    if (-not $this.Refused) { return $this.Real.Read($buffer, $at, $count) }
                    [Array]::Copy([byte[]](21, 3, 3, 0, 2, 2, 40), 0, $buffer, $at, 7)
                    7 }
            }
        }
    }
}

# A file of which only the access list is of interest: the one of a machine key.
function New-LabFile([string]$path) {
    New-LabObject 'LabFile' @{ FullName = $path } @{
        GetAccessControl = {
            $rules = foreach ($ace in (Invoke-Lab 'acl-get' @{ Path = $this.FullName })) {
                New-LabObject 'LabRule' @{ IdentityReference = (New-LabObject 'LabSid' @{ Value = $ace['Sid'] })
                    FileSystemRights = [enum]::Parse([Security.AccessControl.FileSystemRights], $ace['Rights'])
                    AccessControlType = [Security.AccessControl.AccessControlType]$ace['Type'] }
            }
            New-LabObject 'LabFileSecurity' @{ Rules = @($rules); New = @() } @{
                GetAccessRules = { param($explicit, $inherited, $type)
                    if ($type -ne [Security.Principal.SecurityIdentifier]) { throw 'The lab knows accounts by SID only.' }
                    $this.Rules }
                AddAccessRule = { param($rule) $this.New += $rule }
            }
        }
        SetAccessControl = { param($list)
            foreach ($rule in $list.New) {
                Invoke-Lab 'acl-add' @{ Path = $this.FullName; Sid = $rule.IdentityReference.Value; Rights = "$($rule.FileSystemRights)" }
            }
        }
    }
}

# ---- Registry: what scripts reach through the provider's drives.

function Test-LabRegistry([string[]]$path) { "$path" -match '^(HKLM:|Registry::)' }

# The values of a key as one object; throws when there is no such key.
function Get-ItemProperty {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path, [string[]]$Name)
    $values = Invoke-Lab 'registry-get' @{ Path = $Path[0] }
    if ($null -eq $values) {
        $text = "Cannot find path '$($Path[0])' because it does not exist."
        $exception = [System.Management.Automation.ItemNotFoundException]::new($text)
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new($exception, 'PathNotFound', 'ObjectNotFound', $Path[0]))
        return
    }
    if ($values.Count) { New-LabObject 'LabRegistryValues' $values }
}

function Set-ItemProperty {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path, [Parameter(Mandatory = $true, Position = 1)][string]$Name,
        [Parameter(Position = 2)]$Value)
    [void](Invoke-Lab 'registry-set' @{ Path = $Path[0]; Name = $Name; Value = $Value })
}

function Remove-ItemProperty {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path, [Parameter(Mandatory = $true, Position = 1)][string[]]$Name)
    if (-not (Invoke-Lab 'registry-unset' @{ Path = $Path[0]; Name = $Name[0] })) {
        $exception = [ArgumentException]::new("Property $Name does not exist at path $Path.")
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new($exception, 'System.Management.Automation.PSArgumentException', 'InvalidArgument', $Name))
    }
}

function Test-Path {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path)
    if (Test-LabRegistry $Path) { return $null -ne (Invoke-Lab 'registry-get' @{ Path = $Path[0] }) }
    & $real['Test-Path'] @PSBoundParameters
}

function New-Item {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path, [string]$ItemType, [switch]$Force)
    if (-not (Test-LabRegistry $Path)) { return & $real['New-Item'] @PSBoundParameters }
    [void](Invoke-Lab 'registry-new' @{ Path = $Path[0]; Force = [bool]$Force })
    New-LabObject 'LabRegistryKey' @{ Name = $Path[0] }
}

function Get-ChildItem {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Path)
    if (-not (Test-LabRegistry $Path)) { return & $real['Get-ChildItem'] @PSBoundParameters }
    foreach ($key in (Invoke-Lab 'registry-children' @{ Path = $Path[0] })) {
        New-LabObject 'LabRegistryKey' @{ Name = $key['Name']; Values = $key['Values'] } @{ GetValue = { param($name) , $this.Values[$name] } }
    }
}

function Get-Acl {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path)
    New-LabRegistrySecurity (Invoke-Lab 'registry-access' @{ Path = $Path[0] })
}

function Set-Acl {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Path, [Parameter(Mandatory = $true, Position = 1)]$AclObject)
    [void](Invoke-Lab 'registry-acl' @{ Path = $Path[0]; Sddl = $AclObject.Sddl; Sections = "$($AclObject.Sections)" })
}

# ---- Services, file versions, events.

# System.ServiceProcess.ServiceControllerStatus
enum LabServiceStatus { Stopped = 1; StartPending; StopPending; Running; ContinuePending; PausePending; Paused }

function Get-Service {
    [CmdletBinding()] param([Parameter(Mandatory = $true, Position = 0)][string[]]$Name)
    foreach ($one in $Name) {
        $found = Invoke-Lab 'service' @{ Name = $one }
        if ($found) { New-LabObject 'LabService' @{ Name = $found['Name']; Status = [LabServiceStatus]$found['Status'] }; continue }
        $exception = [InvalidOperationException]::new("Cannot find any service with service name '$one'.")
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new($exception, 'NoServiceFoundForGivenName', 'ObjectNotFound', $one))
    }
}

function Get-Item {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Path, [string[]]$LiteralPath)
    if ("$Path$LiteralPath" -notmatch '^[A-Z]:\\') { return & $real['Get-Item'] @PSBoundParameters }
    $version = Invoke-Lab 'file-version' @{ Path = "$Path$LiteralPath" }
    if (-not $version) { throw [System.Management.Automation.ItemNotFoundException]::new("Cannot find path '$Path$LiteralPath' because it does not exist.") }
    New-LabObject 'LabFile' @{ FullName = "$Path$LiteralPath"; VersionInfo = (New-LabObject 'LabVersion' @{ FileVersion = $version }) }
}

# FilterHashtable with LogName, ProviderName and StartTime; newest first, as Windows gives them.
function Get-WinEvent {
    [CmdletBinding()] param([Parameter(Mandatory = $true)][hashtable]$FilterHashtable, [long]$MaxEvents = 0)
    $unknown = @($FilterHashtable.Keys | Where-Object { 'LogName', 'ProviderName', 'StartTime' -notcontains $_ })
    if ($unknown) { throw [ArgumentException]::new("The lab plays no $unknown in a FilterHashtable.") }
    $found = Invoke-Lab 'events' @{ Log = $FilterHashtable['LogName']; Sources = $FilterHashtable['ProviderName']
        After = $FilterHashtable['StartTime']; Newest = $MaxEvents }
    $problem = $found['problem']
    if ($problem) {
        $texts = @{ NoMatchingLogsFound = "There is not an event log on the localhost computer that matches `"$($FilterHashtable['LogName'])`"."
            NoMatchingProvidersFound = 'There is not an event provider on the localhost computer that matches.'
            NoMatchingEventsFound = 'No events were found that match the specified selection criteria.' }
        $record = [System.Management.Automation.ErrorRecord]::new([Exception]::new($texts[$problem]), $problem, 'ObjectNotFound', $null)
        $PSCmdlet.WriteError($record)
        return
    }
    foreach ($event in $found['events']) {
        [pscustomobject]@{ Id = [int]$event['Id']; ProviderName = $event['Source']; TimeCreated = $event['Time']; Level = [byte]$event['Level']
            LevelDisplayName = 'as the language of Windows has it'; Message = $event['Message']
            Properties = @([pscustomobject]@{ Value = $event['Message'] }) }
    }
}

# ---- Calls of the script's own functions, seen from outside: where faults strike.

# `& name` looks the command up; the lab is told when it begins and when it has ended. The function itself runs as it is.
function Watch-Calls([string[]]$names) {
    $ExecutionContext.InvokeCommand.PostCommandLookupAction = {
        param($name, $found)
        if ($names -cnotcontains $name -or $found.CommandOrigin -ne 'Internal') { return }
        $command = $found.Command
        $lab = $ExecutionContext.InvokeCommand.GetCommand('Invoke-Lab', 'Function')
        $before = if ($name -eq 'Test-TlsPresented') { $ExecutionContext.InvokeCommand.GetCommand('Update-LabChainStores', 'Function') }
        $found.CommandScriptBlock = {
            & $lab 'enter' @{ Name = $name }
            if ($before) { & $before }
            & $command
            & $lab 'leave' @{ Name = $name }
        }.GetNewClosure()
    }.GetNewClosure()
}

Export-ModuleMember -Function *
