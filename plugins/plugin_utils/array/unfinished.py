# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would leave behind if it was cut off now: files that are there as long as it is at work. Pure.

Ctrl-C and a kill run no rescue and no always, so nobody writes a report; what was written before has to do.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..next_step import to_document
from ..plain import iso
from ..text import clean
from ..words import moment
from .onward import if_cut_off
from .run import Run

SCHEMA = "ucops.certificates/unfinished/1"
JSON, TEXT = "unfinished.json", "unfinished.txt"
STATES: Mapping[str, str] = {
    "roll": "rolled",
    "switch": "switched",
    "rename": "switched",
    "close": "closed",
    "settle": "settled",
    "take_back": "taken back",
    "unroll": "taken back",
    "failed": "failed",
}
"""What was done last on a member -> the word for it."""
SENTENCES: Mapping[str, str] = {
    "untouched": "as this run found it, but for what it may have staged",
    "rolled": "its successor is scheduled; nothing is switched there",
    "switched": "switched, not proven yet",
    "proven": "switched and proven",
    "closed": "done, its journal is closed",
    "settled": "restarted on the successor",
    "taken back": "it has again what it had before",
    "failed": "a step failed there; it may be anything between before and after",
    "not taken back": "the way back failed there",
    "at work": "a step is at work there; it may be anything between before and after",
}


def folder_of(directory: str, array: str, run: str, site: str = "") -> str:
    """Where a run leaves its files. The names of site and array stay one folder below ``directory``, whatever they
    hold."""
    name = "-".join(filter(None, (site, array, run)))
    return os.path.join(directory, re.sub(r"[^\w.-]|^\.+", "_", name))


def states(run: Run) -> dict[str, str]:
    """Member -> what is known of it, in one word of :data:`SENTENCES`."""
    found = {}
    for member in run.settings.members:
        word = STATES.get(run.done.get(member, ""), "untouched")
        if word == "switched" and member in run.proven:
            word = "proven"
        found[member] = "not taken back" if member in run.not_taken_back else word
    if run.at is not None:
        found[run.steps[run.at].member] = "at work"
    return found


def document(run: Run, now: datetime, process: int) -> dict[str, Any]:
    """For machines. ``now``: by the controller's clock; the step at work has begun then. ``process``: the id of
    ansible-playbook on the controller."""
    settings = run.settings
    step = run.steps[run.at] if run.at is not None else None
    return {
        "schema": SCHEMA,
        "run": settings.run,
        "array": settings.array,
        "purpose": settings.purpose,
        "product": settings.product,
        "operator": settings.operator,
        "controller": settings.controller,
        "collection": settings.version,
        "process": process,
        "started": settings.started,
        "written": iso(now),
        "at_work": {"do": step.do, "member": step.member, "title": step.title, "since": iso(now)} if step else None,
        "failure": run.failure,
        "members": states(run),
        "excluded": dict(settings.excluded),
        "next": to_document(if_cut_off(run), run.line),
    }


def document_text(run: Run, now: datetime, process: int) -> str:
    """The document, as JSON in ASCII."""
    return json.dumps(document(run, now, process), indent=1) + "\n"


def page(run: Run, now: datetime, process: int) -> str:
    """For people: what is known, whether the run still lives, and the line that leads out."""
    told = document(run, now, process)
    at, known, onward = told["at_work"], told["members"], told["next"]
    width = max((len(name) for name in known), default=0)
    doing = f"{at['title']}, since {moment(now, True)}" if at else f"between two steps, as of {moment(now, True)}"
    lines = [
        f"{told['array']}: run {told['run']} ({told['purpose']}) is not finished",
        "",
        f"  at work: {doing}",
        *(f"  {name.ljust(width)}  {word}: {SENTENCES[word]}" for name, word in known.items()),
        *(f"  {name} is left out: {why}" for name, why in told["excluded"].items()),
        *([f"  what failed first: {told['failure'].splitlines()[0]}"] if told["failure"] else []),
        "",
        *_paragraph(
            f"Is it still at work? On {told['controller']}, does 'ps -p {process}' show ansible-playbook? Then wait, "
            "and do nothing on the members: it ends with a report in this folder, and this file is gone."
        ),
        "",
        *_paragraph(
            "Was it cut off, by Ctrl-C or a kill or a power cut? Then nobody takes anything back by itself, and its "
            "lock stays on the members that it held; the next line takes it over. " + onward["why"]
        ),
    ]
    text = "\n".join(clean(line) for line in lines)
    more = "".join(f"{clean(line)}\n" for line in ["", *_paragraph(onward["to_add"])] if onward["to_add"])
    return f"{text}\n\n    {onward['command']}\n{more}"


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, 100, break_on_hyphens=False, break_long_words=False)
