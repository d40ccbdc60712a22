# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's phases, from plain options to plain results: the bridge between the role's tasks and the decisions."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from ..findings.finding import stopping
from ..inputs import Delivery, load_delivery, load_trust
from ..member import records
from ..member.evidence import Evidence
from ..member.settings import Settings
from ..pki.certificate import Certificate
from ..plain import PlainError, to_plain
from ..products import rolled
from ..products.interface import Product
from ..version import VERSION
from ..windows.calls import CallError
from . import addresses, decide, prove, settle
from .preflight import all_findings
from .told import Refused, instant_of, lines_of, operator
from .wanted import wanted_facts, wanted_for
from .wire import Port, ports

PHASES = ("preflight", "gate", "prove", "unroll", "settle", "rollback", "report")


class ArrayRun:
    """One phase over the array."""

    def __init__(self, options: Mapping[str, Any], check_mode: bool, tell: Callable[[str], None]) -> None:
        self.options = options
        self.check_mode = check_mode
        self.tell = tell
        self.now = datetime.now(timezone.utc)

    def run(self, phase: str) -> dict[str, Any]:
        """Dispatches. Raises Refused, InputError, BundleError."""
        result: dict[str, Any] = getattr(self, phase)()
        return {"changed": False, "refusal": ""} | result

    # -- what every phase after the first one is given ---------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """The run's settings; refuses a start in the middle."""
        try:
            return Settings.from_dict(self.options["settings"])
        except ValueError as error:
            raise Refused(str(error)) from None

    @property
    def product(self) -> Product[Any]:
        """The product that is rolled out."""
        return rolled(self.settings.product)

    @cached_property
    def own(self) -> Any:
        """The product's own part of the settings."""
        return self.product.own(self.settings.own)

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """Member -> evidence, without those that said nothing."""
        return self._evidence("evidence")

    @cached_property
    def first(self) -> Mapping[str, Evidence]:
        """The same, as each member was before this run touched it."""
        return self._evidence("first")

    def _evidence(self, name: str) -> Mapping[str, Evidence]:
        try:
            return {m: Evidence.from_plain(e) for m, e in self.options[name].items() if e}
        except (PlainError, CallError) as error:
            raise Refused(f"What is known of a member cannot be read ({error}). Start the playbook again") from None

    @cached_property
    def owners(self) -> dict[addresses.Address, tuple[str, str]]:
        """Address -> (member, use), from the inventory."""
        return addresses.owners(self.options["endpoints"])

    @cached_property
    def before(self) -> tuple[Port, ...]:
        """The ports as they were read before anything was switched."""
        return ports(self.options["wire"], self.owners)

    @cached_property
    def after(self) -> tuple[Port, ...] | None:
        """The ports as they were read last; None when they were not read again."""
        return None if self.options["wire_after"] is None else ports(self.options["wire_after"], self.owners)

    @cached_property
    def trust(self) -> dict[str, tuple[Certificate, ...]]:
        """Use -> the roots its clients trust."""
        lists: dict[str, tuple[Certificate, ...]] = {}
        for name in {str(w.get("trust") or self.settings.trust) for w in self.settings.wanted.values()}:
            lists[name] = load_trust(name)
        return {use: lists[str(w.get("trust") or self.settings.trust)] for use, w in self.settings.wanted.items()}

    # -- the phases --------------------------------------------------------------------------------------------------

    def preflight(self) -> dict[str, Any]:
        """Refuses bad input before any member is touched; gives the run its id and its settings."""
        given, options = self.options, dict(self.options["options"])
        excluded = {str(k): str(v or "") for k, v in (options.get("excluded") or {}).items()}
        deliveries = self._deliveries(str(options.get("trust") or "system"))
        if options.get("roll_at"):
            options["roll_at"] = instant_of(str(options["roll_at"])).isoformat()
        product, own = _product_of(options)
        root = bool(options.get("install_root"))
        wanted = wanted_for(deliveries, product, own, self.now, root) if deliveries else None
        unclear, once = addresses.problems(str(given["array"]), given["purpose"], given["endpoints"])
        found = all_findings(
            str(given["array"]),
            given["members"],
            given["arrays"],
            excluded,
            given["size"],
            deliveries,
            wanted,
            self.now,
            product,
            unclear,
        )
        if stopping(found):
            raise Refused(
                f"No member was touched.\n  {lines_of(stopping(found))}", findings=[f.to_dict() for f in found]
            )
        try:
            settings = Settings.from_dict(
                {k: v for k, v in options.items() if v is not None}
                | {
                    "run": f"{self.now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
                    "purpose": given["purpose"],
                    "array": given["array"],
                    "members": [m for m in given["members"] if m not in excluded],
                    "excluded": excluded,
                    "operator": operator(),
                    "controller": socket.gethostname(),
                    "started": self.now.isoformat(),
                    "version": VERSION,
                    "wanted": wanted_facts(wanted, deliveries) if wanted else {},
                    "own": to_plain(own),
                }
            )
        except ValueError as error:
            raise Refused(f"No member was touched: {error}") from None
        self.tell(f"  | run {settings.run}: {given['purpose']} {settings.array}, {len(settings.members)} member(s)")
        for member, text in [*once, *((m, f"left out: {reason}") for m, reason in excluded.items())]:
            self.tell(f"  | {member:<14} {text}")
        for leaf in dict.fromkeys(facts["label"] for facts in settings.wanted.values()):
            uses = [use for use, facts in settings.wanted.items() if facts["label"] == leaf]
            self.tell(f"  | {leaf}\n  |   for {', '.join(uses)}")
        return {"settings": settings.to_dict(), "findings": [f.to_dict() for f in found]}

    def _deliveries(self, trust: str) -> list[Delivery]:
        """The bundles, opened. Raises Refused where something is to be renewed and there is none."""
        given = self.options["bundles"] or {}
        deliveries = [load_delivery(name, spec, trust) for name, spec in given.items() if spec]
        if self.options["purpose"] == "renew" and not deliveries:
            raise Refused(
                "rollout_bundles is empty: nothing to renew. Give at least one of external, av and internal, "
                "each with path or content. "
                "Set it in group_vars/all.yml or with -e @renewal.yml; group_vars of the array are not seen on "
                "localhost"
            )
        return deliveries

    def gate(self) -> dict[str, Any]:
        """The gate's verdict and what will be done; refuses when one member is short."""
        gate = decide.gate(
            self.product, self.own, self.settings, self.evidence, self.options["reasons"], self.now, self.check_mode
        )
        facts = gate.to_dict()
        if not gate.verdict.passed:
            stops = lines_of(stopping(gate.verdict.findings))
            text = f"The gate is closed: nothing is switched on any member of {self.settings.array}.\n  {stops}"
            return facts | {"refusal": text}
        self.tell(f"  | gate open: {len(gate.verdict.members)} of {len(self.settings.members)} members proven ready")
        if gate.roll.action != "none":
            when = f" for {gate.roll.instant:%Y-%m-%d %H:%M:%SZ}" if gate.roll.instant else ""
            self.tell(f"  | {self.product.succession}: {gate.roll.action}{when} on {', '.join(gate.roll.members)}")
        self.tell(f"  | to switch: {', '.join(gate.switch) or 'nothing'}")
        if gate.note:
            self.tell(f"  | {gate.note}")
        return facts

    def prove(self) -> dict[str, Any]:
        """What every member (or ``only`` one) serves is what was wanted, or the task fails."""
        switched, rolled = self.options["touched"], self.options["rolled"]
        touched = list(dict.fromkeys([*switched, *rolled]))
        found = prove.prove(
            self.product,
            self.settings,
            self.evidence,
            self.options["reasons"],
            self.before,
            self.after,
            self.trust,
            touched,
            self.options["only"],
            [member for member in rolled if member not in switched],
        )
        facts = {"findings": [f.to_dict() for f in found]}
        if stopping(found):
            return facts | {"refusal": f"Not proven.\n  {lines_of(stopping(found))}"}
        if self.after is not None:
            who = self.options["only"] or "every member"
            whose = [self.options["only"]] if self.options["only"] else self.settings.members
            judged = {port.address for port in self.after if port.leaf and port.member in whose}
            self.tell(f"  | {who:<14} proven on {len(judged)} port(s)")
        since = prove.uniform_since(self.evidence, touched)
        return facts | {"since": since}

    def settle(self) -> dict[str, Any]:
        """Which members to settle; refuses before the instant and when one member was not rolled."""
        todo, found = settle.settle_decision(self.product, self.settings, self.evidence, self.options["reasons"])
        if stopping(found):
            raise Refused(f"Not settled.\n  {lines_of(stopping(found))}", findings=[f.to_dict() for f in found])
        self.tell(f"  | to settle: {', '.join(todo) or 'nothing'}")
        return {"settle": list(todo)}

    def rollback(self) -> dict[str, Any]:
        """Which members the journals name, the last one switched first."""
        journals = {m: e.journal for m, e in self.evidence.items() if e.journal is not None}
        locked = [
            f
            for f in decide.member_findings(self.settings, self.evidence, {})
            if f.id in ("member.locked", "journal.unreadable")
        ]
        if locked:
            raise Refused(f"Not taken back.\n  {lines_of(locked)}", findings=[f.to_dict() for f in locked])
        begun = records.OPEN | {"rolled"} | ({"done"} if self.settings.completed else set())
        # A run that died while it closed its journals has ended on some members only; it is taken back as a whole.
        runs = {j.run for j in journals.values() if j.state in begun}
        open_journals = {m: j for m, j in journals.items() if j.state in begun or j.run in runs}
        if not open_journals and any(j.state == "done" for j in journals.values()):
            self.tell("  | the last rollout ended; rollout_completed: true takes it back all the same")
        take_back = records.touched_order(open_journals, self.settings.members)
        rolled = [
            m for m in self.settings.members if (j := open_journals.get(m)) and j.roll and j.roll.state != "settled"
        ]
        self.tell(f"  | to take back: {', '.join(take_back) or 'nothing'}")
        return {"take_back": take_back, "rolled": rolled}

    def unroll(self) -> dict[str, Any]:
        """Whether the scheduled A/V successor can be cancelled: on all members, or on none.

        With one member lost the roll stays: cancelled on some only, the members would refuse each other's tokens at
        the instant, which is the very thing to avoid.
        """
        rolled = [m for m in self.settings.members if (e := self.evidence.get(m)) and records.scheduled(e)]
        asked = self.options["rolled"]
        lost = [m for m in self.settings.members if m not in self.evidence]
        if not asked or not rolled:
            return {"cancel": [], "text": ""}
        if not self.settings.cancel_roll:
            return {"cancel": [], "text": "The A/V roll stays scheduled, as rollout_cancel_roll: false says."}
        if lost or self.options["not_taken_back"]:
            who = ", ".join(lost or self.options["not_taken_back"])
            text = (
                f"The A/V roll stays scheduled on {', '.join(rolled)}: {who} cannot be asked, and half a "
                f"roll is worse than a whole one."
            )
            self.tell(f"  | {text}")
            return {"cancel": [], "text": text}
        return {"cancel": list(reversed(rolled)), "text": f"The A/V roll was cancelled on {', '.join(rolled)}."}


def _product_of(options: Mapping[str, Any]) -> tuple[Product[Any], Any]:
    """The product that the options name, and its own part of them. Raises Refused."""
    try:
        product = rolled(str(options.get("product") or ""))
        return product, product.own(options)
    except ValueError as error:
        raise Refused(f"No member was touched: {error}") from None
