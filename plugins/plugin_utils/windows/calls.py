# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to a Windows host, and their answers, as plain values.

A call names a product cmdlet or one of the functions of ``plugins/modules/remote_calls.ps1``. Several calls travel in
one document; the script answers them in order and stops at the first error. Nothing here talks to a host: see
``host.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..errors import CollectionError

Kind = Literal["read", "write"]

# The functions that remote_calls.ps1 defines itself.
OWN: Mapping[str, Kind] = {
    "Get-StoreCertificate": "read",
    "Add-StoreCertificate": "write",
    "Remove-StoreCertificate": "write",
    "Import-StorePfx": "write",
    "Test-StoreKey": "read",
    "Get-StoreKeyAccess": "read",
    "Grant-StoreKey": "write",
    "Test-TlsPresented": "read",
    "Find-Event": "read",
    "Get-ServiceVersion": "read",
    "Wait-Stopped": "read",
    "Copy-StoreCertificate": "write",
    "Set-ServiceState": "write",
    "Invoke-IisReset": "write",
    "Get-TlsBinding": "read",
    "Get-Journal": "read",
    "Set-Journal": "write",
    "Lock-Member": "write",
    "Unlock-Member": "write",
    "Get-Maintenance": "read",
    "Set-Maintenance": "write",
}
# Product cmdlets: they come in by `allow` when the products are loaded. remote_calls.ps1 holds the same list.
PRODUCT: dict[str, Kind] = {}
ALLOWED: dict[str, Kind] = dict(OWN)


def allow(cmdlets: Mapping[str, Kind], ways: Mapping[str, bool]) -> None:
    """Takes a product's cmdlets onto the allowlist. Two products may name the same cmdlet, as the same kind of call.

    ``ways``: what can be loaded for them -> whether that takes a session, and so a credential, of its own.

    Raises CallError for one that is there as the other kind.
    """
    for name, kind in cmdlets.items():
        if ALLOWED.get(name, kind) != kind:
            raise CallError(f"{name} is a {ALLOWED[name]} call already, not a {kind}")
        PRODUCT[name] = ALLOWED[name] = kind
    LOADABLE.update(ways)
    SESSIONS.update(way for way, session in ways.items() if session)


# Functions whose parameters hold a private key, whatever their types.
KEY_CARRIERS = frozenset({"Import-StorePfx"})
# What can be loaded before the calls run.
LOADABLE: set[str] = set()
# Those of them that need a credential in the document.
SESSIONS: set[str] = set()


class CallError(CollectionError, ValueError):
    """A call that cannot be sent as it is: an unknown name, a value that has no form on the wire."""


class OutcomeUnknown(CollectionError):  # noqa: N818 - it is not an error of ours: nobody knows whether there was one
    """The answer did not arrive whole: what the calls did is not known until the host is read again.

    ``may_have_applied`` is true when a write was among the calls. ``said`` is the end of what did arrive.
    """

    def __init__(self, message: str, *, may_have_applied: bool = True, said: str = "") -> None:
        super().__init__(message)
        self.may_have_applied = may_have_applied
        self.said = said


@dataclass(frozen=True)
class Secure:
    """Text that becomes a SecureString on the host and is never shown."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Credential:
    """Who opens a session of its own on the host."""

    user: str
    password: Secure


@dataclass(frozen=True)
class Switch:
    """A switch parameter: present and on, or present and off."""

    on: bool = True


@dataclass(frozen=True)
class ThisComputer:
    """The NetBIOS name of the host itself, which a document can name before anybody has asked for it."""


@dataclass(frozen=True)
class Call:
    """One call of a document."""

    id: str  # names the answer; unique within a document
    name: str  # a key of ALLOWED
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold keys: never shown
    keep: tuple[str, ...] = ()  # properties taken from a product's objects; an absent one becomes None
    optional: bool = False  # true: an error of this call does not stop the ones after it

    def __post_init__(self) -> None:
        if self.name not in ALLOWED:
            raise CallError(f"{self.name!r} is not a call that may be sent; known calls: {', '.join(sorted(ALLOWED))}")
        if self.name in PRODUCT and self.kind == "read" and not self.keep:
            raise CallError(f"{self.name} returns product objects: say in `keep` which properties are wanted")

    @property
    def kind(self) -> Kind:
        """Whether the call changes the host."""
        return ALLOWED[self.name]

    @property
    def carries_key(self) -> bool:
        """Whether the call's parameters hold something that only an authenticated, encrypted host may see."""
        return self.name in KEY_CARRIERS or any(_has_secret(value) for value in self.parameters.values())


@dataclass(frozen=True)
class RemoteError:
    """The error a call ended with, as PowerShell reports it."""

    message: str  # the host's words, inner exceptions included
    type: str  # full name of the .NET exception
    fqid: str  # FullyQualifiedErrorId, such as "NamedParameterNotFound,Get-CsCertificate"
    category: str  # ErrorCategory, such as "InvalidArgument"


@dataclass(frozen=True)
class Answer:
    """What one call answered."""

    rows: tuple[dict[str, Any], ...] = ()  # empty after an error
    error: RemoteError | None = None
    not_run: bool = False  # an earlier call failed
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0  # run time on the host

    @property
    def ok(self) -> bool:
        """Whether the call ran and ended without an error."""
        return self.error is None and not self.not_run


@dataclass(frozen=True)
class LoadedModule:
    """A product module that the script loaded."""

    name: str
    version: str
    lacks: tuple[str, ...] = ()  # cmdlets of the allowlist that are not there: another version's, or a missing role's


@dataclass(frozen=True)
class HostFacts:
    """What every reply says about its host."""

    computer: str  # NetBIOS name
    powershell: str  # version of the engine, "5.1.14393.1"
    clr: str  # version of the .NET runtime, "4.0.30319.42000"
    windows: str  # version of the system, "10.0.14393"
    bits: int  # of the process: 32 or 64
    clock: datetime | None  # the host's clock, UTC
    user: str  # DOMAIN\\name the calls ran as
    admin: bool  # whether that user's token holds Administrators, enabled
    language: str  # language mode, "FullLanguage"
    culture: str  # "en-US"
    loaded: tuple[LoadedModule, ...] = ()
    load_error: str | None = None  # why a product module could not be loaded


@dataclass(frozen=True)
class Reply:
    """The answers of one document, by call id."""

    host: HostFacts
    answers: Mapping[str, Answer]

    def __getitem__(self, call_id: str) -> Answer:
        return self.answers[call_id]

    def rows(self, call_id: str) -> tuple[dict[str, Any], ...]:
        """Rows of one call; none when it failed, was not run or was not asked."""
        answer = self.answers.get(call_id)
        return answer.rows if answer else ()


def check_calls(load: Sequence[str], calls: Iterable[Call]) -> None:
    """Refuse a document that could not be answered call by call.

    Raises CallError: two calls with one id, or something to load that the script does not know.
    """
    seen: set[str] = set()
    for call in calls:
        if call.id in seen:
            raise CallError(f"two calls have the id {call.id!r}")
        seen.add(call.id)
    unknown = sorted(set(load) - LOADABLE)
    if unknown:
        raise CallError(f"cannot load {', '.join(unknown)}; known: {', '.join(sorted(LOADABLE))}")


def _has_secret(value: Any) -> bool:
    """Whether a Secure is anywhere in a parameter's value."""
    if isinstance(value, Secure):
        return True
    if isinstance(value, Mapping):
        return any(_has_secret(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_secret(item) for item in value)
    return False
