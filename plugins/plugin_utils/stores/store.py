# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's certificate stores: what was read, what should be there, what has to be called to get it there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..pki.blob import certificate_from_blob
from ..pki.certificate import Certificate, CertificateError, load_der
from ..windows.calls import Call, Secure

LOCAL_MACHINE = "LocalMachine"
SID_NAMES = {"S-1-5-18": "SYSTEM", "S-1-5-20": "NETWORK SERVICE", "CurrentUser": "the connecting administrator"}
NETWORK_SERVICE = "S-1-5-20"
CNG_HINT = "key storage provider"


@dataclass(frozen=True)
class StoredKey:
    """The private key that a store's certificate points to."""

    provider: str
    """Name of the cryptographic provider; a CNG key is named after its key storage provider, or just ``CNG``."""
    container: str
    spec: str | None
    """``Exchange`` or ``Signature``; None where the provider does not say."""
    machine: bool
    """True when the key lies in the machine key set."""
    exportable: bool
    error: str | None = None
    """What Windows said when the key could not be opened."""
    signs: bool | None = None
    """True when a signature made with it verified; None when that was not tried."""
    sign_error: str | None = None
    readers: frozenset[str] | None = None
    """SIDs allowed to read it; None when that was not read."""

    @property
    def cng(self) -> bool:
        """OWA, ECP and Lync cannot use CNG keys (Microsoft support 44f8b0c0; Lync: "The buffer supplied to a
        function was too small")."""
        name = self.provider.lower()
        return name == "cng" or CNG_HINT in name


@dataclass(frozen=True)
class StoredCertificate:
    """One certificate in one store."""

    location: str
    """``LocalMachine``, ``CurrentUser``, or the SID whose hive it lies in."""
    store: str
    certificate: Certificate
    friendly_name: str = ""
    key: StoredKey | None = None


@dataclass(frozen=True)
class Stores:
    """What the stores of one member hold."""

    certificates: tuple[StoredCertificate, ...]
    unreadable: tuple[str, ...] = ()
    """Store entries that are not certificates at all, as text."""

    def machine(self, store: str) -> tuple[StoredCertificate, ...]:
        """The certificates of ``LocalMachine\\<store>``."""
        return tuple(c for c in self.certificates if c.location == LOCAL_MACHINE and c.store == store)

    def find(self, store: str, sha256: str) -> StoredCertificate | None:
        """The entry of ``LocalMachine\\<store>`` with this SHA-256, if any."""
        return next((c for c in self.machine(store) if c.certificate.sha256 == sha256), None)

    def elsewhere(self, sha256: str) -> tuple[str, ...]:
        """Whose CA stores hold this certificate besides the machine's."""
        return tuple(
            sorted(
                {
                    c.location
                    for c in self.certificates
                    if c.location != LOCAL_MACHINE and c.certificate.sha256 == sha256
                }
            )
        )

    def having(self, additions: Iterable[StoredCertificate]) -> Stores:
        """These stores as they would be with ``additions`` in them: what check mode judges."""
        new = [a for a in additions if self.find(a.store, a.certificate.sha256) is None]
        return replace(self, certificates=self.certificates + tuple(new))


def stores_from_rows(
    rows: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]] = (),
    access: Sequence[Mapping[str, Any]] = (),
    other: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Stores:
    """Makes :class:`Stores` of the rows of Get-StoreCertificate, Test-StoreKey and Get-StoreKeyAccess.

    ``tests`` and ``access`` are about My; ``other``: store -> rows of Test-StoreKey about that one.
    """
    tested = {("My", row["Thumbprint"].upper()): row for row in tests if row.get("Present")}
    for store, asked in (other or {}).items():
        tested |= {(store, row["Thumbprint"].upper()): row for row in asked if row.get("Present")}
    readers: dict[str, set[str]] = {row["Thumbprint"].upper(): set() for row in tests if row.get("Present")}
    for row in access:
        if row.get("Type") == "Allow":
            readers.setdefault(row["Thumbprint"].upper(), set()).add(row["Sid"])
    found, unreadable = [], []
    for row in rows:
        where = f"{row['Location']}\\{row['Store']}"
        try:
            der = row.get("RawData") or certificate_from_blob(row["Blob"])
            certificate = load_der(der)
        except (CertificateError, ValueError, KeyError, TypeError) as error:
            unreadable.append(f"{where}: {error}")
            continue
        key = None
        if row.get("HasPrivateKey"):
            test = tested.get((row["Store"], certificate.thumbprint))
            mine = readers.get(certificate.thumbprint) if row["Store"] == "My" else None
            key = StoredKey(
                provider=row.get("Provider") or "",
                container=row.get("Container") or "",
                spec=row.get("KeySpec"),
                machine=bool(row.get("MachineKeySet")),
                exportable=bool(row.get("Exportable")),
                error=row.get("KeyError"),
                signs=None if test is None else bool(test.get("Signs")),
                sign_error=None if test is None else test.get("Error"),
                readers=None if mine is None else frozenset(mine),
            )
        found.append(StoredCertificate(row["Location"], row["Store"], certificate, row.get("FriendlyName") or "", key))
    return Stores(tuple(found), tuple(unreadable))


@dataclass(frozen=True)
class DesiredKey:
    """A leaf that has to lie in a store together with its key."""

    certificate: Certificate
    store: str = "My"
    exportable: bool = True
    friendly_name: str | None = None


