# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal and the lock of a member, as the phases use them. Pure.

The journal says what a run was about to change and what it changed; the next run, from any controller, reads it. It
holds thumbprints, instants, names and the run; no secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .. import plain
from ..findings.entry import Severity
from ..findings.finding import Finding, finding
from ..next_step import ROLLBACK, variable
from ..products.interface import Product
from ..products.values import Both, Confirmed, Record, Scheduled
from ..stores.store import Stores
from ..stores.wanted import NOTHING, Wanted
from ..windows.calls import Call, Reply
from .evidence import Evidence, Lock
from .journal import Journal, JournalError, JournalState, RollEntry, SettingEntry, UseEntry
from .settings import Settings

OPEN = frozenset({"rolling", "switching", "switched", "taking-back"})
"""States of a journal that a run left behind unfinished."""


def lock_call(settings: Settings, held: Lock | None) -> Call:
    """Takes the member for this run, or refreshes that it has it. ``held``: who is known to hold it."""
    named = held.run if held is not None and held.run in settings.dead else next(iter(settings.dead), None)
    text = json.dumps({"operator": settings.operator, "controller": settings.controller, "array": settings.array})
    parameters = {"Run": settings.run, "Text": text, "TakeFrom": named}
    return Call("lock", "Lock-Member", parameters)


def unlock_call(settings: Settings) -> Call:
    """Gives the member up."""
    return Call("unlock", "Unlock-Member", {"Run": settings.run})


def journal_call(id: str, settings: Settings, journal: Journal) -> Call:
    """Writes the journal; refused on the member when another run holds it."""
    return Call(id, "Set-Journal", {"Run": settings.run, "Text": journal.dumps()})


def own(journal: Journal | None, settings: Settings, evidence: Evidence) -> Journal:
    """The journal of this run on a member: the one that is there when it is this run's, or a new one.

    A roll that an earlier run left waiting for its instant is carried over: it is still true. So is what an unfinished
    run switched to the same certificates: the way back leads to what was there before that run.
    """
    if journal is not None and journal.run == settings.run:
        return journal
    waiting = journal.roll if journal is not None and journal.roll and journal.roll.state == "rolled" else None
    successors = {at.thumbprint for at in evidence.pending.values()}
    if waiting is not None and successors and waiting.thumbprint not in successors:
        waiting = None
    halfway = journal if journal is not None and journal.state in OPEN else None
    return Journal(
        run=settings.run,
        operator=settings.operator,
        controller=settings.controller,
        array=settings.array,
        members=settings.members,
        started=evidence.clock.isoformat(),
        state="prepared",
        uses={use: e for use, e in halfway.uses.items() if e.after == evidence.wanted.get(use)} if halfway else {},
        settings=halfway.settings if halfway else {},
        roll=waiting,
        product=evidence.product,
        site=settings.site,
        emergency=settings.emergency.cause,
    )


def read(text: str) -> Journal:
    """The journal out of a member's text. Raises JournalError, also when the instant of its roll is none."""
    journal = Journal.loads(text)
    if journal.roll is not None:
        try:
            plain.instant(journal.roll.instant)
        except ValueError as error:
            whose = f" of {journal.roll.use}" if journal.roll.use else ""
            text = f"the journal names an instant of the roll{whose} that is none: {error}"
            raise JournalError(f"{text}. Compare this member with the others by hand") from None
    return journal


def started(journal: Journal) -> datetime | None:
    """When the run began, by the member's clock."""
    try:
        return plain.instant(journal.started)
    except ValueError:
        return None


def rolling(journal: Journal, use: str, successor: Scheduled) -> Journal:
    """About to roll."""
    instant = successor.instant.isoformat() if successor.instant else ""
    entry = RollEntry(instant, successor.thumbprint, successor.previous, "rolling", use)
    return replace(journal, state="rolling", roll=entry)


def rolled(journal: Journal) -> Journal:
    """The roll was made; only a journal that was about to roll can say so."""
    entry = replace(journal.roll, state="rolled") if journal.roll else None
    return replace(journal, state="rolled", roll=entry)


def unrolled(journal: Journal) -> Journal:
    """The roll was cancelled."""
    return replace(journal, state="taken-back", roll=None)


