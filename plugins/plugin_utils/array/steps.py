# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes next in a run: its steps, what each of them teaches, the way back. Pure: a run in, a run out.

Who talks to members, reads ports or writes files is told here what to do, and tells what became of it; the role's task
files only loop over :attr:`Run.steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ..findings.finding import Finding
from ..member.evidence import Evidence
from ..member.records import scheduled
from .run import Do, Run, Said, Step, Unroll

TITLES: Mapping[Do, str] = {
    "roll": "Roll",
    "switch": "Switch",
    "close": "Close the journal of",
    "take_back": "Put back the old certificates of",
    "unroll": "Cancel the scheduled successor on",
    "ask": "Ask again where it stands:",
    "release": "Give up the lock on",
}


def looks(run: Run) -> bool:
    """Whether ports are read before anything is switched."""
    return run.settings.purpose == "renew" and bool({"gate", "roll", "switch", "prove"} & set(run.asked))


def looks_after(run: Run) -> bool:
    """Whether ports are read again behind the steps, to be proven."""
    return not run.simulated and ("prove" in run.asked or run.settings.purpose != "renew")


# -- what comes next ---------------------------------------------------------------------------------------------------


def numbered(steps: Iterable[tuple[Do, str]], run: Run, probed: bool = False) -> tuple[Step, ...]:
    """Steps with their places and titles."""
    titles: dict[Do, str] = dict(TITLES)
    titles["rename"] = (run.gate.after_title if run.gate is not None else "") or "Change what the array shares, on"
    titles["settle"] = f"Restart {run.product.succession} on"
    return tuple(
        Step(
            number,
            do,
            member,
            f"{titles[do]} {member}",
            hooked=do in ("switch", "take_back") and run.settings.purpose != "settle",
            probed=probed and do == "switch" and not run.simulated,
        )
        for number, (do, member) in enumerate(steps)
    )


def forward(run: Run) -> Run:
    """The steps of a renewal behind its open gate."""
    gate = run.gate
    if gate is None:
        return replace(run, steps=())
    todo: list[tuple[Do, str]] = []
    if "roll" in run.asked:
        todo += [("roll", member) for member in gate.before]
    if "switch" in run.asked:
        todo += [("switch", member) for member in gate.switch]
        todo += [("rename", member) for member in gate.after]
    if "close" in run.asked and not run.simulated:
        begun = [member for do, member in todo if do in ("switch", "rename")]
        begun += [member for do, member in todo if do == "roll"]
        todo += [("close", member) for member in dict.fromkeys([*begun, *gate.unfinished])]
    return replace(run, steps=numbered(todo, run, probed=True))


def settling(run: Run, members: Sequence[str]) -> Run:
    """The steps of a settling."""
    return replace(run, steps=numbered([("settle", member) for member in members], run))


def taking_back(run: Run, take_back: Sequence[str], rolled: Sequence[str]) -> Run:
    """The steps of a way back that somebody asked for."""
    begun = replace(run, touched=tuple(take_back), rolled=tuple(rolled))
    if run.simulated:
        return replace(begun, steps=numbered([("take_back", m) for m in take_back], run))
    return replace(begun, steps=numbered(_back(take_back, begun), begun))


def failed(run: Run, why: str) -> Run:
    """A step, a proof or a hook failed: what failed first, and the steps of the way back.

    A step that was begun and of whose end nobody told may have done anything: that member is asked again.
    """
    known = run.known
    if run.at is not None:
        known = Said(run.steps[run.at].member, None, known)
        run = replace(run, done={**run.done, run.steps[run.at].member: "failed"})
    noted = replace(run, failure=run.failure or why, at=None, known=known, steps=())
    if run.settings.purpose != "renew" or run.simulated:
        return noted
    todo: list[tuple[Do, str]] = [("ask", member) for member in noted.silent] if noted.rolled else []
    if run.on_failure == "rollback":
        todo += _back(tuple(reversed(noted.touched)), noted)
    return replace(noted, after=None if looks_again(noted) else noted.after, steps=numbered(todo, noted))


def looks_again(run: Run) -> bool:
    """Whether ports are read once more behind the way back."""
    return bool(run.touched) and run.on_failure == "rollback" and not run.simulated


def finishing(run: Run) -> Run:
    """The last steps: whoever does not answer is asked once more; locks of this run are given up."""
    if run.simulated:
        return replace(run, steps=numbered([("ask", m) for m in run.silent], run))
    held = [m for m in run.settings.members if not (seen := run.known.get(m)) or to_release(run, seen)]
    return replace(run, steps=numbered([*(("ask", m) for m in run.silent), *(("release", m) for m in held)], run))


def to_release(run: Run, seen: Evidence) -> bool:
    """Whether this run holds the member, or a dead run whose lock it was told to take over."""
    return seen.locked or (seen.lock is not None and seen.lock.run in run.settings.dead)


def _back(take_back: Sequence[str], run: Run) -> list[tuple[Do, str]]:
    unroll = [m for m in reversed(run.settings.members) if m in run.rolled]
    return [*(("take_back", member) for member in take_back), *(("unroll", member) for member in unroll)]


def idle(run: Run, step: Step) -> str:
    """Why there is nothing to do in this step as things are now; empty where there is."""
    seen = run.known.get(step.member)
    if step.do == "unroll":
        decided = run.unroll or unrolling(run)
        return "" if step.member in decided.cancel else decided.text or "no successor is scheduled there"
    if step.do == "release":
        return "" if seen and to_release(run, seen) else "this run does not hold it"
    if step.do == "ask":
        return "it answered meanwhile" if seen else ""
    return ""


def unrolling(run: Run) -> Unroll:
    """Whether the scheduled successor can be cancelled: on all members, or on none.

    With one member lost the roll stays: cancelled on some only, the members would refuse each other's tokens at the
    instant, which is the very thing to avoid.
    """
    evidence, what = run.evidence, run.product.succession
    rolled = [m for m in run.settings.members if m in evidence and scheduled(evidence[m])]
    lost = [m for m in run.settings.members if m not in evidence]
    if not run.rolled or not rolled:
        return Unroll(text=_passed(run))
    if not run.settings.cancel_roll:
        return Unroll(text=f"The roll of {what} stays scheduled, as rollout_cancel_roll: false says.")
    if lost or run.not_taken_back:
        who = ", ".join(lost or run.not_taken_back)
        return Unroll(
            text=f"The roll of {what} stays scheduled on {', '.join(rolled)}: {who} cannot be asked, and half a "
            "roll is worse than a whole one."
        )
    return Unroll(tuple(reversed(rolled)), f"The roll of {what} was cancelled on {', '.join(rolled)}.")


def _passed(run: Run) -> str:
    """That successors which members were to be given have taken over by themselves; empty where none has."""
    known = [(member, seen) for member in run.rolled if (seen := run.known.get(member))]
    done = [member for member, seen in known if any(at.state == "done" for at in seen.pending.values())]
    if not done:
        return ""
    return f"The instant of the roll of {run.product.succession} has passed on {', '.join(done)}: it stays."


# -- what became of it -------------------------------------------------------------------------------------------------


def begun(run: Run, step: Step) -> Run:
    """The step begins: from here on its member may have been changed, whatever is heard of it."""
    if run.simulated:
        return run
    at = replace(run, at=step.number)
    if step.do == "roll":
        return replace(at, rolled=(*run.rolled, step.member))
    if step.do in ("switch", "rename", "settle"):  # who did the last thing is taken back first
        return replace(at, touched=(*(m for m in run.touched if m != step.member), step.member))
    if step.do == "unroll":
        return replace(at, unroll=run.unroll or unrolling(run))
    return at


def ended(run: Run, step: Step, evidence: Evidence | None) -> Run:
    """The step did what it should. ``evidence``: what the member says now; None where it was not asked."""
    known = run.known if evidence is None else Said(step.member, evidence, run.known)
    done = run.done if step.do in ("ask", "release") else {**run.done, step.member: step.do}
    return replace(run, at=None, known=known, done=done)


def skipped(run: Run, step: Step) -> Run:
    """There was nothing to do in the step; a decision that was made for it stands."""
    if step.do == "unroll" and not run.simulated:
        return replace(run, unroll=run.unroll or unrolling(run))
    return run


def broken(run: Run, step: Step, why: str, evidence: Evidence | None, begun: bool = True) -> Run:
    """The step failed. ``evidence``: what the member said after it; None: nothing is known of it any more.

    ``begun``: False where nothing was done on the member, because a task of the user's failed before: what was known
    of it holds.
    """
    known: Mapping[str, Evidence | None] = run.known
    if begun:
        known = Said(step.member, evidence, run.known)
        run = replace(run, done={**run.done, step.member: "failed"})
    noted = replace(run, at=None, known=known)
    if step.do in ("take_back", "unroll"):
        return replace(noted, not_taken_back={**run.not_taken_back, step.member: why})
    if step.do == "release":
        return replace(noted, known=run.known, not_released=(*run.not_released, step.member))
    return noted


def proved(run: Run, member: str | None, found: Sequence[Finding], passed: bool) -> Run:
    """What a proof of one member, or of all, found."""
    noted = replace(run, proof=tuple(found))
    seen = run.known.get(member) if member is not None else None
    if not passed or member is None or seen is None:
        return noted
    common = seen.clock - timedelta(seconds=seen.host.offset)
    return replace(noted, proven=(*run.proven, member), alike=max(common, run.alike or common))


def mixed(run: Run, member: str) -> bool:
    """Whether others still wait for their switch while ``member`` has had its own: the array differs by plan."""
    waiting = [step.member for step in run.steps if step.do == "switch"]
    return any(m != member and m not in run.proven for m in waiting)


def rolled_only(run: Run) -> tuple[str, ...]:
    """Members that have to serve what they served before: rolled, but nobody asked for the switch."""
    if run.settings.purpose == "renew" and "switch" not in run.asked and {"roll", "gate"} & set(run.asked):
        return run.settings.members
    return run.rolled
