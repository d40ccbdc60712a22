# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Exchange server that does what it is sent, and no more than Microsoft says that it does; see fake_member.

My is live; enabling adds and never takes away; -Force moves the default SMTP certificate; POP and IMAP take the newest
certificate of My that was enabled for them; a binding belongs to one certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import (
    STAGE,
    WINDOWS_SERVICES,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import NETWORK_SERVICE
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Switch
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_member import FakeMember
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    keyed,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    BUILDS,
    MAILBOX,
    issuing,
    made,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import Issued, rsa_key

KINDS = ("old", "new", "self", "auth")
KNOWN = {made(kind).thumbprint: Issued(made(kind).der, rsa_key(which=1), b"") for kind in KINDS}
ABOVE = {made("old").thumbprint: issuing(), made("new").thumbprint: issuing()}


def thumb(kind: str) -> str:
    """The thumbprint of ``old``, ``new``, ``self`` or ``auth``."""
    return made(kind).thumbprint


def _stores() -> list[dict[str, Any]]:
    held = [keyed(KNOWN[thumb(kind)]) for kind in ("old", "self", "auth")]
    return [stored(issuing(), "CA"), stored(root(), "Root"), *held]


@dataclass
class FakeExchange(FakeMember):
    """A mailbox server before its renewal."""

    COMPUTER: ClassVar[str] = "EX1"

    stores: list[dict[str, Any]] = field(default_factory=_stores)
    services: dict[str, str] = field(default_factory=lambda: dict.fromkeys(MAILBOX, "Running"))
    enabled: dict[str, set[str]] = field(default_factory=lambda: {
        thumb("old"): {"SMTP", "POP", "IMAP"}, thumb("self"): {"SMTP"}, thumb("auth"): set()})  # fmt: skip
    """Thumbprint -> what it was enabled for, the web site apart."""
    ports: dict[int, str] = field(default_factory=lambda: {443: thumb("old"), 444: thumb("self")})
    default: str = field(default_factory=lambda: thumb("self"))
    """The default SMTP certificate."""
    names: dict[str, str] = field(default_factory=lambda: {
        "POP": "pop.contoso.example", "IMAP": "imap.contoso.example"})  # fmt: skip
    readers: set[str] = field(default_factory=lambda: {thumb("old"), thumb("self")})
    """Thumbprints whose key NETWORK SERVICE may read."""
    receive: dict[str, str | None] = field(default_factory=dict)
    send: dict[str, str | None] = field(default_factory=dict)
    """Connector -> TlsCertificateName."""
    dead: set[str] = field(default_factory=set)
    """Services that do not start: the call ends without an error."""
    resets: int = 0
    """How often IIS was restarted."""

    # -- stores --------------------------------------------------------------------------------------------------------

    def _at(self, store: str) -> dict[str, Issued]:
        ders = {row["RawData"] for row in self.stores if row["Store"] == store and row["HasPrivateKey"]}
        return {t: one for t, one in KNOWN.items() if one.der in ders}

    def test_storekey(self, given: Any) -> Any:
        there = self._at(given["Store"])
        asked = list(there) if given["Thumbprints"] is None else given["Thumbprints"]
        return [{"Thumbprint": t, "Present": t in there, "Signs": t in there, "Error": None} for t in asked]

    def test_tlspresented(self, given: Any) -> Any:
        return []

    def get_storekeyaccess(self, given: Any) -> Any:
        return [
            {"Thumbprint": t, "Sid": NETWORK_SERVICE, "Rights": "Read", "Type": "Allow"}
            for t in self._at(given["Store"])
            if t in self.readers
        ]

    def add_storecertificate(self, given: Any) -> Any:
        self.stores.append(stored(issuing(), given["Store"]))

    def import_storepfx(self, given: Any) -> Any:
        found = self.pfx(given).cert.certificate.serial_number
        issued = next(one for one in KNOWN.values() if one.certificate.serial == found)
        self.stores.append({**keyed(issued, Exportable=given["Exportable"]), "Store": given["Store"]})

    def grant_storekey(self, given: Any) -> Any:
        assert given["Sid"] == NETWORK_SERVICE
        self.readers.add(given["Thumbprint"])

    def copy_storecertificate(self, given: Any) -> Any:
        if given["Thumbprint"] not in self._at(given["From"]):
            return error("it is not there", "ucops.NotFound")
        self.stores.append({**keyed(KNOWN[given["Thumbprint"]]), "Store": given["To"]})
        self.enabled.setdefault(given["Thumbprint"], set())
        return None

    def remove_storecertificate(self, given: Any) -> Any:
        assert given["DeleteKey"] is False, "the key stays staged"
        der = KNOWN[given["Thumbprint"]].der
        self.stores = [r for r in self.stores if (r["Store"], r["RawData"]) != (given["Store"], der)]
        if given["Store"] == "My":
            self.enabled.pop(given["Thumbprint"], None)

    # -- what the product says -----------------------------------------------------------------------------------------

    def _shown(self, thumbprint: str) -> str:
        has = {"IIS"} if thumbprint in self.ports.values() else set()
        has |= self.enabled.get(thumbprint, set()) & {"SMTP"}
        for protocol in ("POP", "IMAP"):
            holders = [t for t in self._at("My") if protocol in self.enabled.get(t, set())]
            if holders and max(holders, key=lambda t: KNOWN[t].certificate.not_before) == thumbprint:
                has.add(protocol)
        return ", ".join(sorted(has)) or "None"

    def get_exchangecertificate(self, _: Any) -> Any:
        return [{"Thumbprint": t, "Services": self._shown(t), "RawData": one.der} for t, one in self._at("My").items()]

    def get_tlsbinding(self, _: Any) -> Any:
        return [
            {"Address": "0.0.0.0", "Port": port, "Thumbprint": t, "Store": "My", "AppId": "{x}"}
            for port, t in self.ports.items()
        ]

    def get_transportservice(self, _: Any) -> Any:
        return [{"Name": self.COMPUTER, "InternalTransportCertificateThumbprint": self.default}]

    def get_popsettings(self, _: Any) -> Any:
        return [{"X509CertificateName": self.names["POP"]}]

    def get_imapsettings(self, _: Any) -> Any:
        return [{"X509CertificateName": self.names["IMAP"]}]

    def get_authconfig(self, _: Any) -> Any:
        return [{"CurrentCertificateThumbprint": thumb("auth"), "PreviousCertificateThumbprint": None}]

    def get_federationtrust(self, _: Any) -> Any:
        return []

    def get_umservice(self, _: Any) -> Any:
        return []

    def get_umcallroutersettings(self, _: Any) -> Any:
        return []

    def get_receiveconnector(self, _: Any) -> Any:
        return [{"Name": n, "Fqdn": "", "Bindings": [], "TlsCertificateName": t} for n, t in self.receive.items()]

    def get_sendconnector(self, _: Any) -> Any:
        sources = [self.COMPUTER]
        return [
            {"Name": n, "Fqdn": "", "AddressSpaces": [], "SourceTransportServers": sources, "TlsCertificateName": t}
            for n, t in self.send.items()
        ]

    def get_serviceversion(self, given: Any) -> Any:
        assert given["Names"] == list(WINDOWS_SERVICES)
        return [
            {"Name": name, "FileVersion": BUILDS["2019"], "Status": status} for name, status in self.services.items()
        ]

    def __getattr__(self, name: str) -> Any:
        """Cmdlets of other versions and what this server has none of."""
        if name in ("get_transportserver", "get_clientaccessserver"):
            return lambda _: error("unknown", "CommandNotFoundException")
        if name.startswith(("get_clientaccess", "get_edgesub", "get_outlook")) or name.endswith("virtualdirectory"):
            return lambda _: []
        raise AttributeError(name)

    # -- what changes it -----------------------------------------------------------------------------------------------

    def enable_exchangecertificate(self, given: Any) -> Any:
        thumbprint, services = given["Thumbprint"], set(given["Services"].split(","))
        assert given["Server"] == self.COMPUTER and given["Force"] == Switch(True), "the question would hang for ever"
        if thumbprint not in self._at("My"):
            return error(f"The certificate with thumbprint {thumbprint} was not found.", "CertificateNotFound")
        if KNOWN[thumbprint].certificate.not_after <= self.clock:
            return error("The certificate is expired.", "CertificateExpired")
        if "IIS" in services:
            assert given["DoNotRequireSsl"] == Switch(True)
            self.ports[443] = thumbprint
        if "SMTP" in services:
            self.default = thumbprint
            self.readers.add(thumbprint)
        self.enabled.setdefault(thumbprint, set()).update(services - {"IIS"})
        return None

    def set_popsettings(self, given: Any) -> Any:
        self.names["POP"] = given["X509CertificateName"]

    def set_imapsettings(self, given: Any) -> Any:
        self.names["IMAP"] = given["X509CertificateName"]

    def set_receiveconnector(self, given: Any) -> Any:
        server, name = given["Identity"].split("\\")
        assert server == self.COMPUTER
        self.receive[name] = given["TlsCertificateName"]

    def set_sendconnector(self, given: Any) -> Any:
        self.send[given["Identity"]] = given["TlsCertificateName"]

    def set_servicestate(self, given: Any) -> Any:
        for name in given["Names"]:
            if given["Status"] == "Stopped" or name not in self.dead:
                self.services[name] = given["Status"]

    def invoke_iisreset(self, _: Any) -> Any:
        self.resets += 1

    # -- for the tests -------------------------------------------------------------------------------------------------

    @property
    def mine(self) -> list[str]:
        """What lies in My."""
        return list(self._at("My"))

    @property
    def waiting(self) -> list[str]:
        """What lies staged."""
        return list(self._at(STAGE))

    def looks(self) -> tuple[Any, ...]:
        """Everything that a user would notice."""
        shown = {t: self._shown(t) for t in self.mine}
        return (shown, self.ports, self.default, self.names, self.receive, self.send, self.services)


def connectors(names: Sequence[str], certificate_name: str) -> dict[str, str | None]:
    """Connectors that name that certificate."""
    return dict.fromkeys(names, certificate_name)
