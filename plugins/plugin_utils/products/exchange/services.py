# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Exchange server, some services, one certificate: what it takes to give it to them. Pure.

My is live: SMTP chooses the newest certificate there whose name fits, enabled or not (Microsoft, Selection of inbound
STARTTLS certificates). So the certificate waits in a store of the collection's own, NETWORK SERVICE is let at its key
there, and only then it is copied to My and enabled, all in one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...pki.bundle import Bundle
from ...pki.certificate import Certificate
from ...stores.placement import thumbprint
from ...stores.store import NETWORK_SERVICE, Change, DesiredKey, DesiredStores, Stores, label, plan_stores
from ...stores.wanted import usable_in
from ...windows.calls import Call, Switch
from .state import BACK_END, CLIENTS, RESTART, SERVICES, STAGE, UNIFIED, ExchangeState, wildcard_for

KEEP, MOVE = "keep", "move"
DEFAULT = "default SMTP certificate"
SETTINGS = {"POP": "Set-PopSettings", "IMAP": "Set-ImapSettings"}


@dataclass(frozen=True)
class ServiceOrder:
    """What the user wants of one server."""

    thumbprint: str
    services: tuple[str, ...]
    default_smtp: str | None = None
    """``keep`` or ``move``; None keeps, unless the default is the very certificate that is replaced: then choose."""
    require_ssl: bool = False
    """Whether enabling IIS may turn on "Require SSL" of the Default Web Site."""
    names: Mapping[str, str] = field(default_factory=dict)
    """POP and IMAP -> X509CertificateName; without an entry the name that is set stays."""
    bundle: Bundle | None = None
    exportable: bool = True
    friendly_name: str | None = None
    check_ready: bool = True

    @property
    def moves(self) -> bool:
        """Whether the default SMTP certificate shall become the new one."""
        return self.default_smtp == MOVE

    @property
    def desired(self) -> DesiredStores:
        """What the stores have to hold before anything is copied."""
        if self.bundle is None:
            return DesiredStores()
        key = DesiredKey(self.bundle.leaf, STAGE, self.exportable, self.friendly_name)
        return DesiredStores((key,), self.bundle.intermediates)


def service_order(options: Mapping[str, Any], bundle: Bundle | None) -> ServiceOrder:
    """What the options of the module ``exchange_services`` ask for. Raises ValueError for what cannot be meant."""
    services = tuple(s for s in SERVICES if s in options["services"])
    if not services:
        raise ValueError(f"services: expected at least one of {', '.join(SERVICES)}")
    names = {"POP": options["pop_name"], "IMAP": options["imap_name"]}
    for protocol, name in names.items():
        if name and protocol not in services:
            raise ValueError(f"{protocol.lower()}_name counts only when {protocol} is among the services")
    if options["default_smtp"] and "SMTP" not in services:
        raise ValueError("default_smtp counts only when SMTP is among the services")
    own = options["bundle"] or {}
    return ServiceOrder(
        thumbprint=bundle.leaf.thumbprint if bundle else thumbprint(options["thumbprint"]),
        services=services,
        default_smtp=options["default_smtp"],
        require_ssl=options["require_ssl"],
        names={protocol: name for protocol, name in names.items() if name},
        bundle=bundle,
        exportable=own.get("exportable", True),
        friendly_name=own.get("friendly_name"),
        check_ready=options["check_ready"],
    )


def leaf_of(order: ServiceOrder, stores: Stores) -> Certificate | None:
    """The certificate: out of the bundle, or as it lies on the server, in My or staged."""
    if order.bundle is not None:
        return order.bundle.leaf
    entries = (*stores.machine("My"), *stores.machine(STAGE))
    return next((c.certificate for c in entries if c.certificate.thumbprint == order.thumbprint), None)


def missing(order: ServiceOrder, state: ExchangeState) -> tuple[str, ...]:
    """The services of the order that the certificate is not known to have: enabling it once more does no harm, services
    are additive (Microsoft, Enable-ExchangeCertificate)."""
    return tuple(service for service in order.services if not state.has(service, order.thumbprint))


def uncertain(order: ServiceOrder, state: ExchangeState) -> tuple[str, ...]:
    """The services of the order of which nobody can say whether the certificate has them."""
    return tuple(service for service in order.services if state.has(service, order.thumbprint) is None)


