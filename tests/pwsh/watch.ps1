# Dot-sourced before a script: writes down what is bound to parameters of commands, as Windows' module logging does (event 4103).
# Two witnesses: PowerShell's own trace of parameter binding, as text, into the file $traceFile; and every cmdlet behind a function
# of its name, which keeps its arguments down to the last byte in $seen.
$seen = New-Object Collections.ArrayList

function Expand-Value($value) {
    if ($null -eq $value) { return '' }
    if ($value -is [byte[]]) { return [Convert]::ToBase64String($value) }
    if ($value -is [Security.SecureString]) {
        $pointer = [Runtime.InteropServices.Marshal]::SecureStringToGlobalAllocUnicode($value)
        return [Runtime.InteropServices.Marshal]::PtrToStringUni($pointer)
    }
    if ($value -is [IO.MemoryStream]) { return [Convert]::ToBase64String($value.ToArray()) }
    if ($value -isnot [string] -and $value -is [Collections.IDictionary]) {
        return (@(foreach ($key in $value.Keys) { "$key=" + (Expand-Value $value[$key]) }) -join ' ')
    }
    if ($value -isnot [string] -and $value -is [Collections.IEnumerable]) { return (@(foreach ($item in $value) { Expand-Value $item }) -join ' ') }
    "$value"
}

$behind = @{}
foreach ($cmdlet in @(Get-Command -CommandType Cmdlet)) { $behind[$cmdlet.Name] = $cmdlet }
foreach ($name in @($behind.Keys)) {
    # Those that need the pipeline or the caller's scope stay as they are; the text trace sees them.
    if ('ForEach-Object', 'Where-Object', 'Out-Default', 'Out-Null', 'Set-StrictMode', 'Set-Variable', 'Get-Variable', 'Import-Module' -contains $name) { continue }
    $text = "[void]`$seen.Add('$name ' + (Expand-Value `$args)); "
    if ($name -eq 'New-Object') {
        # There is no LocalMachine store here: the user's own takes its place.
        $text += "if (`$args[0] -like '*X509Store') { `$args[1] = @(`$args[1][0], 'CurrentUser') }; "
    }
    Set-Item -Path "function:global:$name" -Value ([scriptblock]::Create($text + "& `$behind['$name'] @args"))
}

$hidden = [Reflection.BindingFlags]'NonPublic,Public,Instance,Static'
$tracers = [psobject].Assembly.GetType('System.Management.Automation.PSTraceSource').GetProperty('TraceCatalog', $hidden).GetValue($null)
$tracer = $tracers['ParameterBinding']
$all = [enum]::Parse([psobject].Assembly.GetType('System.Management.Automation.PSTraceSourceOptions'), 'All')
$tracer.GetType().GetProperty('Options', $hidden).SetValue($tracer, $all)
$source = $tracer.GetType().GetProperty('TraceSource', $hidden).GetValue($tracer)
$source.Switch.Level = 'All'
[void]$source.Listeners.Add([Diagnostics.TextWriterTraceListener]::new($traceFile))
