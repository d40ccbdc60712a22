# One long-lived PowerShell of one member: takes scripts from the lab, runs each in a runspace of its own, tells what came out.
# The connection: UCOPS_LAB_PORT on loopback; the first line is UCOPS_LAB_TOKEN. Lines of JSON in both directions.
$ErrorActionPreference = 'Stop'
$here = [IO.Path]::GetDirectoryName($MyInvocation.MyCommand.Path)
$client = [Net.Sockets.TcpClient]::new('127.0.0.1', [int]$env:UCOPS_LAB_PORT)
$client.NoDelay = $true
$encoding = [Text.UTF8Encoding]::new($false)
$reader = [IO.StreamReader]::new($client.GetStream(), $encoding)
$writer = [IO.StreamWriter]::new($client.GetStream(), $encoding)
$writer.NewLine = "`n"
$writer.AutoFlush = $true
$writer.WriteLine($env:UCOPS_LAB_TOKEN)
$link = [pscustomobject]@{ Reader = $reader; Writer = $writer; Types = @{} }

# Every cmdlet that is here, whatever module it came from, in every runspace.
$state = [System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
$have = @{}
foreach ($command in $state.Commands) { $have[$command.Name] = $true }
foreach ($command in (Get-Command -CommandType Cmdlet)) {
    if ($have[$command.Name]) { continue }
    $state.Commands.Add([System.Management.Automation.Runspaces.SessionStateCmdletEntry]::new($command.Name, $command.ImplementingType, $null))
}
$state.Types.Add([System.Management.Automation.Runspaces.SessionStateTypeEntry]::new([IO.Path]::Combine($here, 'types.ps1xml')))
$state.Variables.Add([System.Management.Automation.Runspaces.SessionStateVariableEntry]::new('LabLink', $link, ''))
$state.ImportPSModule([string[]]@([IO.Path]::Combine($here, 'windows.psm1'), [IO.Path]::Combine($here, 'stores.psm1'), [IO.Path]::Combine($here, 'exchange.psm1')))

# Runs a script as WinRS or PSRP would, `$lines` as its input; returns output, errors and how it ended.
function Invoke-Script([string]$script, [string[]]$lines, [string[]]$watched, [string]$language) {
    $runspace = [runspacefactory]::CreateRunspace($state)
    $runspace.Open()
    $shell = [powershell]::Create()
    $shell.Runspace = $runspace
    try {
        if ($env:UCOPS_LAB_TRACE) { & ([IO.Path]::Combine($here, 'trace.ps1')) $runspace $env:UCOPS_LAB_TRACE }
        [void]$shell.AddCommand('Watch-Calls').AddParameter('names', $watched).Invoke()
        $shell.Commands.Clear()
        if ($language) { $runspace.SessionStateProxy.LanguageMode = $language }
        $given = [System.Management.Automation.PSDataCollection[psobject]]::new()
        foreach ($line in $lines) { $given.Add($line) }
        $given.Complete()
        $out = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $failed = $null
        try { [void]$shell.AddScript($script).Invoke($given, $out, $null) }
        catch { $failed = $_.Exception; while ($failed.InnerException) { $failed = $failed.InnerException } }
        $texts = @(foreach ($object in $out) { "$object" })
        $errors = @(foreach ($record in $shell.Streams.Error) { "$record`n    + FullyQualifiedErrorId : $($record.FullyQualifiedErrorId)" })
        if ($failed) { $errors += "$($failed.Message)`n    + FullyQualifiedErrorId : $($failed.ErrorRecord.FullyQualifiedErrorId)" }
        @{ out = $texts; errors = $errors; failed = [bool]$failed }
    }
    finally { $shell.Dispose(); $runspace.Dispose() }
}

while ($null -ne ($line = $reader.ReadLine())) {
    $job = [System.Text.Json.JsonDocument]::Parse($line).RootElement
    if ($job.GetProperty('powershell').GetString()) { $PSVersionTable['PSVersion'] = [version]$job.GetProperty('powershell').GetString() }
    $lines = @(foreach ($item in $job.GetProperty('stdin').EnumerateArray()) { $item.GetString() })
    $watched = @(foreach ($item in $job.GetProperty('watched').EnumerateArray()) { $item.GetString() })
    $done = Invoke-Script $job.GetProperty('script').GetString() $lines $watched $job.GetProperty('language').GetString()
    $said = [System.Collections.Generic.Dictionary[string, object]]::new()
    $said['done'] = $true
    $said['failed'] = [bool]$done['failed']
    $said['out'] = [string[]]$done['out']
    $said['errors'] = [string[]]$done['errors']
    $writer.WriteLine([System.Text.Json.JsonSerializer]::Serialize($said, [System.Collections.Generic.Dictionary[string, object]]))
}
