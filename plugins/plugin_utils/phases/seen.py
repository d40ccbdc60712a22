# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read of an Edge server: what is asked, what it means, and the plain evidence that goes from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...module_utils.tls_probe import certificates_in_flight
from ..array.findings import Finding, finding, from_problem
from ..array.journal import Journal, JournalError
from ..pki.certificate import CertificateError, load_der
from ..products import edge, events
from ..products.readiness import Presented, Readiness
from ..products.store import Stores
from ..windows.calls import Call, Reply
from . import records
from .evidence import Judged, Wanted, chain_picture, conclude, digest, rollback_possible
from .light import plain_standing
from .settings import Settings
from .stop import PhaseFailed

LOAD = ("lync",)
MAX_PICTURES = 3
"""Chains of one leaf that a report draws."""
NEEDED = {
    "journal": "journal",
    "stores": "certificate stores",
    "keys": "private keys",
    "access": "rights on private keys",
    "assignments": "certificates in use (Get-CsCertificate)",
    "services": "services (Get-CsWindowsService)",
}
"""Reads without which nothing can be concluded: what they would have said is unknown, not absent."""


@dataclass(frozen=True)
class Seen:
    """A member as one read showed it."""

    member: str
    reply: Reply
    state: edge.EdgeState
    wanted: Wanted
    judged: Judged
    journal: Journal | None
    lock: Mapping[str, Any] | None
    offset: float
    """Seconds that the member's clock is ahead of the controller's."""
    findings: tuple[Finding, ...]
    """Everything found, the judgement's findings included."""

    @property
    def untested(self) -> tuple[str, ...]:
        """Thumbprints that lie in My with a key which nobody has seen sign: not asked yet, and not in use for all."""
        uses: dict[str, list[str]] = {}
        for use, leaf in self.wanted.uses.items():
            uses.setdefault(leaf.sha256, []).append(use)
        found = []
        for leaf in self.wanted.leaves:
            entry = self.state.stores.find("My", leaf.sha256)
            asked = entry is None or entry.key is None or entry.key.signs is not None
            if not asked and not all(self.in_use(use) for use in uses[leaf.sha256]):
                found.append(leaf.thumbprint)
        return tuple(found)

    def in_use(self, use: str) -> bool:
        """Whether the product has the wanted certificate for the use, now or from the instant of a roll on."""
        standing = self.judged.standing
        if use == edge.AV_USE and standing is not None and standing.state == "scheduled":
            return True
        return self.state.current(use) == self.wanted.uses[use].thumbprint


def calls(thumbprints: Sequence[str], events_since: datetime) -> tuple[Call, ...]:
    """The document of one read."""
    return (Call("journal", "Get-Journal"), *edge.calls(thumbprints, events_since))


def see(
    member: str,
    reply: Reply,
    received: datetime,
    settings: Settings,
    wanted: Wanted | None,
    *,
    replace_av: bool = False,
    events_since: datetime | None = None,
) -> Seen:
    """Makes sense of a reply to :func:`calls`.

    ``wanted``: None takes from the journal what was wanted. ``received``: the controller's clock when the reply came.
    Raises PhaseFailed when the member's clock is missing or a read failed that everything rests on.
    """
    if reply.host.clock is None:
        raise PhaseFailed(f"{member} did not say what time it is; nothing can be judged without its clock")
    demand_read(member, reply)
    rows = {
        call: reply.rows(call)
        for call in ("stores", "keys", "access", "assignments", "services", "av", "version", "events")
    }
    presented = {row["Thumbprint"].upper(): presented_of(row) for row in reply.rows("presented")}
    state = edge.state_from(rows, reply.host.clock, windows_version(reply.host.windows), presented)
    findings = list(reply_findings(member, reply))
    journal = None
    row = next(iter(reply.rows("journal")), {})
    if row.get("Text"):
        try:
            journal = records.read(row["Text"])
        except JournalError as error:
            findings.append(finding("journal.unreadable", member, "journal", str(error)))
    lock = row.get("Lock")
    target = wanted if wanted is not None else records.wanted_by(journal, state)
    recorded = records.recorded_roll(journal)
    judged = conclude(
        member,
        target,
        state,
        recorded,
        names=settings.names,
        replace_av=replace_av,
        events_since=events_since,
        ran=records.restarted(journal, settings.run),
    )
    findings += records.lock_findings(member, lock, settings) + records.journal_findings(
        member, journal, settings, state.services
    )
    findings += _av_findings(member, settings, target, state) if wanted is not None else ()
    return Seen(
        member=member,
        reply=reply,
        state=state,
        wanted=target,
        judged=judged,
        journal=journal,
        lock=lock,
        offset=(reply.host.clock - received).total_seconds(),
        findings=tuple(findings) + judged.findings,
    )


