# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this member serve this certificate complete, and can it use the key? Judged from what was read. Pure.

What is sent is "the complete certificate chain, except for the root certificate", built "in the local computer
context" (Microsoft KB954755); so only the machine's own stores count, and nothing is ever downloaded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..findings.problem import Problem
from ..pki.certificate import Certificate
from ..pki.chain import Path, chain_paths
from .store import SID_NAMES, StoredCertificate, Stores, label

MAX_ROOTS = 100
"""More roots than this "may cause sign-in issues" (Microsoft, UC Lobby 2015-06-19)."""


@dataclass(frozen=True)
class Presented:
    """What Schannel itself answered on the member's loopback for one certificate."""

    present: bool
    certificates: tuple[str, ...] = ()
    """SHA-256 of each certificate of the server's flight, in the order sent."""
    error: str | None = None


@dataclass(frozen=True)
class Readiness:
    """The judgement on one leaf on one member."""

    leaf: Certificate
    paths: tuple[Path, ...]
    """Every path from the machine's stores, best first."""
    problems: tuple[Problem, ...]

    @property
    def sent(self) -> tuple[Certificate, ...]:
        """What the best path predicts on the wire: the chain without its root."""
        return sendable(self.paths[0]) if self.paths else (self.leaf,)


def sendable(path: Path) -> tuple[Certificate, ...]:
    """A path without the self-issued certificate at its end."""
    certificates = path.certificates
    return certificates[:-1] if len(certificates) > 1 and certificates[-1].self_issued else certificates


def machine_paths(leaf: Certificate, stores: Stores, at: datetime) -> tuple[Path, ...]:
    """Every chain that the machine's own stores allow for ``leaf``.

    A chain ends in a self-signed certificate of Root: a cross-certificate that lies there is a link like any other
    (CertGetCertificateChain calls a chain that ends in one partial).
    """
    pool = [c.certificate for c in stores.machine("CA") + stores.machine("Root")]
    anchors = [c.certificate for c in stores.machine("Root") if c.certificate.self_issued]
    return chain_paths(leaf, pool, anchors, at, "server")


def judge(
    leaf: Certificate,
    stores: Stores,
    at: datetime,
    *,
    trust: Sequence[Certificate] = (),
    intended: Sequence[Certificate] = (),
    presented: Presented | None = None,
    exportable: bool | None = None,
    key_planned: bool = False,
    readers: Iterable[str] = (),
    store: str = "My",
) -> Readiness:
    """Judges one leaf.

    ``trust``: what clients trust; empty leaves that out. ``intended``: the intermediates that must lie in
    ``LocalMachine\\CA`` by themselves. ``key_planned``: the key is not there yet because this is a forecast.
    ``readers``: SIDs that must be able to read the key. ``store``: where the leaf lies with its key.
    """
    problems = list(key_problems(leaf, stores, exportable, key_planned, readers, store))
    problems += intermediate_problems(leaf, stores, intended)
    paths = machine_paths(leaf, stores, at)
    problems += path_problems(leaf, paths, trust)
    if presented is not None:
        problems += presented_problems(leaf, paths, presented)
    return Readiness(leaf, paths, tuple(problems))


def key_problems(
    leaf: Certificate,
    stores: Stores,
    exportable: bool | None,
    planned: bool,
    readers: Iterable[str],
    store: str = "My",
) -> Iterable[Problem]:
    """The key: there, in a provider that the product can use, as exportable as wanted, able to sign, readable by
    the service."""
    subject = label(leaf)
    entry = stores.find(store, leaf.sha256)
    if entry is None:
        if not planned:
            text = f"expected in LocalMachine\\{store} with its key, found nothing"
            yield Problem("store.leaf-missing", subject, text)
        return
    if entry.key is None:
        if not planned:
            yield Problem("key.missing", subject, f"is in LocalMachine\\{store}, but without its private key")
        return
    key = entry.key
    evidence = {"provider": key.provider, "container": key.container}
    if key.cng:
        text = f"its key lies in the CNG provider {key.provider!r}; Lync, OWA and ECP need a CryptoAPI provider"
        yield Problem("key.provider-cng", subject, text, evidence)
    if not key.machine and not key.error:
        yield Problem("key.missing", subject, "its key lies in a user's key set, not in the machine's", evidence)
    if key.error or key.signs is False:
        text = f"its key cannot be used on this member: {key.error or key.sign_error or 'the signature did not verify'}"
        yield Problem("key.unusable", subject, text, evidence)
    if exportable is not None and key.exportable != exportable:
        wanted, found = ("exportable", "not exportable") if exportable else ("not exportable", "exportable")
        yield Problem("key.exportable-differs", subject, f"its key was wanted {wanted} and is {found}", evidence)
    if key.readers is not None:
        for sid in sorted(set(readers) - key.readers):
            text = f"its key cannot be read by {SID_NAMES.get(sid, sid)}"
            yield Problem("key.access", subject, text, evidence | {"sid": sid})


