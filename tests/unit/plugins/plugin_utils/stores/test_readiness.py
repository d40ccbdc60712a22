# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this member serve it complete? Each thing that has gone wrong on a real server, by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.problem import Problem
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.readiness import (
    MAX_ROOTS,
    Presented,
    Readiness,
    judge,
    sendable,
    store_problems,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import NETWORK_SERVICE, stores_from_rows
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    allowed,
    issuing,
    key_test,
    keyed,
    many_roots,
    new,
    old_issuing,
    root,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, issue

GOOD = [stored(root(), "Root"), stored(issuing(), "CA"), keyed(new())]


def look(rows: Sequence[dict[str, Any]], leaf: Issued | None = None, **options: Any) -> Readiness:
    keys = [key_test(leaf or new(), **options.pop("test", {}))]
    stores = stores_from_rows(rows, keys, options.pop("access", ()))
    options.setdefault("trust", [root().certificate])
    options.setdefault("intended", [issuing().certificate])
    return judge((leaf or new()).certificate, stores, NOW, **options)


def ids(found: Sequence[Problem]) -> list[str]:
    return [p.id for p in found]


def only(found: Sequence[Problem]) -> Problem:
    assert len(found) == 1, ids(found)
    return found[0]


def sent(*chain: Issued) -> Presented:
    return Presented(True, tuple(one.certificate.sha256 for one in chain))


def test_a_member_in_order_has_no_problem_and_sends_leaf_and_intermediate() -> None:
    ready = look(GOOD, presented=sent(new(), issuing()), exportable=True)
    assert ready.problems == ()
    assert ready.sent == (new().certificate, issuing().certificate), "the root is not sent"


def test_the_incident_the_intermediate_is_nowhere() -> None:
    ready = look([stored(root(), "Root"), keyed(new())])
    missing = [p for p in ready.problems if p.id == "store.intermediate-missing"]
    assert only(missing).subject.startswith("Contoso Issuing CA")
    assert only(missing).evidence == {"thumbprint": issuing().certificate.thumbprint}
    assert "chain.issuer-missing" in ids(ready.problems), "and no chain can be sent"
    assert ready.sent == (new().certificate,)


@pytest.mark.parametrize(
    "location, who",
    [("CurrentUser", "the connecting administrator"), ("S-1-5-18", "SYSTEM"), ("S-1-5-20", "NETWORK SERVICE")],
)
def test_the_intermediate_lies_only_in_a_user_s_store(location: str, who: str) -> None:
    """What the viewer shows as a valid chain; the machine has nothing."""
    found = look([stored(root(), "Root"), keyed(new()), stored(issuing(), "CA", location)]).problems
    alone = only([p for p in found if p.id.startswith("store.")])
    assert alone.id == "store.intermediate-user-only" and who in alone.text
    assert "chain.issuer-missing" in ids(found), "the chain is built without it"


def test_the_intermediate_in_root_is_no_intermediate_in_ca() -> None:
    stores = stores_from_rows([stored(root(), "Root"), stored(issuing(), "Root"), keyed(new())])
    assert "store.intermediate-in-root" in ids(tuple(store_problems(stores)))
    found = judge(new().certificate, stores, NOW, intended=[issuing().certificate]).problems
    assert "store.intermediate-missing" in ids(found)


def test_more_than_what_was_intended_may_lie_in_ca() -> None:
    assert look([*GOOD, stored(old_issuing(), "CA")]).problems == ()


def test_an_intended_intermediate_that_the_chain_does_not_need_is_still_demanded() -> None:
    extra = authority("Extra CA", root())
    found = look(GOOD, intended=[issuing().certificate, extra.certificate]).problems
    assert only(found).id == "store.intermediate-missing" and "Extra CA" in only(found).subject


# -- chains ------------------------------------------------------------------------------------------------------------


def test_two_chains_can_be_sent() -> None:
    """A cross-signed copy of the issuing CA: Windows picks one of two, and so nobody knows which."""
    other = authority("Elder Root")
    cross = authority("Contoso Issuing CA", other, key=issuing().key)
    ready = look([*GOOD, stored(other, "Root"), stored(cross, "CA")], trust=[root().certificate, other.certificate])
    problem = only(ready.problems)
    assert problem.id == "chain.ambiguous"
    assert "2 different chains" in problem.text and "Elder Root" in problem.text and "Contoso Root" in problem.text
    assert {p.certificates[-1] for p in ready.paths if p.ok} == {root().certificate, other.certificate}


def test_a_cross_certificate_in_root_ends_no_chain() -> None:
    """It lies among the trusted ones, and is a link like any other: without its own root the chain is not complete."""
    cross = authority("Contoso Root", authority("Elder Root"), key=root().key)
    rows = [stored(cross, "Root"), *(row for row in GOOD if row["RawData"] != root().der)]
    ready = look(rows)
    assert not any(path.ok for path in ready.paths)
    assert any(problem.id == "chain.issuer-missing" for problem in ready.problems)


def test_two_roots_of_one_name_and_key_are_one_chain_on_the_wire() -> None:
    again = authority("Contoso Root", key=root().key, not_after=NOW + 4000 * DAY)
    assert look([*GOOD, stored(again, "Root")]).problems == ()


def test_clients_do_not_trust_the_root() -> None:
    stranger = authority("Stranger Root")
    problem = only(look(GOOD, trust=[stranger.certificate]).problems)
    assert problem.id == "chain.untrusted-root" and "Contoso Root" in problem.text
    assert problem.evidence == {"root": root().certificate.sha256}
    assert look(GOOD, trust=[]).problems == (), "no list, no judgement"


def test_clients_may_trust_the_root_s_key_under_another_certificate() -> None:
    again = authority("Contoso Root", key=root().key, not_after=NOW + 4000 * DAY)
    assert look(GOOD, trust=[again.certificate]).problems == ()


def test_clients_may_trust_the_intermediate_by_itself() -> None:
    assert look(GOOD, trust=[issuing().certificate]).problems == ()


def test_an_expired_intermediate_is_named() -> None:
    expired = authority("Contoso Issuing CA", root(), not_before=NOW - 900 * DAY, not_after=NOW - DAY)
    leaf = issue("sip.contoso.example", expired)
    rows = [stored(root(), "Root"), stored(expired, "CA"), keyed(leaf)]
    problem = only(look(rows, leaf, intended=[expired.certificate]).problems)
    assert problem.id == "chain.expired" and "Contoso Issuing CA" in problem.subject


def test_a_self_signed_leaf_is_sent_itself() -> None:
    alone = issue("sip.contoso.example")
    ready = look([stored(alone, "Root"), keyed(alone)], alone, intended=(), trust=())
    assert sendable(ready.paths[0]) == (alone.certificate,)


# -- what Schannel answered --------------------------------------------------------------------------------------------


def test_schannel_would_send_less() -> None:
    problem = only(look(GOOD, presented=sent(new())).problems)
    assert problem.id == "tls.presented-incomplete" and "1 certificate(s) where 2" in problem.text


def test_schannel_would_send_another_chain() -> None:
    problem = only(look(GOOD, presented=sent(new(), old_issuing())).problems)
    assert problem.id == "tls.presented-differs"


def test_schannel_sends_one_of_the_chains_that_are_possible() -> None:
    other = authority("Elder Root")
    cross = authority("Contoso Issuing CA", other, key=issuing().key)
    rows = [*GOOD, stored(other, "Root"), stored(cross, "CA")]
    trust = [root().certificate, other.certificate]
    for one in (issuing(), cross):
        assert ids(look(rows, trust=trust, presented=sent(new(), one)).problems) == ["chain.ambiguous"]


def test_schannel_that_could_not_be_asked_is_told() -> None:
    problem = only(look(GOOD, presented=Presented(True, (), "no TLS before 1.3 here")).problems)
    assert problem.id == "tls.unreadable" and "no TLS before 1.3 here" in problem.text


def test_an_answer_counts_although_an_error_came_behind_it() -> None:
    answer = Presented(True, sent(new(), issuing()).certificates, "the handshake was not finished")
    assert look(GOOD, presented=answer).problems == ()


def test_schannel_without_the_certificate_says_nothing() -> None:
    assert look(GOOD, presented=Presented(False)).problems == ()


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "leaf_row, expected",
    [
        (None, "store.leaf-missing"),
        (stored(new()), "key.missing"),
        (keyed(new(), Provider="Microsoft Software Key Storage Provider"), "key.provider-cng"),
        (keyed(new(), MachineKeySet=False), "key.missing"),
        (keyed(new(), KeyError="Keyset does not exist", MachineKeySet=False), "key.unusable"),
    ],
)
def test_a_key_that_the_services_cannot_use(leaf_row: dict[str, Any] | None, expected: str) -> None:
    rows = [*GOOD[:2], *([leaf_row] if leaf_row else [])]
    assert only(look(rows).problems).id == expected


