# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that a renewal in an emergency replaces: which they are, where they lie, on whatever array. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings.finding import Finding, finding
from ..member.evidence import Evidence, Held
from ..member.settings import Settings
from ..products.interface import Product
from ..words import listed
from .prove import before_of


@dataclass(frozen=True)
class Elsewhere:
    """What a member of another array said of the keys that lie there."""

    array: str
    held: tuple[Held, ...] = ()
    why: str = ""
    """Why nothing is known of it; empty when it answered."""


def others(groups: Mapping[str, Iterable[str]], members: Sequence[str]) -> dict[str, list[str]]:
    """Other arrays with their members; who is in several groups counts in the smallest, whoever is ours in none."""
    seen, found = set(members), dict[str, list[str]]()
    for name, hosts in sorted(groups.items(), key=lambda group: len(list(group[1]))):
        rest = [str(host) for host in hosts if host not in seen]
        seen.update(rest)
        if rest:
            found[str(name)] = rest
    return found


def replaced_keys(
    settings: Settings, first: Mapping[str, Evidence], evidence: Mapping[str, Evidence]
) -> dict[str, tuple[str, ...]]:
    """SHA-256 of a public key -> thumbprints of the certificates with it, of every key that this run replaces: in use
    on a member now or before an unfinished run, or waiting for its instant; what is wanted apart."""
    wanted = {facts["key"] for facts in settings.wanted.values()}
    before = before_of(settings, first, evidence)
    named: set[str] = set()
    for member, seen in evidence.items():
        named |= {t for use, t in {**seen.assigned, **before.get(member, {})}.items() if use in seen.wanted}
        named |= {seen.assigned[use] for use in seen.wanted if use in seen.assigned}
        named |= {at.previous for at in seen.pending.values() if at.previous}
    held = [one for seen in evidence.values() for one in seen.held]
    keys = {one.key for one in held if one.thumbprint in named} - wanted
    return {key: tuple(sorted({one.thumbprint for one in held if one.key == key})) for key in sorted(keys)}


def places(
    key: str, array: str, evidence: Mapping[str, Evidence], elsewhere: Mapping[str, Elsewhere]
) -> tuple[str, ...]:
    """Where a private key lies, a line for each array: its members, stores and certificates."""
    by_array: dict[str, dict[str, list[str]]] = {}
    every = [(array, member, seen.held) for member, seen in evidence.items()]
    every += [(seen.array, member, seen.held) for member, seen in elsewhere.items()]
    for name, member, held in every:
        for one in held:
            if one.key == key:
                by_array.setdefault(name, {}).setdefault(f"LocalMachine\\{one.store} {one.thumbprint}", []).append(
                    member
                )
    return tuple(
        f"{name}: " + "; ".join(f"{listed(members, 12)} ({place})" for place, members in found.items())
        for name, found in by_array.items()
    )


def key_findings(
    settings: Settings,
    first: Mapping[str, Evidence],
    evidence: Mapping[str, Evidence],
    elsewhere: Mapping[str, Elsewhere],
) -> Iterable[Finding]:
    keys = replaced_keys(settings, first, evidence)
    if not keys and evidence and all(_has_all(seen) for seen in evidence.values()):
        text = (
            "every member uses exactly the certificate that was given. If its key is the one that is compromised, ask "
            "for a certificate with a new key and give that; if this run was only repeated, nothing is left to do"
        )
        yield finding("emergency.same-key", settings.array, "rollout_bundles", text)
    for use in _used_already(evidence) if keys else ():
        text = (
            "every member uses the certificate that was given for it already; what this run replaces is the key of "
            f"{', '.join(t for known in keys.values() for t in known)}. If the given one's key is the compromised one, "
            "ask for a certificate with a new key and give that"
        )
        yield finding("emergency.used-already", settings.array, use, text)
    for key, thumbprints in keys.items():
        where = places(key, settings.array, evidence, elsewhere)
        yield finding(
            "emergency.key-lies", settings.array, f"key of {', '.join(thumbprints)}", f"lies on {'. On '.join(where)}",
            evidence={"key": key},
        )  # fmt: skip
    for member, other in elsewhere.items():
        if other.why:
            text = f"of array {other.array}: nobody knows whether the key lies there: {other.why}"
            yield finding("emergency.not-looked", member, member, text)
    unseen = [m for members in settings.elsewhere.values() for m in members if m not in elsewhere]
    if unseen:
        text = f"nobody looked at {listed(unseen)}: give rollout_emergency with -e, so that every play knows it"
        yield finding("emergency.not-looked", settings.array, "other arrays", text)


def _used_already(evidence: Mapping[str, Evidence]) -> list[str]:
    """Uses for which every member has the wanted certificate already."""
    uses = dict.fromkeys(use for seen in evidence.values() for use in seen.wanted)
    having = {use: [seen for seen in evidence.values() if use in seen.wanted] for use in uses}
    return [use for use in uses if all(seen.assigned.get(use) == seen.wanted[use] for seen in having[use])]


def _has_all(seen: Evidence) -> bool:
    return all(seen.assigned.get(use) == thumbprint for use, thumbprint in seen.wanted.items())


def staying(
    product: Product[Any], settings: Settings, keys: Iterable[str], evidence: Mapping[str, Evidence]
) -> Iterable[Finding]:
    """Uses that get no certificate from this run, and whose own must not stay: its key is compromised, or it has
    expired and services of the switch rest on it, too."""
    gone, found = set(keys), dict[tuple[str, str], list[str]]()
    for member, seen in evidence.items():
        mine = {one.thumbprint: one for one in seen.held}
        moved = {*seen.plan.start, *seen.plan.stop, *seen.plan.restart}
        for use, thumbprint in seen.assigned.items():
            one = mine.get(thumbprint)
            if use in seen.wanted or one is None:
                continue
            if one.key in gone:
                found.setdefault((use, f"has the compromised key ({one.label})"), []).append(member)
            elif one.not_after <= seen.clock and moved & set(product.services_of.get(use, ())):
                text = f"has a certificate that has expired ({one.label}), and services of the switch rest on it"
                found.setdefault((use, text), []).append(member)
    for (use, text), members in found.items():
        said = f"{text}, on {listed(members)}; no bundle is given for it"
        yield finding("emergency.stays", settings.array, use, said)


def lying(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Where the replaced keys lie, for the screen."""
    return tuple(
        f"{one.subject}: {one.text}" for one in findings if one.id in ("emergency.key-lies", "emergency.not-looked")
    )
