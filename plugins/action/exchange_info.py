# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_info: what one Exchange server has and uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import utc_now
from ..plugin_utils.findings.finding import from_problem, in_order
from ..plugin_utils.products.exchange.action import SHELL_SPEC, ExchangeAction
from ..plugin_utils.products.exchange.check import findings
from ..plugin_utils.products.exchange.facts import facts
from ..plugin_utils.products.exchange.reach import addresses, name_calls, row_of
from ..plugin_utils.products.exchange.rows import SHELLS, calls, state_of
from ..plugin_utils.stores.shown import host_row


class ActionModule(ExchangeAction):
    """Two reads: who it is, then what its version can be asked."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {"shell": SHELL_SPEC}

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/exchange_info.yml."""
        host = self.host(task_vars)
        server, keyed = self.server(host)
        asked = (*calls(server, keyed, connectors=True), *name_calls(server))
        reply = host.read((SHELLS[options["shell"]],), asked)
        self.answered(reply, asked)
        state = state_of(reply, utc_now(), server)
        found = in_order(from_problem(problem, reply.host.computer) for problem in findings(state))
        return {
            "changed": False,
            **facts(state),
            "reached_by": [row_of(address) for address in addresses(reply, state.server)],
            "findings": [finding.to_dict() for finding in found],
            "host": host_row(reply.host),
        }
