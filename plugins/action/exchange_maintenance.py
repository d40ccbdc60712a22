# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exchange_maintenance: one Exchange server out of service, and back to what it was."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..plugin_utils.base import Stop, Unconfirmed, diff_of, utc_now
from ..plugin_utils.member.drain import Clock
from ..plugin_utils.products.exchange import condition
from ..plugin_utils.products.exchange import maintenance as plans
from ..plugin_utils.products.exchange.action import SHELL_SPEC, ExchangeAction
from ..plugin_utils.products.exchange.rows import SHELLS
from ..plugin_utils.products.exchange.state import Server
from ..plugin_utils.stores.store import Change
from ..plugin_utils.windows.calls import Call, Reply

CLOCK = Clock(utc_now, time.monotonic, time.sleep)


class ActionModule(ExchangeAction):
    """Reads, writes down what was, drains, waits, goes offline; or puts back what was written down."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["maintenance", "active"], "required": True},
        "redirect_to": {"type": "list", "elements": "str", "default": []},
        "databases": {"type": "str", "choices": ["move", "leave"], "default": "move"},
        "offline": {"type": "bool", "default": True},
        "drain_seconds": {"type": "int", "default": 900},
        "drain_poll_seconds": {"type": "float", "default": 10.0},
        "drain_expired": {"type": "str", "choices": ["abort", "continue"], "default": "abort"},
        "shell": SHELL_SPEC,
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/exchange_maintenance.yml."""
        host = self.host(task_vars)
        server, _keyed = self.server(host)
        if server.edge:
            text = "is an Edge Transport server: it has no databases, and senders choose another one by themselves"
            raise Stop(f"{server.computer} {text}. Take it out of the balancer or stop its transport service instead")
        self._host, self._server, self._options = host, server, options
        self._load = (SHELLS[options["shell"]],)
        seen = self._look()
        if options["state"] == "active":
            return self._leave(seen)
        return self._enter(seen)

    def _look(self) -> condition.Condition:
        """All that there is to know now."""
        server: Server = self._server
        # A server is no target of its own, whatever it is called.
        targets = [name for name in self._options["redirect_to"] if condition.server_name(name) != server.computer]
        asked = condition.read_calls(server, targets)
        reply = self._host.read(self._load, asked)
        self.answered(reply, asked)
        try:
            seen = condition.see(server, reply, targets)
        except ValueError as error:
            raise Stop(f"{server.computer}: {error}") from None
        if not seen.mounted:
            return seen
        return condition.with_others(seen, self._host.read(self._load, condition.copy_calls(seen.mounted), facts=False))

    def _enter(self, seen: condition.Condition) -> dict[str, Any]:
        """Into maintenance. Whatever stops half-way is put back, but a lost connection, which cannot be."""
        move = self._options["databases"] == "move"
        refused = plans.refusals(seen, move)
        if refused:
            raise Stop(f"{self._server.computer} stays in service: {'; '.join(refused)}")
        drained = plans.entering(seen, move)
        last = plans.offline(seen) if self._options["offline"] else ()
        changes = (*drained, *last)
        # Without a change there may still be something to wait for: an earlier begin was cut off while it drained.
        if self.check_mode or not (changes or plans.left(seen, move)):
            return self._told(changes, seen)
        try:
            if changes:
                self._send([plans.record_call(plans.record_of(seen, changes)), *_calls(drained)])
            now, expired = self._wait(move)
            self._send(_calls(last))
            now = self._look() if last else now
            missing = [f"{name} is {now.components.get(name)}" for name in _wrong(now, changes)]
            if missing:
                raise Unconfirmed(f"the change was made without an error, but {', '.join(missing)}")
        except Stop as stop:
            raise Stop(f"{self._server.computer}: {stop}. {self._put_back()}", **stop.result) from None
        return self._told(changes, now, expired)

    def _wait(self, move: bool) -> tuple[condition.Condition, list[str]]:
        """Until nothing is left; what was left when the time was up, where that may be."""
        seconds, pause = self._options["drain_seconds"], self._options["drain_poll_seconds"]
        began = CLOCK.monotonic()
        while left := plans.left(seen := self._look(), move):
            rest = seconds - (CLOCK.monotonic() - began)
            if rest <= 0 and self._options["drain_expired"] == "continue":
                return seen, [f"went on after {seconds} s though {line}" for line in left]
            if rest <= 0:
                raise Stop(f"not drained after {seconds} s: {', '.join(left)}", left=list(left))
            self.tell(f"draining {self._server.computer}: {', '.join(left)}, {rest:.0f} s left")
            CLOCK.sleep(min(pause, rest))
        return seen, []

    def _put_back(self) -> str:
        """What became of putting back what was changed; never raises but for a lost host."""
        try:
            self._back(self._look())
        except Stop as stop:
            return (
                f"Putting it back failed, too ({stop}); run exchange_maintenance with state active once that is mended"
            )
        return "What was changed was put back, and the server is in service as before"

    def _leave(self, seen: condition.Condition) -> dict[str, Any]:
        """Back into service."""
        if seen.record is None:
            out = [
                name
                for name in (condition.OFFLINE, condition.HUB)
                if seen.components.get(name, condition.ACTIVE) != "Active"
            ]
            said = [f"{name} is {seen.components[name]}, and not by this module: it stays so" for name in out]
            return self._told((), seen, said)
        if self.check_mode:
            return self._told((*plans.leaving(seen), *plans.returning(seen)), seen)
        changes, now = self._back(seen)
        return self._told(
            changes, now, [f"{name} was mounted here before, and is not" for name in plans.elsewhere(now)]
        )

    def _back(self, seen: condition.Condition) -> tuple[tuple[Change, ...], condition.Condition]:
        """Undoes what the record holds, and removes the record when that is seen. Raises Stop."""
        changes = plans.leaving(seen)
        self._send(_calls(changes))
        now = self._look()
        still = [f"{name} is {now.components.get(name)}" for name in _wrong(now, changes)]
        if plans.leaving(now):
            text = (
                f"{', '.join(still) or 'settings of the Mailbox server are not as they were'}: somebody else asks for "
                "it, or it did not take. (Get-ServerComponentState NAME -Component COMPONENT).LocalStates names the "
                "requesters; once they say Active, run exchange_maintenance with state active again"
            )
            raise Unconfirmed(f"{self._server.computer} is not back in service: {text}", changed=True)
        moves = plans.returning(now)
        for move in moves:  # one that cannot be moved keeps no other from it, and no server out of service
            try:
                self._send(move.calls)
            except Stop as stop:
                self.tell(f"{self._server.computer}: {stop}")
        now = self._look() if moves else now
        self._send([plans.record_call(None)])
        return (*changes, *moves), now

    def _send(self, calls: Sequence[Call]) -> Reply | None:
        if not calls:
            return None
        reply = self._host.apply(self._load, list(calls), check_mode=self.check_mode)
        self.answered(reply, calls)
        return reply

    def _told(
        self, changes: Sequence[Change], seen: condition.Condition, warnings: Iterable[str] = ()
    ) -> dict[str, Any]:
        said = list(warnings)
        if self._options["state"] == "maintenance" and not self._server.version.modern:
            said.append(
                f"{self._server.version.product} has no component states: databases are moved, mail and clients still "
                "reach the server. Take it out of the load balancer"
            )
        return {
            "changed": bool(changes),
            "changes": [change.as_line() for change in changes],
            "components": {
                n: s for n, s in seen.components.items() if n in (condition.OFFLINE, condition.HUB, condition.ROUTER)
            },
            "messages": seen.waiting,
            "databases": list(seen.mounted),
            "warnings": said,
            "diff": diff_of(self._server.computer, changes),
        }


def _calls(changes: Iterable[Change]) -> list[Call]:
    return [call for change in changes for call in change.calls]


def _wrong(seen: condition.Condition, changes: Iterable[Change]) -> list[str]:
    """Components that do not show what a change asked for. One that drains is Inactive once the server is offline."""
    wanted = {change.subject: change.after for change in changes if change.kind == "component"}
    return [n for n, state in wanted.items() if seen.components.get(n) not in (state, *_also(state))]


def _also(state: str) -> tuple[str, ...]:
    return (plans.INACTIVE,) if state == plans.DRAINING else ()
