# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for every store, whatever is in it."""

from __future__ import annotations

import random
from datetime import timedelta

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import MAX_PATHS, chain_paths
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, authority

from .chain_case import Case
from .test_chain_cases import ours
from .test_chain_random import random_store

STORES = st.integers(0, 100_000).map(random_store)
FEW = settings(max_examples=60, deadline=None)


def good(case: Case) -> set[tuple[str, ...]]:
    """The good chains, by fingerprints."""
    return {tuple(one.sha256 for one in path.certificates) for path in ours(case) if path.ok}


@FEW
@given(STORES, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(case: Case, dice: random.Random) -> None:
    """The same answer, chain by chain, for any order of the pool and any repetition in it."""
    pool = [*case.pool, *dice.choices(case.pool, k=3)] if case.pool else []
    dice.shuffle(pool)
    again = ours(Case(case.leaf, pool, [*case.anchors][::-1]))
    assert [path.plain() for path in again] == [path.plain() for path in ours(case)]


@FEW
@given(STORES, STORES)
def test_more_certificates_never_take_a_chain_away(case: Case, other: Case) -> None:
    """What was good stays good when strangers come in; of more good chains than are looked for it may be others."""
    before, after = good(case), good(Case(case.leaf, [*case.pool, *other.pool], case.anchors))
    assert before <= after or len(after) == MAX_PATHS


@FEW
@given(STORES)
def test_nothing_is_good_without_trust(case: Case) -> None:
    """Without anchors no chain is good, and with strangers for anchors neither."""
    assert not good(Case(case.leaf, [*case.pool, *case.anchors], []))
    assert not good(Case(case.leaf, [*case.pool, *case.anchors], [authority("Stranger")]))


@FEW
@given(STORES)
def test_every_chain_is_signed_link_by_link(case: Case) -> None:
    """Checked by the library that reads the certificates itself; no certificate stands in a chain twice."""
    for path in ours(case):
        chain = [x509.load_der_x509_certificate(one.der) for one in path.certificates]
        for lower, upper in zip(chain, chain[1:], strict=False):
            lower.verify_directly_issued_by(upper)
        assert len({one.sha256 for one in path.certificates}) == len(chain)
        assert path.certificates[0] == case.leaf.certificate


@FEW
@given(STORES)
def test_best_comes_first(case: Case) -> None:
    """Good ones before all others, and of the good ones the shortest first; there is always an answer."""
    paths = ours(case)
    assert [path.ok for path in paths] == sorted((path.ok for path in paths), reverse=True)
    lengths = [len(path.certificates) for path in paths if path.ok]
    assert lengths == sorted(lengths)
    assert paths[0].ok or paths[0].findings


@FEW
@given(STORES)
def test_without_a_chain_there_is_one_entry_that_names_who_is_missing(case: Case) -> None:
    """The sentence has the issuer's name in it."""
    paths = ours(case)
    missing = [one for path in paths for one in path.findings if one.id == "chain.issuer-missing"]
    if missing:
        assert len(paths) == 1
        top = paths[0].certificates[-1]
        assert top.issuer in missing[0].text
        assert missing[0].depth == len(paths[0].certificates) - 1


@FEW
@given(STORES, st.integers(-5000, 5000))
def test_time_only_ever_expires_or_not_yet(case: Case, days: int) -> None:
    """At another instant the same chains are there, at most the dates are wrong with them."""
    at = NOW + timedelta(days=days)
    pool, anchors = ([one.certificate for one in some] for some in (case.pool, case.anchors))
    timeless = {"chain.expired", "chain.not-yet-valid"}
    for path in chain_paths(case.leaf.certificate, pool, anchors, at):
        dated = any(not one.not_before <= at <= one.not_after for one in path.certificates)
        assert bool({finding.id for finding in path.findings} & timeless) == dated
