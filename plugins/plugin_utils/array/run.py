# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over one array as one value: everything that is known of it. What comes next in it is in ``steps``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from ..errors import Refused
from ..findings.finding import Finding
from ..member.evidence import Evidence
from ..member.head import Head
from ..member.settings import Settings
from ..next_step import CommandLine
from ..products import rolled
from ..products.interface import Product
from . import addresses
from .decide import Gate
from .old_keys import Elsewhere
from .wire import Port, ports

Do = Literal["roll", "switch", "rename", "close", "settle", "take_back", "unroll", "ask", "release"]
Row = Mapping[str, Any]
"""One endpoint as ``tls_endpoint_info`` returns it."""
TAGS: Mapping[str, tuple[frozenset[str], str]] = {
    "stage": (frozenset({"stage"}), "stage"),
    "gate": (frozenset({"gate", "roll", "switch"}), "gate"),
    "roll": (frozenset({"roll"}), "roll"),
    "switch": (frozenset({"switch"}), "switch"),
    "close": (frozenset({"roll", "switch", "prove"}), "prove"),
    "prove": (frozenset({"switch", "prove"}), "prove"),
}
"""Phase -> the tags with which it is asked for, and the one with which it is left out."""
PHASES = tuple(TAGS)


@dataclass(frozen=True)
class Step:
    """One thing that is done on one member."""

    number: int
    """Its place in :attr:`Run.steps`."""
    do: Do
    member: str
    title: str
    """Its task's name, the member in it."""
    hooked: bool = False
    """The user's own tasks run around it."""
    probed: bool = False
    """The member's ports are looked at behind it, and it is proven before the next step."""

    @property
    def alone(self) -> bool:
        """One that fails does not keep the others from being done."""
        return self.do in ("take_back", "unroll", "ask", "release")

    def to_plain(self) -> dict[str, Any]:
        """For the role's loop, with the task file that does it and the one that goes on behind a failure."""
        # A task that is skipped costs as much as one that runs: hooks and probes have a file of their own.
        file = "step_around.yml" if self.hooked or self.probed else "step.yml"
        return {**asdict(self), "inner": file, "file": "step_alone.yml" if self.alone else file}


@dataclass(frozen=True)
class Unroll:
    """What was decided about a successor that waits for its instant, on the way back."""

    cancel: tuple[str, ...] = ()
    text: str = ""


