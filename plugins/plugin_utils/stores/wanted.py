# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member shall have, by use, and how far its stores are from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..pki.certificate import Certificate
from .store import LOCAL_MACHINE, Change, DesiredKey, DesiredStores, StoredCertificate, StoredKey, Stores, plan_stores

MY = "My"
CAPI = "Microsoft Enhanced Cryptographic Provider v1.0"
"""Where an imported key lands (PFXImportCertStore; the travelling PFX names no provider)."""


@dataclass(frozen=True)
class Wanted:
    """What a member shall have, by use."""

    uses: Mapping[str, Certificate]
    """Use -> leaf."""
    keys: tuple[DesiredKey, ...] = ()
    intermediates: Mapping[str, tuple[Certificate, ...]] = field(default_factory=dict)
    """SHA-256 of a leaf -> its intended intermediates, leaf's issuer first."""
    roots: tuple[Certificate, ...] = ()
    """Roots to install because the user asked for it."""
    trust: Mapping[str, tuple[Certificate, ...]] = field(default_factory=dict)
    """SHA-256 of a leaf -> the roots that its clients trust."""

    @property
    def stores(self) -> DesiredStores:
        """The same, as what the stores have to hold."""
        chain = {c.sha256: c for certificates in self.intermediates.values() for c in certificates}
        return DesiredStores(self.keys, tuple(chain.values()), self.roots)

    @property
    def leaves(self) -> tuple[Certificate, ...]:
        """Each leaf once."""
        return tuple({c.sha256: c for c in self.uses.values()}.values())

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """Each leaf's thumbprint once."""
        return tuple(c.thumbprint for c in self.leaves)

    def key_of(self, leaf: Certificate) -> DesiredKey | None:
        """How the leaf's key is to be imported; None where no key goes along."""
        return next((key for key in self.keys if key.certificate.sha256 == leaf.sha256), None)

    def of(self, uses: Iterable[str]) -> Wanted:
        """The part of it that a member with these uses can have."""
        offered = set(uses)
        return replace(self, uses={use: leaf for use, leaf in self.uses.items() if use in offered})


NOTHING = Wanted({})


def usable_in(store: str, thumbprint: str, stores: Stores) -> bool:
    """Whether the certificate lies in the store together with a key."""
    return any(c.certificate.thumbprint == thumbprint and c.key is not None for c in stores.machine(store))


def ready_in(wanted: Wanted, key_store: str, stores: Stores) -> str:
    """The store in which the wanted keys wait: My where one lies there already, else the product's own."""
    there = any(usable_in(MY, thumbprint, stores) for thumbprint in wanted.thumbprints)
    return MY if there else key_store


def plan_stage(wanted: Wanted, stores: Stores, where: str) -> tuple[Change, ...]:
    """What has still to be staged; a key that lies in My already is not imported a second time elsewhere."""
    held = {c.sha256 for c in wanted.leaves if where == MY and usable_in(MY, c.thumbprint, stores)}
    changes = plan_stores(wanted.stores, stores)
    return tuple(change for change in changes if not (change.kind == "import-key" and change.sha256 in held))


def as_planned(wanted: Wanted, stores: Stores, where: str) -> Stores:
    """The stores as they will be once everything is staged."""
    desired = wanted.stores
    held = {c.sha256 for c in wanted.leaves if where == MY and usable_in(MY, c.thumbprint, stores)}
    added = [StoredCertificate(LOCAL_MACHINE, "CA", certificate) for certificate in desired.intermediates]
    added += [StoredCertificate(LOCAL_MACHINE, "Root", certificate) for certificate in desired.roots]
    for key in desired.keys:
        if key.certificate.sha256 not in held:
            planned = StoredKey(CAPI, "", "Exchange", True, key.exportable)
            added.append(StoredCertificate(LOCAL_MACHINE, key.store, key.certificate, key.friendly_name or "", planned))
    return stores.having(added)


def as_read(wanted: Wanted, absent: set[tuple[str, str]]) -> Stores:
    """The stores as a read found them, as far as staging is concerned. ``absent``: (store, SHA-256) of what lacks."""
    desired = wanted.stores
    there = []
    for store, certificates in (("CA", desired.intermediates), ("Root", desired.roots)):
        there += [StoredCertificate(LOCAL_MACHINE, store, c) for c in certificates if (store, c.sha256) not in absent]
    for key in desired.keys:
        if (key.store, key.certificate.sha256) not in absent:
            held = StoredKey("", "", None, True, key.exportable)
            there.append(StoredCertificate(LOCAL_MACHINE, key.store, key.certificate, "", held))
    return Stores(tuple(there))
