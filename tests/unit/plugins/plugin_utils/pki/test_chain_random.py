# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random stores: we accept what OpenSSL accepts, OpenSSL accepts the very chains that we call good, and a full search
that was not written here finds a chain exactly when we do."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, ec_key, issue, name

from .chain_case import Case
from .test_chain_cases import library_accepts, openssl_accepts, ours

NAMES = 5
EACH, ROUNDS = 25, 8


def random_store(seed: int) -> Case:
    """A handful of CA names with a key or two each, certified by each other in all ways, some of them badly."""
    dice = random.Random(seed)
    keys = {f"CA {place}": [ec_key((place, n)) for n in range(dice.choice((1, 1, 2)))] for place in range(NAMES)}
    certificates = []
    for label in keys:
        for key in keys[label]:
            for _ in range(dice.randint(1, 3)):
                certificates.append(_random_authority(dice, label, key, keys))
    pool = [one for one in certificates if dice.random() < 0.85]
    anchors = [one for one in certificates if one.certificate.self_issued and dice.random() < 0.6]
    label = dice.choice(list(keys))
    signer = Issued(b"", dice.choice(keys[label]), name(CN=label))
    leaf = issue(issuer=signer, not_after=NOW + (30 * DAY if dice.random() < 0.95 else -DAY))
    dice.shuffle(pool)
    return Case(leaf, pool, anchors)


def _random_authority(dice: random.Random, label: str, key: object, keys: dict[str, list[object]]) -> Issued:
    knobs: dict[str, object] = {"key": key}
    if dice.random() < 0.15:
        knobs["not_after"] = NOW - DAY
    if dice.random() < 0.15:
        knobs["path_length"] = dice.choice((0, 1))
    if dice.random() < 0.08:
        knobs |= {"ca": False, "usage": ("key_cert_sign",), "extended": None}
    if dice.random() < 0.1:
        knobs["permitted"] = [dice.choice(("example", "other"))]
    if dice.random() < 0.35:
        return authority(label, **knobs)
    above = dice.choice([other for other in keys if other != label])
    return authority(label, Issued(b"", dice.choice(keys[above]), name(CN=above)), **knobs)


@pytest.mark.parametrize("batch", range(ROUNDS))
def test_openssl_agrees_on_random_stores(batch: int, tmp_path: Path) -> None:
    """Both ways: nothing that OpenSSL accepts is refused, and nothing that it refuses is called a good chain."""
    good = 0
    for seed in range(batch * EACH, (batch + 1) * EACH):
        case = random_store(seed)
        paths = ours(case)
        accepted, said = openssl_accepts(tmp_path, case)
        assert paths[0].ok or not accepted, f"seed {seed}: OpenSSL accepts it"
        by_bytes = {one.der: one for one in (*case.pool, *case.anchors)}
        for path in [path for path in paths if path.ok][:2]:
            chain = [by_bytes[certificate.der] for certificate in path.certificates[1:]]
            accepted, said = openssl_accepts(tmp_path, case, chain[:-1], chain[-1:])
            assert accepted, f"seed {seed}: {said}"
            good += 1
    assert good, "a batch without any good chain shows nothing"


@pytest.mark.parametrize("batch", range(ROUNDS))
def test_a_full_search_by_others_finds_a_chain_exactly_when_we_do(batch: int) -> None:
    """The library goes down every way as we do, so both must agree in both directions.

    It gives up earlier, though: then it must accept our best chain by itself.
    """
    answers = set()
    for seed in range(1000 + batch * EACH * 2, 1000 + (batch + 1) * EACH * 2):
        case = random_store(seed)
        accepted, best = library_accepts(case), ours(case)[0]
        if best.ok and not accepted:
            by_bytes = {one.der: one for one in (*case.pool, *case.anchors)}
            chain = [by_bytes[certificate.der] for certificate in best.certificates[1:]]
            accepted = library_accepts(replace(case, pool=chain[:-1], anchors=chain[-1:]))
        assert best.ok == accepted, f"seed {seed}"
        answers.add(accepted)
    assert answers == {True, False}
