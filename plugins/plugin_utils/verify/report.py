# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a verification, from what was read and judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ..array.verdict import ArrayState, ArrayVerdict, MemberState
from ..array.wire import Port
from ..findings.accept import Accepted
from ..findings.accept import sort as sort_accepted
from ..findings.finding import Finding, rank
from ..pki.certificate import Certificate
from ..products import PRODUCTS
from ..report.report import (
    CertificateReport,
    MemberReport,
    Phase,
    PhaseResult,
    Report,
    Result,
    Role,
    RollReport,
    UseReport,
    WireReport,
    checks,
)
from ..words import listed
from .judge import Case
from .look import Rolled
from .settings import VerifyRun
from .wire import subject_of


def make_report(run: VerifyRun, case: Case, found: Sequence[Finding], at: datetime) -> Report:
    """The report over one array. ``found``: everything judged, accepted or not."""
    sorted_ = sort_accepted(found, run.accept, at)
    counting = sorted_.counting
    verdict = verdict_of(run, case, counting)
    members = tuple(_member(run, case, verdict, member, counting) for member in case.members)
    result = result_of(run, counting)
    return Report(
        run=run.run,
        array=case.array,
        purpose="verify",
        result=result,
        started=run.started,
        finished=at,
        verdict=verdict,
        members=members,
        operator=run.operator,
        controller=run.controller,
        collection=run.version,
        sentence=_sentence(case, verdict, counting, sorted_.accepted),
        phases=_phases(run, case, result),
        product=run.products[case.array],
        certificates=_certificates(case),
        roll=_roll(next((look.rolled for look in case.looks.values() if look.rolled), None)),
        excluded=dict(run.excluded),
        findings=tuple(item for item in counting if item.member not in case.members),
        accepted=sorted_.accepted,
    )


def result_of(run: VerifyRun, counting: Iterable[Finding]) -> Result:
    """``failed`` from ``fail_on`` up, ``warning`` for anything else that should be mended, ``ok``."""
    worst = max((rank(item.severity) for item in counting), default=0)
    if run.fail_on != "never" and worst >= rank(run.fail_on):
        return "failed"
    return "warning" if worst >= rank("warning") else "ok"


def verdict_of(run: VerifyRun, case: Case, counting: Sequence[Finding]) -> ArrayVerdict:
    """Whether all members carry the same; nothing is old or new where nothing is being renewed."""
    product = PRODUCTS[run.products[case.array]]
    apart = {"roll.mixed", *(product.differs(use) for use in product.uses)}
    odd = {item.member for item in counting if item.id in apart}
    heard = set(case.looks) | ({port.member for port in case.every_port if port.leaf} if run.wire_only else set())
    states: dict[str, MemberState] = {
        m: "lost" if m not in heard else "other" if m in odd else "alike" for m in case.members
    }
    lost = tuple(member for member, state in states.items() if state == "lost")
    word: ArrayState
    if lost or not states:
        word, text = "unknown", f"{listed(lost)} not heard of." if lost else "No member: nothing is proven."
    elif "other" in states.values() or case.array in odd:
        differ = [member for member, state in states.items() if state == "other"]
        word = "mixed"
        text = f"{listed(differ)} differ from the others." if differ else "The members do not carry the same."
    else:
        word, text = "alike", _alike(run, case, len(states))
    return ArrayVerdict(
        word,
        states,
        lost,
        excluded=dict(run.excluded),
        text=text,
    )


def _alike(run: VerifyRun, case: Case, count: int) -> str:
    """What it means that nothing differs that must not differ."""
    product = PRODUCTS[run.products[case.array]]
    if count < 2:
        return "One member."
    if not all(product.differs(use) for use in product.uses):
        assigned = {use for look in case.looks.values() for use in look.assigned}
        shared = [use for use in product.uses if product.differs(use) and use in assigned]
        same = f"All {count} members carry the same {listed(shared)}; of the rest each" if shared else "Each member"
        return f"{same} may have its own."
    if run.wire_only:
        return f"What could be read is the same on all {count} members."
    return f"All {count} members carry the same."


