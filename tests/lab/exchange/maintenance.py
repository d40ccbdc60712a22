"""Component states, transport queues, and the copies of mailbox databases: what a server's maintenance is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import components, versions
from .components import FRONT, HUB, REQUESTERS, ROUTER, STATES, accepts, component
from .context import ExchangeContext, Row, identity_server
from .errors import exchange_error, no_object, not_played
from .state import Database, ExchangeState

POLICIES = ("Unrestricted", "IntrasiteOnly", "Blocked")
MOUNTED, HEALTHY = "Mounted", "Healthy"


async def get_state(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-ServerComponentState."""
    cmdlet = "Get-ServerComponentState"
    at.only(cmdlet, given, "Identity", "Component")
    (state,) = identity_server(cmdlet, at, given)
    wanted = [c for c in components.of(state) if given.get("Component", c).casefold() == c.casefold()]
    if not wanted:
        raise exchange_error(cmdlet, f"The component {given['Component']} isn't known.", "ArgumentException")
    return [
        {
            "Component": name,
            "Identity": state.computer,
            "LocalStates": [f"{who} {what}" for who, what in state.components.get(name, {}).items()],
            "ServerFqdn": state.fqdn,
            "State": component(state, name),
        }
        for name in wanted
    ]


def _one(cmdlet: str, parameter: str, value: Any, known: tuple[str, ...]) -> str:
    for one in known:
        if one.casefold() == str(value).casefold():
            return one
    text = f"Cannot process {parameter}: the value {value} isn't one of {', '.join(known)}."
    raise exchange_error(cmdlet, text, "ArgumentException", "InvalidArgument")


