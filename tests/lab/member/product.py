"""The product's cmdlets: what they answer and what they do, with the traps that are built in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from . import cmdlets, edge, services
from .edge import Pool
from .errors import CallError, prompts
from .state import State
from .stores import Entry

Row = dict[str, Any]
_SHORT = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "S",
    NameOID.COUNTRY_NAME: "C",
    NameOID.DOMAIN_COMPONENT: "DC",
}


class Context:
    """What a cmdlet works on."""

    def __init__(self, state: State, pool: Pool) -> None:
        self.state = state
        self.pool = pool
        self.calls_changed = asyncio.Event()
        """Set (and replaced) when the number of calls or a clock has changed; a waiting stop looks again."""

    def wake(self) -> None:
        """Let waiting stops look again."""
        self.calls_changed.set()
        self.calls_changed = asyncio.Event()


def windows_name(name: x509.Name) -> str:
    """A distinguished name as .NET prints it: most specific part first, ", " between, values with a comma quoted."""
    parts = []
    for attribute in reversed(list(name)):
        value = str(attribute.value)
        shown = f'"{value}"' if any(c in value for c in ',+="<>#;\n') else value
        parts.append(f"{_SHORT.get(attribute.oid, attribute.oid.dotted_string)}={shown}")
    return ", ".join(parts)


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number as Windows prints it: upper-case hex, even length."""
    text = f"{certificate.serial_number:X}"
    return text if len(text) % 2 == 0 else "0" + text


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The DNS names of the subject alternative name."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


