# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of a verification over one array: every member by itself, all of them together, and the wire. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..array.gate import clock_findings
from ..array.wire import Port
from ..findings.finding import Finding, finding, in_order
from ..pki.certificate import Certificate
from ..pki.chain import chain_paths
from ..pki.names import missing_names, names_of
from ..products import PRODUCTS
from ..stores.store import label
from .look import Look
from .settings import VerifyRun
from .wire import Clients, across, differing, judge_port, without_name

LOST = "Get it back on the network, or mend what the sentence names; then run the verification again."


@dataclass(frozen=True)
class Case:
    """One array as it was read."""

    array: str
    members: tuple[str, ...]
    looks: Mapping[str, Look]
    """Of those that were heard of."""
    reasons: Mapping[str, str]
    """Member to why it was not."""
    ports: Mapping[str, tuple[Port, ...]] = field(default_factory=dict)
    """Vantage host to what it read."""
    lost_vantage: Mapping[str, str] = field(default_factory=dict)
    """Vantage host to why it said nothing."""
    nameless: Mapping[str, tuple[Port, ...]] = field(default_factory=dict)
    """Vantage host to the same ports, read without a server name."""
    shared: tuple[Finding, ...] = ()
    """Addresses that do not tell whose port they are; nothing read there is among the ports of a member."""

    @property
    def every_port(self) -> tuple[Port, ...]:
        """All readings from all vantage hosts."""
        return tuple(port for ports in self.ports.values() for port in ports)


def judge(run: VerifyRun, case: Case, clients: Clients, at: datetime) -> tuple[Finding, ...]:
    """Everything found on the array, worst first."""
    found = [*_lost(run, case), *_vantages(case), *case.shared]
    found += [item for look in case.looks.values() for item in look.findings]
    found += clocks(case)
    found += alike(case)
    found += rolls(case, at)
    found += known_elsewhere(case, at)
    found += untrusted(case, clients, at)
    found += names(run, case)
    for vantage, ports in case.ports.items():
        for port in ports:
            look = case.looks.get(port.member) if port.member != case.array else any_of(case.looks.values())
            told = judge_port(port, look, clients, at, run.limits)
            found += [_from(vantage, item) for item in told]
        found += [_from(vantage, item) for item in without_name(ports, case.nameless.get(vantage, ()))]
        alone = [port for port in ports if port.member != case.array]
        found += across(case.array, alone, case.looks, PRODUCTS[run.products[case.array]])
    return in_order(item for item in found if run.wants(item.id))


def _from(vantage: str, item: Finding) -> Finding:
    if vantage in ("", "localhost") or not item.id.startswith("wire."):
        return item
    return finding(
        item.id, item.member, item.subject, f"{item.text} (seen from {vantage})",
        severity=item.severity, remedy=item.remedy, evidence={**item.evidence, "from": vantage},
    )  # fmt: skip


def _lost(run: VerifyRun, case: Case) -> Iterable[Finding]:
    for member in case.members if not run.wire_only else ():
        if member not in case.looks:
            reason = case.reasons.get(member) or "nothing was heard of it"
            yield finding("member.lost", member, member, reason, remedy=LOST)
    for member, reason in run.excluded.items():
        yield finding("member.excluded", member, member, reason)
    if not case.members:
        text = f"group {case.array!r} is not in the inventory or has no hosts"
        yield finding("array.empty", case.array, case.array, text)
    if run.wire_only and not case.every_port and case.members:
        text = f"no port of {case.array} was read: with verify_wire_only the ports have to be listed"
        yield finding("wire.none", case.array, case.array, text)


def _vantages(case: Case) -> Iterable[Finding]:
    for vantage, reason in case.lost_vantage.items():
        yield finding("wire.vantage-lost", case.array, vantage, reason)


def any_of(looks: Iterable[Look]) -> Look | None:
    """What any of the members may answer with: a balancer's or a reverse proxy's address leads to one of them."""
    every = list(looks)
    if not every:
        return None
    assigned: dict[str, tuple[str, ...]] = {}
    for look in every:
        for use, held in look.assigned.items():
            assigned[use] = tuple(dict.fromkeys((*assigned.get(use, ()), *held)))
    return replace(
        every[0],
        assigned=assigned,
        used=tuple(used for look in every for used in look.used if used.complete),
        services={},
        findings=(),
        certificates={sha: text for look in every for sha, text in look.certificates.items()},
    )


def clocks(case: Case) -> Iterable[Finding]:
    """Every member whose clock is apart from the others', one after the other."""
    offsets = {member: look.host.clock_offset for member, look in case.looks.items()}
    while told := clock_findings(case.array, offsets):
        yield from told
        offsets = {member: offset for member, offset in offsets.items() if member not in {f.member for f in told}}


