"""The collection as a user has it: built into an archive, installed from that, and run from there."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.conftest import Start
from integration.controller import CHECKOUT, Controller

PLAYBOOKS = sorted(path.stem for path in (CHECKOUT / "playbooks").glob("*.yml"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections with this one, from its archive."""
    folder = tmp_path_factory.mktemp("installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CHECKOUT / "tests" / "tools"))
        patch.setenv("ANSIBLE_HOME", str(folder / "ansible"))
        tree = importlib.import_module("tree")
        tree.copy_files(folder / "checkout")
        tree.install(tree.archive(folder / "checkout", folder / "dist"), folder / "collections")
    return folder / "collections"


def run(installed: Path, program: str, *arguments: str) -> str:
    """Run one of Ansible's programs, which knows no other folder of collections; its standard output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_HOME": str(installed.parent / "ansible"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "ansible.cfg"),
    }
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr and "DEPRECAT" not in done.stderr, done.stderr
    return done.stdout


def test_its_documentation_is_read_from_there(installed: Path) -> None:
    listed = json.loads(run(installed, "ansible-doc", "--json", "-t", "module", "--list", "ucops.certificates"))
    stems = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.*")}
    assert set(listed) == {f"ucops.certificates.{stem}" for stem in stems}
    told = json.loads(run(installed, "ansible-doc", "--json", "ucops.certificates.store"))
    assert told["ucops.certificates.store"]["doc"]["filename"].startswith(str(installed))


def test_its_playbooks_are_found(installed: Path) -> None:
    names = [f"ucops.certificates.{playbook}" for playbook in PLAYBOOKS]
    said = run(installed, "ansible-playbook", "-i", "localhost,", "--syntax-check", *names)
    found = [line for line in said.splitlines() if line.startswith("playbook: ")]
    assert found == [
        f"playbook: {installed}/ansible_collections/ucops/certificates/playbooks/{playbook}.yml"
        for playbook in PLAYBOOKS
    ]


def test_a_pool_is_verified_from_there(installed: Path, start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=2)
    controller = Controller(tmp_path / "controller", lab, environment={"ANSIBLE_COLLECTIONS_PATH": str(installed)})
    given = {"rollout_bundles": None, "verify_report_dir": str(controller.reports), "verify_warn_days": 14}
    verified = controller.play("verify", "-vv", variables=given).succeeded()
    assert verified.verdict == "alike"
    assert f"task path: {installed}" in verified.output
    assert f"task path: {CHECKOUT}" not in verified.output
