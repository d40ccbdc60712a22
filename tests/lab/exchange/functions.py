"""Functions that the script on the wire defines for Exchange, beside those of ``lab.member.functions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..member.errors import CallError
from ..member.functions import FUNCTIONS as COMMON
from ..member.functions import Rows, Warn
from ..member.journal import PROTECTED
from . import services
from .state import ExchangeState


def get_tls_binding(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Certificate bindings of http.sys, as ``netsh http show sslcert`` lists them."""
    return [
        {"Address": address, "Port": port, "Thumbprint": b.thumbprint, "Store": b.store, "AppId": b.app_id}
        for (address, port), b in state.bindings.items()
    ]


def copy_store_certificate(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """A certificate into another store of the machine; both then share one key container."""
    entry = state.stores.get(given["From"], given["Thumbprint"])
    if entry is None:
        text = f"There is no certificate {given['Thumbprint']} in {given['From']}."
        raise CallError(text, "ucops.Copy-StoreCertificate", category="OperationStopped")
    state.stores.add(given["To"], replace(entry))
    return [{"Store": given["To"], "Thumbprint": entry.thumbprint}]


def invoke_iis_reset(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """iisreset: the web sites stop and start; cookies are then encrypted with the certificate that is bound."""
    if services.IIS not in state.services:
        raise CallError("There is no IIS on this server.", "ucops.Invoke-IisReset", category="ObjectNotFound")
    services.restart(state, services.IIS)
    return [{"Name": services.IIS, "Status": state.services[services.IIS]}]


def set_service_state(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Start or stop services in the order given; a service that is as wanted stays as it is. Absent ones: no row."""
    wanted = given["Status"]
    if wanted not in ("Running", "Stopped"):
        raise CallError(
            f"{wanted} is neither Running nor Stopped.", "ucops.Set-ServiceState", category="InvalidArgument"
        )
    rows = []
    for name in given["Names"]:
        if name not in state.services:
            warn.append(f"no service named {name}")
            continue
        services.start(state, name) if wanted == "Running" else services.stop(state, name)
        rows.append({"Name": name, "Status": state.services[name]})
    return rows


def get_service_version(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """File version of the program of each service."""
    folder = f"C:\\Program Files\\{state.host.product.folder}\\Bin"
    return [
        {
            "Name": n,
            "Path": f"{folder}\\{n}.exe" if n != services.IIS else "C:\\Windows\\system32\\svchost.exe",
            "FileVersion": state.host.product.file_version if n != services.IIS else state.host.windows.version,
            "Status": state.services[n],
        }
        for n in given.get("Names") or []
        if n in state.services
    ]


def get_maintenance(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """What was written down before maintenance."""
    return [{"Text": state.journal.maintenance}]


def set_maintenance(state: ExchangeState, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Write or remove it, whoever holds the lock."""
    state.journal.access = PROTECTED
    state.journal.maintenance = given.get("Text")
    return []


Function = Callable[[ExchangeState, Mapping[str, Any], Warn], Rows]
#: name -> (function, what it does to the member)
FUNCTIONS: dict[str, tuple[Function, str]] = {
    **COMMON,
    "Get-TlsBinding": (get_tls_binding, "read"),
    "Copy-StoreCertificate": (copy_store_certificate, "write"),
    "Invoke-IisReset": (invoke_iis_reset, "write"),
    "Set-ServiceState": (set_service_state, "write"),
    "Get-ServiceVersion": (get_service_version, "read"),
    "Get-Maintenance": (get_maintenance, "read"),
    "Set-Maintenance": (set_maintenance, "write"),
}
