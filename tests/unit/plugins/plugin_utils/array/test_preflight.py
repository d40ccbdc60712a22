# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before any member is touched, and what the bundles mean for every member."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.preflight import (
    all_findings,
    array_findings,
    delivery_findings,
    trust_findings,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wanted import bundles_by_leaf, wanted_for
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import from_problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import Delivery
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    EDGE,
    MEMBERS,
    bundle,
    ids,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    NAMES,
    internal,
    issuing,
    new,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, issue, rsa_key

TRUST = (root().certificate,)


def delivery(name: str = "external", leaf: Issued | None = None, **more: Any) -> Delivery:
    given: dict[str, Any] = {"intermediates": (issuing().certificate,), "roots": ()} | {
        k: more.pop(k) for k in ("intermediates", "roots") if k in more
    }
    opened = replace(bundle(), leaf=(leaf or new()).certificate, **given)
    return Delivery(name, opened, more.pop("exportable", True), None, more.pop("trust", TRUST), "system")


def rsa_leaf(**knobs: Any) -> Issued:
    return issue(NAMES[0], issuing(), **{"names": NAMES, "key": rsa_key(which=2), "not_before": NOW - DAY, **knobs})


def array(members: Any = MEMBERS, excluded: Any = None, size: int | None = None, arrays: Any = None) -> list[Any]:
    return list(array_findings("edge", members, arrays or {"edge": members}, excluded or {}, size))


def wanted_from(deliveries: list[Delivery], av: str = "auto", install_root: bool = False) -> Wanted:
    return wanted_for(deliveries, EDGE, EDGE.own({"av": av}), NOW, install_root)


# -- the array ---------------------------------------------------------------------------------------------------------


def test_a_whole_array_is_taken() -> None:
    assert array() == [] and array(size=3) == []
    assert array(excluded={"edge3": "broken disk"}, size=3) == []
    assert array(arrays={"edge": MEMBERS, "east": ["edge7"]}) == []


@pytest.mark.parametrize(
    "given, expected, says",
    [
        ({"members": []}, ["array.empty"], "not in the inventory"),
        ({"excluded": dict.fromkeys(MEMBERS, "x")}, ["array.empty"], "every member"),
        ({"size": 4}, ["array.incomplete-run"], "rollout_size says 4 members, this run sees 3"),
        ({"size": 2}, ["array.incomplete-run"], "sliced or partial"),
        ({"excluded": {"edge9": "typo"}}, ["array.incomplete-run"], "edge9, which is no member"),
        ({"excluded": {"edge3": "  "}}, ["array.incomplete-run"], "no reason for edge3"),
        ({"excluded": {"edge3": None}}, ["array.incomplete-run"], "no reason for edge3"),
        ({"arrays": {"edge": MEMBERS, "east": ["edge2"]}}, ["array.member-twice"], "'edge' and of 'east'"),
    ],
)
def test_a_part_of_an_array_or_a_host_in_two_is_refused(given: Any, expected: list[str], says: str) -> None:
    found = array(**given)
    assert ids(found) == expected and says in found[0].text and all(f.stops for f in found)


# -- the deliveries ----------------------------------------------------------------------------------------------------


def check(leaf: Issued | None = None, product: str = "edge", at: datetime = NOW, **more: Any) -> list[Any]:
    return list(delivery_findings([delivery(leaf=leaf, **more)], at, PRODUCTS[product].wildcards))


def test_a_delivery_in_order() -> None:
    assert check() == []


@pytest.mark.parametrize(
    "knobs, expected",
    [
        ({"not_after": NOW - DAY / 2}, "leaf.expired"),
        ({"not_before": NOW + DAY / 2}, "leaf.not-yet-valid"),
        ({"names": (*NAMES, "*.contoso.example")}, "names.wildcard"),
        ({"extended": ("1.3.6.1.5.5.7.3.2",)}, "leaf.no-server-auth"),
        ({"key": rsa_key(1024)}, "leaf.key-weak"),
    ],
)
def test_a_leaf_that_cannot_do_is_refused(knobs: dict[str, Any], expected: str) -> None:
    found = check(rsa_leaf(**knobs))
    assert expected in ids(found) and any(f.stops for f in found if f.id == expected)


