# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Exchange server out of service and back: what is asked of it, what has to be changed, what has to be waited for.
Pure.

Steps and their order: Microsoft, Managing database availability groups (Exchange 2013) and Manage database
availability groups (2016, 2019, SE), "Performing maintenance on DAG members". The cluster node is not paused: nothing
is restarted that the cluster would notice. A component's state is what the requesters ask for together, and only who
asked for Inactive can take it back (Microsoft, Set-ServerComponentState, for the requesters; field: vanhybrid.com,
"Exploring Exchange Server component states"), so a component that was not Active before is nobody's to make Active.
Exchange 2010 has neither component states nor Redirect-Message: there the databases are moved, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...plain import PlainError, from_plain, to_plain
from ...stores.store import Change
from ...windows.calls import Call, Reply, Switch
from .state import TRANSPORT, Server, server_name

SCHEMA = "ucops.certificates/maintenance/1"
OFFLINE, HUB, ROUTER = "ServerWideOffline", "HubTransport", "UMCallRouter"
ACTIVE, DRAINING, INACTIVE = "Active", "Draining", "Inactive"
REQUESTER = "Maintenance"
BLOCKED, HEALTHY = "Blocked", "Healthy"
MOUNTED = frozenset({"Mounted", "Mounting"})
SHADOW, POISON = "ShadowRedundancy", "poison"
"""Queues that no draining empties (Microsoft, Redirect-Message)."""
POLICY, DISABLED = "DatabaseCopyAutoActivationPolicy", "DatabaseCopyActivationDisabledAndMoveNow"
NO_QUESTION = {"Confirm": Switch(False)}


@dataclass(frozen=True)
class Record:
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
    def loads(cls, text: str) -> Record:
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
class Seen:
    """One read of a server."""

    server: Server
    record: Record | None
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


