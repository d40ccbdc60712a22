"""What a certificate of an Exchange server is when it arrives over a session, with Exchange's types and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import (
    BOOTSTRAP,
    shipped_script,
    slice_script,
    stdin_text,
    strip_script,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Credential, Secure
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import document, parse_reply
from lab.exchange.certificates import ExchangePki
from lab.exchange.member import ExchangeMember
from lab.exchange.scenario import ExchangeArray
from lab.interfaces import Options
from lab.pwsh.exchange import ExchangePwsh

from .conftest import NONCE, Bench, quiet

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recordings" / "GetExchangeCertificate.xml"
OWN = ("Services", "Status", "CertificateDomains", "IsSelfSigned")
"""Properties of Exchange's own type; the others are those of any certificate."""
KEEP = (*OWN, "RawData", "Thumbprint", "HasPrivateKey", "FriendlyName")
VERSIONS = {"python": "exchange2019", "pwsh as 4.0": "exchange2013", "pwsh as 2.0": "exchange2010"}


class Server:
    """One server behind an engine."""

    def __init__(self, bench: Bench, engine: str, folder: Path, tools: str) -> None:
        self.bench = bench
        self.pki = ExchangePki(datetime.now(timezone.utc), ["ex1"])
        who = ("labadmin", "secret", quiet)
        extra = {"members": "1", "remote_exchange": tools}
        options = Options("exchange-array", folder, "127.99.1", *who, product=VERSIONS[engine], extra=extra)
        self.member: ExchangeMember = ExchangeArray(options, self.pki).servers[0]
        if engine != "python":
            self.member.pwsh = ExchangePwsh(self.member.engine, folder / "pwsh")

    def certificates(self) -> dict[str, dict[str, Any]]:
        """Name -> what Get-ExchangeCertificate shows over a session, asked by the shipped script."""
        load, call = "exchange:session", Call("1", "Get-ExchangeCertificate", {"Server": "EX1"}, KEEP)
        script = strip_script(slice_script(shipped_script(), [load, call.name]))
        sent = document(NONCE, [load], [call], Credential("CORP\\labadmin", Secure("secret")))
        result = self.bench.run(self.member.execute(BOOTSTRAP, stdin_text(script, sent).encode(), "winrs"))
        reply = parse_reply(NONCE, result.stdout.decode("ascii"))
        assert reply.host.load_error is None
        return {self.pki.name_of(row["RawData"]): row for row in reply.rows("1")}

    def close(self) -> None:
        """End its PowerShell."""
        if self.member.pwsh:
            self.bench.run(self.member.pwsh.stop())


@pytest.fixture(params=["present", "missing"])
def server(request: pytest.FixtureRequest, bench: Bench, engine: str, tmp_path: Path) -> Iterator[Server]:
    """A server with and without RemoteExchange.ps1, behind every engine."""
    made = Server(bench, engine, tmp_path, request.param)
    yield made
    made.close()


def test_what_arrives_of_a_certificate(server: Server) -> None:
    shown = server.certificates()
    assert set(shown) == {"mail-old", "ex1-self", "auth"}
    row = shown["mail-old"]
    assert row["Thumbprint"] == server.pki["mail-old"].thumbprint, "whatever is loaded"
    if server.member.state.behaviour.remote_exchange == "present":
        assert row["Services"] == "IMAP, POP, IIS, SMTP" and row["HasPrivateKey"] is True and row["Status"]
    else:
        assert [row[name] for name in OWN] == [None] * 4
        assert row["HasPrivateKey"] is False and row["FriendlyName"] == ""


def test_real_servers_sent_the_same() -> None:
    """RawData is all of a certificate's properties; beside it lies what only Exchange's types can read."""
    if not RECORDED.is_file():
        pytest.skip("no recordings in a shared folder beside the checkout")
    space = {"p": "http://schemas.microsoft.com/powershell/2004/04"}
    found = [o for o in ElementTree.fromstring(RECORDED.read_bytes()).iterfind(".//p:Obj[p:Props]", space)]
    found = [o for o in found if o.find("p:Props/p:BA[@N='RawData']", space) is not None]
    assert found
    for one in found:
        assert [prop.get("N") for prop in one.iterfind("p:Props/*", space)] == ["RawData"]
        assert not {prop.get("N") for prop in one.iterfind("p:MS/*", space)} & {*KEEP}
