# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""store_info: what the stores of a host hold, and which chains they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, raise_errors, utc_now
from ..plugin_utils.stores import placement
from ..plugin_utils.stores.readiness import machine_paths, store_problems
from ..plugin_utils.stores.shown import host_row, problem_row, stored_row
from ..plugin_utils.stores.store import LOCAL_MACHINE, read_calls, stores_from_rows


class ActionModule(CertificateAction):
    """One read; a second one when keys are to be tried."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "stores": {"type": "list", "elements": "str", "default": ["My", "CA", "Root"]},
        "users": {"type": "bool", "default": True},
        "test_keys": {"type": "bool", "default": False},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/store_info.yml."""
        try:
            names = [placement.store_name(text) for text in options["stores"]]
        except ValueError as error:
            raise Stop(str(error)) from None
        host = self.host(task_vars)
        # Chains are made of CA and Root, whatever is to be shown.
        calls = read_calls(stores=tuple(dict.fromkeys((*names, "CA", "Root"))), users=options["users"])
        reply = host.read((), calls)
        raise_errors(reply, calls)
        stores = stores_from_rows(reply.rows("stores"))
        keyed = placement.keyed(stores, "My")
        if options["test_keys"] and keyed:
            more = [call for call in read_calls(thumbprints=keyed) if call.id in ("keys", "access")]
            tried = host.read((), more)
            raise_errors(tried, more)
            stores = stores_from_rows(reply.rows("stores"), tried.rows("keys"), tried.rows("access"))
        at = reply.host.clock or utc_now()
        shown = [c for c in stores.certificates if c.location != LOCAL_MACHINE or c.store in names]
        return {
            "changed": False,
            "certificates": [stored_row(c, machine_paths(c.certificate, stores, at) if c.key else ()) for c in shown],
            "problems": [problem_row(problem) for problem in store_problems(stores)],
            "host": host_row(reply.host),
        }
