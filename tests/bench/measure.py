"""What all measurements share: a program with what it cost, labs with what they counted, and the machine's own state.

CPU is user and system time of a program and of all its children that it waited for; wall-clock time is noted, but says
little on a machine that others use and that plays the members as well.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from demo.playbook import COLLECTIONS, ROOT, environment

from lab.client import LabProcess

BUILD = ROOT / ".build" / "bench"
FLAVOUR = "winrm-basic-https"
COUNTED = ("commands", "requests", "bytes_up", "bytes_down")


class Broken(Exception):
    """What was to be measured did not work; the text says how it ended."""


@dataclass(frozen=True)
class Cost:
    """One run of a program."""

    cpu: float
    """Seconds of user and system time, children included."""
    wall: float
    memory: float
    """MiB of the largest process; where that is less than this process has, Linux tells this one's."""
    said: str


def program(folder: Path, command: Sequence[str], more: Mapping[str, str] | None = None) -> Cost:
    """Run a program in ``folder`` to its end. Raises Broken when it did not end well."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment(folder), **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if process.returncode:
        raise Broken(f"{' '.join(command)} ended with {process.returncode}:\n{said[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, said)


def python(folder: Path, file: str, *arguments: str) -> Cost:
    """Run one of these measurements' own programs, which may import the collection."""
    path = os.pathsep.join([str(COLLECTIONS), str(ROOT / "tests")])
    return program(folder, [sys.executable, str(ROOT / "tests" / "bench" / file), *arguments], {"PYTHONPATH": path})


def playbook(
    folder: Path,
    inventory: Path,
    name: str,
    variables: Mapping[str, Any],
    *arguments: str,
    collections: Path | None = None,
) -> Cost:
    """Run a playbook with forks for every member that these measurements have at once."""
    file = folder / "variables.yml"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(dict(variables)), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), name, "-e", f"@{file}"]
    more = {"ANSIBLE_COLLECTIONS_PATH": f"{collections}{os.pathsep}{COLLECTIONS}"} if collections else {}
    return program(folder, [*command, "--forks", "20", *arguments], more)


def bundle(lab: LabProcess, key: str) -> dict[str, Any]:
    """The vendor's delivery of a lab, as the option of a rollout."""
    vendor = lab.directory / "vendor"
    password = (vendor / "password.txt").read_text(encoding="ascii").strip()
    return {"external": {"path": str(vendor / "complete.zip"), "key_path": str(vendor / key), "password": password}}


def renewal(lab: LabProcess, folder: Path, key: str = "external.key.pem", **more: Any) -> dict[str, Any]:
    """Variables of a renewal. Calls have ended on the lab's members, so nobody waits for them."""
    usual = {"rollout_report_dir": str(folder / "reports"), "rollout_drain_poll_seconds": 0.05}
    return {"rollout_bundles": bundle(lab, key), **usual, **more}


def counted(labs: Iterable[LabProcess]) -> dict[str, float]:
    """What the labs counted since their start or the last reset, a member, and back to zero."""
    rows = []
    for lab in labs:
        rows += list(lab.counts().values())
        lab.reset_counts()
    return {name: round(sum(row[name] for row in rows) / len(rows), 1) for name in COUNTED}


def median(costs: Sequence[Cost]) -> dict[str, float]:
    """Medians over the rounds, and how far CPU was apart."""
    cpu = [cost.cpu for cost in costs]
    return {
        "cpu": round(statistics.median(cpu), 3),
        "cpu_least": round(min(cpu), 3),
        "cpu_most": round(max(cpu), 3),
        "wall": round(statistics.median(cost.wall for cost in costs), 3),
    }


def alternating(rounds: int, ways: Mapping[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
    """Each way once, then each again: what else the machine does meets all of them."""
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            found[name].append(run())
    return found


def here(run: Callable[[], object]) -> Cost:
    """What something costs within this process; what others left to be collected is collected before."""
    gc.collect()
    gc.disable()
    try:
        began, wall = time.process_time(), time.monotonic()
        run()
        return Cost(time.process_time() - began, time.monotonic() - wall, 0, "")
    finally:
        gc.enable()


def tell(text: str) -> None:
    """Say how far it is, beside the table that comes at the end."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def folder_of(part: str) -> Any:
    """A folder for one part's files, gone at the end."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{part}-", dir=BUILD) as name:
        yield Path(name)


def machine() -> dict[str, Any]:
    """What it was measured on, and when."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    said = subprocess.run(
        [str(Path(sys.executable).with_name("ansible")), "--version"],
        **{"env": environment(ROOT), "capture_output": True, "text": True, "check": False},  # type: ignore[call-overload]
    ).stdout
    return {
        "on": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "processors": os.cpu_count(),
        "model": model or platform.machine(),
        "python": platform.python_version(),
        "ansible": said.partition("]")[0].rpartition(" ")[2],
        "load": round(os.getloadavg()[0], 1),
    }


def keep(file: Path, part: str, found: Mapping[str, Any]) -> None:
    """Put one part's figures into the file, beside those of the other parts."""
    whole = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    whole[part] = dict(found)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
