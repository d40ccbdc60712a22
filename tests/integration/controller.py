"""A controller for tests: a folder of its own in which the real ``ansible-playbook`` is run against a lab."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integration.warned import unanswered
from lab.client import LabProcess

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TIME_LIMIT = 300.0
"""Seconds after which a playbook is taken for hung; the longest takes a tenth of it."""


@dataclass(frozen=True)
class Run:
    """How one ``ansible-playbook`` ended."""

    rc: int
    output: str
    """Standard output and error, in the order in which they came."""
    results: Sequence[Mapping[str, Any]]
    """What every task answered: host, task, action, status, result."""
    recap: Mapping[str, Mapping[str, int]]
    reports: Path
    """The folder of reports; each run has its own in it."""

    @property
    def changed(self) -> int:
        """The sum of the recap's changed=N."""
        return sum(of["changed"] for of in self.recap.values())

    @property
    def report(self) -> Mapping[str, Any]:
        """The report of the newest run in the folder of reports."""
        return json.loads((self.report_folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    @property
    def report_folder(self) -> Path:
        """Where that report is. Run ids begin with the time; the folder's own time decides within a second."""
        found = sorted(self.reports.glob("*/report.json"), key=lambda path: path.stat().st_mtime_ns)
        assert found, f"no report was written in {self.reports}\n{self.output[-3000:]}"
        return found[-1].parent

    @property
    def verdict(self) -> str:
        """The verdict that the report tells."""
        return str(self.report["verdict"]["verdict"])

    def of(self, action: str, host: str | None = None, **arguments: Any) -> list[Mapping[str, Any]]:
        """Results of the tasks of one action, such as ``rollout_array``, by host and by values in the result."""
        return [
            row
            for row in self.results
            if row["action"].split(".")[-1] == action
            and host in (None, row["host"])
            and all(row["result"].get(k) == v for k, v in arguments.items())
        ]

    @property
    def failures(self) -> str:
        """The messages of all failed tasks, for assertions on what a user reads."""
        bad = [row["result"] for row in self.results if row["status"] in ("failed", "unreachable")]
        return "\n".join(str(result.get("msg", "")) for result in bad)

    def succeeded(self) -> Run:
        """Itself, if the exit code is 0."""
        assert self.rc == 0, f"exit code {self.rc}, expected 0\n{self.failures}\n----\n{self.output[-6000:]}"
        return self

    def failed(self, *texts: str) -> Run:
        """Itself, if the exit code is not 0 and the user was told all of ``texts``."""
        assert self.rc != 0, f"exit code 0, expected a failure\n{self.output[-6000:]}"
        for text in texts:
            assert text in self.output, f"expected {text!r} in the output\n{self.output[-6000:]}"
        return self


@dataclass
class Controller:
    """``ansible-playbook`` as a user runs it, with the external bundle of the lab's vendor unless told otherwise."""

    folder: Path
    lab: LabProcess
    connection: str | None = None
    """One of the lab's connection flavours; None: that of its ``inventory.yml``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    warned: Sequence[str] = ()
    """Parts of the warnings of Ansible that a run is expected to print; any other fails the test."""
    _numbers: Any = field(default_factory=lambda: itertools.count(1), repr=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def vendor(self) -> Path:
        """The vendor's deliveries."""
        return self.lab.directory / "vendor"

    @property
    def password(self) -> str:
        """The password of the deliveries."""
        return (self.vendor / "password.txt").read_text(encoding="ascii").strip()

    @property
    def reports(self) -> Path:
        """Where reports go."""
        return self.folder / "reports"

    def bundle(self, name: str = "complete.zip", key: str | None = "external.key.pem", **more: Any) -> dict[str, Any]:
        """One bundle of the vendor's folder; without ``key`` it is in the file itself."""
        found = {"path": str(self.vendor / name), "password": self.password, **more}
        return found | ({"key_path": str(self.vendor / key)} if key else {})

    def variables(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of a run; None takes a default away."""
        usual = {
            "rollout_bundles": {"external": self.bundle()},
            "rollout_report_dir": str(self.reports),
            "rollout_drain_poll_seconds": 0.05,
            "rollout_probe_timeout": 5,
        }
        return {name: value for name, value in {**usual, **given}.items() if value is not None}

    def begin(
        self, playbook: str, *arguments: str, variables: Mapping[str, Any] | None = None, inventory: Path | None = None
    ) -> Playbook:
        """Start a playbook as a process group of its own and return at once."""
        number = next(self._numbers)
        file = self.folder / f"vars-{number}.yml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(self.variables(variables or {})), encoding="utf-8")
        name = f"inventory-{self.connection}.yml" if self.connection else "inventory.yml"
        results = self.folder / f"results-{number}.jsonl"
        command = [
            # What is started behind an "&" ignores Ctrl-C, and so does all that it starts.
            *("env", "--default-signal=INT"),
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(inventory or self.lab.directory / name)),
            playbook if playbook.endswith(".yml") else f"ucops.certificates.{playbook}",
            *("-e", f"@{file}"),
            *arguments,
        ]
        return self._start(command, number, results)

    def pasted(self, line: str) -> Playbook:
        """Start a line as a user pastes it into the shell, and return at once."""
        number = next(self._numbers)
        return self._start(["bash", "-c", f"exec {line}"], number, self.folder / f"results-{number}.jsonl")

    def paste(self, line: str) -> Run:
        """Run a line as a user pastes it, to its end."""
        with self.pasted(line) as running:
            return running.end()

    def _start(self, command: Sequence[str], number: int, results: Path) -> Playbook:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTEST_"))},
            "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "ucops_results",
            "ANSIBLE_NOCOLOR": "1",
            "UCOPS_RESULTS": str(results),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PWD": str(self.folder),
            **self.environment,
        }
        output = self.folder / f"output-{number}.txt"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Playbook(process, output, results, self.reports, self.warned)

    def play(
        self, playbook: str, *arguments: str, variables: Mapping[str, Any] | None = None, inventory: Path | None = None
    ) -> Run:
        """Run a playbook of the collection, or a file, to its end."""
        with self.begin(playbook, *arguments, variables=variables, inventory=inventory) as running:
            return running.end()

    def renew(self, *arguments: str, **variables: Any) -> Run:
        """``renew_edge_pool`` with these variables."""
        return self.play("renew_edge_pool", *arguments, variables=variables)

    def renew_exchange(self, *arguments: str, **variables: Any) -> Run:
        """``renew_exchange`` with these variables, and the vendor's complete bundle unless told otherwise."""
        usual = {"rollout_bundles": {"external": self.bundle(key="mail.key.pem")}}
        return self.play("renew_exchange", *arguments, variables={**usual, **variables})

    def settle(self, *arguments: str, **variables: Any) -> Run:
        """``settle`` with these variables; it takes no bundle."""
        return self.play("settle", *arguments, variables={"rollout_bundles": None, **variables})

    def rollback(self, *arguments: str, **variables: Any) -> Run:
        """``rollback`` with these variables; it takes no bundle."""
        return self.play("rollback", *arguments, variables={"rollout_bundles": None, **variables})


@dataclass
class Playbook:
    """A playbook under way."""

    process: subprocess.Popen[bytes]
    output: Path
    results: Path
    reports: Path
    warned: Sequence[str] = ()

    def __enter__(self) -> Playbook:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """SIGKILL for the whole process group: the controller dies."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT for the whole process group, as a terminal sends it; returns when the playbook has ended."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(TIME_LIMIT)

    def workers(self) -> list[int]:
        """The processes that it has started; they lead sessions of their own and outlive it for a while."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except (OSError, ValueError):
                continue
            if entry.name.isdigit() and int(fields[1]) == self.process.pid and fields[0] != "Z":
                found.append(int(entry.name))
        return found

    def power_off(self) -> None:
        """The controller's machine goes dark: SIGKILL for the workers, too; returns when none is left."""
        workers = self.workers()
        self.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(alive(pid) for pid in workers):
            os.sched_yield()

    def text(self) -> str:
        """What it said so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Ask until ``holds``; asking is what takes the time. Fails when the playbook ended before that."""
        while not holds():
            assert self.process.poll() is None, f"the playbook ended before {what}\n{self.text()[-4000:]}"

    def end(self) -> Run:
        """Wait for its end."""
        try:
            rc = self.process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end within {TIME_LIMIT:g} s\n{self.text()[-4000:]}") from None
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.results.exists() else []
        rows = [json.loads(line) for line in lines]
        recap = next((row["recap"] for row in rows if "recap" in row), {})
        rows = [row for row in rows if "recap" not in row]
        stray = unanswered(self.text(), rows, self.warned)
        assert not stray, f"Ansible warned of what nobody meant: {stray}\n{self.text()[-4000:]}"
        return Run(rc, self.text(), rows, recap, self.reports)


def alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
