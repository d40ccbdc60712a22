# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of a request against those that an array is reached by: what is missing, what nobody asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..pki.names import covers, is_wildcard, normal
from ..products.interface import Asks
from ..products.values import IN_USE, Address


@dataclass(frozen=True)
class Named:
    """A name and why it is spoken of."""

    name: str
    where: tuple[str, ...] = ()
    """Settings with the members that have them: ``OWA ExternalUrl (ex1, ex2)``."""

    def as_line(self) -> str:
        """``webmail.contoso.example: OWA ExternalUrl (ex1, ex2)``."""
        return f"{self.name}: {'; '.join(self.where)}" if self.where else self.name


@dataclass(frozen=True)
class NameCheck:
    """What the comparison shows."""

    missing: tuple[Named, ...]
    """Names that members are reached by and the request does not cover."""
    accepted: tuple[Named, ...]
    """Those of them that the user has said may be missing."""
    superfluous: tuple[Named, ...]
    """Names of the request that no setting of any member has."""
    own: tuple[Named, ...]
    """Own names of servers on connectors, which need not be in the request and are not."""
    notes: tuple[str, ...]


def check(
    wanted: Sequence[str], reached: Mapping[str, Sequence[Address]], accepted: Sequence[str], asks: Asks
) -> NameCheck:
    """Compares. ``wanted``: names of the request; ``reached``: member to its addresses; all of them count."""
    own = _grouped(reached, True)
    needed = _grouped(reached, False)
    absent = [one for one in needed if not any(covers(name, one.name) for name in wanted)]
    allowed = {normal(name) for name in accepted}
    asked = [one.name for one in (*needed, *own)]
    return NameCheck(
        missing=tuple(one for one in absent if one.name not in allowed),
        accepted=tuple(one for one in absent if one.name in allowed),
        superfluous=tuple(
            Named(name)
            for name in wanted
            if not any(covers(name, one) for one in asked) and not asks.by_convention(name)
        ),
        own=tuple(one for one in own if not any(covers(name, one.name) for name in wanted)),
        notes=(
            *asks.notes(wanted),
            *(line for name in wanted if is_wildcard(name) for line in _wildcard(name, wanted, asked, asks)),
        ),
    )


def _grouped(reached: Mapping[str, Sequence[Address]], own: bool) -> list[Named]:
    """Each name once, with its settings, and each setting with its members."""
    found: dict[str, dict[str, list[str]]] = {}
    for member, addresses in reached.items():
        for address in addresses:
            if address.own is own:
                members = found.setdefault(address.name, {}).setdefault(address.where, [])
                members += [member] * (member not in members)
    return [
        Named(name, tuple(f"{where} ({', '.join(members)})" for where, members in wheres.items()))
        for name, wheres in found.items()
    ]


def _wildcard(name: str, wanted: Sequence[str], asked: Sequence[str], asks: Asks) -> list[str]:
    """What a wildcard means, in sentences (RFC 6125)."""
    domain = name.removeprefix("*.")
    served = [one for one in dict.fromkeys(asked) if covers(name, one)]
    return [
        f"{name} stands for exactly one label: {served[0] if served else f'mail.{domain}'} is covered, "
        f"a.b.{domain} and {domain} itself are not" + (f" ({domain} is among the names)" if domain in wanted else ""),
        *asks.of_wildcard(name),
        f"Whoever gets hold of its key can stand for every host of {domain}",
    ]


def lines(found: NameCheck, members: Sequence[str]) -> tuple[str, ...]:
    """The comparison for people, one line each."""
    said = [f"names that {', '.join(members)} are configured with and the request lacks:"] * bool(found.missing)
    said += [f"  missing      {one.as_line()}" for one in found.missing]
    for one in found.accepted:
        gate = "; the rollout will ask for it, because the certificate in use covers it" * _in_use(one)
        said.append(f"  left out     {one.as_line()} (accepted{gate})")
    said += [f"  superfluous  {one.name}: no setting of any member has it" for one in found.superfluous]
    said += [f"  not needed   {one.as_line()}; the server's own certificate serves it" for one in found.own]
    said += [f"  note         {text}" for text in found.notes]
    return tuple(said) or (f"names: all that {', '.join(members)} are configured with, and no others",)


def _in_use(one: Named) -> bool:
    return any(where.startswith((IN_USE, "certificate of ")) for where in one.where)


def refusal(found: NameCheck, array: str) -> str:
    """Why the request is not made, in a sentence; empty where it is."""
    if not found.missing:
        return ""
    gone = "; ".join(one.as_line() for one in found.missing)
    names = ", ".join(one.name for one in found.missing)
    return (
        f"The request lacks names that {array} is reached by: {gone}. Clients that use them would be warned or turned "
        f"away. Add them to request_names, change the setting that has them, or say that it is meant: "
        f"request_accept_missing: [{names}]. Nothing was requested"
    )


def unread_lines(seen: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Settings that a member did not show, for people: their names are not known."""
    return tuple(
        f"  not read     {member}: {text}" for member, info in seen.items() for text in info.get("unread") or ()
    )


def look_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of everything that a product's info module tells of a member: small enough for a task's result."""
    look = {name: info[name] for name in ("reached_by", "assignments") if name in info}
    in_use = [row for row in info.get("certificates") or () if row.get("services") and not row.get("self_issued")]
    unread = [found["text"] for found in info.get("findings") or () if str(found["id"]).endswith(".unread")]
    return {**look, "certificates": in_use, "unread": unread}
