# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one read of a member means, and what it must not be taken for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.read import see
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.wanted import NOTHING
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_edge import FakeEdge
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    LATER,
    NEW,
    OLD,
    RUN,
    asking,
    error,
    evidence,
    ids,
    journal,
    journal_row,
    reply,
    roll_entry,
    settings,
    staged,
    wanted,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.steps import at
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    AV,
    DATA,
    INTERNAL,
    assigned,
    flight,
    internal,
    issuing,
    new,
    old,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW


def test_a_member_before_its_renewal_is_a_forecast_that_is_ready() -> None:
    seen = evidence(reply())
    assert seen.forecast and seen.ready and seen.findings == ()
    assert [m.store for m in seen.missing] == ["CA", "My"] and len(seen.stage) == 2
    assert list(seen.plan.uses) == [ACCESS, DATA]
    succession = seen.pending[AV]
    assert (succession.state, succession.instant, succession.previous) == ("needed", None, OLD)
    assert seen.staged == {} and seen.keys == {}, "nothing lies there yet, whatever is planned"
    assert seen.planned_keys[AV] == new().certificate.spki_sha256


def test_a_staged_member_is_no_forecast() -> None:
    seen = evidence()
    assert not seen.forecast and seen.ready and seen.stage == ()
    assert seen.staged == dict.fromkeys((ACCESS, DATA, AV), NEW)
    assert set(seen.keys.values()) == {new().certificate.spki_sha256}
    (chain,) = seen.chains
    assert chain.uses == (ACCESS, DATA, AV) and chain.ok and len(chain.path) == 3


def test_a_renewed_member_has_nothing_left() -> None:
    seen = evidence(staged(assignments=use_rows(new())))
    assert seen.plan.lines == () and seen.plan.empty and not seen.plan.uses and seen.pending[AV].state == "done"


def test_evidence_is_plain_and_holds_no_key() -> None:
    text = json.dumps(evidence().to_plain())
    assert "PRIVATE" not in text and "Secure" not in text


def test_a_key_that_was_not_seen_to_sign_proves_nothing() -> None:
    seen = evidence(staged(keys=[]))
    assert seen.staged[ACCESS] == NEW and seen.keys == {}


@pytest.mark.parametrize("seconds", [-90, 0, 3600])
def test_the_clock_is_measured_against_the_controller_s(seconds: int) -> None:
    assert evidence(received=NOW - timedelta(seconds=seconds)).host.offset == seconds


def test_without_a_clock_nothing_is_judged() -> None:
    with pytest.raises(PhaseFailed, match="did not say what time it is"):
        see(asking(), reply({"clock": None}), NOW)


# -- a read that failed is not a member without anything ---------------------------------------------------------------

NOT_RUN = Answer(not_run=True)
ORDER = ("journal", "stores", "keys", "access", "presented", "assignments", "services", "av", "version", "events")


def broken(call: str) -> dict[str, Any]:
    """A read in which ``call`` failed: the calls behind it were not run."""
    behind = ORDER[ORDER.index(call) + 1 :]
    return {call: error(), **dict.fromkeys(behind, NOT_RUN)}


@pytest.mark.parametrize("call", ["journal", "stores", "keys", "access", "assignments", "services"])
def test_a_read_that_stopped_half_way_is_no_evidence(call: str) -> None:
    """An unread store is not an empty one: its keys would be imported again, its A/V certificate replaced at once."""
    with pytest.raises(PhaseFailed, match="Access is denied") as failed:
        see(asking(), staged(**broken(call)), NOW)
    assert "edge1" in str(failed.value) and failed.value.evidence is None


def test_a_product_that_does_not_load_leaves_its_uses_unknown_and_says_what_to_do() -> None:
    facts = {"load_error": "The module Lync was not found"}
    with pytest.raises(PhaseFailed, match="The module Lync was not found") as failed:
        see(asking(), reply(facts, **broken("assignments")), NOW)
    assert finding("product.not-loaded").remedy in str(failed.value)


@pytest.mark.parametrize("call", ["presented", "av", "version", "events"])
def test_an_optional_call_may_fail(call: str) -> None:
    seen = evidence(staged(**{call: error()}))
    assert seen.ready and seen.assigned[AV] == OLD


@pytest.mark.parametrize(
    "facts, expected",
    [({"admin": False}, "member.not-admin"), ({"bits": 32}, "member.process-32-bit")],
)
def test_a_process_without_rights_or_of_32_bits_stops(facts: dict[str, Any], expected: str) -> None:
    seen = evidence(reply(facts))
    assert ids(seen.findings) == [expected] and not seen.ready


# -- the journal and the lock ------------------------------------------------------------------------------------------


def test_the_lock_of_this_run_is_known_by_reading_it() -> None:
    lock = {"Run": RUN, "Text": "{}", "At": NOW}
    assert evidence(staged(journal=journal_row(None, lock))).locked
    other = evidence(staged(journal=journal_row(None, lock | {"Run": "other"})))
    assert not other.locked and ids(other.findings) == ["member.locked"]
    assert other.lock is not None and other.lock.run == "other"
    assert not evidence(staged()).locked


def test_a_journal_that_cannot_be_read_stops() -> None:
    seen = evidence(staged(journal=journal_row("{nonsense")))
    assert ids(seen.findings) == ["journal.unreadable"] and not seen.ready and seen.journal is None
    assert "by hand (Get-CsCertificate)" in seen.findings[0].remedy


