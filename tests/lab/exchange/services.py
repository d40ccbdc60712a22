"""The Windows services of an Exchange server, and what starting one does."""

from __future__ import annotations

from ..member.errors import CallError
from . import components, selection, versions
from .state import ExchangeState

FRONT_END, TRANSPORT, IIS = "MSExchangeFrontEndTransport", "MSExchangeTransport", "W3SVC"
SERVICE_HOST = "MSExchangeServiceHost"
#: Protocol -> the services to restart after a change (the second one since Exchange 2013).
CLIENTS = {"POP": ("MSExchangePOP3", "MSExchangePOP3BE"), "IMAP": ("MSExchangeIMAP4", "MSExchangeIMAP4BE")}
UNIFIED = {"UM": "MSExchangeUM", "UMCallRouter": "MSExchangeUMCR"}


def of(state: ExchangeState) -> list[str]:
    """Names of the services that this server has."""
    if state.edge:
        return [TRANSPORT, "ADAM_MSExchange"]
    new = versions.has_back_end(state.host)
    found = [IIS, SERVICE_HOST, TRANSPORT, *([FRONT_END] if new else [])]
    for front, back in CLIENTS.values():
        found += [front, back] if new else [front]
    return found + (list(UNIFIED.values()) if versions.has_unified_messaging(state.host) else [])


def running(state: ExchangeState, service: str) -> bool:
    """Whether it runs."""
    return state.services.get(service) == "Running"


def client_running(state: ExchangeState, protocol: str) -> bool:
    """POP or IMAP: every service of it runs."""
    return all(running(state, s) for s in CLIENTS[protocol] if s in state.services)


def start(state: ExchangeState, service: str) -> None:
    """Start a service; it takes its certificates. Raises CallError when it does not come up."""
    if running(state, service):
        return
    if service in state.behaviour.service_fails.split(","):
        raise CallError(
            f"Cannot start service {service} on computer '.'.",
            "ucops.Set-ServiceState",
            "System.InvalidOperationException",
            "OpenError",
        )
    state.services[service] = "Running"
    for connector in state.receive_connectors:
        if connector.service == service:
            state.held[connector.name] = selection.starttls(state, connector).entry
            state.noted.pop(f"receive {connector.name}", None)  # a start logs anew
    for protocol, both in CLIENTS.items():
        if service in both and protocol in state.client_settings:
            state.held[protocol] = selection.client(state, protocol).entry
            state.noted.pop(protocol, None)
    if service == TRANSPORT:
        components.restarted(state)
    if service in (TRANSPORT, FRONT_END):
        state.noted.pop("internal", None)
        for send in state.organization.send_connectors:
            state.noted.pop(f"send {send.name}", None)
    if service == IIS:
        take_cookie_certificate(state)


def stop(state: ExchangeState, service: str) -> None:
    """Stop a service."""
    state.services[service] = "Stopped"


def restart(state: ExchangeState, service: str) -> None:
    """Stop and start."""
    stop(state, service)
    start(state, service)


def take_cookie_certificate(state: ExchangeState) -> None:
    """Cookies are encrypted with the certificate of the Default Web Site."""
    binding = state.bindings.get(("0.0.0.0", 443))
    state.cookie_certificate = binding.thumbprint if binding else None
