# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back on an Exchange server: what has to be done so that it is as it was before a switch. Pure.

Services cannot be taken away from a certificate (Microsoft, Enable-ExchangeCertificate), so the way back is another:
the web site is bound to the old certificate again, names and the default SMTP certificate are put back, and the new
certificate is taken out of My, where SMTP, POP and IMAP would go on choosing it. It stays staged, key and all.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...stores.store import Change, label
from ...windows.calls import Call
from ..values import RUNNING, Both, Plan, Record
from .names import Rename, change_of, same_name
from .services import DEFAULT, describe, enable_call, name_call
from .state import CLIENTS, ExchangeState

MY = "LocalMachine\\My "
"""A certificate that was copied to My: the setting's name goes on with its thumbprint."""
NAME = "X509CertificateName of "
NOTHING = Both(None, None)


def to_record(thumbprint: str, changes: Iterable[Change], state: ExchangeState) -> dict[str, tuple[str | None, str]]:
    """The settings that a switch to ``thumbprint`` changes, each with what it is now: what the journal has to keep.

    The default SMTP certificate is always among them: enabling SMTP moves it and puts it back.
    """
    found: dict[str, tuple[str | None, str]] = {}
    if state.default_smtp:
        found[DEFAULT] = (state.default_smtp, state.default_smtp)
    for change in changes:
        if change.kind == "default-smtp":
            found[DEFAULT] = (state.default_smtp, thumbprint)
        elif change.kind in ("set-name", "connector"):
            found[change.subject] = (change.before or None, change.after)
        elif any(call.name == "Copy-StoreCertificate" for call in change.calls):
            found[MY + thumbprint] = (None, thumbprint)
    for protocol in CLIENTS:  # enabling may set it
        name = state.client_names.get(protocol)
        if name:
            found.setdefault(NAME + protocol, (name, name))
    return found


def plan_of(record: Record, state: ExchangeState) -> Plan:
    """The whole way back: the changes, and the services that held the certificate started once more."""
    why = blocked(record, state)
    changes = () if why else plan_back(record, state)
    down = tuple(name for name in record.services if state.server.services.get(name) != RUNNING)
    again = (s for s in record.touched if s in record.services or state.server.services.get(s) == RUNNING)
    restart = tuple(dict.fromkeys((*record.services, *again))) if changes else ()
    uses = {use: Both(None, both.before) for use, both in record.uses.items()} if changes else {}
    run = tuple(dict.fromkeys((*record.services, *restart)))
    return Plan(uses=uses, changes=changes, restart=restart, start=() if restart else down, run=run, blocked=why)


def plan_back(record: Record, state: ExchangeState) -> tuple[Change, ...]:
    """What is left to do, in the order in which it is done; nothing when the server is as it was."""
    return (
        *_connectors(record, state),
        *_web(record, state),
        *_names(record, state),
        *_default(record, state),
        *_out_of_my(record, state),
    )


def _connectors(record: Record, state: ExchangeState) -> Iterable[Change]:
    for connector in state.connectors:
        entry = record.settings.get(connector.subject)
        if entry is not None and not same_name(connector.certificate_name, entry.before):
            yield change_of(Rename(connector, entry.before), state.server.computer)


def _web(record: Record, state: ExchangeState) -> Iterable[Change]:
    old = record.uses.get("IIS", NOTHING).before
    if old and state.web() != (old,):
        calls = (enable_call("back-IIS", old, ["IIS"], False, state),)
        now = ", ".join(describe(thumbprint, state) for thumbprint in state.web())
        yield Change("enable", "IIS", now, describe(old, state), calls)


def _names(record: Record, state: ExchangeState) -> Iterable[Change]:
    for protocol in CLIENTS:
        old = record.settings.get(NAME + protocol, NOTHING).before
        now = state.client_names.get(protocol, "")
        if old and now.lower() != old.lower():
            yield Change("set-name", NAME + protocol, now, old, (name_call(protocol, old, state),))


def _default(record: Record, state: ExchangeState) -> Iterable[Change]:
    old = record.settings.get(DEFAULT, NOTHING).before
    if old and state.default_smtp != old:
        calls = (enable_call("back-default", old, ["SMTP"], True, state),)
        yield Change("default-smtp", DEFAULT, describe(state.default_smtp, state), describe(old, state), calls)


def _out_of_my(record: Record, state: ExchangeState) -> Iterable[Change]:
    for setting, both in record.settings.items():
        thumbprint = both.after
        entry = state.entry(thumbprint) if setting.startswith(MY) else None
        if entry is not None:
            parameters = {"Store": "My", "Thumbprint": thumbprint, "DeleteKey": False}
            call = Call(f"out-{thumbprint}", "Remove-StoreCertificate", parameters)
            yield Change("remove-certificate", "LocalMachine\\My", label(entry.certificate), "", (call,))


def blocked(record: Record, state: ExchangeState) -> tuple[str, ...]:
    """Why the server cannot be taken back, as sentences; empty when it can."""
    found = []
    web = record.uses.get("IIS")
    if web is not None and web.before is None:
        found.append("IIS: the journal does not say which certificate the web site had")
    needed = {"IIS": web.before if web else None, DEFAULT: record.settings.get(DEFAULT, NOTHING).before}
    now = {"IIS": state.web(), DEFAULT: (state.default_smtp,)}
    for what, thumbprint in needed.items():
        why = no_way_back(thumbprint, state) if thumbprint and now[what] != (thumbprint,) else ""
        if why:
            found.append(f"{what}: {why}")
    return tuple(found)


def no_way_back(thumbprint: str, state: ExchangeState) -> str:
    """Why a certificate cannot be enabled again; empty when it can."""
    entry = state.entry(thumbprint)
    if entry is None or entry.key is None:
        return f"{thumbprint} is not in LocalMachine\\My with its key any more"
    if entry.certificate.not_after <= state.clock:
        return f"{label(entry.certificate)} has expired, and an expired certificate cannot be enabled again"
    return ""
