"""Every remote call of a first renewal, and what may go wrong at each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

READ = (
    "Get-Journal",
    "Get-StoreCertificate",
    "Get-CsCertificate",
    "Get-CsWindowsService",
    "Get-CsAVEdgeConfiguration",
    "Get-ServiceVersion",
    "Find-Event",
)
STAGED = ("Get-StoreCertificate", "Test-StoreKey", "Get-StoreKeyAccess", "Test-TlsPresented")
AFTER = ("Get-CsCertificate", "Get-CsWindowsService")
DOCUMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("read", READ),
    ("stage", ("Lock-Member", "Add-StoreCertificate", "Import-StorePfx", *STAGED)),
    ("roll", ("Set-Journal", "Set-CsCertificate", "Set-Journal", *AFTER)),
    (
        "switch",
        (
            *("Set-Journal", "Stop-CsWindowsService", "Stop-CsWindowsService", "Wait-Stopped"),
            *("Set-CsCertificate", "Set-CsCertificate", "Start-CsWindowsService", "Start-CsWindowsService"),
            *("Set-Journal", *AFTER),
        ),
    ),
    ("close", ("Set-Journal", "Unlock-Member", *AFTER, "Find-Event")),
)
"""Phase -> the calls of its one document, in their order: a first renewal of one member, without drain polls."""

WRITES = frozenset(
    {
        "Lock-Member",
        "Unlock-Member",
        "Set-Journal",
        "Add-StoreCertificate",
        "Import-StorePfx",
        "Set-CsCertificate",
        "Stop-CsWindowsService",
        "Start-CsWindowsService",
    }
)
FAULTS = ("drop-before", "drop-after", "error", "down-before", "down-after")


@dataclass(frozen=True)
class Case:
    """One fault at one call of one member."""

    member: str
    phase: str
    call: str
    nth: int
    """The how manieth call of this name it is on that member, from 1."""
    do: str

    @property
    def writes(self) -> bool:
        """Whether the call changes the member."""
        return self.call in WRITES

    def __str__(self) -> str:
        return f"{self.member}-{self.phase}-{self.call}{self.nth}-{self.do}"


def sequence() -> Iterator[tuple[str, str, int]]:
    """Phase, call, nth: every call of a first renewal of one member."""
    seen: Counter[str] = Counter()
    for phase, calls in DOCUMENTS:
        for call in calls:
            seen[call] += 1
            yield phase, call, seen[call]


def whole(member: str) -> list[Case]:
    """Every call x every fault."""
    return [Case(member, phase, call, nth, do) for phase, call, nth in sequence() for do in FAULTS]


def covering() -> list[Case]:
    """Few cases in which every phase, every kind of call, every fault and every member occurs.

    In each phase the first of each kind of write, and one call of its read; the faults and two members take turns.
    """
    cases: list[Case] = []
    turn, had = 0, set()
    for phase, call, nth in sequence():
        kind = (phase, call if call in WRITES else "read")
        if kind in had:
            continue
        had.add(kind)
        cases.append(Case(f"edge{turn % 2 + 1}", phase, call, nth, FAULTS[(turn * 2) % len(FAULTS)]))
        turn += 1
    return cases


def quick() -> list[Case]:
    """A few of the covering cases, for every run of the tests."""
    return [case for at, case in enumerate(covering()) if at % 4 == 0]
