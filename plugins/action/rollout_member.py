# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a rollout on one member; the role's tasks call it. See the module of the same name for its
documentation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import steps as machine
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.old_keys import Elsewhere
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Run, Step
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.step import GateRefused, prepare, take
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wanted import (
    Published,
    bundles_by_leaf,
    wanted_for,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import Stop, utc_now
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import CollectionError
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import BUNDLE_SPEC, Delivery, load_delivery
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.conversation import Conversation
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.head import Head, read_head
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import OtherProduct, PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.whereabouts import look
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import can_roll
from ansible_collections.ucops.certificates.plugins.plugin_utils.rollout import RolloutAction
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import HostLost, KeyRefused

BUNDLE = {"type": "dict", "options": BUNDLE_SPEC}


class ActionModule(RolloutAction):
    """Options in, what was done out; what the member said goes to the run."""

    ARGUMENT_SPEC = {
        "array": {"type": "str", "required": True},
        "member": {"type": "str", "required": True},
        "step": {"type": "int"},
        "journal": {"type": "bool", "default": False},
        "bundles": {"type": "dict", "options": {"external": BUNDLE, "av": BUNDLE, "internal": BUNDLE}},
    }
    _requires_connection = True

    def go_on(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Prepares the member, or does one step on it."""
        if task_vars.get("ansible_limit"):
            raise Stop(
                f"--limit {task_vars['ansible_limit']} leaves out members of {options['array']} or the controller. A "
                "part of an array is never renewed. Leave out --limit; a dead member is left out by name and reason "
                "with rollout_excluded."
            )
        run = self.kept(options["array"]).read()
        if options["journal"]:
            return self._journal(run, options["member"], task_vars)
        if options["step"] is None:
            return self._prepare(run, options, task_vars)
        return self._step(run, run.steps[options["step"]], task_vars)

    def _journal(self, run: Run, member: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Reads whose journal lies there; no product is loaded, and none has to be known."""
        if run.settings.product or member in run.settings.excluded:
            return {"changed": False, "skipped": True, "msg": "the product is known"}
        kept = self.kept(run.settings.array)
        try:
            head = read_head(self.host(task_vars), member)
        except CollectionError as error:
            kept.head(run.settings, member, Head(unread=_why(member, error)))
            raise _stop(member, error) from None
        kept.head(run.settings, member, head)
        return {"changed": False, "member": member, "journal": head.to_plain()}

    def _prepare(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        member, kept = options["member"], self.kept(run.settings.array)
        if member in run.settings.excluded:
            return {"changed": False, "skipped": True, "msg": f"left out: {run.settings.excluded[member]}"}
        if member not in run.settings.members:
            return self._elsewhere(run, member, task_vars)
        try:
            given = {name: spec for name, spec in (options["bundles"] or {}).items() if spec}
            deliveries = [load_delivery(name, spec, run.settings.trust) for name, spec in given.items()]
            talk = self._talk(run, member, deliveries if run.settings.purpose == "renew" else (), task_vars)
            done = prepare(talk, "stage" in self.asked(task_vars), self.check_mode)
        except CollectionError as error:
            known = error.evidence if isinstance(error, PhaseFailed) else None
            if isinstance(error, OtherProduct):
                kept.head(run.settings, member, error.head)
            kept.prepared(run.settings, member, None, known, (), _why(member, error))
            raise _stop(member, error) from None
        lines = [change.as_line() for change in done.changes]
        kept.prepared(run.settings, member, done.first, done.evidence, lines)
        return _result(member, lines)

    def _elsewhere(self, run: Run, member: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Looks on a member of another array for keys; writes nothing, and one that does not answer stops nobody."""
        array = next((name for name, members in run.settings.elsewhere.items() if member in members), "")
        if not array:
            return {"changed": False, "skipped": True, "msg": f"no member of {run.settings.array}"}
        try:
            stores = [product.key_store for product in PRODUCTS.values() if can_roll(product)]
            seen = Elsewhere(array, look(self.host(task_vars), member, stores))
        except CollectionError as error:
            seen = Elsewhere(array, why=_why(member, error))
        self.kept(run.settings.array).elsewhere(run.settings, member, seen)
        said = seen.why or f"{len(seen.held)} certificate(s) with their keys"
        return {"changed": False, "member": member, "msg": f"of array {array}, only looked at: {said}"}

    def _step(self, run: Run, step: Step, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        kept = self.kept(run.settings.array)
        idle = machine.idle(run, step)
        if idle:
            if step.do == "unroll" and run.unroll is None:
                self.tell(f"  | {idle}")
            self.keep(machine.skipped(run, step))
            return {"changed": False, "skipped": True, "msg": idle}
        at = machine.begun(run, step)
        self.keep(at)
        try:
            talk = self._talk(run, step.member, kept.deliveries(), task_vars)
            seen = run.known.get(step.member)
            came = take(step.do, talk, seen, run.gate, self.check_mode, run.since(step.member))
        except CollectionError as error:
            touched = isinstance(error, (PhaseFailed, HostLost))
            known = error.evidence if isinstance(error, PhaseFailed) else None
            self.keep(machine.broken(at, step, _why(step.member, error), known, touched))
            raise _stop(step.member, error) from None
        self.keep(machine.ended(at, step, came.evidence))
        return _result(step.member, came.changes)

    def _talk(
        self, run: Run, member: str, deliveries: Sequence[Delivery | Published], task_vars: Mapping[str, Any]
    ) -> Conversation:
        settings = run.settings
        opened = [one for one in deliveries if isinstance(one, Delivery)]
        root = settings.install_root
        return Conversation(
            host=self.host(task_vars),
            member=member,
            settings=settings,
            product=run.product,
            own=run.own,
            wanted=wanted_for(deliveries, run.product, run.own, utc_now(), root) if deliveries else None,
            clock=Clock(utc_now, time.monotonic, time.sleep),
            tell=self.tell,
            one_time_password=lambda: secrets.token_urlsafe(24),
            bundles=bundles_by_leaf(opened),
        )


def _why(member: str, error: CollectionError) -> str:
    """What went wrong on the member, for the reader."""
    return f"{member} was lost: {error}" if isinstance(error, HostLost) else str(error)


def _stop(member: str, error: CollectionError) -> Stop:
    """A failed task. A member that was lost is one, too: Ansible's "unreachable" would enter no rescue."""
    finding = getattr(error, "finding", None) or getattr(error, "id", None)
    if isinstance(error, KeyRefused):
        finding = "transport.insecure"
    if isinstance(error, GateRefused):
        finding = "gate.missing"
    more = {"lost": True} if isinstance(error, HostLost) else {}
    return Stop(_why(member, error), member=member, **more, **({"finding": finding} if finding else {}))


def _result(member: str, changes: Sequence[str]) -> dict[str, Any]:
    lines = "".join(f"{line}\n" for line in changes)
    diff = {"before_header": member, "after_header": member, "before": "", "after": lines}
    return {"changed": bool(changes), "changes": list(changes), "member": member, "diff": diff}
