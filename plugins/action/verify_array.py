# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification does on the controller; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C

from ..plugin_utils.array.kept import NotBegun
from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.verify.kept import KeptVerification
from ..plugin_utils.verify.run import PHASES, VerifyArrays
from ..plugin_utils.verify.settings import VerifyRun, limited


class ActionModule(CertificateAction):
    """Options in, findings and files out. No member is touched here."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "arrays": {"type": "dict", "default": {}},
        "products": {"type": "dict", "default": {}},
        "options": {"type": "dict", "default": {}},
        "endpoints": {"type": "dict", "default": {}},
        "front_ends": {"type": "dict", "default": {}},
        "registered": {"type": "str", "default": ""},
        "vantage": {"type": "str", "default": ""},
        "directory": {"type": "path"},
        "textfile": {"type": "path"},
        "compare_with": {"type": "path"},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/verify_array.yml."""
        if task_vars.get("ansible_limit"):
            raise Stop(limited(task_vars["ansible_limit"]))
        try:
            kept = KeptVerification(Path(C.DEFAULT_LOCAL_TMP))
            result: dict[str, Any] = getattr(self, f"_{options['phase']}")(kept, options, task_vars)
            return result
        except (NotBegun, ValueError) as error:
            raise Stop(str(error)) from None

    def _begin(
        self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        del task_vars
        begun = VerifyArrays(options, self.tell).run("begin")
        run = VerifyRun.from_dict(begun["run"])
        kept.begin(run, options["endpoints"], options["front_ends"])
        return {**begun, "run": run.run}

    def _wire(self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Takes what a task registered as it is: as an argument it would pass a template."""
        run, _ports = kept.read()
        kept.looked(run, options["vantage"], task_vars.get(options["registered"]) or {})
        return {"changed": False}

    def _report(
        self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        run, ports = kept.read()
        looks = kept.looks(run)
        silent = [member for held in run.arrays.values() for member in held if member not in looks]
        reasons = {member: _said(task_vars, member, options["registered"]) for member in silent}
        more = {"run": run.to_dict(), "looks": looks, "reasons": reasons, "wire": kept.wire(run)}
        return VerifyArrays({**options, **ports, **more}, self.tell).run("report")


def _said(task_vars: Mapping[str, Any], member: str, registered: str) -> str:
    """What the task of a member that showed nothing answered, without a template: it may have failed before it began."""
    result = task_vars["hostvars"].raw_get(member).get(registered)
    return str(result.get("msg") or "") if isinstance(result, Mapping) else ""
