#region toy: toy
$product += 'Get-ToyBinding', 'Get-ToySetting', 'Set-ToyBinding', 'Set-ToySetting'
if ($root['load'] -contains 'toy') {
    try {
        $found = @(Import-Module Toy -PassThru -DisableNameChecking -ErrorAction Stop -WarningAction SilentlyContinue)[0]
        [void]$loaded.Add(@{ name = $found.Name; version = "$($found.Version)" })
    } catch { $loadError = (Get-Fault $_).message }
}
#endregion

