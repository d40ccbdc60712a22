# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_services: which certificate the services of one Exchange server have."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..plugin_utils.base import Stop, Unconfirmed, diff_of, raise_errors, utc_now
from ..plugin_utils.findings.finding import from_problem, in_order, stopping
from ..plugin_utils.inputs import BUNDLE_SPEC, load_delivery
from ..plugin_utils.pki.pfx import rewrap_pfx
from ..plugin_utils.products.exchange import check
from ..plugin_utils.products.exchange import services as plans
from ..plugin_utils.products.exchange.action import SHELL_SPEC, ExchangeAction
from ..plugin_utils.products.exchange.facts import assigned
from ..plugin_utils.products.exchange.rows import SHELLS, calls, state_of
from ..plugin_utils.products.exchange.state import SERVICES, ExchangeState
from ..plugin_utils.stores.store import Change
from ..plugin_utils.windows.host import Host


class ActionModule(ExchangeAction):
    """Stages, copies, enables, keeps what must stay; refuses what the server would not serve whole."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "services": {"type": "list", "elements": "str", "required": True, "choices": list(SERVICES)},
        "thumbprint": {"type": "str"},
        "bundle": {"type": "dict", "options": {k: v for k, v in BUNDLE_SPEC.items() if k != "trust"}},
        "default_smtp": {"type": "str", "choices": [plans.KEEP, plans.MOVE]},
        "require_ssl": {"type": "bool", "default": False},
        "pop_name": {"type": "str"},
        "imap_name": {"type": "str"},
        "shell": SHELL_SPEC,
        "check_ready": {"type": "bool", "default": True},
    }
    REQUIREMENTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("thumbprint", "bundle")],
        "required_one_of": [("thumbprint", "bundle")],
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/exchange_services.yml."""
        bundle = load_delivery("bundle", options["bundle"], "").bundle if options["bundle"] else None
        try:
            order = plans.service_order(options, bundle)
        except ValueError as error:
            raise Stop(str(error)) from None
        host = self.host(task_vars)
        server, keyed = self.server(host)
        load = (SHELLS[options["shell"]],)
        asked = calls(server, tuple(dict.fromkeys((*keyed, order.thumbprint))))
        reply = host.read(load, asked)
        self.answered(reply, asked)
        before = state_of(reply, utc_now(), server)
        notes = self._judge(order, before, reply.host.computer)
        changes = self._plan(order, before, host)
        state = before
        sent = [call for change in changes for call in change.calls]
        if sent and not self.check_mode:
            self.tell(f"{reply.host.computer}: default SMTP certificate before: {before.default_smtp}")
            after = host.apply(load, [*sent, *asked], check_mode=self.check_mode)
            self._applied(after, [*sent, *asked], before)
            state = replace(state_of(after, utc_now(), server), enabled=plans.enabling(order, changes, before))
            self._confirm(order, before, state)
        restart = plans.restarts([s for s in plans.missing(order, before) if changes], before)
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "assigned": assigned(state),
            "default_smtp": state.default_smtp,
            "restart": list(restart),
            "warnings": notes,
            "diff": diff_of(reply.host.computer, changes),
        }

    def _judge(self, order: plans.ServiceOrder, state: ExchangeState, computer: str) -> list[str]:
        """What should be known; raises Stop for what forbids the change."""
        problems, unready = list(check.refusals(order, state)), check.unready(order, state)
        said: list[str] = []
        if self.check_mode:  # a task before this one would have changed something, but did not
            said = [f"would be refused now: {p.subject}: {p.text}" for p in unready]
        else:
            problems += unready
        findings = in_order(from_problem(problem, computer) for problem in problems)
        if stopping(findings):
            text = "; ".join(f"{f.subject}: {f.text}" for f in stopping(findings))
            raise Stop(text, finding=stopping(findings)[0].id, findings=[f.to_dict() for f in findings])
        return [*said, *(f"{f.subject}: {f.text}" for f in findings), *check.notes(order, state)]

    def _plan(self, order: plans.ServiceOrder, state: ExchangeState, host: Host) -> tuple[Change, ...]:
        changes = plans.plan_services(order, state)
        bundle = order.bundle
        if bundle is None or not any(change.kind == "import-key" for change in changes):
            return changes
        reason = host.key_finding()
        if reason:
            raise Stop(f"No private key is sent over this connection. {reason}", finding="transport.insecure")
        if self.check_mode:
            return changes
        password = secrets.token_urlsafe(32)
        pfx = rewrap_pfx(bundle, password.encode("ascii"), order.friendly_name)
        return plans.plan_services(order, state, {bundle.leaf.sha256: (pfx, password)})

    @staticmethod
    def _applied(reply: Any, sent: list[Any], before: ExchangeState) -> None:
        """A call that failed may have left the default SMTP certificate moved: say what it was."""
        try:
            raise_errors(reply, sent)
        except Stop as stop:
            back = f" The default SMTP certificate was {before.default_smtp}; exchange_info shows what it is now."
            more = stop.result | {"changed": True, "default_smtp_before": before.default_smtp}
            raise Stop(f"{stop}{back}", **more) from None

    @staticmethod
    def _confirm(order: plans.ServiceOrder, before: ExchangeState, after: ExchangeState) -> None:
        """Nothing may be left to do, and what must not change must be as it was."""
        moved = plans.drift(before, after, order)
        if moved:
            raise Unconfirmed("; ".join(moved), changed=True, finding="exchange.default-smtp-changed")
        left = plans.plan_services(order, after)
        if left:
            lines = "; ".join(change.as_line() for change in left)
            text = f"The change was made without an error, but the server still shows the old state: {lines}"
            raise Unconfirmed(text, changed=True)