def see(server: Server, reply: Reply, targets: Sequence[str]) -> Seen:
    """The reply to :func:`read_calls`. Raises ValueError for a record that cannot be read, or copies that were not."""
    text = next((row.get("Text") for row in reply.rows("record")), None)
    rows = {server_name(str(row["Name"])): row for row in reply.rows("servers")}
    own = rows.get(server.computer)
    here = reply.answers.get("here")
    if own is not None and here is not None and here.error is not None:
        raise ValueError(f"the copies of databases on {server.computer} could not be read: {here.error.message}")
    found = {name: next(iter(reply.rows(f"target {name}")), {}) for name in targets}
    return Seen(
        server,
        Record.loads(str(text)) if text else None,
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


def with_others(seen: Seen, reply: Reply) -> Seen:
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


def refusals(seen: Seen, move: bool) -> tuple[str, ...]:
    """Why the server cannot be taken out of service, before anything is changed."""
    found = []
    drains = seen.components.get(HUB) == ACTIVE or bool(seen.waiting)
    if seen.server.version.modern and drains and seen.target is None:
        asked = ", ".join(f"{name}: {state or 'not found'}" for name, (_, state) in seen.targets.items())
        found.append(
            "no other server takes its messages; expected one in redirect_to whose HubTransport is Active, found "
            f"{asked or 'none named'}"
        )
    for name in seen.mounted if move else ():
        others = [copy for copy in seen.copies if copy.database == name and copy.server != seen.server.computer]
        if any(copy.status == HEALTHY and copy.server not in seen.barred for copy in others):
            continue
        said = ", ".join(
            f"{copy.server}: {copy.status}" + (", activation is blocked" if copy.server in seen.barred else "")
            for copy in others
        )
        found.append(
            f"{name} is mounted here, and no other server holds a healthy copy of it that may be activated (found "
            f"{said or 'no other copy'}). Mend the copies; where there are none by design, leave databases as they are"
        )
    return tuple(found)


def entering(seen: Seen, move: bool) -> tuple[Change, ...]:
    """What draining takes, in Microsoft's order; going offline comes when it has ended."""
    server, changes = seen.server, []
    if seen.components.get(HUB) == ACTIVE:
        changes.append(component(server, HUB, ACTIVE, DRAINING))
    if seen.components.get(ROUTER) == ACTIVE:
        changes.append(component(server, ROUTER, ACTIVE, DRAINING))
    if seen.target and (seen.components.get(HUB) == ACTIVE or seen.waiting):
        with_ = {"Server": server.computer, "Target": [seen.target], **NO_QUESTION}
        call = Call("redirect", "Redirect-Message", with_)
        changes.append(Change("redirect", "messages that wait", server.computer, seen.target, (call,)))
    if seen.policy is not None and move:
        changes += _activation(seen)
    return tuple(changes)


def _activation(seen: Seen) -> Iterable[Change]:
    server = seen.server
    moved = [Change("database", name, server.computer, "another server") for name in seen.mounted]
    if server.version.modern:
        if not seen.disabled:
            yield mailbox(server, DISABLED, False, True)
    elif moved:
        with_ = {"Server": server.computer, "MoveComment": "ucops.certificates", **NO_QUESTION}
        moved[0] = replace(moved[0], calls=(Call("move", "Move-ActiveMailboxDatabase", with_),))
    if seen.policy != BLOCKED:
        blocked = mailbox(server, POLICY, str(seen.policy), BLOCKED)
        # Before the move, lest one comes back; 2013 and newer are disabled already.
        yield blocked
    yield from moved


def component(server: Server, name: str, before: str, after: str) -> Change:
    """A component in another state, as the requester Maintenance. Transport looks at its own when it is started."""
    with_ = {"Identity": server.computer, "Component": name, "Requester": REQUESTER, "State": after, **NO_QUESTION}
    calls = [Call(f"{name} {after}", "Set-ServerComponentState", with_)]
    if name == HUB:
        for status in ("Stopped", "Running"):
            calls.append(Call(f"transport {status}", "Set-ServiceState", {"Names": [TRANSPORT], "Status": status}))
    return Change("component", name, before, after, tuple(calls))


def mailbox(server: Server, name: str, before: bool | str, after: bool | str) -> Change:
    """A setting of the Mailbox server."""
    call = Call(f"{name} {after}", "Set-MailboxServer", {"Identity": server.computer, name: after, **NO_QUESTION})
    return Change("setting", name, str(before), str(after), (call,))


def offline(seen: Seen) -> tuple[Change, ...]:
    """The last step, once nothing is left here."""
    if seen.components.get(OFFLINE) == ACTIVE:
        return (component(seen.server, OFFLINE, ACTIVE, INACTIVE),)
    return ()


def record_of(seen: Seen, changes: Iterable[Change]) -> Record:
    """What the changes will have to be put back to; what an earlier begin wrote down stays as it was."""
    first = seen.record or Record()
    made = {change.subject for change in changes}
    components = tuple(name for name in (OFFLINE, HUB, ROUTER) if name in made or name in first.components)
    return Record(
        components,
        first.policy or (seen.policy if POLICY in made else None),
        first.disabled or DISABLED in made,
        first.databases or tuple(name for name in seen.mounted if name in made),
    )


def record_call(record: Record | None) -> Call:
    """Writes the record, or removes it."""
    return Call("record", "Set-Maintenance", {"Text": record.dumps() if record else None})


def left(seen: Seen, move: bool) -> tuple[str, ...]:
    """What the server still has to get rid of."""
    found = []
    if seen.server.version.modern and seen.waiting != 0:
        found.append("its queues do not answer" if seen.waiting is None else f"{seen.waiting} messages wait")
    if move:
        found += [f"{name} is mounted" for name in seen.mounted]
    return tuple(found)


def leaving(seen: Seen) -> tuple[Change, ...]:
    """What takes the server back into service: what the record holds, and nothing else."""
    record, server, changes = seen.record or Record(), seen.server, []
    for name in (OFFLINE, ROUTER):
        if name in record.components and (now := seen.components.get(name, ACTIVE)) != ACTIVE:
            changes.append(component(server, name, now, ACTIVE))
    if record.disabled and seen.disabled:
        changes.append(mailbox(server, DISABLED, True, False))
    if record.policy and seen.policy not in (None, record.policy):
        changes.append(mailbox(server, POLICY, str(seen.policy), record.policy))
    if HUB in record.components and (now := seen.components.get(HUB, ACTIVE)) != ACTIVE:
        changes.append(component(server, HUB, now, ACTIVE))
    return tuple(changes)


def returning(seen: Seen) -> tuple[Change, ...]:
    """Databases that were mounted here, and can be again."""
    record, here = seen.record or Record(), seen.server.computer
    fit = {copy.database for copy in seen.copies if copy.server == here and copy.status == HEALTHY}
    found = []
    for name in record.databases:
        if name in fit:
            with_ = {"Identity": name, "ActivateOnServer": here, "MoveComment": "ucops.certificates", **NO_QUESTION}
            call = Call(f"back {name}", "Move-ActiveMailboxDatabase", with_)
            found.append(Change("database", name, "another server", here, (call,)))
    return tuple(found)


def elsewhere(seen: Seen) -> tuple[str, ...]:
    """Databases that were mounted here before, and are not."""
    return tuple(name for name in (seen.record or Record()).databases if name not in seen.mounted)
