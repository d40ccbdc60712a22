# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connectors get the TlsCertificateName of a certificate, when they are asked for one by one. Pure.

Exchange takes a name whose certificate a server does not hold, and mail then waits (win-acme issue 2811; Microsoft
KB2989382). So every server of a connector is asked first whether it holds the certificate, with its key, for SMTP.
Where Exchange's answer does not tell, this server's own store and the key's access list do; of another it stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...findings.problem import Problem
from ...pki.certificate import Certificate, CertificateError, load_der
from ...stores.placement import thumbprint
from ...stores.store import NETWORK_SERVICE, Change, StoredKey, Stores, label, read_calls, stores_from_rows, test_calls
from ...windows.calls import Call, Reply
from .names import Rename, change_of, same_name, tls_certificate_name
from .state import TRANSPORT, Connector, Server, parse_services, server_name

KEEP = ("Thumbprint", "Services", "HasPrivateKey", "RawData")


@dataclass(frozen=True)
class ConnectorOrder:
    """What the user wants."""

    thumbprint: str
    """Of the certificate whose name the connectors get."""
    receive: tuple[str, ...] = ()
    """Receive connectors of this server, by name; ``SERVER\\name`` as well."""
    send: tuple[str, ...] = ()
    """Send connectors of the organization, by name."""
    replaces: str | None = None
    """Thumbprint of the certificate whose name all connectors that have it lose."""


@dataclass(frozen=True)
class Choice:
    """Connectors that are renamed, those that would be but may not, and why."""

    renames: tuple[Rename, ...]
    held_back: tuple[Problem, ...]


def connector_order(options: Mapping[str, Any]) -> ConnectorOrder:
    """What the options of the module ``exchange_connectors`` ask for. Raises ValueError for what cannot be meant."""
    replaces = thumbprint(options["replaces"]) if options["replaces"] else None
    order = ConnectorOrder(
        thumbprint(options["thumbprint"]), tuple(options["receive"]), tuple(options["send"]), replaces
    )
    if replaces == order.thumbprint:
        raise ValueError("replaces: is the same certificate as thumbprint; nothing would be replaced")
    if not (order.receive or order.send or replaces):
        raise ValueError("expected connectors by name (receive, send), or replaces with the certificate they name now")
    return order


def certificate_of(wanted: str, stores: Stores) -> Certificate | None:
    """The certificate as it lies in My, where services look."""
    return next((c.certificate for c in stores.machine("My") if c.certificate.thumbprint == wanted), None)


def foreign(order: ConnectorOrder, connectors: Sequence[Connector], server: Server) -> tuple[Problem, ...]:
    """Connectors that were asked for by name and are not this server's, or are not there at all."""
    found = []
    for name in order.receive:
        owner, _backslash, plain = name.rpartition("\\")
        if owner and owner.casefold() != server.computer.casefold():
            text = (
                f"is a connector of {owner}, and this is {server.computer}; a server changes its own only: run it there"
            )
            found.append(Problem("exchange.connector-foreign", name, text))
        elif _find(connectors, "receive", plain) is None:
            text = f"{server.computer} has no such Receive connector; it has {_names(connectors, 'receive')}"
            found.append(Problem("exchange.connector-foreign", name, text))
    for name in order.send:
        if _find(connectors, "send", name) is None:
            text = f"there is no such Send connector; there are {_names(connectors, 'send')}"
            found.append(Problem("exchange.connector-foreign", name, text))
    return tuple(found)


def wanted_of(
    order: ConnectorOrder, connectors: Sequence[Connector], old: Certificate | None
) -> tuple[tuple[Connector, bool], ...]:
    """The connectors that are meant, each with whether it was asked for by name."""
    by_name = [_find(connectors, "receive", name.rpartition("\\")[2]) for name in order.receive]
    by_name += [_find(connectors, "send", name) for name in order.send]
    named = [connector for connector in by_name if connector is not None]
    gone = tls_certificate_name(old) if old is not None else None
    alike = [c for c in connectors if gone and c.certificate_name and same_name(c.certificate_name, gone)]
    return tuple((connector, connector in named) for connector in dict.fromkeys((*named, *alike)))


def servers_of(connector: Connector, server: Server) -> tuple[str, ...]:
    """The servers on which the connector presents a certificate, by NetBIOS name.

    Edge Transport has Send connectors of its own, with itself as the source.
    """
    if connector.kind == "receive" or (server.edge and not connector.sources):
        return (server.computer,)
    return tuple(dict.fromkeys(server_name(source) for source in connector.sources))


def holder_calls(computers: Iterable[str], wanted: str) -> tuple[Call, ...]:
    """Asks each server for the certificate; one that does not have it, or cannot be asked from here, answers an error.

    An Edge Transport server's certificates are not seen from inside.
    """
    return tuple(
        Call(f"holder-{name}", "Get-ExchangeCertificate", {"Server": name, "Thumbprint": wanted}, KEEP, optional=True)
        for name in computers
    )


def own_calls(wanted: str) -> tuple[Call, ...]:
    """Asks this server itself: the store, whether the key signs, and who may read it."""
    tests = (call for call in test_calls([wanted]) if call.id != "presented")
    return (*read_calls(("My",), False), *tests)


