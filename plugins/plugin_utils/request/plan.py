# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request for an array: what it shall be, and what cannot be meant, before any host is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..pki import request
from ..pki.names import normal, valid_dns_name
from ..products import NotRolled, rolled

SERVER, CONTROLLER = "server", "controller"
EXTERNAL, INTERNAL = "external", "internal"
SETTINGS_OF_THE_KEY = ("file", "key_file", "key_password")


@dataclass(frozen=True)
class RequestOrder:
    """What the user wants."""

    product: str
    """Its name."""
    array: str
    members: tuple[str, ...]
    excluded: Mapping[str, str]
    """Member -> why it is left out."""
    on: str
    """``server`` or ``controller``: where the key is made."""
    server: str
    """The member on which the request is made; empty for the controller."""
    names: tuple[str, ...]
    """As they will be encoded; empty with an answer that is not to be compared."""
    accepted: tuple[str, ...]
    answer: str
    """Path of the vendor's answer; empty for a request."""
    use: str
    """``external`` or ``internal``; not every product has the second."""
    exportable: bool

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Members whose settings count."""
        return tuple(member for member in self.members if member not in self.excluded)

    @property
    def others(self) -> tuple[str, ...]:
        """Members that need the key and do not have it, when it is made on one of them."""
        return tuple(member for member in self.members if member != self.server)


def request_order(given: Mapping[str, Any]) -> RequestOrder:
    """The order that values stand for, once :func:`problems` has found nothing."""
    members = tuple(given["members"])
    heard = [member for member in members if member not in given["excluded"]]
    names = request.wish(given["names"], dict(given["subject"])).names if given["names"] else ()
    return RequestOrder(
        product=given["product"],
        array=given["array"],
        members=members,
        excluded=dict(given["excluded"]),
        on=given["on"],
        server=(given["server"] or heard[0]) if given["on"] == SERVER else "",
        names=names,
        accepted=tuple(normal(name) for name in given["accept_missing"]),
        answer=given["answer"] or "",
        use=given["use"],
        exportable=given["exportable"],
    )


def problems(given: Mapping[str, Any]) -> tuple[str, ...]:
    """All that cannot be meant, a sentence each: the user sees everything at once. No secret is among ``given``."""
    return (*_members(given), *_names(given), *_product(given))


def _product(given: Mapping[str, Any]) -> Iterable[str]:
    try:
        asks = rolled(given["product"], "request_product").asks
    except NotRolled as refused:
        yield str(refused)
        return
    yield from asks.refused(given)
    yield from asks.refused_on_server(given) if given["on"] == SERVER else _on_controller(given)


def _members(given: Mapping[str, Any]) -> Iterable[str]:
    array, members = given["array"], given["members"]
    if not members:
        yield f"request_array: expected an inventory group with hosts, found none in {array!r}"
    for member, reason in given["excluded"].items():
        if member not in members:
            yield f"request_excluded: {member!r} is no member of {array}, which has {', '.join(members) or 'none'}"
        if not str(reason or "").strip():
            yield f"request_excluded: {member}: expected the reason why it is left out, found none"
    if members and all(member in given["excluded"] for member in members):
        yield f"request_excluded: all members of {array} are left out"


def _names(given: Mapping[str, Any]) -> Iterable[str]:
    if not given["names"] and not given["answer"]:
        yield (
            "request_names: expected the DNS names of the certificate in their order, found none. (With an answer of "
            "the vendor it is request_answer that is wanted)"
        )
    if given["names"]:
        try:
            request.wish(given["names"], dict(given["subject"]))
        except ValueError as error:
            yield f"request_{error}" if str(error).startswith("names:") else f"request_subject: {error}"
    for name in given["accept_missing"]:
        if not valid_dns_name(str(name), wildcard=True):
            yield f"request_accept_missing: expected DNS names, found {name!r}"


def _on_controller(given: Mapping[str, Any]) -> Iterable[str]:
    if given["server"]:
        yield "request_server counts only with request_on: server"
    wanted = [name for name in SETTINGS_OF_THE_KEY if not (given["answer"] and name == "file")]
    for name in wanted:
        if not given[name]:
            yield f"request_{name}: needed with request_on: controller, where the key is written encrypted"


def unread(order: RequestOrder, seen: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    """Why the names cannot be compared, in a sentence; empty where every member was heard of."""
    silent = [member for member in order.looked_at if not seen.get(member)]
    if not silent:
        return ""
    why = "; ".join(f"{member}: {reasons.get(member) or 'no answer'}" for member in silent)
    return (
        f"{len(silent)} of {len(order.looked_at)} members of {order.array} were not read, so the names that they are "
        f"reached by are not known: {why}. Nothing was requested. Mend it; or leave a member out by name and reason "
        "(request_excluded), or compare no names (request_check_names: false)"
    )


def place(order: RequestOrder, fits: Mapping[str, str], reasons: Mapping[str, str]) -> tuple[str, str]:
    """The member on which the answer meets its key, and else why there is none.

    ``fits``: member to ``waits`` (its request is pending there) or ``placed`` (it was imported there already).
    """
    for wanted in ("waits", "placed"):
        for member in order.looked_at:
            if fits.get(member) == wanted:
                return member, ""
    asked = [member for member in order.looked_at if member in reasons or member in fits]
    said = "; ".join(f"{member}: {reasons.get(member) or 'no answer'}" for member in asked or order.looked_at)
    return "", f"No member of {order.array} takes the answer {order.answer}. Nothing was changed. {said}"


def row_of(order: RequestOrder) -> dict[str, Any]:
    """The order as plain data, for the tasks that follow."""
    return {
        "array": order.array,
        "product": order.product,
        "on": order.on,
        "answer": order.answer,
        "members": list(order.members),
        "looked_at": list(order.looked_at),
        "server": order.server,
        "names": list(order.names),
    }


def asked_of(row: Mapping[str, Any], member: str, compared: bool, server: str) -> str:
    """What a member is asked: ``answer`` (is the answer for a request that waits here?), ``look``, or nothing.

    ``row``: of :func:`row_of`. ``server``: the member that the user named for the request; empty where nobody did.
    """
    if member not in row["looked_at"]:
        return ""
    if row["answer"]:
        return "answer" if row["on"] == SERVER and server in ("", member) else ""
    return "look" if compared else ""


def fit(said: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`place` and its caller need of a member's word on the answer."""
    return {name: said[name] for name in ("pending", "staged", "msg") if name in said}


def answer_differences(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """What the vendor changed of the names that were asked for, one sentence each."""
    have, asked = [normal(n) for n in names], [normal(n) for n in wanted]
    if not asked:
        return ()
    gone = [n for n in asked if n not in have]
    more = [n for n in have if n not in asked]
    said = [f"the vendor left out {', '.join(gone)}"] * bool(gone) + [f"the vendor added {', '.join(more)}"] * bool(
        more
    )
    if not said and have != asked:
        said = [f"the vendor changed their order: {', '.join(have)}"]
    return tuple(said)
