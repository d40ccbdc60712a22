# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: journal, graceful stop, changes, start, journal and read. Waits for work to end.

All of it is one command where nothing has to be waited for: a member is out of service for as long as this takes, and
every command loads the product's module anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..products.interface import STILL_RUNNING, STOPPED, Plan
from ..windows.calls import Call, Reply
from .drain import DrainExpired, drain
from .read import JOURNAL
from .refresh import is_whole
from .stop import PhaseFailed
from .talk import Talk

MAX_WAIT = 15.0
"""Seconds that one command may wait on a member; whoever takes longer is polled with short commands."""


def execute(
    talk: Talk,
    plan: Plan,
    begin: Sequence[Call],
    tail: Sequence[Call],
    read: Sequence[Call],
    what: str,
    force: bool = False,
) -> Reply:
    """Does what the plan says, between ``begin`` (lock and journal; the last call is refused to anybody but the holder
    of the lock) and ``tail`` (what is written down once services run again), and answers ``read``.

    ``what``: for messages. ``force``: work that is left at the deadline is cut whatever ``drain_expired`` says. Raises
    PhaseFailed.
    """
    product, settings = talk.product, talk.settings
    patience = min(settings.drain_poll_seconds, settings.drain_seconds, MAX_WAIT)
    stop = [*product.stop(plan.stop, graceful=True), *product.wait(plan.stop, patience)] if plan.stop else []
    change = [
        *(call for one in plan.changes for call in one.calls),
        *product.restart(plan.restart),
        *product.start(plan.start),
        *(call for one in plan.last for call in one.calls),
        *tail,
    ]
    sent = [*begin, *stop, *change]
    reply = talk.host.apply(talk.load, [*sent, *read], check_mode=False, facts=is_whole(read))
    waited = reply.answers.get("wait")
    if waited is not None and waited.error is not None and waited.error.fqid.startswith(STILL_RUNNING):
        # While it waited another run may have taken the lock over: each command asks for it anew.
        guard = begin[-1:]
        _drain(talk, plan.stop, guard, what, force)
        _demand_lock(talk, what)
        reply = talk.send([*guard, *change], read, what)
    else:
        talk.demand_made([*sent, *read], reply, what)
    down = talk.down(plan.run, reply)
    if down:  # stopping a service stops its dependents, too, and which these are is not documented
        reply = talk.send(product.start(down), read, what)
    return reply


def _drain(talk: Talk, names: Sequence[str], guard: Sequence[Call], what: str, force: bool) -> None:
    """Waits for the work to end; what is left at the deadline is cut, or the phase fails.

    ``guard``: writes the journal, which is refused when another run has the lock.
    """
    product, settings = talk.product, talk.settings
    try:
        drain(
            lambda: product.statuses(talk.host.read(talk.load, product.status(), facts=False)),
            names,
            talk.clock,
            seconds=settings.drain_seconds,
            poll_seconds=settings.drain_poll_seconds,
            tell=talk.say,
        )
    except DrainExpired as expired:
        if settings.drain_expired != "continue" and not force:
            hint = "rollout_drain_expired: continue would cut them; rollout_drain_seconds gives them longer"
            raise PhaseFailed(f"{talk.member}: {expired}. {hint}", talk.after_failure()) from None
        _demand_lock(talk, what)
        talk.say(f"{expired}: stopped with what was left")
        cut = [*guard, *product.stop(expired.left, graceful=False)]
        now = product.statuses(talk.send(cut, product.status(), what))
        left = [name for name in names if now.get(name) != STOPPED]
        if left:
            text = f"{talk.member}: {', '.join(left)} did not stop, not even when forced"
            raise PhaseFailed(text, talk.after_failure()) from None


def _demand_lock(talk: Talk, what: str) -> None:
    """Raises PhaseFailed when this run does not hold the lock any more: taken over, or taken over and given up."""
    reply = talk.host.read((), [JOURNAL], facts=False)
    lock = next(iter(reply.rows(JOURNAL.id)), {}).get("Lock")
    if lock is None or lock.get("Run") != talk.settings.run:
        holder = f"run {lock['Run']} holds it" if lock else "nobody holds it"
        text = f"the lock was taken from this run while it waited ({holder}); it changes nothing more here"
        raise PhaseFailed(f"{talk.member}: {what}: {text}", talk.after_failure())
