"""The registry of a member as its PowerShell sees it: the journal's key, services' own stores, versions."""

from __future__ import annotations

import re
from typing import Any

from ..member.clock import iso
from ..member.errors import CallError
from ..member.journal import INHERITED, Lock
from ..member.state import State
from ..member.stores import registry_blob
from ..member.values import parse_moment

JOURNAL = r"HKLM:\SOFTWARE\ucops\certificates"
_VERSION = r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_SERVICE = re.compile(r"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\([^\\]+)", re.I)
_USER_CA = re.compile(
    r"Registry::HKEY_USERS\\(S-1-5-18|S-1-5-20)\\Software\\Microsoft\\SystemCertificates\\CA\\Certificates", re.I
)

Values = dict[str, Any]


def service_path(state: State, name: str) -> str:
    """The program of a service."""
    return f"C:\\Program Files\\{state.host.product.folder}\\Server\\Core\\{name}.exe"


class Registry:
    """What is read and written through the registry provider."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._half: Values = {}

    def _journal(self) -> Values:
        """The values of the journal's key; a lock is three values, which are written one after the other."""
        journal = self.state.journal
        texts = {"Journal": journal.text, "Maintenance": journal.maintenance}
        values: Values = {name: text for name, text in texts.items() if text is not None}
        if journal.lock:
            values |= {"LockRun": journal.lock.run, "LockText": journal.lock.text, "LockAt": iso(journal.lock.at)}
        return {**self._half, **values} if self._half else values

    def _write(self, values: Values) -> None:
        journal = self.state.journal
        journal.text, journal.maintenance = values.get("Journal"), values.get("Maintenance")
        lock = {k: v for k, v in values.items() if k.startswith("Lock")}
        if len(lock) == 3:
            journal.lock = Lock(lock["LockRun"], lock["LockText"], parse_moment(lock["LockAt"]))
            self._half = {}
        else:
            journal.lock, self._half = None, lock

    def get(self, path: str) -> Values | None:
        """The values of a key; None when there is no such key."""
        if path.casefold() == JOURNAL.casefold():
            values = self._journal()
            return values if values or self.state.journal.access else None
        if path.casefold() == _VERSION.casefold():
            major, minor, build = self.state.host.windows.version.split(".")
            if major == "10":  # CurrentVersion stays what it was before
                return {"CurrentVersion": "6.3", "CurrentBuildNumber": build, "CurrentMajorVersionNumber": 10}
            return {"CurrentVersion": f"{major}.{minor}", "CurrentBuildNumber": build}
        if (found := _SERVICE.fullmatch(path)) and self._has(found[1]):
            return {"ImagePath": f'"{self.program(found[1])}"', "Start": 2}
        return None

    def _has(self, service: str) -> bool:
        return service in self.state.services

    def program(self, service: str) -> str:
        """The program of a service."""
        return service_path(self.state, service)

    def _own(self, path: str) -> None:
        if path.casefold() != JOURNAL.casefold():
            raise CallError("Requested registry access is not allowed.", "System.Security.SecurityException")
        if not self.state.behaviour.admin:
            raise CallError(
                "Requested registry access is not allowed.",
                "System.Security.SecurityException",
                "System.Security.SecurityException",
                "PermissionDenied",
            )

    def make(self, path: str, force: bool) -> None:
        """New-Item. -Force on a key that is there makes it anew: its values are gone."""
        self._own(path)
        if self.get(path) is not None:
            if not force:
                raise CallError(
                    "A key in this path already exists.",
                    "System.IO.IOException",
                    "System.IO.IOException",
                    "ResourceExists",
                )
            self._half = {}
            self._write({})
        self.state.journal.access = INHERITED

    def set(self, path: str, name: str, value: str) -> None:
        """Set-ItemProperty."""
        self._own(path)
        if self.get(path) is None:
            raise CallError(
                f"Cannot find path '{path}' because it does not exist.",
                "PathNotFound",
                "System.Management.Automation.ItemNotFoundException",
                "ObjectNotFound",
            )
        self._write({**self._journal(), name: value})

    def unset(self, path: str, name: str) -> bool:
        """Remove-ItemProperty; False when there is no such value."""
        self._own(path)
        values = self._journal()
        had = values.pop(name, None) is not None
        self._half.pop(name, None)
        self._write(values)
        return had

    def access(self, path: str) -> str:
        """Get-Acl: the access list as SDDL. Windows marks a list that was set (AI), whoever set it."""
        self._own(path)
        return (self.state.journal.access or INHERITED).replace("D:P(", "D:PAI(", 1)

    def protect(self, path: str, sddl: str, sections: str) -> None:
        """Set-Acl. ``sections``: those that the descriptor was given.

        .NET writes the audit section, even none, with SeSecurityPrivilege enabled; who lacks it is told so.
        """
        self._own(path)
        if "Audit" in sections and not self.state.behaviour.security_privilege:
            raise CallError(
                "The process does not possess the 'SeSecurityPrivilege' privilege which is required for this "
                "operation.",
                "System.Security.AccessControl.PrivilegeNotHeldException",
                "System.Security.AccessControl.PrivilegeNotHeldException",
                "PermissionDenied",
            )
        self.state.journal.access = sddl

    def children(self, path: str) -> list[dict[str, Any]]:
        """Get-ChildItem: the certificates in a user's own CA store; nothing for other keys."""
        if not (found := _USER_CA.fullmatch(path)):
            return []
        return [
            {"Name": f"{path}\\{entry.thumbprint}", "Values": {"Blob": registry_blob(entry)}}
            for entry in self.state.stores.entries("CA", found[1].upper())
        ]
