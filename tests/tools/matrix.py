"""Run the tests under every ansible-core that is supported, with the Pythons that are here, and print README's table.

A pair of an ansible-core and a Python runs in an environment of its own, .build/matrix/CORE-PYTHON: the newest
release of that ansible-core, everything else as constraints.txt pins it. What became of a pair is kept in
.build/matrix/results.json, so that the table can be filled in several goes. A pair runs the unit tests, the lab's tests
and a sample of the integration tests (INTEGRATION); with --sample of the first two also a sample only (UNIT, LAB).
A deprecation that Python or Ansible tells of fails the test in which it comes up. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import sanity
import tree

# ansible-core -> the controller's Pythons, as the ansible-test of each says; `checked` holds the two together.
CORES: Mapping[str, tuple[str, ...]] = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
}
PYTHONS = tuple(dict.fromkeys(python for pythons in CORES.values() for python in pythons))

# Always: an Edge renewal and an Exchange renewal (check, run, unchanged run; the second is also taken back), one
# verification with and without faults, one renewal that fails and takes itself back, a module over each connection.
INTEGRATION = (
    "tests/integration/test_renew.py::test_a_renewal_from_the_first_look_to_the_unchanged_run",
    "tests/integration/test_renew_exchange.py::test_from_the_first_look_to_the_unchanged_run_and_back",
    "tests/integration/test_verify.py::test_a_healthy_pool_and_the_same_with_eight_faults",
    "tests/integration/test_failures.py::test_a_drain_that_does_not_end_takes_the_array_back",
    "tests/integration/test_modules.py::test_every_way_to_connect",
)
# With --sample: what of the unit tests touches Ansible, and one command over each of Ansible's connections.
UNIT = ("tests/unit/plugins/action", "tests/unit/plugins/filter", "tests/unit/plugins/plugin_utils/test_base.py")
LAB = ("tests/lab_tests/test_ansible_connections.py::test_requests_of_one_command",)

# The tools of `make lint` and `make molecule` want an ansible-core of their own choice, and no test needs them.
TOOLS = {"ansible-core", "ansible-lint", "antsibull-changelog", "molecule", "mypy", "ruff", "types-PyYAML", "yamllint"}
# What the ansible-core of a pair decides, not constraints.txt.
FREE = {"ansible-core", "resolvelib"}

HOME = tree.BUILD / "matrix"
RESULTS = HOME / "results.json"
NOT_SUPPORTED, NOT_HERE, NOT_RUN = "–", "not here", "not run"


@dataclass(frozen=True)
class Result:
    """What became of a pair."""

    core: str  # the release that ran, "2.16.19"
    day: str  # ISO 8601
    sample: bool  # of the unit tests and of the lab's tests only a sample
    passed: int
    failed: int
    skipped: int

    def cell(self) -> str:
        """Return the cell of the table."""
        counted = {"passed": self.passed, "failed": self.failed, "skipped": self.skipped}
        text = ", ".join(f"{count} {word}" for word, count in counted.items() if count or word == "passed")
        return f"{text} (sample)" if self.sample else text


def lines(name: str) -> list[str]:
    """Return the lines of a requirements file that name a package."""
    text = (tree.ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if re.match(r"[A-Za-z]", line)]


def package(line: str) -> str:
    """Return the package that a line of a requirements file names."""
    found = re.match(r"[A-Za-z0-9._-]+", line)
    assert found is not None, line
    return found[0]


def environment(core: str, python: sanity.Interpreter) -> Path:
    """Make the pair's environment, unless it is already as wanted, and return its interpreter."""
    folder = HOME / f"{core}-{python.version}"
    inside, stamp = folder / "bin" / "python", folder / "ucops-stamp"
    pins = [line for line in lines("constraints.txt") if package(line) not in FREE]
    wanted = [line for line in lines("requirements-dev.txt") if package(line) not in TOOLS]
    command = ["install", "-qq", "-r", "requirements.txt", *wanted, f"ansible-core~={core}.0"]
    told = "\n".join([str(folder), str(python.path), *lines("requirements.txt"), *command, *pins])
    digest = hashlib.sha256(told.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest and sanity.ask(inside, "import ansible, pytest") is not None:
        return inside
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    constraints = HOME / f"constraints-{core}-{python.version}.txt"
    constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
    subprocess.run([str(python.path), "-m", "venv", str(folder)], check=True)
    pip = [str(inside), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *command, "-c", str(constraints)], cwd=tree.ROOT, check=True)
    stamp.write_text(digest)
    return inside


