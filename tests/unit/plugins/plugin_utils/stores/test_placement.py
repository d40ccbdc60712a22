# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user asks of a machine's stores, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.placement import (
    StoreOrder,
    differences,
    store_name,
    store_order,
    thumbprint,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.placement import keyed as keyed_in
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Stores, stores_from_rows
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    UNHURRIED,
    issuing,
    keyed,
    new,
    old,
    root,
    stored,
)

BUNDLE = Bundle(new().certificate, (issuing().certificate,), (root().certificate,), new().key, "renewal.zip")
OPTIONS: dict[str, Any] = {
    "store": None, "thumbprint": [], "delete_key": False, "install_root": False,
    "bundle": {"friendly_name": None, "exportable": True},
}  # fmt: skip


def wish(bundle: Bundle | None = BUNDLE, certificates: Any = (), **options: Any) -> StoreOrder:
    return store_order(OPTIONS | options, bundle, certificates)


@pytest.mark.parametrize(
    "text, name",
    [("my", "My"), (" ROOT ", "Root"), ("ca", "CA"), ("Web Hosting", "Web Hosting"), ("WSUS-x.1", "WSUS-x.1")],
)
def test_a_store_is_named_as_windows_does(text: str, name: str) -> None:
    assert store_name(text) == name


@pytest.mark.parametrize("text", ["", "  ", "My\\..", "My/x", "My;x", "M\u00fcll", "$env"])
def test_what_cannot_be_a_store_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a store"):
        store_name(text)


@UNHURRIED
@given(st.text(max_size=60))
def test_a_thumbprint_is_forty_digits_or_refused(text: str) -> None:
    try:
        found = thumbprint(text)
    except ValueError as error:
        assert repr(text) in str(error)
    else:
        assert len(found) == 40 and set(found) <= set("0123456789ABCDEF")


def test_a_bundle_goes_leaf_and_key_to_my_intermediates_to_ca_and_no_root_unasked() -> None:
    plan = wish().plan(Stores(()))
    assert [(c.kind, c.subject) for c in plan] == [
        ("add-certificate", "LocalMachine\\CA"), ("import-key", "LocalMachine\\My")
    ]  # fmt: skip
    assert wish().stores == ("My", "CA", "Root")
    asked = wish(install_root=True).plan(Stores(()))
    assert [c.subject for c in asked if c.sha256 == root().certificate.sha256] == ["LocalMachine\\Root"]


def test_certificates_without_a_store_go_to_ca_each_once() -> None:
    twice = wish(None, [issuing().certificate, issuing().certificate])
    assert [c.subject for c in twice.plan(Stores(()))] == ["LocalMachine\\CA"]
    assert twice.plan(stores_from_rows([stored(issuing(), "CA")])) == ()


def test_an_intermediate_offered_as_root_is_refused() -> None:
    (refused,) = wish(None, [issuing().certificate], store="root").refusals()
    assert refused.id == "chain.intermediate-as-root"
    assert wish(None, [root().certificate], store="root").refusals() == ()
    assert wish(None, [issuing().certificate]).refusals() == ()


def test_removing_asks_for_thumbprints_and_nothing_else() -> None:
    gone = wish(None, thumbprint=[old().certificate.thumbprint.lower()], delete_key=True)
    assert gone.thumbprints == (old().certificate.thumbprint,) and gone.stores == ("My",)
    (change,) = gone.plan(stores_from_rows([keyed(old()), keyed(new())]))
    assert change.kind == "remove-certificate" and change.calls[0].parameters["DeleteKey"]


def test_a_friendly_name_that_windows_cannot_hold_is_refused() -> None:
    name = {"friendly_name": "x" * 64, "exportable": True}
    with pytest.raises(ValueError, match="at most 63 characters, found 64"):
        store_order(OPTIONS | {"bundle": name}, BUNDLE, ())
    assert store_order(OPTIONS | {"bundle": name | {"friendly_name": "x" * 63}}, BUNDLE, ()).bundle is not None


def test_a_key_that_is_there_already_is_left_but_told() -> None:
    there = stores_from_rows([keyed(new(), Exportable=False, Provider="CNG")])
    told = differences(wish(), there)
    assert len(told) == 2 and "not exportable" in told[0] and "CNG" in told[1]
    assert differences(wish(), stores_from_rows([keyed(new())])) == ()
    assert differences(wish(), stores_from_rows([stored(new())])) == (), "its key is still to come"
    assert wish().plan(there)[-1].kind != "import-key"
    assert keyed_in(there, "My") == (new().certificate.thumbprint,)