def own_key(reply: Reply, wanted: str) -> StoredKey | None:
    """The key as a reply to :func:`own_calls` shows it; None: the certificate has none here."""
    stores = stores_from_rows(reply.rows("stores"), reply.rows("keys"), reply.rows("access"))
    return next((c.key for c in stores.machine("My") if c.certificate.thumbprint == wanted), None)


def lacking(
    reply: Reply, computers: Iterable[str], wanted: str, keys: Mapping[str, StoredKey | None] | None = None
) -> dict[str, str]:
    """Server to why it would present nothing under the new name, or why nobody knows; none for those that hold the
    certificate. ``keys``: server to its key as its own store shows it, None without one, where that was asked."""
    found = {}
    for name in computers:
        why = _lacks(reply, name, wanted, keys or {})
        if why:
            found[name] = why
    return found


def _lacks(reply: Reply, name: str, wanted: str, keys: Mapping[str, StoredKey | None]) -> str:
    answer = reply.answers.get(f"holder-{name}")
    if answer is None or answer.error is not None:
        return f"does not show it ({answer.error.message.strip() if answer and answer.error else 'not asked'})"
    row = next((row for row in answer.rows if _thumbprint(row) == wanted), None)
    if row is None:
        return "does not hold it"
    with_key, for_smtp = _shown(row)
    if name in keys:
        key = keys[name]
        with_key = key is not None and key.error is None and key.signs is not False
        if key is not None and for_smtp is None and key.readers is not None:
            for_smtp = NETWORK_SERVICE in key.readers
    if with_key is False:
        return "holds it without its private key"
    if for_smtp is False:
        return "holds it, but it is not enabled for SMTP there"
    unknown = [text for text, known in (("has its key", with_key), ("is enabled for SMTP", for_smtp)) if known is None]
    return f"shows it, but whether it {' and '.join(unknown)} there cannot be known: {UNSHOWN}" if unknown else ""


UNSHOWN = "Exchange's answer is the bare certificate (its types are not loaded in this shell)"


def _shown(row: Mapping[str, Any]) -> tuple[bool | None, bool | None]:
    """Whether a row says that the certificate has its key, and that SMTP has it; None where it does not say.

    What is made of a certificate's bytes alone has no services, and denies a key that may well be there.
    """
    services, key = parse_services(row.get("Services")), row.get("HasPrivateKey")
    return (None if services is None and not key else key), (None if services is None else "SMTP" in services)


def _thumbprint(row: Mapping[str, Any]) -> str:
    """RawData is the certificate whatever else is missing (CSS-Exchange, SerializedDataSigningCheck)."""
    if isinstance(row.get("RawData"), bytes):
        try:
            return load_der(row["RawData"]).thumbprint
        except CertificateError:
            return ""
    return str(row.get("Thumbprint") or "").upper()


def choose(
    wanted: Sequence[tuple[Connector, bool]], new: Certificate, missing: Mapping[str, str], server: Server
) -> Choice:
    """What is renamed: nothing whose servers do not all hold the certificate. What has the name already is left out."""
    name = tls_certificate_name(new)
    renames, held_back = [], []
    for connector, _named in wanted:
        if same_name(connector.certificate_name, name):
            continue
        computers = servers_of(connector, server)
        without = [f"{computer} {missing[computer]}" for computer in computers if computer in missing]
        if not computers:
            without = ["it has no source server that could be asked"]
        if without:
            text = f"keeps its certificate name, because not all its servers hold {label(new)}: {'; '.join(without)}"
            held_back.append(Problem("exchange.connector-uncovered", connector.subject, text))
        else:
            renames.append(Rename(connector, name))
    return Choice(tuple(renames), tuple(held_back))


def changes_of(choice: Choice, server: Server) -> tuple[Change, ...]:
    """The renames as changes."""
    return tuple(change_of(rename, server.computer) for rename in choice.renames)


def restarts(choice: Choice, server: Server) -> dict[str, list[str]]:
    """Server to Windows services that go on with the old certificate until they are restarted.

    Microsoft restarts the transport service of each source server after a Send connector's name has changed (Can't
    remove a certificate that's installed in Exchange Server); for Receive connectors nothing is documented.
    """
    sends = [rename.connector for rename in choice.renames if rename.connector.kind == "send"]
    names = dict.fromkeys(name for connector in sends for name in servers_of(connector, server))
    return {name: [TRANSPORT] for name in names}


def row_of(connector: Connector, server: Server) -> dict[str, Any]:
    """A connector for a task's result."""
    return {
        "kind": connector.kind,
        "name": connector.name,
        "certificate_name": connector.certificate_name,
        "servers": list(servers_of(connector, server)),
    }


def _find(connectors: Sequence[Connector], kind: str, name: str) -> Connector | None:
    return next((c for c in connectors if c.kind == kind and c.name.casefold() == name.casefold()), None)


def _names(connectors: Sequence[Connector], kind: str) -> str:
    return ", ".join(c.name for c in connectors if c.kind == kind) or "none"
