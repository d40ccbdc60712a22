# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every chain that can be built for a certificate, best first, from what is at hand: nothing is ever downloaded.

The search is bounded whatever it is given: it looks first for chains in which nothing is wrong, then for any chain,
so that there is always something to explain. Who signed what is decided by the signature; names and key identifiers
only say where to look first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from . import dn, rules
from .certificate import Certificate
from .constraints import ComparisonLimit
from .rules import ChainFinding
from .signatures import Exhausted, Signatures

__all__ = ["ChainFinding", "Path", "chain_paths"]

MAX_DEPTH, MAX_PATHS, MAX_SIGNATURES, MAX_STEPS = 12, 64, 400, 2000
"""Certificates in a chain, chains kept, signatures checked, and certificates visited in each of the two searches."""

MAX_COMPARISONS = 200_000
"""Comparisons of names with name constraints."""


@dataclass(frozen=True)
class Path:
    """One chain."""

    certificates: tuple[Certificate, ...]
    """From the leaf upwards."""
    anchor: Certificate | None
    """The trusted certificate at its end; None when it does not end in one."""
    ok: bool
    """It ends in an anchor and nothing is wrong with it."""
    findings: tuple[ChainFinding, ...]
    """What is wrong with it, by depth."""

    def plain(self) -> dict[str, Any]:
        """As plain data: what the filter ``ucops.certificates.chain_paths`` returns."""
        return {
            "subjects": [certificate.subject for certificate in self.certificates],
            "sha256": [certificate.sha256 for certificate in self.certificates],
            "anchor": self.anchor.subject if self.anchor else None,
            "ok": self.ok,
            "findings": [
                {"id": found.id, "depth": found.depth, "subject": found.subject, "text": found.text}
                for found in self.findings
            ],
        }


@dataclass(frozen=True)
class DeadEnd:
    """A chain whose topmost certificate has no issuer at hand."""

    certificates: tuple[Certificate, ...]
    others: tuple[Certificate, ...]
    """Certificates of the right name whose key did not sign it."""
    circle: bool
    """An issuer is at hand, but it stands in the chain already."""


