"""What the lab's ports present, read with the openssl program: a second opinion, without anything of the collection."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERDICT = re.compile(rb"Verify return code: (\d+) \(([^)]*)\)")


@dataclass(frozen=True)
class Port:
    """One TLS port of one member as it answered once."""

    member: str
    name: str
    """Such as ``Access Edge``."""
    port: int
    use: str
    thumbprints: tuple[str, ...]
    """SHA-1 of each certificate presented, leaf first."""
    subject: str
    issuer: str
    until: datetime | None
    verdict: str
    """``ok`` when openssl, with nothing but the roots, verified chain and name."""

    @property
    def leaf(self) -> str:
        """The leaf's thumbprint; empty when nothing was presented."""
        return self.thumbprints[0] if self.thumbprints else ""


def read(inventory: Path, roots: Path, group: str = "edge") -> tuple[Port, ...]:
    """Asks every port that the inventory lists, in its order. ``roots``: what the clients trust, PEM."""
    hosts = yaml.safe_load(inventory.read_text(encoding="utf-8"))["all"]["children"][group]["hosts"]
    wanted = [(member, endpoint) for member, host in hosts.items() for endpoint in host["rollout_endpoints"]]
    with ThreadPoolExecutor(4) as workers:
        return tuple(workers.map(lambda one: _ask(one[0], one[1], roots), wanted))


def _ask(member: str, endpoint: dict[str, Any], roots: Path) -> Port:
    name = endpoint["server_name"]
    where = f"{endpoint['host']}:{endpoint['port']}"
    command = ["openssl", "s_client", "-connect", where, "-servername", name, "-showcerts", "-CAfile", str(roots)]
    if endpoint.get("starttls", "none") != "none":
        command += ["-starttls", endpoint["starttls"]]
    done = subprocess.run(
        [*command, "-verify_hostname", name], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
    )
    chain = [x509.load_pem_x509_certificate(pem) for pem in _PEM.findall(done.stdout)]
    said = _VERDICT.search(done.stdout)
    verdict = "no answer" if not said or not chain else "ok" if said[1] == b"0" else said[2].decode("ascii", "replace")
    return Port(
        member,
        endpoint["name"],
        int(endpoint["port"]),
        endpoint["use"],
        tuple(c.fingerprint(hashes.SHA1()).hex().upper() for c in chain),
        _common_name(chain[0].subject) if chain else "",
        _common_name(chain[0].issuer) if chain else "",
        chain[0].not_valid_after_utc if chain else None,
        verdict,
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def external(ports: Sequence[Port]) -> tuple[Port, ...]:
    """Those that the outside world sees."""
    return tuple(port for port in ports if port.use != "Internal")


def internal(ports: Sequence[Port]) -> tuple[Port, ...]:
    """Those of the internal interface."""
    return tuple(port for port in ports if port.use == "Internal")
