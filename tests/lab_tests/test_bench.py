"""The measurements measure what they say: the floor reads what a verification reads, and what cannot be had is said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import by_hand, stand_ins, verification
from bench.measure import Broken
from lab.client import LabProcess
from lab.interfaces import Result
from lab.member.wrapper import Module


def test_the_floor_is_the_same_reading() -> None:
    """The same command, as many requests, as many bytes; and every port, with and without a name."""
    found = verification.measure(1, [2])["rows"]["2"]
    assert found["ports"] == 28
    for name in ("floor", "judged"):
        for counted in ("commands", "requests"):
            assert found[name][counted] == found["verify"][counted]
        for counted in ("bytes_up", "bytes_down"):
            assert found[name][counted] == pytest.approx(found["verify"][counted], rel=0.01)


def test_without_ansible_windows_the_part_is_skipped_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        assert "ansible==12.3.0" in command
        return subprocess.CompletedProcess(command, 1, "", "ERROR: one\nERROR: No matching distribution found\n")

    monkeypatch.setattr(by_hand, "BUILD", tmp_path)
    monkeypatch.setattr(by_hand.subprocess, "run", offline)
    monkeypatch.setattr(bench, "machine", lambda: {"load": 0})
    assert bench.main(["--parts", "playbooks", "--small", "--json", str(tmp_path / "x.json")]) == 0
    said = capsys.readouterr().out
    assert "playbooks: skipped. ansible.windows cannot be had: pip download ansible==12.3.0" in said
    assert said.rstrip().endswith("ERROR: No matching distribution found")
    assert not (tmp_path / "x.json").exists()


def test_parts_are_kept_beside_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    for size in ("5", "7"):
        assert bench.main(["--parts", "chains", "--small", "--chains", size, "--json", str(file)]) == 0
        file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "other": {}}), encoding="utf-8")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert sorted(found) == ["chains", "other"] and list(found["chains"]["rows"]) == ["7"]
    assert "\n| 7   " in capsys.readouterr().out


def test_what_was_measured_is_kept_when_the_next_size_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cost = {"cpu": 1.0}
    row = {"ports": 7, "memory": 70.0, "verify": cost, "floor": cost, "judged": cost}

    def one_size(_folder: Path, labs: list[LabProcess], _rounds: int) -> dict[str, Any]:
        if len(labs) > 1:
            raise Broken("it broke")
        return row

    monkeypatch.setattr(verification, "pools", lambda _stack, members: [None] * members)
    monkeypatch.setattr(verification, "one_size", one_size)
    file = tmp_path / "figures.json"
    assert bench.main(["--parts", "verify", "--verify", "1", "2", "--json", str(file)]) == 1
    assert "not all of it was measured. 2 members: it broke" in capsys.readouterr().out
    assert list(json.loads(file.read_text(encoding="utf-8"))["verify"]["rows"]) == ["1"]


@pytest.mark.parametrize("given", [["--verify", "0"], ["--rounds", "x"], ["--parts", "all"], ["--renewal", "5", "201"]])
def test_what_cannot_be_measured_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.arguments(given)
    assert given[0] in capsys.readouterr().err


def test_a_stand_in_invents_no_answer() -> None:
    def asked(name: str, **arguments: Any) -> Result:
        return stand_ins.of_module(Module(name, "", arguments, False))

    assert json.loads(asked("ansible.windows.win_file").stdout)["changed"]
    assert asked("ansible.windows.win_reboot").rc == 1
    assert stand_ins.of_helper("winrm_fetch_file.ps1", b"").rc == 1
