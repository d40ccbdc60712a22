"""The functions that the script on the wire defines, as this member plays them: stores, keys, TLS, events, journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from . import hello, schannel
from .errors import CRYPTO, CallError
from .journal import PROTECTED, Lock
from .keys import NETWORK_SERVICE, SYSTEM, Container
from .services import status
from .state import State
from .stores import ADMIN, MACHINE, Entry, registry_blob
from .values import Secure
from .windows_pfx import open_pfx, same_key

Row = dict[str, Any]
Rows = list[Row]


class Warn(list[str]):
    """Warnings a call wrote."""


NO_CNG = "Invalid provider type specified.\r\n"
NO_KEYSET = "Keyset does not exist\r\n"


def _open_key(state: State, entry: Entry, call: str) -> Container:
    """The container as .NET Framework opens it. Raises CallError: it is gone, or a key storage provider holds it."""
    container = state.keys.get(entry.container)
    if container is None or container.cng:
        raise CallError(NO_KEYSET if container is None else NO_CNG, f"ucops.{call}", CRYPTO)
    return container


def _key_row(state: State, entry: Entry) -> Row:
    container = state.keys.get(entry.container)
    if entry.container is None:
        return {"HasPrivateKey": False}
    closed = {"Container": None, "KeySpec": None, "MachineKeySet": False, "Exportable": False}
    if container is None:
        return {"HasPrivateKey": True, "Provider": None, **closed, "KeyError": NO_KEYSET.strip()}
    if container.cng:
        return {"HasPrivateKey": True, "Provider": "CNG", **closed, "KeyError": NO_CNG.strip()}
    return {
        "HasPrivateKey": True,
        "Provider": container.provider,
        "Container": container.name,
        "KeySpec": container.key_spec,
        "MachineKeySet": container.machine,
        "Exportable": container.exportable,
        "KeyError": None,
    }


def get_store_certificate(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Stores of LocalMachine raw; with Users also the CA stores of SYSTEM, NETWORK SERVICE and the admin."""
    rows = []
    for store in given.get("Stores") or []:
        for entry in state.stores.entries(store):
            rows.append(
                {
                    "Location": MACHINE,
                    "Store": store,
                    "RawData": entry.der,
                    "Blob": None,
                    "FriendlyName": entry.friendly_name,
                    **_key_row(state, entry),
                }
            )
    for entry in state.stores.seen("CA", ADMIN) if given.get("Users") else ():
        row = {"Location": ADMIN, "Store": "CA", "RawData": entry.der, "Blob": None}
        rows.append({**row, "FriendlyName": entry.friendly_name, "HasPrivateKey": False})
    for location in (SYSTEM, NETWORK_SERVICE) if given.get("Users") else ():
        for entry in state.stores.entries("CA", location):
            blob = registry_blob(entry)
            row = {"Location": location, "Store": "CA", "RawData": None, "Blob": blob}
            rows.append({**row, "FriendlyName": "", "HasPrivateKey": False})
    return rows


