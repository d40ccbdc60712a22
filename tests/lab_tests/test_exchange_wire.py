"""What clients meet: web sites, SMTP, POP3 and IMAP4, looked at with real clients while an admin types."""

from __future__ import annotations

import hashlib
import imaplib
import poplib
import smtplib
import urllib.request
from collections.abc import Iterator

import pytest

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe
from lab.client import LOCAL, LabProcess
from lab.exchange.client import OwaUser, StarttlsWatch, starttls_problem, trusting

from .exchange_tools import OPENSSL, VERSIONS, Typist

pytestmark = pytest.mark.skipif(not OPENSSL, reason="needs the openssl program")
OK = "Verify return code: 0 (ok)"
NO_DEFAULT = "-DoNotRequireSsl"


@pytest.fixture(params=["exchange2010", "exchange2013", "exchange2019"])
def typed(request: pytest.FixtureRequest) -> Iterator[Typist]:
    with LabProcess("exchange-array", product=request.param, settings={"members": "2"}) as lab:
        yield Typist(lab)


@pytest.fixture
def modern() -> Iterator[Typist]:
    with LabProcess("exchange-array", product="exchange2019", settings={"members": "2"}) as lab:
        yield Typist(lab)


@pytest.mark.parametrize("typed", VERSIONS, indirect=True)
def test_every_port_presents_the_certificate(typed: Typist) -> None:
    for port in typed.hosts["ex1"]["rollout_endpoints"]:
        assert typed.verify("ex1", port["name"]) == OK, port
    assert len(typed.hosts["ex1"]["rollout_endpoints"]) == 7
    pop = typed.port("ex1", "POP3 over TLS")
    secure = poplib.POP3_SSL(pop["host"], pop["port"], context=trusting(None))
    assert secure.user("kim").startswith(b"+OK") and secure.quit()
    plain = poplib.POP3(pop["host"], typed.port("ex1", "POP3")["port"])
    assert b"STLS" not in plain.stls(context=trusting(None)) and plain.quit()
    imap = typed.port("ex1", "IMAP4")
    client = imaplib.IMAP4(imap["host"], imap["port"])
    client.starttls(trusting(None))
    assert client.login("kim", "any")[0] == "OK" and client.logout()
    smtp = typed.port("ex1", "SMTP")
    with smtplib.SMTP(smtp["host"], smtp["port"]) as mail:
        mail.starttls(context=trusting(None))
        assert mail.sendmail("a@example.org", ["kim@contoso.example"], "Subject: x\r\n\r\nhello\r\n") == {}
    assert typed.lab.state()["ex1"]["visits"]["mails"] == 1


def test_my_is_live(typed: Typist) -> None:
    """Importing is a switch already: the newest name match is taken, and its key is nobody's yet."""
    before = typed.verify("ex1", "SMTP submission")
    typed.lab.store("ex1", store="CA", add=["issuing-new"])
    typed.lab.store("ex1", store="My", add=["mail-new"], key=True)
    new, old = typed.names("ex1")["mail-new"], typed.names("ex1")["mail-old"]
    submission = typed.lab.state()["ex1"]["leaves"]["SMTP submission"]
    if typed.lab.state()["ex1"]["product"] == "exchange2010":  # only what is enabled for SMTP is looked at
        assert (before, submission) == (OK, old)
        return
    assert before == OK and submission is None
    port = typed.port("ex1", "SMTP submission")
    assert typed.verify("ex1", "SMTP submission") == "no certificate"
    said = starttls_problem(port["host"], port["port"], port["server_name"])
    assert said is not None and "SSL" in said and "not advertised" not in said
    assert 36870 in [e["id"] for e in typed.lab.state()["ex1"]["events"]]
    # enabling the old one again does not take it back while the newer lies in My
    typed.ok("ex1", f"Enable-ExchangeCertificate -Thumbprint {old} -Services SMTP -Force")
    assert typed.lab.state()["ex1"]["leaves"]["SMTP submission"] is None
    typed.lab.configure("ex1", key={"certificate": "mail-new", "grant": "S-1-5-20"})
    assert typed.lab.state()["ex1"]["leaves"]["SMTP submission"] == new
    assert typed.verify("ex1", "SMTP submission") == OK
    typed.ok("ex1", f"Remove-Item Cert:\\LocalMachine\\My\\{new}")
    assert typed.lab.state()["ex1"]["leaves"]["SMTP submission"] == old


def test_no_name_no_starttls(modern: Typist) -> None:
    port = modern.port("ex1", "SMTP submission")
    where = (port["host"], port["port"], port["server_name"])
    modern.ok("ex1", "Set-ReceiveConnector -Identity 'EX1\\Client Frontend EX1' -Fqdn relay.contoso.example")
    assert starttls_problem(*where) == "STARTTLS is not advertised"
    events = [e for e in modern.lab.state()["ex1"]["events"] if e["id"] == 12014]
    assert "relay.contoso.example" in events[0]["message"] and events[0]["source"] == "MSExchangeFrontEndTransport"
    modern.ok("ex1", "Set-ReceiveConnector -Identity 'EX1\\Client Frontend EX1' -Fqdn $null")
    assert starttls_problem(*where) is None and modern.names("ex1")["ex1-self"] in str(
        modern.lab.state()["ex1"]["leaves"]
    )


