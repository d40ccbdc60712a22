# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole read of an Exchange server in one document, whatever its version. Pure.

A rollout asks a member as little as possible, so it does not first ask for the version: what only some versions or
roles have is asked of all of them, and an answer counts where the server is one of those. The cmdlets are told the
server's own name, which the script fills in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ...stores.store import read_calls, stores_from_rows, test_calls
from ...windows.calls import Answer, Call, Reply, Switch, ThisComputer
from ..values import Address
from .reach import AUTODISCOVER, AUTODISCOVER_URI, DIRECTORIES, addresses
from .rows import (
    NAMES,
    STORES,
    UM_CALLS,
    certificates_call,
    connector_calls,
    federation_call,
    server_calls,
    state_of,
    um_calls,
)
from .state import CLIENTS, STAGE, ExchangeState, Server, Version

MISSING = "CommandNotFoundException"
_TRANSPORT = ("Name", "InternalTransportCertificateThumbprint")
_AUTH = ("CurrentCertificateThumbprint", "PreviousCertificateThumbprint", "NextCertificateThumbprint")
_ANY = Server(ThisComputer(), Version((15,)), {})  # type: ignore[arg-type]  # the script puts the name in
# Whether a store that nobody has made yet can be opened for reading is not documented: then nothing is staged.
_STAGED = Call("staged", "Get-StoreCertificate", {"Stores": [STAGE], "Users": False}, optional=True)
_AUTODISCOVER_OLD = f"{AUTODISCOVER}-2013"
STAGED = "staged-"
"""What the ids of tests of the collection's own store begin with."""


def calls() -> tuple[Call, ...]:
    """Everything that is read of a server, Edge Transport or not, 2010 or newer."""
    me = ThisComputer()
    return (
        *server_calls(),
        *read_calls(STORES, True),
        Call("access", "Get-StoreKeyAccess", {"Store": "My", "Thumbprints": None}, optional=True),
        _STAGED,
        Call("bindings", "Get-TlsBinding", optional=True),
        certificates_call(_ANY),
        Call("transport", "Get-TransportService", {"Identity": me}, _TRANSPORT, optional=True),
        Call("transport-2010", "Get-TransportServer", {"Identity": me}, _TRANSPORT, optional=True),
        *(Call(p, NAMES[p], {"Server": me}, ("X509CertificateName",), optional=True) for p in CLIENTS),
        Call("auth", "Get-AuthConfig", {}, _AUTH, optional=True),
        federation_call(),
        *um_calls(me),
        *connector_calls(_ANY),
    )


def reach_calls() -> tuple[Call, ...]:
    """The names that a server with client access is configured to be reached by."""
    me = ThisComputer()
    given = {"Server": me, "ADPropertiesOnly": Switch()}
    return (
        Call(AUTODISCOVER, "Get-ClientAccessService", {"Identity": me}, (AUTODISCOVER_URI,), optional=True),
        Call(_AUTODISCOVER_OLD, "Get-ClientAccessServer", {"Identity": me}, (AUTODISCOVER_URI,), optional=True),
        *(Call(what, cmdlet, given, keep, optional=True) for what, (cmdlet, keep) in DIRECTORIES.items()),
    )


def key_calls(thumbprints: Sequence[str], staged: bool) -> tuple[Call, ...]:
    """Asks keys to sign, and Schannel what it would send, in My or where they are staged."""
    if not staged:
        return tuple(call for call in test_calls(thumbprints) if call.id != "access")
    tests = (call for call in test_calls(thumbprints, STAGE) if call.id != "access")
    return tuple(replace(call, id=STAGED + call.id) for call in tests)


def stage_calls(thumbprints: Sequence[str], staged: bool) -> tuple[Call, ...]:
    """What staging changed: the stores, and the key. No cmdlet of Exchange is needed for it."""
    return (*read_calls(STORES, True), _STAGED, *key_calls(thumbprints, staged))


def state_in(reply: Reply, now: datetime, server: Server) -> ExchangeState:
    """The state that a reply to :func:`calls` shows. What the server's version or role does not have is left out."""
    asked = _of(reply, server)
    state = state_of(asked, now, server)
    rows = (*asked.rows("stores"), *asked.rows("staged"))
    other = {STAGE: asked.rows(f"{STAGED}keys")}
    return replace(state, stores=stores_from_rows(rows, asked.rows("keys"), asked.rows("access"), other))


def reach_in(reply: Reply, server: Server) -> tuple[Address, ...]:
    """The names that a reply to :func:`reach_calls` shows, beside those of connectors, POP and IMAP."""
    return addresses(_of(reply, server), server)


def _of(reply: Reply, server: Server) -> Reply:
    """The reply without what this kind of server has not; what it has under an older name, under the newer one."""
    answers = {name: answer for name, answer in reply.answers.items() if _asked(name, server)}
    for old, new in (("transport-2010", "transport"), (_AUTODISCOVER_OLD, AUTODISCOVER)):
        if old in answers:
            answers[new] = answers.pop(old)
    return Reply(reply.host, answers)


def not_told(reply: Reply, server: Server | None) -> tuple[tuple[str, Answer], ...]:
    """Answers without which nothing can be said of the server, and that are errors. Where ``server`` is not known, that
    is who it is."""
    if server is None:
        asked = reply.answers.get("services")
        return (("services", asked),) if asked is not None and not asked.ok else ()
    needed = ["services", "stores", "certificates", "transport" if server.version.modern else "transport-2010"]
    if "IIS" in server.offers:
        needed.append("bindings")
    needed += [protocol for protocol in CLIENTS if protocol in server.offers]
    return tuple((name, reply.answers[name]) for name in needed if not reply.answers[name].ok)


def _asked(name: str, server: Server) -> bool:
    """Whether this kind of server has what the call asks for."""
    client_access = "client_access" in server.roles
    before_2016 = server.version.year in ("2010", "2013")
    has = {
        "bindings": not server.edge,
        "transport": server.version.modern,
        "transport-2010": not server.version.modern,
        "auth": server.version.modern and not server.edge,
        "federation": not server.edge,
        "subscriptions": not server.edge,
        **dict.fromkeys(UM_CALLS, server.version.unified_messaging and "UM" in server.offers),
        AUTODISCOVER: client_access and not before_2016,
        _AUTODISCOVER_OLD: client_access and before_2016,
        **dict.fromkeys(DIRECTORIES, client_access),
        "MAPI": client_access and server.version.modern,
        **{protocol: protocol in server.offers for protocol in CLIENTS},
    }
    return has.get(name, True)
