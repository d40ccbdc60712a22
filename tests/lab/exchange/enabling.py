"""Enable-ExchangeCertificate: what it binds, grants, asks and turns on beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..member.keys import NETWORK_SERVICE
from ..member.stores import Entry
from ..pki import common_name
from . import names, services
from .context import ExchangeContext, Row
from .errors import exchange_error
from .reading import wanted_entry
from .state import PENDING, Binding, ExchangeState

ENABLE = "Enable-ExchangeCertificate"


def _unfit(state: ExchangeState, entry: Entry, store: str) -> str | None:
    if store == PENDING:
        return "PendingRequest"
    if entry.container is None:
        return "PrivateKeyMissing"
    if state.keys.get(entry.container) is None:
        return "PrivateKeyNotAccessible"
    return "DateInvalid" if entry.certificate.not_valid_after_utc < state.clock.now() else None


async def enable_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Enable-ExchangeCertificate. Additive; SMTP asks about the default certificate, and -Force says yes."""
    at.only(ENABLE, given, "Thumbprint", "Identity", "Services", "DoNotRequireSsl", "NetworkServiceAllowed")
    state, entry, store = wanted_entry(at, ENABLE, given)
    reason = _unfit(state, entry, store)
    if reason:
        text = f"The certificate with thumbprint {entry.thumbprint} was found but is not valid for use with "
        text += f"Exchange Server (reason: {reason})."
        raise exchange_error(ENABLE, text, "ArgumentException", "InvalidArgument")
    wanted = list(given["Services"])
    _refuse(at, state, wanted)
    if given.get("WhatIf"):
        return []
    if "SMTP" in wanted and state.internal_thumbprint != entry.thumbprint:
        if not given.get("Force"):
            await at.ask(ENABLE)
        state.internal_certificate = entry.der
    any_service = bool(wanted) and state.behaviour.enable_grants == "any-service"
    if given.get("NetworkServiceAllowed") or "SMTP" in wanted or any_service:
        state.keys.containers[entry.container or ""].grant(NETWORK_SERVICE, "Read")
    for service in wanted:
        if service == "IIS":
            bind_web_site(state, entry)
            state.require_ssl = state.require_ssl or not given.get("DoNotRequireSsl")
        elif service in ("POP", "IMAP"):
            _enable_client(at, state, entry, service)
        elif service in ("UM", "UMCallRouter"):
            state.enabled.setdefault(entry.thumbprint, set()).add(service)
            state.um_certificates[service] = entry.thumbprint
    return []


def _refuse(at: ExchangeContext, state: ExchangeState, wanted: list[str]) -> None:
    if "Federation" in wanted:
        raise exchange_error(ENABLE, "The Federation service is enabled by setting up a federation trust.")
    if state.edge and set(wanted) - {"SMTP"}:
        raise exchange_error(ENABLE, "Only the SMTP service is available on an Edge Transport server.")
    for service in set(wanted) & {"UM", "UMCallRouter"}:
        if state.um_modes.get(service) not in ("TLS", "Dual"):
            text = f"The certificate can't be enabled for {service}: its UMStartupMode is neither TLS nor Dual."
            raise exchange_error(ENABLE, text)
        if services.running(state, services.UNIFIED[service]):
            text = f"The certificate can't be enabled for {service}: stop {services.UNIFIED[service]} first."
            raise exchange_error(ENABLE, text)


def bind_web_site(state: ExchangeState, entry: Entry) -> None:
    """The Default Web Site's bindings; those of the back end stay. IIS goes on with the cookies' old certificate."""
    for address, port in list(state.bindings):
        if port == 443:
            state.bindings[address, port] = Binding(entry.thumbprint)


def _enable_client(at: ExchangeContext, state: ExchangeState, entry: Entry, protocol: str) -> None:
    if names.is_wildcard(entry.certificate):
        noun = {"POP": "POPSettings", "IMAP": "IMAPSettings"}[protocol]
        at.warnings.append(
            f"This certificate with thumbprint {entry.thumbprint} and subject '{common_name(entry.certificate)}' "
            f"cannot used for {protocol} SSL/TLS connections because the subject is not a Fully Qualified Domain Name "
            f"(FQDN). Use command Set-{noun} to set X509CertificateName to the FQDN of the service."
        )
        return
    state.enabled.setdefault(entry.thumbprint, set()).add(protocol)
    if state.behaviour.pop_imap_enable == "sets-name":
        state.client_settings[protocol].certificate_name = common_name(entry.certificate)
