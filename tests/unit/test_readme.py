"""The README: the sections that Galaxy and certification ask for, and blocks that hold.

What its commands do is tested on the lab, in tests/demo.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = (
    "Description",
    "Requirements",
    "Installation",
    "Use Cases",
    "Testing",
    "Contributing",
    "Support",
    "Release Notes",
    "Related Information",
    "License",
)


def block(language: str, containing: str = "") -> str:
    """Return the first fenced block of a language that contains a text."""
    found = [body for name, body in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S) if name == language]
    return next(body for body in found if containing in body)


def load(path: Path) -> Any:
    """Return a file of tests/ as a module."""
    spec = importlib.util.spec_from_file_location(f"readme_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_sections_are_there_and_in_order() -> None:
    """Ansible's certification asks for them by name."""
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)


def test_it_says_what_it_was_not_tested_on() -> None:
    """Until somebody has run it on a real server, this must be in the first screen, and in the table."""
    assert "no real Windows" in README[:2600]
    assert re.search(r"PowerShell 2\.0 \| \*\*unproven\*\*", README)
    assert README.count("nothing real") >= 3


def test_the_steps_of_make_test_are_those_that_run() -> None:
    """Name and purpose of each, in the order in which they run."""
    steps = load(ROOT / "tests" / "tools" / "steps.py").STEPS
    shown = [line.split() for line in block("steps").splitlines()]
    assert [words[1] for words in shown] == [step.target for step in steps]
    for line, step in zip(block("steps").splitlines(), steps, strict=True):
        assert line.startswith("  skipped") or step.what in line


@pytest.mark.parametrize("containing", ["hosts:", "rollout_bundles:"])
def test_the_files_of_a_first_rollout_are_yaml(containing: str) -> None:
    """And their variables are documented ones."""
    data = yaml.safe_load(block("yaml", containing))
    specs = yaml.safe_load((ROOT / "roles/rollout/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specs["argument_specs"]["main"]["options"]
    if containing == "hosts:":
        endpoints = data["edge"]["hosts"]["edge1"]["rollout_endpoints"]
        assert all(set(endpoint) <= set(options["rollout_endpoints"]["options"]) for endpoint in endpoints)
    else:
        assert set(data) <= set(options)
        known = options["rollout_bundles"]["options"]["external"]["options"]
        assert set(data["rollout_bundles"]["external"]) <= set(known)


def test_the_first_rollout_is_in_the_order_of_a_real_one() -> None:
    """hostcheck, plan, stage and roll, switch, settle; rollback last."""
    commands = [shlex.split(line) for line in block("sh").splitlines() if line.startswith("ansible-playbook")]
    assert [command[3].rsplit(".", 1)[-1] for command in commands] == [
        "hostcheck",
        "renew_edge_pool",
        "renew_edge_pool",
        "renew_edge_pool",
        "settle",
        "rollback",
    ]


def test_requirements_are_those_of_the_collection() -> None:
    """ansible-core and the packages."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"] == ">=2.16.0"
    assert "ansible-core 2.16 or newer" in README
    for name in re.findall(r"^([a-z]+)>=", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE):
        assert name in README