async def set_state(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Set-ServerComponentState: what one requester asks of one component."""
    cmdlet = "Set-ServerComponentState"
    at.only(cmdlet, given, "Identity", "Component", "Requester", "State")
    (state,) = identity_server(cmdlet, at, given)
    name = _one(cmdlet, "Component", given["Component"], components.of(state))
    requester = _one(cmdlet, "Requester", given["Requester"], REQUESTERS)
    wanted = _one(cmdlet, "State", given["State"], STATES)
    if wanted == "Draining" and name not in (HUB, FRONT, ROUTER):
        raise not_played(cmdlet, f"-Component {name} -State Draining")
    if not given.get("WhatIf"):
        state.components.setdefault(name, {})[requester] = wanted
    return []


async def get_queue(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-Queue. While the server drains each look lets ``queue_leaves`` messages go."""
    cmdlet = "Get-Queue"
    at.only(cmdlet, given, "ResultSize")
    (state,) = identity_server(cmdlet, at, {"Identity": given.get("Server") or at.shell.server.computer})
    if state.draining:
        state.queued = max(0, state.queued - state.behaviour.queue_leaves)
    rows = [
        ("Submission", "Undefined", "Submission", 0),
        ("3", "SmtpDeliveryToMailbox", "mailbox database", state.queued),
        ("5", "ShadowRedundancy", "another server", state.shadow),
    ]
    if state.poison:
        rows.append(("Poison", "Undefined", "Poison Message", state.poison))
    return [
        {
            "DeliveryType": kind,
            "Identity": f"{state.computer}\\{name}",
            "MessageCount": count,
            "NextHopDomain": hop,
            "Status": "Ready",
        }
        for name, kind, hop, count in rows
        if count or name == "Submission"
    ]


async def redirect(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Redirect-Message: active messages go to the target; shadow and poison messages stay."""
    cmdlet = "Redirect-Message"
    at.only(cmdlet, given, "Target")
    (state,) = identity_server(cmdlet, at, {"Identity": given["Server"]})
    fqdn = str((given["Target"] or [""])[0])
    found = next((s for s in at.server.organization.servers if s.fqdn.casefold() == fqdn.casefold()), None)
    if found is None:
        raise no_object(cmdlet, fqdn)
    if not accepts(found, front=False):
        raise not_played(cmdlet, f"-Target {fqdn}, whose transport takes no messages")
    if given.get("WhatIf"):
        return []
    await at.confirm(cmdlet, given)
    stays = min(state.queued, state.behaviour.redirect_leaves)
    found.queued, state.queued = found.queued + state.queued - stays, stays
    return []


def mounted(state: ExchangeState) -> list[str]:
    """Databases whose active copy is here."""
    return [name for name, one in state.organization.databases.items() if one.active == state.computer]


def healthy(state: ExchangeState, database: Database) -> list[ExchangeState]:
    """Servers beside this one to which Exchange may move a database by itself."""
    found = [state.organization.server(name) for name, status in database.copies.items() if status == HEALTHY]
    return [
        s for s in found
        if s and s is not state and s.activation_policy != "Blocked" and not s.activation_disabled
    ]  # fmt: skip


async def get_mailbox_server(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-MailboxServer."""
    cmdlet = "Get-MailboxServer"
    at.only(cmdlet, given, "Identity")
    rows = []
    for state in (s for s in identity_server(cmdlet, at, given) if not s.edge):
        grouped = any(len(one.copies) > 1 for one in state.organization.databases.values())
        row: Row = {
            "DatabaseAvailabilityGroup": "DAG1" if grouped else None,
            "DatabaseCopyAutoActivationPolicy": state.activation_policy,
            "Identity": state.computer,
            "Name": state.computer,
        }
        if versions.has_back_end(state.host):
            row["DatabaseCopyActivationDisabledAndMoveNow"] = state.activation_disabled
        rows.append(row)
    return rows


async def set_mailbox_server(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Set-MailboxServer: who may be activated here. A database without a healthy copy elsewhere stays mounted."""
    cmdlet, policy, disabled = "Set-MailboxServer", "DatabaseCopyAutoActivationPolicy", "DatabaseCopyActivationDisabled"
    at.only(cmdlet, given, "Identity", policy, f"{disabled}AndMoveNow")
    (state,) = identity_server(cmdlet, at, given)
    chosen = _one(cmdlet, policy, given.get(policy, state.activation_policy), POLICIES)
    if given.get("WhatIf"):
        return []
    state.activation_policy = chosen
    if f"{disabled}AndMoveNow" in given:
        state.activation_disabled = bool(given[f"{disabled}AndMoveNow"])
        for name in mounted(state) if state.activation_disabled else ():
            others = healthy(state, state.organization.databases[name])
            if others:
                activate(state.organization.databases[name], others[0])
    return []


def activate(database: Database, target: ExchangeState) -> None:
    """A lossless switchover: the copy there becomes the active one, the former one a healthy copy."""
    database.copies[database.active] = HEALTHY
    database.active = target.computer


async def get_copies(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-MailboxDatabaseCopyStatus."""
    cmdlet = "Get-MailboxDatabaseCopyStatus"
    at.only(cmdlet, given, "Identity", "Active")
    databases = at.server.organization.databases
    wanted, _, where = str(given.get("Identity") or "").partition("\\")
    server = identity_server(cmdlet, at, {"Server": given["Server"]})[0].computer if given.get("Server") else where
    if wanted and wanted not in databases:
        raise no_object(cmdlet, wanted)
    rows = []
    for name, database in databases.items():
        for computer, status in database.copies.items():
            active = computer == database.active
            left_out = (wanted and name != wanted) or (server and computer.casefold() != server.casefold())
            if left_out or (given.get("Active") and not active):
                continue
            rows.append(
                {
                    "ActiveDatabaseCopy": database.active.lower(),
                    "ContentIndexState": "Healthy",
                    "CopyQueueLength": 0 if active or status == HEALTHY else 250,
                    "DatabaseName": name,
                    "Identity": f"{name}\\{computer}",
                    "MailboxServer": computer,
                    "Name": f"{name}\\{computer}",
                    "ReplayQueueLength": 0,
                    "Status": MOUNTED if active else status,
                }
            )
    return rows


async def move(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Move-ActiveMailboxDatabase: one database, or all that are active on a server."""
    cmdlet = "Move-ActiveMailboxDatabase"
    if "Server" in given:
        (source,) = identity_server(cmdlet, at, {"Server": given["Server"]})
        names = mounted(source)
    else:
        names = [str(given["Identity"])]
    at.only(cmdlet, given, "Identity", "ActivateOnServer", "MoveComment")
    plan = []
    for name in names:
        database = at.server.organization.databases.get(name)
        if database is None:
            raise no_object(cmdlet, name)
        here = at.server.organization.server(database.active)
        assert here is not None
        target = _target(cmdlet, at, given, here, name, database)
        plan.append((database, target))
    if given.get("WhatIf"):
        return []
    await at.confirm(cmdlet, given)
    for database, target in plan:
        activate(database, target)
    return [{"Identity": name, "Status": "Succeeded"} for name in names]


def _target(
    cmdlet: str, at: ExchangeContext, given: Mapping[str, Any], here: ExchangeState, name: str, database: Database
) -> ExchangeState:
    if not given.get("ActivateOnServer"):
        others = healthy(here, database)
        if others:
            return others[0]
        text = f"An Active Manager operation failed: no copy of database {name} can be activated."
        raise exchange_error(cmdlet, text)
    (target,) = identity_server(cmdlet, at, {"Server": given["ActivateOnServer"]})
    if target.activation_disabled:
        at.warnings.append(f"Database copy activation is disabled on server {target.fqdn}.")
    if target is not here and database.copies.get(target.computer) != HEALTHY:
        text = f"An Active Manager operation failed: the copy of database {name} on {target.computer} isn't healthy."
        raise exchange_error(cmdlet, text)
    return target


def shown(state: ExchangeState) -> dict[str, Any]:
    """Components that are not Active, what was asked of them, the queues, the copies here, and the record."""
    return {
        "components": {name: now for name in components.of(state) if (now := component(state, name)) != "Active"},
        "requests": {name: dict(asked) for name, asked in state.components.items()},
        "queue": {"messages": state.queued, "shadow": state.shadow, "poison": state.poison},
        "databases": {
            name: MOUNTED if one.active == state.computer else one.copies[state.computer]
            for name, one in state.organization.databases.items()
            if state.computer in one.copies
        },
        "activation": {"policy": state.activation_policy, "disabled": state.activation_disabled},
        "maintenance": state.journal.maintenance,
    }


CMDLETS = {
    "Get-ServerComponentState": (get_state, "read"),
    "Set-ServerComponentState": (set_state, "write"),
    "Get-Queue": (get_queue, "read"),
    "Redirect-Message": (redirect, "write"),
    "Get-MailboxServer": (get_mailbox_server, "read"),
    "Set-MailboxServer": (set_mailbox_server, "write"),
    "Get-MailboxDatabaseCopyStatus": (get_copies, "read"),
    "Move-ActiveMailboxDatabase": (move, "write"),
}
