# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and their catalogue."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.catalogue import CATALOGUE
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import (
    SEVERITIES,
    Finding,
    finding,
    from_problem,
    in_order,
    rank,
    stopping,
    together,
    worst,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS

ROOT = next(
    parent
    for parent in Path(__file__).resolve().parents
    if (parent / "plugins" / "plugin_utils" / "findings" / "finding.py").is_file()
)
EVERY = {**CATALOGUE, **{id: entry for product in PRODUCTS.values() for id, entry in product.catalogue.items()}}
"""Everybody's and each product's own."""
FINDINGS = st.builds(
    Finding,
    st.sampled_from(sorted(EVERY)),
    st.sampled_from(SEVERITIES),
    st.text(max_size=5),
    st.text(max_size=9),
    st.text(max_size=9),
    st.text(max_size=9),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


@pytest.mark.parametrize("id", sorted(EVERY))
def test_every_entry_helps_a_reader(id: str) -> None:
    entry = EVERY[id]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*", id)
    assert entry.severity in SEVERITIES
    assert entry.title and not entry.title.endswith(".")
    assert entry.why.endswith((".", "!")) and entry.remedy.endswith(".")
    assert "domain.md" not in entry.source and "research" not in entry.source


def test_every_id_that_the_code_names_is_in_the_catalogue() -> None:
    families = "|".join(sorted({id.partition(".")[0] for id in EVERY}))
    named = re.compile(rf'"((?:{families})\.(?!(?:py|ps1|pem|crt|json)")[a-z0-9]+(?:-[a-z0-9]+)*)"')
    unknown = {}
    for path in (ROOT / "plugins").rglob("*.py"):
        for id in named.findall(path.read_text(encoding="utf-8")):
            if id not in EVERY:
                unknown[id] = path.name
    assert not unknown


def test_a_finding_takes_what_is_not_given_from_the_catalogue() -> None:
    item = finding(
        "store.intermediate-missing", "edge2", "CN=X", "not there", evidence={"thumbprint": "AB", "none": None}
    )
    assert item.severity == "error" and item.stops
    assert "LocalMachine" in item.title and "KB954755" in item.source
    assert item.remedy == EVERY[item.id].remedy
    assert item.evidence == {"thumbprint": "AB"}
    assert finding("roll.pending").text.startswith("The A/V authentication successor is waiting")
    assert finding("roll.pending", severity="error", remedy="Wait.").remedy == "Wait."


def test_an_unknown_id_never_passes_unseen() -> None:
    assert finding("no.such-thing").stops
    assert Finding("no.such-thing", "ok").title


def test_from_problem() -> None:
    @dataclass(frozen=True)
    class Seen:
        id: str = "key.unusable"
        subject: str = "CN=X"
        text: str = "does not sign"

    assert from_problem(Seen(), "edge1") == finding("key.unusable", "edge1", "CN=X", "does not sign")


def test_severities_are_ordered() -> None:
    assert [rank(one) for one in SEVERITIES] == sorted(rank(one) for one in SEVERITIES)
    assert rank("nonsense") > rank("critical")
    assert worst([]) == "ok"
    assert worst([finding("roll.pending"), finding("event.session-key"), finding("key.access")]) == "critical"
    assert [one.id for one in stopping([finding("roll.pending"), finding("key.access")])] == ["key.access"]


def test_the_same_on_several_members_is_said_once() -> None:
    found = [
        finding("key.access", name, "CN=X", "no access", evidence={"sid": "S-1-5-20", "host": name})
        for name in ("edge1", "edge2")
    ]
    groups = together([*found, finding("member.lost", "edge3")])
    assert [(group.finding.id, group.members) for group in groups] == [
        ("member.lost", ("edge3",)),
        ("key.access", ("edge1", "edge2")),
    ]
    assert groups[1].finding.evidence == {"sid": "S-1-5-20"}


@given(FINDINGS)
def test_findings_survive_as_plain_data(item: Finding) -> None:
    assert Finding.from_dict(item.to_dict()) == item


@given(st.lists(FINDINGS))
def test_ordering_loses_nothing_and_the_worst_comes_first(items: list[Finding]) -> None:
    ordered = in_order(items)
    assert {(one.id, one.member, one.text) for one in ordered} == {(one.id, one.member, one.text) for one in items}
    assert [rank(one.severity) for one in ordered] == sorted((rank(one.severity) for one in ordered), reverse=True)
    assert {name for group in together(items) for name in group.members} == {one.member for one in items if one.member}


def catalogue_page() -> str:
    """docs/findings.md as it should be."""
    lines = [
        "# Findings",
        "",
        "Every finding has an id that does not change between versions. `error` and `critical` stop a rollout,",
        "`warning` and `info` never do. A check may give a finding another severity than the one listed here where",
        "it knows better.",
        "",
    ]
    family = ""
    for id, entry in sorted(EVERY.items()):
        if id.partition(".")[0] != family:
            family = id.partition(".")[0]
            lines += [f"## {family}", ""]
        lines += [f"### `{id}`", "", f"**{entry.title}** ({entry.severity}). {entry.why}", ""]
        lines += [f"Next: {entry.remedy}", ""]
        if entry.source:
            lines += [f"Source: {entry.source}", ""]
    return "\n".join(lines)


def test_the_documentation_lists_the_catalogue() -> None:
    page = ROOT / "docs" / "findings.md"
    if os.environ.get("UCOPS_WRITE_DOCS"):
        page.write_text(catalogue_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == catalogue_page(), "write it anew: UCOPS_WRITE_DOCS=1"
