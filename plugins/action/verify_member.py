# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member's part of a verification; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C

from ..plugin_utils.array.kept import NotBegun
from ..plugin_utils.base import CertificateAction, Stop, utc_now
from ..plugin_utils.member.stop import PhaseFailed
from ..plugin_utils.products import PRODUCTS
from ..plugin_utils.verify.kept import KeptVerification
from ..plugin_utils.verify.read import Asked, look_at
from ..plugin_utils.verify.settings import limited
from ..plugin_utils.windows.host import HostLost


class ActionModule(CertificateAction):
    """Reads; nothing is written on a member. What it showed goes to the run."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "member": {"type": "str", "required": True},
        "shell": {"type": "str", "choices": [s for p in PRODUCTS.values() for s in p.shells], "default": "auto"},
    }
    _requires_connection = True

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/verify_member.yml."""
        if task_vars.get("ansible_limit"):
            raise Stop(limited(task_vars["ansible_limit"]))
        kept, member = KeptVerification(Path(C.DEFAULT_LOCAL_TMP)), options["member"]
        try:
            run, _ports = kept.read()
        except (NotBegun, ValueError) as error:
            raise Stop(str(error)) from None
        name = run.product_of(member)
        if not name:
            return {"changed": False, "skipped": True, "msg": _why_not(run.excluded.get(member, ""), run.wire_only)}
        asked = Asked(member, utc_now(), run.event_hours, run.limits, run.exportable)
        product = PRODUCTS[name]
        try:
            look = look_at(self.host(task_vars), product, product.own({"shell": options["shell"]}), asked)
        except (ValueError, PhaseFailed) as error:
            raise Stop(str(error), member=member) from None
        except HostLost as error:  # a failed task: Ansible's "unreachable" would enter no rescue
            raise Stop(str(error), member=member, lost=True) from None
        kept.saw(run, look)
        return {"changed": False, "member": member}


def _why_not(excluded: str, wire_only: bool) -> str:
    """Why a member is not asked."""
    if excluded:
        return f"left out: {excluded}"
    return "verify_wire_only: members are not asked" if wire_only else "it is in none of the arrays that are verified"