class Said(Mapping[str, "Evidence | None"]):
    """What is known of the members, with one of them having said something new. The others are not looked at: what
    they said may lie in files."""

    def __init__(self, member: str, evidence: Evidence | None, others: Mapping[str, Evidence | None]) -> None:
        self.member, self.said, self.others = member, evidence, others

    def __getitem__(self, member: str) -> Evidence | None:
        return self.said if member == self.member else self.others[member]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.others, self.member]))

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass(frozen=True)
class Run:
    """Everything that is known of a run."""

    settings: Settings
    endpoints: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    """Member -> its TLS ports, from the inventory."""
    simulated: bool = False
    """Check mode: nothing is written on any member."""
    asked: tuple[str, ...] = PHASES
    """The phases that the tags let through."""
    first: Mapping[str, Evidence] = field(default_factory=dict)
    """Member -> what it said before this run touched it."""
    known: Mapping[str, Evidence | None] = field(default_factory=dict)
    """Member -> what it said last; None, or nothing, where it does not answer."""
    staged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Member -> what this run staged there, a line each."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Member -> why it is not prepared."""
    read_heads: Mapping[str, Head] = field(default_factory=dict)
    """Member -> whose journal it has, where that alone was read."""
    before: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Member -> what its ports presented before anything was switched."""
    after: Mapping[str, Sequence[Row]] | None = None
    """Member -> what they presented last; None where nobody looked again."""
    hooks: Mapping[str, str] = field(default_factory=dict)
    """Hook as the user named it -> its file of tasks."""
    gate: Gate | None = None
    plan: tuple[str, ...] = ()
    """What the gate let through, as the lines that somebody may approve."""
    steps: tuple[Step, ...] = ()
    """What is done next, in this order."""
    at: int | None = None
    """The step at work: begun, and nothing is known yet of its end."""
    touched: tuple[str, ...] = ()
    """Members whose switch (settling, way back) was begun, in the order of the way there."""
    rolled: tuple[str, ...] = ()
    """Members on which the roll was begun."""
    proven: tuple[str, ...] = ()
    """Members that were proven behind their switch."""
    alike: datetime | None = None
    """When the last of them was, by the controller's clock."""
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)
    """Member of another array -> what it said of the keys that lie there, in an emergency."""
    proof: tuple[Finding, ...] = ()
    """What the last proof found."""
    refused: tuple[Finding, ...] = ()
    """Why a settling or a way back was refused."""
    unroll: Unroll | None = None
    not_taken_back: Mapping[str, str] = field(default_factory=dict)
    """Member -> why."""
    not_released: tuple[str, ...] = ()
    done: Mapping[str, str] = field(default_factory=dict)
    """Member -> what of a step ended there last: what was done, or ``failed``."""
    failure: str = ""
    """What failed first."""
    line: CommandLine = CommandLine()
    """What was given to this ansible-playbook."""
    directory: str = ""
    """The folder of reports."""

    @property
    def product(self) -> Product[Any]:
        """The product that is rolled out. Raises Refused where no journal has named it yet."""
        if not self.settings.product:
            raise Refused(
                "No product was named. Give rollout_product, or let the members' journals name it: plays with "
                "read_journal and name_product, as in the playbooks settle and rollback"
            )
        return rolled(self.settings.product)

    @cached_property
    def own(self) -> Any:
        """The product's own part of the settings."""
        return self.product.own(self.settings.own)

    @property
    def heads(self) -> Mapping[str, Head]:
        """Member -> whose journal it has, without those that said nothing. What was read last counts."""
        return {**self.read_heads, **{m: Head.of(seen.journal) for m, seen in self.evidence.items()}}

    @property
    def on_failure(self) -> str:
        """``rollback`` or ``hold``; hold is forced where the array could not be taken back as a whole."""
        return self.gate.on_failure if self.gate is not None else self.settings.on_failure

    @property
    def evidence(self) -> Mapping[str, Evidence]:
        """Member -> what it said last, without those that do not answer."""
        return {m: seen for m in self.settings.members if (seen := self.known.get(m))}

    @property
    def silent(self) -> tuple[str, ...]:
        """Members that do not answer."""
        return tuple(m for m in self.settings.members if not self.known.get(m))

    @cached_property
    def owners(self) -> dict[addresses.Address, tuple[str, str]]:
        """Address -> (member, use), from the inventory."""
        return addresses.owners(self.endpoints)

    def ports(self, rows: Mapping[str, Sequence[Row]], member: str | None = None) -> tuple[Port, ...]:
        """The ports in ``rows``, of one member or of all."""
        chosen = rows.values() if member is None else [rows.get(member, ())]
        return ports([row for one in chosen for row in one], self.owners)

    def sorted_rows(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        """Rows by the member that they belong to; under the empty name those of nobody."""
        found: dict[str, list[Row]] = {}
        for row in rows:
            owner = self.owners.get(addresses.address(row["host"], row["port"]), ("", ""))[0]
            found.setdefault(owner, []).append(row)
        return found

    def since(self, member: str) -> datetime | None:
        """From when all members had the same certificate, by that member's own clock; None where nothing was proven."""
        seen = self.known.get(member)
        return self.alike + timedelta(seconds=seen.host.offset) if self.alike is not None and seen else None


def asked(only: Iterable[str], skip: Iterable[str], own: Iterable[str] = ()) -> tuple[str, ...]:
    """The phases that a command line asks for, as Ansible reads tags, each phase for itself.

    Ansible leaves a task out that has any tag that is skipped: with one task for several phases, skipping one phase
    would skip them all. ``only``: ``ansible_run_tags``. ``skip``: ``ansible_skip_tags``. ``own``: tags that the user
    has put around the role.
    """
    given, left_out, around = set(only), set(skip), set(own) - {"always"}
    found = []
    for phase, (wanted, tag) in TAGS.items():
        runs = not given or bool(given & {"all", "tagged"}) or bool(given & (wanted | around))
        if runs and not left_out & ({"all", "tagged", tag} | around):
            found.append(phase)
    return tuple(found)
