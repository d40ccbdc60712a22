# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification does on the controller; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.rollout import command_line
from ..plugin_utils.verify.run import PHASES, VerifyArrays


class ActionModule(CertificateAction):
    """Options in, findings and files out. No member is touched here."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "arrays": {"type": "dict", "default": {}},
        "products": {"type": "dict", "default": {}},
        "options": {"type": "dict", "default": {}},
        "run": {"type": "dict", "default": {}},
        "looks": {"type": "dict", "default": {}},
        "reasons": {"type": "dict", "default": {}},
        "endpoints": {"type": "dict", "default": {}},
        "front_ends": {"type": "dict", "default": {}},
        "wire": {"type": "list", "elements": "dict", "default": []},
        "directory": {"type": "path"},
        "textfile": {"type": "path"},
        "compare_with": {"type": "path"},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/verify_array.yml."""
        try:
            return VerifyArrays(options, self.tell, command_line()).run(options["phase"])
        except ValueError as error:
            raise Stop(str(error)) from None
