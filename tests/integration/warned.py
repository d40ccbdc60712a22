"""What Ansible warns of in a run: a user reads it, so each test answers for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARK = re.compile(r"\[(DEPRECATION )?WARNING\]:? *")


def unanswered(output: str, rows: Iterable[Mapping[str, Any]], expected: Sequence[str] = ()) -> list[str]:
    """The warnings that Ansible printed and nobody meant: in no task's ``warnings``, and not of the expected texts.

    Deprecations are meant by nobody. ``rows`` are the tasks' results as the callback ``ucops_results`` writes them.
    """
    meant = [" ".join(str(text).split()) for row in rows for text in row["result"].get("warnings") or ()]
    found = []
    for line in output.splitlines():
        mark = MARK.match(line)
        if mark is None:
            continue
        # Ansible breaks a warning where a terminal's line ends: the first line is the beginning of it.
        told = " ".join(line[mark.end() :].split())
        known = any(text.startswith(told) for text in meant) or any(text in told for text in expected)
        if mark[1] or not known:
            found.append(line.strip())
    return found
