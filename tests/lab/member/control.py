"""The controls of a member: what tests and demonstrations may set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..pki import Pki
from .edge import Pool, take_effect
from .events import LYNC, Event
from .journal import INHERITED, PROTECTED, Lock
from .keys import CNG, NETWORK_SERVICE, Container
from .state import Behaviour, State
from .stores import LOCATIONS, MACHINE, Entry


def apply(state: State, pool: Pool, pki: Pki, body: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out one order. Raises ValueError on what is not known; then nothing was changed by that key."""
    for key, value in body.items():
        if key in ORDERS:
            ORDERS[key](state, pool, pki, value)
        elif key in vars(Behaviour()):
            state.behaviour.set(key, value)
            state.logs.noise = state.behaviour.noise
        else:
            known = ", ".join([*ORDERS, *vars(Behaviour())])
            raise ValueError(f"expected one of {known}, found no control {key!r}")
    return {"done": sorted(body)}


def _calls(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``calls``: calls in progress."""
    state.calls, state.calls_until = int(value), None


def _calls_last(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``calls_last``: all calls in progress end after so many seconds of the member's clock."""
    state.calls_until = state.clock.now() + timedelta(seconds=float(value))


def _clock_offset(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``clock_offset``: seconds this member's clock is ahead (negative: behind)."""
    state.clock.offset = float(value)


def _store(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``store``: one order or a list: {location, store, add: [names], remove: [names], key, cng, clear, delete_key}."""
    for order in value if isinstance(value, list) else [value]:
        known = {"location", "store", "add", "remove", "key", "cng", "clear", "delete_key"}
        if unknown := sorted(set(order) - known):
            raise ValueError(
                f"expected the keys {', '.join(sorted(known))} in a store order, found {', '.join(unknown)}"
            )
        location, store = order.get("location", MACHINE), order.get("store", "")
        if location not in LOCATIONS or not store:
            raise ValueError(
                f"expected store and a location of {', '.join(LOCATIONS)}, found {store!r} in {location!r}"
            )
        for entry in state.stores.entries(store, location) if order.get("clear") else ():
            state.stores.remove(store, entry.thumbprint, location)
        for name in order.get("remove", ()):
            thumb = name if len(name) == 40 and not _is_recipe(pki, name) else pki.find(name).thumbprint
            gone = state.stores.remove(store, thumb, location)
            if gone and order.get("delete_key"):
                state.keys.delete(gone.container)
        for name in order.get("add", ()):
            put(state, pki, store, name, location, key=bool(order.get("key")), cng=bool(order.get("cng")))


def _is_recipe(pki: Pki, name: str) -> bool:
    try:
        pki[name]
    except ValueError:
        return False
    return True


def put(
    state: State, pki: Pki, store: str, name: str, location: str = MACHINE, key: bool = False, cng: bool = False
) -> Entry:
    """A lab certificate into a store, with its key when asked."""
    issued = pki.find(name)
    container = None
    if key:
        container = state.keys.add(Container(issued.key, exportable=True))
        container.provider = CNG if cng else container.provider
    return state.stores.add(store, Entry(issued.der, container=container.name if container else None), location)


def _services(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``services``: {name: "Running" | "Stopped"}; started without looking at certificates."""
    for name, wanted in value.items():
        if name not in state.services or wanted not in ("Running", "Stopped"):
            raise ValueError(f"expected {', '.join(state.services)}: Running or Stopped, found {name}: {wanted}")
        state.services[name] = wanted
        state.in_use.pop(name, None)
        if wanted == "Running":
            state.in_use[name] = {u: state.assigned[u].thumbprint for u in state.used_by.get(name, ())}


def _service(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``service``: {name, depends_on, status}; one that not every server of the role has, such as an XMPP gateway's."""
    known = {"name", "depends_on", "status"}
    name, parent, wanted = str(value.get("name") or ""), value.get("depends_on"), value.get("status", "Running")
    if sorted(set(value) - known) or not name.isalnum() or wanted not in ("Running", "Stopped"):
        raise ValueError(f"expected name, depends_on and status (Running or Stopped) of a service, found {value!r}")
    if name in state.used_by or parent not in (None, *state.services) or parent == name:
        raise ValueError(f"expected a service beside {', '.join(state.used_by)}, on one that is there, found {value!r}")
    state.planted[name] = parent
    state.services[name] = wanted


def _assigned(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``assigned``: {use: certificate}; by magic, without any of Set-CsCertificate's effects but the key grant."""
    for use, name in value.items():
        if use not in state.assigned:
            raise ValueError(f"expected one of {', '.join(state.assigned)}, found no use {use!r}")
        assignment = state.assigned[use]
        assignment.thumbprint = pki.find(name).thumbprint if name else None
        assignment.pending = assignment.previous = assignment.effective = None
        entry = state.entry(assignment.thumbprint)
        container = state.keys.get(entry.container) if entry else None
        if container:
            container.grant(NETWORK_SERVICE, "Read")
        take_effect(state, use)


def _events(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``events``: [{id, source, message, level, log, ago}]; ago in seconds."""
    for order in value:
        log = order.get("log", LYNC)
        state.logs.names.add(log)
        moment = state.clock.now() - timedelta(seconds=float(order.get("ago", 0)))
        level = order.get("level", "Error")
        state.logs.write(Event(int(order["id"]), order["source"], level, moment, order["message"], log))


def _key(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``key``: {certificate, revoke: sid | grant: sid | delete: true | provider: name} for a certificate in My."""
    entry = state.entry(pki.find(value["certificate"]).thumbprint)
    container = state.keys.get(entry.container) if entry else None
    if container is None:
        raise ValueError(f"expected a certificate in My with a key, found none for {value['certificate']!r}")
    if value.get("revoke"):
        container.revoke(value["revoke"])
    if value.get("grant"):
        container.grant(value["grant"], value.get("rights", "Read"))
    if value.get("provider"):
        container.provider = value["provider"]
    if value.get("delete"):
        state.keys.delete(container.name)


def _lock(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``lock``: null takes the lock away, {run, text, age} sets one of another run; age in seconds."""
    if value is None:
        state.journal.lock = None
        return
    moment = state.clock.now() - timedelta(seconds=float(value.get("age", 0)))
    state.journal.lock = Lock(value["run"], value.get("text", ""), moment)


def _journal(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``journal``: the text, or null."""
    state.journal.text = value


def _facts(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``facts``: {fact: text} in place of what the script says about its host; a host may say anything of itself."""
    state.facts = {str(name): text for name, text in value.items()}


def _says(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``says``: {call: {property: text}}, which stands behind what each row says; ``warning`` is one of the call's."""
    state.says = {str(call): dict(texts) for call, texts in value.items()}


def _journal_key(state: State, pool: Pool, pki: Pki, value: Any) -> None:
    """``journal_key``: "half-made" (its access list was never set), "protected", or null: nobody has made it."""
    lists = {"half-made": INHERITED, "protected": PROTECTED, None: None}
    if value not in lists:
        raise ValueError(f"expected half-made, protected or null for journal_key, found {value!r}")
    state.journal.access = lists[value]


ORDERS = {
    "calls": _calls,
    "calls_last": _calls_last,
    "clock_offset": _clock_offset,
    "store": _store,
    "services": _services,
    "service": _service,
    "assigned": _assigned,
    "events": _events,
    "key": _key,
    "lock": _lock,
    "journal": _journal,
    "facts": _facts,
    "says": _says,
    "journal_key": _journal_key,
}
