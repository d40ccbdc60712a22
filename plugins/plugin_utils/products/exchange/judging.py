# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is right and wrong on an Exchange server: a part of the product's interface. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...findings.finding import Finding, from_problem
from ...findings.problem import Problem
from ...stores.wanted import Wanted
from ..values import Confirmed, Context
from . import check, judge, plan
from .services import MOVE
from .state import ExchangeState


class Judging:
    """State in, problems out."""

    def leaf(self, wanted: Wanted) -> Iterable[Problem]:
        """Nothing but what every product asks."""
        return ()

    def judge(self, state: ExchangeState, context: Context) -> Iterable[Problem]:
        """Services, default SMTP certificate, names, rights."""
        order = plan.order_in(context, state)
        if order is None:
            if context.asked:
                has = ", ".join(state.server.offers) or "none"
                text = f"expected one of {', '.join(context.asked)}, this server has {has}"
                yield Problem("exchange.service-absent", state.server.computer, text)
            return
        leaf = context.wanted.leaves[0]
        yield from check.refusals(order, state)
        changes = plan.changes_for(order, leaf, state)
        yield from judge.lacking(changes, plan.send_renames(order, leaf, state), state.lacks)
        if changes:
            yield from judge.validity(leaf, order, context.emergency, state)
        yield from judge.name_problems(leaf, order, context.names, state)
        yield from judge.reach_problems(leaf, order, state.reach)
        yield from judge.sha512_problems(leaf, state.windows)

    def down(self, uses: Iterable[str], services: Mapping[str, str], ran: Sequence[str] = ()) -> Iterable[Problem]:
        """Which of them a server needs is its roles' business."""
        return ()

    def check(self, member: str, state: ExchangeState) -> Iterable[Finding]:
        """Default SMTP certificate, port 444, what STARTTLS chooses, names, the auth certificate."""
        return (from_problem(problem, member) for problem in check.findings(state))

    def others(self, state: ExchangeState) -> Mapping[str, str]:
        """What nothing may ever remove."""
        return state.protected()

    def differs(self, use: str) -> str:
        """All members of an array carry the same."""
        return "array.thumbprint-differs"

    def successor(self, state: ExchangeState) -> Confirmed | None:
        """Nothing waits for an instant here."""
        return None

    def baseline(self, member: str, state: ExchangeState, context: Context, switches: bool) -> Iterable[Finding]:
        """What is wrong there already; what an Edge Subscription and hybrid mail make of the switch."""
        order = plan.order_in(context, state)
        if order is None:
            return
        yield from judge.there_already(member, state)
        if context.emergency and order.moves and context.own.default_smtp != MOVE:
            yield from judge.moved_along(member, order, state)
        yield from judge.edge_findings(member, context.own, order, state, switches)