def alike(case: Case) -> Iterable[Finding]:
    """One thumbprint, serial and key over the array, in each use in which members may not have their own; a server's
    own self-signed one is its own."""
    uses = dict.fromkeys(
        (PRODUCTS[look.product].differs(use), use) for look in case.looks.values() for use in look.assigned
    )
    for id, use in uses:
        held: dict[str, Certificate | str] = {}
        for member, look in case.looks.items():
            shown = [look.by_thumbprint(t) or t for t in look.assigned.get(use, ())]
            shared = [c for c in shown if isinstance(c, str) or not c.self_issued] or shown
            if len(shared) == 1:
                held[member] = shared[0]
        yield from differing(case.array, use, held, id)


def rolls(case: Case, at: datetime) -> Iterable[Finding]:
    """Staged successors: the same everywhere, and settled once their instant has passed."""
    shown = {m: look.rolled for m, look in case.looks.items() if look.rolled is not None}
    waiting = {m: r for m, r in shown.items() if r.instant > case.looks[m].clock}
    use = next((PRODUCTS[look.product].succeeds for look in case.looks.values()), "")
    for member, one in shown.items():
        look = case.looks[member]
        if member not in waiting and not one.settled and one.thumbprint in look.assigned.get(use, ()):
            text = f"{one.thumbprint} is in force since {one.instant:%Y-%m-%d %H:%M} UTC and was not settled"
            yield finding("roll.unsettled", member, use, text)
    if not waiting:
        return
    kinds = {(r.thumbprint, r.instant) for r in waiting.values()}
    without = [m for m in case.looks if m not in waiting]
    if len(kinds) > 1 or without:
        said = [f"{m}: {r.thumbprint} from {r.instant:%Y-%m-%d %H:%M} UTC" for m, r in waiting.items()]
        said += [f"{m}: none" for m in without]
        yield finding("roll.mixed", case.array, use, "; ".join(said))
        return
    thumbprint, instant = min(kinds)
    text = f"{thumbprint} takes over on all members at {instant:%Y-%m-%d %H:%M} UTC"
    yield finding("roll.pending", case.array, use, text)


def known_elsewhere(case: Case, at: datetime) -> Iterable[Finding]:
    """Intermediates that a member lacks and another member, or the wire, knows."""
    pool = {sha: c for look in case.looks.values() for sha, c in look.loaded.items()}
    pool |= {c.sha256: c for port in case.every_port for c in port.chain[1:]}
    roots = [c for c in pool.values() if c.self_issued]
    for member, look in case.looks.items():
        told = {item.evidence.get("thumbprint") for item in look.findings if item.id.startswith("store.")}
        for used in look.used:
            leaf = look.loaded.get(used.sha256)
            if used.complete or leaf is None:
                continue
            for link in chain_paths(leaf, pool.values(), roots, at, "server")[0].certificates[1:]:
                if link.self_issued or link.sha256 in look.intermediates or link.thumbprint in told:
                    continue
                holders = [m for m, other in case.looks.items() if link.sha256 in other.intermediates]
                known = f"{', '.join(holders)} have it" if holders else "a port presents it"
                text = f"expected in LocalMachine\\CA for {leaf.common_name or leaf.subject}, found nothing; {known}"
                evidence = {"thumbprint": link.thumbprint}
                yield finding("store.intermediate-missing", member, label(link), text, evidence=evidence)


def untrusted(case: Case, clients: Clients, at: datetime) -> Iterable[Finding]:
    """Chains of external uses that end where clients outside do not trust."""
    for member, look in case.looks.items():
        outside = PRODUCTS[look.product].outside
        for used in look.used:
            leaf = look.loaded.get(used.sha256)
            if leaf is None or not set(used.uses) & outside:
                continue
            for chain in used.sendable:
                links = [look.loaded[sha] for sha in chain[1:] if sha in look.loaded]
                path = chain_paths(leaf, links, clients.roots, at, "server")[0]
                if not path.ok and path.anchor is None:
                    top = links[-1] if links else leaf
                    text = f"leads to {top.issuer}, which is not in the list of roots that clients trust"
                    yield finding("chain.untrusted-root", member, label(leaf), text)


def names(run: VerifyRun, case: Case) -> Iterable[Finding]:
    """Names that the user listed, covered by the certificate of the Access Edge or of the web site."""
    for member, look in case.looks.items():
        use = PRODUCTS[look.product].front
        held = [look.by_thumbprint(t) for t in look.assigned.get(use, ())]
        have = [name for certificate in held if certificate is not None for name in names_of(certificate)]
        missing = missing_names(have, run.names) if have else ()
        if missing:
            text = f"{use}: {', '.join(missing)} is in verify_names and not covered by the certificate in use"
            yield finding("names.not-covered", member, use, text, evidence={"missing": ", ".join(missing)})
