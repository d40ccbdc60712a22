"""Private keys of a member: containers with provider, key set and access rights."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from ..pki import PrivateKey

CAPI = "Microsoft Enhanced Cryptographic Provider v1.0"
CNG = "Microsoft Software Key Storage Provider"
SYSTEM = "S-1-5-18"
NETWORK_SERVICE = "S-1-5-20"
ADMINISTRATORS = "S-1-5-32-544"
#: What .NET shows for the rights the lab hands out, as rights on the key's file.
RIGHTS = {"Read": "Read, Synchronize", "FullControl": "FullControl"}


@dataclass(frozen=True)
class Ace:
    """One entry of a key's access list."""

    sid: str
    rights: str
    type: str = "Allow"


@dataclass
class Container:
    """One key container on disk."""

    key: PrivateKey
    provider: str = CAPI
    machine: bool = True
    exportable: bool = False
    key_spec: str | None = "Exchange"
    name: str = field(default_factory=lambda: "{" + str(uuid.uuid4()).upper() + "}")
    acl: list[Ace] = field(default_factory=lambda: [Ace(SYSTEM, "FullControl"), Ace(ADMINISTRATORS, "FullControl")])

    @property
    def cng(self) -> bool:
        """Whether it lies in a key storage provider instead of a CryptoAPI provider."""
        return "Key Storage Provider" in self.provider or "Platform Crypto" in self.provider

    def grant(self, sid: str, rights: str) -> None:
        """Add an allow entry once. ``rights``: Read or FullControl."""
        ace = Ace(sid, RIGHTS[rights])
        if ace not in self.acl:
            self.acl.append(ace)

    def revoke(self, sid: str) -> None:
        """Take all entries of a SID away."""
        self.acl = [a for a in self.acl if a.sid != sid]

    def usable_by(self, sid: str) -> bool:
        """Whether that account may read the key."""
        own = [a for a in self.acl if a.sid == sid]
        return any(a.type == "Allow" for a in own) and not any(a.type == "Deny" for a in own)


class KeySafe:
    """All key containers of a member."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}

    def add(self, container: Container) -> Container:
        """Persist a container."""
        self.containers[container.name] = container
        return container

    def delete(self, name: str | None) -> None:
        """Delete a container; nothing happens when there is none."""
        if name:
            self.containers.pop(name, None)

    def get(self, name: str | None) -> Container | None:
        """The container of that name."""
        return self.containers.get(name) if name else None
