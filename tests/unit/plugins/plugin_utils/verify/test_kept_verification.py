# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification keeps between its tasks, who is asked, and which ports are looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.kept import NotBegun
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.kept import KeptVerification
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.look import Look
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.run import Whose
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.settings import VerifyRun
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.verify.verified import seen
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

RUN = VerifyRun(
    "20261127T021500Z-4f2a",
    NOW,
    arrays={"edge": ("edge1", "edge2"), "mail": ("ex1", "edge2"), "none": ()},
    products={"edge": "edge", "mail": "exchange", "none": "edge"},
    excluded={"edge3": "dead"},
)


def test_what_one_task_kept_another_finds(tmp_path: Path) -> None:
    kept = KeptVerification(tmp_path)
    with pytest.raises(NotBegun, match="from its beginning"):
        kept.read()
    kept.begin(RUN, {"edge1": []}, {}, [{"host": "192.0.2.1", "port": 443}])
    kept.saw(RUN, seen("edge2"))
    kept.looked(RUN, "localhost", {"endpoints": []})
    kept.looked(RUN, "far", {"msg": "no route"})
    run, given = KeptVerification(tmp_path).read()
    assert run == RUN and given["to_read"] == [{"host": "192.0.2.1", "port": 443}]
    looks = kept.looks(run)
    assert list(looks) == ["edge2"] and "edge1" not in looks and Look.from_dict(looks["edge2"]) == seen("edge2")
    assert [one["vantage"] for one in kept.wire(run)] == ["localhost", "far"]


def test_a_second_verification_of_the_same_process_begins_with_nothing(tmp_path: Path) -> None:
    kept, second = KeptVerification(tmp_path), replace(RUN, run="20261127T021600Z-aaaa")
    for run in (RUN, second):
        kept.begin(run, {}, {}, [])
        assert not list(kept.looks(run)) and kept.wire(run) == []
        kept.saw(run, seen("edge2"))
        kept.looked(run, "localhost", {"endpoints": []})
    assert kept.read()[0] == second


def test_who_is_asked_and_as_what() -> None:
    asked = {member: RUN.product_of(member) for member in ("edge1", "edge2", "edge3", "ex1", "stranger")}
    assert asked == {"edge1": "edge", "edge2": "edge", "edge3": "", "ex1": "exchange", "stranger": ""}
    assert replace(RUN, wire_only=True).product_of("edge1") == ""


def test_ports_are_read_once_and_once_more_without_a_name() -> None:
    def port(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "host": "192.0.2.1", "port": "443", **more}

    members = {"edge1": [port("a", server_name="sip.x")], "edge2": [port("b")], "edge3": [port("left out")]}
    whose = Whose.of(members, {"edge": [port("balancer", starttls="none", server_name="sip.x")]})
    asked = whose.to_read(["edge1", "edge2", "edge1"], True)
    assert [one["name"] for one in asked] == ["a", "b", "balancer", "a", "balancer"]
    assert [one["server_name"] for one in asked] == ["sip.x", None, "sip.x", "", ""]
    assert {one["port"] for one in asked} == {443} and {one["starttls"] for one in asked} == {None}
    assert len(whose.to_read(["edge1", "edge2"], False)) == 3
