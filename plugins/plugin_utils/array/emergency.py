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
from ..member.evidence import Evidence
from ..member.journal import Journal
from ..member.settings import Settings
from ..products.interface import Product
from ..words import listed, relative
from . import old_keys
from .told import lines_of

AGAIN = "-e rollout_emergency=expired"


# -- the beginning -----------------------------------------------------------------------------------------------------


def urgent(settings: Settings) -> Settings:
    """The settings as the emergency leaves them: work is hardly waited for and then cut, and a failure holds.

    Raises Refused where nothing is renewed; a rollback may name a compromised key, see :func:`demand_consent`.
    """
    if not settings.emergency or (settings.purpose == "rollback" and settings.emergency.compromised):
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


def demand_consent(settings: Settings, journals: Mapping[str, Journal], take_back: Iterable[str]) -> None:
    """Raises Refused where a way back would bring a compromised key into force again, and nobody has said that it
    shall. That is better than no service at all, but no habit."""
    named = [m for m in take_back if journals[m].emergency == "compromised" and journals[m].uses]
    if named and not settings.emergency.compromised:
        text = f"the way back on {listed(named)} leads to the key that was called compromised"
        found = finding("emergency.no-way-back", settings.array, "rollback", text)
        raise Refused(f"Not taken back.\n  {lines_of([found])}", findings=[found.to_dict()])


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


# -- the gate ----------------------------------------------------------------------------------------------------------


def gate_findings(
    product: Product[Any],
    settings: Settings,
    first: Mapping[str, Evidence],
    evidence: Mapping[str, Evidence],
    elsewhere: Mapping[str, old_keys.Elsewhere],
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
        found += old_keys.key_findings(settings, first, evidence, elsewhere)
        keys = list(old_keys.replaced_keys(settings, first, evidence))
    return [*found, *old_keys.staying(product, settings, keys, evidence)]
