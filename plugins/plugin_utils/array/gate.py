# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: every member proven ready, or no member is switched. Pure.

The verdict carries the digest of each member's fresh read, so that the switch can refuse a verdict of another run, of
other members or of another certificate, and a member that has changed since.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any

from ..findings.finding import Finding, finding, in_order, stopping
from ..plain import from_plain, to_plain
from .verdict import thumb

CLOCK_TOLERANCE = 60.0
"""Seconds that the members' clocks may lie apart."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class GateRead:
    """The evidence of one member, read fresh after staging."""

    member: str
    """Its inventory name."""
    digest: str
    """SHA-256 of the read, lower-case hex; see :func:`read_digest`."""
    staged: Mapping[str, str]
    """Use to thumbprint of the certificate that lies ready for it."""
    keys: Mapping[str, str]
    """Use to SHA-256 (hex) of the public key whose private key signed on the member: a proof, not a store's flag."""
    clock_offset: float | None
    """Seconds the member's clock is ahead of the controller's; None: not read."""
    findings: tuple[Finding, ...] = ()
    """What the checks found on this member (stores, key, chains, TLS stack, product)."""
    wanted: Mapping[str, str] | None = None
    """Use to thumbprint, of what the run wants what this member can have; None: all of it."""


@dataclass(frozen=True)
class GateVerdict:
    """Whether the array may be switched, and on what evidence."""

    run: str
    """The run it belongs to."""
    array: str
    """The array's name."""
    passed: bool
    """True only with evidence for every member and no finding that stops."""
    at: datetime
    """When it was given."""
    members: tuple[str, ...]
    """The members it speaks for, in their order."""
    desired: Mapping[str, str]
    """Use to thumbprint it speaks for."""
    digests: Mapping[str, str]
    """Member to the digest of the read it rests on."""
    findings: tuple[Finding, ...] = ()
    """Everything seen, worst first; those that stop are why it did not pass."""
    simulated: bool = False
    """Given in check mode over what would be staged; such a verdict opens nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and facts."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GateVerdict:
        """Back from plain data. Raises PlainError naming the field that does not fit."""
        return from_plain(cls, data)


@dataclass(frozen=True)
class _Case:
    array: str
    members: Sequence[str]
    reads: Mapping[str, GateRead | None]
    desired: Mapping[str, str]
    desired_keys: Mapping[str, str]
    found: list[Finding] = field(default_factory=list)

    def say(self, id: str, member: str, subject: str, text: str, **evidence: str) -> None:
        self.found.append(finding(id, member or self.array, subject, text, evidence=evidence))


def read_digest(read: Any) -> str:
    """SHA-256 of plain data (as of :func:`plain.to_plain`) in one canonical JSON form: lower-case hex."""
    text = json.dumps(to_plain(read), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def gate_verdict(
    run: str,
    array: str,
    members: Sequence[str],
    reads: Mapping[str, GateRead | None],
    desired: Mapping[str, str],
    at: datetime,
    *,
    desired_keys: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
    simulated: bool = False,
) -> GateVerdict:
    """Judge whether the array may be switched.

    :param members: every member expected, without the excluded ones.
    :param reads: the evidence per member; None or absent: lost, and then nothing passes.
    :param desired: use to thumbprint of the bundle. Empty never passes.
    :param desired_keys: use to SHA-256 (hex) of the bundle's public key; without it the members are held to each other.
    :param findings: of the array and the run, besides those of the members.
    :param simulated: True in check mode.
    """
    wanted = {use: thumb(value) for use, value in desired.items()}
    case = _Case(array, members, reads, wanted, desired_keys or {}, list(findings))
    _check_members(case)
    _check_staged(case)
    _check_keys(case)
    case.found.extend(clock_findings(array, {name: read.clock_offset for name, read in _present(case).items()}))
    digests = {name: read.digest for name, read in _present(case).items()}
    passed = not stopping(case.found)
    return GateVerdict(run, array, passed, at, tuple(members), wanted, digests, in_order(case.found), simulated)


def gate_refusals(
    verdict: GateVerdict | None,
    run: str,
    members: Sequence[str],
    desired: Mapping[str, str],
    digests: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Why the switch must not go on; empty: it may.

    :param verdict: what the gate said; None when there is none.
    :param digests: member to the digest of a read taken now, for members that should not have changed since the gate.
    """
    if verdict is None:
        return (finding("gate.missing"),)
    refused: list[Finding] = []
    wanted = {use: thumb(value) for use, value in desired.items()}
    for name, here, there in (
        ("run", run, verdict.run),
        ("members", list(members), list(verdict.members)),
        ("certificates", wanted, dict(verdict.desired)),
    ):
        if here != there:
            refused.append(
                finding(
                    "gate.other-run",
                    verdict.array,
                    name,
                    f"The gate spoke for {name} {_list(there)}, the switch was asked for {_list(here)}.",
                )
            )
    if verdict.simulated:
        refused.append(finding("gate.simulated", verdict.array))
    against = stopping(verdict.findings)
    if not verdict.passed or against or not verdict.members or set(verdict.members) != set(verdict.digests):
        refused.append(
            finding(
                "gate.not-passed",
                verdict.array,
                "gate",
                "The gate did not pass"
                + (f": {against[0].member}: {against[0].text}" if against else ": it lacks evidence for a member."),
            )
        )
    for member, digest in (digests or {}).items():
        if verdict.digests.get(member) != digest:
            refused.append(
                finding(
                    "gate.digest-differs",
                    member,
                    "state",
                    f"{member} is not as it was at the gate.",
                    evidence={"then": verdict.digests.get(member), "now": digest},
                )
            )
    return tuple(refused)


