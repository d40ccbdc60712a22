"""Runs the real ansible-playbook and shows what a user is meant to read of it, while it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".build" / "collections"

_REPORT = re.compile(r"^TASK \[.*[Ww]rite the report")
_END_OF_TASK = re.compile(r"^(ok|changed|skipping|fatal|included|TASK|PLAY|\[ERROR\])\b")
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


@dataclass(frozen=True)
class Run:
    """One run as it ended."""

    command: str
    output: str
    """Everything that ansible-playbook said."""
    shown: str
    """What of it the story showed."""
    code: int
    recap: dict[str, tuple[int, int, int]]
    """Host -> changed, unreachable, failed."""

    report: Path | None
    """The folder of its report; None when it wrote none."""

    @property
    def changed(self) -> int:
        """Sum over all hosts."""
        return sum(counts[0] for counts in self.recap.values())


def environment(folder: Path) -> dict[str, str]:
    """What Ansible's programs are started with, in ``folder``."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".build" / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",  # ansible-playbook does not start without UTF-8
        "PYTHONIOENCODING": "utf-8",
        "PWD": str(folder),
    }


_runs: list[Run] = []


def last() -> Run | None:
    """The newest run of this process."""
    return _runs[-1] if _runs else None


def run(folder: Path, arguments: Sequence[str], reports: Path, show: Callable[[str], None]) -> Run:
    """Runs ``ansible-playbook`` with ``arguments`` in ``folder`` and hands the lines to show to ``show`` as they come.

    ``reports``: the folder below which the run writes its report.
    """
    earlier = set(reports.glob("*/report.json"))
    program = Path(sys.executable).with_name("ansible-playbook")
    output, shown, reporting = [], [], False
    with subprocess.Popen(
        [str(program), *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            line = line.rstrip("\n")
            if reporting and _END_OF_TASK.match(line):
                reporting = False
            if reporting or line.startswith("  | "):
                shown.append(line)
                show(line)
            reporting = reporting or bool(_REPORT.match(line))
    text = "".join(output)
    recap = {m[1]: (int(m[2]), int(m[3]), int(m[4])) for m in map(_RECAP.match, text.splitlines()) if m}
    new = sorted(set(reports.glob("*/report.json")) - earlier)
    command = " ".join(["ansible-playbook", *arguments])
    done = Run(command, text, "\n".join(shown), process.returncode, recap, new[-1].parent if new else None)
    _runs.append(done)
    return done
