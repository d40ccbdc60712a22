# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_connectors: which certificate Send and Receive connectors name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import Stop, Unconfirmed, diff_of
from ..plugin_utils.findings.finding import from_problem, in_order
from ..plugin_utils.findings.problem import Problem
from ..plugin_utils.pki.certificate import Certificate
from ..plugin_utils.products.exchange import connectors as plans
from ..plugin_utils.products.exchange.action import SHELL_SPEC, ExchangeAction
from ..plugin_utils.products.exchange.names import same_name
from ..plugin_utils.products.exchange.rows import SHELLS, connector_calls, connectors_of
from ..plugin_utils.products.exchange.state import Connector, Server
from ..plugin_utils.stores.store import stores_from_rows
from ..plugin_utils.windows.calls import Call
from ..plugin_utils.windows.host import Host


class ActionModule(ExchangeAction):
    """Asks every server of a connector before it is renamed; refuses what is not this server's."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "thumbprint": {"type": "str", "required": True},
        "replaces": {"type": "str"},
        "receive": {"type": "list", "elements": "str", "default": []},
        "send": {"type": "list", "elements": "str", "default": []},
        "shell": SHELL_SPEC,
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/exchange_connectors.yml."""
        try:
            order = plans.connector_order(options)
        except ValueError as error:
            raise Stop(str(error)) from None
        host = self.host(task_vars)
        server, _keyed = self.server(host)
        if not server.version.modern:
            text = f"{server.version.product} has no TlsCertificateName; its connectors choose by their FQDN"
            raise Stop(text)
        load = (SHELLS[options["shell"]],)
        connectors, new, old = self._look(order, server, host, load)
        self._refuse(plans.foreign(order, connectors, server), server)
        wanted = plans.wanted_of(order, connectors, old)
        choice = self._choice(order, wanted, new, server, host, load)
        # What was asked for by name is done or refused; what only has the old name may be held back.
        named = {connector.subject for connector, by_name in wanted if by_name}
        self._refuse([problem for problem in choice.held_back if problem.subject in named], server)
        changes = plans.changes_of(choice, server)
        calls = [call for change in changes for call in change.calls]
        if calls and not self.check_mode:
            asked = connector_calls(server)[:2]
            after = host.apply(load, [*calls, *asked], check_mode=False)
            self.answered(after, [*calls, *asked])
            connectors = connectors_of(after)
            self._confirm(choice, connectors, server)
        touched = {connector.subject for connector, _by_name in wanted}
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "connectors": [plans.row_of(c, server) for c in connectors if c.subject in touched],
            "held_back": [{"connector": p.subject, "reason": p.text} for p in choice.held_back],
            "restart": plans.restarts(choice, server),
            "warnings": [f"{problem.subject} {problem.text}" for problem in choice.held_back],
            "diff": diff_of(server.computer, changes),
        }

    def _look(
        self, order: plans.ConnectorOrder, server: Server, host: Host, load: tuple[str, ...]
    ) -> tuple[tuple[Connector, ...], Certificate, Certificate | None]:
        """Connectors, and the certificates that are spoken of. Raises Stop for one that is not in My."""
        stores = Call("stores", "Get-StoreCertificate", {"Stores": ["My"], "Users": False})
        asked = (stores, *connector_calls(server)[:2])
        reply = host.read(load, asked)
        self.answered(reply, asked)
        for name in ("receive", "send"):
            error = reply.answers[name].error
            if error is not None:
                raise Stop(f"The {name} connectors cannot be read on {server.computer}: {error.message}")
        held = stores_from_rows(reply.rows("stores"))
        found = {
            name: plans.certificate_of(wanted, held)
            for name, wanted in (("thumbprint", order.thumbprint), ("replaces", order.replaces))
            if wanted
        }
        for name, certificate in found.items():
            if certificate is None:
                said = order.thumbprint if name == "thumbprint" else order.replaces
                text = f"{name}: {said} is not in LocalMachine\\My on {server.computer}, where connectors look"
                more = "" if name == "thumbprint" else "; name the connectors instead (receive, send)"
                raise Stop(text + more, finding="store.leaf-missing")
        here = {name: certificate for name, certificate in found.items() if certificate is not None}
        return connectors_of(reply), here["thumbprint"], here.get("replaces")

    def _choice(
        self,
        order: plans.ConnectorOrder,
        wanted: tuple[tuple[Connector, bool], ...],
        new: Certificate,
        server: Server,
        host: Host,
        load: tuple[str, ...],
    ) -> plans.Choice:
        """Asks the servers of all connectors that would change, in one command."""
        first = plans.choose(wanted, new, {}, server)
        computers = dict.fromkeys(name for r in first.renames for name in plans.servers_of(r.connector, server))
        if not computers:
            return first
        asked = (*plans.holder_calls(computers, order.thumbprint), *plans.own_calls(order.thumbprint))
        reply = host.read(load, asked)
        self.answered(reply, asked)
        names = (server.computer, server.computer.upper())
        keys = dict.fromkeys(names, plans.own_key(reply, order.thumbprint))
        return plans.choose(wanted, new, plans.lacking(reply, computers, order.thumbprint, keys), server)

    @staticmethod
    def _refuse(problems: Iterable[Problem], server: Server) -> None:
        found = in_order(from_problem(problem, server.computer) for problem in problems)
        if found:
            text = "; ".join(f"{f.subject}: {f.text}" for f in found)
            raise Stop(f"{text}. Nothing was changed", finding=found[0].id, findings=[f.to_dict() for f in found])

    @staticmethod
    def _confirm(choice: plans.Choice, connectors: tuple[Connector, ...], server: Server) -> None:
        now = {connector.subject: connector.certificate_name for connector in connectors}
        left = [r.connector.subject for r in choice.renames if not same_name(now.get(r.connector.subject), r.name)]
        if left:
            text = f"The change was made without an error, but {server.computer} still shows another name: "
            raise Unconfirmed(text + "; ".join(left), changed=True)
