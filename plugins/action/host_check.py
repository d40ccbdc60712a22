# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_check: a first, read-only look at a host, as text for an issue and as data."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar

from ansible.release import __version__ as ansible_version

from ..plugin_utils.base import CertificateAction, utc_now
from ..plugin_utils.member import hostcheck
from ..plugin_utils.products import PRODUCTS
from ..plugin_utils.stores.shown import host_row
from ..plugin_utils.stores.store import read_calls
from ..plugin_utils.version import VERSION
from ..plugin_utils.windows.calls import Call, OutcomeUnknown, Reply
from ..plugin_utils.windows.host import Host, HostLost
from ..plugin_utils.windows.transport import transport_finding, transport_options

SAMPLED = [product.name for product in PRODUCTS.values() if product.first_look(utc_now())]
"""Products of which a first look reads a sample."""


class ActionModule(CertificateAction):
    """One command without the product's module, one with it."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "product": {"type": "str", "choices": [*SAMPLED, "none"], "default": SAMPLED[0]},
        "show": {"type": "bool", "default": False},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/host_check.yml."""
        way = transport_options(self._connection)
        loaded, more = None, None
        if self.to_windows:
            host = self.host(task_vars)
            finding = host.key_finding()
            first, reply = self._look(host, (), read_calls(stores=("My",), users=False))
        else:
            finding = transport_finding(way)
            nobody = f"no PowerShell behind connection {self._connection.transport!r}"
            first, reply = hostcheck.Attempt(0.0, utc_now(), error=nobody), None
        transport = hostcheck.transport(way.plugin, way.scheme, way.auth, finding)
        product = PRODUCTS.get(options["product"])
        if reply is not None and product is not None:
            loaded, more = self._look(host, product.load(product.own({})), product.first_look(utc_now()))
        found = hostcheck.checks(transport, first, loaded, hostcheck.sample(reply, more, product), product)
        versions = {"ucops.certificates": VERSION, "ansible-core": ansible_version, "Python": platform.python_version()}
        text = hostcheck.without(hostcheck.text_block(found, versions), hostcheck.names(task_vars, reply))
        if options["show"]:
            self.tell(f"\n{self._task.delegate_to or task_vars.get('inventory_hostname', '')}\n{text}\n")
        result: dict[str, Any] = {
            "changed": False,
            "text": text,
            "checks": [asdict(check) for check in found],
            "ok": not any(check.status == "error" for check in found),
            "transport": asdict(transport),
            "seconds": round(first.seconds, 2),
            "host": host_row(reply.host) if reply is not None else None,
        }
        if reply is None:
            result |= {"unreachable" if first.lost else "failed": True, "msg": found[-1].text, "hint": found[-1].remedy}
        return result

    def _look(self, host: Host, load: Sequence[str], calls: Sequence[Call]) -> tuple[hostcheck.Attempt, Reply | None]:
        """One command; a broken one is an answer, too."""
        at, started = utc_now(), time.monotonic()
        reply, error, lost = None, None, False
        try:
            reply = host.read(load, calls)
        except (HostLost, OutcomeUnknown) as broken:
            error, lost = str(broken), isinstance(broken, HostLost)
        seconds = time.monotonic() - started
        return hostcheck.Attempt(seconds, at + timedelta(seconds=seconds / 2), reply and reply.host, error, lost), reply
