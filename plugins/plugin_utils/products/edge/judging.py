# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is right and wrong on an Edge server: a part of the product's interface. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...findings.finding import Finding
from ...findings.problem import Problem
from ...stores.wanted import Wanted
from ..values import Confirmed, Context
from . import judge, services
from .state import (
    AV_USE,
    EdgeState,
)


class Judging:
    """State in, problems out."""

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        """One certificate inside and outside is most likely a mistake of copying."""
        return judge.shared_internal(wanted)

    def judge(self, state: EdgeState, context: Context) -> Iterable[Problem]:
        """Names, wildcards, hashes and dates."""
        yield from judge.use_problems(context.wanted, state, context.names, context.emergency)
        yield from judge.leaf_problems(context.wanted, state)

    def down(self, uses: Iterable[str], services_: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """A service that does not run now would be blamed on the switch later."""
        return services.problems(uses, services_, ran)

    def check(self, member: str, state: EdgeState) -> Iterable[Finding]:
        """Every use has a certificate that is there."""
        yield from judge.assignments(member, state)

    def differs(self, use: str) -> str:
        """All members of a pool carry the same."""
        return "array.thumbprint-differs"

    def successor(self, state: EdgeState) -> Confirmed | None:
        """Of A/V authentication."""
        shown = state.scheduled(AV_USE)
        if shown is None or shown.effective is None:
            return None
        return Confirmed(shown.thumbprint, shown.effective, shown.previous)

    def baseline(self, member: str, state: EdgeState, context: Context, switches: bool) -> Iterable[Finding]:
        """``rollout_av: auto`` and a certificate of its own."""
        return judge.av_findings(member, context.own, context.wanted, state, context.confirmed)
