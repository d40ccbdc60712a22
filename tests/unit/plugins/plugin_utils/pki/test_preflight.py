# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a bundle before any server is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.preflight import (
    check_bundle,
    check_chain,
    check_leaf,
    check_roots,
)
from ansible_collections.ucops.certificates.tests.unit.deliveries import vendor
from ansible_collections.ucops.certificates.tests.unit.zoo import (
    ANY,
    CLIENT,
    DAY,
    NOW,
    Issued,
    authority,
    ec_key,
    issue,
    rsa_key,
)

V = vendor()
NAMES = ["sip.contoso.example", "webcon.contoso.example"]


def bundle(leaf: Issued | None = None, *chain: Issued, roots: tuple[Issued, ...] = ()) -> Bundle:
    """A bundle around a leaf."""
    leaf = leaf or V.leaf
    return Bundle(leaf.certificate, tuple(one.certificate for one in chain or V.chain),
                  tuple(one.certificate for one in roots), leaf.key, "delivery.zip")  # fmt: skip


def ids(leaf: Issued | None = None, **options: Any) -> list[str]:
    """Ids of what is wrong with a leaf."""
    return [finding.id for finding in check_leaf(bundle(leaf), options.pop("at", NOW), **options)]


def made(**knobs: Any) -> Issued:
    """A leaf of the vendor with some knobs turned."""
    return issue("sip.contoso.example", V.lower, **{"key": rsa_key(), "names": NAMES, **knobs})


def test_nothing_wrong() -> None:
    """With everything asked."""
    old = made(not_before=NOW - 300 * DAY)
    asked: dict[str, Any] = {
        "trust": [V.root.certificate], "required": NAMES, "current": old.certificate, "sha512": False,
        "wildcards": False, "soon": timedelta(days=30),
    }  # fmt: skip
    assert check_bundle(bundle(), NOW, "Contoso 2026", **asked) == ()


@pytest.mark.parametrize(("knobs", "options", "expected"), [
    ({"not_after": NOW - DAY}, {}, ["leaf.expired"]),
    ({"not_before": NOW + DAY}, {}, ["leaf.not-yet-valid"]),
    ({"not_after": NOW + DAY}, {"soon": timedelta(days=7)}, ["leaf.expires-soon"]),
    ({"not_after": NOW + 8 * DAY}, {"soon": timedelta(days=7)}, []),
    ({"hashed": "sha512"}, {}, []),
    ({"key": ec_key("preflight")}, {}, ["leaf.key-type"]),
    ({"key": rsa_key(1024)}, {}, ["leaf.key-weak"]),
    ({"hashed": "sha1"}, {}, ["leaf.weak-signature"]),
    ({"extended": [CLIENT]}, {}, ["leaf.no-server-auth"]),
    ({"extended": [ANY]}, {}, []),
    ({"extended": None}, {}, []),
    ({"ca": True, "usage": None}, {}, ["leaf.is-ca"]),
    ({"names": ["*.contoso.example"]}, {"wildcards": False}, ["names.wildcard"]),
    ({"names": ["*.contoso.example"]}, {"required": NAMES}, []),
    ({"names": ["sip.contoso.example"]}, {"required": NAMES}, ["names.missing"]),
    ({"names": ["sip contoso", "-x"]}, {}, ["names.invalid"]),
])  # fmt: skip
def test_leaf(knobs: dict[str, Any], options: dict[str, Any], expected: list[str]) -> None:
    """One thing wrong, one finding."""
    assert ids(made(**knobs), **options) == expected


def test_texts_say_what_was_expected_and_found() -> None:
    """For the person who has to call the vendor."""
    text = check_leaf(bundle(made(names=["sip.contoso.example"])), NOW, required=NAMES)[0].text
    assert "webcon.contoso.example" in text and "expected" in text and "found" in text
    finding = check_leaf(bundle(made(not_after=NOW - DAY)), NOW)[0]
    assert "2026-11-22 12:00:00 UTC" in finding.text
    assert finding.subject == "CN=sip.contoso.example"


@pytest.mark.parametrize(("days", "refused"), [(0, True), (1, False), (-1, True)])
def test_older_than_the_one_in_use(days: int, refused: bool) -> None:
    """Not later is not enough: renewing with last year's delivery is a common mistake."""
    current = made(not_before=NOW - 50 * DAY)
    expected = ["leaf.older-than-current"] if refused else []
    assert ids(made(not_before=NOW - 50 * DAY + days * DAY), current=current.certificate) == expected


def test_the_one_in_use_itself() -> None:
    """A second run is no step back."""
    assert ids(current=V.leaf.certificate) == []


def test_sha512_anywhere_below_the_root() -> None:
    """Schannel of old Windows reads none of them."""
    root = authority("R", hashed="sha512")
    middle = authority("M", root, hashed="sha512")
    leaf = issue("x.example", middle, key=rsa_key())
    given = bundle(leaf, middle, roots=(root,))
    assert [(one.id, one.subject) for one in check_leaf(given, NOW, sha512=False)] == [("leaf.sha512", "CN=M")]
    assert check_leaf(given, NOW) == ()


def test_friendly_name() -> None:
    """Fewer than 64 characters."""
    assert not check_bundle(bundle(), NOW, "x" * 63)
    assert [one.id for one in check_bundle(bundle(), NOW, "x" * 64)] == ["friendly-name.too-long"]


def test_chain_that_lacks_an_intermediate() -> None:
    """The story this collection exists for: the vendor's zip lacks one, and it is named."""
    found = check_chain(bundle(None, V.lower), NOW, [V.root.certificate])
    assert [one.id for one in found] == ["chain.incomplete", "chain.issuer-missing"]
    assert "Vendor Policy CA" in found[0].text
    assert V.upper.key_id.hex().upper() in found[0].text


def test_chain_to_a_root_that_is_not_trusted() -> None:
    """The delivery's own root is not trusted because it came along."""
    found = check_chain(bundle(roots=(V.root,)), NOW, [authority("Other").certificate])
    assert [one.id for one in found] == ["chain.incomplete", "chain.untrusted-root"]


def test_chain_with_an_expired_intermediate() -> None:
    """Complete, but not good: no chain.incomplete."""
    stale = authority("Vendor Issuing CA", V.upper, key=V.lower.key, not_after=NOW - DAY)
    found = check_chain(bundle(None, stale, V.upper), NOW, [V.root.certificate])
    assert [one.id for one in found] == ["chain.expired"]


def test_roots_offered() -> None:
    """An intermediate does not belong into the Root store; a name that looks like a root's does not make it one."""
    renewed = authority("Vendor Root", V.root, subject=V.root.subject)
    assert check_roots([V.root.certificate]) == ()
    found = check_roots([V.root.certificate, V.upper.certificate, renewed.certificate])
    assert [(one.id, one.subject) for one in found] == [
        ("chain.intermediate-as-root", "CN=Vendor Policy CA"),
        ("chain.intermediate-as-root", "CN=Vendor Root, O=Vendor, C=US"),
    ]
