# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stores hold, and what is missing there: never more than that, and never a key a second time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import (
    DesiredKey,
    DesiredStores,
    StoredCertificate,
    StoredKey,
    Stores,
    label,
    plan_removal,
    plan_stores,
    read_calls,
    stores_from_rows,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Secure
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    CAPI,
    UNHURRIED,
    allowed,
    blob,
    internal,
    issuing,
    key_test,
    keyed,
    new,
    old,
    old_issuing,
    root,
    staged_rows,
    store_rows,
    stored,
)

WANTED = DesiredStores((DesiredKey(new().certificate),), (issuing().certificate,), (root().certificate,))
PFX = {new().certificate.sha256: (b"pfx", "one-time")}


def done(calls: list[Call], stores: Stores) -> Stores:
    """The stores after the calls of a plan, as Windows would leave them."""
    everything = {one.certificate.thumbprint: one.certificate for one in (new(), old(), internal(), issuing(), root())}
    for call in calls:
        with_ = call.parameters
        if call.name == "Add-StoreCertificate":
            certificate = next(c for c in everything.values() if c.der == with_["RawData"])
            entry = StoredCertificate("LocalMachine", with_["Store"], certificate)
        else:
            assert call.name == "Import-StorePfx"
            certificate = everything[call.id.removeprefix("import-")]
            key = StoredKey(CAPI, "c", "Exchange", True, with_["Exportable"])
            bare = [c for c in stores.machine("My") if c.certificate == certificate]
            stores = replace(stores, certificates=tuple(c for c in stores.certificates if c not in bare))
            entry = StoredCertificate("LocalMachine", with_["Store"], certificate, "", key)
        stores = replace(stores, certificates=(*stores.certificates, entry))
    return stores


def test_rows_become_certificates_with_their_keys() -> None:
    stores = stores_from_rows(
        [keyed(old(), FriendlyName="in use", KeySpec="Exchange"), stored(issuing(), "CA")],
        [key_test(old(), signs=False, error="Keyset does not exist")],
        [allowed(old(), "S-1-5-20"), allowed(old(), "S-1-5-32-544"), allowed(old(), "S-1-1-0", "Deny")],
    )
    entry = stores.find("My", old().certificate.sha256)
    assert entry is not None and entry.key is not None
    assert (entry.friendly_name, entry.key.spec, entry.key.machine) == ("in use", "Exchange", True)
    assert (entry.key.signs, entry.key.sign_error) == (False, "Keyset does not exist")
    assert entry.key.readers == {"S-1-5-20", "S-1-5-32-544"}
    assert [c.key for c in stores.machine("CA")] == [None]


def test_what_was_not_asked_is_not_claimed() -> None:
    key = stores_from_rows([keyed(old())]).machine("My")[0].key
    assert key is not None and key.signs is None and key.readers is None


def test_a_test_of_an_absent_certificate_says_nothing() -> None:
    absent = key_test(old()) | {"Present": False, "Signs": False}
    key = stores_from_rows([keyed(old())], [absent]).machine("My")[0].key
    assert key is not None and key.signs is None


def test_thumbprints_of_the_rows_may_be_in_lower_case() -> None:
    small = {"Thumbprint": old().certificate.thumbprint.lower()}
    key = stores_from_rows([keyed(old())], [key_test(old()) | small], [allowed(old(), "S-1-5-20") | small])
    found = key.machine("My")[0].key
    assert found is not None and found.signs and found.readers == {"S-1-5-20"}


def test_a_service_account_s_store_comes_from_the_registry() -> None:
    row = stored(issuing(), "CA", "S-1-5-18") | {"Blob": blob(issuing().der, (3, b"\x01" * 20), (11, b"n\0a\0"))}
    stores = stores_from_rows([row])
    assert stores.elsewhere(issuing().certificate.sha256) == ("S-1-5-18",)
    assert stores.find("CA", issuing().certificate.sha256) is None, "a user's store is not the machine's"


@pytest.mark.parametrize(
    "broken",
    [
        {"RawData": b"\x30\x03\x02\x01\x01"},
        {"RawData": None, "Blob": None},
        {"RawData": None, "Blob": b""},
        {"RawData": None, "Blob": blob(issuing().der)[:-5]},
        {"RawData": None, "Blob": b"\x14\0\0\0\x01\0\0\0\x02\0\0\0xy"},
    ],
)
def test_an_entry_that_cannot_be_read_is_told_and_hides_no_other(broken: dict[str, Any]) -> None:
    stores = stores_from_rows([stored(issuing(), "CA") | broken, stored(root(), "Root")])
    assert [c.certificate for c in stores.certificates] == [root().certificate]
    assert len(stores.unreadable) == 1 and stores.unreadable[0].startswith("LocalMachine\\CA: ")


@pytest.mark.parametrize(
    "provider, cng",
    [
        (CAPI, False),
        ("Microsoft RSA SChannel Cryptographic Provider", False),
        ("Microsoft Software Key Storage Provider", True),
        ("Microsoft Platform Crypto Provider Key Storage Provider", True),
        ("CNG", True),
        ("", False),
    ],
)
def test_a_cng_key_is_known_by_its_provider(provider: str, cng: bool) -> None:
    assert StoredKey(provider, "", None, True, True).cng is cng


# -- planning ----------------------------------------------------------------------------------------------------------


