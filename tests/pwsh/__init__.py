"""The shipped remote_calls.ps1, run by PowerShell itself."""
