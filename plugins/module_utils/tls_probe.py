# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the certificates that a TLS port presents, in the order sent, without judging any of them.

Standard library only, Python 3.6 and newer, so that it runs wherever a member can be reached from. The handshake is
driven by hand over memory buffers: that gives one deadline for everything, and up to TLS 1.2 the server's own bytes,
in which the certificates can be read even when the handshake fails afterwards (a port that insists on a client
certificate, an algorithm that this machine's policy forbids).
"""

import concurrent.futures
import functools
import socket
import ssl
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .line import Line, Unreadable
from .starttls import NoStarttls, begin
from .tls_wire import ALERTS, certificates_in_flight, client_hello, read_flight

__all__ = ["certificates_in_flight", "probe", "probe_many"]

PROTOCOL_VERSION = 70
"""The TLS alert of a server that speaks none of the versions offered."""

READS_TLS13 = sys.version_info >= (3, 10)
"""Before, Python has no way to the chain but to read it off the wire, where TLS 1.3 encrypts it."""

MANY = 64
"""Probes under way at once."""


def probe(
    host: str, port: int, server_name: Optional[str] = None, timeout: float = 10.0, starttls: Optional[str] = None
) -> Dict[str, Any]:
    """Connects, reads what the port presents, and goes away. Never raises for what a server or a network does.

    :param host: name or address to connect to.
    :param server_name: sent as SNI; none is sent when it is None or an address.
    :param timeout: seconds for all of it together.
    :param starttls: ``smtp``, ``imap`` or ``pop3`` for a port that begins in the clear; None for TLS from the start.
    :return: ``host``, ``port``, ``server_name``, ``starttls``; ``ok`` (certificates were read); ``certificates`` (DER,
        as sent); ``protocol`` and ``cipher`` (None where unknown); ``handshake`` (it was completed);
        ``client_certificate_requested`` (None where it cannot be told: TLS 1.3); ``error`` (a sentence, when not ok);
        ``handshake_error`` (a sentence: certificates were read, but the handshake was not completed).
    """
    result: Dict[str, Any] = {
        "host": host, "port": port, "server_name": server_name, "starttls": starttls, "ok": False, "error": None,
        "protocol": None, "cipher": None, "handshake": False, "handshake_error": None,
        "client_certificate_requested": None, "certificates": [],
    }  # fmt: skip
    deadline = time.monotonic() + timeout
    try:
        _sni(server_name)
        if not 0 < port < 65536:
            raise Unreadable(f"there is no port {port}; ports are numbered 1 to 65535")
        _attempt(_handshake, result, deadline)
        if not result["certificates"] and result["error"] is not None:
            _attempt(_ask_plainly, result, deadline)
    except Unreadable as problem:
        result["error"] = result["error"] or str(problem)
    result["ok"] = bool(result["certificates"])
    if result["ok"]:
        result["handshake_error"], result["error"] = result["error"], None
    elif result["error"] is None:
        result["error"] = "the server presented no certificate"
    return result


def _attempt(read: Callable[[Line, Dict[str, Any]], None], result: Dict[str, Any], deadline: float) -> None:
    """One connection. What goes wrong in its TLS becomes ``error``; where it does not come to that: Unreadable."""
    line = Line(result["host"], result["port"], deadline)
    if result["starttls"]:
        _go_over(line, result["starttls"])
    try:
        read(line, result)
    except socket.timeout:
        result["error"] = _silence(line)
    except Unreadable as problem:
        result["error"] = str(problem)
    except OSError as problem:
        result["error"] = result["error"] or f"connection lost: {problem.strerror or problem}"
    finally:
        line.close()
        _take_flight(line, result)


def _go_over(line: Line, protocol: str) -> None:
    """Has a port that began in the clear wait for the TLS greeting. Raises Unreadable, the connection closed."""
    try:
        begin(line, protocol)
        del line.received[:]  # what comes from here on is TLS
        return
    except NoStarttls as problem:
        text = f"{protocol.upper()}: {problem}"
    except socket.timeout:
        text = f"connected, but the {protocol.upper()} answer was not complete within the time allowed"
    except OSError as problem:
        text = f"connection lost before TLS began: {problem.strerror or problem}"
    line.close()
    raise Unreadable(text)


def _silence(line: Line) -> str:
    if not line.received:
        return "connected, but no answer to the TLS greeting within the time allowed"
    return "the TLS answer was not complete within the time allowed"


def _take_flight(line: Line, result: Dict[str, Any]) -> None:
    """Adds what stood in the clear; what the handshake itself told is not overwritten."""
    flight = read_flight(bytes(line.received))
    if flight.certificates:
        result["certificates"] = flight.certificates
        result["client_certificate_requested"] = flight.certificate_requested
        result["protocol"] = result["protocol"] or flight.version
    if line.received and not flight.is_tls:
        result["error"] = f"what answers there does not speak TLS (it began with {bytes(line.received[:20])!r})"
    elif flight.alert and not flight.certificates:
        result["error"] = f"the server refused with the TLS alert {flight.alert} ({ALERTS.get(flight.alert, '?')})"
        if flight.alert == PROTOCOL_VERSION and not READS_TLS13:
            result["error"] += "; servers that speak only TLS 1.3 need Python 3.10 or newer where this runs"


@functools.lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """As open as this machine allows: nothing is trusted or sent here, certificates are only looked at.

    One for all probes of a process: it holds nothing of a connection.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # 0x4 is SSL_OP_LEGACY_SERVER_CONNECT: servers without secure renegotiation, as old Windows is without its updates.
    context.options |= 0x4
    for ciphers in ("ALL:@SECLEVEL=0", "ALL"):
        try:
            context.set_ciphers(ciphers)
            break
        except ssl.SSLError:
            continue
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if not READS_TLS13:
        context.options |= getattr(ssl, "OP_NO_TLSv1_3", 0)
    return context


def _sni(server_name: Optional[str]) -> Optional[str]:
    """Server name to send: never an address (RFC 6066, section 3). Raises Unreadable for what cannot be a name."""
    if not server_name:
        return None
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, server_name)
            return None
        except (OSError, ValueError):
            continue
    name = server_name.rstrip(".")
    try:
        name.encode("idna")
    except UnicodeError:
        raise Unreadable(f"{server_name!a} cannot be sent as a server name") from None
    if "\0" in name:
        raise Unreadable(f"{server_name!a} cannot be sent as a server name")
    return name or None


