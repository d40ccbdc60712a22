"""The scenario ``exchange-array``: an array of Exchange servers whose certificate runs out in twenty days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..interfaces import Member, Options
from ..making import members_of
from ..member import control
from ..member.keys import NETWORK_SERVICE
from ..pki import SIP_DOMAIN
from ..pwsh.exchange import ExchangePwsh
from . import deliveries, directories, names, services, versions
from .certificates import NAMES, ExchangePki
from .listeners import Port
from .maintenance import HEALTHY
from .member import ExchangeMember
from .state import Binding, ClientSettings, Database, ExchangeState, Organization, ReceiveConnector, SendConnector

OFFICE = "Outbound to Office 365"


class ExchangeArray:
    """An array of servers, and an Edge Transport server when ``edge_transport`` is set."""

    def __init__(self, options: Options, pki: ExchangePki | None = None) -> None:
        """``pki``: certificates to use again, by tests that need no deliveries; without it everything is made new."""
        extra = dict(options.extra)
        products = extra.pop("products", "").split(",") if extra.get("products") else []
        extra.pop("products", None)
        count = members_of(extra, len(products) or 3)
        gates = int(extra.pop("edge_transport", "0"))
        self._grouped = extra.pop("dag", "0") == "1"
        if gates not in (0, 1):
            raise ValueError(f"expected edge_transport to be 0 or 1, found {gates}")
        if options.engine not in ("python", "pwsh"):
            raise ValueError(f"expected engine to be python or pwsh, found {options.engine!r}")
        servers = [f"ex{n}" for n in range(1, count + 1)] + ["gate1"] * gates
        self.directory: Path = options.directory
        self.pki = pki or ExchangePki(datetime.now(timezone.utc), servers)
        self.organization = Organization()
        self._extra = extra
        made = []
        for number, name in enumerate(servers, 1):
            product = products[(number - 1) % len(products)] if products else options.product
            made.append(self._member(number, name, product, options))
        self.servers = made
        self.members: Sequence[Member] = made
        self._connect()
        for member in made:
            member.neighbours = made
        if pki is None:
            deliveries.write(self.pki, options.directory)

    def inventory_vars(self) -> dict[str, Any]:
        """What clients outside trust, and where the deliveries are."""
        return {
            "rollout_trust": str(self.directory / "trust" / "roots.pem"),
            "lab_vendor": str(self.directory / "vendor"),
        }

    def _member(self, number: int, name: str, product: str | None, options: Options) -> ExchangeMember:
        host = versions.host_of(product, options.windows, options.powershell)
        role = "edge" if name.startswith("gate") else "mailbox"
        state = ExchangeState(name, f"{name}.corp.{SIP_DOMAIN}", host, role=role, organization=self.organization)
        for key, value in self._extra.items():
            state.behaviour.set(key, value)
        state.logs.names = {"System", "Application"}
        state.assigned.clear()
        self.organization.servers.append(state)
        self.organization.members.append(state)
        self._fill(state)
        inside, outside = (options.address(10 * number + n) for n in (1, 2))
        account = (options.user, options.password)
        ports = ports_of(state, inside, outside)
        member = ExchangeMember(state, self.pki, ports, inside, account, options.log, options.directory)
        if options.engine == "pwsh":
            member.pwsh = ExchangePwsh(member.engine, options.directory / "pwsh" / name)
        return member

    def _fill(self, state: ExchangeState) -> None:
        """Certificates as setup and the last renewal left them; everything enabled and running."""
        for root in ("root", "corp-root", f"{state.name}-self"):
            control.put(state, self.pki, "Root", root)
        control.put(state, self.pki, "CA", "issuing-old")
        own = control.put(state, self.pki, "My", f"{state.name}-self", key=True)
        mail = control.put(state, self.pki, "My", "mail-old", key=True)
        for entry in (own, mail):
            state.keys.containers[entry.container or ""].grant(NETWORK_SERVICE, "Read")
        state.internal_certificate = own.der
        if not state.edge:
            auth = control.put(state, self.pki, "My", "auth", key=True)
            state.keys.containers[auth.container or ""].grant(NETWORK_SERVICE, "Read")
            state.auth_certificate = auth.thumbprint
            state.client_settings = {p: ClientSettings(NAMES[n]) for p, n in (("IMAP", 3), ("POP", 4))}
            state.urls = directories.addresses(NAMES[0], NAMES[1], state.back_end)
            state.enabled[mail.thumbprint] = {"POP", "IMAP"}
            for address in ("0.0.0.0", "127.0.0.1"):
                state.bindings[address, 443] = Binding(mail.thumbprint)
            if state.back_end:
                state.bindings["0.0.0.0", 444] = Binding(own.thumbprint)
            if versions.has_unified_messaging(state.host):
                state.um_modes = {"UM": "TCP", "UMCallRouter": "TCP"}
        state.receive_connectors = connectors_of(state)
        if state.back_end:  # as the Hybrid Configuration Wizard leaves it
            state.receive_connectors[0].tls_certificate_name = names.identifier(mail.certificate)
        state.services = dict.fromkeys(services.of(state), "Stopped")
        for service in state.services:
            services.start(state, service)

    def _connect(self) -> None:
        """Send connectors, and the Edge Subscription."""
        inner = [m.state for m in self.servers if not m.state.edge]
        gates = [m.state for m in self.servers if m.state.edge]
        old = names.identifier(self.pki["mail-old"].certificate)
        modern = all(versions.has_back_end(s.host) for s in inner)
        connector = SendConnector(
            OFFICE, NAMES[0], [s.computer for s in gates or inner], ["contoso.mail.onmicrosoft.com"]
        )
        connector.tls_certificate_name = old if modern else None
        self.organization.send_connectors.append(connector)
        for number, state in enumerate(inner, 1):
            copies = [s.computer for s in inner] if self._grouped else [state.computer]
            self.organization.databases[f"DB{number}"] = Database(state.computer, dict.fromkeys(copies, HEALTHY))
        for gate in gates:
            known = {s.computer: s.internal_thumbprint or "" for s in [*inner, gate]}
            self.organization.subscriptions[gate.computer] = known


def connectors_of(state: ExchangeState) -> list[ReceiveConnector]:
    """Receive connectors as setup makes them, and how an admin made them fit for the Internet."""
    computer, transport = state.computer, services.TRANSPORT
    if state.edge:
        return [ReceiveConnector(f"Default internal receive connector {computer}", NAMES[2], 25, False, transport)]
    if not state.back_end:
        return [
            ReceiveConnector(f"Internet {computer}", NAMES[2], 25, False, transport),
            ReceiveConnector(f"Client {computer}", NAMES[2], 587, False, transport),
            ReceiveConnector(f"Default {computer}", state.fqdn, 25, True, transport, True),
        ]
    front = services.FRONT_END
    return [
        ReceiveConnector(f"Default Frontend {computer}", state.fqdn, 25, False, front, True),
        ReceiveConnector(f"Client Frontend {computer}", NAMES[2], 587, False, front),
        ReceiveConnector(f"Default {computer}", state.fqdn, 2525, True, transport, True),
    ]


def ports_of(state: ExchangeState, inside: str, outside: str) -> list[Port]:
    """The ports of a server; each is ten thousand higher here."""
    smtp, imap, pop = NAMES[2], NAMES[3], NAMES[4]
    found = [Port("SMTP", outside, 10025, "smtp", smtp, "SMTP")]
    if state.edge:
        return found
    hub = 12525 if state.back_end else 10025
    found += [
        Port("Web", outside, 10443, "https", NAMES[0], "IIS", implicit=True),
        Port("HTTP", outside, 10080, "http", NAMES[0], ""),
        Port("SMTP submission", outside, 10587, "smtp", smtp, "SMTP"),
        Port("SMTP between servers", inside, hub, "smtp", state.fqdn, "", about="inside"),
        Port("POP3", outside, 10110, "pop", pop, "POP"),
        Port("POP3 over TLS", outside, 10995, "pop", pop, "POP", implicit=True),
        Port("IMAP4", outside, 10143, "imap", imap, "IMAP"),
        Port("IMAP4 over TLS", outside, 10993, "imap", imap, "IMAP", implicit=True),
    ]
    if state.back_end:
        found.append(Port("Back end", inside, 10444, "backend", state.fqdn, "", implicit=True))
    return found
