# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as JUnit XML: a suite a member, a case a check. GitLab, Jenkins and others show it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET  # only written here, never read

from ..text import clean
from .findings import Finding
from .plain import iso
from .report import CHECKS, MemberReport, Report, check_of


def junit_xml(report: Report) -> str:
    """The document. A case fails from ``error`` up, is skipped where nothing was asked, and passes with its warnings
    in its output."""
    suites = [_member(report, member) for member in report.members]
    suites.append(_array(report))
    root = ET.Element("testsuites", name=clean(f"{report.purpose} {report.array}"))
    for key in ("tests", "failures", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{(report.finished - report.started).total_seconds():.1f}")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _member(report: Report, member: MemberReport) -> ET.Element:
    suite = _suite(report, member.name)
    for column in CHECKS:
        own = [item for item in member.findings if check_of(item.id) == column]
        result = member.check(column).result
        _case(suite, f"{report.array}.{member.name}", column, own, skipped=result == "not-run")
    return _counted(suite)


def _array(report: Report) -> ET.Element:
    """What concerns the array; without it there would be a report with nothing but members."""
    suite = _suite(report, report.array)
    _case(suite, report.array, "array", report.findings, skipped=False)
    return _counted(suite)


def _suite(report: Report, name: str) -> ET.Element:
    return ET.Element("testsuite", name=clean(name), timestamp=iso(report.started), time="0")


def _counted(suite: ET.Element) -> ET.Element:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("errors", "0")
    return suite


def _case(suite: ET.Element, group: str, name: str, findings: Sequence[Finding], skipped: bool) -> None:
    case = ET.SubElement(suite, "testcase", classname=clean(group), name=name, time="0")
    bad = [item for item in findings if item.stops]
    rest = [item for item in findings if not item.stops]
    if bad:
        failure = ET.SubElement(case, "failure", type=bad[0].id, message=clean(f"{bad[0].title}: {bad[0].text}"))
        failure.text = "\n".join(_lines(item) for item in bad)
    elif skipped and not findings:
        ET.SubElement(case, "skipped", message="nothing was asked")
    if rest:
        ET.SubElement(case, "system-out").text = "\n".join(_lines(item) for item in rest)


def _lines(item: Finding) -> str:
    subject = f"{item.subject}: " if item.subject and item.subject not in item.text else ""
    return clean(f"{item.severity} {item.id} {subject}{item.text} Next: {item.remedy}")
