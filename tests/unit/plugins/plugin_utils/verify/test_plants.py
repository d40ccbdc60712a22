# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault planted in a healthy pool is found, on its member, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.judge import Case
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.look import Look
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.wire import Clients
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    MEMBERS,
    error,
    journal,
    journal_row,
    presented,
    roll_entry,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    UNHURRIED,
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
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.verify.verified import (
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
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, fresh_key, issue, rsa_key

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


@dataclass(frozen=True)
class Spoiled:
    """A member on which something is wrong."""

    ports: tuple[Port, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    lost: bool = False

    def look(self, member: str) -> Look | None:
        """What is read of it."""
        return None if self.lost else seen(member, healthy(self.facts, **self.rows))

    def presents(self, member: str) -> list[Port]:
        """What its ports present."""
        return good_ports(member) if self.ports is None else [replace(one, member=member) for one in self.ports]


def spoiled(ports: Sequence[Port] | None = None, facts: Mapping[str, Any] | None = None, **rows: Any) -> Spoiled:
    """A member with these ports, facts and rows in place of the good ones."""
    return Spoiled(None if ports is None else tuple(ports), facts or {}, rows)


def one(ports: Sequence[Port] | None = None, facts: Mapping[str, Any] | None = None, **rows: Any) -> Case:
    """A pool whose second member is spoiled."""
    return pool_of({"edge2": spoiled(ports, facts, **rows)})


def pool_of(bad: Mapping[str, Spoiled], members: Sequence[str] = MEMBERS) -> Case:
    """A pool in which some members are spoiled."""
    looks = {m: bad[m].look(m) if m in bad else seen(m) for m in members}
    ports = {m: bad[m].presents(m) if m in bad else good_ports(m) for m in members}
    return replace(a_case(looks, ports), members=tuple(members))


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

PLANTS: dict[str, Callable[[], Spoiled]] = {
    "store.intermediate-missing": lambda: spoiled(BARE, stores=without(old_issuing()), presented=[]),
    "store.intermediate-user-only": lambda: spoiled(
        BARE, stores=without(old_issuing(), more=(stored(old_issuing(), "CA", "CurrentUser"),)), presented=[]
    ),
    "store.wrong-place": lambda: spoiled(
        BARE, stores=without(old_issuing(), more=(stored(old_issuing(), "My"),)), presented=[]
    ),
    "store.intermediate-in-root": lambda: spoiled(
        stores=without(old_issuing(), more=(stored(old_issuing(), "Root"),)), presented=[]
    ),
    "store.intermediate-expired": lambda: spoiled(stores=store_rows(stored(TWIN, "CA"))),
    "store.root-in-ca": lambda: spoiled(stores=store_rows(stored(root(), "CA"))),
    "store.too-many-roots": lambda: spoiled(stores=store_rows(*many_roots(100))),
    "store.assigned-missing": lambda: spoiled(stores=without(internal())),
    "key.missing": lambda: spoiled(stores=without(old(), more=(stored(old(), "My"),))),
    "key.unusable": lambda: spoiled(keys=[key_test(old(), False, "Keyset does not exist"), key_test(internal())]),
    "key.provider-cng": lambda: spoiled(
        stores=without(old(), more=(keyed(old(), Provider="Microsoft Software Key Storage Provider"),))
    ),
    "key.keyspec": lambda: spoiled(stores=without(old(), more=(keyed(old(), KeySpec="Signature"),))),
    "key.access": lambda: spoiled(access=[allowed(old(), NETWORK_SERVICE)]),
    "chain.ambiguous": lambda: spoiled(stores=store_rows(stored(LEGACY, "Root"), stored(CROSS, "CA"))),
    "tls.presented-incomplete": lambda: spoiled(presented=[presented(old())]),
    "tls.presented-differs": lambda: spoiled(presented=[presented(old(), issuing(), root())]),
    "product.use-unassigned": lambda: spoiled(assignments=use_rows(old())[1:]),
    "product.service-stopped": lambda: spoiled(services=running(RTCSRV="Stopped")),
    "event.session-key": lambda: spoiled(events=[event(60000, SESSION_KEY)]),
    "event.certificate": lambda: spoiled(events=[event(14397, "serial 11 22 33 44 55 66 77 88 was refused")]),
    "event.unreadable": lambda: spoiled(events=error()),
    "journal.unfinished": lambda: spoiled(journal=journal_row(journal("switching").dumps())),
    "member.not-admin": lambda: spoiled(facts={"admin": False}),
    "member.process-32-bit": lambda: spoiled(facts={"bits": 32}),
    "member.lost": lambda: Spoiled(lost=True),
    "array.thumbprint-differs": lambda: spoiled(assignments=SPLIT, **WITH_NEW),
    "array.clock-differs": lambda: spoiled(facts={"clock": NOW + timedelta(minutes=4)}),
    "wire.no-answer": lambda: spoiled(DEAD),
    "wire.leaf-differs": lambda: spoiled([port("edge2", ACCESS, leaf(), old_issuing()), *good_ports("edge2")[1:]]),
    "wire.incomplete": lambda: spoiled([port("edge2", ACCESS, old()), *good_ports("edge2")[1:]]),
    "wire.chain-differs": lambda: spoiled(
        [port("edge2", ACCESS, old(), old_issuing(), CROSS, root()), *good_ports("edge2")[1:]]
    ),
    "wire.name-differs": lambda: spoiled(
        [port("edge2", ACCESS, old(), old_issuing(), name="chat.contoso.example"), *good_ports("edge2")[1:]]
    ),
}  # fmt: skip


def test_a_healthy_pool_has_no_finding() -> None:
    assert found() == ()


@pytest.mark.parametrize("id", PLANTS)
def test_a_planted_fault_is_found_and_nothing_else(id: str) -> None:
    told = found(pool_of({"edge2": PLANTS[id]()}))
    assert causes(told) == {(id, "edge2")}, [(f.id, f.member, f.subject, f.text) for f in told]
    assert all(item.remedy and item.text for item in told)


def test_a_list_of_roots_that_old_windows_cuts_off() -> None:
    """Told before Server 2012, which sends no such list by itself."""
    key = fresh_key()
    long = [stored(authority(f"{number:02} " + "R" * 200, key=key), "Root") for number in range(90)]
    old_windows = {"windows": "6.1.7601"}
    assert causes(found(one(None, old_windows, stores=store_rows(*long)))) == {("store.root-list-long", "edge2")}
    assert found(one(stores=store_rows(*long))) == ()


SIX = tuple(f"edge{number}" for number in range(1, 7))


@settings(UNHURRIED, max_examples=80)
@given(st.dictionaries(st.sampled_from(SIX), st.sampled_from(sorted(PLANTS)), min_size=1, max_size=2))
def test_several_faults_at_once(bad: dict[str, str]) -> None:
    """Each is found on its own member, and nothing else is."""
    told = found(pool_of({member: PLANTS[id]() for member, id in bad.items()}, SIX))
    assert causes(told) == {(id, member) for member, id in bad.items()}, [(f.id, f.member, f.text) for f in told]


# What lies about on healthy servers: a fresh Windows brings a self-signed and expired certificates in CA.
JUNK = [
    stored(authority("Root Agency"), "CA"),
    stored(authority("Old Hardware CA", LEGACY, not_after=NOW - 900 * DAY), "CA"),
    stored(authority("Somebody's Root", not_after=NOW - DAY), "Root"),
    stored(authority("Another Root"), "Root"),
    stored(CROSS, "CA"),
    stored(issuing(), "CA"),
    keyed(new()),
    stored(old_issuing(), "CA", "S-1-5-18"),
    stored(new(), "CA", "CurrentUser"),
]
HEALTHY = st.fixed_dictionaries(
    {
        "members": st.integers(1, 6),
        "junk": st.lists(st.integers(0, len(JUNK) - 1), unique=True),
        "version": st.sampled_from(["5.0.8308.1068", "6.0.9319.0", "7.0.2046.0"]),
        "windows": st.sampled_from(["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763"]),
        "own_av": st.booleans(),
        "seconds": st.integers(0, 29),
        "noise": st.booleans(),
        "done": st.booleans(),
        "services": st.sampled_from([("RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY", "REPLICA")]),
    }
)


@settings(UNHURRIED, max_examples=80)
@given(HEALTHY)
def test_healthy_pools_of_every_kind_have_no_finding(way: dict[str, Any]) -> None:
    """Versions, members, rubbish in the stores, an A/V certificate of its own, a rollout that ended long ago."""
    rows: dict[str, Any] = {
        "stores": store_rows(*(JUNK[number] for number in way["junk"])),
        "version": [{"FileVersion": way["version"]}],
        "services": running(*way["services"]),
    }
    if way["own_av"]:
        rows |= WITH_NEW | {"assignments": SPLIT}
        rows["stores"] = [*rows["stores"], *(row for row in (JUNK[5], JUNK[6]) if row not in rows["stores"])]
    if way["noise"]:
        rows["events"] = [event(14428, "TLS outgoing connection failures."), event(1, "all is well", "Information")]
    if way["done"]:
        rows["journal"] = journal_row(journal("done", started=(NOW - 40 * DAY).isoformat()).dumps())
    members = SIX[: way["members"]]
    offsets = {m: timedelta(seconds=way["seconds"] * (-1) ** number) for number, m in enumerate(members)}
    looks = {m: seen(m, healthy({"windows": way["windows"], "clock": NOW + offsets[m]}, **rows)) for m in members}
    case = replace(a_case(looks), members=members, looks=looks)
    case = replace(case, ports={"localhost": tuple(one for m in members for one in good_ports(m))})
    assert found(case) == ()


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


def test_an_account_that_may_not_open_keys_blames_no_key() -> None:
    """It is told that they were not tried; that this account cannot use them says nothing of the services."""
    shut = [keyed(c, KeyError="Access is denied.") for c in (old(), internal())]
    stores = [row for row in store_rows() if row["Store"] != "My"] + shut
    told = found(one(facts={"admin": False}, stores=stores, keys=[], access=[], presented=[]))
    assert causes(told) == {("member.not-admin", "edge2")} and "not tried" in told[0].text


def test_the_wildcard_and_the_names_that_were_listed() -> None:
    wild = leaf(names=("*.contoso.example",), not_after=NOW + 90 * DAY)
    assert causes(found(everywhere(wild, old_issuing()))) == {("names.wildcard", m) for m in MEMBERS}
    told = found(run=a_run(names=("sip.contoso.example", "sip.fabrikam.example")))
    assert causes(told) == {("names.not-covered", m) for m in MEMBERS} and "fabrikam" in told[0].text


def test_a_root_that_nobody_outside_trusts() -> None:
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
