"""An Exchange array in this process, without transport; and one in a process of its own, with real clients."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import ssl
import subprocess
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import winrm
import yaml

from lab.client import LabProcess
from lab.exchange.certificates import ExchangePki
from lab.exchange.member import ExchangeMember
from lab.exchange.scenario import ExchangeArray
from lab.interfaces import Options

from .member_tools import NONCE, call, document, packed, quiet, run, switch

__all__ = ["call", "run", "switch"]
VERSIONS = ("exchange2010", "exchange2013", "exchange2016", "exchange2019", "exchangese")
SNAPIN = ("exchange:snapin",)
OPENSSL = shutil.which("openssl")


@lru_cache(maxsize=1)
def shared_pki() -> ExchangePki:
    """One set of certificates for all tests of a process."""
    return ExchangePki(datetime.now(timezone.utc), ["ex1", "ex2", "ex3", "gate1"])


def array(folder: Path, /, **extra: str) -> ExchangeArray:
    """An array whose ports are closed. What is not product, windows or powershell is a setting of the scenario."""
    versions = {k: extra.pop(k) for k in ("product", "windows", "powershell") if k in extra}
    extra.setdefault("members", "1")
    options = Options("exchange-array", folder, "127.99.1", "labadmin", "secret", quiet, extra=extra, **versions)
    return ExchangeArray(options, shared_pki())


def thumb(name: str) -> str:
    """Thumbprint of a lab certificate."""
    return shared_pki()[name].thumbprint


def ask(member: ExchangeMember, *calls: dict[str, Any], load: tuple[str, ...] = SNAPIN) -> list[dict[str, Any]]:
    """Run a document on a server; the replies."""
    replies: list[dict[str, Any]] = answer(member, document(*calls, load=load))["replies"]
    return replies


def answer(member: ExchangeMember, asked: dict[str, Any]) -> dict[str, Any]:
    """Run a document on a server; the whole reply."""
    result = run(member.execute("bootstrap", packed(asked), "winrs"))
    lines = result.stdout.decode("ascii").split("\r\n")
    begin, end = lines.index(f"ucops-begin {NONCE}"), lines.index(f"ucops-end {NONCE}")
    found: dict[str, Any] = json.loads("".join(lines[begin + 1 : end]))
    return found


def order(member: ExchangeMember, **body: Any) -> None:
    """A control request."""
    run(member.control(body))


def do(member: ExchangeMember, name: str, /, keep: tuple[str, ...] = (), **parameters: Any) -> dict[str, Any]:
    """One cmdlet through the snap-in; its reply."""
    return ask(member, call(name, keep=keep, **parameters))[0]


def did(member: ExchangeMember, name: str, /, keep: tuple[str, ...] = (), **parameters: Any) -> list[dict[str, Any]]:
    """One cmdlet that must succeed; its rows."""
    reply = do(member, name, keep, **parameters)
    assert "error" not in reply, reply
    rows: list[dict[str, Any]] = reply["rows"]
    return rows


def refused(member: ExchangeMember, name: str, /, **parameters: Any) -> dict[str, str]:
    """One cmdlet that must fail; its error."""
    reply = do(member, name, **parameters)
    assert "error" in reply, reply
    error: dict[str, str] = reply["error"]
    return error


def put(member: ExchangeMember, name: str, **how: Any) -> str:
    """A lab certificate with its key into My, as the certificates snap-in imports it; its thumbprint."""
    order(member, store={"store": how.pop("store", "My"), "add": [name], "key": True, **how})
    return thumb(name)


def event_numbers(member: ExchangeMember) -> list[int]:
    """Events that were logged."""
    return [e["id"] for e in member.describe()["events"]]


class Typist:
    """A running lab whose servers are typed on through WinRM, and looked at from outside."""

    def __init__(self, lab: LabProcess) -> None:
        self.lab = lab
        inventory = yaml.safe_load(lab.inventory.read_text())["all"]
        self.given: dict[str, Any] = inventory["vars"]
        self.hosts = {n: h for g in inventory["children"].values() for n, h in g["hosts"].items()}
        self.trust = Path(self.given["rollout_trust"])
        self.vendor = Path(self.given["lab_vendor"])

    def __call__(self, member: str, *lines: str) -> winrm.Response:
        """Lines typed into the management shell; the snap-in, because WinRM's logon has no second hop."""
        session = winrm.Session(
            f"http://{self.hosts[member]['ansible_host']}:5985/wsman",
            auth=(self.given["ansible_user"], self.given["ansible_password"]),
            transport="ntlm",
            message_encryption="always",
            proxy=None,
            ca_trust_path=None,
        )
        load = "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.E2010"
        return session.run_ps("\n".join((load, *lines)))

    def ok(self, member: str, *lines: str) -> str:
        """Lines that must succeed; what they print."""
        done = self(member, *lines)
        assert done.status_code == 0, done.std_err.decode()
        return str(done.std_out.decode())

    def fails(self, member: str, *lines: str) -> str:
        """Lines that must fail; the error."""
        done = self(member, *lines)
        assert done.status_code != 0, done.std_out.decode()
        return str(done.std_err.decode())

    def port(self, member: str, name: str) -> dict[str, Any]:
        """A port of the inventory."""
        found: dict[str, Any] = next(e for e in self.hosts[member]["rollout_endpoints"] if e["name"] == name)
        return found

    def openssl(self, member: str, name: str, *more: str) -> str:
        """What openssl s_client says of a port; with its usual server name unless ``more`` says otherwise."""
        port = self.port(member, name)
        command = ["openssl", "s_client", "-connect", f"{port['host']}:{port['port']}", "-CAfile", str(self.trust)]
        command += more or ["-servername", port["server_name"]]
        command += ["-starttls", port["starttls"]] if port.get("starttls") else []
        done = subprocess.run(command, input=b"QUIT\r\n", capture_output=True, timeout=30)
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def sent(self, member: str, name: str, server_name: str | None) -> list[str]:
        """SHA-256 of each certificate that openssl was sent, in its order."""
        asked = ("-servername", server_name) if server_name else ("-noservername",)
        said = self.openssl(member, name, "-showcerts", *asked)
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL)
        return [hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]

    def verify(self, member: str, name: str) -> str:
        """How openssl judges a port."""
        said = self.openssl(member, name)
        found = re.search(r"Verify return code: .*", said)
        # openssl says "0 (ok)" of no certificate, too
        return found[0] if found and "no peer certificate available" not in said else "no certificate"

    def import_line(self, member: str, file: str, more: str = "") -> str:
        """Import-ExchangeCertificate of a delivery that was copied to the server, as it is typed."""
        data = base64.b64encode((self.vendor / file).read_bytes()).decode()
        path = f"C:\\temp\\{Path(file).name}"
        self.lab.configure(member, files={path: data})
        password = (self.vendor / "password.txt").read_text().strip()
        return (
            f"Import-ExchangeCertificate -FileData ([IO.File]::ReadAllBytes('{path}')) "
            f"-Password (ConvertTo-SecureString -String '{password}' -AsPlainText -Force) {more}"
        )

    def names(self, member: str) -> dict[str, str]:
        """Lab name -> thumbprint of what lies on a server."""
        return {name: t for t, name in self.lab.state()[member]["names"].items() if name}
