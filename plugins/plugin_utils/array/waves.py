# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several arrays in one run: which comes when, which has to be proven first, how all of it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Refused

PROVEN = frozenset({"ok", "warning", "planned"})
"""How the run of an array ended, where the next wave may begin. ``planned``: in check mode, or only some phases."""


@dataclass(frozen=True)
class Ended:
    """How the run of one array ended."""

    result: str = ""
    """As its report says it; ``refused`` also where it was not begun, empty where it did not come to its end."""
    sentence: str = ""

    @property
    def proven(self) -> bool:
        """Whether what comes after it may begin."""
        return self.result in PROVEN


def arrays_of(waves: object) -> tuple[str, ...]:
    """The arrays in their order. Raises Refused for waves that cannot be meant."""
    told = "rollout_waves: expected waves, each a list of groups, such as [[edge_a], [edge_b, exchange]]"
    if not isinstance(waves, Sequence) or isinstance(waves, str) or not waves:
        raise Refused(f"No member was touched. {told}; found {waves!r}")
    found: list[str] = []
    for number, wave in enumerate(waves, 1):
        if not isinstance(wave, Sequence) or isinstance(wave, str) or not wave:
            raise Refused(f"No member was touched. {told}; wave {number} is {wave!r}")
        for array in wave:
            if not isinstance(array, str) or not array:
                raise Refused(f"No member was touched. {told}; wave {number} has {array!r}")
            if array in found:
                raise Refused(f"No member was touched. rollout_waves names {array} twice; an array is renewed once")
            found.append(array)
    return tuple(found)


def before(waves: Sequence[Sequence[str]], array: str) -> tuple[str, ...]:
    """The arrays of all waves before that of ``array``; none where it is in no wave."""
    earlier: list[str] = []
    for wave in waves:
        if array in wave:
            return tuple(earlier)
        earlier += wave
    return ()


def demand_proven(array: str, ended: Mapping[str, Ended]) -> None:
    """Raises Refused unless all arrays of the waves before are proven. ``ended``: those -> how they ended."""
    short = {name: one for name, one in ended.items() if not one.proven}
    if short:
        lines = "\n".join(f"  {name}: {one.sentence or 'it did not come to its end'}" for name, one in short.items())
        raise Refused(
            f"Nothing is rolled or switched on {array}: the wave before is not proven.\n{lines}\n  Next: see to that "
            "wave first, then run the same again; what is renewed already is left alone"
        )


def summed(ended: Mapping[str, Ended]) -> tuple[bool, str]:
    """Whether all arrays ended well, and a line each. ``ended``: array -> how it ended, in the run's order."""
    widest = max((len(name) for name in ended), default=0)
    lines = [f"  {name:<{widest}}  {one.sentence or 'it did not come to its end'}" for name, one in ended.items()]
    failed = [name for name, one in ended.items() if not one.proven]
    first = f"{len(failed)} of {len(ended)} arrays did not end well" if failed else "Every array ended well"
    return not failed, "\n".join([f"{first}.", *lines])
