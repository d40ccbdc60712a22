# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification's phases on the controller, from plain options to plain results: begin, judge, report."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from ..array import addresses
from ..array.told import operator
from ..array.wire import Port, ports
from ..findings.finding import Finding, rank
from ..inputs import InputError, load_trust
from ..next_step import CommandLine
from ..pki.certificate import CertificateError
from ..plain import PlainError
from ..products import PRODUCTS
from ..report.advice import headline
from ..report.compare import changes_between, markdown
from ..report.report import Report
from ..report.table import text_table
from ..version import VERSION
from . import files as verify_files
from .judge import Case, judge
from .look import Look
from .report import make_report
from .settings import VerifyRun, acceptances
from .wire import Clients

PHASES = ("begin", "look", "lost", "report")
ENDPOINTS = "rollout_endpoints, verify_endpoints or verify_front_ends"
"""The variables that say whose port an address is."""


@dataclass(frozen=True)
class Whose:
    """Every address that the inventory gives, over all arrays, and whom it gives it to."""

    members: addresses.Endpoints
    """Also of members that are left out: their ports are nobody else's."""
    fronts: addresses.Endpoints
    """Array to the ports of what stands in front of it. One proxy may stand in front of several arrays."""

    @classmethod
    def of(cls, endpoints: Mapping[str, Any], front_ends: Mapping[str, Any]) -> Whose:
        """Raises InputError for an entry without host and port."""
        members = addresses.read(endpoints, "rollout_endpoints or verify_endpoints")
        return cls(members, addresses.read(front_ends, "verify_front_ends"))

    def owners(self, array: str, members: Sequence[str]) -> dict[addresses.Address, tuple[str, str]]:
        """Address -> (member, use) for the ports of one array; what two members name is judged for none of them."""
        every = self._members_own
        own = {of: owner for of, owner in every.items() if owner[0] in members}
        return {**own, **addresses.owners({array: self.fronts.get(array, ())})}

    def to_read(self, members: Iterable[str], without_sni: bool) -> list[dict[str, Any]]:
        """The ports to look at: of these members, and what stands in front of arrays.

        ``without_sni``: each that has a server name comes once more, as a client asks that names no server.
        """
        every = [port for member in dict.fromkeys(members) for port in self.members.get(member, ())]
        every += [port for front in self.fronts.values() for port in front]
        asked = [addresses.whole(port) for port in every]
        return asked + [{**port, "server_name": ""} for port in asked if without_sni and port["server_name"]]

    def shared(self, member: str) -> dict[addresses.Address, tuple[str, ...]]:
        """The addresses that a member has in common with another one, of whatever array, or with a front end."""
        return {of: who for of, who in self._named_twice.items() if member in who}

    @cached_property
    def _members_own(self) -> dict[addresses.Address, tuple[str, str]]:
        """Worked out once over all arrays, as below: for each member anew it was most of a large report's time."""
        return addresses.owners(self.members, addresses.named_by(self.fronts))

    @cached_property
    def _named_twice(self) -> dict[addresses.Address, tuple[str, ...]]:
        front = {f"the front end of {name}": ports for name, ports in self.fronts.items()}
        named = addresses.named_by({**self.members, **front})
        return {of: who for of, who in named.items() if len(who) > 1}

    def findings(self, members: Sequence[str]) -> tuple[Finding, ...]:
        """The same as findings, of each member of an array."""
        return tuple(
            item for member in members for item in addresses.shared_findings(member, self.shared(member), ENDPOINTS)
        )


