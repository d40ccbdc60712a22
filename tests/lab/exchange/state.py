"""Everything one Exchange server is, and the organization that the servers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..member.edge import Pool
from ..member.state import Behaviour, State
from ..member.stores import Entry
from ..pki import thumbprint
from . import versions

#: IIS's own application id, as `netsh http show sslcert` shows it.
IIS_APP = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
PENDING = "REQUEST"
"""The store "Certificate Enrollment Requests"."""


@dataclass
class ExchangeBehaviour(Behaviour):
    """Which way a server plays where reality is not documented or differs. See docs/lab-exchange.md."""

    starttls_choice: str = "documented"
    smtp_applies: str = "at-once"
    smtp_wildcard: str = "matches"
    pop_imap_applies: str = "on-restart"
    pop_imap_enable: str = "sets-name"
    pop_imap_event: int = 60001
    enable_grants: str = "smtp-only"
    cookie_applies: str = "on-reset"
    services_shape: str = "derived"
    dates: str = "datetime"
    prompt: str = "errors"
    duplicate_import: str = "error"
    import_chain: str = "left-out"
    foreign_answer: str = "no-key"
    remove_back_end: str = "refused"
    revocation: str = "reachable"
    data_signing: str = "default"
    second_hop: str = "refused"
    shell_quota: str = "fits"
    shell_lands_on: str = ""
    rbac_missing: str = ""
    offline_smtp: str = "rejects"
    queue_leaves: int = 0
    redirect_leaves: int = 0
    remote_exchange: str = "present"

    def set(self, key: str, value: Any) -> None:
        """Set one option. Raises ValueError on what the lab does not know."""
        if key in CHOICES and value not in CHOICES[key]:
            raise ValueError(f"expected {key} to be one of {', '.join(CHOICES[key])}, found {value!r}")
        super().set(key, value)


CHOICES: Mapping[str, tuple[str, ...]] = {
    "starttls_choice": ("documented", "any", "enabled-only"),
    "smtp_applies": ("at-once", "on-restart"),
    "smtp_wildcard": ("matches", "does-not"),
    "pop_imap_applies": ("on-restart", "at-once"),
    "pop_imap_enable": ("sets-name", "leaves-name"),
    "enable_grants": ("smtp-only", "any-service"),
    "cookie_applies": ("on-reset", "at-once"),
    "services_shape": ("derived", "extra", "null"),
    "dates": ("datetime", "text"),
    "prompt": ("errors", "yes", "hangs"),
    "duplicate_import": ("error", "replaces"),
    "import_chain": ("left-out", "to-ca"),
    "foreign_answer": ("no-key", "refused"),
    "remove_back_end": ("refused", "removed"),
    "revocation": ("reachable", "blocked"),
    "data_signing": ("default", "on", "off"),
    "second_hop": ("refused", "delegates"),
    "shell_quota": ("fits", "exceeded"),
    "remote_exchange": ("present", "missing"),
    "offline_smtp": ("rejects", "answers"),
}


@dataclass
class Binding:
    """A certificate binding of http.sys."""

    thumbprint: str
    store: str = "My"
    app_id: str = IIS_APP


@dataclass
class ReceiveConnector:
    """One Receive connector of one server."""

    name: str
    fqdn: str | None
    port: int
    inside: bool
    """Bound to the inner address instead of the outer one."""
    service: str
    server_authentication: bool = False
    """AuthMechanism contains ExchangeServer: X-ANONYMOUSTLS is offered."""
    tls_certificate_name: str | None = None


@dataclass
class SendConnector:
    """One Send connector of the organization."""

    name: str
    fqdn: str | None
    sources: list[str]
    """NetBIOS names of the source transport servers."""
    address_spaces: list[str]
    smart_hosts: list[str] = field(default_factory=list)
    tls_certificate_name: str | None = None


@dataclass
class ClientSettings:
    """POP or IMAP settings of one server."""

    certificate_name: str


@dataclass
class Visits:
    """What clients met on this server."""

    logins: int = 0
    relogins: int = 0
    """Requests with a cookie that this server could not read: the user has to log in again."""
    blank_pages: int = 0
    mails: int = 0
    turned_away: int = 0
    """SMTP sessions that were refused because the component was not Active."""
    while_offline: int = 0
    """Looks at a mailbox by way of this server while its web site was told to be offline."""
    tls_failures: int = 0
    """Connections whose TLS failed because a certificate or its key could not be used."""


@dataclass
class Database:
    """A mailbox database."""

    active: str
    """NetBIOS name of the server on which it is mounted."""
    copies: dict[str, str]
    """Server -> the status of the copy there, as it is while it is not the active one."""


class Organization(Pool):
    """What lies in Active Directory: Send connectors and Edge Subscriptions; and who the servers are."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: list[ExchangeState] = []
        self.send_connectors: list[SendConnector] = []
        self.subscriptions: dict[str, dict[str, str]] = {}
        """Edge Transport server -> server -> internal transport certificate at the time of the subscription."""
        self.databases: dict[str, Database] = {}
        self.federation: str | None = None
        """Thumbprint of the federation trust's certificate; None: there is no trust."""

    def settle(self) -> None:
        """Nothing runs by itself; events are looked for by ``lab.exchange.watch``."""

    def server(self, name: str) -> ExchangeState | None:
        """A server by NetBIOS name, inventory name or FQDN."""
        wanted = name.casefold()
        return next((s for s in self.servers if wanted in (s.computer.casefold(), s.fqdn.casefold())), None)

    def edge_sync(self, edge: str) -> str:
        """Whether the credentials that EdgeSync uses can still be read: they hang on the servers' certificates."""
        known = self.subscriptions.get(edge, {})
        now = {s.computer: s.internal_thumbprint for s in self.servers}
        return "works" if known and all(now.get(server) == thumb for server, thumb in known.items()) else "broken"


