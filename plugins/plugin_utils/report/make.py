# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind: the report files, the table on the screen, the sentence that becomes the exit code."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..array import addresses, prove
from ..array.approved import digest
from ..array.gate import GateVerdict
from ..array.prove import before_of, desired_of
from ..array.run import Run
from ..array.unfinished import folder_of
from ..array.verdict import ArrayVerdict
from ..findings.finding import Finding, finding, in_order, stopping
from ..member import records
from ..member.evidence import Evidence
from ..next_step import variable
from ..plain import from_plain, to_plain
from .advice import next_steps
from .member import Ports, member_report
from .page import report_html
from .report import CertificateReport, GateReport, Phase, PhaseResult, PlanReport, Report, Result, report_json
from .table import text_table


def write_report(run: Run, directory: str, now: datetime, tell: Callable[[str], None]) -> dict[str, Any]:
    """Writes report.json and report.html in a folder of the run's own, prints the table, and says how the run ended.

    A folder that cannot be written does not hide how the run ended: that is told first.
    """
    report = make_report(run, now)
    bad = report.result in ("failed", "refused")
    folder = folder_of(directory, report.array, report.run, report.site)
    tell("\n" + text_table(report))
    answer = {
        "verdict": report.verdict.to_dict(),
        "result": report.result,
        "sentence": report.sentence,
        "failed_rollout": bad,
        "directory": folder,
    }
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.path.join(folder, "report.json"), "w", encoding="ascii") as file:
            json.dump(report_json(report, next_steps(report)), file, indent=1)
        with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as file:
            file.write(report_html(report))
    except OSError as error:
        tell(
            f"The report could not be written to {folder}: {error.strerror or error}. Set rollout_report_dir to "
            f"a folder that can be written"
        )
        return answer | {"failed_rollout": True}
    tell(f"Report: {os.path.join(folder, 'report.html')}\n")
    return answer


def make_report(run: Run, now: datetime) -> Report:
    """The report of the run, from what its steps left."""
    settings, evidence = run.settings, run.evidence
    first = before_of(settings, run.first, evidence)
    desired = desired_of(settings, run.first, evidence)
    ports = Ports.of(run)
    verdict = prove.verdict(run.product, settings, evidence, run.first, ports.before, ports.after)
    gate = run.gate.verdict if run.gate is not None else None
    proven = run.proof
    members = tuple(
        member_report(run, ports, verdict, m, first.get(m, {}), desired.get(m, {})) for m in settings.members
    )
    whole = [*_array_findings(run, gate), *(f for f in proven if f.member not in settings.members)]
    failure = run.failure
    touched = bool(run.touched or run.rolled)
    result = _result(run, failure, touched, in_order([*whole, *(f for m in members for f in m.findings)]), verdict)
    return Report(
        run=settings.run,
        array=settings.array,
        purpose=settings.purpose,
        result=result,
        started=datetime.fromisoformat(settings.started),
        finished=now,
        verdict=verdict,
        members=members,
        operator=settings.operator,
        controller=settings.controller,
        collection=settings.version,
        changed=_changed(run),
        check_mode=run.simulated,
        sentence=_sentence(verdict, failure),
        phases=_phases(run, ports, gate, failure),
        gate=GateReport.of(gate) if gate else None,
        certificates=_all_certificates(evidence.values()),
        roll=next((m.roll for m in members if m.roll and m.roll.state != "none"), None),
        excluded=settings.excluded,
        findings=in_order(whole),
        site=settings.site,
        plan=PlanReport(digest(run.plan), run.plan) if run.plan else None,
        product=settings.product,
        completed=settings.completed,
        line=run.line,
    )


def approved_plan(directory: str, wanted: str) -> tuple[str, ...] | None:
    """The lines of a plan that a report in ``directory`` has under that digest; None where there is none."""
    for file in sorted(Path(directory).glob("*/report.json"), reverse=True):
        try:
            plan = json.loads(file.read_text(encoding="utf-8")).get("plan") or {}
            if plan.get("digest") == wanted.strip().lower():
                return tuple(str(line) for line in plan["lines"])
        except (OSError, ValueError, AttributeError, KeyError):
            continue
    return None


