# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wants of a machine's stores, in whichever of the ways it can be said, and what is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..pki.bundle import Bundle, read_certificates
from ..pki.certificate import Certificate
from ..pki.pfx import MAX_FRIENDLY_NAME
from ..pki.preflight import PkiFinding, check_roots
from ..windows.calls import Call
from .store import Change, DesiredKey, DesiredStores, Stores, label, plan_removal, plan_stores

_KNOWN = {
    name.lower(): name for name in ("My", "CA", "Root", "AuthRoot", "Disallowed", "TrustedPeople", "TrustedPublisher")
}


def store_name(text: str) -> str:
    """A machine store's name as Windows writes it. Raises ValueError for what cannot be one."""
    name = text.strip()
    if not name or not all(c.isalnum() or c in " _-." for c in name) or not name.isascii():
        raise ValueError(
            f"store: expected the name of a store of the local computer, such as My, CA or Root, found {text!r}"
        )
    return _KNOWN.get(name.lower(), name)


def certificates(sources: Sequence[tuple[str, bytes]]) -> tuple[Certificate, ...]:
    """The certificates of (name, bytes) in any form that vendors deliver.

    Raises BundleError where there is none, ValueError for a private key: it is read by the bundle's options alone, so
    that nobody believes it was imported.
    """
    found: list[Certificate] = []
    for name, data in sources:
        if b"PRIVATE KEY-----" in data:
            raise ValueError(f"{name} holds a private key; give it as bundle, and only certificates here")
        found += read_certificates(name, data)
    return tuple(found)


@dataclass(frozen=True)
class StoreOrder:
    """What one machine shall hold, or shall not hold any more."""

    store: str
    bundle: DesiredStores | None = None
    certificates: tuple[Certificate, ...] = ()
    remove: tuple[str, ...] = ()
    """Thumbprints to take out of ``store``."""
    delete_keys: bool = False

    @property
    def stores(self) -> tuple[str, ...]:
        """The stores that have to be read for it."""
        others = () if self.bundle is None else ("CA", "Root")
        return tuple(dict.fromkeys((self.store, *others)))

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """What it is about."""
        if self.bundle is None:
            return (*(c.thumbprint for c in self.certificates), *self.remove)
        keys = tuple(key.certificate for key in self.bundle.keys)
        return tuple(c.thumbprint for c in (*keys, *self.bundle.intermediates, *self.bundle.roots))

    def plan(self, stores: Stores, wrapped: Mapping[str, tuple[bytes, str]] | None = None) -> tuple[Change, ...]:
        """What is left to do; ``wrapped`` as in :func:`store.plan_stores`."""
        if self.bundle is not None:
            return plan_stores(self.bundle, stores, wrapped)
        if self.remove:
            return plan_removal(self.store, self.remove, stores, self.delete_keys)
        return plan_certificates(self.certificates, self.store, stores)

    def refusals(self) -> tuple[PkiFinding, ...]:
        """What must not go where it is wished: a certificate that is not self-signed into Root."""
        if self.bundle is not None:
            return check_roots(self.bundle.roots)
        return check_roots(self.certificates) if self.store == "Root" else ()


def store_order(options: Mapping[str, Any], bundle: Bundle | None, certificates: Sequence[Certificate]) -> StoreOrder:
    """What the options of the module ``store`` ask for. Raises ValueError for what cannot be meant.

    A bundle: leaf and key into the store, the vendor's intermediates into CA, its roots only when that was asked for.
    """
    store = store_name(options["store"] or ("CA" if certificates else "My"))
    if options["thumbprint"]:
        wanted = tuple(thumbprint(text) for text in options["thumbprint"])
        return StoreOrder(store, remove=wanted, delete_keys=options["delete_key"])
    if bundle is None:
        return StoreOrder(store, certificates=tuple(certificates))
    name = options["bundle"]["friendly_name"] or None
    if name is not None and len(name) > MAX_FRIENDLY_NAME:
        raise ValueError(f"friendly_name: expected at most {MAX_FRIENDLY_NAME} characters, found {len(name)}")
    key = DesiredKey(bundle.leaf, store, options["bundle"]["exportable"], name)
    roots = bundle.roots if options["install_root"] else ()
    return StoreOrder(store, DesiredStores((key,), bundle.intermediates, roots))


def differences(wish: StoreOrder, stores: Stores) -> tuple[str, ...]:
    """How a key that is there already differs from the wish; it is never imported again for that."""
    found = []
    for wanted in wish.bundle.keys if wish.bundle else ():
        present = stores.find(wanted.store, wanted.certificate.sha256)
        if present is None or present.key is None:
            continue
        if present.key.exportable != wanted.exportable:
            has = "exportable" if present.key.exportable else "not exportable"
            found.append(f"{label(wanted.certificate)} is there already with a key that is {has}; it is left as it is")
        if present.key.cng:
            found.append(f"{label(wanted.certificate)} has its key in a CNG provider, which Lync and OWA cannot use")
    return tuple(found)


def plan_certificates(certificates: Sequence[Certificate], store: str, stores: Stores) -> tuple[Change, ...]:
    """What of ``certificates`` is missing in ``LocalMachine\\<store>``, each once."""
    changes = []
    for certificate in {c.sha256: c for c in certificates}.values():
        if stores.find(store, certificate.sha256) is None:
            parameters = {"Store": store, "RawData": certificate.der, "FriendlyName": None}
            call = Call(f"add-{store}-{certificate.thumbprint}", "Add-StoreCertificate", parameters)
            where, what = f"LocalMachine\\{store}", label(certificate)
            changes.append(Change("add-certificate", where, "", what, (call,), certificate.sha256))
    return tuple(changes)


def thumbprint(text: str) -> str:
    """A thumbprint as Windows prints it. Raises ValueError for what is none.

    Spaces, colons and the invisible mark that comes along from the certificate viewer are taken off.
    """
    plain = "".join(c for c in text.upper() if not c.isspace() and c not in ":-\u200e\u200f\ufeff")
    if len(plain) != 40 or not set(plain) <= set("0123456789ABCDEF"):
        raise ValueError(f"thumbprint: expected 40 hexadecimal digits (SHA-1), found {text!r}")
    return plain


def keyed(stores: Stores, store: str) -> tuple[str, ...]:
    """Thumbprints of the certificates in ``LocalMachine\\<store>`` that have a key."""
    return tuple(entry.certificate.thumbprint for entry in stores.machine(store) if entry.key is not None)