def test_a_key_that_does_not_sign_says_what_windows_said() -> None:
    problem = only(look(GOOD, test={"signs": False, "error": "Invalid provider type specified."}).problems)
    assert problem.id == "key.unusable" and "Invalid provider type specified." in problem.text
    silent = only(look(GOOD, test={"signs": False}).problems)
    assert silent.id == "key.unusable" and "did not verify" in silent.text


@pytest.mark.parametrize("wanted", [True, False])
def test_an_exportable_flag_other_than_asked(wanted: bool) -> None:
    rows = [*GOOD[:2], keyed(new(), Exportable=not wanted)]
    assert only(look(rows, exportable=wanted).problems).id == "key.exportable-differs"
    assert look([*GOOD[:2], keyed(new(), Exportable=wanted)], exportable=wanted).problems == ()
    assert look(rows, exportable=None).problems == (), "nobody asked"


def test_the_service_account_must_be_able_to_read_the_key_where_that_is_demanded() -> None:
    found = look(GOOD, readers=[NETWORK_SERVICE], access=[allowed(new(), "S-1-5-18")]).problems
    assert only(found).id == "key.access" and "NETWORK SERVICE" in only(found).text
    granted = [allowed(new(), NETWORK_SERVICE)]
    assert look(GOOD, readers=[NETWORK_SERVICE], access=granted).problems == ()