class VerifyArrays:
    """One phase over all arrays of a run."""

    def __init__(
        self, options: Mapping[str, Any], tell: Callable[[str], None], line: CommandLine | None = None
    ) -> None:
        self.options = options
        self.tell = tell
        self.line = line or CommandLine()
        self.now = datetime.now(timezone.utc)

    def run(self, phase: str) -> dict[str, Any]:
        """Dispatches. Raises InputError and ValueError for what the user gave or left out."""
        result: dict[str, Any] = getattr(self, phase)()
        return {"changed": False, **result}

    # -- begin -----------------------------------------------------------------------------------------------------

    def begin(self) -> dict[str, Any]:
        """Refuses what cannot be verified, before any member is asked."""
        given = self.options["options"]
        whose = Whose.of(self.options["endpoints"], self.options["front_ends"])
        excluded = {str(m): str(why or "").strip() for m, why in (given.get("excluded") or {}).items()}
        arrays = {name: tuple(m for m in held if m not in excluded) for name, held in self.options["arrays"].items()}
        if not arrays:
            text = (
                f"there is no array to verify: the inventory has none of the groups {', '.join(PRODUCTS)}. Name the "
                f"groups in {', '.join(f'verify_{product}_arrays' for product in PRODUCTS)}"
            )
            raise InputError("array.empty", text)
        for array in arrays:
            if self.options["products"].get(array) not in PRODUCTS:
                raise ValueError(f"products: expected one of {', '.join(PRODUCTS)} for the array {array}, found none")
        for member, why in excluded.items():
            if not why:
                raise InputError("array.incomplete-run", f"verify_excluded gives no reason for {member}")
        for name in ("trust", "internal_trust"):
            if given.get(name):
                load_trust(str(given[name]))
        run = VerifyRun(
            run=f"{self.now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            started=self.now,
            arrays=arrays,
            products=self.options["products"],
            operator=operator(),
            controller=socket.gethostname(),
            version=VERSION,
            excluded=excluded,
            fail_on=str(given.get("fail_on") or "error"),  # type: ignore[arg-type]
            wire_only=_truth(given.get("wire_only")),
            trust=str(given.get("trust") or "system"),
            internal_trust=str(given.get("internal_trust") or ""),
            names=tuple(str(name) for name in given.get("names") or ()),
            warn_days=float(given.get("warn_days", 30)),
            error_days=float(given.get("error_days", 7)),
            event_hours=float(given.get("event_hours", 24)),
            exportable=None if given.get("exportable") in (None, "", "None") else _truth(given["exportable"]),
            accept=acceptances(given.get("accept") or ()),
            only=tuple(str(pattern) for pattern in given.get("only") or ()),
        )
        members = [member for held in arrays.values() for member in held]
        return {"run": run.to_dict(), "to_read": whose.to_read(members, _truth(given.get("without_sni", True)))}

    # -- report ----------------------------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Judges every array, writes its evidence, and says how it ended. A folder that cannot be written is told."""
        run = VerifyRun.from_dict(self.options["run"])
        internal = load_trust(run.internal_trust) if run.internal_trust else None
        clients = Clients(load_trust(run.trust), internal)
        whose = Whose.of(self.options["endpoints"], self.options["front_ends"])
        told: dict[str, Any] = {}
        reports = []
        unwritten = []
        for array in run.arrays:
            case = self._case(run, array, whose)
            made = make_report(run, case, judge(run, case, clients, self.now), self.now)
            report = replace(made, line=self.line)
            reports.append(report)
            self.tell("\n" + text_table(report))
            folder = os.path.join(self.options["directory"] or ".", f"{array}-{run.run}")
            try:
                for path in verify_files.write(report, folder):
                    self.tell(f"Report: {path}")
            except OSError as error:
                unwritten.append(f"{folder}: {error.strerror or error}")
            told[array] = {**summary(report), "directory": folder}
            self._compare(report)
        try:
            self._metrics(reports)
        except OSError as error:
            unwritten.append(f"{self.options['textfile']}: {error.strerror or error}")
        failed = [name for name, one in told.items() if one["result"] == "failed"]
        sentences = [f"{name}: {told[name]['headline']}. {told[name]['sentence']}" for name in failed]
        sentences += [f"The evidence could not be written to {text}" for text in unwritten]
        return {"arrays": told, "failed_verification": bool(failed or unwritten), "sentence": " ".join(sentences)}

    def _case(self, run: VerifyRun, array: str, whose: Whose) -> Case:
        members = run.arrays[array]
        looks: dict[str, Look] = {}
        reasons = {member: str(why) for member, why in self.options["reasons"].items() if why}
        for member in members:
            seen = self.options["looks"].get(member)
            if not seen:
                continue
            try:
                looks[member] = Look.from_dict(seen)
                looks[member].loaded  # noqa: B018 - certificates that were damaged on the way show now
            except (PlainError, CertificateError) as error:
                looks.pop(member, None)
                reasons[member] = f"its evidence cannot be read: {error}"
        owners = whose.owners(array, members)
        read: dict[str, tuple[Port, ...]] = {}
        nameless: dict[str, tuple[Port, ...]] = {}
        lost: dict[str, str] = {}
        for one in self.options["wire"] if owners else ():
            vantage = str(one.get("vantage") or "")
            rows = one.get("endpoints")
            if rows is None:
                lost[vantage] = str(one.get("msg") or "it did not answer")
                continue
            own = [row for row in rows if addresses.address(row["host"], row["port"]) in owners]
            read[vantage], nameless[vantage] = split(ports(own, owners))
        shared = whose.findings(members)
        return Case(array, members, looks, reasons, read, lost, nameless, shared)

    def _compare(self, report: Report) -> None:
        """Shows what has changed since an earlier report of the same array."""
        path = self.options["compare_with"]
        if not path:
            return
        before = verify_files.read_report(path)
        if before.array == report.array:
            self.tell(markdown(changes_between(before, report)))

    def _metrics(self, reports: list[Report]) -> None:
        if self.options["textfile"]:
            verify_files.write_metrics(reports, self.options["textfile"])


def split(every: tuple[Port, ...]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The readings that count, and those of the same ports without a server name."""
    named = {port.place for port in every if port.server_name}
    bare = tuple(port for port in every if not port.server_name and port.place in named)
    return tuple(port for port in every if port not in bare), bare


def summary(report: Report) -> dict[str, Any]:
    """What set_stats and a playbook get of a report."""
    counts = {severity: 0 for severity in ("critical", "error", "warning", "info")}
    for item in report.all_findings:
        counts[item.severity] = counts.get(item.severity, 0) + 1
    worst = max((item.severity for item in report.all_findings), key=rank, default="ok")
    return {
        "result": report.result,
        "verdict": report.verdict.verdict,
        "headline": headline(report).title,
        "sentence": report.sentence,
        "worst": worst,
        "counts": counts,
        "accepted": len(report.accepted),
        "lost": list(report.verdict.lost),
        "next_expiry": min((c.not_after.isoformat() for c in report.certificates), default=None),
        "findings": sorted({item.id for item in report.all_findings}),
    }


def _truth(value: Any) -> bool:
    """Up to ansible-core 2.18 a template that makes a truth gives its text."""
    return value is True or str(value).lower() in ("true", "yes", "1")
