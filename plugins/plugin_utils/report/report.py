# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: one document for machines, from which the page and the table for people are made.

The document's schema is published as ``docs/report.schema.json``; its name and major version are :data:`SCHEMA`.
The text form is :func:`table.text_table`, the page is :func:`page.report_html`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..array.gate import GateVerdict
from ..array.verdict import ArrayVerdict
from ..findings.accept import Accepted
from ..findings.catalogue import CATALOGUE
from ..findings.finding import UNLISTED, Finding, in_order, rank
from ..next_step import CommandLine, NextStep, to_document
from ..plain import from_plain, to_plain
from ..products import PRODUCTS
from ..products.interface import can_roll
from ..stores.pictures import Chain

SCHEMA = "ucops.certificates/report/1"
"""Name and major version of the document. Within a major version fields are only ever added."""

Purpose = Literal["renew", "settle", "rollback", "verify"]
Result = Literal["ok", "warning", "failed", "refused", "planned"]
PhaseResult = Literal["ok", "warning", "failed", "refused", "planned", "skipped"]
Role = Literal["new", "old", "current"]

CHECKS = ("reachable", "store", "key", "chain", "tls", "product", "wire", "events", "roll")
"""The columns of members x checks, in their order."""


@dataclass(frozen=True)
class Check:
    """One cell of members x checks."""

    result: Literal["ok", "warning", "error", "not-run"]
    """``not-run``: nothing was asked, so nothing is claimed."""
    text: str = ""
    """What was seen, in a sentence; empty when there is nothing to say."""


@dataclass(frozen=True)
class Phase:
    """One step of the run."""

    name: str
    """``preflight``, ``read``, ``plan``, ``stage``, ``gate``, ``roll``, ``switch``, ``prove``, ``take back`` ..."""
    result: PhaseResult
    """``refused``: stopped on purpose before anything was changed; ``planned``: check mode, would be done."""
    text: str = ""
    """One sentence."""
    seconds: float | None = None
    """How long it took."""


@dataclass(frozen=True)
class UseReport:
    """One use of the certificate on one member. Thumbprints; None: none assigned or not known."""

    before: str | None = None
    after: str | None = None
    wanted: str | None = None


@dataclass(frozen=True)
class WireReport:
    """One port, before and after."""

    endpoint: str
    """Its name for a reader: ``Access Edge``."""
    host: str
    port: int
    use: str = ""
    before: str | None = None
    """Thumbprint of the leaf presented before; None: not readable or not read."""
    after: str | None = None
    ok: bool | None = None
    """None: not judged (not readable before either, or not read)."""
    text: str = ""


@dataclass(frozen=True)
class RollReport:
    """The successor of the A/V authentication certificate."""

    state: Literal["none", "planned", "rolling", "rolled", "settled", "replaced"]
    instant: datetime | None = None
    """From when it is in force."""
    thumbprint: str | None = None
    previous: str | None = None
    text: str = ""


@dataclass(frozen=True)
class HostReport:
    """What a member said about itself."""

    computer: str = ""
    windows: str = ""
    product: str = ""
    version: str = ""
    """The product's version."""
    powershell: str = ""
    clock_offset: float | None = None
    """Seconds its clock is ahead of the controller's."""


@dataclass(frozen=True)
class MemberReport:
    """Everything about one member."""

    name: str
    state: Literal["new", "old", "alike", "other", "partly", "lost"]
    """As in the verdict."""
    host: HostReport = HostReport()
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Column of CHECKS to its cell; a missing one is ``not-run``."""
    uses: Mapping[str, UseReport] = field(default_factory=dict)
    chains: tuple[Chain, ...] = ()
    wire: tuple[WireReport, ...] = ()
    roll: RollReport | None = None
    plan: tuple[str, ...] = ()
    """What was (or in check mode would be) changed, one line a change."""
    findings: tuple[Finding, ...] = ()

    def check(self, column: str) -> Check:
        """One cell; without checks of its own (a lost member) it is what the findings say."""
        return (self.checks or checks(self.findings, ())).get(column, Check("not-run"))


@dataclass(frozen=True)
class CertificateReport:
    """One certificate that the run is about, for the time line and the footnotes."""

    thumbprint: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    role: Role
    """``current``: in use, where nothing is being renewed."""
    uses: tuple[str, ...] = ()
    serial: str = ""
    """Upper-case hex."""
    sha256: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateReport:
    """What the gate said."""

    passed: bool
    members: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    """Member to SHA-256 of the read that was judged."""
    simulated: bool = False
    """True in check mode."""

    @classmethod
    def of(cls, verdict: GateVerdict) -> GateReport:
        """What the report keeps of a verdict; its findings are among the report's own."""
        return cls(verdict.passed, verdict.members, verdict.digests, verdict.simulated)


