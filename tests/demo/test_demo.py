"""The story of `make demo` is true, can be read anywhere, and says everything when it is not true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import demo, test_readme
from demo.pool import Pool
from demo.telling import Teller

ROOT = Path(__file__).resolve().parents[2]


def test_the_story_is_true(tmp_path: Path) -> None:
    """Every claim of it is checked on the way, so exit code 0 is the test; the rest is how it can be read."""
    reports = tmp_path / "reports"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "demo" / "demo.py"), "--reports", str(reports)],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "colour, although nobody is looking"
    told = [line for line in done.stdout.splitlines() if str(tmp_path) not in line]
    assert not [line for line in told if len(line) > 100]
    for act in ("1. The vendor's zip", "2. The complete zip", "UTC passes", "4. The same run again"):
        assert act in done.stdout
    assert len(re.findall(r"^  \[true\] ", done.stdout, re.MULTILINE)) >= 20
    assert not test_readme.missing_lines(done.stdout), "the README quotes what the demo does not say"
    assert len(list(reports.glob("edge-*/report.html"))) == 4
    assert not [path for path in tmp_path.iterdir() if path != reports], "it leaves something else behind"


@pytest.mark.whole
def test_the_second_story_is_true(tmp_path: Path) -> None:
    """Of Exchange arrays, in the same way."""
    reports = tmp_path / "reports"
    command = [sys.executable, str(ROOT / "tests" / "demo" / "demo.py"), "exchange", "--reports", str(reports)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if str(tmp_path) not in line]
    assert not [line for line in told if len(line) > 100]
    assert len(re.findall(r"^  \[true\] ", done.stdout, re.MULTILINE)) >= 15
    assert len(list(reports.glob("exchange-*/report.html"))) == 4


@pytest.mark.whole
def test_the_story_of_a_verification_is_true(tmp_path: Path) -> None:
    """Eight planted faults, and exactly those are found."""
    reports = tmp_path / "reports"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "demo" / "demo.py"), "verify", "--reports", str(reports)],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [line for line in done.stdout.splitlines() if len(line) > 100 and str(tmp_path) not in line]
    assert len(re.findall(r"^  \[true\] ", done.stdout, re.MULTILINE)) == 10
    assert len(list(reports.glob("edge-*/report.html"))) == 3


def test_a_claim_that_is_not_true_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then everything that ansible-playbook said is printed, and the exit code is 1."""

    def act(tell: Teller, pool: Pool) -> None:
        pool.write_renewal("incomplete.zip")
        pool.run("renew_edge_pool", "-e @renewal.yml -e @vault.yml --tags never-a-tag", expected=77)

    def wrong(tell: Teller, reports: Path) -> None:
        demo.edge_pool(tell, reports, (act,))

    assert demo.tell_story(Teller(), tmp_path, wrong) == 1
    said = capsys.readouterr().out
    assert "This should have been true and is not: the run ends with exit code 77" in said
    assert "PLAY RECAP" in said
