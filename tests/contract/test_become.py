"""With become the same script runs as a module, through Ansible's wrapper; and no key goes that way."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.tasks import Tasks
from lab.client import LabProcess
from lab.pwsh.worker import find_pwsh

from .conftest import NO_PWSH

BECOME = {
    "become": True,
    "become_method": "ansible.builtin.runas",
    "become_user": "EDGE1\\other",
    "vars": {"ansible_become_password": "canary-of-become"},
}


@pytest.fixture(params=["python", "pwsh"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "pwsh" and find_pwsh() is None:
        pytest.skip(NO_PWSH)
    return str(request.param)


@pytest.mark.parametrize("connection", ["winrm-basic-https", pytest.param("psrp-ntlm-http", marks=pytest.mark.whole)])
def test_reads_and_writes_run_as_a_module_and_keys_do_not(engine: str, connection: str, tmp_path: Path) -> None:
    with LabProcess(directory=tmp_path / "lab", engine=engine, connection=connection) as lab:
        tasks = Tasks(lab, tmp_path / "tasks")
        read = tasks.run({"edge_info": {}, **BECOME})
        read.ok(changed=False)
        assert "Get-CsCertificate" in tasks.state()["ran"]
        assert "become=true" in lab.log.read_text("utf-8").lower().replace('"', "").replace(": ", "="), "no wrapper"
        keys = tasks.state()["keys"]
        refused = tasks.run({"store": {"bundle": tasks.bundle()}, **BECOME})
        assert "without become" in refused.failed("transport.insecure")["msg"]
        assert tasks.state()["keys"] == keys and "Import-StorePfx" not in tasks.state()["ran"]
        assert "canary-of-become" not in lab.log.read_text("utf-8") + refused.output