def intermediate_problems(leaf: Certificate, stores: Stores, intended: Sequence[Certificate]) -> Iterable[Problem]:
    """Each intended intermediate by itself in LocalMachine\\CA: not in a user's store, not in Root, not by download."""
    for certificate in intended:
        if stores.find("CA", certificate.sha256) is not None:
            continue
        users = stores.elsewhere(certificate.sha256)
        evidence = {"thumbprint": certificate.thumbprint}
        if users:
            names = ", ".join(SID_NAMES.get(u, u) for u in users)
            text = f"lies only in the CA store of {names}; a service builds its chain from LocalMachine\\CA"
            yield Problem("store.intermediate-user-only", label(certificate), text, evidence)
        else:
            text = f"expected in LocalMachine\\CA for {leaf.common_name or leaf.subject}, found nothing"
            yield Problem("store.intermediate-missing", label(certificate), text, evidence)


def path_problems(leaf: Certificate, paths: Sequence[Path], trust: Sequence[Certificate]) -> Iterable[Problem]:
    """Every path that may be chosen must be complete and lead to something that clients trust."""
    good = [path for path in paths if path.ok]
    if not good:
        for found in paths[0].findings if paths else ():
            yield Problem(found.id, found.subject or label(leaf), found.text, {"depth": str(found.depth)})
        return
    variants = {tuple(c.sha256 for c in sendable(path)): path for path in good}
    trusted = {c.sha256 for c in trust} | {c.spki_sha256 for c in trust}
    for path in variants.values():
        root = path.certificates[-1]
        if (
            trusted
            and root.sha256 not in trusted
            and root.spki_sha256 not in trusted
            and not _issued_by_trusted(path, trust)
        ):
            text = f"leads to {root.common_name or root.subject}, which is not in the list of roots that clients trust"
            yield Problem("chain.untrusted-root", label(leaf), text, {"root": root.sha256})
    if len(variants) > 1:
        ends = "; ".join(
            " <- ".join(c.common_name or c.subject for c in path.certificates[1:]) for path in variants.values()
        )
        text = f"{len(variants)} different chains can be sent: {ends}; which one Windows takes is its choice"
        yield Problem("chain.ambiguous", label(leaf), text)


def _issued_by_trusted(path: Path, trust: Sequence[Certificate]) -> bool:
    """A client may trust a root by the same name and key under another certificate (cross-sign)."""
    keys = {(c.subject_raw, c.spki_sha256) for c in trust}
    return any((c.subject_raw, c.spki_sha256) in keys for c in path.certificates[1:])


def presented_problems(leaf: Certificate, paths: Sequence[Path], presented: Presented) -> Iterable[Problem]:
    """What Schannel answered must be one of the computed chains; it is asked, not believed blindly."""
    if not presented.present:
        return
    if presented.error and not presented.certificates:
        yield Problem("tls.unreadable", label(leaf), f"Schannel could not be asked on this member: {presented.error}")
        return
    expected = {tuple(c.sha256 for c in sendable(path)) for path in paths if path.ok}
    if not expected or presented.certificates in expected:
        return
    longest = max(len(chain) for chain in expected)
    if len(presented.certificates) < longest:
        text = f"Schannel would send {len(presented.certificates)} certificate(s) where {longest} are needed"
        yield Problem("tls.presented-incomplete", label(leaf), text)
    else:
        yield Problem("tls.presented-differs", label(leaf), "Schannel would send another chain than the stores predict")


def store_problems(stores: Stores) -> Iterable[Problem]:
    """What is wrong in the stores whatever certificate is used: each of these has stopped Lync or Exchange
    somewhere."""
    roots = stores.machine("Root")
    for entry in roots:
        if not entry.certificate.self_issued:
            text = (
                "is not self-signed and lies in LocalMachine\\Root; that breaks mutual TLS of Lync since "
                "Windows Server 2012"
            )
            yield Problem("store.intermediate-in-root", label(entry.certificate), text, _evidence(entry))
    if len({e.certificate.sha256 for e in roots}) > MAX_ROOTS:
        yield Problem(
            "store.too-many-roots",
            "LocalMachine\\Root",
            f"{len(roots)} roots; more than {MAX_ROOTS} cause sign-in issues",
        )
    for text in stores.unreadable:
        yield Problem("store.unreadable-entry", text.split(":")[0], text)


def _evidence(entry: StoredCertificate) -> Mapping[str, str]:
    return {"thumbprint": entry.certificate.thumbprint, "issuer": entry.certificate.issuer}
