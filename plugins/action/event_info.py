# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""event_info: what the event log of a host says, and what of it concerns certificates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, aware, raise_errors, utc_now
from ..plugin_utils.products import PRODUCTS
from ..plugin_utils.stores import eventlog
from ..plugin_utils.stores.pattern import Pattern, PatternError, TooMuchWork
from ..plugin_utils.stores.shown import event_row, host_row, problem_row
from ..plugin_utils.stores.store import read_calls, stores_from_rows

USUAL = next(iter(PRODUCTS.values()))
EVER = datetime.min.replace(tzinfo=timezone.utc)


class ActionModule(CertificateAction):
    """One read."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "log": {"type": "str", "default": USUAL.event_log},
        "sources": {"type": "list", "elements": "str", "default": list(USUAL.event_sources)},
        "hours": {"type": "float", "default": 24.0},
        "since": {"type": "str"},
        "pattern": {"type": "str"},
        "newest": {"type": "int", "default": 200},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/event_info.yml."""
        try:
            pattern = Pattern(options["pattern"]) if options["pattern"] else None
        except PatternError as error:
            raise Stop(f"pattern: {error}") from None
        since = aware(options["since"], "since") if options["since"] else utc_now() - timedelta(hours=options["hours"])
        found = eventlog.read_call(options["log"], options["sources"], since, options["newest"])
        calls = (found, *read_calls(stores=("My",), users=False))
        reply = self.host(task_vars).read((), calls)
        raise_errors(reply, calls)
        read = eventlog.events_from_rows(reply.rows("events"))
        try:
            selected = eventlog.select(read, pattern)
        except TooMuchWork as error:
            raise Stop(
                f"pattern: {error}. {len(read)} entries were read: ask for fewer, by since, sources or newest, or "
                "write a shorter pattern"
            ) from None
        ours = [entry.certificate for entry in stores_from_rows(reply.rows("stores")).machine("My")]
        product = next((p for p in PRODUCTS.values() if p.event_log == options["log"]), USUAL)
        judged = product.logged(reply, ours, EVER)
        return {
            "changed": False,
            "events": [event_row(event) for event in selected],
            "certificate_events": [problem_row(p) for p in judged if p.id != "event.unreadable"],
            "read": len(read),
            "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "warnings": list(reply["events"].warnings),
            "host": host_row(reply.host),
        }