def _handshake(line: Line, result: Dict[str, Any]) -> None:
    """A whole handshake with the TLS library of this Python."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = _context().wrap_bio(incoming, outgoing, server_hostname=_sni(result["server_name"]))
    try:
        while not result["handshake"]:
            try:
                session.do_handshake()
                result["handshake"] = True
            except ssl.SSLWantReadError:
                pass
            line.send(outgoing.read())
            if not result["handshake"]:
                data = line.receive()
                if data:
                    incoming.write(data)
                else:
                    incoming.write_eof()
    except ssl.SSLError as problem:
        result["error"] = f"the handshake failed: {problem.reason or problem.strerror or problem}"
    finally:
        result["certificates"] = _chain(session)
        result["protocol"] = session.version() if result["handshake"] else None
        cipher = session.cipher()
        result["cipher"] = cipher[0] if cipher and result["handshake"] else None


def _chain(session: ssl.SSLObject) -> List[bytes]:
    """The chain as sent, also after a failed handshake: public from Python 3.13 on, internal since 3.10."""
    try:
        if hasattr(session, "get_unverified_chain"):
            return list(session.get_unverified_chain())
        internal: Any = getattr(session, "_sslobj", None)
        if hasattr(internal, "get_unverified_chain"):
            return [certificate.public_bytes(2) for certificate in internal.get_unverified_chain() or ()]
        leaf = session.getpeercert(True)
        return [leaf] if leaf else []
    except (ValueError, ssl.SSLError):
        return []


def _ask_plainly(line: Line, result: Dict[str, Any]) -> None:
    """A greeting made by hand: reads servers that only speak what this machine's TLS library refuses to speak."""
    earlier, result["error"] = result["error"], None
    line.send(client_hello(_sni(result["server_name"])))
    while True:
        flight = read_flight(bytes(line.received))
        if flight.done or flight.alert is not None:
            break
        if line.received and not flight.is_tls or not line.receive():
            break
    # The handshake was not gone on with, so what stopped the other attempt is still what there is to say.
    result["error"] = earlier


def probe_many(
    endpoints: Sequence[Mapping[str, Any]], timeout: float = 10.0, workers: int = MANY
) -> List[Dict[str, Any]]:
    """Probes many ports at once; the answers are in the order of the questions.

    :param endpoints: each with ``host``, ``port`` and perhaps ``server_name`` and ``starttls``.
    :param timeout: seconds for each of them.
    :param workers: how many at once.
    """

    def one(endpoint: Mapping[str, Any]) -> Dict[str, Any]:
        name, starttls = endpoint.get("server_name"), endpoint.get("starttls")
        return probe(endpoint["host"], int(endpoint["port"]), name, timeout, starttls)

    if not endpoints:
        return []
    with concurrent.futures.ThreadPoolExecutor(max(1, min(workers, len(endpoints)))) as pool:
        return list(pool.map(one, endpoints))