def test_a_journal_with_an_instant_that_is_none_is_one_that_cannot_be_read() -> None:
    bad = replace(journal("rolled"), roll=replace(roll_entry(), instant="tomorrow"))
    seen = evidence(staged(journal=journal_row(bad.dumps())))
    assert "journal.unreadable" in ids(seen.findings) and not seen.ready


def test_without_bundles_the_journal_says_what_was_wanted() -> None:
    told = journal("done", roll=roll_entry())
    run = settings(purpose="settle")
    read = staged(journal=journal_row(told.dumps()), assignments=use_rows(new(), old()))
    seen = see(asking(run), read, NOW)
    assert dict(seen.wanted.uses) == dict.fromkeys((ACCESS, DATA, AV), new().certificate)
    assert seen.evidence.pending[AV].state == "scheduled"
    nothing = see(asking(run), staged(), NOW)
    assert nothing.wanted == NOTHING and nothing.evidence.pending == {}


def test_a_roll_confirmed_by_the_journal_is_scheduled_although_the_product_is_silent() -> None:
    told = journal("rolled", uses={}, roll=roll_entry())
    seen = evidence(staged(journal=journal_row(told.dumps())))
    succession = seen.pending[AV]
    assert (succession.state, succession.instant, succession.previous) == ("scheduled", LATER, OLD)
    half = journal("rolling", uses={}, roll=roll_entry("rolling"))
    assert evidence(staged(journal=journal_row(half.dumps()))).pending[AV].state == "needed"


# -- A/V authentication with a certificate of its own ------------------------------------------------------------------

OWN_AV = [assigned(ACCESS, old()), assigned(DATA, old()), assigned(AV, internal())]


def test_an_own_av_certificate_is_not_replaced_unasked() -> None:
    seen = evidence(staged(assignments=OWN_AV))
    assert "product.av-own-certificate" in ids(seen.findings) and not seen.ready


@pytest.mark.parametrize("av", ["follow", "leave"])
def test_the_user_may_decide_about_it(av: str) -> None:
    seen = evidence(staged(assignments=OWN_AV), run=settings(av=av))
    assert "product.av-own-certificate" not in ids(seen.findings)


def test_a_half_done_renewal_is_no_certificate_of_its_own() -> None:
    for uses in ([assigned(ACCESS, new()), assigned(AV, old())], [assigned(ACCESS, old()), assigned(AV, new())]):
        assert "product.av-own-certificate" not in ids(evidence(staged(assignments=uses)).findings)
    bare = evidence(staged(assignments=[assigned(ACCESS, old())]))
    assert "product.av-own-certificate" not in ids(bare.findings)


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_what_schannel_answered_is_judged() -> None:
    short = staged(presented=[{"Thumbprint": NEW.lower(), "Present": True, "Flight": flight(new()), "Error": None}])
    assert ids(evidence(short).findings) == ["tls.presented-incomplete"]
    for nothing in (b"", b"\x16\x03\x03\x00\x01", None):
        row = {"Thumbprint": NEW, "Present": True, "Flight": nothing, "Error": "reset"}
        assert "tls.presented-differs" not in ids(evidence(staged(presented=[row])).findings)


def test_a_chain_that_is_broken_is_drawn_as_far_as_it_goes() -> None:
    rows = [row for row in staged().rows("stores") if row["RawData"] != issuing().der]
    (drawn,) = evidence(staged(stores=rows), want=replace(wanted(), intermediates={})).chains
    assert not drawn.ok and drawn.missing == ("Contoso Issuing CA",) and len(drawn.path) == 1


def test_the_end_of_the_old_av_certificate_is_told() -> None:
    assert evidence().pending[AV].ends == old().certificate.not_after
    third = [assigned(AV, internal(), NotAfter=LATER)]
    gone = evidence(staged(stores=[row for row in staged().rows("stores") if row["RawData"] != internal().der],
                           assignments=third))  # fmt: skip
    assert gone.pending[AV].ends == LATER, "as the product reports it when the store does not know it"


def test_the_certificates_of_the_run_are_old_and_new_ones_once() -> None:
    rows = {row.thumbprint: row for row in evidence().certificates}
    assert rows[OLD].role == "old" and rows[NEW].role == "new"
    assert rows[OLD].uses == rows[NEW].uses == (ACCESS, DATA, AV)
    assert internal().certificate.thumbprint not in rows, f"{INTERNAL} is not touched"
    assert [row.role for row in evidence(staged(assignments=use_rows(new()))).certificates] == ["new"]


def test_the_document_asks_for_the_journal_first_and_only_reads() -> None:
    asked = at(FakeEdge()).whole(None, tested=True)
    assert asked[0].name == "Get-Journal" and all(call.kind == "read" for call in asked)
    assert issuing().certificate.thumbprint not in str(asked[0])


@pytest.mark.parametrize("answer", [Answer(error=error()), Answer(warnings=("no event log named Lync Server",))])
def test_an_event_log_that_cannot_be_read_is_no_silence(answer: Answer) -> None:
    (found,) = [f for f in evidence(reply(events=answer)).findings if f.id == "event.unreadable"]
    assert found.severity == "warning" and found.text in ("Access is denied.", "no event log named Lync Server")
