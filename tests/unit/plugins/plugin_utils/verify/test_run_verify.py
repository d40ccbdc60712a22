# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification's phases on the controller: what is refused, what is written, how it ends."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import report_from_json
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.in_use import Limits
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.run import VerifyArrays
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import MEMBERS
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    issuing,
    new,
    old,
    old_issuing,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.verify.verified import seen
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "docs" / "report.schema.json").is_file())
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))


def phase(name: str, said: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """One phase with these options."""
    given: dict[str, Any] = {
        "arrays": {"edge": list(MEMBERS)}, "products": {"edge": "edge"}, "options": {}, "run": {}, "looks": {},
        "reasons": {}, "endpoints": {}, "wire": [], "directory": None, "textfile": None, "compare_with": None,
        "front_ends": {},
    }  # fmt: skip
    run = VerifyArrays(given | options, (said if said is not None else []).append)
    run.now = NOW
    return run.run(name)


def begun(**options: Any) -> dict[str, Any]:
    """The run, with the pool's root as what clients trust."""
    run: dict[str, Any] = phase("begin", options={"trust": root().pem, "warn_days": 14, **options})["run"]
    return run


def ports(*chain: Any) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """The inventory's ports and what was read: one of each member."""
    port = {"name": "Access Edge", "port": 443, "use": ACCESS}
    where = {m: [{**port, "host": f"192.0.2.{n}"}] for n, m in enumerate(MEMBERS, 1)}
    ders = [{"der": base64.b64encode(one.der).decode()} for one in chain]
    rows = [
        {"host": f"192.0.2.{n}", "port": 443, "name": "Access Edge", "server_name": "sip.contoso.example",
         "certificates": ders, "error": None if ders else "timed out"}
        for n, _member in enumerate(MEMBERS, 1)
    ]  # fmt: skip
    return where, [{"vantage": "localhost", "endpoints": rows}]


def report(tmp_path: Path, run: dict[str, Any], said: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """The report phase over a healthy pool, but for the options."""
    endpoints, wire = ports(old(), old_issuing())
    given: dict[str, Any] = {
        "run": json.loads(json.dumps(run)), "looks": {m: seen(m).to_dict() for m in MEMBERS}, "wire": wire,
        "endpoints": endpoints, "directory": str(tmp_path),
    }  # fmt: skip
    return phase("report", said, **(given | options))


def test_a_healthy_pool_ends_well_with_all_its_evidence(tmp_path: Path) -> None:
    said: list[str] = []
    done = report(tmp_path, begun(), said, textfile=str(tmp_path / "ucops.prom"))
    assert not done["failed_verification"] and done["sentence"] == ""
    told = done["arrays"]["edge"]
    assert (told["result"], told["verdict"], told["worst"], told["findings"]) == ("ok", "alike", "ok", [])
    folder = Path(told["directory"])
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(SCHEMA, format_checker=checker).validate(document)
    assert report_from_json(document).purpose == "verify" and document["phases"][-1]["result"] == "ok"
    assert "As it should be" in (folder / "report.html").read_text(encoding="utf-8")
    suites = ET.parse(folder / "junit.xml").getroot()
    assert suites.get("failures") == "0" and len(suites) == 4
    assert "| edge2 | alike |" in (folder / "summary.md").read_text(encoding="utf-8")
    assert 'ucops_certificates_result{array="edge"} 0' in (tmp_path / "ucops.prom").read_text(encoding="utf-8")
    assert any("Nothing is left to do." in text for text in said)
    assert "BEGIN" not in "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())


def test_an_unreachable_member_fails_the_run_and_the_report_is_there(tmp_path: Path) -> None:
    looks = {m: seen(m).to_dict() for m in MEMBERS} | {"edge2": {}}
    done = report(tmp_path, begun(), looks=looks, reasons={"edge2": "connection refused"})
    assert done["failed_verification"] and "edge2" in done["sentence"]
    told = done["arrays"]["edge"]
    assert (told["worst"], told["lost"], told["verdict"]) == ("critical", ["edge2"], "unknown")
    assert "connection refused" in (Path(told["directory"]) / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fail_on", "result", "fails"),
    [("warning", "failed", True), ("error", "warning", False), ("critical", "warning", False)],
)
def test_how_bad_it_has_to_be(tmp_path: Path, fail_on: str, result: str, fails: bool) -> None:
    looks = {m: seen(m, limits=Limits(40, 7)).to_dict() for m in MEMBERS}
    done = report(tmp_path, begun(fail_on=fail_on, warn_days=40), looks=looks)
    assert (done["arrays"]["edge"]["result"], done["failed_verification"]) == (result, fails)
    assert done["arrays"]["edge"]["findings"] == ["leaf.expires-soon"]


def test_never_fails_when_asked_not_to(tmp_path: Path) -> None:
    done = report(tmp_path, begun(fail_on="never"), looks={})
    assert done["arrays"]["edge"]["worst"] == "critical" and not done["failed_verification"]


def test_what_is_accepted_is_told_and_does_not_count(tmp_path: Path) -> None:
    entry = {"id": "member.lost", "member": "edge2", "reason": "being replaced", "until": "2026-11-30"}
    looks = {m: seen(m).to_dict() for m in MEMBERS} | {"edge2": {}}
    done = report(tmp_path, begun(accept=[entry]), looks=looks)
    told = done["arrays"]["edge"]
    assert not done["failed_verification"] and (told["accepted"], told["findings"]) == (1, [])
    document = json.loads((Path(told["directory"]) / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["accepted"][0]["reason"] == "being replaced"
    page = (Path(told["directory"]) / "report.html").read_text(encoding="utf-8")
    assert "Verification of the array edge" in page and "being replaced" in page and "Accepted" in page
    assert '<th scope="col">Certificate</th>' in page and '<th scope="col">Presents</th>' in page
    assert "Wanted" not in page and "current" in page
    assert "being replaced" in (Path(told["directory"]) / "summary.md").read_text(encoding="utf-8")
    over = report(tmp_path, begun(accept=[entry | {"until": "2026-11-22"}]), looks=looks)
    assert over["failed_verification"] and over["arrays"]["edge"]["findings"] == ["accept.ended", "member.lost"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accept": [{"id": "x", "until": "2027-01-31"}]}, "verify_accept, entry 1: reason is missing"),
        ({"accept": [{"id": "x", "reason": "y", "until": "soon"}]}, "expected a day such as 2027-01-31"),
        ({"accept": [{"id": "x", "reason": "y", "until": "2027-01-31", "host": "z"}]}, "host is not a key"),
        ({"excluded": {"edge2": ""}}, "no reason for edge2"),
        ({"trust": "no-such-file.pem"}, "no-such-file.pem cannot be read"),
    ],
)
def test_bad_input_is_refused_before_any_member_is_asked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match="(?s).*") as refused:
        begun(**options)
    assert said in str(refused.value)


def test_no_array_and_no_run() -> None:
    with pytest.raises(InputError, match="none of the groups edge, exchange, frontend"):
        phase("begin", arrays={})
    with pytest.raises(ValueError, match="Start the playbook from its beginning"):
        phase("report")


def test_evidence_that_was_damaged_is_a_lost_member(tmp_path: Path) -> None:
    looks = {m: seen(m).to_dict() for m in MEMBERS}
    looks["edge3"]["clock"] = "noon"
    done = report(tmp_path, begun(), looks=looks)
    assert done["arrays"]["edge"]["lost"] == ["edge3"] and done["failed_verification"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = report(tmp_path, begun(), directory=str(file))
    assert done["failed_verification"] and "could not be written" in done["sentence"]
    assert done["arrays"]["edge"]["result"] == "ok"


def test_what_has_changed_since_an_earlier_report(tmp_path: Path) -> None:
    before = report(tmp_path, begun())["arrays"]["edge"]["directory"]
    said: list[str] = []
    looks = {m: seen(m).to_dict() for m in MEMBERS} | {"edge2": {}}
    report(tmp_path, begun(), said, looks=looks, compare_with=f"{before}/report.json")
    (text,) = [one for one in said if "what has changed" in one]
    assert "`member.lost` on edge2" in text and "| edge2 | answers | yes | no |" in text
    with pytest.raises(InputError, match="expected a report.json of this collection"):
        (tmp_path / "other.json").write_text("{}", encoding="utf-8")
        report(tmp_path, begun(), compare_with=str(tmp_path / "other.json"))


def test_what_stands_in_front_of_the_array(tmp_path: Path) -> None:
    """Any member may answer there; something that ends TLS with a certificate of its own does not pass for one."""
    front = {"name": "Balancer", "host": "198.51.100.1", "port": 443, "use": ACCESS}
    endpoints, wire = ports(old(), old_issuing())
    rows = wire[0]["endpoints"]

    def through(*chain: Any) -> list[str]:
        _where, read = ports(*chain)
        row = {**read[0]["endpoints"][0], "host": front["host"], "name": "Balancer"}
        wire = [{"vantage": "localhost", "endpoints": [*rows, row]}]
        done = report(tmp_path, begun(), wire=wire, endpoints=endpoints, front_ends={"edge": [front]})
        found: list[str] = done["arrays"]["edge"]["findings"]
        return found

    assert through(old(), old_issuing()) == []
    assert through(old()) == ["wire.incomplete"]
    assert through() == ["wire.no-answer"]
    assert "wire.leaf-differs" in through(new(), issuing())


def test_clients_that_name_no_server(tmp_path: Path) -> None:
    endpoints, wire = ports(old(), old_issuing())
    rows = wire[0]["endpoints"]
    bare = [{**row, "server_name": ""} for row in rows]
    other = {**bare[1], "certificates": ports(new(), issuing())[1][0]["endpoints"][1]["certificates"]}
    shut = {**bare[1], "certificates": [], "error": "the handshake failed"}
    for second, expected in ((bare[1], []), (other, ["wire.sni-differs"]), (shut, ["wire.sni-differs"])):
        read = [{"vantage": "localhost", "endpoints": [*rows, bare[0], second, bare[2]]}]
        done = report(tmp_path, begun(), wire=read, endpoints=endpoints)
        assert done["arrays"]["edge"]["findings"] == expected
        assert "3 of 3 ports read" in done["arrays"]["edge"]["sentence"]


def test_a_vantage_host_that_is_lost_and_one_that_sees_something_else(tmp_path: Path) -> None:
    endpoints, wire = ports(old(), old_issuing())
    _, silent = ports()
    lost = {"vantage": "outside", "unreachable": True, "msg": "no route"}
    done = report(tmp_path, begun(), wire=[*wire, lost])
    assert done["arrays"]["edge"]["findings"] == ["wire.vantage-lost"]
    other = report(tmp_path, begun(), wire=[*wire, {**silent[0], "vantage": "outside"}], endpoints=endpoints)
    folder = Path(other["arrays"]["edge"]["directory"])
    assert "(seen from outside)" in (folder / "report.json").read_text(encoding="utf-8")
