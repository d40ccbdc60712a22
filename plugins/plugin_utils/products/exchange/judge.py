# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against giving an Exchange server a certificate for its services, as a rollout asks for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...findings.finding import Finding, finding, from_problem
from ...findings.problem import Problem
from ...pki.certificate import Certificate
from ...pki.names import missing_names, names_of
from ...stores.store import Change, label
from ..values import SHA512_WORKS_FROM, Address, Emergency
from . import check
from .names import Rename
from .own import ExchangeOwn
from .services import DEFAULT, ServiceOrder, describe
from .state import ExchangeState

ROLES: Mapping[str, str] = {
    "Enable-ExchangeCertificate": "Exchange Server Certificates",
    "Set-PopSettings": "POP3 And IMAP4 Protocols",
    "Set-ImapSettings": "POP3 And IMAP4 Protocols",
    "Set-ReceiveConnector": "Receive Connectors",
    "Set-SendConnector": "Send Connectors",
}
"""Cmdlet -> the management role that has it (Microsoft, Find the permissions required to run any Exchange cmdlet)."""


def name_problems(
    leaf: Certificate, order: ServiceOrder, names: Sequence[str], state: ExchangeState
) -> Iterable[Problem]:
    """Names by which the server is reached today, and those that the user asked for (``names``)."""
    needed = dict.fromkeys(names)
    for old in check.replaced(order, leaf, state):
        needed |= dict.fromkeys(name for name in names_of(old) if not name.startswith("*."))
    missing = missing_names(names_of(leaf), needed)
    if missing:
        text = f"{', '.join(missing)} is covered by the certificate in use, or asked for, but not by the new one"
        yield Problem("names.missing", label(leaf), text, {"missing": ", ".join(missing)})


def reach_problems(leaf: Certificate, order: ServiceOrder, reach: Sequence[Address]) -> Iterable[Problem]:
    """Names that clients are sent to and that the new certificate does not cover. Those that the one in use covers stop
    the rollout; of the others nobody can say that a renewal makes them worse."""
    web, mail = "IIS" in order.services, "SMTP" in order.services
    where: dict[str, list[str]] = {}
    for address in reach:
        of_mail = "connector" in address.where
        if (mail if of_mail else web) and not address.own and "X509CertificateName" not in address.where:
            where.setdefault(address.name, []).append(address.where)
    for name in missing_names(names_of(leaf), where):
        yield Problem("exchange.name-uncovered", name, f"set as {', '.join(where[name])}", {"name": name})


def sha512_problems(leaf: Certificate, windows: tuple[int, ...]) -> Iterable[Problem]:
    """A hash that this Windows cannot use."""
    if leaf.signature_hash == "sha512" and windows and windows[:2] < SHA512_WORKS_FROM:
        shown = ".".join(str(number) for number in windows)
        yield Problem("leaf.sha512", label(leaf), f"is signed with SHA-512; on Windows {shown} Schannel cannot use it")


def validity(leaf: Certificate, order: ServiceOrder, emergency: Emergency, state: ExchangeState) -> Iterable[Problem]:
    """Dates. An older certificate, such as a spare one, does in an emergency where the newer one has expired: SMTP
    takes the newest that is valid. One whose key is compromised would go on being taken."""
    expired = all(old.not_after <= state.clock for old in check.replaced(order, leaf, state))
    for problem in check.validity_problems(leaf, order, state):
        older = problem.id == "leaf.older-than-current" and emergency.expired and expired
        yield replace(problem, id="emergency.older") if older else problem


def moved_along(member: str, order: ServiceOrder, state: ExchangeState) -> Iterable[Finding]:
    """The default SMTP certificate moves, which nobody asked for."""
    if state.default_smtp in (None, order.thumbprint):
        return
    text = f"moves from {describe(state.default_smtp, state)} to the new certificate, since that one must not stay"
    yield finding("exchange.default-smtp-moves", member, DEFAULT, text)


def lacking(changes: Sequence[Change], send: Sequence[Rename], lacks: Sequence[str]) -> Iterable[Problem]:
    """Cmdlets that the changes need and that the account's shell does not have: found before anything is changed."""
    needed = [call.name for change in changes for call in change.calls] + (["Set-SendConnector"] if send else [])
    for name in dict.fromkeys(needed):
        if name in lacks:
            role = f'; the management role "{ROLES[name]}" has it' if name in ROLES else ""
            text = f"is needed, and the shell of this account does not have it{role}"
            yield Problem("exchange.cmdlet-missing", name, text)


def there_already(member: str, state: ExchangeState) -> Iterable[Finding]:
    """What is wrong on the server already is told, and not blamed on the rollout: it is mended apart from it."""
    for problem in check.findings(state):
        found = from_problem(problem, member)
        yield replace(found, severity="warning") if found.stops else found


def edge_findings(
    member: str, own: ExchangeOwn, order: ServiceOrder, state: ExchangeState, switches: bool
) -> Iterable[Finding]:
    """Edge Transport: its subscription rests on certificates, and hybrid mail on both sides having the same one."""
    if state.server.edge and switches:
        stops = own.edge_subscription != "renew"
        severity = "error" if stops else "warning"
        yield finding("exchange.edge-subscription", member, "Edge Subscription", severity=severity)  # type: ignore[arg-type]
    if not state.server.edge and state.subscriptions and switches and "SMTP" in order.services:
        text = (
            f"{', '.join(state.subscriptions)} is subscribed: hybrid mail needs the same certificate there, with the "
            "same issuer and subject"
        )
        yield finding("exchange.hybrid-edge", member, "Edge Transport", text)
