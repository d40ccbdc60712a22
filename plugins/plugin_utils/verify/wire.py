# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ports present, held against what the members' stores predict and what clients trust. Pure.

The wire decides what users get; the stores and the product say what should be there. Where they differ, the finding
says which of them is behind: a service that was not restarted, a chain that is there by luck, somebody else's device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..array.wire import Port
from ..findings.finding import Finding, finding, from_problem
from ..pki.certificate import Certificate
from ..pki.chain import Path, chain_paths
from ..pki.names import missing_names, names_of
from ..products import PRODUCTS
from ..products.interface import Verified
from ..products.values import RUNNING
from ..report.advice import BECAUSE
from ..stores import in_use
from ..stores.store import label
from .look import Look

NO_KEY = ("key.missing", "key.unusable", "key.access", "store.assigned-missing", "product.use-unassigned")
"""What keeps a service from a handshake."""
BROKEN = ("chain.issuer-missing", "chain.signature-bad", "chain.too-many")


@dataclass(frozen=True)
class Clients:
    """What those who connect trust."""

    roots: tuple[Certificate, ...]
    """Outside."""
    internal: tuple[Certificate, ...] | None
    """On the internal interface; None: the roots of the member that was looked at."""

    def of(self, port: Port, look: Look | None) -> tuple[Certificate, ...] | None:
        """The roots that count for a port; None when nobody can say."""
        if not any(port.use in product.inside for product in PRODUCTS.values()):
            return self.roots
        if self.internal is not None:
            return self.internal
        return own_roots(look) if look is not None else None


def own_roots(look: Look) -> tuple[Certificate, ...]:
    """The ends of the chains that the member itself trusts."""
    return tuple(c for c in look.loaded.values() if c.self_issued)


def subject_of(port: Port) -> str:
    """How a finding names a port."""
    return f"{port.name} {port.host}:{port.port}"


def judge_port(
    port: Port, look: Look | None, clients: Clients, at: datetime, limits: in_use.Limits
) -> Iterable[Finding]:
    """What is wrong with one port. ``look``: None where the member was not looked at."""
    where, member = subject_of(port), port.member
    if port.leaf is None:
        cause = why_silent(port, look) if look is not None else None
        text = port.error or "presented no certificate"
        yield finding("wire.no-answer", member, where, text, evidence={BECAUSE: cause})
        return
    leaf = port.leaf
    if port.server_name and missing_names(names_of(leaf), [port.server_name]):
        text = f"clients ask for {port.server_name}; {label(leaf)} covers {', '.join(names_of(leaf)) or 'no name'}"
        yield finding("wire.name-differs", member, where, text)
    expected = look.assigned.get(port.use, ()) if look is not None and port.use else ()
    if expected and leaf.thumbprint not in expected:
        text = f"expected {' or '.join(expected)}, presents {leaf.thumbprint} ({leaf.common_name})"
        text += "; the product reports the other one, so the service still holds what it began with, or it is not the"
        yield finding("wire.leaf-differs", member, where, f"{text} member that answers there")
    used = next((u for u in look.used if u.sha256 == leaf.sha256), None) if look is not None else None
    predicted = used.sendable if used is not None else ()
    sent = tuple(c.sha256 for c in port.chain)
    yield from _chain(port, look, clients, at, predicted, sent)
    if used is None:  # otherwise the member's own read tells the dates
        yield from dates(port, at, limits, clients.of(port, look) or ())


def why_silent(port: Port, look: Look) -> str | None:
    """The finding that explains why a port presents nothing, if the member's own read has one."""
    needed = PRODUCTS[look.product].services_of.get(port.use, ())
    stopped = [name for name in needed if look.services.get(name, RUNNING) != RUNNING]
    if stopped and port.error and "no connection" in port.error:
        return "product.service-stopped"
    held = [c for t in look.assigned.get(port.use, ()) if (c := look.by_thumbprint(t)) is not None]
    names = {port.use, *(label(c) for c in held)}
    return next((f.id for f in look.findings if f.id in NO_KEY and f.subject in names), None)


def _chain(
    port: Port,
    look: Look | None,
    clients: Clients,
    at: datetime,
    predicted: Sequence[tuple[str, ...]],
    sent: tuple[str, ...],
) -> Iterable[Finding]:
    """Complete, trusted, and as predicted."""
    where, leaf = subject_of(port), port.chain[0]
    as_predicted = not predicted or any(same_chain(port.chain, chain) for chain in predicted)
    roots = clients.of(port, look)
    path = chain_paths(leaf, port.chain[1:], roots, at, "server")[0] if roots is not None else None
    faults = faults_of(path, leaf) if path is not None else []
    evidence = {"presented": str(len(port.chain))}
    if faults:
        broken = any(id in BROKEN for id, _text in faults)
        said = "; ".join(text for _id, text in faults)
        if broken and not (predicted and as_predicted):
            text = f"presents {len(port.chain)} certificate(s): {said}"
            yield finding("wire.incomplete", port.member, where, text, evidence=evidence)
            return
        text = f"what it presents leads to nothing that clients trust: {said}"
        yield finding("wire.untrusted", port.member, where, text, evidence=evidence)
    if not as_predicted:
        shown = " <- ".join(c.common_name or c.subject for c in port.chain)
        text = f"presents {shown}, which the certificates in LocalMachine do not make"
        yield finding("wire.chain-differs", port.member, where, text, evidence=evidence)
    elif look is not None and not predicted and not faults and path is not None and _in_use(look, leaf):
        text = "presents a complete chain although LocalMachine\\CA lacks a part of it: it is there by luck"
        yield finding("wire.chain-differs", port.member, where, text, evidence=evidence)


