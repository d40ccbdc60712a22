# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a certificate covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.names import (
    covers,
    has_wildcard,
    missing_names,
    names_of,
    normal,
    valid_dns_name,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import issue, name


@pytest.mark.parametrize(("pattern", "wanted", "covered"), [
    ("sip.contoso.example", "sip.contoso.example", True),
    ("sip.contoso.example", "SIP.Contoso.Example", True),
    ("sip.contoso.example", "sip.contoso.example.", True),
    ("sip.contoso.example.", "sip.contoso.example", True),
    ("sip.contoso.example", "contoso.example", False),
    ("contoso.example", "sip.contoso.example", False),
    ("*.contoso.example", "sip.contoso.example", True),
    ("*.CONTOSO.example", "sip.contoso.example.", True),
    ("*.contoso.example", "contoso.example", False),
    ("*.contoso.example", "a.sip.contoso.example", False),
    ("*.contoso.example", ".contoso.example", False),
    ("*.contoso.example", "*.contoso.example", True),
    ("*.contoso.example", "*.sip.contoso.example", False),
    ("sip.contoso.example", "*.contoso.example", False),
    ("s*.contoso.example", "sip.contoso.example", False),
    ("sip.*.example", "sip.contoso.example", False),
    ("*.*.example", "sip.contoso.example", False),
    ("*", "contoso", False),
    ("*.example", "contoso.example", False),
    ("*.", "x", False),
    ("", "", False),
    ("", "x", False),
    ("ex_01.corp.local", "EX_01.corp.local", True),
    ("*.bücher.example", "www.xn--bcher-kva.example", True),
    ("xn--bcher-kva.example", "BÜCHER.example", True),
    ("edge1", "edge1", True),
])  # fmt: skip
def test_covers(pattern: str, wanted: str, covered: bool) -> None:
    """RFC 6125, with what Windows hosts are really called."""
    assert covers(pattern, wanted) is covered


def test_missing_names_in_their_order_and_once() -> None:
    """What is not covered, as it was asked for."""
    have = ("sip.contoso.example", "*.fabrikam.example")
    required = ["WEBCON.contoso.example", "sip.contoso.example", "a.fabrikam.example", "b.c.fabrikam.example",
                "WEBCON.contoso.example"]  # fmt: skip
    assert missing_names(have, required) == ("WEBCON.contoso.example", "b.c.fabrikam.example")
    assert missing_names((), ["x"]) == ("x",)
    assert missing_names(have, ()) == ()


@pytest.mark.parametrize(("given", "valid"), [
    ("sip.contoso.example", True), ("edge1", True), ("ex_01.corp.local", True), ("_sip._tls.contoso.example", True),
    ("bücher.example", True), ("a" * 63 + ".example", True), ("a" * 64 + ".example", False),
    ("-bad.example", False), ("bad-.example", False), ("a..example", False), ("", False), (".", False),
    ("sip contoso", False), ("*.contoso.example", False), (".".join(["a" * 50] * 6), False), ("a\nb", False),
    ("sip.contoso.example.", True),
])  # fmt: skip
def test_valid_dns_name(given: str, valid: bool) -> None:
    """Lengths, characters, labels."""
    assert valid_dns_name(given) is valid


def test_valid_wildcard() -> None:
    """Only in front, and not for a whole top-level domain."""
    assert valid_dns_name("*.contoso.example", wildcard=True)
    assert not valid_dns_name("*.example", wildcard=True)
    assert not valid_dns_name("*", wildcard=True)
    assert not valid_dns_name("a.*.example", wildcard=True)


def test_has_wildcard() -> None:
    """An asterisk anywhere."""
    assert has_wildcard(["a.example", "*.example"])
    assert not has_wildcard(["a.example"])


def test_names_of_a_certificate() -> None:
    """Alternative names; the common name only where there are none and it is a name."""
    assert names_of(issue("x.example", names=["a.example", "b.example"]).certificate) == ("a.example", "b.example")
    mail = [("email", "a@x.example")]
    assert names_of(issue("x.example", names=mail).certificate) == ("x.example",)
    assert names_of(issue(subject=name(CN="Contoso Sales"), names=mail).certificate) == ()


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_can_be_asked(one: str, other: str) -> None:
    """No name makes it fall over, and every proper name covers itself."""
    covers(one, other)
    covers("*." + one, other)
    normal(one)
    if valid_dns_name(one):
        assert covers(one, one.upper()) or one.upper().lower() != one.lower()
