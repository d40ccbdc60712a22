"""Measure which branches of the collection's decisions the unit tests take, and fail where a file has too few.

The files are those of FOLDERS, the tests those of tests/unit/plugins alone: what only a playbook on the lab reaches
counts as not tested. Two figures for each file, LEAST of both is asked for: the branches, and coverage.py's own figure
of lines and branches together. The data lies in .build/coverage; pyproject.toml holds the settings ([tool.coverage]).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".build" / "coverage"
FOLDERS = tuple(f"plugins/plugin_utils/{name}" for name in ("products", "member", "array"))
TESTS = "tests/unit/plugins"
LEAST = 90.0
"""Per cent."""


@dataclass(frozen=True)
class Measured:
    """What the tests reach of one file."""

    name: str
    branches: float
    """Per cent; 100 where there is none."""
    both: float
    """Lines and branches together, per cent."""
    missing: tuple[str, ...]
    """Branches not taken, ``line -> line`` (a negative line is the end of what begins there), and lines not run."""

    @property
    def short(self) -> bool:
        """Whether it has too few."""
        return min(self.branches, self.both) < LEAST

    def line(self) -> str:
        """Its row for people."""
        missing = f"  missing: {', '.join(self.missing)}" if self.missing else ""
        return f"  {self.branches:5.1f} {self.both:5.1f}  {self.name}{missing}"


def measured(report: Mapping[str, Any]) -> tuple[Measured, ...]:
    """What a JSON report of coverage.py says of each file that holds code, the worst first."""
    found = []
    for name, file in report["files"].items():
        summary = file["summary"]
        if summary["num_statements"]:
            branches = summary["num_branches"]
            reached = 100.0 * summary["covered_branches"] / branches if branches else 100.0
            gone = set(file["missing_lines"])
            missing = [f"{a} -> {b}" for a, b in file["missing_branches"] if a not in gone]
            missing += [str(line) for line in sorted(gone)]
            found.append(Measured(name, reached, summary["percent_covered"], tuple(missing)))
    return tuple(sorted(found, key=lambda one: (min(one.branches, one.both), one.name)))


def absent(found: tuple[Measured, ...]) -> tuple[str, ...]:
    """Files with code that the report does not speak of: nothing measured them, so nothing may be said of them."""
    names = {one.name for one in found}
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if path.stat().st_size)
    code = (path.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py")
    return tuple(name for name in code if name not in names)


def main() -> int:
    """Run the tests under coverage.py, print the figures, return 1 where a file is short."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", default="2", help="how many processes pytest uses (default: 2)")
    jobs = parser.parse_args().jobs
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    coverage = [sys.executable, "-m", "coverage"]
    tests = ["-m", "pytest", "-q", "-n", jobs, "-p", "no:cacheprovider", TESTS]
    if subprocess.run([*coverage, "run", *tests], cwd=ROOT, check=False).returncode:
        print("The tests fail, so nothing is said about what they reach.", file=sys.stderr)
        return 1
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, check=True)
    report = DATA / "report.json"
    subprocess.run([*coverage, "json", "-q", "-o", str(report)], cwd=ROOT, check=True)
    found = measured(json.loads(report.read_text(encoding="utf-8")))
    unseen, short = absent(found), [one for one in found if one.short]
    print("Branches, then lines and branches, in per cent:")
    print("\n".join(one.line() for one in found))
    for name in unseen:
        print(f"{name}: nothing was measured; is it imported from another place?", file=sys.stderr)
    for one in short:
        print(f"{one.name}: expected {LEAST:.0f} %, found {min(one.branches, one.both):.1f} %", file=sys.stderr)
    print(f"{len(found)} files measured, {len(short)} below {LEAST:.0f} %")
    return int(bool(short or unseen))


if __name__ == "__main__":
    sys.exit(main())
