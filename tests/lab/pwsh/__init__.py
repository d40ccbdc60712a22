"""The engine that runs what arrives in PowerShell itself; only what Linux lacks is played."""
