"""Errors of Exchange cmdlets."""

from __future__ import annotations

import hashlib

from ..member.errors import CallError


def exchange_error(
    cmdlet: str, message: str, kind: str = "InvalidOperationException", category: str = "InvalidOperation"
) -> CallError:
    """A terminating error as Exchange's management shell reports it."""
    verb, _, noun = cmdlet.partition("-")
    number = hashlib.sha256(f"{cmdlet} {message}".encode()).hexdigest()[:8].upper()
    return CallError(
        message,
        f"[FailureCategory=Cmdlet-{kind}] {number},Microsoft.Exchange.Management.SystemConfigurationTasks.{verb}{noun}",
        f"System.{kind}",
        category,
    )


def no_object(cmdlet: str, what: str) -> CallError:
    """Nothing of that name."""
    controller = "dc1.corp.contoso.example"
    text = f"The operation couldn't be performed because object '{what}' couldn't be found on '{controller}'."
    return exchange_error(cmdlet, text, "ManagementObjectNotFoundException", "NotSpecified")


def not_played(cmdlet: str, what: str) -> CallError:
    """The metadata allows it and the lab does not play it."""
    return CallError(f"The lab does not play {cmdlet} {what}.", f"lab.NotPlayed,{cmdlet}", category="NotImplemented")
