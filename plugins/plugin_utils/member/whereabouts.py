# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a private key lies: which certificates of a member have theirs beside them. Pure, but for one read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..findings.problem import Problem
from ..stores.store import LOCAL_MACHINE, Stores, label, stores_from_rows
from ..stores.wanted import MY, Wanted
from ..windows.calls import Call
from .evidence import Held
from .reply import demand_clock
from .stop import PhaseFailed

if TYPE_CHECKING:
    from .talk import Driver


def held_in(stores: Stores) -> tuple[Held, ...]:
    """Every certificate of the machine's stores that has its key there."""
    return tuple(
        Held(
            c.store, c.certificate.thumbprint, c.certificate.spki_sha256, label(c.certificate), c.certificate.not_after
        )
        for c in stores.certificates
        if c.location == LOCAL_MACHINE and c.key is not None
    )


def look(host: Driver, member: str, key_stores: Sequence[str]) -> tuple[Held, ...]:
    """Reads them on a member of another array, in one command that loads no product and writes nothing.

    ``key_stores``: where products let a key wait, beside My; one that is not there holds nothing. Raises PhaseFailed.
    """
    more = [store for store in dict.fromkeys(key_stores) if store != MY]
    calls = [Call("stores", "Get-StoreCertificate", {"Stores": [MY], "Users": False})]
    calls += [
        Call(f"stores-{n}", "Get-StoreCertificate", {"Stores": [store], "Users": False}, optional=True)
        for n, store in enumerate(more)
    ]
    reply = host.read((), calls)
    demand_clock(member, reply)
    answer = reply.answers["stores"]
    if not answer.ok:
        why = f"{answer.error.message} ({answer.error.fqid})" if answer.error else "it was not asked"
        raise PhaseFailed(f"{member}: its certificate stores could not be read: {why}")
    rows = [row for call in calls if call.id in reply.answers for row in reply.rows(call.id)]
    return held_in(stores_from_rows(rows))


def same_key(wanted: Wanted, stores: Stores) -> Iterable[Problem]:
    """A key of the delivery that lies on the member already, under another certificate: it is no new key."""
    leaves = {leaf.sha256 for leaf in wanted.leaves}
    for leaf in wanted.leaves:
        others = {
            c.certificate.sha256: c.certificate
            for c in stores.certificates
            if c.certificate.spki_sha256 == leaf.spki_sha256 and c.certificate.sha256 not in leaves
        }
        if others:
            known = "; ".join(label(other) for other in others.values())
            text = f"has the same key as {known}, which lies here: a new certificate for a compromised key helps nobody"
            yield Problem("emergency.same-key", label(leaf), text, {"key": leaf.spki_sha256})
