# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text on every way out: what acts on a terminal, turns text around or cannot be seen is shown, not done."""

from __future__ import annotations

import ast
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.action import tls_endpoint_info
from ansible_collections.ucops.certificates.plugins.filter.chain_paths import chain_paths_filter
from ansible_collections.ucops.certificates.plugins.plugin_utils import base
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import InputError
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError, open_bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import CertificateError
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.junit import junit_xml
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.page import report_html
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.prometheus import metrics
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import report_json
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.table import text_table
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.ticket import summary_markdown
from ansible_collections.ucops.certificates.plugins.plugin_utils.text import (
    clean,
    clean_lines,
    disarmed,
    escaped,
    harmless,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import CallError, OutcomeUnknown
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost, KeyRefused, NotSent
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import parse_reply
from ansible_collections.ucops.certificates.tests.unit.deliveries import zipped
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report import examples

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
EVIL = "a\x1b[2J\x1b]0;t\x07\x9b1m\u202eb\u2066\u200f\u200b\u00ad\ufeff\u2028\x00\x7f\udce9"
EVIL += "\r\nok: [edge1]\rc\td\U000e0041\u3164"
NAME = "Zentrale \u0646\u0627\u0645\u0647\u200c\u0627\u06cc \u00c4\u00d6"
"""A name as people have it, with the joiner that Persian is written with."""


def raw(text: str, but: str = "") -> set[str]:
    """The characters that must not be there; `but`: those that may."""
    unseen = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} | (set(text) & {"\u3164"})
    return unseen - set(but)


