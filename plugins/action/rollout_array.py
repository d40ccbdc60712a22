# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided over the whole array, on the controller; the role's tasks call it. No member is touched here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import PHASES, ArrayRun
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import CertificateAction, Stop
from ansible_collections.ucops.certificates.plugins.plugin_utils.hooks import refusal
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import BUNDLE_SPEC
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.make import write_report

BUNDLE = {"type": "dict", "options": BUNDLE_SPEC}


class ActionModule(CertificateAction):
    """Options in, verdict out."""

    ARGUMENT_SPEC = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "purpose": {"type": "str", "choices": ["renew", "settle", "rollback"], "default": "renew"},
        "array": {"type": "str"},
        "arrays": {"type": "dict", "default": {}},
        "size": {"type": "int"},
        "members": {"type": "list", "elements": "str", "default": []},
        "bundles": {"type": "dict", "options": {"external": BUNDLE, "av": BUNDLE, "internal": BUNDLE}},
        "options": {"type": "dict", "default": {}},
        "hooks": {"type": "list", "elements": "path", "default": []},
        "settings": {"type": "dict", "default": {}},
        "evidence": {"type": "dict", "default": {}},
        "first": {"type": "dict", "default": {}},
        "staged": {"type": "dict", "default": {}},
        "reasons": {"type": "dict", "default": {}},
        "journals": {"type": "dict", "default": {}},
        "endpoints": {"type": "dict", "default": {}},
        "wire": {"type": "list", "elements": "dict", "default": []},
        "wire_after": {"type": "list", "elements": "dict"},
        "only": {"type": "str"},
        "touched": {"type": "list", "elements": "str", "default": []},
        "rolled": {"type": "list", "elements": "str", "default": []},
        "not_taken_back": {"type": "dict", "default": {}},
        "not_released": {"type": "list", "elements": "str", "default": []},
        "failure": {"type": "str", "default": ""},
        "gate": {"type": "dict", "default": {}},
        "proof": {"type": "dict", "default": {}},
        "unroll": {"type": "dict", "default": {}},
        "simulated": {"type": "bool", "default": False},
        "run_tags": {"type": "list", "elements": "str", "default": []},
        "directory": {"type": "path"},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Runs one phase on the controller."""
        refused_hooks = refusal(options["hooks"], os.environ, os.getppid(), os.path.isfile)
        if refused_hooks:
            raise Stop(refused_hooks)
        run = ArrayRun(options, self.check_mode or options["simulated"], self.tell)
        if options["phase"] == "report":
            return {"changed": False, "refusal": "", **write_report(run)}
        return run.run(options["phase"])
