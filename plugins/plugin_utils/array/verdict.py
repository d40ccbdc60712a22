# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array is now: all-new, all-old, mixed or unknown. Pure: facts in, a verdict out.

The rule is positive evidence only. ``all-new`` is said when every expected member was read and each use carries what
was wanted, on every port that could be read before; whoever was not heard of makes the verdict ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..plain import from_plain, to_plain
from ..words import listed

ArrayState = Literal["all-new", "all-old", "alike", "mixed", "unknown"]
MemberState = Literal["new", "old", "alike", "other", "partly", "lost"]
UseState = Literal["new", "pending", "old", "other", "unassigned"]


@dataclass(frozen=True)
class WireFact:
    """What one port presented."""

    endpoint: str
    """Its name for a reader: ``Access Edge 192.0.2.11:443``."""
    use: str
    """The use whose certificate it should present."""
    leaf: str | None
    """Thumbprint (SHA-1, upper-case hex) of the leaf it presented; None: it could not be read now."""
    counts: bool = True
    """False when it could not be read before the switch either: then it proves nothing, either way."""


@dataclass(frozen=True)
class MemberFacts:
    """What was read from one member."""

    assigned: Mapping[str, str]
    """Use to thumbprint as the product reports it in force now. A use without a certificate is left out."""
    pending: Mapping[str, str] = field(default_factory=dict)
    """Use to thumbprint of a successor rolled for an instant that has not come, from the product or the journal."""
    wire: tuple[WireFact, ...] = ()
    """What its ports presented; empty when none was read."""


