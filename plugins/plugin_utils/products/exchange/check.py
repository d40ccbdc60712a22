# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps services of an Exchange server from getting a certificate, and what is wrong on it anyway. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...pki.names import covers, missing_names, names_of
from ...stores.readiness import judge
from ...stores.store import LOCAL_MACHINE, NETWORK_SERVICE, StoredCertificate, label
from ...stores.wanted import usable_in
from .services import (
    DEFAULT,
    ServiceOrder,
    describe,
    leaf_of,
    missing,
    plan_services,
    uncertain,
    unified,
    wanted_name,
)
from .state import BACK_END, CLIENTS, SERVICE_HOST, STAGE, UNIFIED, ExchangeState, wildcard_for


def refusals(order: ServiceOrder, state: ExchangeState) -> tuple[Problem, ...]:
    """Why the order is not carried out on this server, whatever its stores hold."""
    if leaf_of(order, state.stores) is not None and not plan_services(order, state):
        return ()
    return (*_service_problems(order, state), *_default_problems(order, state), *_name_problems(order, state))


def unready(order: ServiceOrder, state: ExchangeState) -> tuple[Problem, ...]:
    """Why the certificate would not do: it is not there, its chain or key is not right, it is not valid now."""
    leaf = leaf_of(order, state.stores)
    if leaf is None:
        text = (
            "is neither in LocalMachine\\My nor staged on this server; give it as bundle, or import it with its key "
            f"first (module ucops.certificates.store with store: {STAGE}, where no service looks)"
        )
        return (Problem("store.leaf-missing", order.thumbprint, text),)
    if not plan_services(order, state):
        return ()
    there = any(usable_in(store, order.thumbprint, state.stores) for store in ("My", STAGE))
    if not there and order.bundle is None:
        return (Problem("key.missing", label(leaf), "has no private key on this server"),)
    if not order.check_ready:
        return ()
    return (*validity_problems(leaf, order, state), *_chain_problems(leaf, order, state))


def _chain_problems(leaf: Certificate, order: ServiceOrder, state: ExchangeState) -> Iterable[Problem]:
    """Judged with the bundle's intermediates in their place: they are put there by the same command."""
    stores = state.stores.having(StoredCertificate(LOCAL_MACHINE, "CA", c) for c in order.desired.intermediates)
    planned = not usable_in("My", order.thumbprint, state.stores)
    return judge(leaf, stores, state.clock, intended=order.desired.intermediates, key_planned=planned).problems


def validity_problems(leaf: Certificate, order: ServiceOrder, state: ExchangeState) -> Iterable[Problem]:
    """Not valid by the server's clock, or older than what SMTP would go on choosing."""
    if not leaf.not_before <= state.clock <= leaf.not_after:
        early = state.clock < leaf.not_before
        text = f"is {'not valid yet' if early else 'expired'} by this server's clock ({state.clock:%Y-%m-%d %H:%M}Z)"
        yield Problem("leaf.not-yet-valid" if early else "leaf.expired", label(leaf), text)
    if "SMTP" not in order.services:
        return
    for old in replaced(order, leaf, state):
        if old.not_before > leaf.not_before:
            text = f"SMTP takes the newest by its first day, and {label(old)} is newer: it would go on being chosen"
            yield Problem("leaf.older-than-current", label(leaf), text)


def replaced(order: ServiceOrder, leaf: Certificate, state: ExchangeState) -> tuple[Certificate, ...]:
    """Certificates of a CA in My that have a service of the order and a name of the new one: its predecessors."""
    names = set(names_of(leaf))
    return tuple(
        entry.certificate
        for entry in state.stores.machine("My")
        if entry.certificate.thumbprint != order.thumbprint
        and not entry.certificate.self_issued
        and names & set(names_of(entry.certificate))
        and any(state.has(service, entry.certificate.thumbprint) is not False for service in order.services)
    )


