"""What docs/lab.md says of other modules: the lab refuses them, and says so itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import LabProcess

MODULE = """#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
$module = [Ansible.Basic.AnsibleModule]::Create($args, @{ options = @{ } })
$module.Result.said = 'hello'
$module.ExitJson()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with LabProcess(settings={"members": "1"}) as running:
        yield running


@pytest.mark.parametrize("flavour", ["winrm-ntlm-http", "psrp-ntlm-http"])
def test_a_module_of_another_name_is_refused_in_words(lab: LabProcess, flavour: str, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "win_hello.ps1").write_text(MODULE, encoding="ascii")
    play = [{"hosts": "edge1", "gather_facts": False, "tasks": [{"win_hello": {}}]}]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    before = lab.state()["edge1"]["ran"]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(lab.directory / f"inventory-{flavour}.yml"), "play.yml"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_LIBRARY": str(library),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(tmp_path / "home"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "The lab's PowerShell cannot run this" in done.stdout
    assert "hello" not in done.stdout.replace("win_hello", "")
    assert lab.state()["edge1"]["ran"] == before
