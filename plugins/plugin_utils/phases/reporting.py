# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind: the report files, the table on the screen, the sentence that becomes the exit code."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from . import array_side

if TYPE_CHECKING:
    from .run_array import ArrayRun


def write_report(run: ArrayRun) -> dict[str, Any]:
    """Writes the report of a run and returns the verdict, the table and whether the run failed."""
    settings, options = run.settings, run.options
    first = old_certificates(run)
    desired = {use: wanted["thumbprint"] for use, wanted in settings.wanted.items()}
    if not desired:
        desired = next(({u: t for u, t in e["wanted"].items()} for e in run.evidence.values() if e["wanted"]), {})
    verdict = array_side.verdict(settings, run.evidence, first, run.before, run.after, desired)
    folder = os.path.join(options["directory"] or ".", f"{settings.array}-{settings.run}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "report.json"), "w", encoding="ascii") as file:
        json.dump({"verdict": verdict.to_dict(), "failure": options["failure"], "settings": settings.to_dict()}, file, indent=2)
    bad = bool(options["failure"]) or bool(options["not_taken_back"])
    sentence = f"{verdict.verdict}: {verdict.text} {options['failure']}"
    run.tell(f"\n{sentence}\nReport: {folder}")
    return {"verdict": verdict.to_dict(), "sentence": sentence, "failed_rollout": bad, "directory": folder}


def old_certificates(run: ArrayRun) -> dict[str, dict[str, str]]:
    """Member -> use -> thumbprint before the rollout: the first read, and before that what the journal recorded."""
    old: dict[str, dict[str, str]] = {}
    for member, seen in run.options["first"].items():
        old[member] = dict(seen.get("assigned", {})) if seen else {}
    for member, journal in run.journals().items():
        for use, entry in journal.uses.items():
            if entry.before:
                old.setdefault(member, {})[use] = entry.before
        if journal.roll is not None and journal.roll.previous:
            old.setdefault(member, {})["AudioVideoAuthentication"] = journal.roll.previous
    return old
