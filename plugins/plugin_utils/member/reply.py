# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a reply that every product's has: clock, host, journal, lock, stores. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from ..findings.finding import Finding, finding
from ..stores.store import Stores
from ..stores.wanted import Wanted
from ..windows.calls import Call, Reply
from . import records
from .evidence import HostSeen, Known, Lock
from .journal import WHERE, Journal, JournalError
from .stop import PhaseFailed

JOURNAL = Call("journal", "Get-Journal")


def demand_clock(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when the member did not say what time it is."""
    if reply.host.clock is None:
        raise PhaseFailed(f"{member} did not say what time it is; nothing can be judged without its clock")


def demand_journal(member: str, reply: Reply) -> None:
    """Raises PhaseFailed when the journal was asked and could not be read: then nothing is known of earlier runs."""
    answer = reply.answers.get(JOURNAL.id)
    if answer is not None and answer.error is not None:
        said = f"{answer.error.message} ({answer.error.fqid})"
        raise PhaseFailed(f"{member}: its journal could not be read, so nothing is known of it: {said}")


def journal_in(member: str, reply: Reply, by_hand: str = "") -> tuple[Journal | None, list[Finding]]:
    """The journal, and a finding where its text cannot be understood.

    ``by_hand``: the product's command with which people compare members, where the product is known.
    """
    text = next(iter(reply.rows(JOURNAL.id)), {}).get("Text")
    if not text:
        return None, []
    try:
        return records.read(text), []
    except JournalError as error:
        remedy = f"Compare the member with the others by hand ({by_hand}), then remove {WHERE}." if by_hand else ""
        return None, [finding("journal.unreadable", member, "journal", str(error), remedy=remedy)]


def lock_in(reply: Reply) -> Lock | None:
    """Who holds the member."""
    row = next(iter(reply.rows(JOURNAL.id)), {}).get("Lock")
    return None if row is None else Lock(str(row["Run"]), str(row.get("At") or ""))


def host_findings(member: str, reply: Reply) -> list[Finding]:
    """What is wrong with the host itself, whatever certificate it has."""
    found = []
    if not reply.host.admin:
        found.append(finding("member.not-admin", member, reply.host.user))
    if reply.host.bits and reply.host.bits != 64:
        found.append(finding("member.process-32-bit", member, f"{reply.host.bits}-bit process"))
    return found


def host_seen(reply: Reply, version: tuple[str, str], clock: datetime, received: datetime) -> HostSeen:
    """What the reply says of the host itself."""
    host = reply.host
    return HostSeen(
        computer=host.computer,
        windows=host.windows,
        product=version[0],
        version=version[1],
        powershell=host.powershell,
        user=host.user,
        admin=host.admin,
        clock=clock,
        offset=round((clock - received).total_seconds(), 1),
    )


def known(wanted: Wanted, stores: Stores, now: Mapping[str, str]) -> tuple[Known, ...]:
    """The certificates that the run is about: what is wanted, and what is assigned today (``now``)."""
    new = {leaf.thumbprint: leaf for leaf in wanted.leaves}
    mine = {c.certificate.thumbprint: c.certificate for c in stores.machine("My")}
    today = {use: thumbprint for use, thumbprint in now.items() if use in wanted.uses}
    uses: dict[str, list[str]] = {}
    for use, thumbprint in [*today.items(), *((u, c.thumbprint) for u, c in wanted.uses.items())]:
        if use not in uses.setdefault(thumbprint, []):
            uses[thumbprint].append(use)
    every = {t: mine[t] for t in today.values() if t in mine} | new
    return tuple(
        Known(
            thumbprint=c.thumbprint,
            subject=c.common_name or c.subject,
            issuer=c.issuer,
            not_before=c.not_before,
            not_after=c.not_after,
            role="new" if c.thumbprint in new else "old",
            uses=tuple(uses.get(c.thumbprint, ())),
            serial=c.serial_hex,
            sha256=c.sha256,
            names=c.dns_names,
        )
        for c in every.values()
    )


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


def is_whole(read: Iterable[Call]) -> bool:
    """Whether a read is a whole one, which judges the host, too; a small one only follows it up."""
    return any(call.name == "Get-StoreCertificate" for call in read)
