# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Exchange server that goes out of service or comes back: component states, queues, copies of
databases, and what was written down on it before. Pure.

Cmdlets, parameters and versions: Microsoft's page of each. Component states are told by their name and the state that
counts; which requester asked for it is a nested object that a remote shell may turn into text, so it is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...plain import PlainError, from_plain, to_plain
from ...windows.calls import Call, Reply
from .state import Server, server_name

SCHEMA = "ucops.certificates/maintenance/1"
OFFLINE, HUB, ROUTER = "ServerWideOffline", "HubTransport", "UMCallRouter"
ACTIVE = "Active"
BLOCKED, HEALTHY = "Blocked", "Healthy"
MOUNTED = frozenset({"Mounted", "Mounting"})
SHADOW, POISON = "ShadowRedundancy", "poison"
"""Queues that no draining empties (Microsoft, Redirect-Message)."""
POLICY, DISABLED = "DatabaseCopyAutoActivationPolicy", "DatabaseCopyActivationDisabledAndMoveNow"


@dataclass(frozen=True)
class Remembered:
    """What was changed on a server, and what it was before; it lies on the server until all of it is back."""

    components: tuple[str, ...] = ()
    """Components that were Active."""
    policy: str | None = None
    """DatabaseCopyAutoActivationPolicy; None: it was Blocked already."""
    disabled: bool = False
    """Whether DatabaseCopyActivationDisabledAndMoveNow was set here."""
    databases: tuple[str, ...] = ()
    """Databases that were mounted here."""

    def dumps(self) -> str:
        """The text for the server."""
        return json.dumps({"schema": SCHEMA, **to_plain(self)}, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Remembered:
        """What :meth:`dumps` wrote. Raises ValueError for anything else, with what can be done."""
        try:
            data = json.loads(text)
            if data.pop("schema") != SCHEMA:
                raise PlainError("another schema")
            return from_plain(cls, data)
        except (ValueError, KeyError, TypeError, AttributeError, PlainError) as error:
            raise ValueError(
                "HKLM\\SOFTWARE\\ucops\\certificates, value Maintenance, is not what this version writes "
                f"({error}). Take the server out of maintenance by hand, remove the value, and run again"
            ) from None


@dataclass(frozen=True)
class Copy:
    """One copy of a mailbox database."""

    database: str
    server: str
    status: str

    @property
    def mounted(self) -> bool:
        """Whether it is the active one."""
        return self.status in MOUNTED


@dataclass(frozen=True)
class Condition:
    """One read of a server."""

    server: Server
    record: Remembered | None
    components: Mapping[str, str]
    """Component -> state; empty in 2010."""
    waiting: int | None
    """Messages that still have to be delivered; None: the queues did not answer."""
    policy: str | None
    """None: it is no Mailbox server."""
    disabled: bool
    barred: frozenset[str]
    """Servers on which Exchange would not activate a copy."""
    copies: tuple[Copy, ...]
    """Those on this server, and the other copies of databases that are mounted here."""
    targets: Mapping[str, tuple[str, str]]
    """Server that messages may be redirected to, as it was named -> its FQDN and the state of its HubTransport."""

    @property
    def mounted(self) -> tuple[str, ...]:
        """Databases whose active copy is here."""
        return tuple(copy.database for copy in self.copies if copy.mounted and copy.server == self.server.computer)

    @property
    def target(self) -> str | None:
        """FQDN of the first server that takes messages."""
        return next((fqdn for fqdn, state in self.targets.values() if fqdn and state == ACTIVE), None)


def read_calls(server: Server, targets: Sequence[str]) -> tuple[Call, ...]:
    """The first read. ``targets``: servers that messages may be redirected to."""
    calls = [Call("record", "Get-Maintenance")]
    more: tuple[str, ...] = ()
    if server.version.modern:
        more = (DISABLED,)
        calls.append(
            Call("components", "Get-ServerComponentState", {"Identity": server.computer}, ("Component", "State"))
        )
        calls += [
            Call(
                f"target {name}",
                "Get-ServerComponentState",
                {"Identity": name, "Component": HUB},
                ("ServerFqdn", "State"),
                optional=True,
            )
            for name in dict.fromkeys(targets)
        ]
    keep = ("DatabaseName", "MailboxServer", "Status")
    return (
        *calls,
        Call("servers", "Get-MailboxServer", {}, ("Name", POLICY, *more)),
        Call("here", "Get-MailboxDatabaseCopyStatus", {"Server": server.computer}, keep, optional=True),
        queue_call(server),
    )


def queue_call(server: Server) -> Call:
    """The transport service may have been restarted a moment ago: that it does not answer is no error."""
    keep = ("Identity", "DeliveryType", "NextHopDomain", "MessageCount")
    return Call("queues", "Get-Queue", {"Server": server.computer}, keep, optional=True)


def copy_calls(databases: Sequence[str]) -> tuple[Call, ...]:
    """The second read: every copy of databases, wherever it is."""
    keep = ("DatabaseName", "MailboxServer", "Status")
    return tuple(
        Call(f"copies {name}", "Get-MailboxDatabaseCopyStatus", {"Identity": name}, keep, optional=True)
        for name in databases
    )


def see(server: Server, reply: Reply, targets: Sequence[str]) -> Condition:
    """The reply to :func:`read_calls`. Raises ValueError for a record that cannot be read, or copies that were not."""
    text = next((row.get("Text") for row in reply.rows("record")), None)
    rows = {server_name(str(row["Name"])): row for row in reply.rows("servers")}
    own = rows.get(server.computer)
    here = reply.answers.get("here")
    if own is not None and here is not None and here.error is not None:
        raise ValueError(f"the copies of databases on {server.computer} could not be read: {here.error.message}")
    found = {name: next(iter(reply.rows(f"target {name}")), {}) for name in targets}
    return Condition(
        server,
        Remembered.loads(str(text)) if text else None,
        {str(row["Component"]): str(row["State"]) for row in reply.rows("components")},
        waiting_of(reply),
        str(own[POLICY]) if own else None,
        bool(own.get(DISABLED)) if own else False,
        frozenset(name for name, row in rows.items() if str(row[POLICY]) == BLOCKED or row.get(DISABLED)),
        copies_of(reply.rows("here")) if own else (),
        {name: (str(row.get("ServerFqdn") or ""), str(row.get("State") or "")) for name, row in found.items()},
    )


def copies_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Copy, ...]:
    """Rows of Get-MailboxDatabaseCopyStatus."""
    return tuple(
        Copy(str(row["DatabaseName"]), server_name(str(row["MailboxServer"])), str(row["Status"])) for row in rows
    )


def with_others(seen: Condition, reply: Reply) -> Condition:
    """The same with the reply to :func:`copy_calls`."""
    every = [copy for call in reply.answers if call.startswith("copies ") for copy in copies_of(reply.rows(call))]
    others = tuple(copy for copy in every if copy.server != seen.server.computer)
    return replace(seen, copies=(*seen.copies, *others))


def waiting_of(reply: Reply) -> int | None:
    """Messages in queues that draining empties."""
    answer = reply.answers.get("queues")
    if answer is None or not answer.ok:
        return None
    return sum(
        int(row.get("MessageCount") or 0)
        for row in answer.rows
        if row.get("DeliveryType") != SHADOW
        and not str(row.get("NextHopDomain") or "").lower().startswith(POISON)
        and not str(row.get("Identity") or "").lower().endswith(f"\\{POISON}")
    )
