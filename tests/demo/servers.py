"""An Exchange array of the second story: the lab's controls, what can be seen from outside, and the claims about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.client import LabProcess
from lab.exchange.client import OwaUser

from . import playbook, wire
from .pool import columns
from .telling import NotTrue, Teller

_READS = re.compile(r"(Get|Test|Find|Export)-")


class Array:
    """Exchange servers behind one name."""

    def __init__(self, lab: LabProcess, tell: Teller, reports: Path) -> None:
        self.lab, self.tell, self.reports = lab, tell, reports
        self.roots = lab.directory / "trust" / "roots.pem"
        self._labels: dict[str, str] = {}
        self._told: dict[str, set[str]] = {}
        password = (lab.directory / "vendor" / "password.txt").read_text().strip()
        self.write("vault.yml", {"vault_key_password": password}, told=False)
        self.first = lab.state()
        """Every server's state when the story began."""

    def write(self, name: str, variables: Mapping[str, Any], told: bool = True) -> None:
        """A file of variables, as somebody would write it; shown, the second time only what changed."""
        text = yaml.safe_dump(dict(variables), sort_keys=False, width=90)
        if told:
            lines = text.splitlines()
            known = self._told.setdefault(name, set())
            self.tell.gap()
            self.tell.verbatim(name)
            self.tell.verbatim("\n".join(f"    {line}" for line in lines if line not in known))
            known |= set(lines)
            text += f"rollout_report_dir: {json.dumps(str(self.reports))}\n" if "rollout_bundles" in variables else ""
        (self.lab.directory / name).write_text(text, encoding="utf-8")

    def run(self, book: str, rest: str, expected: int = 0) -> playbook.Run:
        """Runs a playbook and shows it. Raises NotTrue when it ends with another exit code."""
        arguments = ["-i", "inventory.yml", f"ucops.certificates.{book}", *rest.split()]
        self.tell.command("ansible-playbook " + " ".join(arguments))
        done = playbook.run(self.lab.directory, arguments, self.reports, self.tell.output)
        if done.code != expected:
            raise NotTrue(f"the run ends with exit code {expected}; found: {done.code}")
        return done

    def typed(self, member: str, line: str) -> str:
        """What a server says to a line that somebody types there."""
        self.tell.command(f"[on {member}] {line.splitlines()[0]}")
        program = Path(sys.executable).with_name("ansible")
        command = [str(program), "-i", "inventory.yml", member, "-m", "ansible.builtin.raw", "-a", line]
        done = subprocess.run(
            command,
            cwd=self.lab.directory,
            env=playbook.environment(self.lab.directory),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise NotTrue(f"{member} takes the line; found: {done.stdout}{done.stderr}")
        return done.stdout

    # -- seeing -----------------------------------------------------------------------------------

    def ports(self) -> tuple[wire.Port, ...]:
        """Every port that users reach, by openssl."""
        return tuple(port for port in wire.read(self.lab.inventory, self.roots, "exchange") if port.use)

    def owa(self) -> list[str]:
        """What a user of Outlook on the web sees on every server, one after the other."""
        web = [f"{endpoint['host']}:{endpoint['port']}" for endpoint in self._endpoints("IIS")]
        return OwaUser(web, trust=None).round()

    def _endpoints(self, use: str) -> list[Mapping[str, Any]]:
        hosts = yaml.safe_load(self.lab.inventory.read_text("utf-8"))["all"]["children"]["exchange"]["hosts"]
        return [e for host in hosts.values() for e in host["rollout_endpoints"] if e["use"] == use]

    def label(self, thumbprint: str) -> str:
        """What the story calls a certificate: the first that is seen is the old one, the next one the new one."""
        if thumbprint not in self._labels:
            self._labels[thumbprint] = ("OLD", "NEW", "ANOTHER")[min(len(self._labels), 2)]
        return self._labels[thumbprint]

    def show(self) -> None:
        """The array as a table: what each port presents, and what Outlook on the web shows."""
        ports, mailbox = self.ports(), self.owa()
        rows = [["", "", *self.first]]
        for name, number in dict.fromkeys((port.name, port.port) for port in ports):
            cells = [f"{self.label(p.leaf)}, {_said(p)}" for p in ports if p.name == name]
            rows.append([name, f"port {number}", *cells])
        rows.append(["OWA", "from outside", *mailbox])
        self.tell.verbatim(columns(rows, 1))
        self.tell.gap()

    # -- claims -----------------------------------------------------------------------------------

    def claim_served(self, label: str, text: str) -> None:
        """Every port presents the one certificate and a chain that openssl verifies; OWA opens on every server."""
        ports = self.ports()
        wrong = [port for port in ports if self.label(port.leaf) != label or port.verdict != "ok"]
        self.tell.claim(text, bool(ports) and not wrong, wrong)

    def claim_owa(self, text: str) -> None:
        """The mailbox opens on every server."""
        seen = self.owa()
        self.tell.claim(text, set(seen) == {"inbox"}, seen)

    def claim_kept(self, text: str) -> None:
        """The default SMTP certificate, and what 444 is bound to, are what they were when the story began."""

        def of(state: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: (m["default_smtp"], [b for where, b in m["bindings"].items() if where.endswith(":444")])
                for name, m in state.items()
            }

        now = of(self.lab.state())
        self.tell.claim(text, now == of(self.first), now)

    def claim_unwritten(self, text: str) -> None:
        """Nobody wrote anything: what ran on the servers only reads."""
        state = self.lab.state()
        wrote = {name: [call for call in m["ran"] if not _READS.match(call)] for name, m in state.items()}
        left = {name: m["lock"] or m["journal"] for name, m in state.items() if m["lock"] or m["journal"]}
        self.tell.claim(text, not any(wrote.values()) and not left, f"{wrote} {left}")


def _said(port: wire.Port) -> str:
    return "verified" if port.verdict == "ok" else port.verdict
