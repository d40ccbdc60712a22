# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which product a run without a renewal is about: what the members' journals name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Refused
from ..member.head import LONGEST, Head
from ..text import clean

VARIABLE = "-e rollout_product="


def product_named(array: str, members: Sequence[str], heads: Mapping[str, Head], titles: Mapping[str, str]) -> str:
    """The one product that the journals name.

    ``heads``: member -> its journal's; a member without one was not heard of, which keeps nobody else from naming it.
    ``titles``: the name of each product that there is -> how people call a server of it. Raises Refused where no
    product is named, several are, or one that this version does not know; the message says what each member's journal
    says, and what to set.
    """
    named = who_names(members, heads)
    if len(named) == 1 and (product := next(iter(named))) in titles:
        return product
    lines = lines_of(members, heads)
    if not named:
        choices = " or ".join(f"{VARIABLE}{name} ({title}s)" for name, title in titles.items())
        why, remedy = _unnamed(array, members, heads)
        raise Refused(f"Nothing was done on any member: {why}.\n{lines}\n  Next: {remedy}: {choices}")
    if len(named) == 1:
        why = f"the journals of {array!r} name a product that this version of ucops.certificates does not know"
        remedy = f"use the version that made the run; this one knows {', '.join(titles)}"
        raise Refused(f"Nothing was done on any member: {why}.\n{lines}\n  Next: {remedy}")
    choices = " or ".join(f"{VARIABLE}{clean(name[:LONGEST])} ({', '.join(who)})" for name, who in named.items())
    why = f"the journals of {array!r} name several products, and an array has one"
    remedy = (
        "take the members that are not of this array out of its group. Or say which product is meant; members whose "
        f"journal names another one are left as they are then: {choices}"
    )
    raise Refused(f"Nothing was done on any member: {why}.\n{lines}\n  Next: {remedy}")


def _unnamed(array: str, members: Sequence[str], heads: Mapping[str, Head]) -> tuple[str, str]:
    """Why no product is named, and what leads on."""
    answered = [member for member in members if member in heads and not heads[member].unread]
    if not answered:
        why = f"no journal of {array!r} could be read"
        return why, "see that the members answer, and repeat; or say which product it is"
    if len(answered) == len(members) and not any(heads[member].run for member in members):
        why = f"no member of {array!r} has a journal, so no rollout was begun there"
        return why, "nothing has to be done; to have the members read all the same, say which product it is"
    return f"no journal of {array!r} names the product", "say which it is"


def demand_agreement(array: str, members: Sequence[str], heads: Mapping[str, Head], product: str) -> None:
    """Raises Refused where journals name a product and none of them names ``product``, which the run was given."""
    named = who_names(members, heads)
    if not named or product in named:
        return
    others = ", ".join(clean(name[:LONGEST]) for name in named)
    choices = " or ".join(f"{VARIABLE}{clean(name[:LONGEST])}" for name in named)
    raise Refused(
        f"Nothing was changed on any member: rollout_product says {product}, the journals of {array!r} name {others}.\n"
        f"{lines_of(members, heads)}\n  Next: leave rollout_product out, or set what the journals name: {choices}"
    )


def who_names(members: Sequence[str], heads: Mapping[str, Head]) -> dict[str, list[str]]:
    """Product -> the members whose journal names it, in the array's order."""
    named: dict[str, list[str]] = {}
    for member in members:
        if member in heads and heads[member].product:
            named.setdefault(heads[member].product, []).append(member)
    return named


def lines_of(members: Sequence[str], heads: Mapping[str, Head]) -> str:
    """What each member's journal says, a line each."""
    return "\n".join(f"  {member}: {heads.get(member, Head(unread='nothing was heard of it'))}" for member in members)