class _Search:
    """The state of one search."""

    def __init__(
        self, pool: Iterable[Certificate], anchors: Iterable[Certificate], at: datetime, purpose: str | None
    ) -> None:
        self.at, self.purpose = at, purpose
        anchored = {certificate.der: certificate for certificate in anchors}
        self.anchors = frozenset(anchored)
        self.named: dict[bytes, list[Certificate]] = defaultdict(list)
        for certificate in {certificate.der: certificate for certificate in (*anchored.values(), *pool)}.values():
            self.named[dn.key(certificate.subject_raw)].append(certificate)
        self.distance = self._distances(anchored.values())
        self.signatures = Signatures(MAX_SIGNATURES)
        self.comparisons = ComparisonLimit(MAX_COMPARISONS)
        self.found: dict[tuple[bytes, ...], Path] = {}
        self.dead_ends: list[DeadEnd] = []
        self.limited = False
        self._issuers: dict[bytes, tuple[tuple[Certificate, bool | None], ...]] = {}
        self._steps = 0

    def _distances(self, anchors: Iterable[Certificate]) -> dict[bytes, int]:
        """How many certificates a name is away from an anchor, going by names alone: where a search should go first."""
        below: dict[bytes, set[bytes]] = defaultdict(set)
        for name, certificates in self.named.items():
            for certificate in certificates:
                below[dn.key(certificate.issuer_raw)].add(name)
        distance = {dn.key(anchor.subject_raw): 0 for anchor in anchors}
        queue = deque(distance)
        while queue:
            name = queue.popleft()
            for lower in below[name] - distance.keys():
                distance[lower] = distance[name] + 1
                queue.append(lower)
        return distance

    def run(self, leaf: Certificate) -> None:
        """First the chains without fault, then, with a budget of its own, all others."""
        for strict in (True, False):
            self._steps = 0
            if not strict or not any(rules.alone(leaf, 0, self.at, self.purpose, leaf.der in self.anchors)):
                self._walk((leaf,), strict)

    def _walk(self, path: tuple[Certificate, ...], strict: bool) -> None:
        top = path[-1]
        self._steps += 1
        if top.der in self.anchors:
            self._record(path, top)
            if top.self_issued:
                return
        elif self._self_signed(top):
            if not strict:
                self._record(path, None)
            return
        if len(path) >= MAX_DEPTH:
            self.limited = True
            return
        issuers = self.issuers(top)
        used = {(dn.key(certificate.subject_raw), certificate.body.spki) for certificate in path}
        fresh = [pair for pair in issuers if (dn.key(pair[0].subject_raw), pair[0].body.spki) not in used]
        if not fresh and not strict and top.der not in self.anchors:
            signers = {pair[0] for pair in issuers}
            others = tuple(sorted(set(self._by_name(top)) - signers, key=lambda other: other.sha256))
            self.dead_ends.append(DeadEnd(path, others, circle=bool(issuers)))
        for issuer, verified in fresh:
            if len(self.found) >= MAX_PATHS or self._steps >= MAX_STEPS:
                self.limited = True
                return
            if not strict or verified and self._fits(issuer, path):
                self._walk((*path, issuer), strict)

    def _fits(self, issuer: Certificate, path: tuple[Certificate, ...]) -> bool:
        """Whether a faultless chain can go on through ``issuer``."""
        anchored = issuer.der in self.anchors
        if not anchored and dn.key(issuer.issuer_raw) not in self.distance:
            return False
        faults = rules.alone(issuer, len(path), self.at, self.purpose, anchored)
        return not any(faults) and not any(rules.disallowed(issuer, path, self.comparisons))

    def _self_signed(self, certificate: Certificate) -> bool:
        if not certificate.self_issued:
            return False
        try:
            return self.signatures.made_by(certificate, certificate) is True
        except Exhausted:
            self.limited = True
            return False

    def _by_name(self, certificate: Certificate) -> list[Certificate]:
        return [c for c in self.named.get(dn.key(certificate.issuer_raw), ()) if c.der != certificate.der]

    def issuers(self, certificate: Certificate) -> tuple[tuple[Certificate, bool | None], ...]:
        """Those whose key signed ``certificate`` (True) or may have done so (None: unknown algorithm), best first."""
        known = self._issuers.get(certificate.der)
        if known is None:
            known = self._issuers[certificate.der] = self._signers(certificate)
        return known

    def _signers(self, certificate: Certificate) -> tuple[tuple[Certificate, bool | None], ...]:
        signers = []
        try:
            for issuer in sorted(self._by_name(certificate), key=lambda issuer: self._rank(certificate, issuer)):
                verdict = self.signatures.made_by(certificate, issuer)
                if verdict is not False:
                    signers.append((issuer, verdict))
        except Exhausted:
            self.limited = True
        return tuple(signers)

    def _rank(self, certificate: Certificate, issuer: Certificate) -> tuple[object, ...]:
        away = 0 if issuer.der in self.anchors else 1 + self.distance.get(dn.key(issuer.issuer_raw), MAX_DEPTH)
        current = issuer.not_before <= self.at <= issuer.not_after
        return key_match(certificate, issuer), not current, away, -issuer.not_before.timestamp(), issuer.sha256

    def _record(self, path: tuple[Certificate, ...], anchor: Certificate | None) -> None:
        key = tuple(certificate.der for certificate in path)
        if key in self.found:
            return
        findings = self.judge(path, complete=True)
        if anchor is None:
            text = "the chain ends here, in a self-signed certificate that is not among the trusted ones"
            findings += (ChainFinding("chain.untrusted-root", len(path) - 1, path[-1].subject, text),)
        self.found[key] = Path(path, anchor, not findings, findings)

    def judge(self, path: tuple[Certificate, ...], complete: bool) -> tuple[ChainFinding, ...]:
        """Everything that is wrong within a chain, by depth.

        :param complete: it ends in an anchor or a root, at whose own signature nobody looks.
        """
        found: list[ChainFinding] = []
        for depth, certificate in enumerate(path):
            top = complete and depth == len(path) - 1
            found += rules.alone(certificate, depth, self.at, self.purpose, top)
            if depth:
                found += rules.disallowed(certificate, path[:depth], self.comparisons)
                # Answered out of memory: without an answer it would not stand in the chain.
                if self.signatures.made_by(path[depth - 1], certificate) is None:
                    algorithm = path[depth - 1].signature_algorithm.oid
                    text = f"its signature cannot be checked (algorithm {algorithm}, key {certificate.key_type})"
                    found.append(ChainFinding("chain.signature-unknown", depth - 1, path[depth - 1].subject, text))
        return tuple(sorted(found, key=lambda finding: finding.depth))


