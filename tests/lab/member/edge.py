"""Edge assignments: Set-/Get-/Remove-CsCertificate's effects, the staged successor, and the tokens of the pool."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from . import schannel
from .errors import CRYPTO, CallError
from .keys import NETWORK_SERVICE
from .state import AV, Assignment, State


class Pool:
    """The members that share external names and A/V tokens."""

    def __init__(self) -> None:
        self.members: list[State] = []
        self._failing: set[tuple[str, str]] = set()

    def settle(self) -> None:
        """Bring everything up to the members' clocks: successors take over, tokens are judged, calls end."""
        for state in self.members:
            settle(state)
        now = self._failing_pairs()
        for one, other in now - self._failing:
            for state in self.members:
                if state.name in (one, other):
                    state.refused_tokens += 1
        self._failing = now

    def _failing_pairs(self) -> set[tuple[str, str]]:
        """Pairs of members of which at least one refuses the tokens that the other issues."""
        failing = set()
        members = [member for member in self.members if AV in member.assigned]
        for position, one in enumerate(members):
            for other in members[position + 1 :]:
                mine, theirs = one.assigned[AV], other.assigned[AV]
                if mine.thumbprint is None or theirs.thumbprint is None:
                    continue
                if theirs.thumbprint not in _accepts(one, mine) or mine.thumbprint not in _accepts(other, theirs):
                    failing.add((one.name, other.name))
        return failing

    def mixed(self, state: State, use: str) -> list[str]:
        """Thumbprints that other members have assigned to ``use`` and this one has not."""
        own = state.assigned[use].thumbprint
        others = {m.assigned[use].thumbprint for m in self.members if m is not state}
        return sorted(t for t in others if t and own and t != own)


def _accepts(state: State, assignment: Assignment) -> set[str]:
    """Validation tries the new certificate, then the one before it, as long as that has not expired."""
    accepted = {assignment.thumbprint or ""}
    previous = state.entry(assignment.previous)
    if previous and previous.certificate.not_valid_after_utc > state.clock.now():
        accepted.add(previous.thumbprint)
    return accepted


def settle(state: State) -> None:
    """Successors whose instant this member's clock has passed take over; calls that were to end have ended.

    Calls do not outlive the certificate that their tokens were made from.
    """
    now = state.clock.now()
    for use, assignment in state.assigned.items():
        if assignment.pending and assignment.effective and assignment.effective <= now:
            assignment.previous = assignment.thumbprint
            assignment.thumbprint, assignment.pending = assignment.pending, None
            take_effect(state, use)
    av = state.entry(state.assigned[AV].thumbprint) if AV in state.assigned else None
    if state.calls and av and av.certificate.not_valid_after_utc < now:
        drop_calls(state)
    if state.calls_until and now >= state.calls_until:
        state.calls, state.calls_until = 0, None


def drop_calls(state: State) -> None:
    """End the calls in progress on this member."""
    state.dropped += state.calls
    state.calls, state.calls_until = 0, None


def assign(state: State, thumb: str, uses: Iterable[str], roll: bool, effective: datetime | None) -> None:
    """Set-CsCertificate -Thumbprint. Raises CallError."""
    cmdlet = "Set-CsCertificate"
    if roll and effective is None:
        raise CallError(
            "The Roll parameter requires the EffectiveDate parameter.",
            f"InvalidCommandArguments,{cmdlet}",
            "System.ArgumentException",
            "InvalidArgument",
        )
    entry = state.entry(thumb)
    if entry is None:
        raise CallError(
            f'The certificate with thumbprint "{thumb}" was not found in the personal certificate store.',
            f"CertificateNotFound,{cmdlet}",
            "System.ArgumentException",
            "ObjectNotFound",
        )
    container = state.keys.get(entry.container)
    if container is None:
        raise CallError(
            f'The certificate with thumbprint "{thumb}" does not have a private key.',
            f"CertificateWithoutPrivateKey,{cmdlet}",
            "System.ArgumentException",
            "InvalidArgument",
        )
    if container.cng:
        raise CallError(
            "The buffer supplied to a function was too small.\r\n", f"CryptographicException,{cmdlet}", CRYPTO
        )
    container.grant(NETWORK_SERVICE, "Read")
    for use in uses:
        if use not in state.assigned:
            continue  # a certificate type that an Edge Server has no service for
        if roll:
            state.assigned[use].pending = entry.thumbprint
            state.assigned[use].effective = effective
        else:
            _replace(state, use, entry.thumbprint)
    settle(state)


def _replace(state: State, use: str, thumb: str) -> None:
    now = state.assigned[use]
    cancelled = now.pending is not None
    same = now.thumbprint == thumb
    had = now.thumbprint is not None
    state.assigned[use] = Assignment(thumb, previous=now.previous if same and not cancelled else None)
    if use == AV and had and (not same or (cancelled and state.behaviour.cancel_roll == "drops")):
        drop_calls(state)
    if not same:
        take_effect(state, use)


def take_effect(state: State, use: str) -> None:
    """A running service turns to the new assignment, unless this member needs a restart for it."""
    if use == AV or state.behaviour.applies == "at-once":
        for held in state.in_use.values():
            if use in held:
                held[use] = state.assigned[use].thumbprint


def unassign(state: State, uses: Iterable[str], previous: bool, force: bool) -> bool:
    """Remove-CsCertificate. Returns False when it would have asked for confirmation and did nothing."""
    chosen = [u for u in uses if u in state.assigned]
    running = any(use in held for use in chosen for held in state.in_use.values())
    if running and not previous and not force:
        return False
    for use in chosen:
        assignment = state.assigned[use]
        gone = assignment.previous if previous else assignment.thumbprint
        if previous:
            assignment.previous = None
        else:
            state.assigned[use] = Assignment()
            if use == AV:
                drop_calls(state)
            take_effect(state, use)
        entry = state.entry(gone)
        container = state.keys.get(entry.container) if entry else None
        if container and gone not in _all_assigned(state):
            container.revoke(NETWORK_SERVICE)
    return True


def _all_assigned(state: State) -> set[str | None]:
    return {t for a in state.assigned.values() for t in (a.thumbprint, a.pending, a.previous)}


def restart_problems(state: State, pool: Pool, use: str) -> list[str]:
    """Thumbprints for which a starting service logs that a shared session key could not be imported."""
    own = state.assigned[use].thumbprint
    entry = state.entry(own)
    found = [entry.thumbprint] if entry and not schannel.complete(state, entry) else []
    if state.behaviour.mixed_event == "at-restart":
        found += pool.mixed(state, use)
    return found
