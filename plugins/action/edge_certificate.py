# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""edge_certificate: which certificate the uses of one Edge server have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, aware, diff_of, utc_now
from ..plugin_utils.findings.finding import from_problem, in_order, stopping
from ..plugin_utils.inputs import BUNDLE_SPEC, load_delivery
from ..plugin_utils.products.edge import assignment
from ..plugin_utils.products.edge import facts as edge_facts
from ..plugin_utils.products.edge import state as edge
from ..plugin_utils.stores.store import Change
from ..plugin_utils.windows.calls import Reply

LEFT_OUT = ("trust", "exportable", "friendly_name")


class ActionModule(CertificateAction):
    """Assigns, rolls or unassigns; refuses what the member would not serve whole, and what drops calls unasked."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "use": {"type": "list", "elements": "str", "required": True, "choices": list(edge.USES)},
        "thumbprint": {"type": "str"},
        "bundle": {"type": "dict", "options": {k: v for k, v in BUNDLE_SPEC.items() if k not in LEFT_OUT}},
        "roll": {"type": "bool", "default": False},
        "effective_date": {"type": "str"},
        "allow_call_drop": {"type": "bool", "default": False},
        "check_ready": {"type": "bool", "default": True},
    }
    REQUIREMENTS: ClassVar[dict[str, Any]] = {"mutually_exclusive": [("thumbprint", "bundle")]}

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/edge_certificate.yml."""
        bundle = load_delivery("bundle", options["bundle"], "").bundle if options["bundle"] else None
        date = options["effective_date"]
        try:
            order = assignment.assignment_order(options, bundle, aware(date, "effective_date") if date else None)
        except ValueError as error:
            raise Stop(str(error)) from None
        notes: list[str] = []
        sent = False

        def plan(reply: Reply) -> tuple[Change, ...]:
            nonlocal sent
            state = edge_facts.state_of(reply, utc_now())
            if sent:
                return assignment.plan(order, state, sent=True)
            sent = True
            problems = list(assignment.refusals(order, state))
            unready = assignment.unready(order, state)
            if self.check_mode:  # a store task before this one would have changed something, but did not
                notes.extend(f"would be refused now: {p.subject}: {p.text}" for p in unready)
            else:
                problems += unready
            findings = in_order(from_problem(problem, reply.host.computer) for problem in problems)
            if stopping(findings):
                text = "; ".join(f"{f.subject}: {f.text}" for f in stopping(findings))
                raise Stop(text, finding=stopping(findings)[0].id, findings=[f.to_dict() for f in findings])
            notes.extend([*(f"{f.subject}: {f.text}" for f in findings), *assignment.warnings(order, state)])
            return assignment.plan(order, state)

        calls = edge_facts.assignment_calls(order.thumbprint, utc_now())
        changes, reply = self.converge(self.host(task_vars), ("lync",), calls, plan)
        state = edge_facts.state_of(reply, utc_now())
        if changes and not self.check_mode and assignment.unshown(order, state):
            notes.append("the roll ended without an error, but Get-CsCertificate does not show the successor")
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "assigned": state.assigned(),
            "pending": edge_facts.pending(state),
            "warnings": notes,
            "diff": diff_of(reply.host.computer, changes),
        }