@dataclass
class ExchangeState(State):
    """One server."""

    behaviour: ExchangeBehaviour = field(default_factory=ExchangeBehaviour)
    organization: Organization = field(default_factory=Organization)
    role: str = "mailbox"
    """``mailbox`` (with Client Access and Transport) or ``edge`` (Edge Transport)."""
    bindings: dict[tuple[str, int], Binding] = field(default_factory=dict)
    require_ssl: bool = False
    """"Require SSL" of the Default Web Site."""
    enabled: dict[str, set[str]] = field(default_factory=dict)
    """Thumbprint -> POP, IMAP, UM, UMCallRouter as Enable-ExchangeCertificate was told."""
    internal_certificate: bytes | None = None
    """msExchServerInternalTLSCert: the certificate itself, DER."""
    receive_connectors: list[ReceiveConnector] = field(default_factory=list)
    client_settings: dict[str, ClientSettings] = field(default_factory=dict)
    """POP and IMAP."""
    urls: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """Kind of virtual directory -> property -> URL or host name; see ``lab.exchange.directories``."""
    um_modes: dict[str, str] = field(default_factory=dict)
    """UM and UMCallRouter -> UMStartupMode."""
    um_certificates: dict[str, str] = field(default_factory=dict)
    """UM and UMCallRouter -> UMCertificateThumbprint."""
    auth_certificate: str | None = None
    """Thumbprint of the organization's auth certificate."""
    cookie_certificate: str | None = None
    """What the running IIS encrypts cookies with."""
    held: dict[str, Entry | None] = field(default_factory=dict)
    """Connector, POP or IMAP -> the certificate that its service took when it was started."""
    noted: dict[str, int] = field(default_factory=dict)
    """Subject of a logged problem -> its event."""
    components: dict[str, dict[str, str]] = field(default_factory=dict)
    """Component -> requester -> the state that it asks for (2013 and newer)."""
    draining: bool = False
    """Whether transport was started while HubTransport was Draining."""
    queued: int = 0
    """Messages that wait for their delivery."""
    shadow: int = 0
    poison: int = 0
    activation_policy: str = "Unrestricted"
    activation_disabled: bool = False
    visits: Visits = field(default_factory=Visits)
    files: dict[str, bytes] = field(default_factory=dict)
    """Files on its disk, by lower-case path, for lines typed by hand."""

    @property
    def edge(self) -> bool:
        """Whether it is an Edge Transport server."""
        return self.role == "edge"

    @property
    def internal_thumbprint(self) -> str | None:
        """InternalTransportCertificateThumbprint."""
        return thumbprint(self.internal_certificate) if self.internal_certificate else None

    @property
    def back_end(self) -> bool:
        """Whether it has the site on port 444."""
        return not self.edge and versions.has_back_end(self.host)

    @property
    def signs_data(self) -> bool:
        """Whether what the management shell answers is signed with the auth certificate."""
        if self.edge or self.behaviour.data_signing == "off":
            return False
        return self.behaviour.data_signing == "on" or versions.signs_shell_data(self.host)

    def bound(self, port: int) -> Entry | None:
        """The certificate that http.sys is bound to on a port, if it is there."""
        binding = self.bindings.get(("0.0.0.0", port))
        return self.stores.get(binding.store, binding.thumbprint) if binding else None
