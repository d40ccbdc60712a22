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

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

from integration.controller import CHECKOUT, HERE, TIME_LIMIT
from integration.truth import lasting
from integration.warned import unanswered
from lab.client import LabProcess

READS = ("Get-", "Test-", "Find-")
Task = Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """How the tasks ended: one result a task and host, in order."""

    rc: int
    output: str
    rows: Sequence[Mapping[str, Any]]
    states: Sequence[Mapping[str, Any]] = ()
    """The lab's state after each of them."""

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
        file, results, states = (self.folder / name for name in ("play.json", "results.jsonl", "states.jsonl"))
        file.write_text(json.dumps(play), encoding="utf-8")
        secret = self.folder / "vars.json"
        secret.touch(mode=0o600)
        secret.write_text(json.dumps({"vendor_password": self.password}), encoding="utf-8")
        results.unlink(missing_ok=True)
        states.unlink(missing_ok=True)
        name = f"inventory-{self.connection}.yml" if self.connection else "inventory.yml"
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.lab.directory / name)]
        command += [f"ucops.certificates.{playbook}" if playbook else str(file), "-e", f"@{secret}", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(results, states),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        rows = [row for row in _lines(results) if "recap" not in row]
        stray = unanswered(done.stdout, rows)
        assert not stray, f"Ansible warned of what nobody meant: {stray}\n{done.stdout[-4000:]}"
        return Done(done.returncode, done.stdout, rows, _lines(states))

    def _environment(self, results: Path, states: Path) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTEST_"))},
            "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "ucops_results,ucops_states",
            "ANSIBLE_NOCOLOR": "1",
            "UCOPS_RESULTS": str(results),
            "UCOPS_STATES": str(states),
            "UCOPS_CONTROL": self.lab.control,
        }

    def state(self) -> Mapping[str, Any]:
        """The member as the lab knows it."""
        return self.lab.state()[self.member]  # type: ignore[no-any-return]

    def story(self, *tasks: Task) -> Done:
        """Each task three times: check run, run, unchanged run, with the lab's word after each.

        The check run must announce exactly what the run does, and send nothing but reads. Returns the runs.
        """
        before = self.lab.state()
        given = [{**task, "diff": True, **more} for task in tasks for more in ({"check_mode": True}, {}, {})]
        done = self.run(*given)
        assert done.rc == 0 and len(done.states) == len(given), done.output[-6000:]
        for number in range(0, len(given), 3):
            checked, ran, again = (row["result"] for row in done.rows[number : number + 3])
            after_check, after, in_the_end = done.states[number : number + 3]
            assert (checked["changed"], ran["changed"], again["changed"]) == (True, True, False), done.output[-6000:]
            assert lasting(after_check) == lasting(before), "the check run changed something"
            sent = after_check[self.member]["ran"][len(before[self.member]["ran"]) :]
            assert sent and all(name.startswith(READS) for name in sent), sent
            assert (checked["changes"], checked["diff"]) == (ran["changes"], ran["diff"]), "another was announced"
            assert all(line in done.output for line in ran["diff"]["after"].splitlines())
            assert lasting(after) != lasting(before), "it said changed, but nothing is different"
            assert lasting(in_the_end) == lasting(after), "the unchanged run changed something"
            assert not again["changes"]
            before = in_the_end
        return Done(done.rc, done.output, done.rows[1::3], done.states[1::3])

    def thumbprint(self, pfx: str = "complete.pfx") -> str:
        """The thumbprint of a delivery's certificate."""
        data = (self.vendor / pfx).read_bytes()
        leaf = pkcs12.load_pkcs12(data, self.password.encode("ascii")).cert
        assert leaf is not None
        return leaf.certificate.fingerprint(hashes.SHA1()).hex().upper()


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _full(key: str) -> str:
    """Modules of ours by their full name."""
    ours = (CHECKOUT / "plugins" / "action" / f"{key}.py").is_file()
    return f"ucops.certificates.{key}" if ours else key
