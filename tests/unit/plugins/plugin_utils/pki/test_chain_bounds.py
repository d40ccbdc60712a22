# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever it is given, the chain builder answers soon, and says so when it gave up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.filter.chain_paths import chain_paths_filter
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import dn
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, fresh_key, issue, name

Store = tuple[Issued, Sequence[Issued], Sequence[Issued]]
BOUND = 60.0
"""In yardsticks of about 0.1 s: a few are needed, a search without an end would take thousands. The room between is for
machines on which other work slows the one more than the other."""


def crowd(**knobs: Any) -> Callable[[], Store]:
    """The right issuer somewhere among 5,000 others that are made like this; ``keys`` says how many keys they share."""

    def make() -> Store:
        root = authority("Root")
        right = authority("Issuing", root)
        count = knobs.pop("keys", 0)
        keys = [fresh_key() for _ in range(count)] or [right.key]
        label = knobs.pop("label", "Issuing")
        parent = authority("Gone") if knobs.pop("lost", False) else root
        others = [authority(label.format(n), parent, key=keys[n % len(keys)], **knobs) for n in range(4999)]
        return issue(issuer=right), [*others[:2500], right, *others[2500:]], [root]

    return make


def layers(count: int, twins: int, **knobs: Any) -> Callable[[], Store]:
    """Layers of CAs, each with twins, so that the number of chains is the power of the two."""

    def make() -> Store:
        root = authority("Root")
        parent = authority("Gone") if knobs.pop("lost", False) else root
        pool: list[Issued] = []
        for layer in range(count):
            key = fresh_key()
            pool += [authority(f"Layer {layer}", parent, key=key, **knobs) for _ in range(twins)]
            parent = Issued(b"", key, name(CN=f"Layer {layer}"))
        return issue(issuer=pool[-1]), pool, [root]

    return make


def mesh(size: int, root_at: int | None) -> Callable[[], Store]:
    """CAs that have all signed each other."""

    def make() -> Store:
        root, keys = authority("Root"), [fresh_key() for _ in range(size)]
        selves = [Issued(b"", key, name(CN=f"CA {place}")) for place, key in enumerate(keys)]
        pool = [authority(f"CA {a}", selves[b], key=keys[a]) for a in range(size) for b in range(size) if a != b]
        if root_at is not None:
            pool.append(authority(f"CA {root_at}", root, key=keys[root_at]))
        return issue(issuer=selves[0]), pool, [root]

    return make


GOOD = {
    "5000 strangers": crowd(label="CA {}", keys=1),
    "5000 of the same name, 40 other keys": crowd(keys=40),
    "5000 of the same name and key": crowd(),
    "5000 expired twins": crowd(not_after=NOW - DAY),
    "8 layers of 12 twins": layers(8, 12),
    "40 CAs in a mesh": mesh(40, 39),
}
BAD = {
    "9 layers of 9 twins, root lost": layers(9, 9, lost=True),
    "9 layers of 9 expired twins": layers(9, 9, not_after=NOW - DAY),
    "14 layers of 8 twins": layers(14, 8),
    "40 CAs in a mesh without a root": mesh(40, None),
}


def yardstick() -> float:
    """Processor time of a fixed piece of Python, which other work on the machine slows down as it does ours."""
    began = time.process_time()
    table = {str(number): number for number in range(150_000)}
    assert sum(table[str(number)] for number in range(150_000)) == 11_249_925_000
    return time.process_time() - began


def asked(store: Store) -> tuple[list[dict[str, Any]], float]:
    """The filter's answer and the processor time it took, in yardsticks, with nothing remembered from before."""
    leaf, pool, anchors = store
    texts, trusted = [one.pem for one in pool], [one.pem for one in anchors]
    dn.parse.cache_clear()
    dn.key.cache_clear()
    before = yardstick()
    began = time.process_time()
    rows = chain_paths_filter(leaf.pem, pool=texts, anchors=trusted, at=NOW)
    took = time.process_time() - began
    return rows, took / max(before, yardstick())


@pytest.mark.parametrize("store", GOOD)
def test_found_within_a_second(store: str) -> None:
    """The good chain is found however many others there are."""
    rows, took = asked(GOOD[store]())
    assert rows[0]["ok"]
    assert len(rows) <= 64
    assert took < BOUND


@pytest.mark.parametrize("store", BAD)
def test_given_up_within_a_second(store: str) -> None:
    """Where there is no good chain the search ends all the same, and the answer says that it was cut short."""
    rows, took = asked(BAD[store]())
    assert not rows[0]["ok"]
    assert "chain.too-many" in {finding["id"] for finding in rows[0]["findings"]}
    assert len(rows) <= 64
    assert took < BOUND


@pytest.mark.parametrize("twins", [1, 40])
def test_thousands_of_names_and_constraints(twins: int) -> None:
    """Each name would have to be compared with each constraint; it is refused instead, and said why."""
    root, key = authority("Root"), fresh_key()
    permitted = [f"n{n}.example" for n in range(2000)]
    pool = [authority("Issuing", root, key=key, permitted=permitted, excluded=permitted) for _ in range(twins)]
    leaf = issue(issuer=pool[0], names=[f"a.n{n}.example" for n in range(2000)])
    rows, took = asked((leaf, pool, [root]))
    assert "chain.too-many" in {finding["id"] for finding in rows[0]["findings"]}
    assert took < BOUND


def test_many_names_and_constraints_are_judged() -> None:
    """Large but real: 200 names below a CA for 100 domains."""
    root = authority("Root")
    issuing = authority("Issuing", root, permitted=[f"d{n}.example" for n in range(100)])
    leaf = issue(issuer=issuing, names=[f"h{n}.d{n % 100}.example" for n in range(200)])
    rows, took = asked((leaf, [issuing], [root]))
    assert rows[0]["ok"]
    assert took < BOUND


def test_thousand_keys_of_one_name_without_any_hint() -> None:
    """400 signatures are checked, then it is said that this is why."""
    root = authority("Root", ski=False)
    others = [authority("Issuing", root, ski=False, aki=False) for _ in range(1000)]
    leaf = issue(issuer=authority("Issuing", root, ski=False, aki=False), ski=False, aki=False)
    rows, took = asked((leaf, others, [root]))
    assert [row["ok"] for row in rows] == [False]
    assert {"chain.issuer-missing", "chain.too-many"} <= {finding["id"] for finding in rows[0]["findings"]}
    assert took < BOUND