def switching(
    journal: Journal, uses: Mapping[str, Both], settings: Mapping[str, Both], services: Sequence[str]
) -> Journal:
    """About to switch ``uses`` and ``settings``; ``services`` ran before and have to run again.

    What an unfinished run recorded of the same setting stays, since the way back leads to what was there before that;
    so does what it recorded of a use that has its certificate already.
    """
    entries = {
        use: UseEntry(both.before, str(both.after))
        for use, both in uses.items()
        if use not in journal.uses or both.before != both.after
    }
    changed = {name: SettingEntry(both.before, both.after) for name, both in settings.items()}
    # A use that is replaced at once waits for no instant any more.
    roll = journal.roll if journal.roll is None or journal.roll.use not in uses else None
    return replace(
        journal,
        roll=roll,
        state="switching",
        uses={**journal.uses, **entries},
        services=tuple(services),
        settings={**changed, **journal.settings},
    )


def switched(journal: Journal) -> Journal:
    """Assigned and started again."""
    return replace(journal, state="switched")


def done(journal: Journal) -> Journal:
    """Proven; kept on the member as the record of what was there before."""
    return replace(journal, state="done")


def settling(journal: Journal, services: Sequence[str]) -> Journal:
    """About to restart what uses the successor, while ``services`` run; what an earlier try recorded stays."""
    return replace(journal, settling=tuple(dict.fromkeys((*services, *journal.settling))))


def settled(journal: Journal) -> Journal:
    """The roll took effect and was proven."""
    entry = replace(journal.roll, state="settled") if journal.roll else None
    return replace(journal, state="done", roll=entry, settling=())


def taking_back(journal: Journal, services: Sequence[str] | None = None) -> Journal:
    """About to put back what was there before; ``services`` have to run in the end, None leaves what is recorded."""
    return replace(journal, state="taking-back", services=journal.services if services is None else tuple(services))


def taken_back(journal: Journal) -> Journal:
    """What was there before is there again; a scheduled roll is another matter and stays recorded."""
    state: JournalState = "rolled" if journal.roll and journal.roll.state == "rolled" else "taken-back"
    return replace(journal, state=state, uses={}, services=(), settings={}, settling=())


def record_of(journal: Journal, run: str) -> Record:
    """What the way back needs to know; ``run``: the one that goes back."""
    return Record(
        {use: Both(entry.before, entry.after) for use, entry in journal.uses.items()},
        {name: Both(entry.before, entry.after) for name, entry in journal.settings.items()},
        restarted(journal, run),
        tuple(journal.services),
    )


def given_by(journal: Journal | None) -> dict[str, frozenset[str]]:
    """Thumbprint -> uses that the journal proves to have been given: it is written behind the calls, which stop at the
    first error."""
    if journal is None or journal.state not in ("switched", "done"):
        return {}
    given = {entry.after for entry in journal.uses.values()}
    return {t: frozenset(use for use, entry in journal.uses.items() if entry.after == t) for t in given}


def restarted(journal: Journal | None, run: str) -> tuple[str, ...]:
    """The services that ran before a change that is not over, and have to run again.

    What ran before a rollout that ended says nothing of today, unless it is ``run`` itself, which may still go back.
    """
    if journal is None:
        return ()
    counts = journal.state in OPEN or journal.run == run
    return tuple(dict.fromkeys((*(journal.services if counts else ()), *journal.settling)))


def confirmed(journal: Journal | None) -> Confirmed | None:
    """What the journal confirms of a roll; one that was only about to be made confirms nothing."""
    if journal is None or journal.roll is None or journal.roll.state not in ("rolled", "settled"):
        return None
    return Confirmed(journal.roll.thumbprint, plain.instant(journal.roll.instant), journal.roll.previous)


def wanted_by(journal: Journal | None, stores: Stores, product: Product[Any]) -> Wanted:
    """What the journal says was wanted, with the certificates out of the member's own stores."""
    if journal is None:
        return NOTHING
    thumbprints = {use: entry.after for use, entry in journal.uses.items()}
    if journal.roll is not None:
        thumbprints[journal.roll.use or product.succeeds] = journal.roll.thumbprint
    held = (*stores.machine("My"), *stores.machine(product.key_store))
    known = {c.certificate.thumbprint: c.certificate for c in held}
    return Wanted({use: known[t] for use, t in thumbprints.items() if t in known})


