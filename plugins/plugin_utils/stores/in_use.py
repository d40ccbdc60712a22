# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification's view of one certificate in use on one member, and of the stores around it. Pure.

Unlike before a rollout nobody says which intermediates are meant: they are taken from the member's own stores, from
wherever on it they lie, and each has to lie in ``LocalMachine\\CA`` by itself.

A fresh Windows has a self-signed certificate ("Root Agency") and expired ones in its CA store, so neither is a fault by
itself: only what bears the name of a link of a chain in use is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..findings.entry import Severity
from ..findings.problem import Problem
from ..pki.certificate import Certificate
from ..pki.chain import Path, chain_paths
from . import readiness
from .store import NETWORK_SERVICE, SID_NAMES, Stores, label

ISSUERS_LIST = 16 * 1024
"""Bytes: a longer list of trusted issuers is cut off by Schannel (Microsoft KB933430)."""
SENDS_ISSUERS_BEFORE = (6, 2)
"""Windows Server 2012 and newer send no such list unless told to (Microsoft, SendTrustedIssuerList)."""
ANY_SERVICE = frozenset({"S-1-1-0", "S-1-5-11", "S-1-5-6", "S-1-5-32-545"})
"""Everyone, Authenticated Users, SERVICE and Users: a right of theirs is one of every service account, too."""
DATES = ("chain.expired", "chain.not-yet-valid")


@dataclass(frozen=True)
class Limits:
    """When an expiry is told."""

    warn_days: float = 30.0
    error_days: float = 7.0

    def severity(self, certificate: Certificate, at: datetime) -> Severity | None:
        """``warning``, ``error``, ``critical`` once it has expired, or None.

        A certificate for 47 days is not warned of for most of its life: never before two thirds of it are over.
        """
        life = certificate.not_after - certificate.not_before
        left = certificate.not_after - at
        if left <= timedelta(0):
            return "critical"
        if left <= min(timedelta(days=self.error_days), life / 10):
            return "error"
        return "warning" if left <= min(timedelta(days=self.warn_days), life / 3) else None


@dataclass(frozen=True)
class Judgement:
    """One certificate in use on one member."""

    leaf: Certificate
    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]

    @property
    def good(self) -> tuple[Path, ...]:
        """The chains that the machine's own stores complete; the leaf's own dates are another matter."""
        return tuple(path for path in self.paths if complete(path))


def complete(path: Path) -> bool:
    """Whether nothing is wrong with a chain but perhaps the dates of its leaf."""
    own = [found for found in path.findings if not (found.depth == 0 and found.id in DATES)]
    return path.ok or (path.anchor is not None and not own)


def judge(
    leaf: Certificate,
    stores: Stores,
    at: datetime,
    *,
    presented: readiness.Presented | None = None,
    exportable: bool | None = None,
    readers: Sequence[str] = (NETWORK_SERVICE,),
) -> Judgement:
    """Judges one certificate in use by everything that its member said.

    ``readers``: SIDs whose services use the key. ``exportable``: None leaves the flag out.
    """
    entry = stores.find("My", leaf.sha256)
    allowed = entry.key.readers if entry is not None and entry.key is not None else None
    needed = () if allowed and allowed & ANY_SERVICE else readers
    problems = list(readiness.key_problems(leaf, stores, exportable, False, needed))
    if entry is not None and entry.key is not None and entry.key.spec == "Signature":
        text = "its key may only sign (AT_SIGNATURE); TLS needs a key for exchange (AT_KEYEXCHANGE)"
        problems.append(Problem("key.keyspec", label(leaf), text))
    if leaf.self_issued:
        return Judgement(leaf, (Path((leaf,), None, True, ()),), tuple(problems))
    paths = readiness.machine_paths(leaf, stores, at)
    problems += misplaced(leaf, paths, stores, at)
    # Whether the leaf itself has run out is told by its date.
    problems += [
        problem
        for problem in readiness.path_problems(leaf, paths, ())
        if not (problem.id in DATES and problem.subject == leaf.subject)
    ]
    if presented is not None:
        problems += readiness.presented_problems(leaf, paths, presented)
    problems += twins(paths, stores, at)
    return Judgement(leaf, paths, tuple(problems))