def key_match(certificate: Certificate, issuer: Certificate) -> int:
    """0 when the key identifiers say that it is the issuer, 2 when they contradict, 1 when they do not tell."""
    wanted, have = certificate.authority_key_id, issuer.subject_key_id
    if wanted is None or have is None:
        return 1
    return 0 if wanted == have else 2


def chain_paths(
    leaf: Certificate,
    pool: Iterable[Certificate],
    anchors: Iterable[Certificate],
    at: datetime,
    purpose: str | None = "server",
) -> tuple[Path, ...]:
    """Every chain from ``leaf`` to a self-signed certificate or an anchor, best first.

    Best: without findings, then trusted, then with fewest findings, then shortest (CryptoAPI sends "the shortest" of
    equally good chains, Microsoft KB2831004), then with matching key identifiers and the newest issuers. Without any
    chain there is one entry, not ok, with the finding ``chain.issuer-missing`` that names who is missing.

    :param pool: certificates to build with, in any order, also repeated, also the leaf or the anchors themselves.
    :param anchors: certificates trusted by decision; they need not be self-signed.
    :param at: the instant to judge at, aware.
    :param purpose: ``server``, ``client``, or None for any.
    :raises ValueError: naive ``at`` or unknown ``purpose``.
    """
    if at.tzinfo is None:
        raise ValueError("expected an instant with a time zone to judge the chain at, found one without")
    if purpose is not None and purpose not in rules.PURPOSES:
        raise ValueError(f"expected the purpose 'server', 'client' or none, found {purpose!r}")
    # Certificates know whole seconds only, and so do OpenSSL and others when they compare.
    search = _Search(pool, anchors, at.astimezone(timezone.utc).replace(microsecond=0), purpose)
    search.run(leaf)
    paths = sorted(search.found.values(), key=_quality) or [_explained(search, leaf)]
    if search.limited and not paths[0].ok:
        text = f"the search for chains was stopped at its limit ({MAX_SIGNATURES} signatures, {MAX_STEPS} steps)"
        findings = (*paths[0].findings, ChainFinding("chain.too-many", 0, leaf.subject, text))
        paths[0] = Path(paths[0].certificates, paths[0].anchor, False, findings)
    return tuple(paths)


def _quality(path: Path) -> tuple[object, ...]:
    chain = path.certificates
    newest = tuple(-certificate.not_before.timestamp() for certificate in chain[1:])
    names = tuple(certificate.sha256 for certificate in chain)
    return not path.ok, path.anchor is None, len(path.findings), len(chain), _mismatches(chain), newest, names


def _mismatches(chain: tuple[Certificate, ...]) -> int:
    return sum(key_match(lower, upper) for lower, upper in zip(chain, chain[1:], strict=False))


def _explained(search: _Search, leaf: Certificate) -> Path:
    """The longest incomplete chain, with what is missing above it."""
    if not search.dead_ends:
        return Path((leaf,), None, False, search.judge((leaf,), complete=False))
    best = min(search.dead_ends, key=lambda end: (-len(end.certificates), _mismatches(end.certificates)))
    depth, top = len(best.certificates) - 1, best.certificates[-1]
    missing = [ChainFinding("chain.issuer-missing", depth, top.subject, _missing(top, best))]
    for other in best.others[:5]:
        text = f"not signed with the key of {other.subject} (SHA-256 {other.sha256}), which has its issuer's name"
        if key_match(top, other) == 0:
            text += " and key identifier: one of the two is damaged"
        missing.append(ChainFinding("chain.signature-bad", depth, top.subject, text))
    names = dict.fromkeys(end.certificates[-1].issuer for end in search.dead_ends)
    others = [name for name in names if name != top.issuer][:5]
    if others:
        text = f"other chains end because these issuers are missing: {'; '.join(others)}"
        missing.append(ChainFinding("chain.issuer-missing", depth, top.subject, text))
    return Path(best.certificates, None, False, (*search.judge(best.certificates, complete=False), *missing))


def _missing(top: Certificate, end: DeadEnd) -> str:
    key = f" with key identifier {top.authority_key_id.hex().upper()}" if top.authority_key_id else ""
    if end.circle:
        return f"its issuer {top.issuer}{key} stands in the chain already: these certificates only sign each other"
    same_name = f": {len(end.others)} of that name, none with the key that signed it" if end.others else ""
    return f"its issuer {top.issuer}{key} is missing{same_name}"
