"""`make bench`, which is `python -m bench`: what the collection costs here, beside other ways to the same end.

Parts are measured one after the other, and what is compared within a part in turn. Nothing is asserted about time. The
figures go into a JSON file as soon as a part is done, beside those of other parts that were measured before, and to the
screen as tables; `python tests/bench/page.py` makes a section of docs/performance.md of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import by_hand, chains, ports, renewals, tables, verification
from bench.measure import BUILD, Broken, keep, machine

PARTS = ("playbooks", "verify", "renewal", "ports", "chains")
RESULT = BUILD / "measured.json"
SMALL: dict[str, Any] = {
    "rounds": 1, "members": 2, "verify": [3], "renewal": [2], "ports": 50, "chains": [100], "parts": list(PARTS)
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "rounds": 3, "members": 3, "verify": [10, 50, 100, 200], "renewal": [5, 10, 20, 40], "ports": 500,
    "chains": [100, 1000, 5000, 10000], "parts": list(PARTS),
}  # fmt: skip


def arguments(given: list[str]) -> argparse.Namespace:
    """The command line; what is left out is that of the whole measurement, or of the small one. Exits on nonsense."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...", description="What the collection costs, measured here."
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="measure these only")
    parser.add_argument("--small", action="store_true", help="sizes that take a minute or two, one round")
    parser.add_argument("--rounds", type=positive, help="how often each is measured; medians are shown")
    parser.add_argument("--members", type=positive, help="playbooks: members of the pool and of the array")
    parser.add_argument("--verify", nargs="+", type=positive, metavar="N", help="verify: numbers of members")
    parser.add_argument(
        "--renewal", nargs="+", type=positive, metavar="N", help="renewal: members of the pool, up to 200"
    )
    parser.add_argument("--ports", type=positive, help="ports: how many, one in 25 of them silent")
    parser.add_argument("--chains", nargs="+", type=positive, metavar="N", help="chains: certificates in the pool")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the figures go")
    found = parser.parse_args(given)
    for name, value in (SMALL if found.small else WHOLE).items():
        if getattr(found, name) is None:
            setattr(found, name, value)
    for name in ("members", "renewal"):
        sizes = getattr(found, name)
        if max(sizes if isinstance(sizes, list) else [sizes]) > 200:
            parser.error(f"--{name}: the lab takes 200 members a pool")
    return found


def positive(text: str) -> int:
    """A number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {text!r}")
    return int(text)


def main(given: list[str]) -> int:
    """Measure, keep, show."""
    asked = arguments(given)
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "playbooks": lambda: by_hand.measure(asked.rounds, asked.members),
        "verify": lambda: verification.measure(asked.rounds, asked.verify),
        "renewal": lambda: renewals.measure(asked.rounds, asked.renewal),
        "ports": lambda: ports.measure(asked.rounds, asked.ports),
        "chains": lambda: chains.measure(asked.rounds, asked.chains),
    }
    print(f"figures go to {os.path.relpath(asked.json)}", file=sys.stderr)
    code = 0
    for part in (part for part in PARTS if part in asked.parts):  # chains, which makes this process large, is the last
        before = machine()
        try:
            found = runs[part]()
        except by_hand.Missing as missing:
            print(f"\n{part}: skipped. {missing}", flush=True)
            continue
        except Broken as broken:
            print(f"\n{part}: not measured. {broken}", flush=True)
            code = 1
            continue
        if "broken" in found:
            print(f"\n{part}: not all of it was measured. {found.pop('broken')}", flush=True)
            code = 1
        found |= {"machine": before, "load_after": machine()["load"]}
        keep(asked.json, part, found)
        print(f"\n{tables.shown(part, json.loads(asked.json.read_text(encoding='utf-8'))[part])}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
