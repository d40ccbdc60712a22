# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member's part of a request; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure

from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.products import PRODUCTS, rolled
from ..plugin_utils.request import names, plan


class ActionModule(CertificateAction):
    """Asks the member through the modules that anybody may use, and keeps what a request is about."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "member": {"type": "str", "required": True},
        "compared": {"type": "bool", "default": True},
        "server": {"type": "str", "default": ""},
        "shell": {"type": "str", "choices": [s for p in PRODUCTS.values() for s in p.shells], "default": "auto"},
    }
    _requires_connection = True

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/request_member.yml."""
        begun = task_vars["hostvars"].raw_get("localhost").get("__request_preflight")
        order = (begun if isinstance(begun, Mapping) else {}).get("order")
        limit, member = task_vars.get("ansible_limit"), options["member"]
        if limit:
            raise Stop(
                f"--limit {limit} leaves out members of the array or the controller, so names that they are reached by "
                "would be missing. Leave out --limit; a dead member is left out by name and reason with "
                "request_excluded."
            )
        if not order:
            raise Stop("There is no preflight in this run. Start the playbook from its beginning.")
        what = plan.asked_of(order, member, options["compared"], options["server"])
        try:
            if what == "answer":
                given = {"answer": order["answer"], "shell": options["shell"]}
                said = self._through(f"{order['product']}_request", given, task_vars, check=True)
                return {"changed": False, "member": member, "fit": plan.fit(said)}
            if what == "look":
                shells = {"shell": options["shell"]} if rolled(order["product"]).shells else {}
                info = self._through(f"{order['product']}_info", shells, task_vars, check=self.check_mode)
                if info.get("failed"):
                    raise Stop(str(info.get("msg") or "no message"), member=member)
                return {"changed": False, "member": member, "look": names.look_of(info)}
        except AnsibleConnectionFailure as error:  # a failed task: Ansible's "unreachable" would enter no rescue
            raise Stop(str(error), member=member, lost=True) from None
        return {"changed": False, "skipped": True, "msg": "it is not asked: left out, or its names are not compared"}

    def _through(self, module: str, arguments: dict[str, Any], task_vars: Mapping[str, Any], check: bool) -> Any:
        """The result of another action of this collection over the same connection."""
        task = self._task.copy()
        task.args, task.check_mode = arguments, check
        action = self._shared_loader_obj.action_loader.get(
            f"ucops.certificates.{module}",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return action.run(task_vars=task_vars)
