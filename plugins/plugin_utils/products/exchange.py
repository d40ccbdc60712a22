# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Exchange server, 2010 to SE: what version and roles it has, and which certificate each of its services has. Pure.

What a cmdlet says of a certificate is one witness, and not the best: ``Services`` is partly derived (SMTP as soon as
NETWORK SERVICE can read the key, IIS for any binding, 444 as well), shows more than is enabled, or nothing at all. So
the bindings of http.sys, the key's access list and the configured names decide, and ``Services`` may only veto.

Where it shows nothing, as in a session without Exchange's types, "has it" has three answers: yes, no, and not known.
Not known is never taken for one of the others: it is proven in another way, or told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..pki.certificate import Certificate
from ..pki.names import covers, is_wildcard, names_of
from .store import NETWORK_SERVICE, StoredCertificate, Stores

SERVICES = ("IIS", "SMTP", "POP", "IMAP", "UM", "UMCallRouter")
"""What Enable-ExchangeCertificate takes and the collection enables; Federation has a procedure of its own."""
CLIENTS = ("POP", "IMAP")
UNIFIED = {"UM": "MSExchangeUM", "UMCallRouter": "MSExchangeUMCR"}
FEDERATION = "Federation"
"""Common name of the self-signed certificate that is made for a federation trust (Microsoft, Renew the federation
certificate)."""
STAGE = "ucops.certificates"
"""The machine store in which no service looks for certificates."""
WEB, BACK_END = 443, 444
TRANSPORT, SERVICE_HOST, DIRECTORY = "MSExchangeTransport", "MSExchangeServiceHost", "ADAM_MSExchange"
WINDOWS_SERVICES = (
    "W3SVC", SERVICE_HOST, TRANSPORT, "MSExchangeFrontEndTransport", "MSExchangePOP3", "MSExchangePOP3BE",
    "MSExchangeIMAP4", "MSExchangeIMAP4BE", *UNIFIED.values(), DIRECTORY,
)  # fmt: skip
"""Those that tell which roles are here, and those that use certificates."""
RESTART = {
    "IIS": ("W3SVC",),
    "POP": ("MSExchangePOP3", "MSExchangePOP3BE"),
    "IMAP": ("MSExchangeIMAP4", "MSExchangeIMAP4BE"),
}
"""What may go on with the old certificate until a restart (Microsoft, Enable-ExchangeCertificate; Configure POP3)."""
SE_FROM = 2562
"""Build of the first Exchange Server SE; 2019 has the same major and minor number."""


@dataclass(frozen=True)
class Version:
    """A version of Exchange Server, by the file version of its transport service."""

    numbers: tuple[int, ...]
    """Such as (15, 2, 1544, 14)."""

    @property
    def year(self) -> str:
        """``2010``, ``2013``, ``2016``, ``2019`` or ``SE``; empty for one that is not known."""
        if self.numbers[:1] == (14,):
            return "2010"
        found = {"15.0": "2013", "15.1": "2016", "15.2": "2019"}.get(".".join(map(str, self.numbers[:2])), "")
        return "SE" if found == "2019" and self.numbers[2:3] >= (SE_FROM,) else found

    @property
    def product(self) -> str:
        """The product's name."""
        return f"Exchange Server {self.year}" if self.year else f"Exchange version {self}"

    @property
    def modern(self) -> bool:
        """2013 or newer: a site on 444, TlsCertificateName, Get-TransportService, -Identity of certificates."""
        return self.numbers[:1] >= (15,)

    @property
    def transport_cmdlet(self) -> str:
        """The cmdlet that tells the default SMTP certificate."""
        return "Get-TransportService" if self.modern else "Get-TransportServer"

    @property
    def unified_messaging(self) -> bool:
        """Whether the cmdlets on UM startup modes exist (2013 and 2016)."""
        return self.year in ("2013", "2016")

    def __str__(self) -> str:
        return ".".join(str(number) for number in self.numbers)


def version_of(text: str) -> Version:
    """A file version such as ``15.02.1544.014``."""
    return Version(tuple(int(part) for part in text.split(".") if part.strip().isdigit()))


