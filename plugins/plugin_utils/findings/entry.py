# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of one line of the catalogue of findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "info", "warning", "error", "critical"]


@dataclass(frozen=True)
class Entry:
    """What the collection knows about one kind of finding."""

    severity: Severity
    """How bad it is unless the check says otherwise."""
    title: str
    """A few words, as a heading."""
    why: str
    """What it means for the reader, in a sentence or two."""
    remedy: str
    """The next step."""
    source: str
    """Where the rule comes from, as a reader can look it up; empty when it is the collection's own rule."""
    column: str | None = None
    """The report's column that it belongs to; None: it is about the array or the run."""
