# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as a textfile for Prometheus' node_exporter. Pure.

Instants are exported, never "days left": the server computes with its own clock. Names follow blackbox_exporter
(``probe_ssl_last_chain_expiry_timestamp_seconds``: the chain that counts, not the earliest certificate seen) and
ssl_exporter (``ssl_cert_not_after`` with ``cn``, ``serial_no`` and ``issuer_cn``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..findings.finding import SEVERITIES
from ..text import clean
from .report import CHECKS, Report

PREFIX = "ucops_certificates"

HELP: Mapping[str, str] = {
    "run_timestamp_seconds": "When the last verification of the array ended",
    "result": "How it ended: 0 ok, 1 warning, 2 failed",
    "member_up": "Whether the member was heard of",
    "check": "Whether a check of a member is in order: 1, or 0 with a warning or an error; absent: not asked",
    "findings": "How many findings of a severity a member (or the array) has; accepted ones do not count",
    "finding": "One finding; the value is always 1",
    "ssl_cert_not_after": "Last instant of validity of a certificate in use",
    "ssl_last_chain_expiry_timestamp_seconds": "When the chain that a member sends for a use ends: its weakest link",
}
"""Metric, without its prefix, to its text. All of them are gauges."""

Sample = tuple[Mapping[str, str], float]


def metrics(reports: Sequence[Report]) -> str:
    """The textfile of one run over any number of arrays."""
    lines: list[str] = []
    for name, text in HELP.items():
        samples = [sample for report in reports for sample in _SAMPLES[name](report)]
        if not samples:
            continue
        lines += [f"# HELP {PREFIX}_{name} {text}", f"# TYPE {PREFIX}_{name} gauge"]
        unique = {tuple(sorted(labels.items())): value for labels, value in samples}
        lines += [f"{PREFIX}_{name}{_labels(labels)} {value:.15g}" for labels, value in unique.items()]
    return "\n".join(lines) + "\n"


def _whose(report: Report) -> dict[str, str]:
    """The array, and the site where there is one: without it series stay what they were."""
    return ({"site": report.site} if report.site else {}) | {"array": report.array}


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    def escaped(text: str) -> str:
        return clean(text).replace("\\", "\\\\").replace('"', '\\"')

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}"


def _run(report: Report) -> Iterable[Sample]:
    yield {**_whose(report)}, report.finished.timestamp()


def _result(report: Report) -> Iterable[Sample]:
    yield {**_whose(report)}, float({"ok": 0, "planned": 0, "warning": 1}.get(report.result, 2))


def _up(report: Report) -> Iterable[Sample]:
    for member in report.members:
        yield {**_whose(report), "member": member.name}, float(member.state != "lost")


def _checks(report: Report) -> Iterable[Sample]:
    for member in report.members:
        for column in CHECKS:
            result = member.check(column).result
            if result != "not-run":
                labels = {**_whose(report), "member": member.name, "check": column}
                yield labels, float(result == "ok")


def _findings(report: Report) -> Iterable[Sample]:
    groups = [(member.name, member.findings) for member in report.members] + [("", report.findings)]
    for name, held in groups:
        counts = Counter(item.severity for item in held)
        for severity in SEVERITIES[1:]:
            labels = {**_whose(report), "member": name, "severity": severity}
            yield labels, float(counts[severity])


def _each(report: Report) -> Iterable[Sample]:
    for item in report.all_findings:
        member = item.member if item.member != report.array else ""
        yield {**_whose(report), "member": member, "id": item.id, "severity": item.severity}, 1.0


def _certificates(report: Report) -> Iterable[Sample]:
    for item in report.certificates:
        labels = {
            **_whose(report),
            "cn": item.subject,
            "issuer_cn": item.issuer,
            "serial_no": item.serial,
            "thumbprint": item.thumbprint,
        }
        yield labels, item.not_after.timestamp()


def _chains(report: Report) -> Iterable[Sample]:
    for member in report.members:
        for chain in member.chains:
            for use in chain.uses if chain.ok and chain.path else ():
                labels = {**_whose(report), "member": member.name, "use": use}
                yield labels, min(link.not_after for link in chain.path).timestamp()


_SAMPLES = {
    "run_timestamp_seconds": _run,
    "result": _result,
    "member_up": _up,
    "check": _checks,
    "findings": _findings,
    "finding": _each,
    "ssl_cert_not_after": _certificates,
    "ssl_last_chain_expiry_timestamp_seconds": _chains,
}
