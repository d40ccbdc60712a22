# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification does on the controller; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure

from ..modules.tls_endpoint_info import read_endpoints
from ..plugin_utils.array.kept import NotBegun
from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.rollout import command_line
from ..plugin_utils.text import harmless
from ..plugin_utils.verify.kept import KeptVerification
from ..plugin_utils.verify.run import PHASES, VerifyArrays
from ..plugin_utils.verify.settings import VerifyRun, limited


class ActionModule(CertificateAction):
    """Options in, findings and files out. Of members only their ports are touched here."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "arrays": {"type": "dict", "default": {}},
        "products": {"type": "dict", "default": {}},
        "options": {"type": "dict", "default": {}},
        "endpoints": {"type": "dict", "default": {}},
        "front_ends": {"type": "dict", "default": {}},
        "registered": {"type": "str", "default": ""},
        "vantage": {"type": "str", "default": ""},
        "timeout": {"type": "float", "default": 10},
        "workers": {"type": "int", "default": 64},
        "message": {"type": "str", "default": "it did not answer"},
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
        kept.begin(run, options["endpoints"], options["front_ends"], begun["to_read"])
        return {"changed": False, "run": run.run, "ports": len(begun["to_read"])}

    def _look(self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """From the vantage host that the task is delegated to. As in tls_endpoint_info, without a detour from here."""
        run, given = kept.read()
        if self._connection.transport == "local":
            asked = {"endpoints": given["to_read"], **{name: options[name] for name in ("timeout", "workers")}}
            rows = harmless(read_endpoints(asked))
        else:
            rows = self._from_afar(given["to_read"], options, task_vars)
        kept.looked(run, options["vantage"], {"endpoints": rows})
        return {"changed": False, "ports": len(rows), "answered": sum(bool(row["ok"]) for row in rows)}

    def _from_afar(
        self, ports: Sequence[Mapping[str, Any]], options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """Through the module. Raises Stop, too, where the host is lost: "unreachable" would enter no rescue."""
        asked = [{name: value for name, value in port.items() if value is not None} for port in ports]
        arguments = {"endpoints": asked, "timeout": options["timeout"], "workers": options["workers"]}
        try:
            came = self._execute_module("ucops.certificates.tls_endpoint_info", arguments, task_vars=dict(task_vars))
        except AnsibleConnectionFailure as error:
            raise Stop(str(error), lost=True) from None
        rows: list[Mapping[str, Any]] | None = harmless(came).get("endpoints")
        if rows is None:
            raise Stop(str(came.get("msg") or came.get("module_stderr") or "it did not answer"))
        return rows

    def _lost(self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        run, _given = kept.read()
        kept.looked(run, options["vantage"], {"msg": options["message"]})
        return {"changed": False, "msg": "it is told as a finding; what the other vantage hosts saw still counts"}

    def _report(
        self, kept: KeptVerification, options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        run, given = kept.read()
        looks = kept.looks(run)
        silent = [member for held in run.arrays.values() for member in held if member not in looks]
        reasons = {member: _said(task_vars, member, options["registered"]) for member in silent}
        more = {"run": run.to_dict(), "looks": looks, "reasons": reasons, "wire": kept.wire(run)}
        return VerifyArrays({**options, **given, **more}, self.tell, command_line()).run("report")


def _said(task_vars: Mapping[str, Any], member: str, registered: str) -> str:
    """What the task of a member that showed nothing answered, as it is: it may have failed before it began."""
    result = task_vars["hostvars"].raw_get(member).get(registered)
    return str(result.get("msg") or "") if isinstance(result, Mapping) else ""
