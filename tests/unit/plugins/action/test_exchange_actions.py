# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_info and exchange_request on a server: what is asked and told, what a request and its answer do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import load_der
from ansible_collections.ucops.certificates.tests.unit.plugins.action.fake import run
from ansible_collections.ucops.certificates.tests.unit.plugins.action.wired import Wired
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member import fake_exchange
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_exchange import (
    FakeExchange,
    thumb,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import error
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    keyed,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    issuing,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import Issued, authority, issue, rsa_key

STAGE = "ucops.certificates"
NAMES = ["mail.contoso.example", "autodiscover.contoso.example"]
OIDS = {
    "C": NameOID.COUNTRY_NAME, "S": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME,
}  # fmt: skip
PART = re.compile(r'\s*([A-Z]+)=("(?:[^"]|"")*"|[^,]*)(?:,|$)')
"""A part of a subject as CertStrToName reads it: a value in quotes may hold commas, and quotes twice."""


@dataclass
class Requesting(FakeExchange):
    """A server that makes requests: the key stays, and something of the same key stands in the store REQUEST."""

    turned: bool = False
    """It writes subjects in the other direction."""
    keys: dict[str, int] = field(default_factory=dict)
    """Thumbprint of what stands for a request -> which key it has."""
    requests: dict[str, bytes] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """What New-ExchangeCertificate was given."""

    def new_exchangecertificate(self, given: Any) -> Any:
        self.asked.append(given)
        which = 40 + len(self.asked) if given["KeySize"] == 2048 else 40  # a long key takes seconds: one for all
        parts = [(OIDS[key], value) for key, value in PART.findall(given["SubjectName"])]
        subject = [x509.NameAttribute(oid, _plain(value)) for oid, value in parts]
        if self.turned:
            subject.reverse()
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in given["DomainName"]])
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).add_extension(names, False)
        key = rsa_key(given["KeySize"], which)
        der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
        standing = issue(f"request {which}", authority(f"request {which}"), key=key)
        thumbprint = standing.certificate.thumbprint
        self.requests[thumbprint], self.keys[thumbprint] = der, which
        self.stores.append({**keyed(standing), "Store": "REQUEST"})
        return [{"FileData": der}]

    def export_exchangecertificate(self, given: Any) -> Any:
        if given["Thumbprint"] not in self.requests:
            return error("The certificate was not found.", "CertificateNotFound")
        return [{"FileData": self.requests[given["Thumbprint"]]}]

    def import_exchangecertificate(self, given: Any) -> Any:
        leaf = load_der(given["FileData"])
        waiting = next((t for t in self.requests if _public(self.requests[t]) == _spki(leaf.der)), None)
        if waiting is None:
            return error("There is no request with this key.", "NoPendingRequest")
        one = Issued(leaf.der, rsa_key(which=self.keys[waiting]), b"")
        fake_exchange.KNOWN.setdefault(leaf.thumbprint, one)
        standing = next(row for row in self.stores if row["Store"] == "REQUEST" and _thumb(row) == waiting)
        self.stores.remove(standing)
        del self.requests[waiting]
        self.stores.append(keyed(one))
        return [{"Thumbprint": leaf.thumbprint}]


def _plain(value: str) -> str:
    return value[1:-1].replace('""', '"') if value.startswith('"') else value


def _thumb(row: dict[str, Any]) -> str:
    return load_der(row["RawData"]).thumbprint


def _public(der: bytes) -> Any:
    return x509.load_der_x509_csr(der).public_key()


def _spki(der: bytes) -> Any:
    return x509.load_der_x509_certificate(der).public_key()


def lies(fake: FakeExchange, store: str) -> list[str]:
    """Thumbprints in a store."""
    return [_thumb(row) for row in fake.stores if row["Store"] == store]


def written(fake: FakeExchange) -> list[str]:
    """Ids of the changes that were made."""
    return [one.call for one in fake.made]


