# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an Exchange server, and what its answers mean: a part of the product's interface. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...stores.presented import presented_in, windows_version
from ...stores.store import test_calls
from ...windows.calls import Call, Reply
from ..interface import Unread
from ..values import Ask, Confirmed, Depth, Scheduled
from . import events, plan
from .facts import assigned, unknown
from .read import STAGED, calls, key_calls, not_told, reach_calls, reach_in, stage_calls, state_in
from .rows import server_calls, server_of
from .services import DEFAULT
from .state import BACK_END, STAGE, ExchangeState

WAYS = (
    "The management shell is a connection of its own and needs a logon that can be passed on (CredSSP, Kerberos "
    "delegation); docs/second-hop.md says what each way needs on old hosts. rollout_shell: session logs on with the "
    "connection's own user and password instead; snapin works without either, but Microsoft does not support it"
)


class Reading:
    """Calls out, replies in."""

    def read(self, depth: Depth, ask: Ask) -> tuple[Call, ...]:
        """Everything, names that clients are sent to included; behind a change without these."""
        if depth == "whole":
            return (*calls(), *reach_calls())
        if depth == "after":
            return calls()
        if depth == "verify":
            tests = (call for call in test_calls(None) if call.id != "access")  # the whole read asks that of all
            logged = (events.read_call(ask.since),) if ask.since else ()
            return (*calls(), *(replace(call, optional=True) for call in tests), *logged)
        return (*server_calls(), *((events.read_call(ask.since),) if ask.since else ()))

    def test(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Asks keys where they wait."""
        return key_calls(leaves, store == STAGE)

    def staged(self, leaves: Sequence[str], store: str) -> tuple[Call, ...]:
        """Stores and keys."""
        return stage_calls(leaves, store == STAGE)

    def see(self, reply: Reply, received: datetime) -> ExchangeState:
        """The state of a whole read. Raises Unread where there is no Exchange, or a read failed that everything rests
        on."""
        server = server_of(reply)
        for call, answer in not_told(reply, server):
            said = f"{answer.error.message} ({answer.error.fqid})" if answer.error else "it was not asked"
            cause = None
            if reply.host.load_error:
                said, cause = f"{reply.host.load_error} {WAYS}", "product.not-loaded"
            raise Unread(f"{call} could not be read, so nothing is known of it: {said}", cause)
        if server is None:
            text = f"none of Exchange's services is on {reply.host.computer}; is it an Exchange server?"
            raise Unread(text, "exchange.not-found")
        rows = (*reply.rows("presented"), *reply.rows(f"{STAGED}presented"))
        return replace(
            state_in(reply, received, server),
            presented=presented_in(row for row in rows if row.get("Present")),
            windows=windows_version(reply.host.windows),
            reach=reach_in(reply, server),
            lacks=tuple(name for module in reply.host.loaded for name in module.lacks),
        )

    def remembering(self, state: ExchangeState, given: Mapping[str, frozenset[str]]) -> ExchangeState:
        """What was enabled, where the answer does not show it."""
        return replace(state, enabled=dict(given))

    def glance(self, reply: Reply, received: datetime) -> ExchangeState | None:
        """What is looked at when the journal is closed tells of services alone."""
        return None

    def version(self, state: ExchangeState) -> tuple[str, str]:
        """By the file version of its transport service."""
        return state.server.version.product, str(state.server.version)

    def offers(self, state: ExchangeState) -> tuple[str, ...]:
        """The services that its roles have."""
        return state.server.offers

    def assigned(self, state: ExchangeState) -> Mapping[str, tuple[str, ...]]:
        """SMTP, POP and IMAP may have several. What may be in use counts as if it were; that nobody knows is told
        beside it."""
        certain, doubted = assigned(state), unknown(state)
        every = {service: (*held, *doubted.get(service, ())) for service, held in certain.items()}
        return {service: held for service, held in every.items() if held}

    def serves(self, state: ExchangeState, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """The wanted one where it has the service for certain, otherwise the newest of a CA that has it, or may have
        it."""
        found: dict[str, str] = {}
        for use in state.server.offers:
            thumbprint = wanted.get(use)
            if thumbprint is not None and state.has(use, thumbprint):
                found[use] = thumbprint
                continue
            mine = [c.certificate for c in state.stores.machine("My") if c.certificate.thumbprint != thumbprint]
            answers = {c.sha256: state.has(use, c.thumbprint) for c in mine}
            holders = [c for c in mine if answers[c.sha256] is not False]
            if use == "IIS" and not holders and state.web():
                found[use] = state.web()[0]
            elif holders:
                best = max(holders, key=lambda c: (not c.self_issued, answers[c.sha256] is True, c.not_before))
                found[use] = best.thumbprint
        return found

    def settings(self, state: ExchangeState) -> Mapping[str, str | None]:
        """The default SMTP certificate, and what port 444 is bound to."""
        return {DEFAULT: state.default_smtp, plan.PORT_444: ", ".join(state.bound(BACK_END)) or None}

    def pending(
        self, state: ExchangeState, wanted: Mapping[str, str], confirmed: Confirmed | None
    ) -> Mapping[str, Scheduled]:
        """Nothing waits for an instant here."""
        return {}

    def services(self, state: ExchangeState) -> Mapping[str, str]:
        """As Windows shows them."""
        return state.server.services

    def logged(self, reply: Reply, leaves: Sequence[Certificate], since: datetime | None) -> tuple[Problem, ...]:
        """What transport says of certificates."""
        unread = events.unreadable(reply.answers.get("events"))
        return (*events.problems(reply.rows("events")), *([unread] if unread is not None else []))

    def first_look(self, now: datetime) -> tuple[Call, ...]:
        """Its shell is a connection of its own: whether it opens is seen by the first check run."""
        return ()

    def sampled(self, reply: Reply) -> tuple[str, ...]:
        """Nothing is sampled."""
        return ()