def _in_use(look: Look, leaf: Certificate) -> bool:
    return any(u.sha256 == leaf.sha256 and not u.complete for u in look.used)


def same_chain(presented: Sequence[Certificate], predicted: Sequence[str]) -> bool:
    """Whether it is the chain; that a root was sent along does no harm."""
    sent = [c.sha256 for c in presented]
    whole = list(predicted)
    return sent == whole or (len(presented) > 1 and presented[-1].self_issued and sent[:-1] == whole)


def faults_of(path: Path, leaf: Certificate) -> list[tuple[str, str]]:
    """(id, text) of what is wrong with a chain, the leaf's own dates left out: they are told by themselves."""
    if path.ok:
        return []
    return [(f.id, f.text) for f in path.findings if not (f.depth == 0 and f.id in in_use.DATES)]


def dates(port: Port, at: datetime, limits: in_use.Limits, roots: Sequence[Certificate]) -> Iterable[Finding]:
    """Dates of a certificate that is known from the wire alone, and of the weakest link presented with it."""
    uses = (port.use or port.name,)
    leaf = port.chain[0]
    paths = [path for path in chain_paths(leaf, port.chain[1:], roots, at, "server") if in_use.complete(path)]
    for told in (in_use.expiry(leaf, uses, at, limits), in_use.chain_expiry(leaf, paths, at, limits)):
        if told is not None:
            yield replace(from_problem(told[0], port.member), severity=told[1])


def without_name(ports: Sequence[Port], nameless: Sequence[Port]) -> Iterable[Finding]:
    """The same port for a client that names no server (SNI), as older SIP clients and mail servers do not."""
    named = {port.place: port for port in ports}
    for bare in nameless:
        port = named.get(bare.place)
        if port is None or port.leaf is None or bare.leaf == port.leaf:
            continue
        shown = f"presents {label(bare.leaf)}" if bare.leaf is not None else f"presents nothing ({bare.error})"
        text = f"without a server name it {shown}; for {port.server_name} it presents {label(port.leaf)}"
        yield finding("wire.sni-differs", port.member, subject_of(port), text)


def across(array: str, ports: Sequence[Port], looks: Mapping[str, Look], product: Verified[Any]) -> Iterable[Finding]:
    """The same port on all members presents the same certificate; only where no look says so already.

    A port of which nobody says its use is left out where members may have certificates of their own.
    """
    every = [product.differs(use) for use in product.uses]
    by_name: dict[tuple[str, str], list[Port]] = {}
    for port in ports:
        if port.leaf is not None and port.member not in looks:
            id = product.differs(port.use) if port.use else every[0] if all(every) else ""
            by_name.setdefault((id, port.name), []).append(port)
    for (id, name), alike in by_name.items():
        held = {port.member: port.chain[0] for port in alike}
        yield from differing(array, name, held, id)


def differing(array: str, what: str, held: Mapping[str, Certificate | str], id: str) -> Iterable[Finding]:
    """One thumbprint over the array. Where most members agree the others are named; otherwise all of them are.

    ``id``: the finding; empty where each member may have its own, and nothing is told.
    ``held``: member to its certificate, or to its thumbprint where the certificate itself is not known.
    """
    thumbs = {m: c if isinstance(c, str) else c.thumbprint for m, c in held.items()}
    counts: dict[str, list[str]] = {}
    for member, thumbprint in thumbs.items():
        counts.setdefault(thumbprint, []).append(member)
    if not id or len(counts) < 2:
        return
    ranked = sorted(counts.items(), key=lambda item: -len(item[1]))
    usual, rest = ranked[0], ranked[1:]
    if len(usual[1]) == len(rest[0][1]):
        said = "; ".join(f"{', '.join(members)}: {_shown(held[members[0]])}" for _t, members in ranked)
        yield finding(id, array, what, f"{what}: {said}", evidence=thumbs)
        return
    reference = held[usual[1][0]]
    for thumbprint, members in rest:
        for member in members:
            text = f"{what}: {_shown(held[member])}, while {', '.join(usual[1])} have {_shown(reference)}"
            text += _keys(held[member], reference)
            evidence = {"expected": usual[0], "found": thumbprint}
            yield finding(id, member, what, text, evidence=evidence)


def _shown(certificate: Certificate | str) -> str:
    if isinstance(certificate, str):
        return certificate
    return f"{certificate.thumbprint} (serial {certificate.serial_hex}, until {certificate.not_after:%Y-%m-%d})"


def _keys(one: Certificate | str, other: Certificate | str) -> str:
    if isinstance(one, str) or isinstance(other, str):
        return ""
    return "; the key is the same" if one.spki_sha256 == other.spki_sha256 else "; the key is another one, too"
