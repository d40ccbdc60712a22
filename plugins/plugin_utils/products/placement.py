# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wants of a machine's stores, in whichever of the ways it can be said, and what is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..pki.bundle import Bundle
from ..pki.certificate import Certificate, CertificateError, load_der, load_pem
from ..windows.calls import Call
from .problem import Problem
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


def read_certificates(data: bytes, source: str) -> tuple[Certificate, ...]:
    """The certificates of PEM text or of one DER file.

    Raises CertificateError, with ``source`` in it, when there is none, or when a private key lies beside them: it does
    not belong where only certificates are expected, and is read by the bundle options alone.
    """
    if b"PRIVATE KEY-----" in data:
        raise CertificateError(f"{source}: holds a private key; give it as bundle, and only certificates here")
    if b"-----BEGIN" not in data:
        try:
            return (load_der(data),)
        except CertificateError as error:
            raise CertificateError(f"{source}: expected certificates in PEM form or one in DER form: {error}") from None
    try:
        found = tuple(load_pem(data))
    except CertificateError as error:
        raise CertificateError(f"{source}: {error}") from None
    if not found:
        raise CertificateError(f"{source}: holds no certificate")
    return found


@dataclass(frozen=True)
class Wish:
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

    def refusals(self) -> tuple[Problem, ...]:
        """What must not go where it is wished, whatever the machine holds."""
        if self.bundle is not None:
            return root_refusals(self.bundle.roots)
        return root_refusals(self.certificates) if self.store == "Root" else ()


def wish_for_bundle(
    bundle: Bundle, store: str, exportable: bool, friendly_name: str | None, install_root: bool
) -> Wish:
    """Leaf and key into ``store``, the vendor's intermediates into CA, its roots only when that was asked for."""
    key = DesiredKey(bundle.leaf, store, exportable, friendly_name)
    return Wish(store, DesiredStores((key,), bundle.intermediates, bundle.roots if install_root else ()))


def differences(wish: Wish, stores: Stores) -> tuple[str, ...]:
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


def root_refusals(certificates: Sequence[Certificate]) -> tuple[Problem, ...]:
    """Only self-signed ones belong into Root: since Windows Server 2012 another one breaks mutual TLS of Lync."""
    return tuple(
        Problem(
            "chain.intermediate-as-root",
            label(certificate),
            f"is not self-signed (issuer {certificate.issuer}) and does not belong into LocalMachine\\Root, where it "
            "would break mutual TLS of Lync and Skype for Business; put it into store: CA",
            {"thumbprint": certificate.thumbprint},
        )
        for certificate in certificates
        if not certificate.self_issued
    )


def plan_certificates(certificates: Sequence[Certificate], store: str, stores: Stores) -> tuple[Change, ...]:
    """What of ``certificates`` is missing in ``LocalMachine\\<store>``, each once."""
    changes = []
    for certificate in {c.sha256: c for c in certificates}.values():
        if stores.find(store, certificate.sha256) is None:
            parameters = {"Store": store, "RawData": certificate.der, "FriendlyName": None}
            call = Call(f"add-{store}-{certificate.thumbprint}", "Add-StoreCertificate", parameters)
            change = Change("add-certificate", f"LocalMachine\\{store}", "", label(certificate), (call,))
            changes.append(replace(change, sha256=certificate.sha256))
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