@dataclass(frozen=True)
class Server:
    """What is known of a server before its cmdlets are loaded."""

    computer: str
    """NetBIOS name: every cmdlet is told it, because a management shell may land on another server (ExchangeDsc,
    changelog 580)."""
    version: Version
    services: Mapping[str, str]
    """Windows service to its status; absent ones are left out."""

    @property
    def edge(self) -> bool:
        """Whether it is an Edge Transport server: it has a directory service of its own."""
        return DIRECTORY in self.services

    @property
    def roles(self) -> tuple[str, ...]:
        """``edge_transport``, or of ``client_access``, ``transport`` and ``unified_messaging`` those it has."""
        if self.edge:
            return ("edge_transport",)
        roles = {
            "client_access": "MSExchangePOP3" in self.services or "MSExchangeIMAP4" in self.services,
            "transport": TRANSPORT in self.services,
            "unified_messaging": any(name in self.services for name in UNIFIED.values()),
        }
        return tuple(name for name, here in roles.items() if here)

    @property
    def offers(self) -> tuple[str, ...]:
        """The services that a certificate can have here."""
        if self.edge:
            return ("SMTP",)
        clients = [name for name in CLIENTS if RESTART[name][0] in self.services]
        unified = [name for name, service in UNIFIED.items() if service in self.services]
        web = ["IIS"] if "W3SVC" in self.services else []
        return (*web, *(["SMTP"] if TRANSPORT in self.services else []), *clients, *unified)


@dataclass(frozen=True)
class TlsBinding:
    """A certificate binding of http.sys."""

    address: str
    port: int
    thumbprint: str
    store: str


@dataclass(frozen=True)
class Connector:
    """A Receive or Send connector."""

    kind: str
    """``receive`` or ``send``."""
    name: str
    fqdn: str
    certificate_name: str | None
    """TlsCertificateName, ``<I>issuer<S>subject``; None where it has none, and in 2010, which knows none."""
    about: str
    """Bindings of a Receive connector, address spaces of a Send connector."""
    sources: tuple[str, ...] = ()
    """Servers that a Send connector sends from."""

    @property
    def subject(self) -> str:
        """How plans and findings call it."""
        return f"{self.kind.capitalize()} connector {self.name}"


