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

from collections.abc import Iterable
from dataclasses import replace

from ...stores.store import Change
from ...windows.calls import Call, Switch
from .condition import ACTIVE, BLOCKED, DISABLED, HEALTHY, HUB, OFFLINE, POLICY, ROUTER, Condition, Remembered
from .state import TRANSPORT, Server

DRAINING, INACTIVE = "Draining", "Inactive"
REQUESTER = "Maintenance"
NO_QUESTION = {"Confirm": Switch(False)}


def refusals(seen: Condition, move: bool) -> tuple[str, ...]:
    """Why the server cannot be taken out of service, before anything is changed."""
    found = []
    drains = seen.components.get(HUB) == ACTIVE or bool(seen.waiting)
    if seen.server.version.modern and drains and seen.target is None:
        asked = ", ".join(f"{name}: {state or 'not found'}" for name, (_found, state) in seen.targets.items())
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


def entering(seen: Condition, move: bool) -> tuple[Change, ...]:
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


def _activation(seen: Condition) -> Iterable[Change]:
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


def offline(seen: Condition) -> tuple[Change, ...]:
    """The last step, once nothing is left here."""
    if seen.components.get(OFFLINE) == ACTIVE:
        return (component(seen.server, OFFLINE, ACTIVE, INACTIVE),)
    return ()


def record_of(seen: Condition, changes: Iterable[Change]) -> Remembered:
    """What the changes will have to be put back to; what an earlier begin wrote down stays as it was."""
    first = seen.record or Remembered()
    made = {change.subject for change in changes}
    components = tuple(name for name in (OFFLINE, HUB, ROUTER) if name in made or name in first.components)
    return Remembered(
        components,
        first.policy or (seen.policy if POLICY in made else None),
        first.disabled or DISABLED in made,
        first.databases or tuple(name for name in seen.mounted if name in made),
    )


def record_call(record: Remembered | None) -> Call:
    """Writes the record, or removes it."""
    return Call("record", "Set-Maintenance", {"Text": record.dumps() if record else None})


def left(seen: Condition, move: bool) -> tuple[str, ...]:
    """What the server still has to get rid of."""
    found = []
    if seen.server.version.modern and seen.waiting != 0:
        found.append("its queues do not answer" if seen.waiting is None else f"{seen.waiting} messages wait")
    if move:
        found += [f"{name} is mounted" for name in seen.mounted]
    return tuple(found)


def leaving(seen: Condition) -> tuple[Change, ...]:
    """What takes the server back into service: what the record holds, and nothing else."""
    record, server, changes = seen.record or Remembered(), seen.server, []
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


def returning(seen: Condition) -> tuple[Change, ...]:
    """Databases that were mounted here, and can be again."""
    record, here = seen.record or Remembered(), seen.server.computer
    fit = {copy.database for copy in seen.copies if copy.server == here and copy.status == HEALTHY}
    found = []
    for name in record.databases:
        if name in fit:
            with_ = {"Identity": name, "ActivateOnServer": here, "MoveComment": "ucops.certificates", **NO_QUESTION}
            call = Call(f"back {name}", "Move-ActiveMailboxDatabase", with_)
            found.append(Change("database", name, "another server", here, (call,)))
    return tuple(found)


def elsewhere(seen: Condition) -> tuple[str, ...]:
    """Databases that were mounted here before, and are not."""
    return tuple(name for name in (seen.record or Remembered()).databases if name not in seen.mounted)
