# Lists what in a PowerShell script would not run on PowerShell 2.0 with .NET Framework 2.0 or 3.5.
#
#     pwsh -NoProfile -File ps20check.ps1 SCRIPT [NAME,NAME,...]
#
# NAME: commands that the script may call besides those of PowerShell 2.0 and its own functions. One finding a line; exit
# code 1 when there is one. It reads the script with PowerShell's own parser and runs nothing of it. What it cannot see is
# listed in docs/powershell-2.0.md. The names it goes by are in data/, with their sources.
param([string]$Script, [string]$Known = '')
$ErrorActionPreference = 'Stop'
$here = [IO.Path]::GetDirectoryName($MyInvocation.MyCommand.Path)

# ---- What there is.

$commands = [Collections.Generic.Dictionary[string, string[]]]::new([StringComparer]::OrdinalIgnoreCase)
foreach ($line in [IO.File]::ReadAllLines([IO.Path]::Combine($here, 'data', 'commands-2.0.txt'))) {
    if ($line.StartsWith('#')) { continue }
    $name, $parameters = $line -split ': ?', 2
    $commands[$name] = @($parameters -split ' ' | Where-Object { $_ })
}
$members = [Collections.Generic.Dictionary[string, object]]::new([StringComparer]::OrdinalIgnoreCase)
$methods = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
foreach ($line in [IO.File]::ReadAllLines([IO.Path]::Combine($here, 'data', 'types-2.0.txt'))) {
    if ($line.StartsWith('#')) { continue }
    $head, $names = $line -split ': ?', 2
    $type, $base = $head -split ' < ', 2
    $names = @($names -split ' ' | Where-Object { $_ } | ForEach-Object { $_.TrimStart('*') })
    $members[$type] = @{ Base = $base; Names = $names }
    foreach ($name in $names) { [void]$methods.Add($name) }
}
# Methods that PowerShell itself adds: to method objects, script blocks and errors.
foreach ($name in 'Invoke', 'GetNewClosure', 'GetSteppablePipeline', 'InvokeReturnAsIs', 'Add', 'Remove', 'Clear', 'ToString', 'GetType') {
    [void]$methods.Add($name)
}
# Type names that PowerShell 2.0 knows by itself, and the types behind them.
$short = @{ array = 'System.Array'; bool = 'System.Boolean'; byte = 'System.Byte'; char = 'System.Char'; decimal = 'System.Decimal'
    double = 'System.Double'; float = 'System.Single'; hashtable = 'System.Collections.Hashtable'; int = 'System.Int32'
    ipaddress = 'System.Net.IPAddress'; long = 'System.Int64'; regex = 'System.Text.RegularExpressions.Regex'
    scriptblock = ''; single = 'System.Single'; string = 'System.String'; switch = ''; type = 'System.Type'; void = ''; xml = ''
    psobject = ''; ref = ''; adsi = ''; wmi = ''; wmiclass = ''; wmisearcher = ''; psmoduleinfo = ''; powershell = ''; runspace = ''
    runspacefactory = ''; adsisearcher = ''; cmdletbinding = ''; parameter = ''; alias = ''; allownull = ''; allowemptystring = ''
    allowemptycollection = ''; validatenotnull = ''; validatenotnullorempty = ''; validateset = ''; validaterange = ''
    validatelength = ''; validatepattern = ''; validatescript = ''; validatecount = ''; outputtype = ''; guid = 'System.Guid' }
# Namespaces of the products and of PowerShell, whose types are not listed.
$foreign = '^(System\.Management\.Automation|Management\.Automation|Microsoft\.Exchange|Microsoft\.Rtc|System\.Diagnostics\.Eventing)\.'

# The full name of a type that .NET 2.0/3.5 has; '' for one that has no list of members; $null for none.
function Find-Type([string]$name) {
    $name = $name -replace '(\[[\],]*\])+$', '' -replace '\[.*$', ''
    if ($name -match $foreign) { return '' }
    if ($short.ContainsKey($name)) { return $short[$name] }
    foreach ($candidate in $name, "System.$name") {
        foreach ($arity in '', '`1', '`2', '`3') { if ($members.ContainsKey("$candidate$arity")) { return "$candidate$arity" } }
    }
    return $null
}

function Test-Member([string]$type, [string]$name) {
    while ($type -and $members.ContainsKey($type)) {
        if ($members[$type].Names -contains $name) { return $true }
        $type = $members[$type].Base
    }
    return $false
}

# ---- Look.

$found = [Collections.Generic.List[string]]::new()
$file = [IO.Path]::GetFileName($Script)
function Add-Finding($node, [string]$what) {
    $text = ($node.Extent.Text -split "`n")[0].Trim()
    $found.Add("${file}:$($node.Extent.StartLineNumber): $what`: $text")
}

$tokens = $problems = $null
$tree = [System.Management.Automation.Language.Parser]::ParseFile([IO.Path]::GetFullPath($Script), [ref]$tokens, [ref]$problems)
foreach ($problem in $problems) { Add-Finding $problem "does not parse ($($problem.Message))" }

$own = [Collections.Generic.HashSet[string]]::new([string[]]@($Known -split ',' | Where-Object { $_ }), [StringComparer]::OrdinalIgnoreCase)
foreach ($function in $tree.FindAll({ $args[0].GetType().Name -eq 'FunctionDefinitionAst' }, $true)) { [void]$own.Add($function.Name) }