def clock_findings(
    array: str, offsets: Mapping[str, float | None], tolerance: float = CLOCK_TOLERANCE
) -> tuple[Finding, ...]:
    """Findings about clocks: not read, or more than the tolerance (seconds) apart; the odd one out is named.

    :param offsets: member to the seconds its clock is ahead of one common clock.
    """
    known = sorted((offset, member) for member, offset in offsets.items() if offset is not None and isfinite(offset))
    found = [
        finding("array.clock-unknown", member, "clock", f"The clock of {member} was not read.")
        for member in offsets
        if member not in {name for _offset, name in known}
    ]
    if known and known[-1][0] - known[0][0] > tolerance:
        middle = known[len(known) // 2][0] if len(known) > 2 else 0.0
        offset, member = max((known[0], known[-1]), key=lambda item: abs(item[0] - middle))
        apart = known[-1][0] - known[0][0]
        found.append(
            finding(
                "array.clock-differs",
                member,
                "clock",
                f"The clock of {member} is {abs(offset):.0f} s "
                f"{'ahead of' if offset > 0 else 'behind'} this machine's; the clocks of the array lie "
                f"{apart:.0f} s apart, {tolerance:.0f} s are allowed.",
                evidence={name: f"{value:+.1f} s" for value, name in known},
            )
        )
    return tuple(found)


def _present(case: _Case) -> dict[str, GateRead]:
    return {name: read for name in case.members if (read := case.reads.get(name)) is not None}


def _wanted(case: _Case, read: GateRead) -> Mapping[str, str]:
    """Use to thumbprint, of what was asked for what this member can have."""
    if read.wanted is None:
        return case.desired
    return {use: value for use, value in case.desired.items() if use in read.wanted}


def _check_members(case: _Case) -> None:
    if not case.members:
        case.say("array.empty", "", case.array, f"The array {case.array} has no members: expected at least one.")
    for name, times in Counter(case.members).items():
        if times > 1:
            case.say("array.member-twice", name, name, f"{name} is listed {times} times in {case.array}.")
    if not case.desired:
        case.say("gate.no-evidence", "", "certificates", "No certificate was asked for, so nothing can be proven.")
    for name in dict.fromkeys(case.members):
        read = case.reads.get(name)
        if read is None:
            case.say("member.lost", name, name, f"{name} was not heard of at the gate.")
            continue
        if read.member != name:
            case.say("gate.no-evidence", name, "read", f"The read given for {name} is of {read.member}.")
        if not _DIGEST.fullmatch(read.digest):
            case.say("gate.no-evidence", name, "read", f"{name} has no digest of a fresh read.")
        if case.desired and not _wanted(case, read):
            text = f"{name} has none of {', '.join(case.desired)}, so there is nothing to prove on it."
            case.say("gate.no-evidence", name, "uses", text)
        case.found.extend(read.findings)


def _check_staged(case: _Case) -> None:
    for name, read in _present(case).items():
        for use, wanted in _wanted(case, read).items():
            found = thumb(read.staged.get(use))
            if not found:
                case.say(
                    "store.leaf-missing",
                    name,
                    use,
                    f"The certificate for {use} is not ready on {name}.",
                    expected=wanted,
                )
            elif found != wanted:
                case.say(
                    "array.thumbprint-differs",
                    name,
                    use,
                    f"{use}: expected certificate {wanted}, found {found} ready on {name}.",
                    expected=wanted,
                    found=found,
                )


def _check_keys(case: _Case) -> None:
    for use in case.desired:
        having = {name: read for name, read in _present(case).items() if use in _wanted(case, read)}
        held = {name: read.keys.get(use, "").lower() for name, read in having.items()}
        for name in (name for name, key in held.items() if not key):
            case.say("key.unusable", name, use, f"The private key for {use} was not proven to sign on {name}.")
        known = Counter(key for key in held.values() if key)
        if not known:
            continue
        wanted = case.desired_keys.get(use, "").lower() or known.most_common(1)[0][0]
        for name, key in held.items():
            if key and key != wanted:
                other = "the bundle's" if case.desired_keys.get(use) else "that of the other members"
                case.say(
                    "array.key-differs",
                    name,
                    use,
                    f"{use}: the key on {name} is not {other}.",
                    expected=wanted,
                    found=key,
                )


def _list(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "(none)"
    return ", ".join(value) if isinstance(value, list) else str(value)
