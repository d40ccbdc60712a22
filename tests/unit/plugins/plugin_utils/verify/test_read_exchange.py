# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification of Exchange servers: what is read, a healthy server has no finding, each fault is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.journal import UseEntry
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.in_use import Limits
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.judge import Case, judge
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.look import Look
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.read import Asked, look_at
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.report import make_report
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.wire import Clients
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call, RemoteError, Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.exchange_pool import EXCHANGE
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import journal, journal_row
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange import exchange_rows
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    BUILDS,
    issuing,
    made,
    reply,
    root,
    server,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.verify.verified import a_run, causes
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority

CLIENTS = Clients((root().certificate,), None)


@dataclass
class Exchange:
    """A server that answers with rows."""

    rows: Mapping[str, Any]
    asked: list[list[str]] = field(default_factory=list)
    fails: Mapping[str, str] = field(default_factory=dict)
    load_error: str | None = None

    def read(self, load: Sequence[str], calls: Sequence[Call], *, facts: bool = True) -> Reply:
        """Answers what is asked, and nothing else; only reads are."""
        assert all(call.kind == "read" for call in calls)
        self.asked.append([call.name for call in calls])
        rows = {**self.rows, "transport-2010": self.rows.get("transport", [])}
        given = reply({call.id: rows.get(call.id, []) for call in calls})
        answers = dict(given.answers)
        for call in calls:
            if call.id in self.fails:
                answers[call.id] = Answer(error=RemoteError(self.fails[call.id], "t", "f", "c"))
        return Reply(replace(given.host, load_error=self.load_error), answers)

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool, facts: bool = True) -> Reply:
        raise AssertionError("a verification changes nothing")


def rows(year: str = "2019", **given: Any) -> dict[str, Any]:
    """The rows of a healthy server, but for what is given."""
    return exchange_rows.rows(server(year), **given)


def seen(member: str = "ex1", at: Exchange | None = None, **given: Any) -> Look:
    """A server as a verification sees it."""
    asked = Asked(member, NOW, limits=Limits(14, 7))
    look = look_at(at or Exchange(rows(**given)), EXCHANGE, EXCHANGE.own({}), asked)
    return Look.from_dict(look.to_dict())


def found(second: Look) -> tuple[Finding, ...]:
    """What is found on an array of which the second server is the one given."""
    members = ("ex1", "ex2", "ex3")
    looks = {"ex1": seen("ex1"), "ex2": replace(second, member="ex2"), "ex3": seen("ex3")}
    case = Case("exchange", members, looks, {})
    return judge(a_run(arrays={"exchange": members}, products={"exchange": "exchange"}), case, CLIENTS, NOW)


@pytest.mark.parametrize("year", BUILDS)
def test_a_healthy_server_of_every_version(year: str) -> None:
    at = Exchange(rows(year))
    look = seen(at=at)
    assert look.findings == () and len(at.asked) == 1
    assert look.product == "exchange" and look.host.version.startswith(("14", "15"))
    old = made("old")
    (mail,) = [used for used in look.used if used.sha256 == old.sha256]
    assert mail.sendable == ((old.sha256, issuing().certificate.sha256),)
    assert set(look.assigned) >= {"IIS", "SMTP", "POP", "IMAP"}


def test_three_healthy_servers_are_alike() -> None:
    assert found(seen("ex2")) == (), "each has a self-signed certificate of its own"


def without(*stores: str) -> dict[str, Any]:
    """Rows without what lies in some stores."""
    given = rows()
    return given | {"stores": [row for row in given["stores"] if row["Store"] not in stores]}


PLANTS: dict[str, dict[str, Any]] = {
    "store.intermediate-missing": without("CA"),
    "exchange.default-smtp-none": rows(default=None),
    "exchange.client-name": rows(names=("nowhere.contoso.example", "imap.contoso.example")),
    "exchange.back-end": rows(back="old"),
}


@pytest.mark.parametrize("id", PLANTS)
def test_a_planted_fault_is_found_and_nothing_else(id: str) -> None:
    told = found(seen("ex2", Exchange(PLANTS[id])))
    assert causes(told) == {(id, "ex2")}, [(f.id, f.member, f.text) for f in told]


def test_a_server_with_another_certificate() -> None:
    shown = {"new": "IMAP, POP, IIS, SMTP", "self": "IIS, SMTP"}
    other = rows(my=("new", "self", "auth"), readers=("new", "self"), shown=shown, web="new")
    told = found(seen("ex2", Exchange(other)))
    assert causes(told) == {("array.thumbprint-differs", "ex2")}
    assert {f.subject for f in told} == {"IIS", "SMTP", "POP", "IMAP"}


def test_a_rollout_that_did_not_end_is_told() -> None:
    begun = journal(
        "switching", array="exchange", members=("ex1", "ex2", "ex3"), uses={"IIS": UseEntry("A" * 40, "B" * 40)}
    )
    told = found(seen("ex2", Exchange(rows() | {"journal": journal_row(begun.dumps())})))
    assert causes(told) == {("journal.unfinished", "ex2")}
    ended = replace(begun, state="done")
    assert not causes(found(seen("ex2", Exchange(rows() | {"journal": journal_row(ended.dumps())}))))


def test_the_report_shows_what_was_asked_of_a_server() -> None:
    """Schannel and transport's events, too; nothing of Exchange is rolled, and no port was looked at."""
    looks = {name: seen(name) for name in ("ex1", "ex2", "ex3")}
    case = Case("exchange", tuple(looks), looks, {})
    run = a_run(arrays={"exchange": tuple(looks)}, products={"exchange": "exchange"})
    for member in make_report(run, case, (), NOW).members:
        assert [name for name, check in member.checks.items() if check.result == "not-run"] == ["wire", "roll"]
        assert {"tls", "events"} <= {name for name, check in member.checks.items() if check.result == "ok"}


def test_dates_of_what_no_renewal_touches() -> None:
    look = seen()
    assert look.others[made("auth").sha256] == "auth certificate of the organization"
    name = "Microsoft Exchange Server Auth Certificate"
    soon = authority(name, not_before=NOW - 1800 * DAY, not_after=NOW + 5 * DAY).certificate
    given = rows()
    given["stores"] = [*given["stores"], {**given["stores"][-1], "RawData": soon.der}]
    given["auth"] = [{"CurrentCertificateThumbprint": soon.thumbprint}]
    (told,) = seen(at=Exchange(given)).findings
    assert (told.id, told.severity) == ("leaf.expires-soon", "error") and "auth certificate" in told.text


def test_nothing_is_concluded_from_a_server_that_did_not_say_enough() -> None:
    for at, said in (
        (Exchange({}), "none of Exchange's services is on EX1"),
        (
            Exchange(rows(), fails={"certificates": "no session"}),
            "certificates could not be read, so nothing is known of it: no session",
        ),
        (Exchange(rows(), fails={"certificates": "unknown"}, load_error="no snap-in"), "could not be read.*no snap-in"),
    ):
        with pytest.raises(PhaseFailed, match=said):
            seen(at=at)
