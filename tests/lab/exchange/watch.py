"""What an Exchange server logs about its certificates: events 12012 to 12016, 15021 and 1003.

An event is written when a problem appears, and again when the service that has it is started.
"""

from __future__ import annotations

from ..member import schannel
from ..member.events import SYSTEM_LOG, Event
from . import selection, services
from .selection import EXPIRED, INTERNAL_EXPIRED, INTERNAL_GONE, NO_CERTIFICATE, NO_INTERNAL
from .state import ExchangeState, Organization

APPLICATION = "Application"


def look(organization: Organization) -> None:
    """Write what is to be written on every server."""
    for state in organization.servers:
        _transport(state)
        _clients(state)


def _note(state: ExchangeState, about: str, number: int | None, source: str, text: str) -> None:
    if number is None:
        state.noted.pop(about, None)
    elif state.noted.get(about) != number:
        state.noted[about] = number
        level = "Warning" if number in (EXPIRED, INTERNAL_EXPIRED) else "Error"
        state.logs.write(Event(number, source, level, state.clock.now(), text, APPLICATION))


def _no_certificate(name: str, connector: str) -> str:
    return (
        f"Microsoft Exchange could not find a certificate that contains the domain name {name} in the personal store "
        f"on the local computer. Therefore, it is unable to support the STARTTLS SMTP verb for the connector "
        f"{connector} with a FQDN parameter of {name}. If the connector's FQDN is not specified, the computer's FQDN "
        "is used. Verify the connector configuration and the installed certificates to make sure that there is a "
        "certificate "
        "with a domain name for that FQDN. If this certificate exists, run Enable-ExchangeCertificate -Services SMTP "
        "to make sure that the Microsoft Exchange Transport service has access to the certificate key."
    )


def _expired(entry_thumbprint: str, name: str) -> str:
    return (
        f"There is no valid SMTP Transport Layer Security (TLS) certificate for the FQDN of {name}. The existing "
        f"certificate for that FQDN has expired. The continued use of that FQDN will cause mail flow problems. "
        f"Thumbprint: {entry_thumbprint}"
    )


def _transport(state: ExchangeState) -> None:
    for connector in state.receive_connectors:
        if not services.running(state, connector.service):
            continue
        name = connector.tls_certificate_name or connector.fqdn or state.fqdn
        choice = selection.current(state, connector)
        shown = choice.entry.thumbprint if choice.entry else ""
        text = _no_certificate(name, connector.name) if choice.event == NO_CERTIFICATE else _expired(shown, name)
        _note(state, f"receive {connector.name}", choice.event, connector.service, text)
    if not services.running(state, services.TRANSPORT):
        return
    for send in state.organization.send_connectors:
        if state.computer in send.sources and send.tls_certificate_name:
            event = selection.starttls(state, send).event
            text = _no_certificate(send.tls_certificate_name, send.name)
            _note(state, f"send {send.name}", event if event == NO_CERTIFICATE else None, services.TRANSPORT, text)
    thumb = state.internal_thumbprint or ""
    told = {
        NO_INTERNAL: "Microsoft Exchange could not load the certificate for internal transport: none is configured.",
        INTERNAL_GONE: f"Microsoft Exchange could not load the certificate with thumbprint of {thumb} from the "
        "personal store on the local computer. This certificate was configured for authentication with other Exchange "
        "servers. Mail flow to other Exchange servers could be affected by this error.",
        INTERNAL_EXPIRED: f"An internal transport certificate expired. Thumbprint:{thumb}",
    }
    event = selection.internal(state).event
    _note(state, "internal", event, services.TRANSPORT, told.get(event or 0, ""))


def _clients(state: ExchangeState) -> None:
    for protocol, settings in state.client_settings.items():
        if services.client_running(state, protocol):
            missing = selection.client_current(state, protocol).entry is None
            front = services.CLIENTS[protocol][0]
            text = (
                f'A certificate for the host name "{settings.certificate_name}" could not be found. '
                f"SSL or TLS encryption cannot be made to the {protocol} service."
            )
            _note(state, protocol, state.behaviour.pop_imap_event if missing else None, front, text)


def http_failed(state: ExchangeState, port: int) -> None:
    """http.sys could not use the certificate of an endpoint."""
    text = (
        f"An error occurred while using SSL configuration for endpoint 0.0.0.0:{port}. "
        "The error status code is contained within the returned data."
    )
    state.logs.write(Event(15021, "HttpEvent", "Error", state.clock.now(), text, SYSTEM_LOG))


def cookie_failed(state: ExchangeState) -> None:
    """The key of the cookie's certificate is in a key storage provider, where forms authentication cannot use it."""
    text = "The forms-based authentication module failed: Invalid provider type specified."
    state.logs.write(Event(1003, "MSExchange Front End HTTP Proxy", "Error", state.clock.now(), text, APPLICATION))


def no_key(state: ExchangeState) -> None:
    """Schannel cannot use the key of a server credential."""
    state.visits.tls_failures += 1
    text = (
        "A fatal error occurred when attempting to access the TLS server credential private key. "
        "The error code returned from the cryptographic module is 0x8009030D. The internal error state is 10001."
    )
    state.logs.write(Event(36870, "Schannel", "Error", state.clock.now(), text, SYSTEM_LOG))


def back_end_works(state: ExchangeState) -> bool:
    """The front end reaches the back end: 444's certificate is there, its key is, and it is trusted."""
    if not state.back_end:
        return True
    entry = state.bound(444)
    return entry is not None and schannel.usable(state, entry) and entry.self_signed and schannel.complete(state, entry)
