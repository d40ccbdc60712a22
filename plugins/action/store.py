# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""store: certificates and bundles in the machine stores of a host."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop, diff_of
from ..plugin_utils.inputs import BUNDLE_SPEC, load_delivery, read_file
from ..plugin_utils.pki.pfx import rewrap_pfx
from ..plugin_utils.stores import placement
from ..plugin_utils.stores.store import Change, read_calls, stores_from_rows
from ..plugin_utils.windows.calls import Reply


class ActionModule(CertificateAction):
    """Reads what is wanted on the controller, then brings the host there."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "bundle": {"type": "dict", "options": {k: v for k, v in BUNDLE_SPEC.items() if k != "trust"}},
        "certificates": {"type": "list", "elements": "str"},
        "thumbprint": {"type": "list", "elements": "str"},
        "store": {"type": "str"},
        "install_root": {"type": "bool", "default": False},
        "delete_key": {"type": "bool", "default": False},
    }
    REQUIREMENTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("bundle", "certificates", "thumbprint")],
        "required_if": [("state", "present", ("bundle", "certificates"), True), ("state", "absent", ("thumbprint",))],
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/store.yml."""
        bundle = load_delivery("bundle", options["bundle"], "").bundle if options["bundle"] else None
        try:  # before anything is sent: bad input touches no host
            certificates = placement.certificates(self._sources(options["certificates"] or []))
            wish = placement.store_order(options, bundle, certificates)
        except ValueError as error:
            raise Stop(str(error)) from None
        if wish.refusals():
            raise Stop("; ".join(f"{p.subject}: {p.text}" for p in wish.refusals()), finding=wish.refusals()[0].id)
        host = self.host(task_vars)

        def plan(reply: Reply) -> tuple[Change, ...]:
            stores = stores_from_rows(reply.rows("stores"))
            changes = wish.plan(stores)
            if bundle is not None and any(change.kind == "import-key" for change in changes):
                reason = host.key_finding()
                if reason:
                    raise Stop(f"No private key is sent over this connection. {reason}", finding="transport.insecure")
                if not self.check_mode:
                    password = secrets.token_urlsafe(32)
                    pfx = rewrap_pfx(bundle, password.encode("ascii"), options["bundle"]["friendly_name"])
                    changes = wish.plan(stores, {bundle.leaf.sha256: (pfx, password)})
            return changes

        changes, reply = self.converge(host, (), read_calls(stores=wish.stores, users=False), plan)
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "thumbprints": list(wish.thumbprints),
            "warnings": list(placement.differences(wish, stores_from_rows(reply.rows("stores")))),
            "diff": diff_of(reply.host.computer, changes),
        }

    @staticmethod
    def _sources(given: Sequence[str]) -> list[tuple[str, bytes]]:
        """Entries are PEM text or names of files on the controller."""
        files = [None if "-----BEGIN" in text else os.path.expanduser(text) for text in given]
        return [
            (file, read_file(file, "certificate")) if file else (f"certificates, entry {number}", text.encode("utf-8"))
            for number, (file, text) in enumerate(zip(files, given, strict=True), 1)
        ]
