"""(verify) A verification of many members against the least that one process can do with the same reading and ports."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from bench.measure import FLAVOUR, Broken, Cost, alternating, counted, folder_of, median, playbook, python, tell
from lab.client import LabProcess

POOL = 20
"""Members of one array, at most: each array is a lab of its own."""


def measure(rounds: int, sizes: list[int]) -> dict[str, Any]:
    """For each size the verification and both floors (floor.py), in turn. ``broken``: why it ended before the last."""
    rows: dict[str, Any] = {}
    for members in sizes:
        tell(f"verify: {members} members, {rounds} rounds")
        with folder_of("verify") as folder, ExitStack() as stack:
            labs = pools(stack, members)
            try:
                rows[str(members)] = one_size(folder, labs, rounds)
            except Broken as broken:
                if not rows:
                    raise
                return {"rows": rows, "rounds": rounds, "broken": f"{members} members: {broken}"}
    return {"rows": rows, "rounds": rounds}


def pools(stack: ExitStack, members: int) -> list[LabProcess]:
    """As many labs as these members need."""
    sizes = [POOL] * (members // POOL) + ([members % POOL] if members % POOL else [])
    return [stack.enter_context(LabProcess(settings={"members": str(size)}, connection=FLAVOUR)) for size in sizes]


def one_size(folder: Path, labs: list[LabProcess], rounds: int) -> dict[str, Any]:
    """One row."""
    inventory = together(labs, folder)
    given = {
        "verify_edge_arrays": [f"pool{number + 1}" for number in range(len(labs))],
        "verify_exchange_arrays": [],
        "verify_warn_days": 14,
        "verify_report_dir": str(folder / "reports"),
        "verify_textfile": str(folder / "certificates.prom"),
    }
    counts: dict[str, dict[str, float]] = {}

    def verified() -> Cost:
        counted(labs)
        cost = playbook(folder, inventory, "ucops.certificates.verify", given)
        counts["verify"] = counted(labs)
        return cost

    def floor(how: str) -> Cost:
        counted(labs)
        cost = python(folder, "floor.py", str(inventory), how)
        counts[how] = counted(labs)
        return cost

    ways = {"verify": verified, "floor": lambda: floor("floor"), "judged": lambda: floor("judged")}
    costs = alternating(rounds, ways)
    ports = {json.loads(cost.said.splitlines()[-1])["ports"] for name in ("floor", "judged") for cost in costs[name]}
    if len(ports) != 1:
        raise Broken(f"expected both floors to read the same ports, found {sorted(ports)}")
    rows = {name: {**median(found), **counts[name]} for name, found in costs.items()}
    memory = round(max(cost.memory for cost in costs["verify"]))
    return {"ports": ports.pop(), "memory": memory, **rows}


def together(labs: list[LabProcess], folder: Path) -> Path:
    """One inventory of all labs: each pool is a group of its own, and so are its hosts' names."""
    children: dict[str, Any] = {}
    roots = ""
    for number, lab in enumerate(labs, 1):
        one = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
        common = {name: value for name, value in one["vars"].items() if name.startswith("ansible_")}
        hosts = one["children"]["edge"]["hosts"]
        children[f"pool{number}"] = {"hosts": {f"p{number}-{name}": {**common, **host} for name, host in hosts.items()}}
        roots += (lab.directory / "trust" / "roots.pem").read_text(encoding="ascii")
    trust = folder / "roots.pem"
    trust.write_text(roots, encoding="ascii")
    inventory = folder / "inventory.yml"
    inventory.touch(mode=0o600)
    text = yaml.safe_dump({"all": {"vars": {"verify_trust": str(trust)}, "children": children}})
    inventory.write_text(text, encoding="utf-8")
    return inventory
