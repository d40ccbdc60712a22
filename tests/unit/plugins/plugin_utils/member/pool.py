# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the phases share: the settings of a run, what it wants, and the evidence of members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import Journal, RollEntry, UseEntry
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.read import Asking, Sight, see
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import Bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge.own import EdgeOwn
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import DesiredKey
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import Wanted
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    Answer,
    HostFacts,
    RemoteError,
    Reply,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    flight,
    issuing,
    key_test,
    new,
    old,
    root,
    running,
    staged_rows,
    store_rows,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

MEMBERS = ("edge1", "edge2", "edge3")
RUN = "20261123T120000Z-4f2a"
OLD, NEW = old().certificate.thumbprint, new().certificate.thumbprint
LATER = NOW + timedelta(hours=4)
FACTS = {"thumbprint": NEW, "key": new().certificate.spki_sha256, "label": "sip.contoso.example", "trust": "system"}
EVENTS_FROM = NOW - timedelta(hours=24)
EDGE = PRODUCTS["edge"]
OWN = {field.name for field in fields(EdgeOwn)}


def settings(**more: Any) -> Settings:
    """A run that renews the external uses and A/V authentication; Edge's own options go where they belong."""
    given: dict[str, Any] = {
        "run": RUN, "array": "edge", "members": MEMBERS, "product": "edge", "operator": "anna", "controller": "ctl1",
        "started": NOW.isoformat(), "wanted": dict.fromkeys((ACCESS, DATA, AV), FACTS), "drain_seconds": 60,
        "drain_poll_seconds": 5.0,
    }  # fmt: skip
    own = {name: value for name, value in more.items() if name in OWN}
    return Settings(**(given | {name: value for name, value in more.items() if name not in OWN}), own=own)


def wanted(leaf: Issued | None = None, uses: tuple[str, ...] = (ACCESS, DATA, AV)) -> Wanted:
    """What every member shall have."""
    leaf = leaf or new()
    sha = leaf.certificate.sha256
    return Wanted(
        dict.fromkeys(uses, leaf.certificate), (DesiredKey(leaf.certificate),), {sha: (issuing().certificate,)},
        (), {sha: (root().certificate,)},
    )  # fmt: skip


def bundle() -> Bundle:
    """The delivery."""
    return Bundle(new().certificate, (issuing().certificate,), (), new().key, "renewal.zip")


def host(**facts: Any) -> HostFacts:
    """What a reply says about its host."""
    given: dict[str, Any] = {
        "computer": "EDGE1", "powershell": "4.0", "clr": "4.0.30319", "windows": "6.3.9600", "bits": 64, "clock": NOW,
        "user": "EDGE1\\admin", "admin": True, "language": "FullLanguage", "culture": "en-US",
    }  # fmt: skip
    return HostFacts(**(given | facts))


def error(message: str = "Access is denied.", fqid: str = "UnauthorizedAccess") -> RemoteError:
    """An error as PowerShell reports it."""
    return RemoteError(message, "System.UnauthorizedAccessException", fqid, "PermissionDenied")


def presented(leaf: Issued, *chain: Issued) -> dict[str, Any]:
    """A row of Test-TlsPresented."""
    return {"Thumbprint": leaf.certificate.thumbprint, "Present": True, "Flight": flight(leaf, *chain), "Error": None}


def reply(facts: Mapping[str, Any] | None = None, **rows: Any) -> Reply:
    """The reply to a whole read: of a member before its renewal unless ``rows`` say otherwise, by call id.

    An Answer or a RemoteError in place of rows stands for itself.
    """
    answers: dict[str, Any] = {
        "journal": [{"Text": None, "Lock": None}], "stores": store_rows(), "keys": [], "access": [], "presented": [],
        "assignments": use_rows(old()), "services": running(), "av": [{"MaxTokenLifetime": "08:00:00"}],
        "version": [{"FileVersion": "5.0.8308.1068"}], "events": [],
    } | rows  # fmt: skip
    return Reply(host(**(facts or {})), {name: _answer(given) for name, given in answers.items()})


def _answer(given: Any) -> Answer:
    if isinstance(given, RemoteError):
        return Answer(error=given)
    return given if isinstance(given, Answer) else Answer(tuple(given))


def staged(facts: Mapping[str, Any] | None = None, **rows: Any) -> Reply:
    """The reply of a member that lies ready."""
    given = {"stores": staged_rows(), "keys": [key_test(new())], "presented": [presented(new(), issuing())]}
    return reply(facts, **(given | rows))


def asking(run: Settings | None = None, want: Wanted | None = None, member: str = "edge1") -> Asking:
    """Who asks: a run on an Edge pool. It wants nothing of its own where it has another purpose than to renew."""
    run = run or settings()
    return Asking(EDGE, EDGE.own(run.own), member, run, want or (wanted() if run.purpose == "renew" else None))


def sight(
    read: Reply | None = None,
    member: str = "edge1",
    run: Settings | None = None,
    want: Wanted | None = None,
    received: datetime = NOW,
    since: datetime | None = None,
) -> Sight:
    """What a whole read shows: of a member that lies ready unless another reply is given."""
    return see(asking(run, want, member), read or staged(), received, since)


def evidence(
    read: Reply | None = None,
    member: str = "edge1",
    run: Settings | None = None,
    want: Wanted | None = None,
    received: datetime = NOW,
) -> Evidence:
    """The evidence of a read."""
    return sight(read, member, run, want, received).evidence


def everyone(read: Reply | None = None, run: Settings | None = None) -> dict[str, Evidence]:
    """The same evidence of every member."""
    seen = evidence(read, run=run)
    return {member: replace(seen, member=member) for member in (run or settings()).members}


def journal(state: str = "switching", **more: Any) -> Journal:
    """The journal of an earlier run."""
    given: dict[str, Any] = {
        "run": "20261101T000000Z-0001", "operator": "bert", "controller": "ctl2", "array": "edge", "members": MEMBERS,
        "started": NOW.isoformat(), "state": state,
        "uses": {ACCESS: UseEntry(OLD, NEW), DATA: UseEntry(OLD, NEW)},
    }  # fmt: skip
    return Journal(**(given | more))


def roll_entry(state: str = "rolled", instant: datetime = LATER) -> RollEntry:
    """A/V authentication's successor, scheduled."""
    return RollEntry(instant.isoformat(), NEW, OLD, state, AV)  # type: ignore[arg-type]


def journal_row(text: str | None, lock: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The row of Get-Journal."""
    return [{"Text": text, "Lock": lock}]


def ids(found: Any) -> list[str]:
    """The ids of findings or problems, as values or as plain data."""
    return [f["id"] if isinstance(f, Mapping) else f.id for f in found]