def ask(server: Wired, check: bool = False, **more: Any) -> dict[str, Any]:
    """The task exchange_request."""
    return run("exchange_request", server, check, **({} if "answer" in more else {"names": NAMES}), **more)


@pytest.fixture
def server() -> Wired:
    """A mailbox server."""
    return Wired(Requesting())


def answer(folder: Path, csr: str, names: list[str] | None = None, key: Any = None) -> str:
    """The vendor's answer to a request, with what it was issued by."""
    asked = key or _KeyOf(csr)
    leaf = issue(NAMES[0], issuing(), names=names or NAMES, key=asked)
    path = folder / "answer.pem"
    path.write_text(leaf.pem + issuing().pem, encoding="ascii")
    return str(path)


class _KeyOf:
    """The public half of a request's key: a vendor never sees more."""

    def __init__(self, csr: str) -> None:
        self.public = x509.load_pem_x509_csr(csr.encode()).public_key()

    def public_key(self) -> Any:
        return self.public


# -- who the server is -------------------------------------------------------------------------------------------------


def test_a_look_asks_windows_first_and_the_cmdlets_then(server: Wired) -> None:
    seen = run("exchange_info", server)
    assert server.loads == [[], ["exchange"]] and not any(server.fake.writes)
    assert seen["assigned"]["IIS"] == [thumb("old")] and seen["host"]["computer"] == "EX1"
    signed = {row["thumbprint"]: row["key"]["signs"] for row in seen["certificates"] if row["key"]}
    assert signed[thumb("old")] is True, "the keys that the first look saw are asked to sign"
    own = run("exchange_info", server, shell="snapin")
    assert server.loads[-1] == ["exchange:snapin"] and own["assigned"] == seen["assigned"]


def test_who_the_server_is_takes_no_look_into_the_hives_of_users(server: Wired) -> None:
    """There may be hundreds of them."""
    given: list[dict[str, Any]] = []
    held = server.fake.get_storecertificate
    server.fake.get_storecertificate = lambda asked: given.append(asked) or held(asked)  # type: ignore[func-returns-value, method-assign]
    server.fake.services = {"W3SVC": "Running"}
    run("exchange_info", server)
    assert given == [{"Stores": ["My"], "Users": False}]


def test_a_server_without_exchange_is_told_so_before_its_cmdlets_are_asked_for(server: Wired) -> None:
    server.fake.services = {"W3SVC": "Running"}
    refused = run("exchange_info", server)
    assert refused["failed"] and refused["finding"] == "exchange.not-found" and server.loads == [[]]
    assert refused["msg"] == "None of Exchange's services is on EX1; is it an Exchange server?"


def test_a_shell_that_does_not_open_is_told_with_the_other_ways(server: Wired) -> None:
    server.load_error = "Access is denied."
    for refused in (run("exchange_info", server), ask(server)):
        assert refused["failed"] and refused["finding"] == "product.not-loaded"
        assert "could not be loaded on EX1: Access is denied." in refused["msg"]
        assert "docs/second-hop.md" in refused["msg"]


def test_a_call_that_fails_is_named_with_its_server(server: Wired) -> None:
    server.fake.fail = lambda number, call: error("Access is denied.") if call.id == "services" else None
    first = run("exchange_info", server)
    assert first["msg"].startswith("Get-ServiceVersion failed on EX1: Access is denied.")
    server.fake.fail = lambda number, call: error("No rights.") if call.id == "certificates" else None
    second = run("exchange_info", server)
    assert second["failed"] and second["call"] == "Get-ExchangeCertificate" and "No rights." in second["msg"]
    server.fake.fail = lambda number, call: error("No trust.") if call.optional and call.id == "federation" else None
    assert not run("exchange_info", server).get("failed"), "what is optional may fail"


# -- the request -------------------------------------------------------------------------------------------------------

WISH = {"country": "us", "state": "Washington", "organization": 'Contoso, "West" Ltd', "organizational_unit": "IT "}