def _sentence(case: Case, verdict: ArrayVerdict, counting: Sequence[Finding], accepted: Sequence[Accepted]) -> str:
    ports = case.every_port
    read = sum(1 for port in ports if port.leaf)
    said = f"{verdict.text} {read} of {len(ports)} ports read." if ports else verdict.text
    if any(rank(item.severity) >= rank("error") for item in counting):
        where = sorted({item.member for item in counting if item.stops and item.member in case.members})
        said += f" Errors on {listed(where)}." if where else " Errors that concern the array."
    return said + (f" {len(accepted)} accepted finding(s) do not count." if accepted else "")


def _phases(run: VerifyRun, case: Case, result: str) -> tuple[Phase, ...]:
    found = []
    if not run.wire_only:
        lost = [m for m in case.members if m not in case.looks]
        text = f"{', '.join(lost)} not heard of" if lost else f"{len(case.members)} members"
        found.append(Phase("read", "failed" if lost else "ok", text))
    ports = case.every_port
    if ports or case.lost_vantage:
        silent = [port for port in ports if port.leaf is None]
        bad = bool(silent or case.lost_vantage)
        found.append(Phase("wire", "warning" if bad else "ok", f"{len(ports) - len(silent)} of {len(ports)} ports"))
    judged: PhaseResult = "ok" if result == "ok" else "warning" if result == "warning" else "failed"
    found.append(Phase("judge", judged))
    return tuple(found)


def _member(
    run: VerifyRun, case: Case, verdict: ArrayVerdict, member: str, counting: Sequence[Finding]
) -> MemberReport:
    own = tuple(item for item in counting if item.member == member)
    look = case.looks.get(member)
    ports = [(from_, port) for from_, held in case.ports.items() for port in held if port.member == member]
    ran = {"wire"} if ports else set()
    if look is not None:
        ran |= PRODUCTS[look.product].checks - {"wire", "roll"}
        ran |= {"roll"} if look.rolled is not None else set()
        ran -= set() if look.admin else {"key", "tls"}
    wrong = {item.subject: item.text for item in own if item.id.startswith("wire.")}
    state = verdict.members.get(member, "lost")
    if look is None:
        wire = tuple(_port(from_, port, wrong) for from_, port in ports)
        return MemberReport(member, state, checks=checks(own, ran), wire=wire, findings=own)
    return MemberReport(
        name=member,
        state=state,
        host=look.host,
        checks=checks(own, ran),
        uses={use: UseReport(after=t) for use, held in look.assigned.items() for t in held[:1]},
        chains=look.chains,
        wire=tuple(_port(from_, port, wrong) for from_, port in ports),
        roll=_roll(look.rolled),
        findings=own,
    )


def _port(vantage: str, port: Port, wrong: Mapping[str, str]) -> WireReport:
    text = wrong.get(subject_of(port), "")
    leaf = port.leaf.thumbprint if port.leaf else None
    name = port.name if vantage in ("", "localhost") else f"{port.name}, from {vantage}"
    return WireReport(name, port.host, port.port, port.use, None, leaf, not text, text)


def _roll(rolled: Rolled | None) -> RollReport | None:
    if rolled is None:
        return None
    return RollReport("settled" if rolled.settled else "rolled", rolled.instant, rolled.thumbprint)


def _certificates(case: Case) -> tuple[CertificateReport, ...]:
    """Everything in use, each once, what ends first at the top."""
    uses: dict[str, dict[str, None]] = {}
    known: dict[str, Certificate] = {}
    roles: dict[str, Role] = {}
    for look in case.looks.values():
        for of in look.used:
            uses.setdefault(of.sha256, {}).update(dict.fromkeys(of.uses))
        for sha256, why in look.others.items():
            uses.setdefault(sha256, {}).update({why: None})
        known |= look.loaded
        successor = look.by_thumbprint(look.rolled.thumbprint) if look.rolled is not None else None
        if successor is not None and successor.sha256 not in uses:
            roles[successor.sha256] = "new"
            uses.setdefault(successor.sha256, {}).update({PRODUCTS[look.product].succeeds: None})
    for port in case.every_port:
        if port.leaf is not None and port.member not in case.looks:
            known[port.leaf.sha256] = port.leaf
            uses.setdefault(port.leaf.sha256, {}).update({port.use or port.name: None})
    found = [
        CertificateReport(
            c.thumbprint,
            c.common_name or c.subject,
            c.issuer,
            c.not_before,
            c.not_after,
            roles.get(sha256, "current"),
            tuple(of),
            c.serial_hex,
            sha256,
            tuple(c.dns_names),
        )
        for sha256, of in uses.items()
        if (c := known.get(sha256)) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.not_after))
