# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""edge_info: what one Edge server has and runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, raise_errors, utc_now
from ..plugin_utils.products.edge import facts as edge_facts
from ..plugin_utils.stores.shown import host_row


class ActionModule(CertificateAction):
    """One read."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {}

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/edge_info.yml."""
        calls = edge_facts.look_calls(utc_now())
        reply = self.host(task_vars).read(("lync",), calls)
        raise_errors(reply, calls)
        facts = edge_facts.facts(edge_facts.state_of(reply, utc_now()))
        return {"changed": False, **facts, "host": host_row(reply.host)}
