"""Faults that a test orders for one member: what happens at which call.

A member's engine awaits :meth:`FaultPlan.before` and :meth:`FaultPlan.after` around every call
that it runs, so that a connection can be lost before or after the effect. What concerns a whole
HTTP request is asked for by the transport through :meth:`FaultPlan.on_request`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["read", "write"]
ACTIONS = (
    "drop-before",
    "drop-after",
    "down-before",
    "down-after",
    "error",
    "http-401",
    "http-500",
    "quota",
    "timeout",
    "slow",
)
#: Actions that make sense without a call: they may strike a bare HTTP request too.
REQUEST_ACTIONS = frozenset({"http-401", "http-500", "quota", "timeout", "slow"})


class DropConnection(Exception):
    """The TCP connection is closed at once; the client gets no HTTP reply."""


class HttpError(Exception):
    """The request is answered with this HTTP status and no body."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class QuotaError(Exception):
    """The request is answered with the WSMan operation quota fault 0x803381A6."""


class InjectedError(Exception):
    """A call fails; the engine answers it as an error of that call."""

    def __init__(self, message: str, fqid: str = "lab.InjectedError") -> None:
        super().__init__(message)
        self.message = message
        self.fqid = fqid


@dataclass(eq=False)
class Rule:
    """One ordered fault. ``nth`` counts matching calls (or requests) from the moment of the order, first = 1."""

    do: str
    call: str | None = None
    phase: Kind | None = None
    nth: int = 1
    seconds: float = 0.0
    message: str = "the lab was told to fail this call"
    fqid: str = "lab.InjectedError"
    seen: int = 0
    used: bool = False

    def matches(self, call: str, kind: Kind) -> bool:
        """Whether this rule is about that call at all (whatever its number)."""
        return not self.used and self.call in (None, call) and self.phase in (None, kind)

    @property
    def per_request(self) -> bool:
        """True for a fault of a bare HTTP request: no call and no phase named."""
        return self.do in REQUEST_ACTIONS and self.call is None and self.phase is None

    def count(self) -> bool:
        """Count one match; True exactly when it is the ordered one."""
        self.seen += 1
        self.used = self.seen == self.nth
        return self.used


class FaultPlan:
    """The faults ordered for one member.

    ``unreachable`` is set by the transport: called when a ``down-*`` fault strikes, it closes the
    member's WinRM listeners and connections until the control makes it reachable again.
    ``hang_reply_after`` (seconds, from an ordered ``timeout``): how soon a Receive without output is
    told that it timed out, when the client's own OperationTimeout is too long to wait for.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.struck: list[str] = []
        self.unreachable: Callable[[], None] = lambda: None
        self._pending_after: dict[asyncio.Task[object] | None, list[Rule]] = {}
        self._hung: asyncio.Event | None = None
        self.hang_reply_after: float | None = None

    def add(self, body: dict[str, Any]) -> None:
        """Order a fault, from the body of ``POST /members/M/fault``. Raises ValueError on what it does not know."""
        known = {"do", "call", "phase", "nth", "seconds", "message", "fqid"}
        if unknown := sorted(set(body) - known):
            raise ValueError(f"expected the keys {', '.join(sorted(known))} in a fault, found {', '.join(unknown)}")
        if body.get("do") == "clear":
            self.clear()
            return
        if body.get("do") not in ACTIONS:
            raise ValueError(f"expected do to be one of {', '.join((*ACTIONS, 'clear'))}, found {body.get('do')!r}")
        if body.get("phase") not in (None, "read", "write"):
            raise ValueError(f"expected phase to be read, write or null, found {body['phase']!r}")
        rule = Rule(**body)
        self.rules.append(rule)
        if rule.do == "timeout" and rule.seconds:
            self.hang_reply_after = rule.seconds

    def clear(self) -> None:
        """Forget every order and let hanging calls go on."""
        self.rules.clear()
        self._pending_after.clear()
        self.hang_reply_after = None
        if self._hung is not None:
            self._hung.set()
            self._hung = None

    def describe(self) -> dict[str, Any]:
        """What is ordered and what has struck, for ``/state``."""
        waiting = [
            {"do": r.do, "call": r.call, "phase": r.phase, "nth": r.nth - r.seen} for r in self.rules if not r.used
        ]
        return {"waiting": waiting, "struck": list(self.struck)}

    async def before(self, call: str, kind: Kind) -> None:
        """To be awaited by the engine before a call takes effect.

        Raises DropConnection, HttpError, QuotaError (let them pass to the transport) or
        InjectedError (answer it as that call's error).
        """
        # every rule counts every call, whatever another rule does to it
        due = [r for r in self.rules if not r.per_request and r.matches(call, kind) and r.count()]
        # kept by task: several commands may be under way on one member
        self._pending_after.pop(asyncio.current_task(), None)
        if later := [r for r in due if r.do.endswith("-after")]:
            self._pending_after[asyncio.current_task()] = later
        for rule in due:
            if rule not in later:
                await self._strike(rule, call)

    async def after(self, call: str, kind: Kind) -> None:
        """To be awaited by the engine after a call took effect. Raises DropConnection."""
        for rule in self._pending_after.pop(asyncio.current_task(), []):
            await self._strike(rule, call)

    async def on_request(self, action: str) -> None:
        """To be awaited by the transport for every SOAP request; ``quota`` strikes Command requests only."""
        only = {"quota": "Command", "timeout": "Receive"}
        rules = [r for r in self.rules if r.per_request and not r.used and only.get(r.do, action) == action]
        for rule in [r for r in rules if r.count()]:
            await self._strike(rule, action)

    async def _strike(self, rule: Rule, where: str) -> None:
        self.struck.append(f"{rule.do} {where}")
        if rule.do.startswith("down-"):
            self.unreachable()
        if rule.do.startswith(("drop-", "down-")):
            raise DropConnection(where)
        if rule.do == "error":
            raise InjectedError(rule.message, rule.fqid)
        if rule.do.startswith("http-"):
            raise HttpError(int(rule.do.removeprefix("http-")))
        if rule.do == "quota":
            raise QuotaError(where)
        if rule.do == "slow":
            await asyncio.sleep(rule.seconds)
        if rule.do == "timeout":
            self._hung = self._hung or asyncio.Event()
            await self._hung.wait()