async def get_certificate(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-CsCertificate: the assigned ones only."""
    rows = []
    for use, assignment in at.state.assigned.items():
        if given.get("Type") and use not in given["Type"]:
            continue
        staged = assignment.pending if at.state.behaviour.rolled_shape == "successor" else None
        entry = at.state.entry(staged or assignment.thumbprint)
        if entry is None:
            continue
        previous = assignment.thumbprint if staged else assignment.previous
        rows.append(_certificate_row(at.state, use, entry, assignment.effective if staged else None, previous))
    return rows


def _certificate_row(state: State, use: str, entry: Entry, effective: Any, previous: str | None) -> Row:
    certificate = entry.certificate
    return {
        "Issuer": windows_name(certificate.issuer),
        "NotAfter": certificate.not_valid_after_utc,
        "NotBefore": certificate.not_valid_before_utc,
        "SerialNumber": serial_text(certificate),
        "Subject": windows_name(certificate.subject),
        "AlternativeNames": dns_names(certificate),
        "Thumbprint": entry.thumbprint,
        "Use": f"urn:certref:{use}" if state.behaviour.use_shape == "urn" else use,
        "EffectiveDate": effective,
        "PreviousThumbprint": previous,
    }


async def set_certificate(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Set-CsCertificate -Thumbprint."""
    if given.get("WhatIf"):
        return []
    if "Thumbprint" not in given:
        raise CallError(
            "The lab plays Set-CsCertificate with -Thumbprint only; -Path and -Reference are not played.",
            "lab.NotPlayed,Set-CsCertificate",
            category="NotImplemented",
        )
    uses = given.get("Type") or []
    if not uses:
        raise CallError(
            "At least one certificate type must be specified.",
            "InvalidCommandArguments,Set-CsCertificate",
            "System.ArgumentException",
            "InvalidArgument",
        )
    effective = given.get("EffectiveDate")
    edge.assign(at.state, given["Thumbprint"], uses, bool(given.get("Roll")), effective)
    at.pool.settle()
    return []


async def remove_certificate(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Remove-CsCertificate: unassigns and revokes the services' access to the key."""
    if given.get("WhatIf"):
        return []
    uses = given.get("Type") or list(at.state.assigned)
    sure = bool(given.get("Force")) or given.get("Confirm") is False
    if not edge.unassign(at.state, uses, bool(given.get("Previous")), sure):
        raise prompts("Remove-CsCertificate")
    at.pool.settle()
    return []


def _service_names(at: Context, given: Mapping[str, Any]) -> list[str]:
    asked = given.get("Name")
    if asked is None:
        return list(at.state.services)
    for name in at.state.services:
        if name.casefold() == asked.casefold():
            return [name]
    raise CallError(
        f'Cannot find any service with service name "{asked}" on computer "{at.state.fqdn}".',
        "ServiceNotFound",
        "System.ArgumentException",
        "ObjectNotFound",
    )


async def get_windows_service(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-CsWindowsService. During a graceful stop each look ends ``hang_up`` calls."""
    state = at.state
    names = [name for name in _service_names(at, given) if name != "W3SVC" or state.behaviour.iis == "listed"]
    if state.behaviour.hang_up and any(state.services[s] in services.DRAINING for s in state.services):
        state.calls = max(0, state.calls - state.behaviour.hang_up)
    rows: list[Row] = []
    for name in names:
        row: Row = {"Status": services.status(state, name), "Name": name, "DisplayName": name}
        if not given.get("ExcludeActivityLevel"):
            row["ActivityLevel"] = f"Active Sessions={state.calls if name != 'REPLICA' else 0}"
        rows.append(row)
    return rows


async def stop_windows_service(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Stop-CsWindowsService. Graceful without NoWait returns when the last call has ended, and not before."""
    names = _service_names(at, given)
    if given.get("WhatIf"):
        return []
    for name in names:
        services.stop(at.state, name, bool(given.get("Graceful")))
    while not given.get("NoWait") and any(services.running(at.state, n) for n in names):
        if at.state.behaviour.hang_up:
            at.state.calls = max(0, at.state.calls - at.state.behaviour.hang_up)
            continue
        left = None
        if at.state.calls_until:
            left = max(0.0, (at.state.calls_until - at.state.clock.now()).total_seconds())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(at.calls_changed.wait(), left)
        at.pool.settle()
    return []


async def start_windows_service(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Start-CsWindowsService. With NoWait nobody hears that a service did not come up."""
    if given.get("WhatIf"):
        return []
    for name in _service_names(at, given):
        try:
            services.start(at.state, name, at.pool)
        except CallError:
            if not given.get("NoWait"):
                raise
    return []


def not_played(what: str, role: str) -> CallError:
    """What the lab has no source for, or nothing to play it with."""
    text = f"The lab does not play {what} on a server of the role {role}: it can be read, and nothing else."
    return CallError(text, f"lab.NotPlayed,{what.partition(' ')[0]}", category="NotImplemented")


async def get_av_edge_configuration(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-CsAVEdgeConfiguration -LocalStore; without it an Edge Server would have to reach the central store."""
    if not given.get("LocalStore"):
        raise CallError(
            "Could not connect to SQL server : [Exception=System.Data.SqlClient.SqlException: A network-related or "
            "instance-specific error occurred while establishing a connection to SQL Server.]",
            "Microsoft.Rtc.Common.Data.SqlConnectionException,Get-CsAVEdgeConfiguration",
            "Microsoft.Rtc.Common.Data.SqlConnectionException",
            "ResourceUnavailable",
        )
    lifetime = at.state.behaviour.token_lifetime
    limits = {"MaxBandwidthPerUserKB": 10000, "MaxBandwidthPerPortKB": 3000}
    return [{"Identity": "Global", "MaxTokenLifetime": lifetime, **limits}]


async def get_computer(at: Context, given: Mapping[str, Any]) -> list[Row]:
    """Get-CsComputer: this computer. -Local "returns information only for the local computer" (Microsoft)."""
    if at.state.role != "edge" and not given.get("Local"):
        raise not_played("Get-CsComputer without -Local", at.state.role)
    pool = at.state.pool or at.state.fqdn.replace(at.state.name, "edgepool", 1)
    return [{"Identity": at.state.fqdn, "Pool": pool, "Fqdn": at.state.fqdn}]


Cmdlet = Callable[[Context, Mapping[str, Any]], Awaitable[list[Row]]]
CMDLETS: dict[str, tuple[Cmdlet, str]] = {
    "Get-CsCertificate": (get_certificate, "read"),
    "Get-CsWindowsService": (get_windows_service, "read"),
    "Get-CsAVEdgeConfiguration": (get_av_edge_configuration, "read"),
    "Get-CsComputer": (get_computer, "read"),
    "Set-CsCertificate": (set_certificate, "write"),
    "Remove-CsCertificate": (remove_certificate, "write"),
    "Stop-CsWindowsService": (stop_windows_service, "write"),
    "Start-CsWindowsService": (start_windows_service, "write"),
}


def also_play(name: str, facts: Mapping[str, Any], cmdlet: Cmdlet, kind: str) -> None:
    """A cmdlet of a scenario's own, for the life of this lab: bound by ``facts``, in the shape of data/cmdlets.json.

    Raises ValueError for one that Microsoft has: what that does is not a scenario's to say.
    """
    if name in CMDLETS:
        raise ValueError(f"expected a cmdlet of the scenario's own, found {name}")
    cmdlets.metadata()[name] = dict(facts)
    CMDLETS[name] = (cmdlet, kind)


PLAYED_ANYWHERE = frozenset({"Get-CsCertificate", "Get-CsWindowsService", "Get-CsComputer"})
"""Those that are played on servers of every role."""
