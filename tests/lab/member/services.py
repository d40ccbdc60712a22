"""The Windows services of an Edge Server: states, dependents, what stops them from starting, what they log."""

from __future__ import annotations

from cryptography import x509

from . import schannel
from .edge import Pool, drop_calls, restart_problems, settle
from .errors import CallError
from .events import LYNC, PROTOCOL_STACK, SYSTEM_LOG, Event, byte_reversed
from .keys import NETWORK_SERVICE
from .state import AV, State

_DEPENDENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "relay-on-auth": {"RTCMRAUTH": ("RTCMEDIARELAY",)},
    "none": {},
    "all-on-access-edge": {"RTCSRV": ("RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"), "RTCMRAUTH": ("RTCMEDIARELAY",)},
}
#: Start and stop events that Microsoft documents (SFB monitoring table).
_START_STOP = {"RTCSRV": (12288, 12289), "RTCMRAUTH": (19002, 19003), "RTCMEDIARELAY": (22002, 22003)}
#: Services whose forced stop ends the calls in progress.
_CARRY_CALLS = frozenset({"RTCSRV", "RTCMEDIARELAY"})
DRAINING = ("Paused", "StopPending")


def status(state: State, service: str) -> str:
    """The status now; a graceful stop is done when no call is left."""
    if state.services[service] in DRAINING and state.calls == 0:
        _stopped(state, service)
    return state.services[service]


def running(state: State, service: str) -> bool:
    """Whether its process is there (also while it drains)."""
    return status(state, service) != "Stopped"


def _log(state: State, number: int, source: str, level: str, text: str, log: str = LYNC) -> None:
    state.logs.write(Event(number, source, level, state.clock.now(), text, log))


def dependents_of(state: State, service: str) -> list[str]:
    """All that cannot run without the service, what depends on its dependents included; the nearest first."""
    found: list[str] = []
    waiting = [service]
    while waiting:
        name = waiting.pop(0)
        direct = [*_DEPENDENTS[state.behaviour.dependents].get(name, ())]
        direct += [planted for planted, parent in state.planted.items() if parent == name]
        waiting += [d for d in direct if d not in found]
        found += [d for d in direct if d not in found]
    return found


def order_of_stop(state: State, service: str) -> list[str]:
    """Dependents first, then the service itself."""
    return [d for d in reversed(dependents_of(state, service)) if state.services[d] != "Stopped"] + [service]


def stop(state: State, service: str, graceful: bool) -> None:
    """Stop a service and its dependents. With calls in progress a graceful stop is not done when this returns."""
    for name in order_of_stop(state, service):
        if status(state, name) == "Stopped":
            continue
        if graceful and state.calls and name != "REPLICA":
            state.services[name] = state.behaviour.drain_status
            continue
        if name in _CARRY_CALLS:
            drop_calls(state)
        _stopped(state, name)


def _stopped(state: State, service: str) -> None:
    state.services[service] = "Stopped"
    state.in_use.pop(service, None)
    if service in _START_STOP:
        _log(state, _START_STOP[service][1], service, "Information", f"The service {service} has stopped.")


def start(state: State, service: str, pool: Pool) -> None:
    """Start a service (and what it depends on). Raises CallError when it cannot work with its certificates."""
    pool.settle()
    for parent in list(state.services):
        if service in dependents_of(state, parent) and status(state, parent) == "Stopped":
            start(state, parent, pool)
    now = status(state, service)
    if now == "Running":
        return
    if now in DRAINING:
        if state.behaviour.start_paused == "fails":
            raise _cannot_start(state, service, "The service cannot accept control messages at this time.")
        state.services[service] = "Running"
        return
    problem = start_problem(state, service)
    if problem:
        raise _cannot_start(state, service, problem)
    state.services[service] = "Running"
    state.in_use[service] = {u: state.assigned[u].thumbprint for u in state.used_by.get(service, ())}
    settle(state)
    _log_start(state, service, pool)


