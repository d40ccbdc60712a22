# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A renewal that cannot wait: what it skips, what it proves all the same, when it is refused, where the old key lies.
Pure.

There is no overlap and no wanted way back in it: what has expired starts no service, and a key that somebody else has
must not come into force again. Everything that is proven before any other switch is proven before this one, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import Refused
from ..findings.finding import Finding, finding
from ..member.evidence import Evidence, Held
from ..member.settings import Settings
from ..products.interface import Product
from ..words import listed, relative
from .prove import before_of

AGAIN = "-e rollout_emergency=expired"


@dataclass(frozen=True)
class Elsewhere:
    """What a member of another array said of the keys that lie there."""

    array: str
    held: tuple[Held, ...] = ()
    why: str = ""
    """Why nothing is known of it; empty when it answered."""


# -- the beginning -----------------------------------------------------------------------------------------------------


def urgent(settings: Settings) -> Settings:
    """The settings as the emergency leaves them: work is hardly waited for and then cut, and a failure holds.

    Raises Refused where nothing is renewed.
    """
    if not settings.emergency:
        return replace(settings, elsewhere={})
    if settings.purpose != "renew":
        raise Refused(
            f"rollout_emergency is for a renewal, and this is a {settings.purpose}: leave it out. In an emergency the "
            "way is forward, with the same command that failed"
        )
    return replace(
        settings,
        drain_seconds=settings.emergency.drain_seconds(settings.drain_seconds),
        drain_expired="continue",
        on_failure="hold",
    )


def skipped(settings: Settings, succession: str) -> tuple[str, ...]:
    """What this run does not do, and why, a sentence each."""
    if settings.emergency.expired:
        roll, why = "where the one in use does not live long enough for it", "it is down already or takes no new work"
        back = "the certificate of before has expired"
    else:
        roll, why = "since its key must not be accepted any longer", "the key is in other hands"
        back = "the key of before is compromised"
    wait = f"not longer than {settings.drain_seconds} s" if settings.drain_seconds else "not at all"
    said = [f"{succession} is not rolled for an instant but replaced at once, {roll}: calls drop"] if succession else []
    return (
        *said,
        f"work in progress is waited for {wait}, then it is cut: {why}",
        f"a member that fails is not taken back: {back}. The run holds, and the same command goes on from there",
    )


PROVEN = (
    "the delivery, its chain and dates; on every member the key, the chain, what its TLS stack sends; one certificate "
    "and one key on all; clocks; that no other run is at work. Behind each switch: what the product reports, that "
    "services run, what the ports present"
)
"""What is proven all the same."""


def beginning(settings: Settings, succession: str) -> tuple[str, ...]:
    """What the run says first."""
    cause = "the certificate in use has expired" if settings.emergency.expired else "the key in use is compromised"
    return (
        f"EMERGENCY: {cause}",
        *(f"  skipped: {line}" for line in skipped(settings, succession)),
        f"  proven all the same: {PROVEN}",
    )


# -- dates -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """A certificate in use that is to be replaced, on one member."""

    member: str
    label: str
    uses: tuple[str, ...]
    not_after: datetime
    now: datetime
    """By the member's clock."""
    window: timedelta

    @property
    def over(self) -> bool:
        """Whether it has ended, or ends before the window does: then there is nothing to go back to."""
        return self.not_after <= self.now + self.window

    @property
    def text(self) -> str:
        """Until when it is valid, for a reader."""
        told = f"{self.not_after:%Y-%m-%d %H:%M}Z, {relative(self.not_after, self.now)}"
        verb = "ended" if self.not_after <= self.now else "ends"
        return f"{self.label} ({', '.join(self.uses)}) {verb} {told}"


def endings(settings: Settings, evidence: Mapping[str, Evidence]) -> tuple[Ending, ...]:
    """The certificates in use that this run replaces, with their dates, member by member."""
    window = timedelta(hours=settings.window_hours)
    found = []
    for member, seen in evidence.items():
        for known in seen.certificates:
            uses = tuple(u for u in known.uses if seen.assigned.get(u) == known.thumbprint != seen.wanted.get(u))
            if known.role == "old" and uses:
                label = seen.labels.get(known.thumbprint, known.subject)
                found.append(Ending(member, label, uses, known.not_after, seen.clock, window))
    return tuple(found)


def _dates(found: Iterable[Ending]) -> str:
    by_text: dict[str, list[str]] = {}
    for one in found:
        by_text.setdefault(one.text, []).append(one.member)
    return "; ".join(f"{text}, on {listed(members)}" for text, members in by_text.items())


def way_in(settings: Settings, evidence: Mapping[str, Evidence]) -> Iterable[Finding]:
    """For a run that was refused without the option: that there is one, where what is in use has expired."""
    over = [one for one in endings(settings, evidence) if one.over]
    if over and not settings.emergency:
        text = (
            f"{_dates(over)}. No overlap and no way back is possible any more. Repeat the command with {AGAIN}: it "
            "replaces everything at once, starts what is down, and calls drop"
        )
        yield finding("emergency.way-in", settings.array, "certificate in use", text)


def _not_expired(settings: Settings, evidence: Mapping[str, Evidence]) -> Iterable[Finding]:
    found = endings(settings, evidence)
    if found and not any(one.over for one in found):
        text = (
            f"nothing that is to be replaced has expired, or does within {settings.window_hours:g} h: {_dates(found)}"
        )
        yield finding("emergency.not-expired", settings.array, "certificate in use", text)


# -- keys --------------------------------------------------------------------------------------------------------------


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


def _key_findings(
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


def _staying(
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


# -- the gate ----------------------------------------------------------------------------------------------------------


def gate_findings(
    product: Product[Any],
    settings: Settings,
    first: Mapping[str, Evidence],
    evidence: Mapping[str, Evidence],
    elsewhere: Mapping[str, Elsewhere],
) -> list[Finding]:
    """Everything that the emergency has to say at the gate; nothing where there is none."""
    if not settings.emergency:
        return []
    lines = skipped(settings, product.succession)
    text = f"skipped: {'; '.join(lines)}. Proven all the same: {PROVEN}"
    found = [finding("emergency.skipped", settings.array, settings.emergency.cause, text)]
    keys: Sequence[str] = ()
    if settings.emergency.expired:
        found += _not_expired(settings, evidence)
    else:
        found += _key_findings(settings, first, evidence, elsewhere)
        keys = list(replaced_keys(settings, first, evidence))
    return [*found, *_staying(product, settings, keys, evidence)]


def lying(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Where the replaced keys lie, for the screen."""
    return tuple(
        f"{one.subject}: {one.text}" for one in findings if one.id in ("emergency.key-lies", "emergency.not-looked")
    )