@dataclass(frozen=True)
class ExchangeState:
    """All that one read of an Exchange server tells."""

    server: Server
    stores: Stores
    clock: datetime
    reported: Mapping[str, frozenset[str] | None]
    """Thumbprint -> services as the cmdlet shows them; None: it shows nothing."""
    default_smtp: str | None
    """Thumbprint of the internal transport certificate; None: there is none."""
    bindings: tuple[TlsBinding, ...] = ()
    client_names: Mapping[str, str] = field(default_factory=dict)
    """POP and IMAP -> X509CertificateName, where it was read."""
    auth: frozenset[str] = frozenset()
    """The organization's auth certificates: current, previous, next."""
    federation: frozenset[str] | None = None
    """Certificates of the federation trust: current, previous, next; None: it was not read."""
    enabled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Thumbprint -> services that Enable-ExchangeCertificate is known to have given it, by whoever called it."""
    um_modes: Mapping[str, str] = field(default_factory=dict)
    um_certificates: Mapping[str, str] = field(default_factory=dict)
    """UM and UMCallRouter -> UMCertificateThumbprint, where it is set."""
    connectors: tuple[Connector, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """Edge Transport servers that are subscribed."""
    unread: tuple[str, ...] = ()
    """Cmdlets that failed and what they said; the rest was read all the same."""

    def entry(self, thumbprint: str | None) -> StoredCertificate | None:
        """The certificate of ``LocalMachine\\My`` with this thumbprint."""
        return next((c for c in self.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)

    def bound(self, port: int) -> tuple[str, ...]:
        """Thumbprints that http.sys is bound to on a port, each once."""
        return tuple(dict.fromkeys(b.thumbprint for b in self.bindings if b.port == port))

    def web(self) -> tuple[str, ...]:
        """Thumbprints of the web site for clients; bindings for single addresses or names belong to other sites."""
        every = [b.thumbprint for b in self.bindings if b.port == WEB and b.address in ("0.0.0.0", "[::]")]
        return tuple(dict.fromkeys(every)) or self.bound(WEB)

    def has(self, service: str, thumbprint: str) -> bool | None:
        """Whether the certificate has the service, by all that can be known without looking at the wire.

        None: it could have it, and nothing tells whether it was given it.
        """
        entry = self.entry(thumbprint)
        if entry is None or entry.key is None:
            return False
        if service == "IIS":
            return self.web() == (thumbprint,)
        if thumbprint not in self.reported:
            return False  # Exchange was asked for all it knows, and does not know it
        shown = self.reported[thumbprint]
        if service == "SMTP":
            readers = entry.key.readers
            if readers is not None and NETWORK_SERVICE not in readers:
                return False
        elif service in CLIENTS:
            name = self.client_names.get(service, "")
            if not any(covers(have, name) for have in names_of(entry.certificate)):
                return False
            if wildcard_for(entry.certificate, name):
                return True
        if shown is not None:
            return service in shown
        if service in UNIFIED and service in self.um_certificates:
            return self.um_certificates[service] == thumbprint
        return True if self._proven(service, thumbprint) else None

    def _proven(self, service: str, thumbprint: str) -> bool:
        """Whether a certificate that fits a service has it, where ``Services`` is not shown.

        Whoever gave it the web site gave it the rest: then all is there that Exchange itself takes ``Services`` from
        (the binding, the key's access list, the names).
        """
        if service in self.enabled.get(thumbprint, ()):
            return True
        if service == "SMTP" and self.default_smtp == thumbprint:
            return True
        return service not in UNIFIED and self.web() == (thumbprint,)

    def services_of(self, thumbprint: str) -> tuple[str, ...]:
        """The services that the certificate has for certain."""
        return tuple(service for service in SERVICES if self.has(service, thumbprint))

    def unknown_of(self, thumbprint: str) -> tuple[str, ...]:
        """The services of this server of which nobody can say whether the certificate has them."""
        return tuple(service for service in self.server.offers if self.has(service, thumbprint) is None)

    def protected(self) -> dict[str, str]:
        """Thumbprint -> why nothing may ever remove it, whoever asks."""
        reasons: dict[str, list[str]] = {}

        def add(thumbprints: Iterable[str], why: str) -> None:
            for thumbprint in thumbprints:
                reasons.setdefault(thumbprint, []).append(why)

        add([self.default_smtp] if self.default_smtp else [], "default SMTP certificate (EdgeSync depends on it)")
        add(sorted(self.auth), "auth certificate of the organization")
        for port in dict.fromkeys(b.port for b in self.bindings):
            add(self.bound(port), f"bound to port {port}" + (" (Exchange Back End)" if port == BACK_END else ""))
        for thumbprint, shown in self.reported.items():
            add([thumbprint] if self._federates(thumbprint, shown) else [], "federation")
            if shown is None and self.federation is None and "federation" not in reasons.get(thumbprint, ()):
                add([thumbprint], "perhaps federation: neither its services nor the federation trust can be read")
        return {thumbprint: "; ".join(why) for thumbprint, why in reasons.items()}

    def _federates(self, thumbprint: str, shown: frozenset[str] | None) -> bool:
        """Whether the federation trust rests on the certificate. The wizard's own are called Federation."""
        if thumbprint in (self.federation or ()):
            return True
        entry = self.entry(thumbprint)
        named = entry is not None and entry.certificate.self_issued and entry.certificate.common_name == FEDERATION
        return "Federation" in shown if shown is not None else named


def wildcard_for(certificate: Certificate, name: str) -> bool:
    """Whether only a wildcard of the certificate covers the name: POP and IMAP are then not enabled, their
    X509CertificateName alone counts (Microsoft KB948896)."""
    names = [have for have in names_of(certificate) if covers(have, name)]
    return bool(names) and all(is_wildcard(have) for have in names)


def parse_services(value: Any) -> frozenset[str] | None:
    """``Services`` in any shape: a list, text such as ``IMAP, POP, IIS, SMTP``, ``None``, or nothing (null)."""
    if value is None:
        return None
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    names = frozenset(str(part).strip() for part in parts) - {"", "None"}
    return None if any(name.isdigit() for name in names) else names


def server_name(text: str) -> str:
    """A server's NetBIOS name: ``contoso.example/Servers/EX1``, ``CN=EX1,...`` and ``ex1.corp.example`` are one."""
    plain = text[3:].partition(",")[0] if text.upper().startswith("CN=") else text.replace("\\", "/").rpartition("/")[2]
    return plain.partition(".")[0].upper()
