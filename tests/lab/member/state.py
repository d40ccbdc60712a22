"""Everything one member is: stores, keys, services, assignments, logs, clock, versions, options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from .clock import Clock
from .events import EventLogs
from .journal import Journal
from .keys import KeySafe
from .stores import Entry, Stores
from .versions import Host

USES = ("AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal")
AV = "AudioVideoAuthentication"
EDGE_SERVICES: Mapping[str, tuple[str, ...]] = {
    "REPLICA": ("Internal",),
    "RTCSRV": ("AccessEdgeExternal", "Internal"),
    "RTCDATAPROXY": ("DataEdgeExternal", "Internal"),
    "RTCMRAUTH": (AV, "Internal"),
    "RTCMEDIARELAY": (),
}
"""Service of an Edge Server -> uses of the certificates it works with."""


@dataclass
class Behaviour:
    """Where reality is not documented or differs between hosts: which way this member plays. See docs/lab.md."""

    rolled_shape: str = "successor"
    cancel_roll: str = "quiet"
    applies: str = "at-once"
    use_shape: str = "plain"
    drain_status: str = "Paused"
    start_paused: str = "resumes"
    dependents: str = "relay-on-auth"
    mixed_event: str = "at-restart"
    session_key_event_id: int = 60000
    system_ca: str = "ignored"
    after_drop: str = "stops"
    tls_max: str = "1.2"
    tls_hello: str = "any"
    banner: bool = False
    noise: bool = True
    module: str = "present"
    admin: bool = True
    security_privilege: bool = True
    bits: int = 64
    language: str = "FullLanguage"
    culture: str = "en-US"
    service_fails: str = ""
    import_fails: bool = False
    hang_up: int = 0
    token_lifetime: str = "08:00:00"
    iis: str = "listed"

    def set(self, key: str, value: Any) -> None:
        """Set one option from JSON or from ``--set key=value``. Raises ValueError on what the lab does not know."""
        known = {f.name: f for f in fields(self)}
        if key not in known:
            raise ValueError(f"expected one of {', '.join(known)}, found no option {key!r}")
        if key in CHOICES and value not in CHOICES[key]:
            raise ValueError(f"expected {key} to be one of {', '.join(CHOICES[key])}, found {value!r}")
        now = getattr(self, key)
        if isinstance(now, bool):
            if str(value).lower() not in ("true", "false", "1", "0"):
                raise ValueError(f"expected {key} to be true or false, found {value!r}")
            value = str(value).lower() in ("true", "1")
        setattr(self, key, value if isinstance(now, bool) else type(now)(value))


CHOICES: Mapping[str, tuple[str, ...]] = {
    "rolled_shape": ("successor", "old"),
    "cancel_roll": ("quiet", "drops"),
    "applies": ("at-once", "on-restart"),
    "use_shape": ("plain", "urn"),
    "drain_status": ("Paused", "StopPending"),
    "start_paused": ("resumes", "fails"),
    "dependents": ("relay-on-auth", "none", "all-on-access-edge"),
    "mixed_event": ("at-restart", "never"),
    "system_ca": ("ignored", "used"),
    "after_drop": ("stops", "runs-on"),
    "tls_max": ("1.0", "1.2"),
    "tls_hello": ("any", "strict"),
    "module": ("present", "missing"),
    "iis": ("listed", "not-listed"),
    "language": ("FullLanguage", "ConstrainedLanguage"),
}


@dataclass
class Assignment:
    """The certificate of one use. ``previous`` is kept for validating tokens after a roll."""

    thumbprint: str | None = None
    pending: str | None = None
    effective: datetime | None = None
    previous: str | None = None


@dataclass
class State:
    """One member."""

    name: str
    fqdn: str
    host: Host
    clock: Clock = field(default_factory=Clock)
    stores: Stores = field(default_factory=Stores)
    keys: KeySafe = field(default_factory=KeySafe)
    journal: Journal = field(default_factory=Journal)
    behaviour: Behaviour = field(default_factory=Behaviour)
    assigned: dict[str, Assignment] = field(default_factory=lambda: {u: Assignment() for u in USES})
    services: dict[str, str] = field(default_factory=dict)
    """Service name -> Running, Stopped, or the status of a graceful stop under way."""
    role: str = "edge"
    """``edge``, or what only answers to reads: ``frontend``, ``director``."""
    pool: str = ""
    """FQDN of the pool; empty: an Edge pool's, made of the member's name."""
    used_by: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EDGE_SERVICES)
    """Service that every server of the role has -> uses of the certificates it works with."""
    planted: dict[str, str | None] = field(default_factory=dict)
    """Services beside those of every server of the role -> the service that each depends on."""
    in_use: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """Service name -> use -> the thumbprint the running service works with."""
    calls: int = 0
    calls_until: datetime | None = None
    dropped: int = 0
    refused_tokens: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    """What the member says of itself in place of the truth."""
    says: dict[str, dict[str, str]] = field(default_factory=dict)
    """Call -> property -> text that stands behind what each row says there; ``warning``: one of the call's own."""
    hello: bytes | None = None
    """The ClientHello in the script that runs now."""
    logs: EventLogs = field(init=False)

    def __post_init__(self) -> None:
        self.logs = EventLogs(self.clock.now())

    @property
    def computer(self) -> str:
        """NetBIOS name."""
        return self.name.upper()[:15]

    def entry(self, thumb: str | None) -> Entry | None:
        """The certificate in LocalMachine\\My."""
        return self.stores.get("My", thumb) if thumb else None

    def mutual_tls_broken(self) -> bool:
        """A certificate in Root that is not self-signed, on Windows Server 2012 and newer."""
        return self.host.windows.strict_root_store and any(not e.self_signed for e in self.stores.entries("Root"))
