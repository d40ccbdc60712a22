# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that lead out of wherever a run stands, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..next_step import ROLLBACK, SETTLE, CommandLine, NextStep
from .run import Run

OWN: Mapping[str, tuple[str, ...]] = {"settle": (SETTLE,), "rollback": (ROLLBACK,)}
"""Purpose -> the collection's playbook for it, where the one that was run is not known."""


@dataclass(frozen=True)
class Ways:
    """The ways on from one run over one array."""

    array: str
    purpose: str
    product: str = ""
    """Empty: the journals name it."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    completed: bool = False
    """A way back was asked for from a rollout that had ended well."""
    line: CommandLine = CommandLine()

    @classmethod
    def of(cls, run: Run) -> Ways:
        """Those of a run."""
        at = run.settings
        return cls(at.array, at.purpose, at.product, at.excluded, at.completed, run.line)

    def again(self, why: str, take_over: str = "", tags: tuple[str, ...] | None = None) -> NextStep:
        """The same playbook once more, with its tags unless there are others. ``take_over``: dead runs, commas between.

        Of what was given by ``-e name=value`` only that is repeated which is known to be no secret.
        """
        known = {"rollout_array": self.array, "rollout_excluded": dict(self.excluded), "rollout_product": self.product}
        said: dict[str, Any] = {name: value for name, value in known.items() if name in self.line.inline and value}
        if self.completed and self.purpose == "rollback":
            said["rollout_completed"] = True
        return NextStep(
            why,
            self.line.playbooks or OWN.get(self.purpose, ("PLAYBOOK",)),
            {**said, **_taking(take_over)},
            self.line.tags if tags is None else tags,
            self.line.skip_tags if tags is None else (),
        )

    def back(self, why: str, take_over: str = "") -> NextStep:
        """The way back of the whole array."""
        if self.purpose == "rollback":
            return self.again(why, take_over, ())
        return NextStep(why, (ROLLBACK,), {**self._named(), **_taking(take_over)})

    def settle(self, why: str) -> NextStep:
        """What follows the instant of a roll."""
        return NextStep(why, (SETTLE,), self._named())

    def _named(self) -> dict[str, Any]:
        """What a playbook has to be told that was not the one of this run."""
        found: dict[str, Any] = {"rollout_array": self.array}
        if self.product:  # a run that died before its first journal has left nothing that names it
            found["rollout_product"] = self.product
        if self.excluded:
            found["rollout_excluded"] = dict(self.excluded)
        return found


def _taking(run: str) -> dict[str, str]:
    return {"rollout_take_over": run} if run else {}


# -- a run that was cut off --------------------------------------------------------------------------------------------


def if_cut_off(run: Run) -> NextStep:
    """What leads out where this run ends here and now, with nobody to report it: its locks are still there."""
    # One that had taken over is not all that has left locks: those that it had not come to are there, too.
    ways, id = Ways.of(run), ",".join((run.settings.run, *run.settings.dead))
    if run.settings.purpose != "renew":
        return ways.again("The same again goes on from what each member says.", id)
    if not run.touched and not run.rolled:
        return ways.again("It rolled and switched nothing on any member: start again, that finds what is staged.", id)
    if all_there(run):
        return ways.again("Every member is done and proven: the same again closes what is open.", id)
    return ways.back("The members may differ: this reads all of them and puts back what was there before.", id)


def all_there(run: Run) -> bool:
    """Whether everything that the gate let through is done and proven, and only journals may still be open."""
    if run.gate is None or run.failure:
        return False
    return all(
        REACHED.get(run.done.get(step.member, ""), 0) >= REACHED.get(step.do, 0)
        and (step.do != "switch" or step.member in run.proven)
        for step in run.steps
        if step.do != "close"
    )


REACHED: Mapping[str, int] = {"roll": 1, "switch": 2, "rename": 3, "close": 4}
"""How far what was done last on a member has brought it."""
