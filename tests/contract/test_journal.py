"""Journal and lock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, Call
from lab.member.journal import PROTECTED

from .conftest import Side

HARD = 'Zürich, 日本, \U0001f600 "quoted" \\ back  two blanks\r\nnew line \x01 \u2028'


def refused(answer: Answer) -> bool:
    return answer.error is not None and answer.error.fqid == "ucops.LockedByOther"


def test_nothing_is_there_at_first(side: Side) -> None:
    assert side.rows("Get-Journal") == ({"Text": None, "Lock": None},)


def test_the_journal_is_kept_as_it_was_written_and_removed(side: Side) -> None:
    assert side.rows("Set-Journal", Run="r1", Text=HARD) == ({"Run": "r1"},)
    assert side.rows("Get-Journal") == ({"Text": HARD, "Lock": None},)
    assert side.state().journal.text == HARD
    assert side.rows("Set-Journal", Run="r2", Text=None) == ({"Run": "r2"},)
    assert side.rows("Set-Journal", Run="r2", Text=None) == ({"Run": "r2"},), "removing nothing is no error"
    assert side.state().journal.text is None


def test_the_lock_has_one_holder(side: Side) -> None:
    before = side.state().clock.now()
    (taken,) = side.rows("Lock-Member", Run="r1", Text="first run", TakeFrom=None)
    assert taken["Run"] == "r1" and timedelta(0) <= taken["At"] - before < timedelta(minutes=1)
    (row,) = side.rows("Get-Journal")
    assert row == {"Text": None, "Lock": {"Run": "r1", "Text": "first run", "At": taken["At"]}}
    other = side.one("Lock-Member", Run="r2", Text="second", TakeFrom=None)
    assert (
        refused(other)
        and other.error is not None
        and "r1" in other.error.message
        and "first run" in other.error.message
    )
    assert refused(side.one("Set-Journal", Run="r2", Text="x"))
    assert side.state().journal.text is None
    assert side.rows("Unlock-Member", Run="r2") == ({"Run": "r2", "Held": False},)
    assert side.rows("Lock-Member", Run="r1", Text="again", TakeFrom=None)[0]["Run"] == "r1"
    assert side.rows("Unlock-Member", Run="r1") == ({"Run": "r1", "Held": True},)
    assert side.rows("Unlock-Member", Run="r1") == ({"Run": "r1", "Held": False},)
    assert side.state().journal.lock is None


def test_a_lock_is_taken_over_only_from_the_run_that_is_named(side: Side) -> None:
    side.rows("Lock-Member", Run="r1", Text="", TakeFrom=None)
    assert refused(side.one("Lock-Member", Run="r3", Text="", TakeFrom="r2"))
    assert side.rows("Lock-Member", Run="r3", Text="", TakeFrom="r1")[0]["Run"] == "r3"
    lock = side.state().journal.lock
    assert lock is not None and lock.run == "r3"


def test_writing_the_journal_keeps_the_lock_fresh_and_everything_else(side: Side) -> None:
    (taken,) = side.rows("Lock-Member", Run="r1", Text="t", TakeFrom=None)
    for member in side.pool.members:
        member.advance(600)
    side.rows("Set-Journal", Run="r1", Text="journal")
    (row,) = side.rows("Get-Journal")
    assert row["Text"] == "journal" and row["Lock"]["Run"] == "r1" and row["Lock"]["Text"] == "t"
    assert row["Lock"]["At"] - taken["At"] >= timedelta(seconds=600)
    side.rows("Lock-Member", Run="r1", Text="t2", TakeFrom=None)
    assert side.rows("Get-Journal")[0]["Text"] == "journal", "taking the lock again leaves the journal"
    side.rows("Unlock-Member", Run="r1")
    assert side.rows("Get-Journal") == ({"Text": "journal", "Lock": None},)


def test_run_ids_are_compared_by_case(side: Side) -> None:
    side.rows("Lock-Member", Run="abc", Text="", TakeFrom=None)
    assert refused(side.one("Set-Journal", Run="ABC", Text="x"))
    assert refused(side.one("Lock-Member", Run="x", Text="", TakeFrom="ABC"))


def test_a_refused_lock_stops_what_comes_after_it(side: Side) -> None:
    side.rows("Lock-Member", Run="r1", Text="", TakeFrom=None)
    store = {"Store": "CA", "RawData": side.pki["issuing-new"].der, "FriendlyName": None}
    reply = side.ask(Call("lock", "Lock-Member", {"Run": "r2", "Text": ""}), Call("add", "Add-StoreCertificate", store))
    assert refused(reply["lock"]) and reply["add"].not_run
    assert side.thumb("issuing-new") not in {e.thumbprint for e in side.state().stores.entries("CA")}


def test_a_journal_of_four_hundred_kilobytes(side: Side) -> None:
    text = "ü" * 100_000 + "x" * 200_000
    side.rows("Set-Journal", Run="r", Text=text)
    assert side.rows("Get-Journal")[0]["Text"] == text


def test_without_an_administrators_token_nothing_is_written(side: Side) -> None:
    side.order(admin=False)
    for name, more in (("Set-Journal", {}), ("Lock-Member", {"TakeFrom": None})):
        answer = side.one(name, Run="r", Text="t", **more)
        assert answer.error is not None and answer.error.fqid == f"ucops.{name}"
    assert side.state().journal.text is None and side.state().journal.lock is None


def test_the_journals_key_is_closed_without_the_right_to_manage_the_security_log(side: Side) -> None:
    """Audit rules take that right, which hardened servers give to auditors only; access rules do not."""
    side.order(security_privilege=False)
    assert side.rows("Lock-Member", Run="r1", Text="t", TakeFrom=None)[0]["Run"] == "r1"
    side.rows("Set-Journal", Run="r1", Text="journal")
    assert side.rows("Get-Journal")[0]["Text"] == "journal"
    assert side.state().journal.access == PROTECTED


@pytest.mark.parametrize("call", ["Lock-Member", "Set-Journal"])
def test_a_key_that_was_left_half_made_is_closed_before_it_is_written_to(side: Side, call: str) -> None:
    side.order(journal_key="half-made")
    side.rows(call, Run="r1", Text="t")
    assert side.state().journal.access == PROTECTED


def test_a_key_that_somebody_has_opened_since_is_closed_again(side: Side) -> None:
    side.rows("Lock-Member", Run="r1", Text="t", TakeFrom=None)
    side.rows("Set-Journal", Run="r1", Text="journal")
    side.state().journal.access = PROTECTED + "(A;CI;KR;;;BU)"
    side.rows("Set-Journal", Run="r1", Text="newer")
    assert side.state().journal.access == PROTECTED
    (row,) = side.rows("Get-Journal")
    assert row["Text"] == "newer" and row["Lock"]["Run"] == "r1"


def test_reading_the_journal_makes_no_key(side: Side) -> None:
    side.rows("Get-Journal")
    assert side.rows("Unlock-Member", Run="r1") == ({"Run": "r1", "Held": False},)
    assert side.state().journal.access is None
