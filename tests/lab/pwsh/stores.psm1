# Certificate stores of the machine and the keys in them. The X.509 work is real: a LocalMachine store is a CurrentUser store of
# the same name in the member's own home, PFX files are opened by .NET, keys sign. The lab says what lies in a store, whether a
# key may be used, and in which CryptoAPI container it lies: Linux has no such containers.

$x509 = [System.Security.Cryptography.X509Certificates.X509Certificate2]

function New-LabStore([string]$name, $location) {
    $location = "$([System.Security.Cryptography.X509Certificates.StoreLocation]$location)"
    # The administrator's own store must not be the machine's, which has its name here.
    $here = if ($location -eq 'LocalMachine') { $name } else { "admin-$name" }
    $real = [System.Security.Cryptography.X509Certificates.X509Store]::new($here, 'CurrentUser')
    New-LabObject 'LabStore' @{ Name = $name; Location = $location; Real = $real; Writable = $false; Opened = $false } @{
        Open = { param($flags)
            $wanted = [System.Security.Cryptography.X509Certificates.OpenFlags]$flags
            $this.Writable = $wanted.HasFlag([System.Security.Cryptography.X509Certificates.OpenFlags]::ReadWrite)
            $existing = $wanted.HasFlag([System.Security.Cryptography.X509Certificates.OpenFlags]::OpenExistingOnly)
            $entries = Invoke-Lab 'store-open' @{ Store = $this.Name; Location = $this.Location; Write = $this.Writable; Existing = $existing }
            $this.Real.Open('ReadWrite')
            Sync-LabStore $this.Real $entries
            $this.Opened = $true
        }
        Add = { param($certificate)
            Assert-LabStore $this
            $this.Real.Add($certificate)
            [void](Invoke-Lab 'store-add' @{ Store = $this.Name; Location = $this.Location; RawData = $certificate.RawData; FriendlyName = $certificate.FriendlyName
                    Container = $certificate.LabContainer })
        }
        Remove = { param($certificate)
            Assert-LabStore $this
            $this.Real.Remove($certificate)
            [void](Invoke-Lab 'store-remove' @{ Store = $this.Name; Location = $this.Location; Thumbprint = $certificate.Thumbprint })
        }
        Close = { $this.Real.Close(); $this.Opened = $false }
    } @{ Certificates = {
            if (-not $this.Opened) { throw [System.Security.Cryptography.CryptographicException]::new('The X509 certificate store has not been opened.') }
            # Notes of the lab (friendly name, container) hang on objects: read again, they are put on again.
            $names = @{}
            foreach ($entry in (Invoke-Lab 'store-open' @{ Store = $this.Name; Location = $this.Location; Write = $false; Existing = $true })) { $names[$entry['Thumbprint']] = $entry }
            foreach ($certificate in $this.Real.Certificates) {
                $entry = $names[$certificate.Thumbprint]
                Set-LabNote $certificate 'LabFriendlyName' $entry['FriendlyName']
                Set-LabNote $certificate 'LabContainer' $entry['Container']
                $certificate
            }
        } }
}

function Assert-LabStore($store) {
    if ($store.Opened -and $store.Writable) { return }
    throw [System.Security.Cryptography.CryptographicException]::new('The X509 certificate store is read-only.')
}

# Makes a store hold what the lab says it holds, keys included.
function Sync-LabStore($store, $entries) {
    $wanted = @{}
    foreach ($entry in $entries) { $wanted[$entry['Thumbprint']] = $entry }
    $have = @{}
    foreach ($certificate in $store.Certificates) {
        $entry = $wanted[$certificate.Thumbprint]
        $key = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
        $text = if ($key) { $key.ExportPkcs8PrivateKeyPem().Trim() } else { '' }
        if ($entry -and "$($entry['Key'])".Trim() -eq $text) { $have[$certificate.Thumbprint] = $true } else { $store.Remove($certificate) }
    }
    foreach ($entry in $entries) {
        if ($have[$entry['Thumbprint']]) { continue }
        $certificate = $x509::new([byte[]]$entry['RawData'])
        # .NET puts no key to a certificate that it does not belong to; CryptoAPI would. Get-LabKey finds such a one.
        if ($entry['Key']) { try { $certificate = $x509::CreateFromPem($certificate.ExportCertificatePem(), $entry['Key']) } catch { } }
        $store.Add($certificate)
    }
}

# .NET builds the chain it sends from these stores of the home, which nobody need have opened since the member's changed.
function Update-LabChainStores {
    foreach ($name in 'CA', 'Root') { $store = New-LabStore $name 'LocalMachine'; $store.Open('ReadOnly'); $store.Close() }
}

function Set-LabNote($object, [string]$name, $value) {
    $property = $object.PSObject.Properties[$name]
    if ($property) { $property.Value = $value } else { $object.PSObject.Properties.Add([psnoteproperty]::new($name, $value)) }
}

# What a certificate's PrivateKey is on Windows and not here (types.ps1xml leads here).
function Get-LabKey($certificate) {
    if (-not $certificate.LabContainer) { return $certificate.PSBase.PrivateKey }
    # Throws what Windows throws: no such key set, or a provider that .NET cannot open.
    $facts = Invoke-Lab 'key' @{ Container = $certificate.LabContainer }
    $key = $certificate.PSBase.PrivateKey
    if (-not $key) { $key = [System.Security.Cryptography.RSA]::Create(); $key.ImportFromPem($facts['Key']) }
    Set-LabNote $key 'LabContainer' $certificate.LabContainer
    Set-LabNote $key 'PersistKeyInCsp' $true
    Set-LabNote $key 'CspKeyContainerInfo' (New-LabObject 'LabContainerInfo' @{
            ProviderName = $facts['Provider']; KeyContainerName = $facts['Container']; UniqueKeyContainerName = $facts['File']
            KeyNumber = [System.Security.Cryptography.KeyNumber]$facts['KeySpec']; MachineKeyStore = $facts['Machine']
            Exportable = $facts['Exportable'] })
    # The last word over a container is spoken when the key is let go.
    $key.PSObject.Members.Add([psscriptmethod]::new('Clear', {
                if (-not $this.PersistKeyInCsp) { [void](Invoke-Lab 'key-delete' @{ Container = $this.LabContainer }) } }))
    $key
}

# CryptoAPI's part in opening a PFX: whether this Windows can read it at all, and the container that the key lands in.
class LabActivator {
    static [object] CreateInstance([type]$type) { return [System.Activator]::CreateInstance($type) }
    static [object] CreateInstance([type]$type, [object[]]$arguments) {
        if ($type -ne [System.Security.Cryptography.X509Certificates.X509Certificate2] -or $arguments.Count -ne 3) {
            return [System.Activator]::CreateInstance($type, $arguments)
        }
        $pointer = [Runtime.InteropServices.Marshal]::SecureStringToGlobalAllocUnicode($arguments[1])
        $password = [Runtime.InteropServices.Marshal]::PtrToStringUni($pointer)
        $container = Invoke-Lab 'pfx' @{ Pfx = $arguments[0]; Password = $password; Flags = "$($arguments[2])" }
        $certificate = [System.Activator]::CreateInstance($type, $arguments)
        Set-LabNote $certificate 'LabContainer' $container
        return $certificate
    }
}
$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
[void]$accelerators::Remove('Activator')
$accelerators::Add('Activator', [LabActivator])

Export-ModuleMember -Function *
