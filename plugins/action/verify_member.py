# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member's part of a verification; the role's tasks call it. See the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, utc_now
from ..plugin_utils.member.stop import PhaseFailed
from ..plugin_utils.products import PRODUCTS
from ..plugin_utils.verify.read import Asked, look_at
from ..plugin_utils.verify.settings import VerifyRun


class ActionModule(CertificateAction):
    """Reads; nothing is written."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "member": {"type": "str", "required": True},
        "product": {"type": "str", "choices": list(PRODUCTS), "required": True},
        "run": {"type": "dict", "required": True},
        "shell": {"type": "str", "choices": [s for p in PRODUCTS.values() for s in p.shells], "default": "auto"},
    }
    _requires_connection = True

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/verify_member.yml."""
        try:
            run = VerifyRun.from_dict(options["run"])
        except ValueError as error:
            raise Stop(str(error)) from None
        asked = Asked(options["member"], utc_now(), run.event_hours, run.limits, run.exportable)
        product = PRODUCTS[options["product"]]
        try:
            look = look_at(self.host(task_vars), product, product.own({"shell": options["shell"]}), asked)
        except ValueError as error:
            raise Stop(str(error)) from None
        except PhaseFailed as failed:
            raise Stop(str(failed), member=asked.member) from None
        return {"changed": False, "member": asked.member, "look": look.to_dict()}