@dataclass(frozen=True)
class DesiredStores:
    """What a member's machine stores should hold at least."""

    keys: tuple[DesiredKey, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    roots: tuple[Certificate, ...] = ()
    """Self-signed roots that the user asked to install."""


@dataclass(frozen=True)
class Change:
    """One thing to do on a member."""

    kind: str
    """``add-certificate``, ``import-key``, ``remove-certificate``, ``grant-key``, ``assign``, ``roll``, ``start``,
    ``stop`` ..."""
    subject: str
    """Where or what: ``LocalMachine\\CA``, ``AccessEdgeExternal``, ``RTCSRV``."""
    before: str
    after: str
    calls: tuple[Call, ...] = ()
    sha256: str = ""
    """The certificate that it is about, where it is about one."""

    def as_line(self) -> str:
        """The change as one line of a plan."""
        return f"{self.subject}: {self.before or 'absent'} -> {self.after or 'absent'}"


def label(certificate: Certificate) -> str:
    """How plans and diffs name a certificate: enough for a human, exact enough to look it up."""
    name = certificate.common_name or certificate.subject or "(no subject)"
    return f"{name} ({certificate.thumbprint}, until {certificate.not_after:%Y-%m-%d})"


def plan_stores(
    desired: DesiredStores, stores: Stores, wrapped: Mapping[str, tuple[bytes, str]] | None = None
) -> tuple[Change, ...]:
    """What is missing, as changes.

    ``wrapped`` maps the SHA-256 of a leaf to (PFX bytes, one-time password). Without an entry the change has no call:
    that is how check mode plans. A certificate that is present with a usable key is never imported again: a new key
    container would lose the rights that services have on the old one (KB836410).
    """
    changes = []
    for certificate in desired.intermediates:
        if stores.find("CA", certificate.sha256) is None:
            changes.append(_add("CA", certificate))
    for certificate in desired.roots:
        if stores.find("Root", certificate.sha256) is None:
            changes.append(_add("Root", certificate))
    for wanted in desired.keys:
        present = stores.find(wanted.store, wanted.certificate.sha256)
        if present is not None and present.key is not None:
            continue
        pfx = (wrapped or {}).get(wanted.certificate.sha256)
        calls: tuple[Call, ...] = ()
        if pfx is not None:
            parameters = {
                "Store": wanted.store,
                "Pfx": pfx[0],
                "Password": Secure(pfx[1]),
                "Exportable": wanted.exportable,
                "FriendlyName": wanted.friendly_name,
            }
            calls = (Call(f"import-{wanted.certificate.thumbprint}", "Import-StorePfx", parameters),)
        before = "certificate without its key" if present is not None else ""
        after = f"{label(wanted.certificate)} with key, {'' if wanted.exportable else 'not '}exportable"
        changes.append(
            Change("import-key", f"LocalMachine\\{wanted.store}", before, after, calls, wanted.certificate.sha256)
        )
    return tuple(changes)


def _add(store: str, certificate: Certificate) -> Change:
    call = Call(
        f"add-{store}-{certificate.thumbprint}",
        "Add-StoreCertificate",
        {"Store": store, "RawData": certificate.der, "FriendlyName": None},
    )
    return Change("add-certificate", f"LocalMachine\\{store}", "", label(certificate), (call,), certificate.sha256)


def plan_removal(store: str, thumbprints: Sequence[str], stores: Stores, delete_keys: bool) -> tuple[Change, ...]:
    """Removes what is there of ``thumbprints`` from ``LocalMachine\\<store>``."""
    changes = []
    for entry in stores.machine(store):
        if entry.certificate.thumbprint in {t.upper() for t in thumbprints}:
            with_key = entry.key is not None and delete_keys
            parameters = {"Store": store, "Thumbprint": entry.certificate.thumbprint, "DeleteKey": with_key}
            call = Call(f"remove-{store}-{entry.certificate.thumbprint}", "Remove-StoreCertificate", parameters)
            before = label(entry.certificate) + (" and its key" if with_key else "")
            changes.append(
                Change("remove-certificate", f"LocalMachine\\{store}", before, "", (call,), entry.certificate.sha256)
            )
    return tuple(changes)


def read_calls(
    stores: Sequence[str] = ("My", "CA", "Root"), users: bool = True, thumbprints: Sequence[str] = ()
) -> tuple[Call, ...]:
    """The calls that read stores and, for ``thumbprints`` in My, whether the key signs, who may read it and what
    Schannel would send."""
    calls = [Call("stores", "Get-StoreCertificate", {"Stores": list(stores), "Users": users})]
    return (*calls, *test_calls(thumbprints)) if thumbprints else tuple(calls)


def test_calls(thumbprints: Sequence[str] | None, store: str = "My") -> tuple[Call, ...]:
    """Asks the keys of ``thumbprints`` (None: all) in a store to sign, who may read them, and Schannel what it would
    send for them."""
    wanted = {"Store": store, "Thumbprints": None if thumbprints is None else list(thumbprints)}
    return (
        Call("keys", "Test-StoreKey", wanted),
        Call("access", "Get-StoreKeyAccess", wanted),
        Call("presented", "Test-TlsPresented", wanted, optional=True),
    )
