"""The README, run: the first rollout it shows works on the lab as it stands there, and the demo says what it quotes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from demo import playbook
from lab.client import LabProcess

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str = "") -> str:
    """Return the first fenced block of a language that contains a text."""
    found = [body for name, body in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S) if name == language]
    return next(body for body in found if containing in body)


@pytest.mark.whole
def test_the_first_rollout_works(tmp_path: Path) -> None:
    """Every command of it, in its order, with the README's own renewal.yml; only file names are the lab's."""
    commands = [shlex.split(line) for line in block("sh").splitlines() if line.startswith("ansible-playbook")]
    with LabProcess(directory=tmp_path / "lab") as lab:
        folder = lab.directory
        renewal = yaml.safe_load(block("yaml", "rollout_bundles:"))
        renewal["rollout_bundles"]["external"] |= {"path": "vendor/complete.zip", "key_path": "vendor/external.key.pem"}
        (folder / "renewal.yml").write_text(yaml.safe_dump(renewal), encoding="utf-8")
        password = (folder / "vendor" / "password.txt").read_text(encoding="utf-8").strip()
        (folder / "vault.yml").write_text(json.dumps({"vault_key_password": password}), encoding="utf-8")
        for command in commands:
            state = lab.state()
            if command[3].endswith(".settle"):
                lab.advance(5 * 3600)
            run = playbook.run(folder, command[1:], folder / "reports", lambda line: None)
            assert run.code == 0, run.output
            if "--check" in command:
                assert [m["stores"] for m in lab.state().values()] == [m["stores"] for m in state.values()]
            if "stage,roll" in command:
                assert all(m["av_pending"] and not m["dropped"] for m in lab.state().values())
        # The last one was rollback: the rollout has ended well, and it takes nothing back.
        for member in lab.state().values():
            used = {use: member["names"][thumbprint] for use, thumbprint in member["assigned"].items()}
            assert used.pop("Internal") == "internal-old"
            assert set(used.values()) == {"external-new"}
            assert member["dropped"] == member["refused_tokens"] == member["orphan_keys"] == 0


def normal(line: str) -> str:
    """A line without what differs from run to run: times, run ids, thumbprints, blanks at its end."""
    line = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "RUN", line)
    line = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?Z?( UTC)?)?", "DATE", line)
    return re.sub(r"\b[0-9A-F]{8,}\b", "THUMBPRINT", line).rstrip()


def missing_lines(told: str) -> list[str]:
    """Return the lines of the README's demo block that the demo did not say, or not in that order."""
    said = [normal(line) for line in told.splitlines()]
    lost, position = [], 0
    for line in block("demo").splitlines():
        if line == "...":
            continue
        try:
            position = said.index(normal(line), position) + 1
        except ValueError:
            lost.append(line)
    return lost
