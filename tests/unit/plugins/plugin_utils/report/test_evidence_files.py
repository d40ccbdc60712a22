# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made from a report: JUnit XML, Prometheus' textfile, the page for a ticket, a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.accept import Acceptance, sort
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.compare import changes_between, markdown
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.junit import junit_xml
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.prometheus import HELP, PREFIX, metrics
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import CHECKS, Report
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.ticket import summary_markdown
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report import examples

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "docs" / "report.schema.json").is_file())
EXAMPLES = [examples.refused, examples.renewed, examples.one, examples.forty]
NASTY = 'CN=<b>"\x1b[31m|`x`]](http://x)\n# a'
SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\} (-?[0-9.e+]+)')


def nasty() -> Report:
    """A report whose foreign texts try to break out."""
    report = examples.refused()
    bad = finding("wire.no-answer", "edge1", NASTY, NASTY)
    first = replace(report.members[0], checks={}, findings=(*report.members[0].findings, bad))
    certificate = replace(report.certificates[0], subject=NASTY, issuer=NASTY)
    return replace(report, members=(first, *report.members[1:]), certificates=(certificate,), findings=(bad,))


@pytest.mark.parametrize("example", [*EXAMPLES, nasty])
def test_junit_has_a_case_for_every_check_of_every_member(example: Callable[[], Report]) -> None:
    report = example()
    root = ET.fromstring(junit_xml(report))
    assert [suite.get("name") for suite in root] == [*(m.name for m in report.members), report.array]
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(report.members) * len(CHECKS) + 1 == int(root.get("tests", ""))
    for member, suite in zip(report.members, root, strict=False):
        failed = {case.get("name") for case in suite if case.find("failure") is not None}
        assert failed == {name for name in CHECKS if member.check(name).result == "error"}
    assert sum(case.find("failure") is not None for case in cases) == int(root.get("failures", ""))
    assert "\x1b" not in junit_xml(report)


@pytest.mark.parametrize("example", [*EXAMPLES, nasty])
def test_the_textfile_is_what_a_collector_reads(example: Callable[[], Report]) -> None:
    report = example()
    seen: dict[str, str] = {}
    keys = set()
    for line in metrics([report]).splitlines():
        if line.startswith("#"):
            kind, name, text = line[2:].split(" ", 2)
            seen[f"{kind} {name}"] = text
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert f"HELP {match[1]}" in seen and seen[f"TYPE {match[1]}"] == "gauge"
        assert (match[1], match[2]) not in keys, "the same series twice makes the collector drop the file"
        keys.add((match[1], match[2]))
    ends = [line for line in metrics([report]).splitlines() if line.startswith(f"{PREFIX}_ssl_cert_not_after{{")]
    assert len(ends) == len(report.certificates)
    if report.certificates:
        assert f"{report.certificates[0].not_after.timestamp():.15g}" in ends[0]


def test_several_arrays_share_one_textfile() -> None:
    text = metrics([examples.renewed(), replace(examples.refused(), array="edge-b")])
    assert text.count(f"# TYPE {PREFIX}_result gauge") == 1
    assert f'{PREFIX}_result{{array="edge-b"}} 2' in text


def test_the_alert_rules_use_what_is_exported() -> None:
    rules = yaml.safe_load((ROOT / "docs" / "prometheus-alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 5
    exported = {f"{PREFIX}_{name}" for name in HELP}
    for rule in alerts:
        named = set(re.findall(rf"{PREFIX}_[a-z_]+", rule["expr"]))
        assert named and named <= exported, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("example", [*EXAMPLES, nasty])
def test_the_ticket_names_members_findings_and_dates(example: Callable[[], Report]) -> None:
    report = example()
    text = summary_markdown(report)
    assert text.startswith(f"# {report.array}: ")
    shown = [line for line in text.splitlines() if line.startswith("| edge")]
    assert len(shown) == len(report.members) + len(report.excluded)
    assert all(item.id in text for item in report.all_findings)
    assert all(certificate.thumbprint in text for certificate in report.certificates)
    assert "\x1b" not in text and not re.search(r"(?<!\\)(\]\(|<b>)", text)


def test_reports_that_say_the_same() -> None:
    comparison = changes_between(examples.refused(), examples.refused())
    assert comparison.same and "Nothing is different." in markdown(comparison)


def test_what_is_different_is_told_in_the_order_of_time() -> None:
    before = examples.refused()
    kept = tuple(f for f in before.members[1].findings if f.id != "store.intermediate-missing")
    more = finding("event.session-key", "edge2", "event 1", "again")
    uses = {use: replace(of, after="A" * 40) for use, of in before.members[1].uses.items()}
    changed = replace(before.members[1], findings=(*kept, more), uses=uses)
    after = replace(
        before,
        run="later",
        started=before.started + timedelta(days=1),
        members=(before.members[0], changed, *before.members[2:]),
    )
    for comparison in (changes_between(before, after), changes_between(after, before)):
        assert [f.id for f in comparison.appeared] == ["event.session-key"]
        assert [f.id for f in comparison.gone] == ["store.intermediate-missing"]
        assert {c.what for c in comparison.changes if c.member == "edge2"} >= set(uses)
        assert comparison.after == "later" and not comparison.same
        text = markdown(comparison)
        assert "`event.session-key` on edge2" in text and "No longer found:" in text
        assert comparison.to_dict()["appeared"][0]["id"] == "event.session-key"


def test_acceptances_by_id_member_subject_and_date() -> None:
    until = examples.NOW + timedelta(days=1)
    items = [
        finding("wire.no-answer", "edge1", "Access Edge 192.0.2.1:443", "silent"),
        finding("wire.no-answer", "edge2", "Access Edge 192.0.2.2:443", "silent"),
        finding("leaf.expires-soon", "edge1", "sip", "soon"),
    ]
    for acceptance, accepted in (
        (Acceptance("wire.*", "r", until), 2),
        (Acceptance("wire.no-answer", "r", until, member="edge2"), 1),
        (Acceptance("*", "r", until, subject="192.0.2.1:"), 1),
        (Acceptance("wire", "r", until), 0),
    ):
        result = sort(items, [acceptance], examples.NOW)
        assert len(result.accepted) == accepted and len(result.counting) == 3 - accepted
    late = sort(items, [Acceptance("wire.*", "known", examples.NOW - timedelta(days=1))], examples.NOW)
    assert not late.accepted and len([f for f in late.counting if f.id == "accept.ended"]) == 2
