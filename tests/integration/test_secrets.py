"""Canaries: no password and no key is found anywhere but where it belongs, whatever the verbosity and the outcome."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from integration.controller import HERE, Controller
from lab.client import LabProcess


def canaries(controller: Controller) -> dict[str, bytes]:
    """What must not be seen: passwords, the key in each form it has on its way, the one-time passwords of this run."""
    sealed = (controller.vendor / "external.key.pem").read_bytes()
    key = serialization.load_pem_private_key(sealed, controller.password.encode())
    assert hasattr(key, "private_numbers")
    numbers = key.private_numbers()
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    common = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))["all"]["vars"]
    found = {
        "password of the delivery": controller.password.encode(),
        "password of the account": common["ansible_password"].encode(),
        "password of the account, base64": base64.b64encode(
            f"{common['ansible_user']}:{common['ansible_password']}".encode()
        ),
        "sealed key": sealed.splitlines()[3],
        "plain key": plain.splitlines()[8],
        "prime of the key": f"{numbers.p:x}"[:40].encode(),
        "private exponent of the key": f"{numbers.d:x}"[:40].encode(),
    }
    one_time = controller.folder / "one-time.txt"
    if one_time.exists():
        for number, line in enumerate(one_time.read_text(encoding="ascii").split()):
            found[f"one-time password {number}"] = line.encode()
    return found


def places(*folders: Path) -> Iterable[Path]:
    """Every file below the folders, but for those that hold secrets by their purpose."""
    for folder in folders:
        for file in folder.rglob("*"):
            given = file.name.startswith(("vars-", "inventory")) or file.name in ("one-time.txt", "password.txt")
            if file.is_file() and not given and "vendor" not in file.parts and "private" not in file.parts:
                yield file


def seen(canary: bytes, data: bytes) -> bool:
    """Whether it is there as it is, in base64, or with its quotes escaped."""
    return any(form in data for form in {canary, base64.b64encode(canary).rstrip(b"=")[:-2]})


WHOLE = pytest.mark.whole
RUNS = [
    ("winrm-basic-https", "renewed"),
    ("psrp-ntlm-http", "failed"),
    pytest.param("winrm-basic-https", "failed", marks=WHOLE),
    pytest.param("psrp-ntlm-http", "renewed", marks=WHOLE),
]


@pytest.mark.parametrize(("flavour", "outcome"), RUNS)
def test_no_secret_is_seen_anywhere(flavour: str, outcome: str, lab: LabProcess, tmp_path: Path) -> None:
    controller = Controller(tmp_path / "controller", lab, connection=flavour)
    controller.environment = {
        "PYTHONPATH": str(HERE / "canary"),
        "UCOPS_CANARY": str(controller.folder / "one-time.txt"),
        "ANSIBLE_LOG_PATH": str(controller.folder / "ansible.log"),
        "ANSIBLE_DEBUG": "0",
    }
    key = (controller.vendor / "external.key.pem").read_text(encoding="ascii")
    bundle = {"path": str(controller.vendor / "complete.zip"), "password": controller.password, "key_content": key}
    if outcome == "failed":
        lab.fault("edge2", do="error", call="Import-StorePfx")
        lab.fault("edge3", do="drop-after", call="Import-StorePfx")
    run = controller.renew("-vvvvvv", "--diff", rollout_bundles={"external": bundle}, rollout_show_calls=True)
    assert (run.rc == 0) == (outcome == "renewed"), run.failures

    wanted = canaries(controller)
    assert sum(name.startswith("one-time") for name in wanted) >= 3, "the one-time passwords were not caught"
    files = list(places(controller.folder, lab.directory, run.reports))
    assert {"ansible.log", "output-1.txt", "results-1.jsonl", "report.json", "report.html", "lab.log"} <= {
        file.name for file in files
    }
    for file in files:
        data = file.read_bytes()
        shown = [name for name, canary in wanted.items() if seen(canary, data)]
        assert not shown, f"{file} holds {', '.join(shown)}"
    for name, member in lab.state().items():
        kept = str(member).encode()
        assert not [of for of, canary in wanted.items() if seen(canary, kept)], f"the lab's state of {name}"


def test_the_canaries_would_be_seen(controller: Controller) -> None:
    """The hunter finds what is there: plain, and in base64 inside something else."""
    for name, canary in canaries(controller).items():
        assert seen(canary, b"... " + canary + b" ..."), name
        assert seen(canary, base64.b64encode(canary)), name