def test_a_request_is_made_once_and_found_again(server: Wired) -> None:
    fake = server.fake
    looked = ask(server, True, **WISH)
    assert looked["changed"] and looked["csr"] is None and looked["pending"] == [] and not written(fake)
    made = ask(server, **WISH)
    assert made["changed"] and made["changes"] == looked["changes"] and written(fake) == ["new"]
    assert made["request"]["names"] == NAMES and made["request"]["key_size"] == 2048
    assert made["request"]["subject"] == 'C=US, ST=Washington, O=Contoso, "West" Ltd, OU=IT, CN=mail.contoso.example'
    assert made["pending"] == [made["request"]] and made["request"]["thumbprint"] == lies(fake, "REQUEST")[0]
    again = ask(server, **WISH)
    assert not again["changed"] and again["csr"] == made["csr"] and written(fake) == ["new"]
    said = x509.load_pem_x509_csr(made["csr"].encode()).subject
    assert [one.value for one in said] == ["US", "Washington", 'Contoso, "West" Ltd', "IT", NAMES[0]]


def test_what_new_exchangecertificate_is_given(server: Wired) -> None:
    ask(server, key_size=4096, exportable=False, friendly_name="Mail 2027", common_name=NAMES[1])
    (given,) = server.fake.asked  # type: ignore[attr-defined]
    assert given["Server"] == "EX1" and given["DomainName"] == NAMES and given["KeySize"] == 4096
    assert given["PrivateKeyExportable"] is False and given["FriendlyName"] == "Mail 2027"
    assert given["SubjectName"] == f"CN={NAMES[1]}" and given["GenerateRequest"].on and given["BinaryEncoded"].on


@pytest.mark.parametrize(
    ("value", "sent"),
    [("Contoso", "Contoso"), ("Contoso, Ltd", '"Contoso, Ltd"'), ('"C"', '"""C"""'), ("A+B", '"A+B"'),
     ("A;B", '"A;B"'), ("#1", '"#1"'), ("A=B", '"A=B"'), ("<A>", '"<A>"')],
)  # fmt: skip
def test_subjects_are_written_as_windows_reads_them(server: Wired, value: str, sent: str) -> None:
    made = ask(server, organization=value)
    (given,) = server.fake.asked  # type: ignore[attr-defined]
    assert given["SubjectName"] == f"O={sent}, CN={NAMES[0]}" and f"O={value}, " in made["request"]["subject"]


def test_the_same_subject_in_the_other_direction_is_the_same_request(server: Wired) -> None:
    server.fake.turned = True  # type: ignore[attr-defined]
    made, again = ask(server, organization="Contoso"), ask(server, organization="Contoso")
    assert made["changed"] and not again["changed"] and again["csr"] == made["csr"]


@pytest.mark.parametrize("other", [{"key_size": 4096}, {"organization": "Contoso"}, {"names": NAMES[::-1]}])
def test_another_wish_is_another_request(server: Wired, other: dict[str, Any]) -> None:
    first = ask(server, common_name=NAMES[0])
    second = run("exchange_request", server, **{"names": NAMES, "common_name": NAMES[0], **other})
    assert second["changed"] and len(second["pending"]) == 2 and second["csr"] != first["csr"]
    assert ask(server, common_name=NAMES[0])["csr"] == first["csr"], "the first one is still found"


def test_what_is_not_exchanges_in_the_store_of_requests_does_no_harm(server: Wired) -> None:
    """Other programs request, too; the store may hold what is no certificate at all."""
    server.fake.stores += [
        {**stored(authority("Somebody else"), "REQUEST")},
        {**stored(authority("x"), "REQUEST"), "RawData": b"rubbish"},
    ]
    made = ask(server)
    assert made["changed"] and made["pending"] == [made["request"]]
    server.fake.requests[lies_as_text(server)] = b"no request"  # type: ignore[attr-defined]
    assert ask(server)["pending"] == [made["request"]], "what Exchange answers may not be readable"


def lies_as_text(server: Wired) -> str:
    """Thumbprint of what is not Exchange's."""
    return _thumb(next(row for row in server.fake.stores if row["Store"] == "REQUEST"))


