# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault planted in a healthy pool is found, on its member, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.phases.verify_array import Case
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.phases.pool import (
    LATER,
    MEMBERS,
    error,
    journal,
    journal_row,
    presented,
    roll_entry,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.phases.verified import (
    NETWORK_SERVICE,
    a_case,
    a_run,
    causes,
    found,
    good_ports,
    healthy,
    port,
    seen,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    allowed,
    assigned,
    internal,
    issuing,
    key_test,
    keyed,
    many_roots,
    new,
    old,
    old_issuing,
    root,
    running,
    store_rows,
    stored,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, issue, rsa_key

SESSION_KEY = "Failed to import a shared session key due to invalid signature."
LEGACY = authority("Contoso Legacy Root")
CROSS = authority("Contoso Root", LEGACY, key=root().key)
TWIN = authority(
    "Contoso Old CA", root(), key=rsa_key(which=9), not_before=NOW - 900 * DAY, not_after=NOW - DAY, serial=77
)


def leaf(**knobs: Any) -> Issued:
    """Another certificate for the external uses."""
    names = ("sip.contoso.example", "webconf.contoso.example")
    given = {"names": names, "key": rsa_key(which=1), "not_before": NOW - 330 * DAY, "not_after": NOW + 60 * DAY}
    return issue(names[0], old_issuing(), **(given | knobs))


SOON = leaf(not_after=NOW + 10 * DAY)
GONE = leaf(not_after=NOW - DAY)
WEAK_CA = authority("Contoso Short CA", root(), not_before=NOW - 900 * DAY, not_after=NOW + 12 * DAY)
UNDER_WEAK = issue("sip.contoso.example", WEAK_CA, names=("sip.contoso.example", "webconf.contoso.example"),
                   key=rsa_key(which=1), not_before=NOW - 30 * DAY)  # fmt: skip


def event(id: int, message: str, level: str = "Error", hours: float = 1) -> dict[str, Any]:
    """A row of Find-Event."""
    time = NOW - timedelta(hours=hours)
    return {"Id": id, "Source": "LS Protocol Stack", "Time": time, "Level": level, "Message": message}


def one(ports: list[Any] | None = None, facts: dict[str, Any] | None = None, **rows: Any) -> Case:
    """A pool whose second member answers with these rows."""
    look = seen("edge2", healthy(facts, **rows))
    return a_case({"edge2": look}, {"edge2": ports} if ports is not None else None)


def everywhere(external: Issued, chain: Issued, *more: dict[str, Any]) -> Case:
    """A pool with another external certificate on every member."""
    read = healthy(
        stores=[stored(root(), "Root"), stored(old_issuing(), "CA"), keyed(external), keyed(internal()), *more],
        assignments=use_rows(external),
        keys=[key_test(external), key_test(internal())],
        access=[allowed(external, NETWORK_SERVICE), allowed(internal(), NETWORK_SERVICE)],
        presented=[],
    )
    ports = {m: [port(m, ACCESS, external, chain), port(m, DATA, external, chain), good_ports(m)[2]] for m in MEMBERS}
    return a_case({m: seen(m, read) for m in MEMBERS}, ports)


def without(*gone: Issued, more: tuple[dict[str, Any], ...] = ()) -> list[dict[str, Any]]:
    """The stores without some certificates."""
    ders = {g.der for g in gone}
    return [row for row in store_rows() if row["RawData"] not in ders] + list(more)


BARE = [port("edge2", ACCESS, old()), port("edge2", DATA, old()), port("edge2", INTERNAL, internal(), name="")]
DEAD = [port("edge2", ACCESS, error="the handshake failed"), *good_ports("edge2")[1:]]
SPLIT = [assigned(ACCESS, old()), assigned(DATA, old()), assigned(AV, new()), assigned(INTERNAL, internal())]
WITH_NEW = {"stores": store_rows(stored(issuing(), "CA"), keyed(new())),
            "keys": [key_test(old()), key_test(internal()), key_test(new())],
            "access": [allowed(c, NETWORK_SERVICE) for c in (old(), internal(), new())]}  # fmt: skip

PLANTS: dict[str, Callable[[], Case]] = {
    "store.intermediate-missing": lambda: one(BARE, stores=without(old_issuing()), presented=[]),
    "store.intermediate-user-only": lambda: one(
        BARE, stores=without(old_issuing(), more=(stored(old_issuing(), "CA", "CurrentUser"),)), presented=[]
    ),
    "store.wrong-place": lambda: one(
        BARE, stores=without(old_issuing(), more=(stored(old_issuing(), "My"),)), presented=[]
    ),
    "store.intermediate-in-root": lambda: one(
        stores=without(old_issuing(), more=(stored(old_issuing(), "Root"),)), presented=[]
    ),
    "store.intermediate-expired": lambda: one(stores=store_rows(stored(TWIN, "CA"))),
    "store.root-in-ca": lambda: one(stores=store_rows(stored(root(), "CA"))),
    "store.too-many-roots": lambda: one(stores=store_rows(*many_roots(100))),
    "store.assigned-missing": lambda: one(stores=without(internal())),
    "key.missing": lambda: one(stores=without(old(), more=(stored(old(), "My"),))),
    "key.unusable": lambda: one(keys=[key_test(old(), False, "Keyset does not exist"), key_test(internal())]),
    "key.provider-cng": lambda: one(
        stores=without(old(), more=(keyed(old(), Provider="Microsoft Software Key Storage Provider"),))
    ),
    "key.keyspec": lambda: one(stores=without(old(), more=(keyed(old(), KeySpec="Signature"),))),
    "key.access": lambda: one(access=[allowed(old(), NETWORK_SERVICE)]),
    "chain.ambiguous": lambda: one(stores=store_rows(stored(LEGACY, "Root"), stored(CROSS, "CA"))),
    "tls.presented-incomplete": lambda: one(presented=[presented(old())]),
    "tls.presented-differs": lambda: one(presented=[presented(old(), issuing(), root())]),
    "product.use-unassigned": lambda: one(assignments=use_rows(old())[1:]),
    "product.service-stopped": lambda: one(services=running(RTCSRV="Stopped")),
    "event.session-key": lambda: one(events=[event(60000, SESSION_KEY)]),
    "event.certificate": lambda: one(events=[event(14397, "serial 11 22 33 44 55 66 77 88 was refused")]),
    "event.unreadable": lambda: one(events=error()),
    "journal.unfinished": lambda: one(journal=journal_row(journal("switching").dumps())),
    "member.not-admin": lambda: one(facts={"admin": False}),
    "member.process-32-bit": lambda: one(facts={"bits": 32}),
    "member.lost": lambda: a_case({"edge2": None}, reasons={"edge2": "timed out"}),
    "array.thumbprint-differs": lambda: one(assignments=SPLIT, **WITH_NEW),
    "array.clock-differs": lambda: one(facts={"clock": NOW + timedelta(minutes=4)}),
    "wire.no-answer": lambda: one(DEAD),
    "wire.leaf-differs": lambda: one([port("edge2", ACCESS, leaf(), old_issuing()), *good_ports("edge2")[1:]]),
    "wire.incomplete": lambda: one([port("edge2", ACCESS, old()), *good_ports("edge2")[1:]]),
    "wire.chain-differs": lambda: one(
        [port("edge2", ACCESS, old(), old_issuing(), CROSS, root()), *good_ports("edge2")[1:]]
    ),
    "wire.name-differs": lambda: one(
        [port("edge2", ACCESS, old(), old_issuing(), name="chat.contoso.example"), *good_ports("edge2")[1:]]
    ),
}  # fmt: skip


def test_a_healthy_pool_has_no_finding() -> None:
    assert found() == ()


@pytest.mark.parametrize("id", PLANTS)
def test_a_planted_fault_is_found_and_nothing_else(id: str) -> None:
    told = found(PLANTS[id]())
    assert causes(told) == {(id, "edge2")}, [(f.id, f.member, f.subject, f.text) for f in told]
    assert all(item.remedy and item.text for item in told)


def test_dates_of_leaves_and_of_the_weakest_link() -> None:
    assert causes(found(everywhere(SOON, old_issuing()))) == {("leaf.expires-soon", m) for m in MEMBERS}
    gone = found(everywhere(GONE, old_issuing()))
    assert causes(gone) == {("leaf.expired-in-use", m) for m in MEMBERS}
    assert {f.severity for f in gone} == {"critical"}
    weak = found(everywhere(UNDER_WEAK, WEAK_CA, stored(WEAK_CA, "CA")))
    assert causes(weak) == {("chain.expires-soon", m) for m in MEMBERS}


def test_rolls_are_told_and_have_to_be_the_same() -> None:
    rolled = [*use_rows(old()), assigned(AV, new(), LATER, old())]
    everybody = {m: seen(m, healthy(assignments=rolled, **WITH_NEW)) for m in MEMBERS}
    pending = found(a_case(everybody))
    assert [(f.id, f.severity, f.member) for f in pending] == [("roll.pending", "info", "edge")]
    assert causes(found(one(assignments=rolled, **WITH_NEW))) == {("roll.mixed", "edge")}
    past = journal("done", roll=roll_entry("rolled", NOW - timedelta(hours=1))).dumps()
    unsettled = healthy(assignments=SPLIT, journal=journal_row(past), **WITH_NEW)
    assert causes(found(a_case({m: seen(m, unsettled) for m in MEMBERS}))) == {("roll.unsettled", m) for m in MEMBERS}


def test_a_session_key_that_a_rollout_explains() -> None:
    """Logged while members were switched one by one it is a warning; before that and long after it, it is a fault."""
    for hours, severity in ((2, "warning"), (6, "critical")):
        begun = (NOW - timedelta(hours=3)).isoformat()
        rows = {"journal": journal_row(journal("done", started=begun).dumps())}
        (item,) = found(one(events=[event(60000, SESSION_KEY, hours=hours)], **rows))
        assert (item.id, item.severity) == ("event.session-key", severity)


def test_the_wildcard_and_the_names_that_were_listed() -> None:
    wild = leaf(names=("*.contoso.example",), not_after=NOW + 90 * DAY)
    assert causes(found(everywhere(wild, old_issuing()))) == {("names.wildcard", m) for m in MEMBERS}
    told = found(run=a_run(names=("sip.contoso.example", "sip.fabrikam.example")))
    assert causes(told) == {("names.not-covered", m) for m in MEMBERS} and "fabrikam" in told[0].text


def test_a_root_that_nobody_outside_trusts() -> None:
    from ansible_collections.ucops.certificates.plugins.plugin_utils.phases.verify_wire import Clients

    told = found(clients=Clients((LEGACY.certificate,), None))
    assert causes(told) == {("chain.untrusted-root", m) for m in MEMBERS}
    assert {f.id for f in told} == {"chain.untrusted-root", "wire.untrusted"}


def test_ports_alone() -> None:
    """Without WinRM the members are held against each other, and dates are read from the wire."""
    bare = replace(a_case(), looks={})
    run = a_run(wire_only=True)
    assert found(bare, run) == ()
    odd = {"edge2": [port("edge2", ACCESS, leaf(), old_issuing()), *good_ports("edge2")[1:]]}
    told = found(replace(a_case(ports=odd), looks={}), run)
    assert causes(told) == {("array.thumbprint-differs", "edge2")}
    soon = {m: [port(m, ACCESS, SOON, old_issuing())] for m in MEMBERS}
    assert causes(found(replace(a_case(ports=soon), looks={}), run)) == {("leaf.expires-soon", m) for m in MEMBERS}
    nothing = replace(a_case(), looks={}, ports={})
    assert causes(found(nothing, run)) == {("wire.none", "edge")}


def test_what_else_concerns_the_array() -> None:
    assert causes(found(replace(a_case(), members=(), looks={}, ports={}))) == {("array.empty", "edge")}
    assert causes(found(a_case(), a_run(excluded={"edge9": "dead disk"}))) == {("member.excluded", "edge9")}
    lost = found(a_case(lost_vantage={"outside": "unreachable"}))
    assert causes(lost) == {("wire.vantage-lost", "edge")}


def test_a_chain_that_is_there_by_luck() -> None:
    """The wire is complete although LocalMachine\\CA lacks the intermediate: another store helped."""
    look = seen("edge2", healthy(stores=without(old_issuing(), more=(stored(old_issuing(), "CA", "S-1-5-18"),)),
                                 presented=[]))  # fmt: skip
    told = found(a_case({"edge2": look}))
    assert causes(told) == {("store.intermediate-user-only", "edge2")}
    assert "wire.chain-differs" in {f.id for f in told}


def test_only_what_was_asked_for_is_told() -> None:
    case = one(DEAD, events=[event(60000, SESSION_KEY)])
    assert {f.id for f in found(case, a_run(only=("wire.*",)))} == {"wire.no-answer"}
