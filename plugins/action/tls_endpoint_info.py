# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes from the controller itself without a detour; from a vantage host through the module of the same name.

On the controller nothing of the inventory matters then: ``ansible_shell_type: powershell`` in group_vars/all, which
is common where all hosts are Windows, would otherwise break every task on localhost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.ucops.certificates.plugins.modules.tls_endpoint_info import ARGUMENT_SPEC, read_endpoints
from ansible_collections.ucops.certificates.plugins.plugin_utils.text import harmless


class ActionModule(ActionBase):
    """Options in, presented chains out."""

    ARGUMENT_SPEC = ARGUMENT_SPEC
    REQUIREMENTS: dict[str, Any] = {}
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        if self._connection.transport == "local":
            result.update(changed=False, endpoints=read_endpoints(options))
            return dict(harmless(result))
        result.update(self._execute_module(module_args=dict(self._task.args), task_vars=task_vars))
        return dict(harmless(result))
