# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the value of a run lies between two tasks: files in the private folder that this ansible-playbook has anyway.

Ansible's own way, facts, passes a template at every task: with the evidence of a large array that was most of what a
run cost. Here a step reads the small value of the run and what it needs of its own member. Nothing in it is secret;
the folder is gone with the process, and what shall outlast it lies in the members' journals and in the report.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import CollectionError
from ..findings.finding import Finding
from ..member.evidence import Evidence
from ..member.head import Head
from ..member.settings import Settings
from ..next_step import CommandLine
from ..plain import from_plain, instant, to_plain
from .decide import Gate
from .old_keys import Elsewhere
from .run import Run, Said, Step, Unroll
from .wanted import Published
from .waves import Ended

T = TypeVar("T")
APART = ("first", "known", "before", "after", "staged", "reasons", "read_heads", "elsewhere")
"""What is large and lies in a file a member."""
LISTS = ("asked", "plan", "touched", "rolled", "proven", "not_released")


class NotBegun(CollectionError):
    """There is no run of this array in this ansible-playbook."""


class Shelf(Mapping[str, T]):
    """A file a member, read when it is looked at."""

    def __init__(self, folder: Path, names: Sequence[str], read: Callable[[Any], T]) -> None:
        self.folder, self.names, self.read = folder, tuple(names), read
        self.seen: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self.seen:
            try:
                text = self._file(name).read_text(encoding="utf-8")
            except FileNotFoundError:
                raise KeyError(name) from None
            self.seen[name] = self.read(json.loads(text))
        return self.seen[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if self._file(name).is_file())

    def __len__(self) -> int:
        return len(list(iter(self)))

    def put(self, name: str, plain: Any) -> None:
        """Writes what is known of one member."""
        write(self._file(name), plain)

    def _file(self, name: str) -> Path:
        # A name may hold what no file name may.
        return self.folder / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Kept:
    """The run of one array."""

    def __init__(self, root: Path, array: str) -> None:
        self.array = array
        self.folder = root / "ucops.certificates" / hashlib.sha256(array.encode()).hexdigest()[:16]

    def begin(self, run: Run, deliveries: Sequence[Published]) -> None:
        """A new run; what lies there of an earlier one in the same ansible-playbook is not looked at any more."""
        self._make()
        (self.folder / "ended.json").unlink(missing_ok=True)
        write(self.folder / "deliveries.json", [one.to_plain() for one in deliveries])
        self.write(run)

    @property
    def begun(self) -> bool:
        """Whether this ansible-playbook has begun a run of the array."""
        return (self.folder / "run.json").is_file()

    def deliveries(self) -> list[Published]:
        """What is rolled out, without keys."""
        return [Published.from_plain(one) for one in self._load("deliveries.json")]

    def read(self) -> Run:
        """The run as the last task left it. Raises NotBegun, PlainError, CallError."""
        data = self._load("run.json")
        settings = Settings.from_dict(data["settings"])
        names = settings.members
        prepared = self._shelf("prepared", names, dict, settings)
        staged = {member: tuple(one["staged"]) for member, one in prepared.items() if one["staged"]}
        reasons = {member: one["why"] for member, one in prepared.items() if one["why"]}
        known: Mapping[str, Evidence | None] = self._shelf("known", names, _evidence, settings)
        after = self._shelf("after", (*names, ""), list, settings) if data["looked"] else None
        return Run(
            settings=settings,
            endpoints={member: tuple(ports) for member, ports in data["endpoints"].items()},
            simulated=data["simulated"],
            first=self._shelf("first", names, Evidence.from_plain, settings),
            known=known,
            staged=staged,
            reasons={**data["reasons"], **reasons},
            read_heads=self._shelf("head", names, Head.from_plain, settings),
            elsewhere=self._shelf("elsewhere", _others(settings), _elsewhere, settings),
            before=self._shelf("before", (*names, ""), list, settings),
            after=after,
            gate=Gate.from_dict(data["gate"]) if data["gate"] else None,
            steps=tuple(from_plain(Step, step) for step in data["steps"]),
            at=data["at"],
            alike=instant(data["alike"]) if data["alike"] else None,
            proof=tuple(Finding.from_dict(one) for one in data["proof"]),
            refused=tuple(Finding.from_dict(one) for one in data["refused"]),
            unroll=from_plain(Unroll, data["unroll"]) if data["unroll"] else None,
            hooks=data["hooks"],
            not_taken_back=data["not_taken_back"],
            done=data["done"],
            failure=data["failure"],
            line=from_plain(CommandLine, data["line"]),
            directory=data["directory"],
            **{name: tuple(data[name]) for name in LISTS},
        )

    def write(self, run: Run) -> None:
        """The run for the next task; of the members only what was said anew."""
        self._said(run.known, run.settings)
        for kind, rows in (("before", run.before), ("after", run.after)):
            if rows is not None and not isinstance(rows, Shelf):
                self._clear(kind, run.settings)
                shelf = self._shelf(kind, (), list, run.settings)
                for member, own in rows.items():
                    shelf.put(member, to_plain(own))
        bare = {f.name: getattr(run, f.name) for f in fields(run) if f.name not in (*APART, "settings", "gate")}
        plain = to_plain({**bare, "proof": [one.to_dict() for one in run.proof],
                          "refused": [one.to_dict() for one in run.refused]})  # fmt: skip
        write(
            self.folder / "run.json",
            plain
            | {
                "settings": run.settings.to_dict(),
                "gate": run.gate.to_dict() if run.gate is not None else None,
                "reasons": dict(run.reasons),
                "looked": run.after is not None,
            },
        )

    def end(self, ended: Ended) -> None:
        """How the run ended, or that it was not begun; for the arrays that wait for it."""
        self._make()
        write(self.folder / "ended.json", to_plain(ended))

    def ended(self) -> Ended:
        """How the run ended, as far as it has."""
        try:
            return from_plain(Ended, self._load("ended.json"))
        except NotBegun:
            return Ended()

    def prepared(
        self,
        settings: Settings,
        member: str,
        first: Evidence | None,
        known: Evidence | None,
        staged: Sequence[str] = (),
        why: str = "",
    ) -> None:
        """What preparing a member found and did, or ``why`` it did not; several members may do that at one time."""
        if first is not None:
            self._shelf("first", (), _evidence, settings).put(member, first.to_plain())
        self._shelf("known", (), _evidence, settings).put(member, known.to_plain() if known else None)
        self._shelf("prepared", (), dict, settings).put(member, {"staged": list(staged), "why": why})

    def head(self, settings: Settings, member: str, head: Head) -> None:
        """Whose journal a member has."""
        self._shelf("head", (), Head.from_plain, settings).put(member, head.to_plain())

    def elsewhere(self, settings: Settings, member: str, seen: Elsewhere) -> None:
        """What a member of another array said of the keys that lie there."""
        self._shelf("elsewhere", (), _elsewhere, settings).put(member, to_plain(seen))

    def _make(self) -> None:
        """Folders for this user's eyes; those that are made along with a file would have the usual rights."""
        for folder in (self.folder.parent, self.folder):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _said(self, known: Mapping[str, Evidence | None], settings: Settings) -> None:
        shelf, newest = self._shelf("known", (), _evidence, settings), set[str]()
        while isinstance(known, Said):
            if known.member not in newest:
                shelf.put(known.member, known.said.to_plain() if known.said else None)
            newest.add(known.member)
            known = known.others

    def _shelf(self, kind: str, names: Sequence[str], read: Callable[[Any], T], settings: Settings) -> Shelf[T]:
        return Shelf(self.folder / settings.run / kind, names, read)

    def _clear(self, kind: str, settings: Settings) -> None:
        folder = self.folder / settings.run / kind
        for file in folder.iterdir() if folder.is_dir() else ():
            file.unlink()

    def _load(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotBegun(
                f"No run of {self.array} was begun by this ansible-playbook. Start the playbook from its beginning"
            ) from None


def _others(settings: Settings) -> list[str]:
    return [member for members in settings.elsewhere.values() for member in members]


def _elsewhere(plain: Any) -> Elsewhere:
    return from_plain(Elsewhere, plain)


def _evidence(plain: Any) -> Evidence | None:
    return Evidence.from_plain(plain) if plain else None


def write(file: Path, plain: Any) -> None:
    """Writes a file whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(plain), encoding="utf-8")
    os.replace(part, file)