def enabling(order: ServiceOrder, changes: Iterable[Change], state: ExchangeState) -> dict[str, frozenset[str]]:
    """What is known to be enabled once the calls of ``changes`` were made without an error: the field ``enabled``."""
    given = {
        str(name)
        for change in changes
        for call in change.calls
        if call.name == "Enable-ExchangeCertificate" and call.parameters["Thumbprint"] == order.thumbprint
        for name in str(call.parameters["Services"]).split(",")
    }
    return {**state.enabled, order.thumbprint: state.enabled.get(order.thumbprint, frozenset()) | given}


def wanted_name(order: ServiceOrder, protocol: str, state: ExchangeState) -> str:
    """What X509CertificateName of POP or IMAP has to be in the end."""
    return order.names.get(protocol) or state.client_names.get(protocol, "")


def plan_services(
    order: ServiceOrder, state: ExchangeState, wrapped: Mapping[str, tuple[bytes, str]] | None = None
) -> tuple[Change, ...]:
    """What is left to do, in the order in which it is done. ``wrapped`` as in :func:`store.plan_stores`.

    The services are a superset: what the certificate has beside them stays, because services cannot be taken away
    (Microsoft, Enable-ExchangeCertificate).
    """
    leaf = leaf_of(order, state.stores)
    if leaf is None:
        return ()
    return (
        *_plan_stage(order, state, wrapped),
        *_plan_place(order, leaf, state),
        *_plan_enable(order, leaf, state),
        *_plan_names(order, state),
        *_plan_default(order, leaf, state),
    )


def _plan_stage(
    order: ServiceOrder, state: ExchangeState, wrapped: Mapping[str, tuple[bytes, str]] | None
) -> Iterable[Change]:
    """Intermediates, and the key into the collection's own store unless My has it already."""
    there = usable_in("My", order.thumbprint, state.stores)
    return (c for c in plan_stores(order.desired, state.stores, wrapped) if not (there and c.kind == "import-key"))


def _plan_place(order: ServiceOrder, leaf: Certificate, state: ExchangeState) -> Iterable[Change]:
    """NETWORK SERVICE at the key, before the certificate comes where SMTP may choose it; then the copy to My."""
    there = usable_in("My", order.thumbprint, state.stores)
    entry = state.entry(order.thumbprint)
    readers = entry.key.readers if entry is not None and entry.key is not None else None
    if needs_access(order, state) and not (there and (readers is None or NETWORK_SERVICE in readers)):
        where = "My" if there else STAGE
        parameters = {"Store": where, "Thumbprint": order.thumbprint, "Sid": NETWORK_SERVICE, "Rights": "Read"}
        call = Call("grant", "Grant-StoreKey", parameters)
        yield Change("grant-key", f"key of {label(leaf)}", "", "NETWORK SERVICE may read it", (call,), leaf.sha256)
    if not there:
        parameters = {"From": STAGE, "To": "My", "Thumbprint": order.thumbprint}
        call = Call("copy", "Copy-StoreCertificate", parameters)
        yield Change("add-certificate", "LocalMachine\\My", "", f"{label(leaf)} with key", (call,), leaf.sha256)


def needs_access(order: ServiceOrder, state: ExchangeState) -> bool:
    """Whether NETWORK SERVICE must be able to read the key: always where SMTP may choose a certificate that nobody
    enabled for it (2013 and newer), else for the services that run under this account."""
    return state.server.version.modern or bool({"SMTP", *CLIENTS} & set(order.services))


def _plan_enable(order: ServiceOrder, leaf: Certificate, state: ExchangeState) -> Iterable[Change]:
    lacking = missing(order, state)
    named = [s for s in lacking if s in CLIENTS and wildcard_for(leaf, wanted_name(order, s, state))]
    to_enable = [s for s in lacking if s not in named]
    if not to_enable:
        return
    calls = [enable_call("enable", order.thumbprint, to_enable, order.require_ssl, state)]
    old = state.default_smtp
    if "SMTP" in to_enable and not order.moves and old not in (None, order.thumbprint):
        # -Force has just answered yes to the question about the default certificate; there is no switch for no.
        calls.append(enable_call("default-back", str(old), ["SMTP"], True, state))
    for protocol in CLIENTS:
        name = state.client_names.get(protocol, "")
        if protocol in to_enable and name and wanted_name(order, protocol, state).lower() == name.lower():
            calls.append(name_call(protocol, name, state))  # enabling may have set it (KB948896)
    held = {s: holder_of(s, state) for s in to_enable}
    before = "; ".join(f"{s}: {text}" for s, text in held.items() if text)
    yield Change("enable", "services", before, f"{', '.join(to_enable)}: {label(leaf)}", tuple(calls), leaf.sha256)


