"""The controls of an Exchange server: what tests and demonstrations may set."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..member import control as common
from ..member.keys import NETWORK_SERVICE
from . import deliveries, maintenance, names, services, watch
from .certificates import ExchangePki
from .state import Binding, Database, ExchangeBehaviour, ExchangeState, ReceiveConnector, SendConnector

Order = Callable[[ExchangeState, ExchangePki, Any], None]


def apply(state: ExchangeState, pki: ExchangePki, folder: Path, body: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out orders. Raises ValueError on what is not known."""
    answer: dict[str, Any] = {"done": sorted(body)}
    for key, value in body.items():
        if key == "sign":
            answer["answer"] = deliveries.sign(pki, folder, value if isinstance(value, dict) else {"request": value})
        elif key in ORDERS:
            ORDERS[key](state, pki, value)
        elif key in vars(ExchangeBehaviour()):
            state.behaviour.set(key, value)
        else:
            known = ", ".join(["sign", *ORDERS, *vars(ExchangeBehaviour())])
            raise ValueError(f"expected one of {known}, found no control {key!r}")
    watch.look(state.organization)
    return answer


def _common(name: str) -> Order:
    def order(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
        common.ORDERS[name](state, state.organization, pki, value)

    return order


def _services(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``services``: {name: "Running" | "Stopped"}."""
    for name, wanted in value.items():
        if name not in state.services or wanted not in ("Running", "Stopped"):
            raise ValueError(f"expected {', '.join(state.services)}: Running or Stopped, found {name}: {wanted}")
        services.stop(state, name)
        if wanted == "Running":
            services.start(state, name)


def _bind(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``bind``: {port: certificate} of http.sys, as the IIS manager does it."""
    for port, name in value.items():
        thumb = pki.find(name).thumbprint
        for address, number in list(state.bindings):
            if number == int(port):
                state.bindings[address, number] = Binding(thumb)


def _smtp(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``smtp``: certificates that are enabled for SMTP, without a question."""
    for name in value:
        entry = state.entry(pki.find(name).thumbprint)
        if entry is None or entry.container is None:
            raise ValueError(f"expected a certificate of My with a key, found {name!r}")
        state.keys.containers[entry.container].grant(NETWORK_SERVICE, "Read")


def _default(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``default_smtp``: the internal transport certificate, or null."""
    state.internal_certificate = pki.find(value).der if value else None


def _auth(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``auth_certificate``: auth, auth-expired or null, in the organization."""
    for server in state.organization.servers:
        if not server.edge:
            server.auth_certificate = common.put(server, pki, "My", value, key=True).thumbprint if value else None


def _federation(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``federation``: the certificate of the organization's federation trust, or null: there is no trust."""
    state.organization.federation = pki.find(value).thumbprint if value else None


def _tls_names(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``tls_certificate_names``: {connector: certificate or null}, Send and Receive connectors alike."""
    every: list[ReceiveConnector | SendConnector] = [*state.receive_connectors, *state.organization.send_connectors]
    found = {c.name: c for c in every}
    for connector, name in value.items():
        if connector not in found:
            raise ValueError(f"expected a connector of {', '.join(found)}, found {connector!r}")
        found[connector].tls_certificate_name = names.identifier(pki.find(name).certificate) if name else None


def _fqdns(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``fqdns``: {connector: FQDN or null}."""
    found = {c.name: c for c in state.receive_connectors}
    for connector, name in value.items():
        found[connector].fqdn = name


def _client_names(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``client_names``: {"POP": X509CertificateName, "IMAP": ...}."""
    for protocol, name in value.items():
        state.client_settings[protocol].certificate_name = name


def _urls(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``urls``: {kind: {property: URL or null}}, such as {"owa": {"ExternalUrl": "https://..."}}."""
    for kind, given in value.items():
        if kind not in state.urls or set(given) - set(state.urls[kind]):
            raise ValueError(f"expected properties of {', '.join(state.urls)}, found {kind}: {', '.join(given)}")
        state.urls[kind].update(given)


def _um(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``um_modes``: {"UM": "TLS", "UMCallRouter": "TCP"}."""
    state.um_modes.update(value)


def _files(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``files``: {path: base64}, files on the server's disk."""
    state.files.update({path.lower(): base64.b64decode(text) for path, text in value.items()})


def _queue(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``queue``: {"messages": 5, "shadow": 2, "poison": 1}, messages on the server."""
    fields = {"messages": "queued", "shadow": "shadow", "poison": "poison"}
    for kind, count in value.items():
        setattr(state, fields[kind], int(count))


def _components(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``components``: {component: {requester: state}}, as if somebody had asked for it."""
    for name, asked in value.items():
        state.components.setdefault(name, {}).update(asked)


def _databases(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``databases``: {database: {server: status of its copy}}; Mounted makes it the active one; null: no copy there."""
    for name, copies in value.items():
        database = state.organization.databases.setdefault(name, Database(state.computer, {}))
        for server, status in copies.items():
            if status is None:
                database.copies.pop(server, None)
            elif status == maintenance.MOUNTED:
                database.copies.setdefault(database.active, maintenance.HEALTHY)
                database.copies[server], database.active = maintenance.HEALTHY, server
            else:
                database.copies[server] = status


def _activation(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``activation``: {"policy": "IntrasiteOnly", "disabled": false} of the server."""
    state.activation_policy = value.get("policy", state.activation_policy)
    state.activation_disabled = bool(value.get("disabled", state.activation_disabled))


def _visits(state: ExchangeState, pki: ExchangePki, value: Any) -> None:
    """``visits``: {name: count}, to count anew."""
    for name, count in value.items():
        if name not in vars(state.visits):
            raise ValueError(f"expected one of {', '.join(vars(state.visits))}, found {name!r}")
        setattr(state.visits, name, int(count))


ORDERS: dict[str, Order] = {
    **{name: _common(name) for name in ("clock_offset", "store", "events", "key", "lock", "journal", "facts", "says")},
    "services": _services,
    "bind": _bind,
    "smtp": _smtp,
    "default_smtp": _default,
    "auth_certificate": _auth,
    "federation": _federation,
    "tls_certificate_names": _tls_names,
    "fqdns": _fqdns,
    "client_names": _client_names,
    "urls": _urls,
    "um_modes": _um,
    "files": _files,
    "queue": _queue,
    "components": _components,
    "databases": _databases,
    "activation": _activation,
    "visits": _visits,
}