@dataclass(frozen=True)
class ArrayVerdict:
    """What the array is, member by member."""

    verdict: Literal["all-new", "all-old", "alike", "mixed", "unknown"]
    """See the module's text; ``alike``: nothing was renewed, and every member carries the same."""
    members: Mapping[str, Literal["new", "old", "alike", "other", "partly", "lost"]]
    """Each expected member: ``new`` and ``old`` in every use; ``partly``: some uses new, some old, or a port not
    proven; ``other``: some use carries a certificate that is neither; ``lost``: not heard of."""
    lost: tuple[str, ...] = ()
    """Members that were not heard of."""
    uses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Member to use to ``new``, ``pending`` (rolled, the instant has not come), ``old``, ``other``, ``unassigned``."""
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Member to what keeps it from being plainly new or old, as sentences."""
    pending: tuple[str, ...] = ()
    """Uses whose successor is rolled and not in force yet, on any member."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Members left out on purpose, with the reason given. The verdict does not speak for them."""
    text: str = ""
    """The verdict as one sentence."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and facts."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArrayVerdict:
        """Back from plain data. Raises PlainError naming the field that does not fit."""
        return from_plain(cls, data)


def array_verdict(
    members: Sequence[str],
    facts: Mapping[str, MemberFacts | None],
    desired: Mapping[str, Mapping[str, str]],
    old: Mapping[str, Mapping[str, str]],
    excluded: Mapping[str, str] | None = None,
) -> ArrayVerdict:
    """Judge the array.

    :param members: every member expected, without the excluded ones; never what is left of a play.
    :param facts: per member what was read; None or absent: lost.
    :param desired: member to use to thumbprint that it should carry, of the uses that it has. Empty: nothing was
        wanted, nothing can be proven.
    :param old: member to use to thumbprint before the run, from the journals or the first read.
    :param excluded: members left out on purpose, with the reason.
    """
    desired = {m: {use: thumb(value) for use, value in desired.get(m, {}).items()} for m in members}
    kept = _unchanged_uses(members, desired, old)
    uses: dict[str, dict[str, str]] = {}
    states: dict[str, MemberState] = {}
    reasons: dict[str, tuple[str, ...]] = {}
    for member in members:
        read = facts.get(member)
        if read is None:
            states[member] = "lost"
            continue
        before = {use: thumb(value) for use, value in old.get(member, {}).items()}
        wanted = desired[member]
        uses[member] = {use: _use_state(use, read, wanted[use], before.get(use)) for use in wanted}
        if wanted:
            states[member], reasons[member] = _member_state(read, uses[member], wanted, before, kept)
        else:
            kept_all = bool(before) and all(thumb(read.assigned.get(use)) == value for use, value in before.items())
            states[member] = "old" if kept_all else "other"
    lost = tuple(member for member in members if states[member] == "lost")
    verdict = _array_state(states, uses, any(desired.values()))
    every = dict.fromkeys(use for of in desired.values() for use in of)
    pending = tuple(use for use in every if any(of.get(use) == "pending" for of in uses.values()))
    plain = {member: why for member, why in reasons.items() if why}
    return ArrayVerdict(
        verdict,
        states,
        lost,
        uses,
        plain,
        pending,
        dict(excluded or {}),
        _sentence(verdict, states, uses, plain, pending, excluded or {}),
    )


def _unchanged_uses(
    members: Sequence[str], desired: Mapping[str, Mapping[str, str]], old: Mapping[str, Mapping[str, str]]
) -> frozenset[str]:
    """Uses that every member that has them already carried as wanted: they tell new from old no more than they tell
    anything."""
    every = {use for of in desired.values() for use in of}
    changed = {
        use
        for member in members
        for use, value in desired.get(member, {}).items()
        if thumb(old.get(member, {}).get(use)) != value
    }
    return frozenset(every - changed) if changed else frozenset()


def _use_state(use: str, read: MemberFacts, wanted: str, before: str | None) -> UseState:
    now = thumb(read.assigned.get(use))
    if not now:
        return "unassigned"
    if now == wanted:
        # A successor waiting to replace the wanted certificate means: it will not stay so.
        return "new" if thumb(read.pending.get(use)) in ("", wanted) else "other"
    if thumb(read.pending.get(use)) == wanted and before in (None, now):
        return "pending"
    return "old" if now == before and not read.pending.get(use) else "other"


def _member_state(
    read: MemberFacts,
    uses: Mapping[str, str],
    desired: Mapping[str, str],
    before: Mapping[str, str],
    kept: frozenset[str],
) -> tuple[MemberState, tuple[str, ...]]:
    why = [
        f"{use}: {'no certificate is assigned' if state == 'unassigned' else 'neither the old nor the new one'}"
        for use, state in uses.items()
        if state in ("other", "unassigned")
    ]
    foreign, unproven = bool(why), False
    for fact in read.wire:
        if not fact.counts or fact.use not in desired or uses[fact.use] in ("other", "unassigned"):
            continue
        expected = desired[fact.use] if uses[fact.use] == "new" else before.get(fact.use, "")
        leaf = thumb(fact.leaf)
        if not expected:
            continue  # What it had before is not known, so no port can contradict it.
        if not leaf:
            unproven = True
            why.append(f"{fact.endpoint}: cannot be read now, it could be before")
        elif leaf != expected:
            known = leaf in (desired[fact.use], before.get(fact.use))
            foreign, unproven = foreign or not known, True
            shown = "the new one" if leaf == desired[fact.use] else "the old one" if known else f"another one ({leaf})"
            why.append(f"{fact.endpoint}: presents {shown} although the product reports {uses[fact.use]}")
    # A successor that waits for its instant goes with the rest: rolled and not switched is still old, switched is new.
    telling = {state for use, state in uses.items() if use not in kept and state != "pending"}
    if not telling:  # nothing but successors that wait: what the member carried before is what it carries
        telling = {"new"} if any(state == "new" for state in uses.values()) else {"old"}
    if foreign:
        return "other", tuple(why)
    if unproven or len(telling) != 1:
        return "partly", tuple(why)
    return ("new" if telling == {"new"} else "old"), tuple(why)


def _array_state(states: Mapping[str, MemberState], uses: Mapping[str, Mapping[str, str]], wanted: bool) -> ArrayState:
    if not states or not wanted or "lost" in states.values():
        return "unknown"
    # Alike use by use, so that "the successor is in force here and only announced there" is not called all-new.
    every = {use for of in uses.values() for use in of}
    alike = all(len({of[use] for of in uses.values() if use in of}) == 1 for use in every)
    if set(states.values()) == {"new"} and alike:
        return "all-new"
    waiting = all(len({of[use] == "pending" for of in uses.values() if use in of}) == 1 for use in every)
    return "all-old" if set(states.values()) == {"old"} and waiting else "mixed"


def _sentence(
    verdict: ArrayState,
    states: Mapping[str, MemberState],
    uses: Mapping[str, Mapping[str, str]],
    reasons: Mapping[str, tuple[str, ...]],
    pending: Sequence[str],
    excluded: Mapping[str, str],
) -> str:
    count = f"all {len(states)} members" if len(states) > 1 else f"{next(iter(states), '')}"
    if not states:
        text = "No member: nothing is proven."
    elif not any(uses.values()) and "lost" not in states.values():
        text = "No certificate was asked for, so nothing is proven."
    elif verdict == "all-new":
        text = f"The new certificate is in use on {count}."
    elif verdict == "all-old":
        text = f"The old certificate is in use on {count}."
    else:
        parts = [f"{names} {_SAID[state]}" for state, names in _by_state(states)]
        lead = "Nobody can say what the whole array serves: " if verdict == "unknown" else "The array is mixed: "
        text = lead + "; ".join(parts) + "."
        if verdict == "mixed" and set(states.values()) == {"partly"} and not reasons and _same(uses):
            text = f"Partly switched, alike on {count}: {_use_list(next(iter(uses.values())))}."
        elif verdict == "mixed" and set(states.values()) == {"old"}:
            text = f"The old certificate is in use on {count}, but they differ in what is rolled: {_rolled(uses)}."
    if pending and verdict in ("all-new", "all-old"):
        text += f" {', '.join(pending)}: the successor is rolled and takes over at its instant."
    for member, reason in excluded.items():
        text += f" {member} is excluded ({reason}) and not spoken for."
    return text


_SAID = {
    "new": "on the new certificate",
    "old": "on the old certificate",
    "partly": "between old and new",
    "other": "on a certificate that is neither",
    "lost": "not heard of",
}


def _by_state(states: Mapping[str, MemberState]) -> list[tuple[MemberState, str]]:
    order: tuple[MemberState, ...] = ("lost", "other", "partly", "old", "new")
    return [
        (state, listed([name for name, of in states.items() if of == state]))
        for state in order
        if state in states.values()
    ]


def _same(uses: Mapping[str, Mapping[str, str]]) -> bool:
    return len({tuple(sorted(of.items())) for of in uses.values()}) == 1


def _rolled(uses: Mapping[str, Mapping[str, str]]) -> str:
    """Which members have a successor waiting, and which have not."""
    having = [member for member, of in uses.items() if "pending" in of.values()]
    without = [member for member in uses if member not in having]
    return f"{listed(having)} {'is' if len(having) == 1 else 'are'} rolled, {listed(without)} not"


def _use_list(uses: Mapping[str, str]) -> str:
    return ", ".join(f"{use} {'rolled' if state == 'pending' else state}" for use, state in uses.items())


def thumb(value: str | None) -> str:
    """A thumbprint as Windows prints it: upper-case, without the spaces and marks that copying from a dialog adds."""
    return "".join(char for char in (value or "").upper() if char in "0123456789ABCDEF")