def enable_call(name: str, thumbprint: str, services: Iterable[str], require_ssl: bool, state: ExchangeState) -> Call:
    """Enable-ExchangeCertificate on this very server. Without -DoNotRequireSsl enabling IIS turns on "Require SSL",
    which breaks redirects from http."""
    chosen = tuple(services)
    parameters: dict[str, Any] = {
        "Thumbprint": thumbprint,
        "Services": ",".join(chosen),
        "Server": state.server.computer,
        "Force": Switch(True),
        "Confirm": Switch(False),
    }
    if "IIS" in chosen and not require_ssl:
        parameters["DoNotRequireSsl"] = Switch(True)
    return Call(name, "Enable-ExchangeCertificate", parameters)


def name_call(protocol: str, name: str, state: ExchangeState) -> Call:
    """Set-PopSettings or Set-ImapSettings on this very server."""
    parameters = {"Server": state.server.computer, "X509CertificateName": name, "Confirm": Switch(False)}
    return Call(f"name-{protocol}", SETTINGS[protocol], parameters)


def _plan_names(order: ServiceOrder, state: ExchangeState) -> Iterable[Change]:
    for protocol, name in order.names.items():
        now = state.client_names.get(protocol, "")
        if now.lower() != name.lower():
            calls = (name_call(protocol, name, state),)
            yield Change("set-name", f"X509CertificateName of {protocol}", now, name, calls)


def _plan_default(order: ServiceOrder, leaf: Certificate, state: ExchangeState) -> Iterable[Change]:
    if not order.moves or state.default_smtp == order.thumbprint:
        return
    # Enabling SMTP moves it along; alone it takes a call of its own.
    along = any("SMTP" in str(c.calls[0].parameters["Services"]) for c in _plan_enable(order, leaf, state))
    calls = () if along else (enable_call("default", order.thumbprint, ["SMTP"], True, state),)
    yield Change("default-smtp", DEFAULT, describe(state.default_smtp, state), label(leaf), calls, leaf.sha256)


def holder_of(service: str, state: ExchangeState) -> str:
    """Which other certificate of My has the service now; empty where several have, as SMTP allows."""
    mine = [c.certificate for c in state.stores.machine("My")]
    having = [c for c in mine if state.has(service, c.thumbprint)]
    return label(having[0]) if len(having) == 1 else ""


def describe(thumbprint: str | None, state: ExchangeState) -> str:
    """A thumbprint with its name and date, when My knows it."""
    entry = state.entry(thumbprint)
    return label(entry.certificate) if entry else thumbprint or ""


def drift(before: ExchangeState, after: ExchangeState, order: ServiceOrder) -> tuple[str, ...]:
    """What must be the same afterwards and is not: the default SMTP certificate, and port 444."""
    found = []
    kept = before.default_smtp and not order.moves
    if kept and after.default_smtp != before.default_smtp:
        found.append(
            f"the {DEFAULT} was {describe(before.default_smtp, before)} and is {describe(after.default_smtp, after)}; "
            f"give it back: Enable-ExchangeCertificate -Thumbprint {before.default_smtp} -Services SMTP -Force"
        )
    if before.bound(BACK_END) != after.bound(BACK_END):
        now = ", ".join(after.bound(BACK_END)) or "nothing"
        found.append(f"port 444 (Exchange Back End) was bound to {', '.join(before.bound(BACK_END))} and is to {now}")
    return tuple(found)


def restarts(changed: Iterable[str], state: ExchangeState) -> tuple[str, ...]:
    """Windows services that may go on with the old certificate until they are restarted."""
    names = [name for service in changed for name in RESTART.get(service, ())]
    return tuple(name for name in dict.fromkeys(names) if name in state.server.services)


def unified(order: ServiceOrder) -> tuple[str, ...]:
    """UM services that were asked for by name; otherwise they are never touched."""
    return tuple(service for service in order.services if service in UNIFIED)
