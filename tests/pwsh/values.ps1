# Values that a cmdlet may hand out, live and as remoting makes them again, for test_written.py. `Again` is the way over the wire.
function Again($value) { [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($value)) }
# As the wire has a type that this side does not know; what it is over is a number.
function Sent([string]$type, [string]$text, [string]$inner) {
    [Management.Automation.PSSerializer]::Deserialize('<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">' +
        "<Obj RefId=`"0`"><TN RefId=`"0`"><T>$type</T>$(if ($type -like '*Mode') { '<T>System.Enum</T>' })<T>System.ValueType</T>" +
        "<T>System.Object</T></TN><ToString>$text</ToString>$inner</Obj></Objs>")
}
function Noted($value) {
    $value = [psobject]::AsPSObject($value)
    $value.PSObject.Properties.Add([psnoteproperty]::new('Note', 1))
    , [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($value))
}
class NoText { [string] ToString() { throw 'it has no text' } }
class Silent : Exception { [string] get_Message() { return $null } }
class Half : Collections.IEnumerable { [Collections.IEnumerator] GetEnumerator() { throw 'the connection was lost on the way' } }

$secret = [securestring]::new()
foreach ($character in 'canary'.ToCharArray()) { $secret.AppendChar($character) }
$self = [Collections.ArrayList]::new(); [void]$self.Add($self); [void]$self.Add($self)
$table = @{}; $table['Table'] = $table
$deep = 'x'; foreach ($level in 1..500) { $deep = , $deep }
$thirty = 'x'; foreach ($level in 1..30) { $thirty = , $thirty }
$around = New-Object PSObject; $around.PSObject.Properties.Add([psnoteproperty]::new('Self', $around))
$global:Good = @{
    LiveEnum = [IO.FileAttributes]'Hidden, System'; SentEnum = Again ([IO.FileAttributes]'Hidden, System'); NoFlag = Again ([IO.FileAttributes]0)
    ForeignEnum = Sent 'Microsoft.Exchange.Data.UMStartupMode' 'TLS' '<I32>1</I32>'
    LongEnum = Sent 'Microsoft.Exchange.Data.UMStartupMode' 'Dual' '<I64>9007199254740993</I64>'
    EnumList = Again @([DayOfWeek]'Monday', [DayOfWeek]'Friday'); ForeignNumber = Sent 'Microsoft.Exchange.Data.Count' 'about five' '<I32>5</I32>'
    Endless = [double]::PositiveInfinity; NoNumber = [double]::NaN; Below = Again ([single]::NegativeInfinity); Huge = 1e300; Tiny = Again (-2.5e-300)
    Long = Again ([long]::MinValue); First = [DateTime]::SpecifyKind([DateTime]::MinValue, 'Utc'); Last = [DateTime]::SpecifyKind([DateTime]::MaxValue, 'Utc')
    NotedDate = Noted ([DateTime]::SpecifyKind([DateTime]'2026-07-01', 'Utc')); NotedBytes = Noted ([byte[]](1, 255)); NotedTrue = Noted $true
    NotedTable = Noted @{ Inner = @($null, 'x', @()) }; Span = Again ([TimeSpan]'08:00:00'); Guid = Again ([Guid]::Empty); Version = Again ([version]'15.2.1')
    Uri = Again ([uri]'https://mail.contoso.example/owa'); Char = Again ([char]'x'); Decimal = Again ([decimal]1.5); Nulls = Again @($null, 1, $null)
    List = Again ([Collections.ArrayList]@('a', @('b'))); Table = Again @{ Key = @{ Deep = $null } }; Bag = Again (New-Object PSObject -Property @{ A = 1 })
    Secret = $secret; Login = [pscredential]::new('user', $secret); Thirty = $thirty; Builder = [Text.StringBuilder]'{"raw":1}'; Off = $false
}
$global:Bad = @{ NoText = [NoText]::new(); Self = $self; SelfTable = $table; Deep = $deep; Half = [Half]::new() }

function Get-CsCertificate { [CmdletBinding()] param($Type) New-Object PSObject -Property $(if ($Type) { $global:Bad } else { $global:Good }) }
function Set-CsCertificate { [CmdletBinding()] param($Thumbprint) $global:Made++; [Console]::Error.WriteLine("made: $Thumbprint") }
function Get-CsComputer { New-Object PSObject -Property @{ Local = $true } }
function Remove-CsCertificate { throw [Silent]::new() }
# A property whose getter throws, and one that is none of a bag's.
function Get-CsWindowsService { $one = New-Object PSObject -Property @{ Name = 'RTCSRV' }
    $one.PSObject.Properties.Add([psscriptproperty]::new('Status', { throw 'the service has gone' })); $one }
function Get-CsAVEdgeConfiguration { $around }
