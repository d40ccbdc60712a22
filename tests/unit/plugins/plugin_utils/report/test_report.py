# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's document, its text and its advice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils import words
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.next_step import ROLLBACK
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import PlainError
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.advice import headline, next_steps, told
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import (
    CHECKS,
    SCHEMA,
    Check,
    Report,
    RollReport,
    check_of,
    checks,
    report_from_json,
    report_json,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.table import text_table
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report import examples

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "docs" / "report.schema.json").is_file())
PUBLISHED = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
EXAMPLES = [examples.refused, examples.renewed, examples.one, examples.forty]


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The published schema, refusing fields that it does not describe."""
    closed = copy.deepcopy(schema)
    for part in (closed, *closed["$defs"].values()):
        part["additionalProperties"] = False
    return closed


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_document_fits_the_published_schema(example: Callable[[], Report]) -> None:
    document = json.loads(json.dumps(report_json(example())))
    assert document["schema"] == SCHEMA == PUBLISHED["title"]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    jsonschema.Draft202012Validator(strict(PUBLISHED), format_checker=checker).validate(document)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "ucops.certificates/report/2"},
        {"result": "fine"},
        {"members": None},
        {"verdict": {}},
        {"gate": {"passed": True, "members": [], "digests": {"edge1": "short"}, "simulated": False}},
    ],
)
def test_the_schema_refuses_what_is_not_a_report(change: dict[str, Any]) -> None:
    document = {**report_json(examples.renewed()), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(PUBLISHED).validate(document)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_document_reads_back(example: Callable[[], Report]) -> None:
    report = example()
    assert report_from_json(json.loads(json.dumps(report_json(report)))) == report


def test_a_damaged_document_is_named() -> None:
    document = report_json(examples.refused())
    document["members"][1]["chains"][0]["path"][0]["role"] = "king"
    with pytest.raises(PlainError, match=r"members\[1\].chains\[0\].path\[0\].role: expected one of"):
        report_from_json(document)


def test_checks_take_the_worst_finding_of_their_column() -> None:
    row = checks(
        [
            finding("store.intermediate-missing", "a", "", "missing"),
            finding("store.too-many-roots", "a"),
            finding("roll.pending", "a"),
            finding("chain.ambiguous", "a", "", "two"),
        ],
        ("key", "roll"),
    )
    assert tuple(row) == CHECKS
    assert row["store"] == Check("error", "missing")
    assert row["chain"] == Check("warning", "two")
    assert (row["key"], row["roll"], row["tls"]) == (Check("ok"), Check("ok"), Check("not-run"))
    assert check_of("array.empty") is None and check_of("array.key-differs") == "key"


def test_a_lost_member_without_checks_is_not_shown_as_good() -> None:
    member = replace(examples.refused().members[1], checks={}, findings=(finding("member.lost", "edge2"),))
    assert member.check("reachable").result == "error" and member.check("store").result == "not-run"


def test_the_refused_run_names_the_cause_and_the_cure() -> None:
    report = examples.refused()
    assert headline(report).title == "Refused; nothing was switched"
    assert [group.finding.id for group in told(report)] == [
        "store.intermediate-missing",
        "chain.issuer-missing",
        "tls.presented-incomplete",
        "store.too-many-roots",
    ]
    assert [group.follows for group in told(report)] == [False, True, True, False]
    steps = next_steps(report)
    assert steps[0].why.startswith("edge2: Give the vendor's intermediate")
    assert sum("edge2" in step.why for step in steps) == 1


@pytest.mark.parametrize(
    ("change", "title", "tone"),
    [
        ({}, "Renewed", "good"),
        ({"changed": False}, "Nothing to do", "good"),
        ({"purpose": "verify", "changed": False}, "As it should be", "good"),
        ({"result": "warning"}, "Renewed, with warnings", "warn"),
        ({"result": "planned"}, "A plan; nothing was changed", "calm"),
        ({"result": "failed"}, "Failed; every member has the new certificate", "bad"),
    ],
)
def test_the_headline(change: dict[str, Any], title: str, tone: str) -> None:
    top = headline(replace(examples.renewed(), **change))
    assert (top.title, top.tone) == (title, tone) and top.sentence


def test_one_remedy_on_several_members_is_one_step() -> None:
    down = tuple(finding("product.service-stopped", f"edge{number}", f"svc{number}", f"{number}") for number in (1, 2))
    report = replace(examples.one(), result="refused", findings=down)
    assert next_steps(report)[0].why.startswith("edge1, edge2: ")


def test_nothing_is_advised_against_a_run_that_may_be_alive() -> None:
    """What it does while it is at work looks like damage: services stopped, a journal left open."""
    held = [finding("member.locked", f"edge{number}", "20261123T021500Z-4f2a", "held") for number in (1, 2)]
    more = (
        finding("journal.unfinished", "edge1", "20261123T021500Z-4f2a", "left", severity="error"),
        finding("product.service-stopped", "edge2", "RTCSRV", "stopped"),
        finding("event.session-key", "edge3", "", "differs"),
    )
    report = replace(examples.one(), result="refused", findings=(*held, *more), excluded={"edge9": "dead"})
    (step,) = next_steps(report)
    assert step.why.startswith("edge1, edge2: wait for run 20261123T021500Z-4f2a")
    assert step.variables["rollout_take_over"] == "20261123T021500Z-4f2a"
    assert [one.follows for one in told(report) if one.finding.id != "member.locked"] == [True] * 3
    shown = text_table(report)
    assert shown.count("rollback") == 0 and "Start-CsWindowsService" not in shown


def test_a_long_error_is_not_the_headline() -> None:
    report = replace(examples.one(), result="failed", sentence="all-old: as before.\n\nNot taken back.\n[x] more\nmore")
    assert headline(report).sentence == "all-old: as before. Not taken back."


def test_what_to_do_about_a_roll() -> None:
    report = examples.renewed()
    assert next_steps(report)[0].why.startswith(
        "After 2026-11-23 06:15 UTC settle it: this restarts A/V authentication and proves the successor."
    )
    assert "A/V authentication: successor " in text_table(report)
    late = replace(report, finished=report.finished + timedelta(days=1))
    assert next_steps(late)[0].why.endswith("settle it.")
    settled = replace(report, roll=RollReport("settled", examples.NOW), excluded={})
    assert next_steps(settled) == ()


def test_what_to_do_when_mixed_lost_or_planned() -> None:
    report = replace(examples.renewed(), findings=(), roll=None, excluded={}, result="failed")
    mixed = replace(report, verdict=replace(report.verdict, verdict="mixed"))
    assert next_steps(mixed)[0].playbooks == (ROLLBACK,) and "safe direction" in next_steps(mixed)[0].why
    unknown = replace(report, verdict=replace(report.verdict, verdict="unknown", lost=("edge7",)))
    assert next_steps(unknown)[0].why.startswith("Get edge7 back")
    assert "without --check" in next_steps(replace(report, result="planned", check_mode=True))[0].why
    assert "--tags switch" in next_steps(replace(report, result="planned", check_mode=False))[0].why


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_text_fits_a_terminal(example: Callable[[], Report]) -> None:
    report = example()
    text = text_table(report)
    assert max(map(len, text.splitlines())) <= 100
    assert all(words.shorten(member.name, 22) in text for member in report.members)
    assert text.isprintable() or set(text) - {"\n"} == {char for char in text if char.isprintable()}


def test_the_text_of_the_refused_run() -> None:
    lines = text_table(examples.refused()).splitlines()
    assert lines[0] == "edge: Refused; nothing was switched"
    row = next(line.split() for line in lines if line.startswith("  edge2"))
    assert row == ["edge2", "old", "ok", "ERROR", "ok", "ERROR", "ERROR", "ok", "-", "ok", "-"]
    assert "ERROR    store.intermediate-missing  edge2" in lines


def test_check_mode_prints_the_plan_once_for_alike_members() -> None:
    text = text_table(replace(examples.refused(), check_mode=True, result="planned"))
    assert "  edge1, edge2, edge3:" in text and text.count("roll AudioVideoAuthentication") == 1


def test_an_empty_report_still_reads() -> None:
    report = Report("r", "edge", "renew", "failed", examples.NOW, examples.NOW, examples.verdict(()))
    assert "(no members)" in text_table(report)
    jsonschema.Draft202012Validator(strict(PUBLISHED)).validate(report_json(report))


@given(st.text(max_size=80))
def test_foreign_text_reaches_no_terminal_unclean(text: str) -> None:
    foreign = finding("chain.issuer-missing", "edge1", text, f"{text} is missing")
    report = examples.refused()
    shown = text_table(replace(report, sentence=text, findings=(foreign,), operator=text, excluded={text: text}))
    assert not set(shown) & set("\x1b\x07\r\x00\x9b\u202e\u2066\u2028")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "3 s"), (99, "99 s"), (720, "12 min"), (4 * 3600, "4 h"), (8 * 86400, "8 days"), (395 * 86400, "13 months")],
)
def test_spans(seconds: int, text: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == text
    assert words.relative(examples.NOW + timedelta(seconds=seconds), examples.NOW) == f"in {text}"
    assert words.relative(examples.NOW - timedelta(seconds=seconds), examples.NOW) == f"{text} ago"


def test_small_words() -> None:
    assert words.relative(examples.NOW, examples.NOW) == "now"
    assert words.listed(["a", "b"]) == "a, b"
    assert words.listed(list("abcdefgh"), 4) == "a, b, c and 5 more"
    assert words.short_thumbprint(None) == "\N{EN DASH}" and words.short_thumbprint("AB") == "AB"
    assert words.shorten("abcdef", 4) == "abc\N{HORIZONTAL ELLIPSIS}"