def _array_findings(run: Run, gate: GateVerdict | None) -> Iterable[Finding]:
    members = run.settings.members
    if gate is not None:
        yield from (f for f in gate.findings if f.member not in members)
    if gate is None:  # a settling run or a rollback that was refused
        yield from run.refused
    named = addresses.named_by(run.endpoints)  # a renewal with such addresses was refused
    yield from addresses.shared_findings(run.settings.array, named, "rollout_endpoints", "warning")
    for member, reason in run.settings.excluded.items():
        yield finding("member.excluded", member, member, reason)
    for member, reason in run.not_taken_back.items():
        yield finding("rollback.failed", member, member, str(reason))
    if run.unroll is not None and run.unroll.text and not run.unroll.cancel:
        waits = any(records.scheduled(seen) for seen in run.evidence.values())
        id = "roll.pending" if waits else "roll.passed"
        yield finding(id, run.settings.array, run.product.succeeds, run.unroll.text)
    for member in run.not_released:
        text = f"still holds the lock of this run; the next run needs {variable('rollout_take_over', run.settings.run)}"
        yield finding("member.locked", member, member, text, severity="warning")


def _result(run: Run, failure: str, touched: bool, found: Sequence[Finding], verdict: ArrayVerdict) -> Result:
    if failure:
        return "failed" if touched else "refused"
    if run.not_taken_back or verdict.verdict == "unknown" and run.settings.members and verdict.lost:
        return "failed"
    if run.settings.purpose == "rollback" and verdict.verdict == "mixed":
        return "failed"
    if run.simulated or (_renews(run) and verdict.verdict == "all-old" and not _changed(run)):
        return "planned"
    return "warning" if stopping(found) or any(f.severity == "warning" for f in found) else "ok"


def _renews(run: Run) -> bool:
    """Whether the run was to renew something."""
    return run.settings.purpose == "renew" and bool(run.settings.wanted)


def _changed(run: Run) -> bool:
    """Whether this run changed any member: touched it, rolled it, or staged something there."""
    if run.simulated:
        return False
    return bool(run.touched or run.rolled or any(run.staged.values()))


def _sentence(verdict: ArrayVerdict, failure: str) -> str:
    if not failure:
        return f"{verdict.verdict}: {verdict.text}"
    return f"{verdict.verdict}: {verdict.text} {failure.splitlines()[0]}"


def _phases(run: Run, ports: Ports, gate: GateVerdict | None, failure: str) -> tuple[Phase, ...]:
    settings = run.settings
    lost = [m for m in settings.members if m not in run.first]
    phases = [
        Phase(
            "read",
            "failed" if lost else "ok",
            f"{', '.join(lost)} not heard of" if lost else f"{len(settings.members)} members",
        )
    ]
    if gate is not None:
        phases.append(
            Phase("gate", "ok" if gate.passed else "refused", "every member proven ready" if gate.passed else "closed")
        )
    done: PhaseResult = "planned" if run.simulated else "ok"
    for name, members in (
        ("roll", run.rolled),
        ("switch" if settings.purpose == "renew" else settings.purpose, run.touched),
    ):
        if members:
            last = named(members[-1], failure)
            phases.append(Phase(name, "failed" if last else done, ", ".join(members)))
    if run.unroll is not None and run.unroll.cancel:
        phases.append(Phase("cancel roll", "ok", run.unroll.text))
    if ports.after is not None:
        read = len({p.address for p in ports.after if p.leaf and p.member in settings.members})
        phases.append(Phase("prove", "failed" if failure else "ok", f"{read} ports read"))
    if failure and run.touched and run.on_failure == "rollback" and settings.purpose == "renew":
        left = run.not_taken_back
        phases.append(
            Phase(
                "take back",
                "failed" if left else "ok",
                f"not taken back: {', '.join(left)}" if left else "every touched member",
            )
        )
    return tuple(phases)


def named(member: str, text: str) -> bool:
    """Whether a text speaks of a member by its name: ``edge1``, not ``edge10`` or ``edge1-old``."""
    return re.search(rf"(?<![\w.-]){re.escape(member)}(?![\w-])(?!\.\w)", text) is not None


def _all_certificates(seen: Iterable[Evidence]) -> tuple[CertificateReport, ...]:
    found: dict[str, CertificateReport] = {}
    for evidence in seen:
        for c in evidence.certificates:
            found.setdefault(c.thumbprint, from_plain(CertificateReport, to_plain(c)))
    return tuple(sorted(found.values(), key=lambda c: (c.role != "new", c.not_after)))
