"""Looking at a pool without the collection: cmdlets typed through pywinrm, ports read by the openssl program."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import winrm
import yaml

from lab.client import LabProcess

USES = ("AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal")


@cache
def _inventory(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found["all"]  # type: ignore[no-any-return]


def hosts(lab: LabProcess) -> dict[str, dict[str, Any]]:
    """The members' inventory variables."""
    groups: dict[str, dict[str, dict[str, Any]]] = _inventory(lab.inventory)["children"]
    return {name: host for group in groups.values() for name, host in group["hosts"].items()}


def ports(lab: LabProcess, member: str) -> list[dict[str, Any]]:
    """The member's TLS ports."""
    return list(hosts(lab)[member]["rollout_endpoints"])


def typed(lab: LabProcess, member: str, *lines: str) -> str:
    """What lines typed on a member print; they must succeed."""
    common = _inventory(lab.inventory)["vars"]
    session = winrm.Session(
        f"http://{hosts(lab)[member]['ansible_host']}:5985/wsman",
        auth=(common["ansible_user"], common["ansible_password"]),
        transport="ntlm",
        message_encryption="always",
        proxy=None,
        ca_trust_path=None,
    )
    answer = session.run_ps("\n".join(["Import-Module Lync", *lines]))
    assert answer.status_code == 0, answer.std_err.decode()
    return str(answer.std_out.decode())


def assigned(lab: LabProcess, member: str) -> dict[str, str]:
    """Use -> the thumbprint that Get-CsCertificate prints."""
    found, use = {}, ""
    rows = [line.partition(" : ") for line in typed(lab, member, "Get-CsCertificate").splitlines()]
    table = [{k.strip(): v.strip()} for k, _, v in rows]
    thumbprint = ""
    for row in table:
        thumbprint = row.get("Thumbprint", thumbprint)
        use = row.get("Use", use)
        if "Use" in row:
            found[use] = thumbprint
    return found


def verified(lab: LabProcess, port: dict[str, Any], trust: str = "roots.pem") -> tuple[bool, str]:
    """Whether an outside client that insists accepts a port, and what openssl says of the chain."""
    command = ["openssl", "s_client", "-connect", f"{port['host']}:{port['port']}", "-servername", port["server_name"]]
    command += ["-verify_return_error", "-CAfile", str(lab.directory / "trust" / trust)]
    shown = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    text = shown.stdout.decode() + shown.stderr.decode()
    return "Verify return code: 0 (ok)" in text and "verify error" not in text, text
