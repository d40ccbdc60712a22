"""Which certificate SMTP, POP and IMAP take among several, by Microsoft's page on inbound STARTTLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.exchange.member import ExchangeMember

from .exchange_tools import VERSIONS, array, ask, call, did, event_numbers, order, put, shared_pki, thumb

SUBMISSION = "SMTP submission"


@pytest.fixture
def ex1(tmp_path: Path) -> ExchangeMember:
    return array(tmp_path).servers[0]


def leaf(member: ExchangeMember, port: str = SUBMISSION) -> Any:
    """What a port presents."""
    return member.describe()["leaves"][port]


def enabled(member: ExchangeMember, name: str) -> str:
    """A certificate in My that is enabled for SMTP."""
    put(member, name)
    order(member, smtp=[name])
    return thumb(name)


@pytest.mark.parametrize("product", VERSIONS)
def test_the_newest_that_is_valid(tmp_path: Path, product: str) -> None:
    ex1 = array(tmp_path, product=product).servers[0]
    for name in ("mail-older", "mail-expired", "mail-not-yet-valid", "mail-names-missing"):
        enabled(ex1, name)
        assert leaf(ex1) == thumb("mail-old"), name
    new = enabled(ex1, "mail-new")
    assert leaf(ex1) == new
    newest = enabled(ex1, "mail-same-issuer")
    assert leaf(ex1) == newest


def test_one_that_is_not_enabled_is_chosen_since_2013(tmp_path: Path) -> None:
    for product in VERSIONS:
        ex1 = array(tmp_path, product=product).servers[0]
        put(ex1, "mail-new")
        assert leaf(ex1) == (thumb("mail-old") if product == "exchange2010" else None)
        order(ex1, starttls_choice="enabled-only")
        assert leaf(ex1) == thumb("mail-old")
        order(ex1, starttls_choice="any")
        assert leaf(ex1) is None
        did(ex1, "Enable-ExchangeCertificate", Thumbprint=thumb("mail-new"), Services="SMTP", Force=True)
        assert leaf(ex1) == thumb("mail-new")


def test_a_certificate_without_a_key_is_not_looked_at(ex1: ExchangeMember) -> None:
    order(ex1, store={"store": "My", "add": ["mail-new"]})
    assert leaf(ex1) == thumb("mail-old")


def test_a_vendors_certificate_beats_a_self_signed_one(ex1: ExchangeMember) -> None:
    order(ex1, fqdns={"Client Frontend EX1": None})
    assert leaf(ex1) == thumb("ex1-self")  # nothing else has the server's own name
    order(ex1, fqdns={"Client Frontend EX1": "smtp.contoso.example"})
    did(ex1, "New-ExchangeCertificate", DomainName=["smtp.contoso.example"], SubjectName="CN=EX1", Force=True)
    assert leaf(ex1) == thumb("mail-old")  # newer, but self-signed


def test_a_wildcard_covers_one_label(ex1: ExchangeMember) -> None:
    wild = enabled(ex1, "mail-wildcard")
    assert leaf(ex1) == wild
    order(ex1, smtp_wildcard="does-not")
    assert leaf(ex1) == thumb("mail-old")
    order(ex1, smtp_wildcard="matches", fqdns={"Client Frontend EX1": "a.b.contoso.example"})
    assert leaf(ex1) is None and 12014 in event_numbers(ex1)


def test_a_connectors_certificate_name_means_issuer_and_subject(ex1: ExchangeMember) -> None:
    enabled(ex1, "mail-new")
    assert leaf(ex1, "SMTP") == thumb("mail-old") and leaf(ex1) == thumb("mail-new")
    same = enabled(ex1, "mail-same-issuer")
    assert leaf(ex1, "SMTP") == same
    order(ex1, tls_certificate_names={"Default Frontend EX1": "mail-new"})
    assert leaf(ex1, "SMTP") == thumb("mail-new")


def test_a_connector_of_a_server_that_does_not_hold_the_certificate(tmp_path: Path) -> None:
    one, two = array(tmp_path, members="2").servers
    enabled(one, "mail-new")
    name = one.describe()["connectors"]["Default Frontend EX1"].replace(" - G2", " - G3")
    for server in ("EX1", "EX2"):
        identity = f"{server}\\Default Frontend {server}"
        did(one, "Set-ReceiveConnector", Identity=identity, TlsCertificateName=name)
    assert leaf(one, "SMTP") == thumb("mail-new")
    assert leaf(two, "SMTP") is None and 12014 in event_numbers(two) and 12014 not in event_numbers(one)
    did(one, "Set-SendConnector", Identity="Outbound to Office 365", TlsCertificateName=name)
    sends = [m.describe()["send_connectors"]["Outbound to Office 365"]["certificate"] for m in (one, two)]
    assert sends == [thumb("mail-new"), None]


@pytest.mark.parametrize("product", VERSIONS)
def test_pop_and_imap_choose_alike(tmp_path: Path, product: str) -> None:
    ex1 = array(tmp_path, product=product).servers[0]
    put(ex1, "mail-new")
    names = ["MSExchangePOP3", "MSExchangePOP3BE", "MSExchangeIMAP4", "MSExchangeIMAP4BE"]
    assert leaf(ex1, "POP3") == thumb("mail-old")
    for status in ("Stopped", "Running"):
        ask(ex1, call("Set-ServiceState", Names=names, Status=status))
    expected = thumb("mail-old") if product == "exchange2010" else None
    assert leaf(ex1, "POP3") == leaf(ex1, "IMAP4 over TLS") == expected
    order(ex1, pop_imap_applies="at-once")
    did(ex1, "Enable-ExchangeCertificate", Thumbprint=thumb("mail-new"), Services="POP,IMAP")
    assert leaf(ex1, "POP3") == leaf(ex1, "IMAP4") == thumb("mail-new")


def test_anonymous_tls_follows_the_default_certificate(ex1: ExchangeMember) -> None:
    from lab.exchange import protocols, selection
    from lab.exchange.protocols import Talk

    talk = Talk(ex1.state, None, None, lambda what: None)  # type: ignore[arg-type, return-value]
    hub = next(c for c in ex1.state.receive_connectors if c.inside)
    assert "X-ANONYMOUSTLS" in protocols.smtp_extensions(talk, hub)
    order(ex1, default_smtp="mail-new")
    assert "X-ANONYMOUSTLS" not in protocols.smtp_extensions(talk, hub)
    put(ex1, "mail-expired")
    order(ex1, default_smtp="mail-expired")
    assert "X-ANONYMOUSTLS" in protocols.smtp_extensions(talk, hub)
    assert selection.internal(ex1.state).event == 12015


def test_what_the_cmdlet_says_smtp_will_choose_comes_first(ex1: ExchangeMember) -> None:
    put(ex1, "mail-new")
    rows = did(ex1, "Get-ExchangeCertificate", ("Thumbprint",), DomainName=["smtp.contoso.example"])
    assert [r["Thumbprint"] for r in rows] == [thumb("mail-new"), thumb("mail-old")]
    assert shared_pki()["mail-new"].thumbprint == rows[0]["Thumbprint"]
