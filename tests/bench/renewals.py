"""(renewal) A renewal of an Edge pool as it grows: the first one, and the same again, which finds nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import FLAVOUR, Cost, counted, folder_of, median, playbook, renewal, tell
from lab.client import LabProcess

CASES = ("first", "again")


def measure(rounds: int, sizes: Sequence[int]) -> dict[str, Any]:
    """Each size once, then each again; every renewal begins with a new lab."""
    costs: dict[int, dict[str, list[Cost]]] = {members: {case: [] for case in CASES} for members in sizes}
    counts: dict[int, dict[str, dict[str, float]]] = {members: {} for members in sizes}
    with folder_of("renewal") as folder:
        for number in range(rounds):
            for members in sizes:
                tell(f"renewal: {members} members, round {number + 1} of {rounds}")
                one_round(folder, members, costs[members], counts[members])
    rows = {
        str(members): {case: {**median(costs[members][case]), **counts[members][case]} for case in CASES}
        for members in sizes
    }
    return {"rows": rows, "rounds": rounds}


def one_round(folder: Path, members: int, costs: dict[str, list[Cost]], counts: dict[str, dict[str, float]]) -> None:
    """A pool renewed twice."""
    with LabProcess(settings={"members": str(members)}, connection=FLAVOUR) as lab:
        given = renewal(lab, folder)
        for case in CASES:
            costs[case].append(playbook(folder, lab.inventory, "ucops.certificates.renew_edge_pool", given))
            counts[case] = counted([lab])
