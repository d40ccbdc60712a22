"""Run the steps of `make test`, and say at the end what ran, how long it took and what failed.

Each step is a make target of its own. The tests run one after the other and are seen as they run; what uses one
processor only and touches nothing of theirs runs beside them, and its output is shown behind theirs. After the first
step that fails no further one begins. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Step:
    """One make target."""

    target: str
    what: str  # for the summary
    missing: Callable[[], str | None] = lambda: None  # why the step is skipped here, if it is
    beside: bool = False  # runs beside the tests, on a copy of the checkout


def no_powershell() -> str | None:
    """Return why the tests in PowerShell cannot run, or None."""
    sys.path.insert(0, str(ROOT / "tests"))
    from lab.pwsh.worker import find_pwsh

    return None if find_pwsh() else "there is no pwsh on the PATH"


STEPS = (
    Step("lint", "ruff, mypy, changelog fragments"),
    Step("ansible-units", "ansible-test units: the pure core, and the rules of this repository"),
    Step("lab-test", "the real clients and openssl against the lab"),
    Step("integration", "the playbooks on the lab"),
    Step("pwsh", "the script that crosses WinRM, under PowerShell 7", missing=no_powershell),
    Step("ansible-lint", "profile production", beside=True),
    Step("build", "the archive builds, installs, documents itself, and galaxy-importer takes it", beside=True),
    Step("sanity", "ansible-test sanity", beside=True),
    Step("molecule", "a lab, a renewal, the instant of the roll, the same again", beside=True),
)


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    step: Step
    state: str  # "passed", "failed", "skipped" or "not run"
    seconds: float = 0.0
    note: str = ""

    def line(self) -> str:
        """Return the step's line of the summary."""
        took = f"{self.seconds:.0f} s" if self.state in ("passed", "failed") else ""
        return f"  {self.state:8} {self.step.target:13} {took:>6}  {self.note or self.step.what}"


def run(step: Step, output: int | None = None) -> Outcome:
    """Run one step; its output goes to a file, or is passed through."""
    reason = step.missing()
    if reason:
        print(f"skipped: {step.target}: {reason}", flush=True)
        return Outcome(step, "skipped", note=reason)
    # Called from make: this make must not look for the other one's job server.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    started = time.monotonic()
    make = ["make", "--no-print-directory", step.target]
    error = None if output is None else subprocess.STDOUT
    done = subprocess.run(
        make, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=error, check=False
    )
    return Outcome(step, "failed" if done.returncode else "passed", time.monotonic() - started)


def run_lane(steps: Sequence[Step], outcomes: list[Outcome], one: Callable[[Step], Outcome]) -> None:
    """Run steps one after the other until one has failed, here or in the other lane."""
    for step in steps:
        failed = any(outcome.state == "failed" for outcome in outcomes)
        outcomes.append(Outcome(step, "not run") if failed else one(step))


def run_all(steps: Sequence[Step]) -> list[Outcome]:
    """Run the steps in their two lanes; what became of each, in the order of the steps."""
    outcomes: list[Outcome] = []
    kept: list[tuple[Step, str]] = []

    def seen(step: Step) -> Outcome:
        print(f"\n=== {step.target}: {step.what}", flush=True)
        return run(step)

    def quiet(step: Step) -> Outcome:
        with tempfile.TemporaryFile() as stream:
            outcome = run(step, stream.fileno())
            stream.seek(0)
            kept.append((step, stream.read().decode("utf-8", "replace")))
        return outcome

    beside = [step for step in steps if step.beside]
    if beside:
        print(f"Beside the tests, shown behind them: {', '.join(step.target for step in beside)}", flush=True)
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(run_lane, beside, outcomes, quiet)
        run_lane([step for step in steps if not step.beside], outcomes, seen)
        waiting.result()
    for step, text in kept:
        print(f"\n=== {step.target}: {step.what}\n{text}", flush=True)
    return sorted(outcomes, key=lambda outcome: steps.index(outcome.step))


def summary(outcomes: list[Outcome], seconds: float) -> str:
    """Return the summary; its last line counts the steps."""
    count = {state: sum(outcome.state == state for outcome in outcomes) for state in ("passed", "failed", "skipped")}
    lines = ["", f"What ran, in {seconds:.0f} s:", *(outcome.line() for outcome in outcomes)]
    for target in (outcome.step.target for outcome in outcomes if outcome.state == "failed"):
        lines += ["", f"{target} failed; see above. To run it alone: make {target}"]
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    return "\n".join([*lines, "", f"{count['passed']} passed, {count['failed']} failed{skipped}"])


def main(wanted: list[str]) -> int:
    """Run the steps named, or all."""
    known = [step.target for step in STEPS]
    unknown = [target for target in wanted if target not in known]
    if unknown:
        raise SystemExit(f"No such step: {', '.join(unknown)}. There are: {', '.join(known)}.")
    steps = [step for step in STEPS if not wanted or step.target in wanted]
    started = time.monotonic()
    outcomes = run_all(steps)
    print(summary(outcomes, time.monotonic() - started), flush=True)
    return int(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
