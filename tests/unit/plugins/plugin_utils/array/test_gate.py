# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: positive evidence for every member, or nothing is switched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.gate import (
    GateRead,
    GateVerdict,
    clock_findings,
    gate_refusals,
    gate_verdict,
    read_digest,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report.examples import (
    ACCESS,
    AV,
    NEW,
    NOW,
    OLD,
    sha256,
)

MEMBERS = ("edge1", "edge2", "edge3")
WANTED = {ACCESS: NEW, AV: NEW}
KEY = sha256("key")


def read(name: str, **change: Any) -> GateRead:
    return replace(GateRead(name, sha256(name), WANTED, {ACCESS: KEY, AV: KEY}, 0.5), **change)


def judge(
    *reads: GateRead | None, members: tuple[str, ...] = MEMBERS, desired: dict[str, str] | None = None, **more: Any
) -> GateVerdict:
    of = dict(zip(members, reads, strict=False))
    return gate_verdict("run1", "edge", members, of, WANTED if desired is None else desired, NOW, **more)


def good() -> GateVerdict:
    return judge(*(read(name) for name in MEMBERS))


def ids(verdict: GateVerdict) -> list[str]:
    return [item.id for item in verdict.findings]


def test_passes_with_proof_for_every_member() -> None:
    verdict = good()
    assert verdict.passed and not verdict.findings
    assert verdict.digests == {name: sha256(name) for name in MEMBERS}
    assert GateVerdict.from_dict(verdict.to_dict()) == verdict


def test_no_members_never_passes() -> None:
    assert ids(judge(members=())) == ["array.empty"]


def test_nothing_wanted_never_passes() -> None:
    assert ids(judge(*(read(name) for name in MEMBERS), desired={})) == ["gate.no-evidence"]


@pytest.mark.parametrize("short", [(None, "edge2"), (read("edge2"), "")])
def test_a_member_without_a_read_never_passes(short: tuple[Any, str]) -> None:
    verdict = judge(read("edge1"), short[0]) if short[1] else judge(read("edge1"), short[0])
    assert not verdict.passed and "member.lost" in ids(verdict)


def test_a_member_listed_twice_never_passes() -> None:
    verdict = judge(read("edge1"), read("edge1"), members=("edge1", "edge1"))
    assert "array.member-twice" in ids(verdict) and not verdict.passed


@pytest.mark.parametrize(
    ("change", "id"),
    [
        ({"digest": ""}, "gate.no-evidence"),
        ({"digest": "A" * 64}, "gate.no-evidence"),
        ({"member": "edge9"}, "gate.no-evidence"),
        ({"member": "edge2", "wanted": {}}, "gate.no-evidence"),
        ({"staged": {ACCESS: NEW}}, "store.leaf-missing"),
        ({"staged": {ACCESS: NEW, AV: OLD}}, "array.thumbprint-differs"),
        ({"keys": {ACCESS: KEY}}, "key.unusable"),
        ({"keys": {ACCESS: KEY, AV: sha256("other key")}}, "array.key-differs"),
        ({"clock_offset": None}, "array.clock-unknown"),
        ({"clock_offset": float("nan")}, "array.clock-unknown"),
        ({"clock_offset": 61.0}, "array.clock-differs"),
        ({"findings": (finding("chain.issuer-missing", "edge2"),)}, "chain.issuer-missing"),
    ],
)
def test_one_member_short_is_enough(change: dict[str, Any], id: str) -> None:
    verdict = judge(read("edge1"), read("edge2", **change), read("edge3"))
    assert not verdict.passed and ids(verdict) == [id]


def test_the_odd_key_is_named() -> None:
    verdict = judge(read("edge1"), read("edge2", keys={ACCESS: sha256("x"), AV: KEY}), read("edge3"))
    assert [item.member for item in verdict.findings] == ["edge2"]
    of_bundle = judge(*(read(name) for name in MEMBERS), desired_keys={ACCESS: sha256("bundle"), AV: KEY})
    assert [item.member for item in of_bundle.findings] == list(MEMBERS)


def test_warnings_do_not_stop() -> None:
    assert judge(*(read(name) for name in MEMBERS), findings=[finding("store.too-many-roots", "edge1")]).passed
    assert not judge(*(read(name) for name in MEMBERS), findings=[finding("member.locked", "edge1")]).passed


def test_the_clock_that_is_off_is_named() -> None:
    (item,) = clock_findings("edge", {"edge1": 0.0, "edge2": -200.0, "edge3": 3.0})
    assert item.member == "edge2" and "200 s behind" in item.text and "203 s apart" in item.text
    assert item.evidence["edge2"] == "-200.0 s"
    assert clock_findings("edge", {"edge1": 300.0, "edge2": 330.0}) == ()
    assert clock_findings("edge", {"edge1": 0.0, "edge2": 61.0})[0].member == "edge2"


def test_the_switch_takes_the_verdict_of_its_own_run() -> None:
    assert gate_refusals(good(), "run1", MEMBERS, WANTED, {"edge1": sha256("edge1")}) == ()


@pytest.mark.parametrize(
    ("verdict", "id"),
    [
        (None, "gate.missing"),
        (replace(good(), run="run0"), "gate.other-run"),
        (replace(good(), members=MEMBERS[:2]), "gate.other-run"),
        (replace(good(), desired={ACCESS: OLD, AV: NEW}), "gate.other-run"),
        (replace(good(), passed=False), "gate.not-passed"),
        (replace(good(), digests={}), "gate.not-passed"),
        (replace(good(), findings=(finding("key.unusable", "edge1"),)), "gate.not-passed"),
        (replace(good(), simulated=True), "gate.simulated"),
        (replace(good(), digests={**good().digests, "edge1": sha256("changed")}), "gate.digest-differs"),
    ],
)
def test_the_switch_refuses_anything_else(verdict: GateVerdict | None, id: str) -> None:
    refused = gate_refusals(verdict, "run1", MEMBERS, WANTED, {"edge1": sha256("edge1")})
    assert id in [item.id for item in refused] and all(item.stops and item.text for item in refused)


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert read_digest({"a": 1, "b": [NOW]}) == read_digest({"b": [NOW], "a": 1})
    assert read_digest({"a": 1}) != read_digest({"a": 2})
    assert len(read_digest({})) == 64


READS = st.builds(
    GateRead,
    st.sampled_from(MEMBERS),
    st.sampled_from([sha256("a"), "", "nonsense"]),
    st.dictionaries(st.sampled_from([ACCESS, AV]), st.sampled_from([NEW, OLD, ""])),
    st.dictionaries(st.sampled_from([ACCESS, AV]), st.sampled_from([KEY, sha256("x"), ""])),
    st.one_of(st.none(), st.floats()),
)


@given(st.lists(st.sampled_from(MEMBERS), max_size=3), st.dictionaries(st.sampled_from(MEMBERS), READS))
def test_it_never_passes_without_proof(members: list[str], reads: dict[str, GateRead]) -> None:
    verdict = gate_verdict("run1", "edge", members, reads, WANTED, NOW)
    if verdict.passed:
        assert members and len(set(members)) == len(members)
        for name in members:
            of = reads[name]
            assert of.member == name and dict(of.staged) == WANTED
            assert len(set(of.keys.values())) >= 1 and "" not in of.keys.values() and set(of.keys) == set(WANTED)
            assert of.clock_offset is not None and set(verdict.digests) == set(members)
    else:
        assert any(item.stops for item in verdict.findings)