@dataclass(frozen=True)
class PlanReport:
    """What a run would change or changed, as somebody approves it."""

    digest: str
    """For ``rollout_expect_plan``."""
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The report of one run over one array."""

    run: str
    array: str
    purpose: Purpose
    result: Result
    """``ok`` and ``planned`` end with exit code 0; ``refused``: stopped before anything was switched."""
    started: datetime
    finished: datetime
    verdict: ArrayVerdict
    members: tuple[MemberReport, ...] = ()
    operator: str = ""
    controller: str = ""
    collection: str = ""
    """Version of the collection."""
    changed: bool = False
    check_mode: bool = False
    sentence: str = ""
    """How it ended, in one sentence; empty: the verdict's."""
    phases: tuple[Phase, ...] = ()
    gate: GateReport | None = None
    certificates: tuple[CertificateReport, ...] = ()
    roll: RollReport | None = None
    """The roll of the whole array."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Member left out to its reason."""
    findings: tuple[Finding, ...] = ()
    """About the array and the run; those of members are with the members."""
    accepted: tuple[Accepted, ...] = ()
    """Findings that were accepted for a while: they are told, and do not count."""
    site: str = ""
    """Whose array it is, where several sites have arrays of one name."""
    plan: PlanReport | None = None
    """What the gate let through."""
    product: str = ""
    """Empty: it was not known, or there are several."""
    completed: bool = False
    """A way back was asked for from a rollout that had ended well."""
    line: CommandLine = CommandLine()
    """What was given to ``ansible-playbook``."""

    @property
    def whose(self) -> str:
        """The array, with its site where there is one."""
        return f"{self.array} ({self.site})" if self.site else self.array

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """The array's and every member's, worst first, each once."""
        return in_order([*self.findings, *(item for member in self.members for item in member.findings)])

    @property
    def succession(self) -> str:
        """How people call what has a successor here, by the uses that the members have."""
        uses = {use for member in self.members for use in member.uses}
        return next((p.succession for p in PRODUCTS.values() if can_roll(p) and p.succeeds in uses), "a use")


def report_json(report: Report, steps: Iterable[NextStep] = ()) -> dict[str, Any]:
    """The document, as plain data that fits ``docs/report.schema.json``. ``steps``: what to do next."""
    return {"schema": SCHEMA, **to_plain(report), "next": [to_document(step, report.line) for step in steps]}


def report_from_json(document: Mapping[str, Any]) -> Report:
    """A report back from its document. Raises PlainError naming the field that does not fit."""
    return from_plain(Report, document)


def check_of(finding_id: str) -> str | None:
    """The column of CHECKS that a finding's id belongs to; None: it is about the array or the run."""
    return CATALOGUE.get(finding_id, UNLISTED).column


def checks(findings: Iterable[Finding], ran: Collection[str]) -> dict[str, Check]:
    """The row of one member: each column gets its worst finding.

    :param findings: those of this member.
    :param ran: the columns that were really asked; the others are ``not-run`` unless a finding speaks.
    """
    row = {name: Check("ok" if name in ran else "not-run") for name in CHECKS}
    for item in sorted(findings, key=lambda one: rank(one.severity)):
        column = check_of(item.id)
        if column and item.stops:
            row[column] = Check("error", item.text)
        elif column and item.severity == "warning":
            row[column] = Check("warning", item.text)
    return row
