# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are made on an Exchange server, where their keys stay, and the answers to them. Pure.

Sources: Microsoft, New-ExchangeCertificate (-GenerateRequest, -BinaryEncoded and its FileData; -RequestFile is gone
since 2022), Export-ExchangeCertificate (pending requests), Import-ExchangeCertificate (-FileData).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...pki import request
from ...pki.certificate import Certificate, CertificateError, load_der
from ...stores.store import Change, label
from ...windows.calls import Call, Reply, Switch
from .state import STAGE, Server

PENDING = "REQUEST"
"""The machine store in which Windows keeps what stands for a request until its answer comes."""
LETTERS = dict(zip(request.FIELDS, ("C", "S", "L", "O", "OU", "CN"), strict=True))
"""As Windows writes the parts of a subject (CertStrToName)."""
QUOTED = frozenset(',+="\n<>#;')


@dataclass(frozen=True)
class Pending:
    """A request that waits on a server."""

    thumbprint: str
    """Of what stands for it in the store."""
    der: bytes
    said: request.Request


def store_call() -> Call:
    """Asks what stands in the store of requests, which may not have been made yet."""
    return Call("pending", "Get-StoreCertificate", {"Stores": [PENDING], "Users": False}, optional=True)


def pending_thumbprints(reply: Reply) -> tuple[str, ...]:
    """What the reply to :func:`store_call` shows."""
    found = []
    for row in reply.rows("pending"):
        try:
            found.append(load_der(row["RawData"]).thumbprint)
        except (CertificateError, KeyError, TypeError):
            continue
    return tuple(dict.fromkeys(found))


def export_calls(server: Server, thumbprints: Sequence[str]) -> tuple[Call, ...]:
    """Asks for each pending request once more. A store of requests holds what is not Exchange's, too: optional."""
    return tuple(
        Call(
            f"request-{thumbprint}",
            "Export-ExchangeCertificate",
            {"Thumbprint": thumbprint, "Server": server.computer, "BinaryEncoded": Switch()},
            ("FileData",),
            optional=True,
        )
        for thumbprint in thumbprints
    )


def pending_from(reply: Reply, thumbprints: Sequence[str]) -> tuple[Pending, ...]:
    """The requests that the reply to :func:`export_calls` shows, without those that cannot be read."""
    found = []
    for thumbprint in thumbprints:
        for row in reply.rows(f"request-{thumbprint}"):
            der = row.get("FileData")
            try:
                found.append(Pending(thumbprint, der, request.read(der)))  # type: ignore[arg-type]
            except (ValueError, TypeError, AttributeError):
                continue
    return tuple(found)


def fitting(wanted: request.Wish, bits: int, pending: Sequence[Pending]) -> Pending | None:
    """A pending request that says what is wanted: names in this order, and the same subject in either direction."""
    for one in pending:
        subject = one.said.subject in (wanted.subject, wanted.subject[::-1])
        if one.said.names == wanted.names and subject and one.said.bits == bits:
            return one
    return None


def subject_name(wanted: request.Wish) -> str:
    """The subject as -SubjectName takes it: ``C=US, O="Contoso, Ltd", CN=mail.contoso.example``."""
    return ", ".join(f"{LETTERS[field]}={_value(value)}" for field, value in wanted.subject)


def _value(value: str) -> str:
    if not QUOTED & set(value) and value == value.strip():
        return value
    return '"' + value.replace('"', '""') + '"'


def new_call(wanted: request.Wish, bits: int, exportable: bool, friendly_name: str, server: Server) -> Call:
    """Makes the request. -Services cannot go with it, and nothing is asked about the default SMTP certificate."""
    parameters: dict[str, Any] = {
        "GenerateRequest": Switch(),
        "BinaryEncoded": Switch(),
        "SubjectName": subject_name(wanted),
        "DomainName": list(wanted.names),
        "KeySize": bits,
        "PrivateKeyExportable": exportable,
        "FriendlyName": friendly_name,
        "Server": server.computer,
    }
    return Call("new", "New-ExchangeCertificate", parameters, ("FileData",))


def answered_by(leaf: Certificate, pending: Sequence[Pending]) -> Pending | None:
    """The pending request whose key the certificate has."""
    return next((one for one in pending if one.said.spki_sha256 == leaf.spki_sha256), None)


def foreign(leaf: Certificate, pending: Sequence[Pending], computer: str) -> str:
    """Why an answer cannot be imported, in a sentence."""
    return (
        f"The certificate {label(leaf)} answers none of the requests that wait on {computer}: its key is another. "
        f"Waiting there: {waiting(pending)}. It may have been requested on another server, or the request was made "
        "again after the file had gone to the vendor; import it where its request waits, or have the vendor issue it "
        "anew for this one"
    )


def waiting(pending: Sequence[Pending]) -> str:
    """The requests that wait, for people."""
    said = (f"{request.written(one.said.subject)} ({', '.join(one.said.names)})" for one in pending)
    return "; ".join(said) or "none"


def import_change(leaf: Certificate, request_there: Pending, friendly_name: str, server: Server) -> Change:
    """The answer meets its key, and leaves My at once for the collection's own store.

    Import-ExchangeCertificate knows no store but My, where SMTP takes the newest certificate whose name fits, enabled
    or not (Microsoft, Selection of inbound STARTTLS certificates). The three calls run in one command.
    """
    thumbprint = leaf.thumbprint
    given = {"FileData": leaf.der, "FriendlyName": friendly_name, "Server": server.computer}
    calls = (
        Call("import", "Import-ExchangeCertificate", given, ("Thumbprint",)),
        Call("stage", "Copy-StoreCertificate", {"From": "My", "To": STAGE, "Thumbprint": thumbprint}),
        Call("clear", "Remove-StoreCertificate", {"Store": "My", "Thumbprint": thumbprint, "DeleteKey": False}),
    )
    before = f"request {request.written(request_there.said.subject)}"
    return Change("import-answer", f"LocalMachine\\{STAGE}", before, f"{label(leaf)} with key", calls, leaf.sha256)


def row_of(one: Pending) -> Mapping[str, Any]:
    """A pending request for a task's result."""
    return {
        "thumbprint": one.thumbprint,
        "names": list(one.said.names),
        "subject": request.written(one.said.subject),
        "key_size": one.said.bits,
        "public_key_sha256": one.said.spki_sha256,
    }