def strings(value: Any) -> Iterator[str]:
    """Every text in a result, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def test_each_character_of_those_classes_is_shown() -> None:
    every = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert {c for c in every if clean(c) == c} == set()
    assert {c for c in every if clean_lines(c) == c} == {"\n"}
    assert [c for c in every if unicodedata.category(c) != "Cf" and disarmed(c) == c] == ["\t", "\n"]
    directions = [c for c in every if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI")]
    assert directions and not [c for c in (*directions, "\u2068", "\u2069") if disarmed(c) == c]


@given(st.text())
def test_cleaning_twice_changes_nothing_and_leaves_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text) and not raw(clean(text))
    assert not raw(clean_lines(text), "\n") and clean_lines(clean_lines(text)) == clean_lines(text)
    assert disarmed(disarmed(text)) == disarmed(text) and not raw(escaped(text))
    assert len(disarmed(text)) == len(text)


@pytest.mark.parametrize(
    "text", ["", "mail.contoso.example", "\xc4 \u2013 \u201e\xfc\u201c \u6f22\u5b57 \U0001f642", "a b"]
)
def test_what_people_write_stays(text: str) -> None:
    assert clean(text) == clean_lines(text) == disarmed(text) == text


@pytest.mark.parametrize(
    "order", ["::error file=a,line=1::b", "::Stop-Commands::x", "::add-mask::a", "x::set-env name=a::b"]
)
def test_what_a_runner_of_jobs_obeys_is_broken(order: str) -> None:
    """Wherever it stands: Ansible may break the line before it. Data are shown as JSON, in which no line begins so."""
    shown = clean(f"long before {order}")
    assert "::" not in shown.rpartition("::")[0] and f"\N{REPLACEMENT CHARACTER}:{order.partition('::')[2]}" in shown
    assert clean_lines(order) == clean(order) and disarmed(order) == order


@pytest.mark.parametrize("order", ["##vso[task.complete result=Failed]", "##[error]x", "##TeamCity[message text='x']"])
def test_orders_with_a_bracket_are_broken_in_data_too(order: str) -> None:
    for shown in (clean(order), clean_lines(order), disarmed(order), harmless({"subject": order})["subject"]):
        assert shown == f"\N{REPLACEMENT CHARACTER}{order[1:]}"


@pytest.mark.parametrize(
    "text", ["2001:db8::e", "::1", "::ffff:192.0.2.1", "[Text.Encoding]::Unicode", "## 2", "a##b [c]"]
)
def test_what_looks_a_little_like_an_order_stays(text: str) -> None:
    assert clean(text) == disarmed(text) == text


def test_a_result_is_harmless_and_its_data_exact() -> None:
    data = {"name": NAME, "der": "MII=", "thumbprint": "AB" * 20, "n": 1, "none": None, "csr": "-----BEGIN\nx\n"}
    given_ = {**data, "msg": f"{NAME}\n{EVIL}", "rows": [{EVIL: EVIL, "error": NAME}], "raw": b"\x1b", "t": (1, "x")}
    left = harmless(given_)
    assert {key: left[key] for key in data} == data and left["raw"] == b"\x1b" and left["t"] == [1, "x"]
    assert not raw(left["msg"], "\n") and "\n" in left["msg"] and "\u200c" not in left["rows"][0]["error"]
    assert not [
        text for text in strings(left["rows"]) if set(text) & set("\x1b\x07\x9b\u202e\u2066\u2028\x00\x7f\udce9")
    ]


class Task(base.CertificateAction):
    """Raises or returns what a test wants."""

    does: Any = None

    def act(self, options: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        if isinstance(self.does, BaseException):
            raise self.does
        return {"changed": False, **self.does}


def left_by(does: Any) -> dict[str, Any]:
    """What Ansible gets."""
    task = MagicMock(args={}, check_mode=False, diff=False, async_val=0, no_log=False)
    action = Task(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action.does = does
    result: dict[str, Any] = action.run(task_vars={})
    return result


FAILURES = [
    base.Stop(EVIL, call=EVIL, evidence={"findings": [{"text": EVIL}]}), base.Unconfirmed(EVIL, changed=True),
    InputError("input.x", EVIL), BundleError("bundle.x", EVIL), CertificateError(EVIL), CallError(EVIL), NotSent(EVIL),
    KeyRefused(EVIL), OutcomeUnknown(EVIL, said=EVIL),
]  # fmt: skip


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_no_failure_brings_it_out(error: Exception) -> None:
    result = left_by(error)
    assert result["failed"] and result["msg"].startswith("a")
    assert not [text for text in strings(result) if raw(text, "\r\n\t\u200b\u00ad\ufeff\U000e0041\u3164")]
    assert not raw(result["msg"], "\n")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HostLost(EVIL, may_have_applied=True), AnsibleConnectionFailure),
        (AnsibleConnectionFailure(EVIL), AnsibleConnectionFailure),
        (AnsibleError(EVIL), AnsibleError),
        (ValueError(EVIL), AnsibleError),
        (RuntimeError(f"line\n{EVIL}"), AnsibleError),
    ],
    ids=["lost", "connection", "of Ansible", "of ours", "two lines"],
)
def test_no_exception_brings_it_out(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        left_by(error)
    assert not raw(str(caught.value), "\n") and caught.value.__cause__ is None


def test_an_ordinary_exception_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="plain"):
        left_by(ValueError("plain"))


def test_a_display_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(base.display, "display", shown.append)
    Task.tell(MagicMock(), f"  | edge1\n{EVIL}")
    assert not raw(shown[0], "\n") and shown[0].startswith("  | edge1\na")


def test_what_a_member_says_of_itself_and_of_an_error() -> None:
    error = dict.fromkeys(("message", "type", "fqid", "category"), EVIL)
    loaded = [{"name": EVIL, "version": EVIL, "lacks": [EVIL]}]
    host = dict.fromkeys(
        ("computer", "powershell", "clr", "windows", "user", "language", "culture", "load_error"), EVIL
    )
    replies = [{"id": "a", "error": error}, {"id": "b", "warnings": [EVIL], "rows": [{"Name": NAME}]}]
    nonce = "0" * 16
    body = json.dumps({"host": {**host, "loaded": loaded}, "replies": replies})
    reply = parse_reply(nonce, f"ucops-begin {nonce}\n{body}\nucops-end {nonce}\n")
    said = json.loads(json.dumps([reply.host.__dict__, reply["a"].error.__dict__], default=lambda o: o.__dict__))
    assert not [text for text in strings(said) if raw(text)]
    assert not raw(reply["b"].warnings[0]) and reply.rows("b") == ({"Name": NAME},)


def test_a_reply_that_cannot_be_read_is_quoted_harmlessly() -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        parse_reply("0" * 16, EVIL)
    assert caught.value.said and not raw(caught.value.said)


def test_a_finding_cannot_carry_it() -> None:
    for made in (finding("chain.issuer-missing", "edge1", EVIL, EVIL, remedy=EVIL, evidence={"x": EVIL}),
                 Finding("a", "error", "edge1", EVIL, EVIL, EVIL, {EVIL: EVIL})):  # fmt: skip
        assert not [text for text in strings(made.to_dict()) if raw(text)]


def test_no_form_of_the_report_brings_it_out() -> None:
    report = examples.refused()
    foreign = finding("chain.issuer-missing", "edge1", EVIL, EVIL)
    certificates = tuple(replace(c, subject=EVIL, issuer=EVIL, names=(EVIL,)) for c in report.certificates)
    report = replace(
        report, sentence=EVIL, findings=(foreign,), operator=EVIL, controller=EVIL, excluded={EVIL: EVIL},
        certificates=certificates, run=f"r{EVIL}",
    )  # fmt: skip
    made = [text_table(report), report_html(report), junit_xml(report), summary_markdown(report), metrics([report])]
    made.append(json.dumps(report_json(report), indent=1))
    for text in made:
        assert not raw(text, "\n"), text[:200]


def test_what_a_port_says() -> None:
    """Read in a detour over a vantage host, whose answer is foreign, too."""
    task = MagicMock(args={"endpoints": [{"host": "h", "port": 25}]}, check_mode=False, async_val=0, no_log=False)
    action = tls_endpoint_info.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    row = {"name": NAME, "error": EVIL, "handshake_error": EVIL, "certificates": [{"der": "MII="}]}
    action._execute_module = lambda **_kwargs: {"endpoints": [row], "msg": EVIL}
    result = action.run(task_vars={})
    assert not raw(result["msg"], "\n") and not raw(result["endpoints"][0]["error"], "\n")
    assert result["endpoints"][0]["name"] == NAME and result["endpoints"][0]["certificates"] == [{"der": "MII="}]


def test_names_in_an_archive_and_in_a_filter() -> None:
    name = "".join(c for c in EVIL if c not in "\x00\udce9")  # which no archive can hold
    with pytest.raises(BundleError) as caught:
        open_bundle("a", zipped({f"x{name}.crt": b"not a certificate"}))
    assert not raw(str(caught.value)) and "\\x1b" in str(caught.value)
    with pytest.raises(AnsibleError) as shown:
        chain_paths_filter(f"-----{EVIL}", purpose=EVIL)
    assert not raw(str(shown.value), "\n")


def test_there_is_no_other_door() -> None:
    """Only base shows lines, and every action is one of base's, or cleans its result itself."""
    for path in sorted(PLUGINS.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.name != "base.py":
            names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
            assert not names & {"Display", "print"}, path.name
        if path.parent.name == "action":
            bases = [
                ast.unparse(b) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) for b in n.bases
            ]
            assert "ActionBase" not in bases or source.count("harmless(") == source.count("return "), path.name
            assert "def run(" not in source or "ActionBase" in bases, path.name
