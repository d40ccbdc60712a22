"""Component states of a server, as the services behind them take them (Exchange 2013 and newer)."""

from __future__ import annotations

from . import versions
from .state import ExchangeState

OFFLINE, HUB, FRONT, WEB = "ServerWideOffline", "HubTransport", "FrontendTransport", "OwaProxy"
ROUTER = "UMCallRouter"
#: What ServerWideOffline does not take along.
EXEMPT = ("Monitoring", "RecoveryActionsEnabled")
COMPONENTS = (
    OFFLINE, HUB, FRONT, *EXEMPT, "AutoDiscoverProxy", "ActiveSyncProxy", "EcpProxy", "EwsProxy", "ImapProxy",
    "OabProxy", WEB, "PopProxy", "PushNotificationsProxy", "RpsProxy", "RwsProxy", "RpcProxy", "XropProxy",
    "HttpProxyAvailabilityGroup", "MapiProxy", "EdgeTransport", "HighAvailability", "SharedCache",
)  # fmt: skip
REQUESTERS = ("HealthAPI", "Maintenance", "Sidelined", "Functional", "Deployment")
STATES = ("Inactive", "Active", "Draining")


def of(state: ExchangeState) -> tuple[str, ...]:
    """The components of this server."""
    return (*COMPONENTS, *([ROUTER] if versions.has_unified_messaging(state.host) else []))


def component(state: ExchangeState, name: str) -> str:
    """The state that counts: every requester has to say Active, and so has ServerWideOffline."""
    if not versions.has_back_end(state.host):
        return "Active"
    asked = set(state.components.get(name, {}).values())
    if name != OFFLINE and name not in EXEMPT and component(state, OFFLINE) == "Inactive":
        asked.add("Inactive")
    return next((one for one in ("Inactive", "Draining") if one in asked), "Active")


def accepts(state: ExchangeState, front: bool) -> bool:
    """Whether SMTP takes mail. Transport begins to drain, and ends it, when it is started."""
    now = component(state, FRONT if front else HUB)
    return now != "Inactive" and (front or not state.draining)


def restarted(state: ExchangeState) -> None:
    """The transport service has been restarted: whether it drains is looked at now."""
    state.draining = component(state, HUB) == "Draining"
