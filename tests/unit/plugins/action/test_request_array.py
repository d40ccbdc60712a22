# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""request_array on a folder: what is refused before a member is touched, and the file of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import request
from ansible_collections.ucops.certificates.tests.unit.plugins.action.fake import run
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue, key_pem, rsa_key

NAMES = ["mail.contoso.example", "autodiscover.contoso.example"]


def ask(
    phase: str,
    check: bool = False,
    order: dict[str, Any] | None = None,
    read: dict[str, dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One phase. ``read``: member to the result that its task registered."""
    usual = {"product": "exchange", "array": "exchange", "on": "server", "members": ["ex1", "ex2"], "names": NAMES}
    hostvars = {member: {"__request_read": result} for member, result in (read or {}).items()}
    more |= {"registered": "__request_read"} if read else {}
    return run("request_array", MagicMock(), check, hostvars, phase=phase, order={**usual, **(order or {})}, **more)


def csr(names: list[str]) -> str:
    """A request."""
    return request.make(request.wish(names, {}), rsa_key()).decode("ascii")


def made(text: str | None, changed: bool = True) -> dict[str, Any]:
    """What exchange_request returned."""
    return {"changed": changed, "changes": [], "csr": text}


def test_the_file_is_written_once_and_follows_the_request(tmp_path: Path) -> None:
    file, first, other = tmp_path / "mail.csr", csr(NAMES), csr(NAMES[::-1])
    order = {"file": str(file)}
    looked = ask("report", True, order, made=made(first))
    assert looked["changed"] and looked["diff"]["after"] == first and not file.exists()
    assert ask("report", False, order, made=made(first))["changed"] and file.read_text() == first
    assert not ask("report", False, order, made=made(first, False))["changed"]
    assert ask("report", False, order, made=made(other))["changed"] and file.read_text() == other
    assert not ask("report", True, order, made=made(None))["changed"]
    assert [path.name for path in tmp_path.iterdir()] == ["mail.csr"]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"file": "there/none.csr"}, "there is no folder"),
        ({"file": "precious.txt"}, "is no certificate request. It is not overwritten"),
        ({"file": "empty.csr"}, "is empty"),
        ({"answer": "precious.txt"}, "precious.txt"),
        ({"on": "controller", "file": "a.csr", "key_file": "a.csr"}, "are the same file"),
    ],
)
def test_what_is_refused(tmp_path: Path, order: dict[str, str], told: str) -> None:
    (tmp_path / "precious.txt").write_text("precious")
    (tmp_path / "empty.csr").write_text("")
    paths = {k: str(tmp_path / v) if k != "on" else v for k, v in order.items()}
    refused = ask("preflight", order=paths, key_password="a password of the test")
    assert refused["failed"] and told in refused["msg"]
    assert (tmp_path / "precious.txt").read_text() == "precious"


def test_what_is_understood() -> None:
    told = ask("preflight", order={"names": ["Mail.Contoso.example"], "excluded": {"ex1": "dead"}})
    assert told["order"]["server"] == "ex2" and told["order"]["names"] == ["mail.contoso.example"]
    assert told["order"]["looked_at"] == ["ex2"] and not told["changed"]


def test_where_the_answer_belongs(tmp_path: Path) -> None:
    order = {"answer": str(tmp_path / "mail.crt")}
    ex1 = {"fit": {"msg": "its key is another"}}
    assert ask("place", order=order, read={"ex1": ex1, "ex2": {"fit": {"pending": [], "msg": ""}}})["server"] == "ex2"
    refused = ask("place", order=order, read={"ex1": ex1, "ex2": {"msg": "no route", "failed": True}})
    assert "ex2: no route" in refused["msg"]
    assert refused["finding"] == "exchange.answer-foreign" and "ex1: its key is another" in refused["msg"]


def test_the_answer_and_the_key(tmp_path: Path) -> None:
    root, key = authority("Root"), rsa_key(which=1)
    answer, keys = tmp_path / "mail.crt", tmp_path / "mail.key.pem"
    answer.write_text(issue(NAMES[0], root, names=NAMES, key=key).pem)
    keys.write_bytes(key_pem(key))
    order = {"on": "controller", "file": "x", "key_file": str(keys), "answer": str(answer)}
    told = ask("answer", order=order, key_password="unused")
    assert told["leaf"]["names"] == NAMES and any("renew_exchange" in line for line in told["said"])
    keys.write_bytes(key_pem(rsa_key(which=0)))
    refused = ask("answer", order=order, key_password="unused")
    assert refused["failed"] and "find the key that was made with the request" in refused["msg"]


def test_names_of_a_member_that_was_not_read() -> None:
    refused = ask("names", read={"ex1": {"look": {"reached_by": []}}, "ex2": {"failed": True, "msg": "no route"}})
    assert refused["failed"] and "ex2: no route" in refused["msg"]
    row = {"name": "webmail.contoso.example", "where": "OWA ExternalUrl", "own": False}
    first = {"look": {"reached_by": [row], "unread": ["OAB: denied"]}}
    read = {"ex1": first, "ex2": {"look": {"reached_by": [row]}}}
    lacks = ask("names", read=read)
    assert lacks["failed"] and lacks["missing"] == ["webmail.contoso.example: OWA ExternalUrl (ex1, ex2)"]
    fine = ask("names", order={"accept_missing": [row["name"]]}, read=read)
    assert fine["accepted"] == lacks["missing"] and any("OAB: denied" in line for line in fine["said"])
