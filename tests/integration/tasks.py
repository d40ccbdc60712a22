"""Tasks of a test, run by the real ``ansible-playbook`` on one member of a lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.controller import CHECKOUT, HERE, TIME_LIMIT
from integration.truth import lasting
from lab.client import LabProcess

READS = ("Get-", "Test-", "Find-")
Task = Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """How the tasks ended: one result a task and host, in order."""

    rc: int
    output: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def result(self) -> Mapping[str, Any]:
        """The last result."""
        assert self.rows, self.output
        return self.rows[-1]["result"]  # type: ignore[no-any-return]

    @property
    def status(self) -> str:
        """``ok``, ``failed`` or ``unreachable``: how the last task ended."""
        return str(self.rows[-1]["status"]) if self.rows else self.output

    def ok(self, changed: bool | None = None) -> Mapping[str, Any]:
        """The last result, if all tasks went well (and changed something, or did not)."""
        assert self.rc == 0, self.output[-4000:]
        if changed is not None:
            assert self.result["changed"] is changed, self.result
        return self.result

    def failed(self, finding: str | None = None) -> Mapping[str, Any]:
        """The last result, if it is a failure (with this finding)."""
        assert self.rc != 0 and self.status == "failed", self.output[-4000:]
        if finding is not None:
            assert self.result.get("finding") == finding, self.result
        return self.result


@dataclass
class Tasks:
    """Runs tasks against a lab; each run is a playbook of its own."""

    lab: LabProcess
    folder: Path
    member: str = "edge1"
    connection: str | None = None
    """One of the lab's connection flavours; None: that of its ``inventory.yml``."""

    @property
    def vendor(self) -> Path:
        """The vendor's deliveries."""
        return self.lab.directory / "vendor"

    @property
    def password(self) -> str:
        """The password of the deliveries."""
        return (self.vendor / "password.txt").read_text(encoding="ascii").strip()

    def bundle(self, name: str = "complete.pfx", **more: Any) -> dict[str, Any]:
        """A bundle of the vendor's; the password is a variable, as in a user's playbook."""
        return {"path": str(self.vendor / name), "password": "{{ vendor_password }}", **more}

    def run(self, *tasks: Task, arguments: Sequence[str] = (), playbook: str | None = None) -> Done:
        """Run tasks, or a playbook of the collection, on the member.

        A task is ``{module: options}`` and what else belongs to a task, with the short name of a module of ours.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        named = [{_full(key): value for key, value in task.items()} for task in tasks]
        play = [{"hosts": self.member, "gather_facts": False, "tasks": named}]
        file, results = self.folder / "play.json", self.folder / "results.jsonl"
        file.write_text(json.dumps(play), encoding="utf-8")
        secret = self.folder / "vars.json"
        secret.touch(mode=0o600)
        secret.write_text(json.dumps({"vendor_password": self.password}), encoding="utf-8")
        results.unlink(missing_ok=True)
        name = f"inventory-{self.connection}.yml" if self.connection else "inventory.yml"
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.lab.directory / name)]
        command += [f"ucops.certificates.{playbook}" if playbook else str(file), "-e", f"@{secret}", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(results),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        rows = [row for row in map(json.loads, lines) if "recap" not in row]
        return Done(done.returncode, done.stdout, rows)

    def _environment(self, results: Path) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTEST_"))},
            "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "ucops_results",
            "ANSIBLE_NOCOLOR": "1",
            "UCOPS_RESULTS": str(results),
        }

    def state(self) -> Mapping[str, Any]:
        """The member as the lab knows it."""
        return self.lab.state()[self.member]  # type: ignore[no-any-return]

    def story(self, task: Task) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Check run, independent read, run, independent read, unchanged run; returns the run's result and the state.

        The check run must announce exactly what the run does and send nothing but reads.
        """
        before = self.lab.state()
        checked = self.run(task, arguments=["--check", "--diff"])
        announced = checked.ok(changed=True)
        assert lasting(self.lab.state()) == lasting(before), "the check run changed something"
        sent = self.state()["ran"][len(before[self.member]["ran"]) :]
        assert sent and all(name.startswith(READS) for name in sent), sent
        result = self.run(task, arguments=["--diff"]).ok(changed=True)
        for shown in ("changes", "diff"):
            assert announced[shown] == result[shown], f"the check run announced other {shown}"
        for line in [*result["diff"]["before"].splitlines(), *result["diff"]["after"].splitlines()]:
            assert line in checked.output
        after = self.lab.state()
        assert lasting(after) != lasting(before), "it said changed, but nothing is different"
        again = self.run(task).ok(changed=False)
        assert not again["changes"]
        assert lasting(self.lab.state()) == lasting(after), "the unchanged run changed something"
        return result, after[self.member]


def _full(key: str) -> str:
    """Modules of ours by their full name."""
    ours = (CHECKOUT / "plugins" / "action" / f"{key}.py").is_file()
    return f"ucops.certificates.{key}" if ours else key
