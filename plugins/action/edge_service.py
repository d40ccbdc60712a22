# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""edge_service: the services of one Edge server, drained before they stop."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, Unconfirmed, diff_of, raise_errors, utc_now
from ..plugin_utils.member.drain import Clock, DrainExpired, drain
from ..plugin_utils.products.cs.services import not_running, status_call, statuses
from ..plugin_utils.products.edge import service_plan, services
from ..plugin_utils.windows.calls import Call, Reply
from ..plugin_utils.windows.host import Host

LOAD = ("lync",)
CLOCK = Clock(utc_now, time.monotonic, time.sleep)


class ActionModule(CertificateAction):
    """Reads, stops (a drain is polled with short commands), starts, and looks whether it took."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "name": {"type": "list", "elements": "str", "required": True, "choices": list(services.START_ORDER)},
        "state": {"type": "str", "choices": list(service_plan.STATES), "required": True},
        "graceful": {"type": "bool", "default": True},
        "drain_seconds": {"type": "int", "default": 1800},
        "drain_poll_seconds": {"type": "float", "default": 15.0},
        "drain_expired": {"type": "str", "choices": ["abort", "continue"], "default": "abort"},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/edge_service.yml."""
        host = self.host(task_vars)
        reply = self._send(host, (status_call(),))
        before = statuses(reply.rows("services"))
        plan = service_plan.plan(options["name"], options["state"], before)
        if plan.absent:
            raise Stop(f"{reply.host.computer} has no service {', '.join(plan.absent)}; it has {', '.join(before)}")
        lines = [change.as_line() for change in plan.changes]
        result = {"changed": bool(lines), "changes": lines, "diff": diff_of(reply.host.computer, plan.changes)}
        if lines and not self.check_mode:
            if plan.stop:
                reply = self._stop(host, plan, before, options)
            waiting = not_running(plan.start, statuses(reply.rows("services")))
            if waiting:
                reply = self._send(host, service_plan.starts(waiting))
        after = statuses(reply.rows("services"))
        result |= {"services_before": before, "services": after}
        left = service_plan.left(plan, after) if lines and not self.check_mode else ()
        if left:
            raise Unconfirmed(f"{reply.host.computer}: {'; '.join(left)}", **result)
        return result

    def _stop(
        self, host: Host, plan: service_plan.ServicePlan, before: Mapping[str, str], options: Mapping[str, Any]
    ) -> Reply:
        """Stops; on an expired drain cuts the rest off or starts again what ran, as the user chose."""
        seconds, pause = options["drain_seconds"], options["drain_poll_seconds"]
        first = [statuses(self._send(host, service_plan.stops(plan.stop, options["graceful"])).rows("services"))]

        def look() -> Mapping[str, str]:
            if first:
                return first.pop()
            return statuses(host.read(LOAD, (status_call(),), facts=False).rows("services"))

        try:
            drain(look, plan.stop, CLOCK, seconds=seconds, poll_seconds=pause, tell=self.tell)
        except DrainExpired as expired:
            if options["drain_expired"] == "continue":
                return self._send(host, service_plan.stops(expired.left, graceful=False))
            now = statuses(self._send(host, (status_call(),)).rows("services"))
            self._send(host, service_plan.starts(service_plan.fallen(before, now)))
            text = f"{expired}; what was stopped was started again (drain_expired: abort)"
            raise Stop(text, finding="product.drain-expired", left=list(expired.left), changed=True) from None
        return self._send(host, (status_call(),))

    def _send(self, host: Host, calls: Sequence[Call]) -> Reply:
        reply = host.apply(LOAD, calls, check_mode=self.check_mode)
        raise_errors(reply, calls)
        return reply
