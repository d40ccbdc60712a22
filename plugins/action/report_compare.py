# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""report_compare: what is different between two reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.report.compare import changes_between, markdown
from ..plugin_utils.verify.files import read_report


class ActionModule(CertificateAction):
    """Reads two files on the controller."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "before": {"type": "path", "required": True},
        "after": {"type": "path", "required": True},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/report_compare.yml."""
        before, after = read_report(options["before"]), read_report(options["after"])
        if before.array != after.array:
            raise Stop(f"these are reports of two arrays, {before.array} and {after.array}; expected two of one array")
        comparison = changes_between(before, after)
        return {"changed": False, "same": comparison.same, **comparison.to_dict(), "markdown": markdown(comparison)}
