"""Certificate stores: LocalMachine, and the CA stores of SYSTEM, NETWORK SERVICE and the admin."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from cryptography import x509

from ..pki import thumbprint
from .keys import NETWORK_SERVICE, SYSTEM, Container, KeySafe

MACHINE = "LocalMachine"
ADMIN = "CurrentUser"
#: Stores that Windows itself has made; every other one somebody has made first.
STANDARD = ("my", "ca", "root", "trust", "disallowed", "authroot", "trustedpublisher", "trustedpeople")
LOCATIONS = (MACHINE, SYSTEM, NETWORK_SERVICE, ADMIN)

_SHA1_PROPERTY, _FRIENDLY_PROPERTY, _CERTIFICATE_PROPERTY = 3, 11, 32


@dataclass(frozen=True)
class Entry:
    """One certificate in one store."""

    der: bytes
    friendly_name: str = ""
    container: str | None = None
    """Name of its key container; the container may be gone."""

    @cached_property
    def thumbprint(self) -> str:
        """Upper-case SHA-1 hex."""
        return thumbprint(self.der)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The parsed certificate."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def self_signed(self) -> bool:
        """Issuer and subject are the same name."""
        return self.certificate.issuer == self.certificate.subject


class Stores:
    """All stores of a member. ``version`` changes with every change."""

    def __init__(self) -> None:
        self._stores: dict[tuple[str, str], dict[str, Entry]] = {}
        self.version = 0

    @staticmethod
    def _key(location: str, store: str) -> tuple[str, str]:
        return location, store.casefold()

    def entries(self, store: str, location: str = MACHINE) -> list[Entry]:
        """What lies in a store itself (nothing inherited); empty for a store that does not exist."""
        return list(self._stores.get(self._key(location, store), {}).values())

    def made(self, store: str, location: str = MACHINE) -> bool:
        """Whether there is such a store at all, be it empty."""
        return store.casefold() in STANDARD or self._key(location, store) in self._stores

    def make(self, store: str, location: str = MACHINE) -> None:
        """Make a store: its registry key."""
        self._stores.setdefault(self._key(location, store), {})

    def beside(self) -> list[str]:
        """The stores that somebody has made, as LOCATION\\store in lower case."""
        return sorted(f"{location}\\{store}" for location, store in self._stores if store not in STANDARD)

    def seen(self, store: str, location: str = MACHINE) -> list[Entry]:
        """What a program sees there: a user's logical store includes the computer's."""
        own = self.entries(store, location)
        if location == MACHINE:
            return own
        had = {e.thumbprint for e in own}
        return own + [e for e in self.entries(store) if e.thumbprint not in had]

    def get(self, store: str, wanted: str, location: str = MACHINE) -> Entry | None:
        """The entry with that thumbprint (any case)."""
        return self._stores.get(self._key(location, store), {}).get(wanted.upper())

    def add(self, store: str, entry: Entry, location: str = MACHINE) -> Entry:
        """Add or replace. As X509Store.Add does it, what the new entry lacks is inherited from the one it replaces."""
        there = self._stores.setdefault(self._key(location, store), {})
        old = there.get(entry.thumbprint)
        if old:
            entry = replace(
                entry,
                container=entry.container or old.container,
                friendly_name=entry.friendly_name or old.friendly_name,
            )
        there[entry.thumbprint] = entry
        self.version += 1
        return entry

    def remove(self, store: str, wanted: str, location: str = MACHINE) -> Entry | None:
        """Take a certificate out; its key container stays."""
        entry = self._stores.get(self._key(location, store), {}).pop(wanted.upper(), None)
        if entry:
            self.version += 1
        return entry

    def everywhere(self) -> Iterator[tuple[str, str, Entry]]:
        """Every (location, store in lower case, entry)."""
        for (location, store), there in self._stores.items():
            for entry in there.values():
                yield location, store, entry

    def orphans(self, safe: KeySafe) -> list[Container]:
        """Key containers that no certificate points to."""
        held = {e.container for _, _, e in self.everywhere()}
        return [c for c in safe.containers.values() if c.name not in held]


def registry_blob(entry: Entry) -> bytes:
    """A certificate as the registry holds it: elements of property id, 1, length, value (little-endian 32 bits).

    MS-GPEF 2.2.1.3 and the CertSerializeCertificateStoreElement documentation describe it.
    """
    elements = [(_SHA1_PROPERTY, hashlib.sha1(entry.der, usedforsecurity=False).digest())]
    if entry.friendly_name:
        elements.append((_FRIENDLY_PROPERTY, (entry.friendly_name + "\0").encode("utf-16-le")))
    elements.append((_CERTIFICATE_PROPERTY, entry.der))
    return b"".join(struct.pack("<III", number, 1, len(value)) + value for number, value in elements)