def test_an_empty_member_gets_chain_first_and_key_last() -> None:
    changes = plan_stores(WANTED, Stores(()), PFX)
    assert [(c.kind, c.subject) for c in changes] == [
        ("add-certificate", "LocalMachine\\CA"),
        ("add-certificate", "LocalMachine\\Root"),
        ("import-key", "LocalMachine\\My"),
    ]
    parameters = changes[-1].calls[0].parameters
    assert parameters["Pfx"] == b"pfx" and parameters["Password"] == Secure("one-time") and parameters["Exportable"]
    assert "one-time" not in repr(changes) and "pfx" not in repr(changes).lower().replace("storepfx", "")


def test_a_plan_without_a_pfx_has_no_call_to_import() -> None:
    changes = plan_stores(WANTED, Stores(()))
    assert [len(c.calls) for c in changes] == [1, 1, 0], "check mode plans without making a PFX"


def test_a_present_key_is_never_imported_again_whatever_its_flags() -> None:
    """A new key container would lose the rights that services have on the old one (KB836410)."""
    for facts in ({}, {"Exportable": False}, {"KeyError": "Access is denied"}, {"MachineKeySet": False}):
        stores = stores_from_rows([keyed(new(), **facts)], [key_test(new(), signs=False)])
        assert not plan_stores(DesiredStores((DesiredKey(new().certificate),)), stores, PFX)


def test_a_certificate_without_its_key_is_imported_and_the_plan_says_why() -> None:
    changes = plan_stores(DesiredStores((DesiredKey(new().certificate),)), stores_from_rows([stored(new())]), PFX)
    assert [c.kind for c in changes] == ["import-key"]
    assert changes[0].as_line() == (
        f"LocalMachine\\My: certificate without its key -> {label(new().certificate)} with key, exportable"
    )


def test_a_copy_in_another_store_or_of_another_user_does_not_count() -> None:
    rows = [stored(issuing(), "Root"), stored(issuing(), "CA", "CurrentUser"), stored(issuing(), "CA", "S-1-5-20")]
    wanted = DesiredStores(intermediates=(issuing().certificate,))
    assert [c.subject for c in plan_stores(wanted, stores_from_rows(rows))] == ["LocalMachine\\CA"]


def test_a_label_can_be_looked_up() -> None:
    assert label(new().certificate) == f"sip.contoso.example ({new().certificate.thumbprint}, until 2027-11-23)"


ROWS = (
    stored(root(), "Root"), stored(issuing(), "CA"), stored(old_issuing(), "CA"), stored(new()), keyed(new()),
    keyed(old()), stored(issuing(), "CA", "CurrentUser"), stored(root(), "CA"), stored(new(), "CA"),
)  # fmt: skip


@UNHURRIED
@given(st.lists(st.sampled_from(range(len(ROWS))), unique=True), st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do(chosen: list[int], exportable: bool) -> None:
    rows = [ROWS[i] for i in chosen if not (i == 3 and 4 in chosen)]  # one entry of a certificate in a store
    stores = stores_from_rows(rows)
    wanted = replace(WANTED, keys=(DesiredKey(new().certificate, exportable=exportable),))
    plan = plan_stores(wanted, stores, PFX)
    calls = [call for change in plan for call in change.calls]
    after = done(calls, stores)
    assert plan_stores(wanted, after, PFX) == ()
    before = {(c.store, c.certificate.sha256) for c in stores.certificates if c.location == "LocalMachine"}
    added = {(c.subject.rsplit("\\", 1)[1], c.sha256) for c in plan if c.before == ""}
    assert not before & added, "nothing is added that is there"


@UNHURRIED
@given(st.lists(st.sampled_from(range(len(ROWS))), unique=True))
def test_what_check_mode_judges_is_what_staging_leaves(chosen: list[int]) -> None:
    stores = stores_from_rows([ROWS[i] for i in chosen if not (i == 3 and 4 in chosen)])
    planned = [StoredCertificate("LocalMachine", "CA", issuing().certificate)]
    planned += [StoredCertificate("LocalMachine", "Root", root().certificate)]
    planned += [StoredCertificate("LocalMachine", "My", new().certificate, "", StoredKey(CAPI, "", None, True, True))]
    calls = [call for change in plan_stores(WANTED, stores, PFX) for call in change.calls]

    def shape(those: Stores) -> set[tuple[str, str, str]]:
        return {(c.location, c.store, c.certificate.sha256) for c in those.certificates}

    assert shape(stores.having(planned)) == shape(done(calls, stores))


def test_removal_takes_only_what_is_there_and_the_key_only_when_asked() -> None:
    stores = stores_from_rows([*staged_rows(), stored(old(), "CA")])
    thumbprint = old().certificate.thumbprint
    (change,) = plan_removal("My", [thumbprint.lower(), "0" * 40], stores, delete_keys=True)
    assert change.calls[0].parameters == {"Store": "My", "Thumbprint": thumbprint, "DeleteKey": True}
    assert change.as_line() == f"LocalMachine\\My: {label(old().certificate)} and its key -> absent"
    (kept,) = plan_removal("My", [thumbprint], stores, delete_keys=False)
    assert kept.calls[0].parameters["DeleteKey"] is False and "its key" not in kept.before
    (bare,) = plan_removal("CA", [thumbprint], stores, delete_keys=True)
    assert bare.calls[0].parameters["DeleteKey"] is False, "there is no key to delete"


def test_a_read_asks_for_keys_only_when_it_is_about_some() -> None:
    assert [c.id for c in read_calls()] == ["stores"]
    asked = read_calls(thumbprints=["AA"])
    assert [c.id for c in asked] == ["stores", "keys", "access", "presented"]
    assert [c.optional for c in asked] == [False, False, False, True]
    assert store_rows() and all(c.kind == "read" for c in asked)