def test_an_expired_certificate_is_still_used(modern: Typist) -> None:
    modern.lab.advance(21 * 86400)
    assert 12016 in [e["id"] for e in modern.lab.state()["ex1"]["events"]]
    port = modern.port("ex1", "SMTP")
    assert starttls_problem(port["host"], port["port"], port["server_name"]) is None


def test_a_connector_keeps_the_name_of_a_certificate_that_is_gone(modern: Typist) -> None:
    """The renewal comes from another issuing CA: what the connectors say names nothing any more."""
    modern.lab.store("ex1", store="My", add=["mail-new"], key=True)
    names = modern.names("ex1")
    old, new = names["mail-old"], names["mail-new"]
    modern.ok("ex1", f"Enable-ExchangeCertificate {new} -Services IIS,SMTP,POP,IMAP -Force {NO_DEFAULT}")
    assert modern.lab.state()["ex1"]["leaves"]["SMTP"] == old
    said = modern.fails("ex1", f"Remove-ExchangeCertificate -Thumbprint {old} -Confirm:$false")
    assert "tagged with following Send Connectors" in said
    modern.ok("ex1", f"Remove-Item Cert:\\LocalMachine\\My\\{old}")
    port = modern.port("ex1", "SMTP")
    assert starttls_problem(port["host"], port["port"], port["server_name"]) == "STARTTLS is not advertised"
    state = modern.lab.state()["ex1"]
    assert {"MSExchangeFrontEndTransport", "MSExchangeTransport"} <= {
        e["source"] for e in state["events"] if e["id"] == 12014
    }
    assert state["send_connectors"]["Outbound to Office 365"]["certificate"] is None
    modern.ok("ex1", "Set-ReceiveConnector 'EX1\\Default Frontend EX1' -TlsCertificateName $null")
    assert modern.lab.state()["ex1"]["connectors"]["Default Frontend EX1"] is None


def test_connector_names_count_after_a_restart_when_so_told(modern: Typist) -> None:
    modern.lab.configure("ex1", smtp_applies="on-restart")
    old = modern.names("ex1")["mail-old"]
    modern.ok("ex1", f"Remove-Item Cert:\\LocalMachine\\My\\{old}")
    assert modern.lab.state()["ex1"]["leaves"]["SMTP"] == old
    modern.ok("ex1", "Restart-Service MSExchangeFrontEndTransport")
    assert modern.lab.state()["ex1"]["leaves"]["SMTP"] is None


def test_pop_and_imap_change_with_their_services(typed: Typist) -> None:
    typed.lab.store("ex1", store="My", add=["mail-new"], key=True)
    names = typed.names("ex1")
    old, new = names["mail-old"], names["mail-new"]
    typed.ok("ex1", f"Enable-ExchangeCertificate {new} -Services POP,IMAP")
    assert typed.lab.state()["ex1"]["leaves"]["POP3 over TLS"] == old
    both = [s for s in typed.lab.state()["ex1"]["services"] if "POP3" in s or "IMAP4" in s]
    typed.ok("ex1", f"Restart-Service {','.join(both)}")
    leaves = typed.lab.state()["ex1"]["leaves"]
    assert leaves["POP3 over TLS"] == leaves["IMAP4"] == new
    typed.ok("ex1", "Set-PopSettings -X509CertificateName pop3.fabrikam.example", f"Restart-Service {','.join(both)}")
    assert typed.lab.state()["ex1"]["leaves"]["POP3"] is None
    assert typed.verify("ex1", "POP3 over TLS") == "no certificate"


@pytest.mark.parametrize("typed", VERSIONS, indirect=True)
def test_a_half_rolled_array_asks_for_the_login_again(typed: Typist) -> None:
    for member in ("ex1", "ex2"):
        typed.lab.store(member, store="My", add=["mail-new"], key=True)
    new = typed.names("ex1")["mail-new"]
    hosts = [f"{typed.port(m, 'Web')['host']}:{typed.port(m, 'Web')['port']}" for m in ("ex1", "ex2")]
    user = OwaUser(hosts)
    assert user.round() + user.round() == ["inbox"] * 4 and user.logins == 1
    typed.ok("ex1", f"Enable-ExchangeCertificate {new} -Services IIS {NO_DEFAULT}")
    assert user.round() == ["inbox"] * 2 and user.logins == 1  # IIS goes on with the old one for cookies
    typed.ok("ex1", "iisreset")
    assert user.round() + user.round() == ["inbox"] * 4 and user.logins == 5
    typed.ok("ex2", f"Enable-ExchangeCertificate {new} -Services IIS {NO_DEFAULT}", "iisreset")
    user.round()
    before = user.logins
    assert user.round() == ["inbox"] * 2 and user.logins == before
    visits = [typed.lab.state()[m]["visits"]["relogins"] for m in ("ex1", "ex2")]
    assert sum(visits) == user.logins - 1


