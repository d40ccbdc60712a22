# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against giving an Edge server a certificate: names, wildcards, hashes, dates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...findings.finding import Finding, finding
from ...findings.problem import Problem
from ...pki.names import has_wildcard, missing_names
from ...stores.store import label
from ...stores.wanted import Wanted
from ..cs.state import unassigned
from ..values import NO_EMERGENCY, SHA512_WORKS_FROM, Confirmed, Emergency
from .own import EdgeOwn
from .state import AV_USE, EXTERNAL_USES, INTERNAL_USE, USES, EdgeState, describe, required_names


def shared_internal(wanted: Wanted) -> Iterable[Problem]:
    """Two bundles with the same leaf are most likely a mistake of copying."""
    by_leaf: dict[str, list[str]] = {}
    for use, leaf in wanted.uses.items():
        by_leaf.setdefault(leaf.sha256, []).append(use)
    for uses in by_leaf.values():
        if INTERNAL_USE in uses and len(uses) > 1:
            others = ", ".join(use for use in uses if use != INTERNAL_USE)
            text = f"the internal interface and {others} would share one certificate"
            yield Problem("bundle.shared-internal", INTERNAL_USE, text)


def use_problems(
    wanted: Wanted, state: EdgeState, names: Sequence[str], emergency: Emergency = NO_EMERGENCY
) -> Iterable[Problem]:
    """What depends on the product and on what is in use. ``names``: those that the user wants to be covered.

    In an emergency an older certificate, such as a spare one, is no step back: the newer one cannot stay.
    """
    for use, leaf in wanted.uses.items():
        if use != AV_USE:
            needed = dict.fromkeys((*required_names(use, state), *(names if use in EXTERNAL_USES else ())))
            needed_names = tuple(n for n in needed if not n.startswith("*."))
            missing = missing_names(leaf.dns_names or ((leaf.common_name,) if leaf.common_name else ()), needed_names)
            if missing:
                text = f"{use}: {', '.join(missing)} is covered by the certificate in use, but not by the new one"
                yield Problem("names.missing", label(leaf), text, {"missing": ", ".join(missing)})
            if has_wildcard(leaf.dns_names) and state.version.startswith("5."):
                text = f"{use}: Lync Server 2013 does not support wildcard certificates"
                yield Problem("names.wildcard", label(leaf), text)
        old = state.mine(state.current(use))
        if old is not None and old.certificate.not_before > leaf.not_before:
            text = (
                f"{use}: valid from {leaf.not_before:%Y-%m-%d %H:%M}Z, while the one in use is valid from "
                f"{old.certificate.not_before:%Y-%m-%d %H:%M}Z: this would be a step back"
            )
            id = "emergency.older" if emergency else "leaf.older-than-current"
            yield Problem(id, label(leaf), text, {"current": old.certificate.thumbprint})


def leaf_problems(wanted: Wanted, state: EdgeState) -> Iterable[Problem]:
    """What this Windows and this member's clock make of each leaf."""
    for leaf in wanted.leaves:
        if leaf.signature_hash == "sha512" and state.windows[:2] < SHA512_WORKS_FROM:
            shown = ".".join(str(n) for n in state.windows)
            text = (
                f"is signed with SHA-512; on Windows {shown} that stops the Access Edge service (Schannel 36874, 36888)"
            )
            yield Problem("leaf.sha512", label(leaf), text)
        if not leaf.not_before <= state.clock <= leaf.not_after:
            early = state.clock < leaf.not_before
            when = f"not valid before {leaf.not_before:%Y-%m-%d %H:%M:%S}Z" if early else "expired"
            problem = "leaf.not-yet-valid" if early else "leaf.expired"
            text = f"is {when} by this member's clock ({state.clock:%Y-%m-%d %H:%M:%S}Z)"
            yield Problem(problem, label(leaf), text)


def assignments(member: str, state: EdgeState) -> Iterable[Finding]:
    """Every use has a certificate, it is there, and it is of a kind that the version takes."""
    yield from unassigned(member, state, USES)
    for use in USES:
        held = state.mine(state.current(use))
        if held is not None and state.version.startswith("5.") and has_wildcard(held.certificate.dns_names):
            text = f"{use}: Lync Server 2013 does not support wildcard certificates"
            yield finding("names.wildcard", member, label(held.certificate), text)


def av_findings(
    member: str, own: EdgeOwn, wanted: Wanted, state: EdgeState, confirmed: Confirmed | None = None
) -> Iterable[Finding]:
    """``auto`` stops where A/V authentication has a certificate of its own today: replacing it unasked is no
    default. One whose successor is the external one (by the product's word, or by the journal's: ``confirmed``) follows
    it, though it is another one until the instant."""
    leaf, outside = wanted.uses.get(AV_USE), wanted.uses.get(EXTERNAL_USES[0])
    if own.av != "auto" or leaf is None or outside is None or leaf.sha256 != outside.sha256:
        return
    now, external = state.current(AV_USE), state.current(EXTERNAL_USES[0])
    shown = state.scheduled(AV_USE)
    waiting = shown.thumbprint if shown is not None else confirmed.thumbprint if confirmed is not None else None
    if waiting is not None and waiting == external:
        return
    if now is None or now in (external, leaf.thumbprint) or external == leaf.thumbprint:
        return
    text = (
        f"A/V authentication has a certificate of its own today ({describe(now, state)}). Give it a bundle (rollout_"
        "bundles.av), let it follow the external one (rollout_av: follow) or leave it alone (rollout_av: leave)"
    )
    yield finding("product.av-own-certificate", member, AV_USE, text, severity="error")


def why_no_way_back(thumbprint: str, state: EdgeState, window_over: bool = False) -> str:
    """Why a certificate cannot be assigned again; empty when it can. ``state``: with the clock of that moment.

    Lync services do not start with an expired certificate, and one without its key cannot be assigned.
    """
    entry = state.mine(thumbprint)
    if entry is None or entry.key is None:
        return f"{thumbprint} is not in LocalMachine\\My with its key any more"
    if entry.certificate.not_after <= state.clock:
        when = f"ends {entry.certificate.not_after:%Y-%m-%d %H:%M}Z" + (", within the window" if window_over else "")
        return f"{label(entry.certificate)} {when}; services do not start with an expired one"
    return ""