def add_store_certificate(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """A certificate without a key into a machine store."""
    der = given["RawData"]
    try:
        x509.load_der_x509_certificate(der)
    except ValueError:
        raise CallError("Cannot find the requested object.\r\n", "ucops.Add-StoreCertificate", CRYPTO) from None
    entry = state.stores.add(given["Store"], Entry(der, given.get("FriendlyName") or ""))
    return [{"Store": given["Store"], "Thumbprint": entry.thumbprint}]


def import_store_pfx(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Leaf and key into a machine store; a container of its own every time, as Windows makes it."""
    password = given["Password"]
    if not isinstance(password, Secure):
        raise CallError("Password is not a SecureString.", "ucops.Import-StorePfx", category="InvalidArgument")
    certificate, key, provider = open_pfx(given["Pfx"], password.text, state.host.windows)
    container = state.keys.add(Container(key, provider, exportable=bool(given.get("Exportable"))))
    if state.behaviour.import_fails:
        state.keys.delete(container.name)
        raise CallError("Access is denied.\r\n", "ucops.Import-StorePfx", CRYPTO)
    der = certificate.public_bytes(serialization.Encoding.DER)
    entry = state.stores.add(given["Store"], Entry(der, given.get("FriendlyName") or "", container.name))
    row = {"Location": MACHINE, "Store": given["Store"], "Thumbprint": entry.thumbprint, "Blob": None}
    return [{**row, "FriendlyName": entry.friendly_name, **_key_row(state, entry)}]


def remove_store_certificate(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Take a certificate out; without DeleteKey its container is left behind."""
    entry = state.stores.get(given["Store"], given["Thumbprint"])
    if entry:
        delete = given.get("DeleteKey") and entry.container
        container = _open_key(state, entry, "Remove-StoreCertificate") if delete else None
        state.stores.remove(given["Store"], given["Thumbprint"])
        state.keys.delete(container.name if container else None)
    return [{"Store": given["Store"], "Thumbprint": given["Thumbprint"], "Removed": entry is not None}]


def _asked(state: State, given: Mapping[str, Any]) -> list[tuple[str, Entry | None]]:
    """The certificates that are asked for; without thumbprints all that have a key."""
    keyed = [entry.thumbprint for entry in state.stores.entries(given["Store"]) if entry.container]
    asked = given.get("Thumbprints")
    return [(t, state.stores.get(given["Store"], t)) for t in (keyed if asked is None else asked)]


def test_store_key(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Whether the key signs and the certificate verifies it."""
    rows = []
    for thumb, entry in _asked(state, given):
        error = None
        if entry is not None:
            key = _key_row(state, entry)
            error = key.get("KeyError") if key["HasPrivateKey"] else "The certificate has no private key."
            container = state.keys.get(entry.container)
            if error is None and container and not same_key(container.key, entry.certificate):
                error = "The key does not belong to the certificate: its signature is not valid."
        row = {"Thumbprint": thumb, "Present": entry is not None, "Signs": entry is not None and error is None}
        rows.append({**row, "Error": error})
    return rows


def get_store_key_access(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """The access list of each key."""
    rows = []
    for thumb, entry in _asked(state, given):
        if entry is None or entry.container is None:
            continue
        try:
            container = _open_key(state, entry, "Get-StoreKeyAccess")
        except CallError as error:
            warn.append(f"Who may use the key of {thumb} cannot be read: {error.message.strip()}")
            continue
        for ace in container.acl:
            rows.append({"Thumbprint": thumb, "Sid": ace.sid, "Rights": ace.rights, "Type": ace.type})
    return rows


def grant_store_key(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Give an account rights on a key."""
    entry = state.stores.get(given["Store"], given["Thumbprint"])
    if entry is None:
        raise CallError(
            f"There is no certificate {given['Thumbprint']}.", "ucops.Grant-StoreKey", category="OperationStopped"
        )
    container = _open_key(state, entry, "Grant-StoreKey")
    container.grant(given["Sid"], given["Rights"])
    return [{"Thumbprint": given["Thumbprint"], "Sid": given["Sid"]}]


def test_tls_presented(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """The first flight of the platform's own TLS server for each certificate."""
    rows = []
    for thumb, entry in _asked(state, given):
        flight, error = None, None
        if entry is not None and hello.refused(state):
            error = "A call to SSPI failed, see inner exception. The message received was unexpected or badly formatted"
        elif entry is not None and schannel.usable(state, entry):
            flight = schannel.flight(state, entry)
        elif entry is not None:
            error = "The credentials supplied to the package were not recognized"
        rows.append({"Thumbprint": thumb, "Present": entry is not None, "Flight": flight, "Error": error})
    return rows


def find_event(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Events of a log since a moment, newest first."""
    if given["Log"] not in state.logs.names:
        warn.append(f"no event log named {given['Log']}")
        return []
    sources = {s.casefold() for s in given.get("Sources") or []}
    found = [
        {"Id": e.id, "Source": e.source, "Time": e.time, "Level": e.level, "Message": e.message}
        for e in state.logs.read(given["Log"], state.clock.now())
        if e.time >= given["After"] and (not sources or e.source.casefold() in sources)
    ]
    return list(reversed(found))[: int(given.get("Newest") or 200)]


def get_service_version(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """File version of the program of each service."""
    rows = []
    for name in given.get("Names") or []:
        if name in state.services:
            path = f"C:\\Program Files\\{state.host.product.folder}\\Server\\Core\\{name}.exe"
            shown = status(state, name)
            row = {"Name": name, "Path": path, "FileVersion": state.host.product.file_version}
            rows.append({**row, "Status": "Running" if shown == "Running" else shown})
    return rows


def wait_stopped(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Services that have stopped. Time does not pass in the lab: one that has work now has it after the wait, too."""
    names = [str(name) for name in given.get("Names") or []]
    left = [name for name in names if status(state, name) != "Stopped"]
    if left:
        text = f"Not stopped after {given.get('Seconds')} s: {', '.join(left)}."
        raise CallError(text, "ucops.StillRunning", category="OperationStopped")
    return [{"Name": name, "Status": "Stopped"} for name in names]


def _holder(state: State, run: str) -> None:
    lock = state.journal.lock
    if lock and lock.run != run:
        raise CallError(
            f"The member is locked by run {lock.run} since {lock.at.isoformat()} ({lock.text}).",
            "ucops.LockedByOther",
            category="ResourceBusy",
        )


def get_journal(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """The journal and the lock."""
    lock = state.journal.lock
    shown = {"Run": lock.run, "Text": lock.text, "At": lock.at} if lock else None
    return [{"Text": state.journal.text, "Lock": shown}]


def set_journal(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Write or remove the journal; keeps the own lock fresh."""
    _holder(state, given["Run"])
    state.journal.access = PROTECTED
    state.journal.text = given.get("Text")
    if state.journal.lock:
        state.journal.lock = Lock(given["Run"], state.journal.lock.text, state.clock.now())
    return [{"Run": given["Run"]}]


def lock_member(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Take the lock."""
    lock = state.journal.lock
    if lock and given.get("TakeFrom") != lock.run:
        _holder(state, given["Run"])
    state.journal.access = PROTECTED
    state.journal.lock = Lock(given["Run"], given.get("Text") or "", state.clock.now())
    return [{"Run": given["Run"], "At": state.journal.lock.at}]


def unlock_member(state: State, given: Mapping[str, Any], warn: Warn) -> Rows:
    """Give the lock back."""
    held = state.journal.lock is not None and state.journal.lock.run == given["Run"]
    if held:
        state.journal.lock = None
    return [{"Run": given["Run"], "Held": held}]


Function = Callable[[State, Mapping[str, Any], Warn], Rows]
#: name -> (function, what it does to the member)
FUNCTIONS: dict[str, tuple[Function, str]] = {
    "Get-StoreCertificate": (get_store_certificate, "read"),
    "Add-StoreCertificate": (add_store_certificate, "write"),
    "Import-StorePfx": (import_store_pfx, "write"),
    "Remove-StoreCertificate": (remove_store_certificate, "write"),
    "Test-StoreKey": (test_store_key, "read"),
    "Get-StoreKeyAccess": (get_store_key_access, "read"),
    "Grant-StoreKey": (grant_store_key, "write"),
    "Test-TlsPresented": (test_tls_presented, "read"),
    "Find-Event": (find_event, "read"),
    "Get-ServiceVersion": (get_service_version, "read"),
    "Wait-Stopped": (wait_stopped, "read"),
    "Get-Journal": (get_journal, "read"),
    "Set-Journal": (set_journal, "write"),
    "Lock-Member": (lock_member, "write"),
    "Unlock-Member": (unlock_member, "write"),
}
