"""What the lab's Exchange servers really are and serve, told from the lab's own state and by clients from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from lab.client import LabProcess
from lab.exchange.client import OwaUser, StarttlsWatch

State = Mapping[str, Any]
KEPT = ("default_smtp", "edge_sync", "client_names", "require_ssl", "orphan_keys", "back_end")
LASTING = (
    *KEPT,
    "stores",
    "keys",
    "services",
    "bindings",
    "smtp_enabled",
    "connectors",
    "send_connectors",
    "um",
    "leaves",
)


def hosts(lab: LabProcess, group: str = "exchange") -> Mapping[str, Any]:
    """The inventory's hosts of a group."""
    inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))
    found: Mapping[str, Any] = inventory["all"]["children"][group]["hosts"]
    return found


def common(lab: LabProcess) -> Mapping[str, Any]:
    """The inventory's variables for all hosts."""
    found: Mapping[str, Any] = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]["vars"]
    return found


def lasting(state: Mapping[str, State]) -> dict[str, Any]:
    """All that a read must not change, by member."""
    more = ("journal", "lock", "events")
    return {name: {key: member[key] for key in (*LASTING, *more)} for name, member in state.items()}


def back_end(member: State) -> dict[str, str]:
    """The bindings of port 444."""
    return {where: what for where, what in member["bindings"].items() if where.endswith(":444")}


def unhurt(before: Mapping[str, State], after: Mapping[str, State]) -> None:
    """What a rollout must leave as it was, on every member."""
    for name, member in after.items():
        for key in KEPT:
            assert member[key] == before[name][key], f"{name}: {key}"
        assert back_end(member) == back_end(before[name]), name
        assert member["visits"]["tls_failures"] == before[name]["visits"]["tls_failures"], name
        assert member["visits"]["blank_pages"] == before[name]["visits"]["blank_pages"], name


def as_before(before: Mapping[str, State], after: Mapping[str, State]) -> None:
    """What a member that was taken back has to be: all but what lies staged, where no service looks."""
    unhurt(before, after)
    for name, member in after.items():
        for key in ("bindings", "leaves", "connectors", "send_connectors", "services"):
            assert member[key] == before[name][key], f"{name}: {key}"
        assert member["stores"]["LocalMachine"]["My"] == before[name]["stores"]["LocalMachine"]["My"], name
        assert member["lock"] is None, f"{name} is still locked"


def named(member: State, name: str) -> str:
    """Thumbprint of a lab certificate that the member has."""
    return next(thumbprint for thumbprint, known in member["names"].items() if known == name)


def serves(member: State, name: str) -> set[str]:
    """Ports that present the lab's certificate of this name."""
    wanted = named(member, name)
    return {port for port, leaf in member["leaves"].items() if leaf == wanted}


PUBLIC = {"Web", "SMTP", "SMTP submission", "POP3", "POP3 over TLS", "IMAP4", "IMAP4 over TLS"}


def truth(state: Mapping[str, State], new: str = "mail-new", old: str = "mail-old") -> str:
    """``all-new``, ``all-old`` or ``mixed``, by what every public port presents."""
    found = set()
    for member in state.values():
        names = {member["names"].get(str(leaf), "?") for port, leaf in member["leaves"].items() if port in PUBLIC}
        found.add(next(iter(names)) if len(names) == 1 else "mixed")
    words = {new: "all-new", old: "all-old"}
    return words.get(next(iter(found)), "mixed") if len(found) == 1 else "mixed"


@contextmanager
def watched(lab: LabProcess) -> Iterator[StarttlsWatch]:
    """Somebody who hands over mail under TLS on every member all the while, and is never refused."""
    ports = [
        (port["host"], port["port"], port["server_name"])
        for host in hosts(lab).values()
        for port in host["rollout_endpoints"]
        if port.get("starttls") == "smtp"
    ]
    with StarttlsWatch(ports, every=0.2) as watch:
        yield watch
    assert watch.probes, "nobody looked"
    assert not watch.problems, watch.problems[:5]


def user(lab: LabProcess) -> OwaUser:
    """Somebody with Outlook on the web, sent from server to server."""
    web = [p for host in hosts(lab).values() for p in host["rollout_endpoints"] if p["name"].startswith("Web")]
    return OwaUser([f"{port['host']}:{port['port']}" for port in web])
