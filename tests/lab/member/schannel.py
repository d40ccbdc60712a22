"""What the TLS stack of a member would present, by OpenSSL's own path building over the member's stores.

Rules (domain notes C1, C2, C6; sources in docs/lab.md): only the leaf is given, intermediates come from
the computer's stores, the root is not sent, the shortest chain wins a tie, and of an incomplete chain
what could be found is sent.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import combinations
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import crypto

from ..pki import PrivateKey
from .keys import SYSTEM
from .state import State
from .stores import Entry

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
_MOST_INTERMEDIATES = 4
_MOST_CANDIDATES = 12


@lru_cache(maxsize=4096)
def _load(der: bytes) -> crypto.X509:
    return crypto.X509.from_cryptography(x509.load_der_x509_certificate(der))


def _der(certificate: crypto.X509) -> bytes:
    return certificate.to_cryptography().public_bytes(serialization.Encoding.DER)


def _verify(
    leaf: bytes, anchors: Sequence[bytes], pool: Sequence[bytes], at: datetime, flags: int
) -> tuple[bytes, ...] | None:
    store = crypto.X509Store()
    for anchor in anchors:
        store.add_cert(_load(anchor))
    store.set_flags(flags)
    if not flags & _NO_CHECK_TIME:
        store.set_time(at.replace(tzinfo=None))
    context = crypto.X509StoreContext(store, _load(leaf), [_load(p) for p in pool])
    try:
        return tuple(_der(c) for c in context.get_verified_chain())
    except crypto.X509StoreContextError:
        return None


def _relevant(leaf: bytes, pool: Sequence[bytes]) -> list[bytes]:
    """Certificates of the pool that can be reached from the leaf by issuer names, nearest first."""
    wanted = {x509.load_der_x509_certificate(leaf).issuer.public_bytes()}
    found: list[bytes] = []
    while True:
        more = [
            p
            for p in pool
            if p not in found and p != leaf and x509.load_der_x509_certificate(p).subject.public_bytes() in wanted
        ]
        if not more:
            return found
        found += more
        wanted = {x509.load_der_x509_certificate(p).issuer.public_bytes() for p in more}


@lru_cache(maxsize=1024)
def chain(
    leaf: bytes, roots: tuple[bytes, ...], pool: tuple[bytes, ...], at: datetime
) -> tuple[tuple[bytes, ...], bool]:
    """The chain found for a leaf, leaf first, and whether it ends at one of ``roots``.

    ``at``: the time of judgement, rounded by the caller so that answers can be kept.
    """
    near = _relevant(leaf, pool)[:_MOST_CANDIDATES]
    for flags in (0, _NO_CHECK_TIME):
        for count in range(min(len(near), _MOST_INTERMEDIATES) + 1):
            for some in combinations(near, count):
                found = _verify(leaf, roots, some, at, flags)
                if found:
                    return found, True
    best: tuple[bytes, ...] = (leaf,)
    for top in near:
        rest = [p for p in near if p != top]
        found = _verify(leaf, [top], rest, at, _NO_CHECK_TIME | crypto.X509StoreFlags.PARTIAL_CHAIN)
        if found and len(found) > len(best):
            best = found
    return best, False


def path(state: State, leaf: Entry) -> tuple[tuple[bytes, ...], bool]:
    """Leaf to root as the computer context of this member builds it now; False: it ends at no trusted root."""
    if leaf.self_signed:
        return (leaf.der,), any(e.thumbprint == leaf.thumbprint for e in state.stores.entries("Root"))
    root_store = state.stores.entries("Root")
    roots = tuple(e.der for e in root_store if e.self_signed)
    pool = [e.der for e in state.stores.entries("CA")] + [e.der for e in root_store if not e.self_signed]
    if state.behaviour.system_ca == "used":
        pool += [e.der for e in state.stores.entries("CA", SYSTEM)]
    now = state.clock.now().astimezone(timezone.utc)
    hour = now.replace(minute=0, second=0, microsecond=0)
    judged = max([hour, *(m for m in _edges(leaf.der, *pool) if m <= now)])
    return chain(leaf.der, roots, tuple(dict.fromkeys(pool)), judged)


def _edges(*ders: bytes) -> list[datetime]:
    """The moments from which a certificate is or is no longer valid, so that rounding the time does not hide them."""
    found = []
    for der in ders:
        certificate = x509.load_der_x509_certificate(der)
        found += [certificate.not_valid_before_utc, certificate.not_valid_after_utc + timedelta(seconds=1)]
    return found


def presented(state: State, leaf: Entry) -> list[bytes]:
    """What is sent for this certificate: the chain without a self-signed root."""
    found, _ = path(state, leaf)
    sent = list(found)
    if len(sent) > 1:
        last = x509.load_der_x509_certificate(sent[-1])
        if last.issuer == last.subject:
            sent.pop()
    return sent


def complete(state: State, leaf: Entry) -> bool:
    """Whether the chain reaches a root of the member's own Root store."""
    return path(state, leaf)[1]


def usable(state: State, leaf: Entry | None, sid: str | None = None) -> bool:
    """Whether the key is there and, when ``sid`` is given, that account may read it."""
    container = state.keys.get(leaf.container) if leaf else None
    return container is not None and (sid is None or container.usable_by(sid))


def server_context(chain_ders: Sequence[bytes], key: PrivateKey, tls_max: str) -> ssl.SSLContext:
    """An SSL context that presents exactly that chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if tls_max == "1.2" else ssl.TLSVersion.TLSv1
    context.options |= ssl.OP_NO_TICKET
    pem = b"".join(ssl.DER_cert_to_PEM_cert(d).encode() for d in chain_ders)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:  # load_cert_chain takes files only; the folder is 0700
        file = Path(folder, "c.pem")
        file.write_bytes(pem)
        context.load_cert_chain(file)
    return context


_contexts: dict[tuple[tuple[bytes, ...], str, str], ssl.SSLContext] = {}


def context_for(state: State, leaf: Entry) -> ssl.SSLContext:
    """The context that presents this certificate as the stores are now. The key must be there."""
    container = state.keys.containers[leaf.container or ""]
    sent = tuple(presented(state, leaf))
    key = (sent, container.name, state.behaviour.tls_max)
    if key not in _contexts:
        _contexts[key] = server_context(sent, container.key, state.behaviour.tls_max)
    return _contexts[key]


def flight(state: State, leaf: Entry) -> bytes:
    """The server's first flight, as raw records: to the ClientHello that came along, or to a real one of TLS 1.2."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    to_server.write(state.hello or _hello())
    server = context_for(state, leaf).wrap_bio(to_server, to_client, server_side=True)
    with contextlib.suppress(ssl.SSLWantReadError):
        server.do_handshake()
    return to_client.read()


def _hello() -> bytes:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    client.minimum_version, client.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2
    said = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client.wrap_bio(ssl.MemoryBIO(), said, server_side=False).do_handshake()
    return said.read()