def misplaced(leaf: Certificate, paths: Sequence[Path], stores: Stores, at: datetime) -> Iterable[Problem]:
    """Intermediates that are on the member, but where the machine does not look for them."""
    if any(complete(path) for path in paths):
        return
    everywhere = [c.certificate for c in stores.certificates]
    anchors = [c.certificate for c in stores.machine("Root") if c.certificate.self_issued]
    best = chain_paths(leaf, everywhere, anchors, at, "server")[0]
    for link in best.certificates[1:]:
        if link.self_issued or stores.find("CA", link.sha256) or stores.find("Root", link.sha256):
            continue
        evidence = {"thumbprint": link.thumbprint}
        users = stores.elsewhere(link.sha256)
        if users:
            names = ", ".join(SID_NAMES.get(u, u) for u in users)
            text = f"lies only in the CA store of {names}; a service builds its chain from LocalMachine\\CA"
            yield Problem("store.intermediate-user-only", label(link), text, evidence)
        else:
            held = ", ".join({c.store for c in stores.certificates if c.certificate.sha256 == link.sha256})
            text = f"is an intermediate and lies in LocalMachine\\{held}; expected in LocalMachine\\CA"
            yield Problem("store.wrong-place", label(link), text, evidence)


def twins(paths: Sequence[Path], stores: Stores, at: datetime) -> Iterable[Problem]:
    """What lies in LocalMachine\\CA under the name of a link of the chain, and may be taken for it."""
    links = {c.sha256: c for path in paths for c in path.certificates[1:]}
    names = {c.subject_raw for c in links.values()}
    for entry in stores.machine("CA"):
        twin = entry.certificate
        if twin.subject_raw not in names:
            continue
        if twin.self_issued:
            text = "is self-signed and lies in LocalMachine\\CA, beside the intermediates of a chain in use"
            yield Problem("store.root-in-ca", label(twin), text, {"thumbprint": twin.thumbprint})
        elif twin.not_after < at and any(
            c.subject_raw == twin.subject_raw and c.not_after >= at for c in links.values()
        ):
            text = (
                f"has expired and lies in LocalMachine\\CA beside its successor of the same name ({twin.common_name})"
            )
            yield Problem("store.intermediate-expired", label(twin), text, {"thumbprint": twin.thumbprint})


def weakest(paths: Sequence[Path]) -> Certificate | None:
    """The link above the leaf that ends first, on the best chain; None when no chain is good."""
    best = next((path for path in paths if complete(path)), None)
    links = best.certificates[1:] if best is not None else ()
    return min(links, key=lambda link: link.not_after, default=None)


def store_problems(stores: Stores, windows: Sequence[int]) -> Iterable[Problem]:
    """What is wrong in the stores whatever certificate is used."""
    yield from readiness.store_problems(stores)
    roots = {c.certificate.sha256: c.certificate for c in stores.machine("Root")}
    size = sum(len(root.subject_raw) + 2 for root in roots.values())
    if size > ISSUERS_LIST and tuple(windows[:2]) < SENDS_ISSUERS_BEFORE:
        text = f"the names of {len(roots)} roots take {size} bytes; the list sent to clients ends at {ISSUERS_LIST}"
        yield Problem("store.root-list-long", "LocalMachine\\Root", text)


SHORTER: tuple[tuple[datetime, int], ...] = (
    (datetime(2029, 3, 15, tzinfo=timezone.utc), 47),
    (datetime(2027, 3, 15, tzinfo=timezone.utc), 100),
    (datetime(2026, 3, 15, tzinfo=timezone.utc), 200),
)
"""From when on public certificates last how many days at most (CA/Browser Forum, ballot SC-081v3)."""


def longest_life(at: datetime) -> int:
    """Days that a certificate of a public CA lasts at most when it is issued at this instant."""
    return next((days for since, days in SHORTER if at >= since), 398)


def expiry(
    certificate: Certificate, uses: Sequence[str], at: datetime, limits: Limits
) -> tuple[Problem, Severity] | None:
    """The problem with the date of a certificate in use, and its severity; None while it is far away."""
    severity = limits.severity(certificate, at)
    if severity is None:
        return None
    what = f"{', '.join(uses)}: " if uses else ""
    evidence: Mapping[str, str] = {"until": f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}"}
    if severity == "critical":
        text = f"{what}has expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        return Problem("leaf.expired-in-use", label(certificate), text, evidence), severity
    text = f"{what}expires on {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if not certificate.self_issued:
        days = longest_life(at)
        text += f"; one of a public CA that is issued today lasts {days} days at most: plan the one after it, too"
    return Problem("leaf.expires-soon", label(certificate), text, evidence), severity


def chain_expiry(
    leaf: Certificate, paths: Sequence[Path], at: datetime, limits: Limits
) -> tuple[Problem, Severity] | None:
    """The same for the weakest link of its chain, which ends with every certificate below it."""
    link = weakest(paths)
    severity = limits.severity(link, at) if link is not None else None
    if link is None or severity is None:
        return None
    text = f"a link of the chain of {leaf.common_name or leaf.subject} expires on {link.not_after:%Y-%m-%d %H:%M} UTC"
    return Problem("chain.expires-soon", label(link), text), severity
