"""Which certificate SMTP, POP and IMAP take out of My.

Microsoft, *Selection of inbound STARTTLS certificates* (Exchange 2016, 2019, SE) and the page of that name for Exchange
2010; for POP and IMAP practitioners report the same. docs/lab-exchange.md has the rules in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from ..member import schannel
from ..member.keys import NETWORK_SERVICE
from ..member.stores import Entry
from . import names, versions
from .state import ExchangeState, ReceiveConnector, SendConnector

NO_CERTIFICATE, EXPIRED = 12014, 12016
NO_INTERNAL, INTERNAL_GONE, INTERNAL_EXPIRED = 12012, 12013, 12015


@dataclass(frozen=True)
class Choice:
    """What was chosen, and the event that tells of it."""

    entry: Entry | None = None
    event: int | None = None


def smtp_enabled(state: ExchangeState, entry: Entry) -> bool:
    """Enabled for SMTP: NETWORK SERVICE, as which transport runs, may read the key."""
    return schannel.usable(state, entry, NETWORK_SERVICE)


def only_enabled(state: ExchangeState) -> bool:
    """Whether only certificates that are enabled for SMTP are looked at."""
    way = state.behaviour.starttls_choice
    return way == "enabled-only" or (way == "documented" and versions.major(state.host) < 15)


def eligible(state: ExchangeState, protocol: str = "SMTP") -> list[Entry]:
    """Certificates of My with a private key; before Exchange 2013 they must be enabled for the service, too."""
    found = [
        e for e in state.stores.entries("My") if e.certificate.version == x509.Version.v3 and schannel.usable(state, e)
    ]
    if not only_enabled(state):
        return found
    if protocol == "SMTP":
        return [e for e in found if smtp_enabled(state, e)]
    return [e for e in found if client_usable(state, protocol, e)]


def best(state: ExchangeState, entries: Iterable[Entry]) -> Choice:
    """The newest that is valid and from a CA, else the newest self-signed, else the newest (which has expired)."""
    now = state.clock.now()
    ordered = sorted(entries, key=lambda e: e.certificate.not_valid_before_utc, reverse=True)
    if not ordered:
        return Choice(None, NO_CERTIFICATE)
    valid = [e for e in ordered if e.certificate.not_valid_before_utc <= now <= e.certificate.not_valid_after_utc]
    issued = [e for e in valid if not e.self_signed]
    taken = (issued or [e for e in ordered if e.self_signed] or ordered)[0]
    return Choice(taken, EXPIRED if taken.certificate.not_valid_after_utc < now else None)


def by_name(state: ExchangeState, wanted: str, protocol: str = "SMTP") -> list[Entry]:
    """Eligible certificates that cover a host name."""
    wildcards = state.behaviour.smtp_wildcard == "matches"
    return [e for e in eligible(state, protocol) if names.covers(e.certificate, wanted, wildcards)]


def by_identifier(state: ExchangeState, wanted: str) -> list[Entry]:
    """Eligible certificates that a TlsCertificateName names."""
    return [e for e in eligible(state) if names.identifier(e.certificate) == wanted]


def starttls(state: ExchangeState, connector: ReceiveConnector | SendConnector) -> Choice:
    """What a connector takes now: by TlsCertificateName, else by its FQDN, else by the server's."""
    if connector.tls_certificate_name:
        return best(state, by_identifier(state, connector.tls_certificate_name))
    return best(state, by_name(state, connector.fqdn or state.fqdn))


def current(state: ExchangeState, connector: ReceiveConnector) -> Choice:
    """What a running connector works with."""
    if state.behaviour.smtp_applies == "on-restart":
        entry = state.held.get(connector.name)
        return Choice(entry, None if entry else NO_CERTIFICATE)
    return starttls(state, connector)


def internal(state: ExchangeState) -> Choice:
    """The internal transport certificate, for X-ANONYMOUSTLS."""
    if state.internal_thumbprint is None:
        return Choice(None, NO_INTERNAL)
    entry = state.entry(state.internal_thumbprint)
    if entry is None or not schannel.usable(state, entry):
        return Choice(None, INTERNAL_GONE)
    expired = entry.certificate.not_valid_after_utc < state.clock.now()
    return Choice(entry, INTERNAL_EXPIRED if expired else None)


def client(state: ExchangeState, protocol: str) -> Choice:
    """What POP or IMAP takes now, by X509CertificateName."""
    return best(state, by_name(state, state.client_settings[protocol].certificate_name, protocol))


def client_current(state: ExchangeState, protocol: str) -> Choice:
    """What a running POP or IMAP service works with."""
    if state.behaviour.pop_imap_applies == "on-restart":
        entry = state.held.get(protocol)
        return Choice(entry, None if entry else NO_CERTIFICATE)
    return client(state, protocol)


def client_usable(state: ExchangeState, protocol: str, entry: Entry) -> bool:
    """Whether the service can use the key: the certificate was enabled for it, or NETWORK SERVICE may read the key."""
    enabled = protocol in state.enabled.get(entry.thumbprint, set())
    return schannel.usable(state, entry) and (enabled or smtp_enabled(state, entry))