def _cannot_start(state: State, service: str, why: str) -> CallError:
    return CallError(
        f'Failed to start service "{service}" on computer "{state.fqdn}". {why}',
        "StartServiceFailed,Start-CsWindowsService",
        "System.ServiceProcess.TimeoutException",
        "OpenError",
    )


def start_problem(state: State, service: str) -> str | None:
    """Why the service does not start; what is logged about it is logged."""
    if service in state.behaviour.service_fails.split(","):
        return "The service did not respond to the start or control request in a timely fashion."
    for use in state.used_by.get(service, ()):
        entry = state.entry(state.assigned[use].thumbprint)
        if entry is None:
            return f"No certificate is assigned for {use}."
        if entry.certificate.not_valid_after_utc < state.clock.now():
            _log_unusable(state, service, entry.certificate)
            return f"The certificate for {use} has expired."
        digest = entry.certificate.signature_hash_algorithm
        if service == "RTCSRV" and digest and digest.name == "sha512" and not state.host.windows.tls12_sha512:
            for number, text in ((36874, "no supported cipher suites"), (36888, "fatal alert 40 was generated")):
                _log(state, number, "Schannel", "Error", f"A TLS connection request was refused: {text}.", SYSTEM_LOG)
            _log_unusable(state, service, entry.certificate)
            return f"The certificate for {use} could not be used."
        if not schannel.usable(state, entry, NETWORK_SERVICE):
            log_no_key(state)
            _log_unusable(state, service, entry.certificate)
            return f"The private key of the certificate for {use} could not be used."
    return None


def log_no_key(state: State) -> None:
    """Schannel's event when the key of a server credential cannot be used."""
    text = (
        "A fatal error occurred when attempting to access the TLS server credential private key. "
        "The error code returned from the cryptographic module is 0x8009030D. The internal error state is 10001."
    )
    _log(state, 36870, "Schannel", "Error", text, SYSTEM_LOG)


def _log_unusable(state: State, service: str, certificate: x509.Certificate) -> None:
    if service != "RTCSRV":
        return
    serial = byte_reversed(certificate.serial_number)
    issuer = certificate.issuer.rfc4514_string()
    _log(
        state,
        14397,
        PROTOCOL_STACK,
        "Error",
        f"A configured certificate could not be loaded from store. Extended Error Code: 0x80092004. Issuer: {issuer}, "
        f"serial number (hex): {serial}",
    )
    _log(state, 12303, "LS Server", "Error", "The protocol stack reported a critical error: the service has to stop.")


def _log_start(state: State, service: str, pool: Pool) -> None:
    if service in _START_STOP:
        _log(state, _START_STOP[service][0], service, "Information", f"The service {service} has started.")
    if state.mutual_tls_broken() and any(service == s for s in ("RTCSRV", "RTCMRAUTH", "RTCDATAPROXY")):
        text = (
            "An invalid certificate was presented by a peer. Error 2148204809 (0x800B0109): a certificate chain "
            "processed, but terminated in a root certificate which is not trusted by the trust provider."
        )
        _log(state, 61029, "LS", "Error", text)
    use = {"RTCSRV": "AccessEdgeExternal", "RTCMRAUTH": AV}.get(service)
    for thumb in restart_problems(state, pool, use) if use else []:
        _log_session_key(state, pool, thumb)


def _log_session_key(state: State, pool: Pool, thumb: str) -> None:
    holder = next((m.entry(thumb) for m in [state, *pool.members] if m.entry(thumb)), None)
    serial = byte_reversed(holder.certificate.serial_number) if holder else "unknown"
    text = (
        "The Access Edge Server failed to import a shared session key due to invalid signature.\r\n"
        f"The certificate's serial number is {serial}.\r\n"
        "Cause: This can occur if the servers in the array do not have the same certificate.\r\n"
        "Resolution: Ensure that all servers in the array have the same certificate. Inspect the serial number of each."
    )
    _log(state, state.behaviour.session_key_event_id, PROTOCOL_STACK, "Error", text)
