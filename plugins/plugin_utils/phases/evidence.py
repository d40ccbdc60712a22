# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one read of a member proves, as plain data: the only thing that travels from step to step. Pure.

It holds thumbprints, names and instants; never a key, a password or a PFX.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..array.findings import Finding, from_problem, in_order
from ..pki.certificate import Certificate
from ..pki.chain import Path
from ..products import edge, events, roll, services
from ..products.problem import Problem
from ..products.readiness import Readiness, judge, store_problems
from ..products.store import Change, DesiredKey, DesiredStores, StoredCertificate, StoredKey, Stores, label, plan_stores

SERVICE_SIDS = (  # Set-CsCertificate gives the services their rights; nothing has to hold them before it ran.
)


@dataclass(frozen=True)
class Wanted:
    """What a member shall have, by use."""

    uses: Mapping[str, Certificate]
    """Use -> leaf."""
    keys: tuple[DesiredKey, ...] = ()
    intermediates: Mapping[str, tuple[Certificate, ...]] = ()  # type: ignore[assignment]
    """SHA-256 of a leaf -> its intended intermediates, leaf's issuer first."""
    roots: tuple[Certificate, ...] = ()
    """Roots to install because the user asked for it."""
    trust: Mapping[str, tuple[Certificate, ...]] = ()  # type: ignore[assignment]
    """SHA-256 of a leaf -> the roots that its clients trust."""

    @property
    def stores(self) -> DesiredStores:
        """The same, as what the stores have to hold."""
        chain: dict[str, Certificate] = {}
        for certificates in dict(self.intermediates).values():
            chain |= {c.sha256: c for c in certificates}
        return DesiredStores(self.keys, tuple(chain.values()), self.roots)

    @property
    def leaves(self) -> tuple[Certificate, ...]:
        """Each leaf once."""
        return tuple({c.sha256: c for c in self.uses.values()}.values())

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """Each leaf's thumbprint once."""
        return tuple(c.thumbprint for c in self.leaves)


@dataclass(frozen=True)
class Judged:
    """A member's state with everything that was concluded from it."""

    stage: tuple[Change, ...]
    switch: tuple[Change, ...]
    readiness: tuple[Readiness, ...]
    findings: tuple[Finding, ...]
    standing: roll.Standing | None
    forecast: bool
    """True while something has still to be staged: then the stores are judged as they would be."""

    @property
    def ready(self) -> bool:
        """Nothing found that stops a rollout."""
        return not any(f.stops for f in self.findings)


def conclude(
    member: str,
    wanted: Wanted,
    state: edge.EdgeState,
    recorded: roll.Recorded | None,
    *,
    names: Sequence[str] = (),
    replace_av: bool = False,
    events_since: datetime | None = None,
    ran: Sequence[str] = (),
) -> Judged:
    """Plans and judges one member.

    ``events_since``: certificate events since then count; None leaves the event log out of the judgement.
    ``ran``: services that ran before a change that is not over yet.
    """
    stage = plan_stores(wanted.stores, state.stores)
    stores = state.stores.having(_planned(wanted))
    problems: list[Problem] = list(store_problems(state.stores))
    readiness = []
    for leaf in wanted.leaves:
        desired = next((k for k in wanted.keys if k.certificate.sha256 == leaf.sha256), None)
        present = state.stores.find("My", leaf.sha256)
        judged = judge(
            leaf,
            stores,
            state.clock,
            trust=dict(wanted.trust).get(leaf.sha256, ()),
            intended=dict(wanted.intermediates).get(leaf.sha256, ()),
            presented=state.presented.get(leaf.thumbprint) if not stage else None,
            exportable=desired.exportable if desired and present is not None and present.key is not None else None,
            key_planned=bool(stage),
        )
        readiness.append(judged)
        problems += judged.problems
    problems += use_problems(wanted, state, names)
    problems += services.problems(wanted.uses, state.services, ran)
    if events_since is not None:
        problems += events.problems(state.events, wanted.leaves, events_since)
    av = wanted.uses.get(edge.AV_USE)
    return Judged(
        stage=stage,
        switch=edge.plan_switch(wanted.uses, state, replace_av),
        readiness=tuple(readiness),
        findings=in_order(from_problem(p, member) for p in problems),
        standing=roll.standing(av.thumbprint, state, recorded) if av else None,
        forecast=bool(stage),
    )


def _planned(wanted: Wanted) -> Iterable[StoredCertificate]:
    """What staging adds, as if it lay there already."""
    desired = wanted.stores
    for certificate in desired.intermediates:
        yield StoredCertificate("LocalMachine", "CA", certificate)
    for certificate in desired.roots:
        yield StoredCertificate("LocalMachine", "Root", certificate)
    for key in desired.keys:
        planned = StoredKey("Microsoft Enhanced Cryptographic Provider v1.0", "", "Exchange", True, key.exportable)
        yield StoredCertificate("LocalMachine", key.store, key.certificate, key.friendly_name or "", planned)