def _service_problems(order: ServiceOrder, state: ExchangeState) -> Iterable[Problem]:
    server = state.server
    for service in order.services:
        if service not in server.offers:
            text = f"this server ({', '.join(server.roles) or 'no known role'}) has {', '.join(server.offers)} only"
            yield Problem("exchange.service-absent", service, text)
    if not server.edge and server.services.get(SERVICE_HOST, "Running") != "Running":
        text = f"expected Running, found {server.services[SERVICE_HOST]}; the certificate cmdlets need it"
        yield Problem("product.service-stopped", SERVICE_HOST, text)
    for service in unified(order):
        mode = state.um_modes.get(service)
        if service not in missing(order, state) or service not in server.offers:
            continue
        if mode is not None and mode not in ("TLS", "Dual"):
            yield Problem(
                "exchange.um-mode", service, f"its UMStartupMode is {mode}; it takes one only with TLS or Dual"
            )
        if server.services.get(UNIFIED[service]) == "Running":
            yield Problem("exchange.um-mode", service, f"{UNIFIED[service]} must be stopped first, and started after")


def _default_problems(order: ServiceOrder, state: ExchangeState) -> Iterable[Problem]:
    """The question that -Force answers with yes."""
    old, leaf = state.default_smtp, leaf_of(order, state.stores)
    if "SMTP" not in missing(order, state) or leaf is None or order.moves or old in (None, order.thumbprint):
        return
    entry = state.entry(old)
    if entry is None or entry.key is None:
        text = f"{old} is not in LocalMachine\\My with a key, so it could not be put back; set default_smtp: move"
        yield Problem("exchange.default-smtp-gone", DEFAULT, text)
    elif entry.certificate.not_after < state.clock:
        text = f"{label(entry.certificate)} has expired, so it may not be put back; set default_smtp: move"
        yield Problem("exchange.default-smtp-expired", DEFAULT, text)
    elif order.default_smtp is None and entry.certificate in replaced(order, leaf, state):
        text = (
            f"it is {label(entry.certificate)}, the very certificate that is replaced: kept, it can never be removed; "
            "moved, EdgeSync and mail between servers use the new one (an Edge Subscription has to be made anew). "
            "Set default_smtp to keep or move"
        )
        yield Problem("exchange.default-smtp-choice", DEFAULT, text)


def _name_problems(order: ServiceOrder, state: ExchangeState) -> Iterable[Problem]:
    """POP and IMAP find their certificate by a name, which it has to cover."""
    leaf = leaf_of(order, state.stores)
    for protocol in [s for s in CLIENTS if s in order.services and s in state.server.offers]:
        name = wanted_name(order, protocol, state)
        if leaf is not None and missing_names(names_of(leaf), [name]):
            text = (
                f"X509CertificateName is {name or 'empty'}, which {label(leaf)} does not cover; set "
                f"{protocol.lower()}_name (in a rollout rollout_{protocol.lower()}_name) to a name that clients use "
                "and that it covers"
            )
            yield Problem("exchange.client-name", protocol, text)


def findings(state: ExchangeState) -> tuple[Problem, ...]:
    """What is wrong on the server now, or would surprise somebody."""
    return (
        *_default_findings(state),
        *_back_end_findings(state),
        *_smtp_findings(state),
        *_unknown_findings(state),
        *_other_findings(state),
    )


def _default_findings(state: ExchangeState) -> Iterable[Problem]:
    entry = state.entry(state.default_smtp)
    if state.default_smtp is None:
        yield Problem("exchange.default-smtp-none", DEFAULT, "there is none: mail between servers has no certificate")
    elif entry is None or entry.key is None:
        text = f"{state.default_smtp} is not in LocalMachine\\My with a key"
        yield Problem("exchange.default-smtp-gone", DEFAULT, text)
    elif entry.certificate.not_after < state.clock:
        yield Problem("exchange.default-smtp-expired", DEFAULT, f"{label(entry.certificate)} has expired")


def _back_end_findings(state: ExchangeState) -> Iterable[Problem]:
    for thumbprint in state.bound(BACK_END):
        entry = state.entry(thumbprint)
        if entry is None or entry.key is None:
            text = f"is bound to {thumbprint}, which is not in LocalMachine\\My with a key"
            yield Problem("exchange.back-end", "port 444", text)
        elif not entry.certificate.self_issued:
            text = f"is bound to {label(entry.certificate)}, not to the server's self-signed certificate"
            yield Problem("exchange.back-end", "port 444", text)


