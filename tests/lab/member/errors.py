"""Errors as PowerShell shows them."""

from __future__ import annotations

BINDING = "System.Management.Automation.ParameterBindingException"
CRYPTO = "System.Security.Cryptography.CryptographicException"
RUNTIME = "System.Management.Automation.RuntimeException"


class CallError(Exception):
    """A terminating error of one call: message, exception type, FullyQualifiedErrorId, category."""

    def __init__(self, message: str, fqid: str, type_name: str = RUNTIME, category: str = "NotSpecified") -> None:
        super().__init__(message)
        self.message = message
        self.fqid = fqid
        self.type = type_name
        self.category = category

    def record(self) -> dict[str, str]:
        """The error of a reply: the message without the line end that Windows puts behind many."""
        return {"message": self.message.strip(), "type": self.type, "fqid": self.fqid, "category": self.category}


def not_found(command: str) -> CallError:
    """The error of a command that no module, script or program of that name is loaded for."""
    return CallError(
        f"The term '{command}' is not recognized as the name of a cmdlet, function, script file, or operable program. "
        "Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
        "CommandNotFoundException",
        "System.Management.Automation.CommandNotFoundException",
        "ObjectNotFound",
    )


def prompts(command: str) -> CallError:
    """The error of a cmdlet that wants to ask while PowerShell is not interactive."""
    return CallError(
        "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
        f"InvalidOperation,{command}",
        "System.Management.Automation.PSInvalidOperationException",
        "InvalidOperation",
    )