def use_problems(wanted: Wanted, state: edge.EdgeState, names: Sequence[str]) -> Iterable[Problem]:
    """What depends on the product and on what is in use: names, wildcards, hashes, dates."""
    from ..pki.names import has_wildcard, missing_names  # pylint: disable=import-outside-toplevel

    for use, leaf in wanted.uses.items():
        if use != edge.AV_USE:
            needed = dict.fromkeys((*edge.required_names(use, state), *(names if use in edge.EXTERNAL_USES else ())))
            needed_names = tuple(n for n in needed if not n.startswith("*."))
            missing = missing_names(leaf.dns_names or ((leaf.common_name,) if leaf.common_name else ()), needed_names)
            if missing:
                text = f"{use}: {', '.join(missing)} is covered by the certificate in use, but not by the new one"
                yield Problem("names.missing", label(leaf), text, {"missing": ", ".join(missing)})
            if has_wildcard(leaf.dns_names) and state.version.startswith("5."):
                yield Problem(
                    "names.wildcard", label(leaf), f"{use}: Lync Server 2013 does not support wildcard certificates"
                )
        old = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == state.current(use)), None)
        if old is not None and old.certificate.not_before > leaf.not_before:
            text = (
                f"{use}: valid from {leaf.not_before:%Y-%m-%d %H:%M}Z, while the one in use is valid from "
                f"{old.certificate.not_before:%Y-%m-%d %H:%M}Z: this would be a step back"
            )
            yield Problem("leaf.older-than-current", label(leaf), text, {"current": old.certificate.thumbprint})
    for leaf in wanted.leaves:
        if leaf.signature_hash == "sha512" and state.windows[:2] < edge.SHA512_WORKS_FROM:
            shown = ".".join(str(n) for n in state.windows)
            text = (
                f"is signed with SHA-512; on Windows {shown} that stops the Access Edge service (Schannel 36874, 36888)"
            )
            yield Problem("leaf.sha512", label(leaf), text)
        if not leaf.not_before <= state.clock <= leaf.not_after:
            when = "not valid yet" if state.clock < leaf.not_before else "expired"
            problem = "leaf.not-yet-valid" if state.clock < leaf.not_before else "leaf.expired"
            text = f"is {when} by this member's clock ({state.clock:%Y-%m-%d %H:%M}Z)"
            yield Problem(problem, label(leaf), text)


def digest(stores: Stores) -> str:
    """SHA-256 over what the gate judged: stores and keys, not dates, services or assignments."""
    rows = sorted(
        json.dumps(
            [
                c.location,
                c.store,
                c.certificate.sha256,
                None if c.key is None else [c.key.provider, c.key.container, c.key.exportable, c.key.signs],
            ]
        )
        for c in stores.certificates
        if c.location == "LocalMachine"
    )
    return hashlib.sha256("\n".join(rows).encode("ascii")).hexdigest()


def chain_picture(path: Path) -> dict[str, Any]:
    """One path as plain data for the report: what is there, and what is missing at its end."""
    links = []
    for index, certificate in enumerate(path.certificates):
        role = "leaf" if index == 0 else ("root" if certificate.self_issued else "intermediate")
        links.append(
            {
                "subject": certificate.common_name or certificate.subject,
                "thumbprint": certificate.thumbprint,
                "sha256": certificate.sha256,
                "not_after": certificate.not_after.isoformat(),
                "role": role,
            }
        )
    top = path.certificates[-1]
    missing = [_name(top.issuer)] if any(f.id == "chain.issuer-missing" for f in path.findings) else []
    return {"path": links, "missing": missing, "ok": path.ok}


def _name(subject: str) -> str:
    """The common name out of a readable distinguished name, or all of it."""
    match = re.search(r"(?:^|, )CN=((?:\\.|[^,\\])+)", subject)
    return match.group(1).replace("\\", "") if match else subject


def rollback_possible(wanted: Wanted, state: edge.EdgeState, window: timedelta) -> dict[str, dict[str, Any]]:
    """Use -> whether its certificate of today can be gone back to, for as long as ``window`` from now."""
    answers: dict[str, dict[str, Any]] = {}
    for use in wanted.uses:
        thumbprint = state.current(use)
        why = why_no_way_back(thumbprint, state, window) if thumbprint else ""
        answers[use] = {"possible": not why, "why": why}
    return answers


def why_no_way_back(thumbprint: str, state: edge.EdgeState, window: timedelta) -> str:
    """Why a certificate cannot be assigned again; empty when it can.

    Lync services do not start with an expired certificate, and one without its key cannot be assigned.
    """
    entry = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == thumbprint), None)
    if entry is None or entry.key is None:
        return f"{thumbprint} is not in LocalMachine\\My with its key any more"
    if entry.certificate.not_after <= state.clock + window:
        when = f"ends {entry.certificate.not_after:%Y-%m-%d %H:%M}Z" + (", within the window" if window else "")
        return f"{label(entry.certificate)} {when}; services do not start with an expired one"
    return ""