def checked(core: str, python: str, inside: Path) -> str:
    """Return the release of ansible-core in an environment; SystemExit when it does not support that Python."""
    supported, dummy = sanity.constants(inside)
    if python not in supported:
        raise SystemExit(f"ansible-core {core} runs on Python {', '.join(supported)}, not on {python}: mend CORES.")
    release = sanity.ask(inside, "from ansible.release import __version__; print(__version__)")
    assert release is not None
    return release


def run(core: str, python: sanity.Interpreter, sample: bool, jobs: str) -> Result:
    """Run a pair's tests; what pytest says is seen as it runs."""
    inside = environment(core, python)
    release = checked(core, python.version, inside)
    log = HOME / f"junit-{core}-{python.version}.xml"
    log.unlink(missing_ok=True)
    what = [*(UNIT if sample else ["tests/unit"]), *(LAB if sample else ["tests/lab_tests"]), *INTEGRATION]
    command = [str(inside), "-m", "pytest", "-q", "-n", jobs, "-m", "not whole", f"--junit-xml={log}", *what]
    settings = {
        **{key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONWARNINGS")},
        "ANSIBLE_CONFIG": str(tree.ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(HOME / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(tree.BUILD / "collections"),
    }
    print(f"\n=== ansible-core {release}, Python {python.version}", flush=True)
    done = subprocess.run(command, cwd=tree.ROOT, env=settings, stdin=subprocess.DEVNULL, check=False)
    if not log.is_file():
        raise SystemExit(f"pytest ended with exit code {done.returncode} and wrote no results.")
    suites = ET.parse(log).getroot().iter("testsuite")
    counted = [
        {word: int(suite.get(word) or 0) for word in ("tests", "failures", "errors", "skipped")} for suite in suites
    ]
    total = {word: sum(suite[word] for suite in counted) for word in ("tests", "failures", "errors", "skipped")}
    # An exit code without a failed test is an error of pytest itself, an import that failed, for one.
    failed = total["failures"] + total["errors"] or int(done.returncode != 0)
    passed = max(total["tests"] - failed - total["skipped"], 0)
    return Result(release, date.today().isoformat(), sample, passed, failed, total["skipped"])


def table(results: Mapping[str, Result], here: Iterable[str]) -> str:
    """Return the table in Markdown, with its days: a row an ansible-core, a column a Python."""
    days = sorted({result.day for result in results.values()})
    said = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"
    rows = [
        f"`make matrix`, {said}:",
        "",
        "| ansible-core | " + " | ".join(f"Python {name}" for name in PYTHONS) + " |",
    ]
    rows.append("|---" * (len(PYTHONS) + 1) + "|")
    for core, supported in CORES.items():
        cells = []
        for python in PYTHONS:
            result = results.get(f"{core} {python}")
            missing = NOT_RUN if python in here else NOT_HERE
            cells.append(NOT_SUPPORTED if python not in supported else result.cell() if result else missing)
        releases = {result.core for pair, result in results.items() if pair.split()[0] == core}
        rows.append("| " + " | ".join([", ".join(sorted(releases)) or core, *cells]) + " |")
    return "\n".join(rows)


def kept() -> dict[str, Result]:
    """Return the results of earlier runs, by "CORE PYTHON"."""
    if not RESULTS.is_file():
        return {}
    return {pair: Result(**result) for pair, result in json.loads(RESULTS.read_text(encoding="utf-8")).items()}


def keep(results: Mapping[str, Result]) -> None:
    """Write the results down."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({pair: asdict(result) for pair, result in results.items()}, indent=1) + "\n")


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what is asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--core", action="append", choices=list(CORES), help="only this ansible-core; may be repeated")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this Python; may be repeated")
    parser.add_argument("--sample", action="store_true", help="of the unit and lab tests too only a sample")
    parser.add_argument("--jobs", default="2", help="how many processes pytest uses (default: 2)")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table of what ran")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run what is asked, print the table, and return 0 when nothing failed."""
    asked = options(arguments)
    tree.link()
    here = {python.version: python for python in sanity.interpreters(PYTHONS)}
    pairs = [(core, python) for core, pythons in CORES.items() for python in pythons if python in here]
    wanted = [(c, p) for c, p in pairs if c in (asked.core or CORES) and p in (asked.python or PYTHONS)]
    results, failed, times = kept(), [], []
    for core, python in () if asked.table else wanted:
        started = time.monotonic()
        results[f"{core} {python}"] = result = run(core, here[python], asked.sample, asked.jobs)
        keep(results)
        times.append(f"  {core:5} Python {python:5} {time.monotonic() - started:6.0f} s  {result.cell()}")
        failed += [f"{core} on Python {python}"] if result.failed else []
    print("\n".join(["", *times, "", table(results, here), ""]))
    if failed:
        print(f"Failed: ansible-core {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