def test_a_forecast_does_not_complain_about_the_key_that_is_still_to_come() -> None:
    assert look(GOOD[:2], key_planned=True).problems == ()
    assert look([*GOOD[:2], stored(new())], key_planned=True).problems == ()


# -- the stores, whatever certificate is used --------------------------------------------------------------------------


def test_a_certificate_in_root_that_is_not_self_signed() -> None:
    problem = only(tuple(store_problems(stores_from_rows([*GOOD, stored(issuing(), "Root")]))))
    assert problem.id == "store.intermediate-in-root" and problem.subject.startswith("Contoso Issuing CA")
    assert problem.evidence["issuer"] == "CN=Contoso Root"


def test_more_than_a_hundred_roots() -> None:
    roots = many_roots(MAX_ROOTS)
    assert tuple(store_problems(stores_from_rows([*roots, *roots]))) == (), "each counts once"
    problem = only(tuple(store_problems(stores_from_rows([*roots, stored(root(), "Root")]))))
    assert problem.id == "store.too-many-roots" and "101 roots" in problem.text


def test_an_unreadable_entry_is_told_with_its_place() -> None:
    problem = only(tuple(store_problems(stores_from_rows([stored(root(), "Root") | {"RawData": b"nothing"}]))))
    assert problem.id == "store.unreadable-entry" and problem.subject == "LocalMachine\\Root"
