# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only shows over all servers of an Exchange array: who renames Send connectors, when, and which stay."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import ArrayPlan, Both, Plan
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import (
    EXCHANGE,
    STAGED,
    SWITCHED,
    evidence,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import state

OLD = "<I>CN=Gone CA<S>CN=mail.contoso.example"


def seen(computer: str, *connectors: tuple[str, list[str]], switched: bool = False) -> Evidence:
    """A member that has to be switched, or is already, with these Send connectors to rename."""
    one = evidence(state(**(SWITCHED if switched else STAGED)))
    send = [{"name": name, "before": OLD, "after": "new", "sources": sources} for name, sources in connectors]
    return replace(one, host=replace(one.host, computer=computer), own={"send": send})


def plan(members: dict[str, Evidence]) -> ArrayPlan:
    return EXCHANGE.array("exchange", members, EXCHANGE.own({}))


def renamed(of: Plan) -> list[str]:
    return [change.subject for change in of.last]


def test_the_last_member_that_is_switched_renames_along_with_it() -> None:
    out = ("Out", ["EX1", "contoso.example/Servers/EX2"])
    both = plan({"ex1": seen("EX1", out), "ex2": seen("EX2", out)})
    assert list(both.plans) == ["ex2"] and renamed(both.plans["ex2"]) == ["Send connector Out"] and not both.after
    assert both.plans["ex2"].changes and both.plans["ex2"].settings["Send connector Out"] == Both(OLD, "new")
    first = plan({"ex1": seen("EX1", out), "ex2": seen("EX2", out, switched=True)})
    assert list(first.plans) == ["ex1"] and not first.after


def test_where_nobody_is_switched_any_more_it_is_a_step_of_its_own() -> None:
    """An earlier run was interrupted."""
    out = ("Out", ["EX1", "contoso.example/Servers/EX2"])
    alone = plan({"ex1": seen("EX1", out, switched=True), "ex2": seen("EX2", out, switched=True)})
    assert list(alone.after) == ["ex1"] and renamed(alone.after["ex1"]) == ["Send connector Out"] and not alone.plans
    assert alone.after["ex1"].settings == {"Send connector Out": Both(OLD, "new")}


def test_a_connector_of_another_server_is_left_alone_and_told() -> None:
    ours, theirs = ("Ours", ["EX2"]), ("Theirs", ["EX1", "EDGE7"])
    found = plan({"ex1": seen("EX1", ours, theirs), "ex2": seen("EX2")})
    assert [renamed(of) for of in (*found.plans.values(), *found.after.values())] == [["Send connector Ours"]]
    assert [(f.id, f.subject, f.severity) for f in found.findings] == [
        ("exchange.connector-elsewhere", "Send connector Theirs", "warning")
    ]
    assert "EDGE7" in found.findings[0].text
    only = plan({"ex1": seen("EX1", theirs)})
    assert not only.plans and not only.after


def test_a_connector_that_a_server_does_not_see_is_renamed_where_it_is_seen() -> None:
    """The last one that is switched does not read it: then it is done behind all switches."""
    out = ("Out", ["EX1"])
    found = plan({"ex1": seen("EX1", out), "ex2": seen("EX2")})
    assert list(found.after) == ["ex1"] and not found.plans, (
        "ex2 does not hold the certificate yet when ex1 is switched"
    )


def test_an_array_without_connectors_has_no_step_of_its_own() -> None:
    assert plan({"ex1": seen("EX1"), "ex2": seen("EX2")}) == ArrayPlan()