@pytest.mark.parametrize(("name", "told"), [("corporate.pem", True), ("system", False), ("mozilla", False)])
def test_an_intermediate_in_a_list_of_trusted_roots_is_told(name: str, told: bool) -> None:
    """Taken for a root it would make every chain look complete. Lists of others are not this run's matter."""
    given = [
        replace(delivery(one), trust=(root().certificate, issuing().certificate), trust_name=name)
        for one in ("external", "av")
    ]
    found = list(trust_findings(given))
    assert [(one.id, one.member) for one in found] == [("chain.intermediate-as-root", "")] * told
    assert all(issuing().certificate.issuer in one.text for one in found)


def test_a_delivery_that_does_not_lead_to_a_trusted_root_is_told_the_gate_decides() -> None:
    (found,) = check(intermediates=())
    assert found.id == "chain.incomplete" and not found.stops
    assert "'external' does not lead to a root of trust list 'system'" in found.text


def test_one_certificate_inside_and_outside_is_told() -> None:
    (found,) = (from_problem(problem) for problem in EDGE.leaf(wanted_from([delivery(), delivery("internal")])))
    assert found.id == "bundle.shared-internal" and not found.stops and ACCESS in found.text
    assert list(EDGE.leaf(wanted_from([delivery(), delivery("internal", internal())]))) == []
    told = all_findings("edge", MEMBERS, {}, {}, None, [delivery(), delivery("internal")],
                        wanted_from([delivery(), delivery("internal")]), NOW, EDGE)  # fmt: skip
    assert "bundle.shared-internal" in ids(told)


def test_everything_is_told_at_once_worst_first() -> None:
    sent = [delivery(leaf=rsa_leaf(not_after=NOW - DAY / 2), intermediates=())]
    found = all_findings("edge", [], {}, {}, None, sent, wanted_from(sent), NOW, EDGE)
    assert set(ids(found)) >= {"array.empty", "leaf.expired", "chain.incomplete"}
    assert [f.stops for f in found] == sorted((f.stops for f in found), reverse=True)


# -- what every member shall have --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names, av, uses",
    [
        (["external"], "auto", {ACCESS: "external", DATA: "external", AV: "external"}),
        (["external"], "leave", {ACCESS: "external", DATA: "external"}),
        (["external", "av"], "auto", {ACCESS: "external", DATA: "external", AV: "av"}),
        (["external", "av"], "leave", {ACCESS: "external", DATA: "external", AV: "av"}),
        (["av"], "follow", {AV: "av"}),
        (["internal"], "follow", {INTERNAL: "internal"}),
    ],
)
def test_each_use_gets_its_bundle(names: list[str], av: str, uses: dict[str, str]) -> None:
    leaves = {"external": new(), "av": rsa_leaf(), "internal": internal()}
    wanted = wanted_from([delivery(n, leaves[n]) for n in names], av)
    assert wanted.uses == {use: leaves[name].certificate for use, name in uses.items()}
    assert len(wanted.keys) == len(names)


def test_the_vendor_s_intermediates_are_installed_and_no_root_unasked() -> None:
    sent = delivery(roots=(root().certificate,))
    wanted = wanted_from([sent])
    assert wanted.stores.intermediates == (issuing().certificate,) and wanted.roots == ()
    assert wanted.trust == {new().certificate.sha256: TRUST}
    assert wanted_from([sent], install_root=True).roots == TRUST


def test_a_cross_sign_that_the_best_chain_does_not_need_is_left_out() -> None:
    """Installed, it would make a second chain that can be sent."""
    elder = authority("Elder Root")
    cross = authority("Contoso Issuing CA", elder, key=issuing().key)
    sent = delivery(intermediates=(cross.certificate, issuing().certificate))
    assert wanted_from([sent]).stores.intermediates == (issuing().certificate,)
    other = delivery(intermediates=(cross.certificate, issuing().certificate), trust=(elder.certificate,))
    assert wanted_from([other]).stores.intermediates == (cross.certificate,)


def test_what_the_user_wants_of_the_key_goes_along() -> None:
    (key,) = wanted_from([delivery(exportable=False)]).keys
    assert not key.exportable and key.store == "My"
    assert bundles_by_leaf([delivery()])[new().certificate.sha256].leaf == new().certificate
