# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose port is it: the addresses that the inventory gives, and those that it gives to more than one member. Pure.

A port proves only the member that it belongs to. Where two members name one address, what it presents would be taken
for both, and the port of at least one of them would never be looked at. Addresses are compared as they are written; no
name is resolved, because the controller may resolve it to something else than the host that looks.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..findings.entry import Severity
from ..findings.finding import Finding, finding
from ..inputs import InputError
from ..words import listed

Address = tuple[str, int]
"""A host in the one form that all its spellings share, and a TCP port."""
Endpoints = Mapping[str, Sequence[Mapping[str, Any]]]
"""Member -> its ports, as the inventory has them."""

KEYS = ("name", "host", "port", "server_name", "starttls", "use")
"""What the inventory may say of a port."""
STARTTLS = ("smtp", "imap", "pop3")


def address(host: Any, port: Any) -> Address:
    """One form for every spelling of an address: case, a trailing dot, IPv6 with zeros or brackets, ``127.1``."""
    text = str(host).strip().casefold().rstrip(".")
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        ip = ipaddress.ip_address(text)
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return (str(mapped or ip), int(port))
    except ValueError:
        pass
    try:
        if text[-1:].isdigit() or "0x" in text:  # 127.1, 0x7f000001: what a connection takes for an IPv4 address, too
            return (socket.inet_ntoa(socket.inet_aton(text)), int(port))
    except OSError:
        pass
    try:
        return (text.encode("idna").decode("ascii"), int(port))
    except UnicodeError:
        return (text, int(port))


def shown(of: Address) -> str:
    """``192.0.2.11:443``, ``[2001:db8::11]:443``."""
    host, port = of
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read(given: Mapping[str, Any], variable: str) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Member (or array) -> its ports. Raises InputError naming the entry that lacks something or has too much."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for member, ports in given.items():
        if not isinstance(ports or [], list):
            text = f"{variable} of {member}: expected a list of ports, found {type(ports).__name__}"
            raise InputError("input.endpoints", text)
        for number, port in enumerate(ports or [], 1):
            _check(port, f"{variable} of {member}, entry {number}")
        found[str(member)] = tuple(ports or ())
    return found


def _check(port: Any, where: str) -> None:
    if not isinstance(port, Mapping):
        raise InputError("input.endpoints", f"{where}: expected name, host and port, found {type(port).__name__}")
    if not str(port.get("host") or "").strip():
        raise InputError("input.endpoints", f"{where}: host is missing; give the member's own name or address")
    number = str(port.get("port"))
    if isinstance(port.get("port"), bool) or not number.isdecimal() or not 0 < int(number) < 65536:
        raise InputError("input.endpoints", f"{where}: port: expected a TCP port from 1 to 65535, found {number!r}")
    if not str(port.get("name") or "").strip():
        raise InputError("input.endpoints", f"{where}: name is missing; say how reports shall call the port")
    unknown = sorted(str(key) for key in port if key not in KEYS)
    if unknown:
        text = f"{where}: expected {', '.join(KEYS)}, found {', '.join(unknown)}"
        raise InputError("input.endpoints", text)
    if port.get("starttls") not in (None, "", "none", *STARTTLS):
        text = f"{where}: starttls: expected {', '.join(STARTTLS)}, found {port['starttls']!r}"
        raise InputError("input.endpoints", text)


def whole(port: Mapping[str, Any]) -> dict[str, Any]:
    """A port as the probe wants it: every key, None where nothing is said."""
    starttls = port.get("starttls") if port.get("starttls") in STARTTLS else None
    return {**dict.fromkeys(KEYS), **port, "port": int(port["port"]), "starttls": starttls}


def named_by(endpoints: Endpoints) -> dict[Address, tuple[str, ...]]:
    """Each address -> who names it."""
    found: dict[Address, dict[str, None]] = {}
    for member, ports in endpoints.items():
        for port in ports or ():
            found.setdefault(address(port["host"], port["port"]), {})[member] = None
    return {of: tuple(members) for of, members in found.items()}


def owners(endpoints: Endpoints, shared: Iterable[Address] = ()) -> dict[Address, tuple[str, str]]:
    """Address -> (member, use); those that two members name, and ``shared``, are nobody's."""
    given = named_by(endpoints)
    nobody = {of for of, members in given.items() if len(members) > 1} | set(shared)
    return {
        of: (member, str(port.get("use") or ""))
        for member, ports in endpoints.items()
        for port in ports or ()
        if (of := address(port["host"], port["port"])) not in nobody
    }


def shared_findings(
    member: str, named: Mapping[Address, Sequence[str]], variable: str, severity: Severity = "error"
) -> Iterable[Finding]:
    """Addresses that more than one of ``named`` has, those of the same members together.

    ``member``: whom it is told of, an array or one of its members. ``named``: address -> who names it, as a reader
    knows them. ``variable``: where they were named.
    """
    shared: dict[tuple[str, ...], list[Address]] = {}
    for of, who in named.items():
        if len(who) > 1:
            shared.setdefault(tuple(who), []).append(of)
    for who, addresses in shared.items():
        subject = ", ".join(shown(of) for of in addresses)
        text = (
            f"named by {listed(who)} in {variable}; what is presented there would be taken for each of them, and "
            "nobody would look at their own ports"
        )
        yield finding("wire.address-shared", member, subject, text, severity=severity)


def problems(array: str, purpose: str, given: Mapping[str, Any]) -> tuple[list[Finding], list[tuple[str, str]]]:
    """What a rollout refuses about ``rollout_endpoints``, and what it only tells: (member, sentence).

    Going back rests on no port, so there nothing is refused; the report tells it. Raises InputError as :func:`read`.
    """
    endpoints = read(given, "rollout_endpoints")
    if purpose == "rollback":
        return [], []
    found = list(shared_findings(array, named_by(endpoints), "rollout_endpoints"))
    told: list[tuple[str, str]] = []
    for member, ports in endpoints.items():
        contradictions, said = twice(member, ports)
        found += contradictions
        told += [(member, text) for text in said]
    return found, told


def twice(member: str, ports: Sequence[Mapping[str, Any]]) -> tuple[list[Finding], list[str]]:
    """What one member names more than once: findings where the entries contradict each other, sentences where not.

    One port may be asked for several names (SNI); for one name it presents one certificate, so of one use.
    """
    asked: dict[tuple[Address, str, str], list[str]] = {}
    for port in ports:
        of = address(port["host"], port["port"])
        how = (of, str(port.get("server_name") or "").lower(), str(port.get("starttls") or ""))
        asked.setdefault(how, []).append(str(port.get("use") or ""))
    found, said = [], []
    for (of, _name, _how), uses in asked.items():
        different = sorted(set(uses))
        if len(different) > 1:
            text = f"listed for {listed([use or 'no use' for use in different])}; one port presents one certificate"
            found.append(finding("wire.address-twice", member, shown(of), text))
        elif len(uses) > 1:
            said.append(f"{shown(of)} is listed {len(uses)} times; it counts once")
    return found, said