def lock_findings(member: str, reply: Reply, settings: Settings) -> list[Finding]:
    """Another run holds the member."""
    lock = next(iter(reply.rows("journal")), {}).get("Lock")
    if lock is None or lock.get("Run") in (settings.run, *settings.dead):
        return []
    try:
        told = json.loads(lock.get("Text") or "{}")
    except ValueError:
        told = {}
    who = told if isinstance(told, dict) else {}
    by = f"{who.get('operator') or 'somebody'} on {who.get('controller') or 'an unknown controller'}"
    text = (
        f"run {lock['Run']} of {by} holds it, last active {lock.get('At')} by the member's clock. If that "
        f"controller is dead, "
        f"repeat with {variable('rollout_take_over', lock['Run'])}"
    )
    return [finding("member.locked", member, str(lock["Run"]), text)]


def journal_findings(
    member: str, journal: Journal | None, settings: Settings, services: Mapping[str, str]
) -> list[Finding]:
    """What an earlier run left behind. ``services``: the status of each.

    A rollout goes on from what an unfinished one left, unless that one left services stopped: only its journal knows
    which of them ran before, so it has to be taken back first.
    """
    if journal is None or journal.run == settings.run:
        return []
    found = []
    if journal.array and journal.array != settings.array:
        text = f"its journal says that it belongs to array {journal.array!r}, this run renews {settings.array!r}"
        found.append(finding("array.member-twice", member, member, text))
    elif journal.members and set(journal.members) - set(settings.members) - set(settings.excluded):
        gone = ", ".join(sorted(set(journal.members) - set(settings.members) - set(settings.excluded)))
        text = (
            f"its journal names {gone} as member(s) of {journal.array!r}, this run does not see them. If they "
            f"were removed for good, "
            "name them in rollout_excluded; otherwise run with the whole inventory"
        )
        severity: Severity = "warning" if settings.purpose != "renew" else "error"
        found.append(finding("array.incomplete-run", member, gone, text, severity=severity))
    if journal.state in OPEN and settings.purpose == "renew":
        text = f"run {journal.run} of {journal.operator or 'somebody'} was left unfinished here ({journal.state})"
        down = [name for name in restarted(journal, settings.run) if services.get(name) != "Running"]
        if down:
            text += f", with {', '.join(down)} stopped"
            remedy = f"Take it back first: {ROLLBACK}"
            found.append(finding("journal.unfinished", member, journal.run, text, severity="error", remedy=remedy))
        else:
            remedy = "Nothing: this run goes on from there. Do not go back." if settings.emergency else ""
            found.append(finding("journal.unfinished", member, journal.run, text, remedy=remedy))
    return found


def settled_of(journal: Journal | None) -> bool:
    """Whether the roll that the journal names was settled."""
    return journal is not None and journal.roll is not None and journal.roll.state == "settled"


def in_doubt(evidence: Evidence) -> tuple[str, ...]:
    """Uses whose successor was about to be scheduled, and neither the product nor the journal says that it was.

    The journal of a member whose answer was lost says that a roll was about to be made; where the product does not show
    a successor before its instant, nobody can tell whether it was.
    """
    roll = evidence.journal.roll if evidence.journal is not None else None
    if roll is None or roll.state != "rolling":
        return ()
    return tuple(use for use, at in evidence.pending.items() if at.state == "needed")


def scheduled(evidence: Evidence) -> dict[str, str]:
    """Use -> thumbprint of a successor that waits for its instant, or may."""
    doubtful = in_doubt(evidence)
    return {use: at.thumbprint for use, at in evidence.pending.items() if at.state == "scheduled" or use in doubtful}


def touched_order(journals: Mapping[str, Journal], members: Iterable[str]) -> list[str]:
    """Members whose journal names something to take back, the last one first."""
    named = (m for m in reversed(list(members)) if m in journals)
    return [m for m in named if journals[m].uses or journals[m].services or journals[m].settings]
