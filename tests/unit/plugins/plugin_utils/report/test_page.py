# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page: complete, self-contained, and foreign text in it is only ever text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import jinja2
import pytest
from hypothesis import example as also
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.page import chain_groups, report_html
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import Phase, Report
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.svg import chain_svg
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pictures import Chain
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.report import examples

EXAMPLES = [examples.refused, examples.renewed, examples.one, examples.forty]
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shape(html: str) -> tuple[list[str], list[str]]:
    """What foreign text must not change: the tags and the attributes' names."""
    page = Page(html)
    return page.tags, [name for name, _ in page.attributes]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_page_stands_alone(example: Callable[[], Report]) -> None:
    report = example()
    html = report_html(report)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on") and name not in ("style", "src")
        if name == "href":
            assert value is not None and value.startswith("#")
    assert "://" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert "url(" not in html and "@import" not in html
    text = "".join(page.text)
    assert all(member.name in text for member in report.members)


def test_the_policy_allows_this_style_sheet_only() -> None:
    html = report_html(examples.one())
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = re.search(r"Content-Security-Policy\" content=\"([^\"]*)\"", html)
    assert style and policy
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1].replace("&#39;", "'").startswith(f"default-src 'none'; style-src 'sha256-{digest}'")


def test_every_link_has_its_target() -> None:
    page = Page(report_html(examples.forty()))
    targets = {value for name, value in page.attributes if name == "id"}
    assert all(value[1:] in targets for name, value in page.attributes if name == "href" and value)


def test_forty_members_stay_small() -> None:
    assert len(report_html(examples.forty())) < 300_000


def test_alike_chains_are_drawn_once_and_the_broken_one_first() -> None:
    groups = chain_groups(examples.refused().members)
    assert [(group.ok, group.members) for group in groups] == [(False, ("edge2",)), (True, ("edge1", "edge3"))]
    (both,) = chain_groups(examples.renewed().members)
    assert len(both.chains) == 2 and both.members == ("edge1", "edge2", "edge3")


def test_a_missing_link_is_a_gap_with_its_name() -> None:
    svg = chain_svg([examples.BAD_CHAIN])
    assert svg.count('class="box missing"') == 2  # lying and standing
    assert svg.count('class="tie broken"') == 4
    assert "Example Trust TLS Issuing" in svg and "not reached" in svg and "not complete" in svg


def test_alternatives_share_their_first_boxes() -> None:
    svg = chain_svg([examples.GOOD_CHAIN, examples.CROSS])
    boxes = re.findall(r'class="box (\w+)"', svg[: svg.index("</svg>")])
    assert boxes == ["leaf", "intermediate", "intermediate", "root", "intermediate", "root"]


def test_a_chain_of_nothing_is_drawn_as_nothing() -> None:
    assert "<rect" not in chain_svg([Chain((), ())])


def test_of_a_subject_the_common_name_is_shown() -> None:
    svg = chain_svg([Chain(("x",), (examples.LEAF,), ("O=Example, CN=Missing CA, C=DE",), False)])
    assert '">Missing CA</text>' in svg and "<title>O=Example, CN=Missing CA, C=DE" in svg


def test_long_names_end_in_an_ellipsis_and_are_whole_in_the_tooltip() -> None:
    name = "An Extraordinarily Long Name Of A Certification Authority That Never Ends 2031"
    svg = chain_svg([Chain(("x",), (replace(examples.LEAF, subject=name),))])
    assert f"<title>{name}" in svg and "\N{HORIZONTAL ELLIPSIS}" in svg


def planted(text: str) -> Report:
    """A report with foreign text wherever some may come from."""
    report = examples.refused()
    link = replace(examples.LEAF, subject=text)
    member = replace(
        report.members[1],
        name=text,
        plan=(text,),
        chains=(Chain((text,), (link,), (text,), False),),
        host=replace(report.members[1].host, product=text, windows=text),
        findings=(finding("chain.issuer-missing", text, text, text, remedy=text or "x", evidence={text: text}),),
        wire=tuple(replace(port, endpoint=text, host=text, text=text) for port in report.members[1].wire),
    )
    return replace(
        report,
        array=text,
        run=text,
        operator=text,
        controller=text,
        collection=text,
        sentence=text or "x",
        members=(member,),
        excluded={text: text},
        phases=(Phase(text, "ok", text),),
        certificates=tuple(
            replace(one, subject=text, issuer=text, uses=(text,), serial=text or "1") for one in report.certificates
        ),
    )


HARMLESS = shape(report_html(planted("harmless")))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
@also("<script>alert(1)</script>")
@also('"><img src=x onerror=alert(1)>')
@also("' onmouseover='alert(1)")
@also("</title></svg></style>")
@also("{{ 7 * 7 }}{% include 'x' %}")
@also("CN=\u202eelpmaxe\u2066, O=\x1b[31m")
def test_foreign_text_is_only_ever_text(text: str) -> None:
    html = report_html(planted(text))
    if text.strip():
        tags, names = shape(html)
        # A name is cut in lines in the drawing, so the number of its <text> elements may differ; nothing else may.
        assert [tag for tag in tags if tag != "text"] == [tag for tag in HARMLESS[0] if tag != "text"]
        assert set(names) == set(HARMLESS[1])
    assert not set(html) & set("\x1b\x00\u202e\u2066")


def test_the_template_is_compiled_for_the_first_page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    first = report_html(examples.renewed())

    def compiled(*_given: object, **_named: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(jinja2.Environment, "compile", compiled)
    assert report_html(examples.renewed()) == first
    assert report_html(examples.forty()) != first