def _smtp_findings(state: ExchangeState) -> Iterable[Problem]:
    """What inbound STARTTLS chooses: the newest valid certificate of a CA whose name fits, enabled or not."""
    if not state.server.version.modern:
        return
    for connector in state.connectors:
        if connector.kind != "receive" or connector.certificate_name or not connector.fqdn:
            continue
        fitting = [
            entry
            for entry in state.stores.machine("My")
            if entry.key is not None
            and not entry.certificate.self_issued
            and entry.certificate.not_before <= state.clock <= entry.certificate.not_after
            and any(covers(name, connector.fqdn) for name in names_of(entry.certificate))
        ]
        chosen = max(fitting, key=lambda entry: entry.certificate.not_before, default=None)
        readers = chosen.key.readers if chosen is not None and chosen.key is not None else None
        if chosen is not None and readers is not None and NETWORK_SERVICE not in readers:
            text = f"chooses {label(chosen.certificate)}, whose key NETWORK SERVICE cannot read: TLS fails"
            yield Problem("exchange.smtp-not-enabled", connector.name, text)


def _unknown_findings(state: ExchangeState) -> Iterable[Problem]:
    """Certificates of a CA that could have a service, where the server does not show whether they have. One that is
    older than what has the service for certain makes no difference: the newest is taken."""
    mine = [entry.certificate for entry in state.stores.machine("My") if not entry.certificate.self_issued]
    certain = {service: [c for c in mine if state.has(service, c.thumbprint)] for service in state.server.offers}
    for certificate in mine:
        unknown = [
            service
            for service in state.unknown_of(certificate.thumbprint)
            if not any(holder.not_before >= certificate.not_before for holder in certain[service])
        ]
        if unknown:
            text = f"whether it has {', '.join(unknown)} cannot be known: Exchange's answer does not show its services"
            yield Problem("exchange.services-unknown", label(certificate), text)


def _other_findings(state: ExchangeState) -> Iterable[Problem]:
    for protocol, name in state.client_names.items():
        entries = [e.certificate for e in state.stores.machine("My") if e.key is not None]
        if not any(covers(have, name) for certificate in entries for have in names_of(certificate)):
            text = f"X509CertificateName is {name or 'empty'}, and no certificate in LocalMachine\\My covers it"
            yield Problem("exchange.client-name", protocol, text)
    for thumbprint in sorted(state.auth):
        entry = state.entry(thumbprint)
        if entry is not None and entry.certificate.not_after < state.clock:
            yield Problem("exchange.auth-certificate", label(entry.certificate), "the auth certificate has expired")
    for text in state.unread:
        yield Problem("exchange.unread", text.partition(":")[0], text)


def notes(order: ServiceOrder, state: ExchangeState) -> tuple[str, ...]:
    """What is done all the same, but should be known."""
    said = []
    doubted = uncertain(order, state)
    if doubted:
        text = "the server does not show whether it has them already, so they are given again"
        said.append(f"{', '.join(doubted)}: {text}")
    moved = bool(order.moves and state.default_smtp != order.thumbprint)
    if moved and (state.server.edge or state.subscriptions):
        said.append("the default SMTP certificate moves: an Edge Subscription has to be removed and made anew")
    if "SMTP" in missing(order, state) and state.default_smtp is None:
        said.append("there is no default SMTP certificate, so the new one becomes it")
    if state.server.edge and "SMTP" in missing(order, state):
        said.append("after a new certificate of a CA, Microsoft asks for a new Edge Subscription of this server")
    for protocol in CLIENTS:
        leaf = leaf_of(order, state.stores)
        if protocol in order.services and leaf and wildcard_for(leaf, wanted_name(order, protocol, state)):
            said.append(f"{protocol} finds the wildcard by its X509CertificateName alone; it is not enabled for it")
    if order.moves and not moved:
        said.append(f"the default SMTP certificate is {describe(state.default_smtp, state)} already")
    return tuple(said)