def test_a_server_that_has_no_store_of_requests_yet(server: Wired) -> None:
    asked = server.fake.get_storecertificate

    def get(given: Any) -> Any:
        return error("no such store", "ucops.NotFound") if given["Stores"] == ["REQUEST"] else asked(given)

    server.fake.get_storecertificate = get  # type: ignore[method-assign]
    looked = ask(server, True)
    assert looked["changed"] and looked["pending"] == [] and ["exchange"] not in server.loads


def test_a_request_that_was_made_and_is_not_there_is_told(server: Wired) -> None:
    server.fake.idle.add("new")
    told = ask(server)
    assert told["failed"] and told["changed"] and "made on EX1 without an error" in told["msg"]
    assert told["msg"].endswith("this subject: none")


# -- the answer --------------------------------------------------------------------------------------------------------


def test_an_answer_meets_its_key_and_no_service_notices(server: Wired, tmp_path: Path) -> None:
    fake, made = server.fake, ask(server)
    before = fake.looks()  # type: ignore[attr-defined]
    file = answer(tmp_path, made["csr"])
    looked = ask(server, True, answer=file)
    assert looked["changed"] and looked["staged"] is None and written(fake) == ["new"]
    done = ask(server, answer=file)
    assert done["changed"] and done["changes"] == looked["changes"] and done["pending"] == []
    assert written(fake) == ["new", "import", "stage", "clear"], "it lies in My for one document only"
    assert lies(fake, STAGE) == [done["staged"]] and lies(fake, "REQUEST") == []
    assert done["staged"] not in lies(fake, "My") and fake.looks() == before  # type: ignore[attr-defined]
    assert done["changes"][-1].startswith(f"LocalMachine\\{STAGE}: request CN={NAMES[0]} -> ")
    again = ask(server, answer=file)
    assert not again["changed"] and again["staged"] == done["staged"] and len(written(fake)) == 4


def test_of_several_requests_the_one_with_its_key_is_answered(server: Wired, tmp_path: Path) -> None:
    first, second = ask(server), ask(server, organization="Contoso")
    done = ask(server, answer=answer(tmp_path, second["csr"]))
    assert "O=Contoso" in done["changes"][-1] and [one["subject"] for one in done["pending"]] == [
        first["request"]["subject"]
    ]


def test_an_answer_to_nobodys_request_says_what_waits(server: Wired, tmp_path: Path) -> None:
    ask(server, organization="Contoso")
    file = answer(tmp_path, "", key=rsa_key(which=1))
    refused = ask(server, answer=file)
    assert refused["failed"] and refused["finding"] == "exchange.answer-foreign" and written(server.fake) == ["new"]
    assert f"Waiting there: O=Contoso, CN={NAMES[0]} ({', '.join(NAMES)})" in refused["msg"]
    assert "answers none of the requests that wait on EX1" in refused["msg"]
    none = ask(Wired(Requesting()), answer=file)
    assert "Waiting there: none. It may have been requested on another server" in none["msg"]


def test_an_import_without_an_effect_is_told(server: Wired, tmp_path: Path) -> None:
    made = ask(server)
    server.fake.idle |= {"import", "stage", "clear"}
    told = ask(server, answer=answer(tmp_path, made["csr"]))
    assert told["failed"] and told["changed"] and f"is not in LocalMachine\\{STAGE} with its key on EX1" in told["msg"]


def test_an_import_that_fails_is_told_with_its_call(server: Wired, tmp_path: Path) -> None:
    made = ask(server)
    server.fake.fail = lambda number, call: error("The file is damaged.") if call.id == "import" else None
    told = ask(server, answer=answer(tmp_path, made["csr"]))
    assert told["call"] == "Import-ExchangeCertificate" and "The file is damaged." in told["msg"]
    assert lies(server.fake, STAGE) == [] and len(lies(server.fake, "REQUEST")) == 1, "the request still waits"