$newSyntax = @{ UsingStatementAst = 'using'; TypeDefinitionAst = 'class or enum'; TernaryExpressionAst = '? :'; PipelineChainAst = '&& or ||'
    ConfigurationDefinitionAst = 'configuration'; DynamicKeywordStatementAst = 'a keyword'; UsingExpressionAst = '$using:'; BaseCtorInvokeMemberExpressionAst = 'class' }
$newOperators = 'In', 'Iin', 'Cin', 'NotIn', 'Inotin', 'Cnotin', 'Shl', 'Shr', 'QuestionQuestion', 'QuestionQuestionEquals'
$newVariables = 'PSItem', 'PSScriptRoot', 'PSCommandPath', 'IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR', 'PSEdition'
$aliases = @{ '%' = 'ForEach-Object'; 'foreach' = 'ForEach-Object'; '?' = 'Where-Object'; 'where' = 'Where-Object'; 'select' = 'Select-Object' }

function Find-InCommand($node) {
    $name = $node.GetCommandName()
    if (-not $name) { return }
    if ($aliases.ContainsKey($name)) { $name = $aliases[$name] }
    $elements = @($node.CommandElements | Select-Object -Skip 1)
    if ('ForEach-Object', 'Where-Object' -contains $name -and $elements.Count -and "$($elements[0])" -notmatch '^[{$-]') {
        Add-Finding $node "$name with a property's name instead of a block"
    }
    if ($own.Contains($name)) { return }
    if (-not $commands.ContainsKey($name)) { Add-Finding $node "PowerShell 2.0 has no command $name"; return }
    $before = ''
    foreach ($element in $elements) {
        if ($element.GetType().Name -eq 'CommandParameterAst') {
            $before = $element.ParameterName
            # Unambiguous beginnings of names, and the short names of common parameters, are names.
            $known = @($commands[$name]) + @($commands['*']) | Where-Object { $_ -like "$before*" }
            if (-not $known -and 'ea', 'ev', 'wa', 'wv', 'ov', 'ob', 'vb', 'db' -notcontains $before) { Add-Finding $node "$name has no parameter -$before" }
            if ("$($element.Argument)".Trim("'") -eq 'Ignore' -and $before -match '^(ea|ErrorA)') { Add-Finding $node '-ErrorAction Ignore' }
        } else {
            if ("$element".Trim("'") -eq 'Ignore' -and $before -match '^(ea|ErrorA)') { Add-Finding $node '-ErrorAction Ignore' }
            $before = ''
        }
    }
    if ($name -eq 'New-Object' -and $node -notmatch '-ComObject') {
        $type = $elements | Where-Object { $_.GetType().Name -eq 'StringConstantExpressionAst' } | Select-Object -First 1
        if ($type -and 'PSObject', 'PSCustomObject' -notcontains $type.Value -and $null -eq (Find-Type $type.Value)) {
            Add-Finding $node ".NET 2.0/3.5 has no type $($type.Value)"
        }
    }
}

function Find-InCall($node) {
    if ($node.NullConditional) { Add-Finding $node '?.' }
    $name = "$($node.Member)".Trim("'", '"')
    if ($node.Static) {
        if ($name -eq 'new') { Add-Finding $node '::new()'; return }
        if ($node.Expression.GetType().Name -ne 'TypeExpressionAst') { return }
        $type = Find-Type $node.Expression.TypeName.FullName
        if ($type -and -not (Test-Member $type $name)) { Add-Finding $node "$type of .NET 2.0/3.5 has no $name" }
    } elseif ($node.Member.GetType().Name -eq 'StringConstantExpressionAst') {
        if ('Where', 'ForEach' -contains $name) { Add-Finding $node ".$name()" }
        elseif (-not $methods.Contains($name)) { Add-Finding $node "no type of .NET 2.0/3.5 has a method $name" }
    }
}

foreach ($node in $tree.FindAll({ $true }, $true)) {
    $kind = $node.GetType().Name
    if ($newSyntax.ContainsKey($kind)) { Add-Finding $node "newer than 2.0: $($newSyntax[$kind])" }
    switch ($kind) {
        'BinaryExpressionAst' { if ($newOperators -contains "$($node.Operator)") { Add-Finding $node "newer than 2.0: operator $($node.Operator)" } }
        'AssignmentStatementAst' { if ($newOperators -contains "$($node.Operator)") { Add-Finding $node "newer than 2.0: operator $($node.Operator)" } }
        'VariableExpressionAst' { if ($newVariables -contains $node.VariablePath.UserPath) { Add-Finding $node 'a variable newer than 2.0' } }
        'FileRedirectionAst' { if ('Output', 'Error' -notcontains "$($node.FromStream)") { Add-Finding $node 'redirection of this stream is newer than 2.0' } }
        'MergingRedirectionAst' { if ("$($node.FromStream)" -ne 'Error') { Add-Finding $node 'redirection of this stream is newer than 2.0' } }
        'NamedAttributeArgumentAst' { if ($node.ExpressionOmitted) { Add-Finding $node 'an attribute argument without a value' } }
        { 'TypeExpressionAst', 'TypeConstraintAst' -contains $_ } {
            $name = $node.TypeName.FullName
            if ('ordered', 'pscustomobject' -contains $name) { Add-Finding $node "newer than 2.0: [$name]" }
            elseif ($null -eq (Find-Type $name)) { Add-Finding $node '.NET 2.0/3.5 has no such type' }
        }
        'CommandAst' { Find-InCommand $node }
        'InvokeMemberExpressionAst' { Find-InCall $node }
    }
}
$found
if ($found.Count) { exit 1 }
'nothing newer than PowerShell 2.0 found'
