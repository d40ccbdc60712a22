# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: what a run was about to change on a member, and what it changed. It lives on the member itself.

Controllers and execution environments are thrown away; the member is what the next run, the settling run and the
rollback find again. It holds thumbprints, instants, names and the run; no secrets. Each change is written here before
it is made, so a state that ends in ``-ing`` means: begun, the outcome has to be read from the product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import CollectionError
from ..plain import PlainError, from_plain, to_plain

SCHEMA = "ucops.certificates/journal/1"
"""Name and major version; it is raised when an older reader would misunderstand. Fields may be added without."""

JournalState = Literal["prepared", "rolling", "rolled", "switching", "switched", "taking-back", "taken-back", "done"]

WHERE = "HKLM\\SOFTWARE\\ucops\\certificates, value Journal"


class JournalError(CollectionError, ValueError):
    """The text on a member is not a journal that this version understands; the message says what to do."""


@dataclass(frozen=True)
class UseEntry:
    """One use that a run switches."""

    before: str | None
    """Thumbprint that was assigned before; None: there was none, so there is nothing to put back."""
    after: str
    """Thumbprint that the run assigns."""


@dataclass(frozen=True)
class SettingEntry:
    """One setting of the product, beside its uses, that a run changes."""

    before: str | None
    """What it was; None: nothing was set."""
    after: str | None
    """What the run sets."""


@dataclass(frozen=True)
class RollEntry:
    """The scheduled successor of the A/V authentication certificate."""

    instant: str
    """ISO-8601 instant with its zone from which the successor is in force; the same one on all members."""
    thumbprint: str
    """The successor."""
    previous: str | None
    """The certificate in force until then."""
    state: Literal["rolling", "rolled", "settled"]
    """About to be made; made; in force, restarted and proven."""
    use: str = ""
    """The use that is succeeded; empty in journals of versions that knew only one."""


@dataclass(frozen=True)
class Journal:
    """What one run did on one member."""

    run: str
    """The run's id."""
    operator: str
    """Who started it."""
    controller: str
    """From which machine."""
    array: str
    """The array it was for."""
    members: tuple[str, ...]
    """All members it was for, so that a later run sees when it holds only part of the array."""
    started: str
    """ISO-8601 instant of its begin, by this member's clock."""
    state: Literal["prepared", "rolling", "rolled", "switching", "switched", "taking-back", "taken-back", "done"]
    """How far it came here."""
    uses: Mapping[str, UseEntry] = field(default_factory=dict)
    """Use to what it had and what it gets."""
    services: tuple[str, ...] = ()
    """Services that ran when it began to switch, or to go back, and have to run again, whatever they are called."""
    roll: RollEntry | None = None
    """The roll that this member was given, also by an earlier run if it still waits for its instant."""
    product: str = ""
    """The product that was rolled out; empty in journals of versions that did not write it."""
    settings: Mapping[str, SettingEntry] = field(default_factory=dict)
    """Setting, such as ``default SMTP certificate``, to what it was and what it becomes."""
    emergency: str = ""
    """Why it could not wait, ``expired`` or ``compromised``; empty for an ordinary one."""
    settling: tuple[str, ...] = ()
    """Services that ran when settling began and have to run again; empty once it has ended."""
    site: str = ""
    """Whose array it is, where several sites have arrays of one name."""

    def dumps(self) -> str:
        """The text for the member: one line of ASCII JSON. What few runs have is left out where it is empty."""
        plain = {name: value for name, value in to_plain(self).items() if value or name not in ("site", "emergency")}
        return json.dumps({"schema": SCHEMA, **plain}, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Journal:
        """Reads what :meth:`dumps` wrote, by this or another version of the same major number.

        Fields it does not know are ignored. Raises JournalError for anything that cannot be understood for certain.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise _error(f"expected JSON, found {text[:40]!r} ({error})") from error
        _check_schema(data)
        try:
            return from_plain(cls, data)
        except PlainError as error:
            raise _error(str(error)) from error


def _check_schema(data: Any) -> None:
    found = data.get("schema") if isinstance(data, Mapping) else data
    name, _slash, number = str(found).rpartition("/")
    ours, _slash, newest = SCHEMA.rpartition("/")
    if name != ours or not number.isdigit():
        raise _error(f"expected the schema {SCHEMA}, found {str(found)[:60]!r}")
    if int(number) > int(newest):
        raise JournalError(
            f"the journal ({WHERE}) was written by a newer version of ucops.certificates: expected at most {SCHEMA}, "
            f"found {found}. Use the version of the collection that made run {data.get('run') or '(not named)'}"
        )


def _error(problem: str) -> JournalError:
    return JournalError(
        f"the journal ({WHERE}) cannot be understood: {problem}. Compare this member with the others by hand, then "
        "remove the value and run again"
    )