def test_a_key_in_a_key_storage_provider_loops(typed: Typist) -> None:
    typed.lab.store("ex1", store="My", add=["mail-new"], key=True, cng=True)
    new = typed.names("ex1")["mail-new"]
    typed.ok("ex1", f"Enable-ExchangeCertificate {new} -Services IIS {NO_DEFAULT}", "iisreset")
    port = typed.port("ex1", "Web")
    user = OwaUser([f"{port['host']}:{port['port']}"])
    assert user.round() == ["login"] and 1003 in [e["id"] for e in typed.lab.state()["ex1"]["events"]]


def test_444_is_the_ground_one_stands_on(modern: Typist) -> None:
    modern.lab.configure("ex1", second_hop="delegates")
    shell = "Connect-ExchangeServer -auto -ClientApplication:ManagementShell"
    port = modern.port("ex1", "Web")
    user = OwaUser([f"{port['host']}:{port['port']}"])
    modern.ok("ex1", shell)
    own = modern.names("ex1")["ex1-self"]
    assert "0.0.0.0:444" in modern.ok("ex1", "netsh http show sslcert")
    modern.ok("ex1", f"Remove-Item Cert:\\LocalMachine\\My\\{own}")
    assert user.round() == ["blank"]
    assert "Connecting to remote server" in modern.fails("ex1", shell)
    events = [e for e in modern.lab.state()["ex1"]["events"] if e["id"] == 15021]
    assert events and "0.0.0.0:444" in events[0]["message"] and events[0]["log"] == "System"
    modern.lab.store("ex1", store="My", add=["ex1-self"], key=True)
    modern.lab.configure("ex1", bind={"444": "mail-old"})  # a vendor's certificate there is no better
    assert user.round() == ["blank"]
    modern.lab.configure("ex1", bind={"444": "ex1-self"})
    assert user.round() == ["inbox"]


def test_require_ssl_breaks_the_redirect(modern: Typist) -> None:
    address = modern.hosts["ex1"]["lab_http"]
    user = OwaUser([address])
    opener = user._opener
    with pytest.raises(urllib.error.HTTPError) as found:
        opener.open(f"http://{address}/", timeout=10)
    assert found.value.code == 302
    old = modern.names("ex1")["mail-old"]
    modern.ok("ex1", f"Enable-ExchangeCertificate {old} -Services IIS")
    with pytest.raises(urllib.error.HTTPError) as found:
        LOCAL.open(f"http://{address}/", timeout=10)
    assert found.value.code == 403


def test_somebody_watches(modern: Typist) -> None:
    port = modern.port("ex1", "SMTP submission")
    with StarttlsWatch([(port["host"], port["port"], port["server_name"])], str(modern.trust), every=0.01) as watch:
        modern.lab.store("ex1", store="My", add=["mail-new"], key=True)
        state = modern.lab.state()["ex1"]
        while not watch.problems:  # the watch runs on its own
            assert watch.probes < 1000
    assert state["leaves"]["SMTP submission"] is None and watch.problems


def test_a_missing_intermediate(modern: Typist) -> None:
    modern.ok("ex1", modern.import_line("ex1", "complete.pfx"))
    new = modern.names("ex1")["mail-new"]
    modern.ok("ex1", f"Enable-ExchangeCertificate {new} -Services IIS,SMTP -Force {NO_DEFAULT}")
    assert "unable to verify the first certificate" in modern.verify("ex1", "SMTP submission")
    assert "unable to verify the first certificate" in modern.verify("ex1", "Web")


@pytest.mark.parametrize("typed", VERSIONS, indirect=True)
def test_the_probe_reads_what_openssl_reads(typed: Typist) -> None:
    """Every port of a server, STARTTLS included, with and without a server name; and a connector that offers none."""
    for port in typed.hosts["ex1"]["rollout_endpoints"]:
        for name in (port["server_name"], None):
            found = probe(port["host"], port["port"], name, 10, port.get("starttls"))
            assert found["ok"], (port, found["error"])
            assert [hashlib.sha256(der).hexdigest() for der in found["certificates"]] == typed.sent(
                "ex1", port["name"], name
            ), port
    if typed.lab.state()["ex1"]["product"] != "exchange2010":
        typed.ok("ex1", "Set-ReceiveConnector -Identity 'EX1\\Client Frontend EX1' -Fqdn relay.contoso.example")
        port = typed.port("ex1", "SMTP submission")
        refused = probe(port["host"], port["port"], None, 10, port["starttls"])
        assert not refused["ok"] and "STARTTLS is not offered; EHLO was answered with SIZE" in refused["error"]
