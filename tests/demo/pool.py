"""The pool of the story: the lab's controls, what can be seen of it from outside, and the claims about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.client import LabProcess

from . import playbook, wire
from .telling import NotTrue, Teller

AV = "AudioVideoAuthentication"
MISSING = "Example Trust Secure Certificate Authority - G3"

_RENEWAL = """\
rollout_bundles:
  external:
    path: vendor/{delivery}
    key_path: vendor/external.key.pem
    password: "{{{{ vault_key_password }}}}"
rollout_drain_poll_seconds: 1
"""


class Pool:
    """Three Edge Servers."""

    def __init__(self, lab: LabProcess, tell: Teller, reports: Path) -> None:
        self.lab, self.tell, self.reports = lab, tell, reports
        self.last: playbook.Run | None = None
        self._labels: dict[str, str] = {}
        self._described: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._roots = lab.directory / "trust" / "all-roots.pem"
        trust = lab.directory / "trust"
        self._roots.write_bytes((trust / "roots.pem").read_bytes() + (trust / "corp-roots.pem").read_bytes())
        password = (lab.directory / "vendor" / "password.txt").read_text().strip()
        self._write("vault.yml", f"vault_key_password: {json.dumps(password)}\n")
        self._write("settle.yml", "rollout_drain_poll_seconds: 1\n")
        nightly = f"verify_report_dir: {json.dumps(str(reports))}\nverify_warn_days: 14\n"
        (lab.directory / "verify.yml").write_text(nightly, encoding="utf-8")
        (lab.directory / "ports.yml").write_text("verify_wire_only: true\n", encoding="utf-8")

    def _write(self, name: str, text: str) -> None:
        settings = f"rollout_report_dir: {json.dumps(str(self.reports))}\n" if name != "vault.yml" else ""
        (self.lab.directory / name).write_text(text + settings, encoding="utf-8")

    # -- controls ---------------------------------------------------------------------------------

    def set_calls(self, calls: Mapping[str, int]) -> None:
        """Calls in progress, by member."""
        for member, number in calls.items():
            self.lab.set_calls(member, number)

    def advance_to(self, instant: datetime) -> None:
        """Move every member's clock on to an instant."""
        clock = _instant(self.lab.state()["edge1"]["clock"])
        self.lab.advance((instant - clock).total_seconds())

    def write_renewal(self, delivery: str) -> None:
        """renewal.yml, as somebody would write it; the first time it is shown whole, then the line that changed."""
        text = _RENEWAL.format(delivery=delivery)
        old, self._told["renewal"] = self._told.get("renewal"), text
        self.tell.gap()
        self.tell.verbatim("renewal.yml")
        changed = [line for line in text.splitlines() if old is None or line not in old]
        self.tell.verbatim("\n".join(f"    {line}" for line in changed))
        self._write("renewal.yml", text)

    def run(self, book: str, rest: str, expected: int, hang_up: bool = False) -> playbook.Run:
        """Runs a playbook and shows it. ``hang_up``: calls on a member that drains come to their end.

        Raises NotTrue when it ends with another exit code.
        """
        arguments = ["-i", "inventory.yml", f"ucops.certificates.{book}", *rest.split()]
        self.tell.command("ansible-playbook " + " ".join(arguments))

        def show(line: str) -> None:
            self.tell.output(line)
            draining = re.match(r"  \| (\S+)\s+draining:", line)
            if hang_up and draining:
                member = draining[1]
                calls = self.lab.state()[member]["calls"]
                if calls:
                    ended = f"the {calls} that were up come to their end (the demo hangs up)"
                    self.tell.aside(f"{member} takes no new calls; {ended}")
                    self.lab.set_calls(member, 0)

        self.last = playbook.run(self.lab.directory, arguments, self.reports, show)
        if self.last.code != expected:
            raise NotTrue(f"the run ends with exit code {expected}; found: {self.last.code}")
        return self.last

    # -- seeing -----------------------------------------------------------------------------------

    def read(self) -> tuple[wire.Port, ...]:
        """Every port of every member, by openssl."""
        return wire.read(self.lab.inventory, self._roots)

    def assigned(self) -> dict[str, Any]:
        """Member -> use -> thumbprint, the lab's own truth."""
        return {member: state["assigned"] for member, state in self.lab.state().items()}

    def pending(self) -> datetime:
        """The instant at which the A/V successor takes over. Raises NotTrue when it is not the same everywhere."""
        found = {member: state["av_pending"] for member, state in self.lab.state().items()}
        instants = {str(pending["at"]) if pending else "none" for pending in found.values()}
        if len(instants) != 1 or "none" in instants:
            raise NotTrue(f"the successor is rolled on all members for one instant; found: {found}")
        return _instant(instants.pop())

    def labels(self, use: str) -> set[str]:
        """What the members have assigned to a use, as the story calls it."""
        return {self._label(uses[use]) for uses in self.assigned().values()}

    def _label(self, thumbprint: str | None) -> str:
        return self._labels.get(thumbprint or "", "other")

    def _learn(self, ports: tuple[wire.Port, ...]) -> None:
        """The first external certificate that is seen is the old one, the next one the new one."""
        for port in ports:
            name = "internal" if port.use == "Internal" else "new" if "old" in self._labels.values() else "old"
            if port.until and port.leaf not in self._labels and name not in self._labels.values():
                self._labels[port.leaf] = name
                self._described[name] = f"{port.subject}, until {port.until:%Y-%m-%d}\n{'':<9} issued by {port.issuer}"

    def show(self) -> None:
        """The pool as a table: calls, what each port presents, what A/V authentication uses."""
        ports, state = self.read(), self.lab.state()
        self._learn(ports)
        outside = wire.external(ports)
        names = list(dict.fromkeys((port.name, port.port) for port in outside))
        rows = [["", "calls", *(name for name, _ in names), "A/V authentication"]]
        rows.append(["", "", *(f"port {number}" for _, number in names), ""])
        for member, seen in state.items():
            cells = [f"{self._label(p.leaf).upper()}, {_said(p)}" for p in outside if p.member == member]
            pending = seen["av_pending"]
            until = f" until {_instant(pending['at']):%H:%M} UTC" if pending else ""
            rows.append([member, str(seen["calls"]), *cells, self._label(seen["assigned"][AV]).upper() + until])
        self.tell.verbatim(columns(rows))
        self.tell.gap()
        for name in ("old", "new", "internal"):
            if name in self._described:
                self.tell.verbatim(f"{name.upper():<9} {self._described[name]}")
        self.tell.gap()

    # -- claims -----------------------------------------------------------------------------------

    def claim_served(self, label: str, text: str) -> None:
        """Every external port presents the one certificate and a chain that openssl verifies."""
        ports = wire.external(self.read())
        wrong = [port for port in ports if self._label(port.leaf) != label or port.verdict != "ok"]
        self.tell.claim(text, bool(ports) and not wrong, wrong)

    def claim_staged(self, text: str) -> None:
        """The chain and one more key on every member; no key container without its certificate."""
        found = {}
        for member, seen in self.lab.state().items():
            names = [seen["names"][thumbprint] for thumbprint in seen["stores"]["LocalMachine"]["CA"]]
            found[member] = ("issuing-new" in names, seen["keys"], seen["orphan_keys"])
        self.tell.claim(text, set(found.values()) == {(True, 3, 0)}, found)

    def claim_calls(self, text: str, calls: Mapping[str, int]) -> None:
        """So many calls are up, none was ever dropped, no token was refused."""
        state = self.lab.state()
        up = {member: seen["calls"] for member, seen in state.items()}
        bad = {m: (s["dropped"], s["refused_tokens"]) for m, s in state.items() if s["dropped"] or s["refused_tokens"]}
        self.tell.claim(text, up == dict(calls) and not bad, f"calls {up}, dropped and refused {bad}")

    def claim_untouched(self, text: str) -> None:
        """Nobody wrote anything: what ran on the members only reads."""
        reads = re.compile(r"(Get|Test|Find)-")
        state = self.lab.state()
        wrote = {member: [name for name in seen["ran"] if not reads.match(name)] for member, seen in state.items()}
        left = {m: s["lock"] or s["journal"] for m, s in state.items() if s["lock"] or s["journal"]}
        self.tell.claim(text, not any(wrote.values()) and not left, f"{wrote} {left}")

    def claim_report(self, run: playbook.Run, verdict: str) -> None:
        """The run left a report, and its verdict is this one."""
        if run.report is None:
            raise NotTrue("the run leaves a report")
        said = json.loads((run.report / "report.json").read_text(encoding="utf-8"))["verdict"]["verdict"]
        self.tell.claim(f"the report says {verdict}", said == verdict, said)
        self.tell.claim("and can be read in a browser", (run.report / "report.html").is_file(), run.report)
        self.tell.verbatim(f"       {run.report / 'report.html'}")


def _said(port: wire.Port) -> str:
    return "verified" if port.verdict == "ok" else port.verdict


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00"))


def columns(rows: list[list[str]], headings: int = 2) -> str:
    """A table: lines of headings, a rule, the rest."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(headings, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