def demand_read(member: str, reply: Reply) -> None:
    """Raises PhaseFailed for a read that failed and that everything rests on."""
    for call, what in NEEDED.items():
        answer = reply.answers.get(call)
        if answer is not None and answer.error is not None:
            said = f"{answer.error.message} ({answer.error.fqid})"
            if reply.host.load_error and call in ("assignments", "services"):
                remedy = finding("product.not-loaded").remedy
                said = (
                    f"{reply.host.load_error.rstrip('.')}. {remedy} Where these are Exchange servers, say so: -e "
                    "rollout_product=exchange"
                )
            raise PhaseFailed(f"{member}: its {what} could not be read, so nothing is known of it: {said}")


def presented_of(row: Mapping[str, Any]) -> Presented:
    """What Schannel answered for one certificate, from a row of Test-TlsPresented."""
    flight = row.get("Flight")
    chain: list[str] = []
    error = row.get("Error")
    if flight:
        try:
            chain = [load_der(der).sha256 for der in certificates_in_flight(flight)]
        except (ValueError, CertificateError) as problem:
            error = f"its answer cannot be read: {problem}"
    return Presented(bool(row.get("Present")), tuple(chain), error)


def windows_version(text: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def reply_findings(member: str, reply: Reply) -> list[Finding]:
    """What is wrong with the host itself, whatever certificate it has."""
    found = []
    if not reply.host.admin:
        found.append(finding("member.not-admin", member, reply.host.user))
    if reply.host.bits and reply.host.bits != 64:
        found.append(finding("member.process-32-bit", member, f"{reply.host.bits}-bit process"))
    unread = events.unreadable(reply.answers.get("events"))
    if unread is not None:
        found.append(from_problem(unread, member))
    return found


def _av_findings(member: str, settings: Settings, wanted: Wanted, state: edge.EdgeState) -> list[Finding]:
    """``rollout_av: auto`` stops where A/V authentication has a certificate of its own today: replacing it unasked
    is no default."""
    leaf = wanted.uses.get(edge.AV_USE)
    if settings.av != "auto" or leaf is None or leaf is not wanted.uses.get("AccessEdgeExternal"):
        return []
    now, external = state.current(edge.AV_USE), state.current("AccessEdgeExternal")
    if now is None or now in (external, leaf.thumbprint) or external == leaf.thumbprint:
        return []
    text = (
        f"A/V authentication has a certificate of its own today ({edge.describe(now, state)}). Give it a bundle "
        f"(rollout_bundles.av), "
        "let it follow the external one (rollout_av: follow) or leave it alone (rollout_av: leave)"
    )
    return [finding("product.av-own-certificate", member, edge.AV_USE, text, severity="error")]


def to_evidence(seen: Seen, settings: Settings) -> dict[str, Any]:
    """The read as plain data. Thumbprints, names and instants only."""
    state, judged = seen.state, seen.judged
    old = next((c for c in state.stores.machine("My") if c.certificate.thumbprint == state.current(edge.AV_USE)), None)
    row = next((a for a in state.assignments if a.use == edge.AV_USE and a.not_after), None)
    ends = old.certificate.not_after if old else row.not_after if row else None
    standing = judged.standing
    return {
        "member": seen.member,
        "run": settings.run,
        "ready": not any(f.stops for f in seen.findings),
        "forecast": judged.forecast,
        "locked": seen.lock is not None and seen.lock.get("Run") == settings.run,
        "host": host_facts(seen.reply, state.product, state.version, state.clock, seen.offset),
        "assigned": state.assigned(),
        "wanted": {use: leaf.thumbprint for use, leaf in seen.wanted.uses.items()},
        "staged": {use: leaf.thumbprint for use, leaf in seen.wanted.uses.items() if _held(state, leaf.sha256)},
        "keys": _proven_keys(seen),
        "planned_keys": {use: leaf.spki_sha256 for use, leaf in seen.wanted.uses.items()},
        "labels": {
            c.certificate.thumbprint: edge.describe(c.certificate.thumbprint, state) for c in state.stores.machine("My")
        },
        "certificates": _certificates(seen),
        "services": dict(state.services),
        "stage": [change.as_line() for change in judged.stage],
        "missing": [{"store": change.subject.rsplit("\\", 1)[-1], "sha256": change.sha256} for change in judged.stage],
        "switch": [change.as_line() for change in judged.switch],
        "switch_uses": [change.subject for change in judged.switch],
        "standing": None if standing is None else plain_standing(standing),
        "av_old_ends": ends.isoformat() if ends else None,
        "token_seconds": state.token_lifetime.total_seconds(),
        "rollback": rollback_possible(seen.wanted, state, timedelta(hours=settings.window_hours)),
        "chains": chain_pictures(judged.readiness, seen.wanted),
        "digest": digest(state.stores),
        "journal": seen.journal.dumps() if seen.journal else None,
        **records.roll_facts(seen.journal),
        "lock": None if seen.lock is None else {"run": seen.lock["Run"], "at": str(seen.lock.get("At") or "")},
        "findings": [f.to_dict() for f in seen.findings],
    }


def chain_pictures(readiness: Sequence[Readiness], wanted: Wanted) -> list[dict[str, Any]]:
    """The chains that a report draws: all good ones of a leaf, or the one that comes closest."""
    return [
        {"uses": [u for u, leaf in wanted.uses.items() if leaf.sha256 == r.leaf.sha256], **chain_picture(path)}
        for r in readiness
        for path in ([p for p in r.paths if p.ok][:MAX_PICTURES] or r.paths[:1])
    ]


def host_facts(reply: Reply, product: str, version: str, clock: datetime, offset: float) -> dict[str, Any]:
    """What the evidence says of the host itself."""
    host = reply.host
    return {
        "computer": host.computer,
        "windows": host.windows,
        "product": product,
        "version": version,
        "powershell": host.powershell,
        "user": host.user,
        "admin": host.admin,
        "clock": clock.isoformat(),
        "offset": round(offset, 1),
    }


def _held(state: edge.EdgeState, sha256: str, signs: bool = False) -> bool:
    """Whether the certificate lies in My with its key; with ``signs``, whether that key was seen to sign."""
    entry = state.stores.find("My", sha256)
    return entry is not None and entry.key is not None and (entry.key.signs is True or not signs)


def _certificates(seen: Seen) -> list[dict[str, Any]]:
    return certificate_rows(seen.wanted, seen.state.stores, seen.state.assigned())


def certificate_rows(wanted_of: Wanted, stores: Stores, now: Mapping[str, str]) -> list[dict[str, Any]]:
    """The certificates that the run is about on this member: what is wanted, and what is assigned today (``now``)."""
    wanted = {leaf.thumbprint: leaf for leaf in wanted_of.leaves}
    mine = {c.certificate.thumbprint: c.certificate for c in stores.machine("My")}
    today = {use: t for use, t in now.items() if use in wanted_of.uses}
    assigned = {t: mine[t] for t in today.values() if t in mine}
    uses: dict[str, list[str]] = {}
    for use, thumbprint in [*today.items(), *((u, c.thumbprint) for u, c in wanted_of.uses.items())]:
        if use not in uses.setdefault(thumbprint, []):
            uses[thumbprint].append(use)
    return [
        {
            "thumbprint": c.thumbprint,
            "subject": c.common_name or c.subject,
            "issuer": c.issuer,
            "not_before": c.not_before.isoformat(),
            "not_after": c.not_after.isoformat(),
            "role": "new" if c.thumbprint in wanted else "old",
            "uses": uses.get(c.thumbprint, []),
            "serial": c.serial_hex,
            "sha256": c.sha256,
            "names": list(c.dns_names),
        }
        for c in {**assigned, **wanted}.values()
    ]


def _proven_keys(seen: Seen) -> dict[str, str]:
    """Use -> public key of each wanted certificate whose key was seen to sign, or is in use already."""
    return {
        use: leaf.spki_sha256
        for use, leaf in seen.wanted.uses.items()
        if _held(seen.state, leaf.sha256, signs=not seen.in_use(use))
    }
