"""The incident of 2013, by hand and end to end: real WinRM client, real TLS client, no code of the collection.

An admin imports the renewed certificate without the new intermediate, sees a valid chain in the viewer, and assigns it
to all external uses at once.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.client import LabError, LabProcess
from lab.member.events import byte_reversed
from lab.pki import common_name

EXTERNAL = "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication"
pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl program")


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with LabProcess() as running:
        yield running


def hosts(lab: LabProcess) -> dict[str, Any]:
    """The members' inventory variables."""
    found: dict[str, Any] = yaml.safe_load(lab.inventory.read_text())["all"]["children"]["edge"]["hosts"]
    return found


def typed(lab: LabProcess, member: str, line: str) -> winrm.Response:
    """A line typed on a member."""
    given = yaml.safe_load(lab.inventory.read_text())["all"]["vars"]
    session = winrm.Session(
        f"http://{hosts(lab)[member]['ansible_host']}:5985/wsman",
        auth=(given["ansible_user"], given["ansible_password"]),
        transport="ntlm",
        message_encryption="always",
        proxy=None,
        ca_trust_path=None,
    )
    return session.run_ps(line)


def verify(lab: LabProcess, member: str, name: str) -> str:
    """What an outside client says of a port, as openssl words it."""
    port = next(e for e in hosts(lab)[member]["rollout_endpoints"] if e["name"] == name)
    trust = Path(lab.directory, "trust", "roots.pem")
    command = ["openssl", "s_client", "-connect", f"{port['host']}:{port['port']}", "-CAfile", str(trust)]
    shown = subprocess.run(command, input=b"", capture_output=True, timeout=30).stdout.decode()
    return next(row.strip() for row in shown.splitlines() if "Verify return code" in row)


def certificate(lab: LabProcess, file: str) -> Any:
    """A certificate of the vendor's folder."""
    password = Path(lab.directory, "vendor", "password.txt").read_bytes().strip()
    opened = pkcs12.load_pkcs12(Path(lab.directory, "vendor", file).read_bytes(), password)
    assert opened.cert is not None
    return opened.cert.certificate


def test_the_incident(lab: LabProcess) -> None:
    for member in ("edge1", "edge2", "edge3"):
        # imported with the viewer: the leaf and its key; the intermediate came down into the admin's own store
        lab.store(member, store="My", add=["external-new"], key=True)
        lab.store(member, location="CurrentUser", store="CA", add=["issuing-new"])
    lab.set_calls("edge1", 12)
    assert verify(lab, "edge1", "Access Edge") == "Verify return code: 0 (ok)"
    names = lab.state()["edge1"]["names"]
    new = next(t for t, name in names.items() if name == "external-new")

    assert typed(lab, "edge1", f"Set-CsCertificate -Type {EXTERNAL} -Thumbprint {new}").status_code == 0
    state = lab.state()["edge1"]
    assert state["dropped"] == 12 and state["refused_tokens"] == 2
    assert set(state["services"].values()) == {"Running"} and state["events"] == []
    assert verify(lab, "edge1", "Access Edge") == "Verify return code: 21 (unable to verify the first certificate)"
    assert verify(lab, "edge2", "Access Edge") == "Verify return code: 0 (ok)"

    assert typed(lab, "edge1", "Stop-CsWindowsService\nStart-CsWindowsService").status_code == 0
    events = [e for e in lab.state()["edge1"]["events"] if "shared session key" in e["message"]]
    assert events and all(e["source"] == "LS Protocol Stack" and e["log"] == "Lync Server" for e in events)
    serial = certificate(lab, "complete.pfx").serial_number
    assert any(byte_reversed(serial) in e["message"] for e in events)

    # the cure: the intermediate in the computer's store, on every member, and the same certificate everywhere
    for member in ("edge1", "edge2", "edge3"):
        lab.store(member, store="CA", add=["issuing-new"])
    for member in ("edge2", "edge3"):
        typed(lab, member, f"Set-CsCertificate -Type {EXTERNAL} -Thumbprint {new}")
    before = len([e for e in lab.state()["edge3"]["events"] if "shared session key" in e["message"]])
    typed(lab, "edge3", "Stop-CsWindowsService\nStart-CsWindowsService")
    state = lab.state()["edge3"]
    assert len([e for e in state["events"] if "shared session key" in e["message"]]) == before == 0
    assert verify(lab, "edge3", "Access Edge") == "Verify return code: 0 (ok)"


def test_the_control_explains_itself(lab: LabProcess) -> None:
    with pytest.raises(LabError, match="expected one of"):
        lab.configure("edge1", nonsense=1)


def test_deliveries(lab: LabProcess) -> None:
    vendor = Path(lab.directory, "vendor")
    leaf = certificate(lab, "complete.pfx")
    assert common_name(leaf) == "sip.contoso.example"
    with zipfile.ZipFile(vendor / "incomplete.zip") as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    assert (vendor / "issuing-ca.crt").read_bytes() not in held.replace(b"\r\n", b"\n")
    wanted = {
        "bomb.zip ec.pfx expired.pfx html.crt intermediate-as-root.pem intermediate-as-root.zip names-missing.pfx",
        "not-yet-valid.pfx older-than-current.pfx other-key.pem paths.zip sha512.pfx truncated.p7b two-leaves.zip",
        "wildcard.pfx wrong-password.pfx costly.key.pem",
    }
    assert {p.name for p in (vendor / "bad").iterdir()} == set(" ".join(wanted).split())
    assert (vendor / "external.key.pem").stat().st_mode & 0o077 == 0
