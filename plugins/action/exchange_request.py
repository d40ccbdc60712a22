# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_request: a certificate request that is made on an Exchange server, and the vendor's answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import Stop, Unconfirmed, diff_of, raise_errors
from ..plugin_utils.inputs import read_file
from ..plugin_utils.pki import request
from ..plugin_utils.pki.bundle import read_certificates
from ..plugin_utils.pki.certificate import Certificate
from ..plugin_utils.pki.dn import key as name_key
from ..plugin_utils.products.exchange import request as plans
from ..plugin_utils.products.exchange.action import SHELL_SPEC, ExchangeAction
from ..plugin_utils.products.exchange.rows import SHELLS
from ..plugin_utils.products.exchange.state import STAGE, Server
from ..plugin_utils.stores.store import Change, DesiredStores, Stores, plan_stores, stores_from_rows
from ..plugin_utils.windows.calls import Call
from ..plugin_utils.windows.host import Host

LONGEST_NAME = 63
"""Characters of a friendly name (Microsoft, New-ExchangeCertificate: fewer than 64)."""


class ActionModule(ExchangeAction):
    """Finds a pending request again, makes a missing one, and lets an answer meet its key."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "names": {"type": "list", "elements": "str"},
        **{field: {"type": "str"} for field in request.FIELDS},
        "key_size": {"type": "int", "choices": [2048, 4096], "default": 2048},
        "exportable": {"type": "bool", "default": True},
        "friendly_name": {"type": "str", "default": "ucops.certificates"},
        "answer": {"type": "path"},
        "shell": SHELL_SPEC,
    }
    REQUIREMENTS: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("names", "answer")],
        "required_one_of": [("names", "answer")],
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/exchange_request.yml."""
        if len(options["friendly_name"]) > LONGEST_NAME:
            raise Stop(f"friendly_name: expected fewer than 64 characters, found {len(options['friendly_name'])}")
        if options["answer"]:
            data = read_file(options["answer"], "answer:")
            certificates = read_certificates(options["answer"], data)
            return self._import(options, certificates, self.host(task_vars))
        try:
            wanted = request.wish(options["names"], {field: options[field] for field in request.FIELDS})
        except ValueError as error:
            raise Stop(str(error)) from None
        return self._request(options, wanted, self.host(task_vars))

    def _request(self, options: Mapping[str, Any], wanted: request.Wish, host: Host) -> dict[str, Any]:
        server, pending, _stores = self._look(options, host)
        bits = options["key_size"]
        found = plans.fitting(wanted, bits, pending)
        changes: list[Change] = []
        if found is None:
            call = plans.new_call(wanted, bits, options["exportable"], options["friendly_name"], server)
            names = ", ".join(wanted.names)
            changes = [Change("request", "request", "", f"{request.written(wanted.subject)}: {names}", (call,))]
            if not self.check_mode:
                reply = host.apply((SHELLS[options["shell"]],), [call], check_mode=False)
                self.answered(reply, [call])
                server, pending, _stores = self._look(options, host)
                found = plans.fitting(wanted, bits, pending)
                if found is None:
                    text = (
                        f"The request was made on {server.computer} without an error, but none that waits there has "
                        f"these names in this order and this subject: {plans.waiting(pending)}"
                    )
                    raise Unconfirmed(text, changed=True)
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "csr": request.pem_of(found.der) if found is not None else None,
            "request": plans.row_of(found) if found is not None else None,
            "pending": [plans.row_of(one) for one in pending],
            "staged": None,
            "exportable": None,
            "diff": diff_of(server.computer, changes),
        }

    def _import(self, options: Mapping[str, Any], delivered: tuple[Certificate, ...], host: Host) -> dict[str, Any]:
        server, pending, stores = self._look(options, host)
        leaf = self._leaf(delivered, pending, stores, options["answer"], server)
        issuers = tuple(c for c in delivered if c.is_ca and not c.self_issued)
        changes = list(plan_stores(DesiredStores(intermediates=issuers), stores))
        there = self._placed(leaf, stores)
        if there is None:
            waiting = plans.answered_by(leaf, pending)
            if waiting is None:
                text = plans.foreign(leaf, pending, server.computer)
                raise Stop(text, finding="exchange.answer-foreign")
            changes.append(plans.import_change(leaf, waiting, options["friendly_name"], server))
        calls = [call for change in changes for call in change.calls]
        if calls and not self.check_mode:
            reply = host.apply((SHELLS[options["shell"]],), calls, check_mode=False)
            self.answered(reply, calls)
            server, pending, stores = self._look(options, host)
            there = self._placed(leaf, stores)
            if there is None:
                text = f"The answer was imported without an error, but it is not in LocalMachine\\{STAGE} with its key"
                raise Unconfirmed(f"{text} on {server.computer}", changed=True)
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "csr": None,
            "request": None,
            "pending": [plans.row_of(one) for one in pending],
            "staged": leaf.thumbprint if there is not None else None,
            "exportable": self._exportable(leaf, there, stores),
            "diff": diff_of(server.computer, changes),
        }

    def _look(self, options: Mapping[str, Any], host: Host) -> tuple[Server, tuple[plans.Pending, ...], Stores]:
        """Who the server is, the requests that wait there, and what its stores hold."""
        server, _keyed = self.server(host)
        asked = (
            Call("stores", "Get-StoreCertificate", {"Stores": ["My", "CA"], "Users": False}),
            Call("staged", "Get-StoreCertificate", {"Stores": [STAGE], "Users": False}, optional=True),
            plans.store_call(),
        )
        reply = host.read((), asked)
        raise_errors(reply, asked)
        waiting = plans.pending_thumbprints(reply)
        pending: tuple[plans.Pending, ...] = ()
        if waiting:
            exports = plans.export_calls(server, waiting)
            exported = host.read((SHELLS[options["shell"]],), exports)
            self.answered(exported, exports)
            pending = plans.pending_from(exported, waiting)
        return server, pending, stores_from_rows((*reply.rows("stores"), *reply.rows("staged")))

    @staticmethod
    def _placed(leaf: Certificate, stores: Stores) -> str | None:
        """The store in which the certificate lies with a key; None where it does not."""
        for store in (STAGE, "My"):
            entry = stores.find(store, leaf.sha256)
            if entry is not None and entry.key is not None:
                return store
        return None

    @staticmethod
    def _exportable(leaf: Certificate, store: str | None, stores: Stores) -> bool | None:
        """Whether the key that lies in the store may be exported; None where there is none, or it does not say."""
        entry = stores.find(store, leaf.sha256) if store is not None else None
        return entry.key.exportable if entry is not None and entry.key is not None else None

    @staticmethod
    def _leaf(
        delivered: tuple[Certificate, ...],
        pending: tuple[plans.Pending, ...],
        stores: Stores,
        source: str,
        server: Server,
    ) -> Certificate:
        """The certificate of the delivery that is an answer. Raises Stop where there is none or more than one."""
        for certificate in delivered:
            if plans.answered_by(certificate, pending) is not None:
                return certificate
        issuers = {name_key(c.issuer_raw) for c in delivered if not c.self_issued}
        leaves = [c for c in delivered if not c.is_ca and name_key(c.subject_raw) not in issuers]
        if len(leaves) != 1:
            held = ", ".join(c.subject for c in leaves) or "only certificates of CAs"
            text = f"answer: {source}: expected one server certificate, found {held}"
            raise Stop(f"{text}; none of them answers a request that waits on {server.computer}")
        return leaves[0]
