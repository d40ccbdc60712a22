# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided over the whole array, on the controller; the role's tasks call it. No member is touched here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import phases, waves
from ansible_collections.ucops.certificates.plugins.plugin_utils.array import steps as machine
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import Run
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.told import failure_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wanted import Published
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import Stop, utc_now
from ansible_collections.ucops.certificates.plugins.plugin_utils.errors import Refused
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.hooks import files, ready_hooks, refusal
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import BUNDLE_SPEC
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.make import approved_plan, write_report
from ansible_collections.ucops.certificates.plugins.plugin_utils.rollout import RolloutAction, command_line

BUNDLE = {"type": "dict", "options": BUNDLE_SPEC}
ROLES = Path(__file__).resolve().parents[2] / "roles"
PHASES = ("waves", "preflight", "refuse", "name_product", "judge", "prove", "fail", "note", "finish", "report", "sum")


class ActionModule(RolloutAction):
    """Options in, what comes next out; the run itself is kept apart."""

    ARGUMENT_SPEC = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "array": {"type": "str", "default": ""},
        "purpose": {"type": "str", "choices": ["renew", "settle", "rollback"], "default": "renew"},
        "arrays": {"type": "dict", "default": {}},
        "size": {"type": "int"},
        "members": {"type": "list", "elements": "str", "default": []},
        "bundles": {"type": "dict", "options": {"external": BUNDLE, "av": BUNDLE, "internal": BUNDLE}},
        "options": {"type": "dict", "default": {}},
        "hooks": {"type": "list", "elements": "str", "default": []},
        "folder": {"type": "path", "default": "."},
        "endpoints": {"type": "dict", "default": {}},
        "reasons": {"type": "dict", "default": {}},
        "wire": {"type": "dict", "default": {}},
        "waves": {"type": "list", "elements": "raw", "default": []},
        "step": {"type": "int"},
        "failed_task": {"type": "str", "default": "a task"},
        "failed_action": {"type": "str", "default": ""},
        "failed_message": {"type": "str", "default": "no message"},
        "directory": {"type": "path"},
    }

    def go_on(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Runs one phase on the controller."""
        phase = options["phase"]
        if phase in ("waves", "preflight", "refuse", "sum"):
            return {"changed": False, **getattr(self, f"_{phase}")(options, task_vars)}
        run = self.kept(options["array"]).read()
        result: dict[str, Any] = getattr(self, f"_{phase}")(run, options, task_vars)
        return {"changed": False, **result}

    def _waves(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        if task_vars.get("rollout_array") or not options["waves"]:
            raise Stop(
                "No member was touched. This playbook renews the arrays that rollout_waves names, such as "
                '-e \'{"rollout_waves": [["edge_a"], ["edge_b", "exchange"]]}\'; leave rollout_array out'
            )
        arrays = waves.arrays_of(options["waves"])
        return {"arrays": list(arrays), "begun": [array for array in arrays if self.kept(array).begun]}

    def _refuse(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The run of an array was not begun, or ended without a report; what a report says of it stands."""
        del task_vars
        kept, said = self.kept(options["array"]), options["failed_message"]
        if not kept.ended().result:
            kept.end(waves.Ended("refused", said))
        return {"msg": f"{options['array']}: {said.splitlines()[0] if said else 'no message'}"}

    def _sum(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        well, text = waves.summed({a: self.kept(a).ended() for a in waves.arrays_of(options["waves"])})
        if not well:
            raise Stop(text)
        self.tell(text)
        return {"msg": text}

    def _preflight(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        hooks = files(options["hooks"], options["folder"])
        refused_hooks = refusal(hooks, ready_hooks(ROLES), os.environ, os.getppid(), os.path.isfile)
        if refused_hooks:
            raise Stop(refused_hooks)
        names = ("array", "members", "purpose", "arrays", "size", "bundles", "endpoints", "options")
        given = phases.Given(**{name: options[name] for name in names})
        run, deliveries, found = phases.preflight(given, self.check_mode, utc_now(), self.tell)
        directory = os.path.abspath(options["directory"] or ".")
        run = replace(run, asked=self.asked(task_vars), line=command_line(), directory=directory, hooks=hooks)
        self.begin(run, [Published.of(one) for one in deliveries])
        return {"run": run.settings.run, "findings": _plain(found)}

    def _name_product(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        if run.settings.product:
            return {"skipped": True, "msg": f"it was given: {run.settings.product}"}
        try:
            named = phases.name_product(run, options["options"], self.tell)
        except Refused:
            self.finished(run)  # nothing was done, and no report says more
            raise
        self.keep(named)
        return {}

    def _judge(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        reasons = {member: why for member, why in options["reasons"].items() if why and member not in run.reasons}
        earlier = waves.before(options["waves"], run.settings.array)
        waves.demand_proven(run.settings.array, {array: self.kept(array).ended() for array in earlier})
        read = replace(run, asked=self.asked(task_vars), reasons={**run.reasons, **reasons})
        rows = self._looked(options["wire"]) if machine.looks(read) else None
        if rows is not None:
            read = replace(read, before=read.sorted_rows(rows))
        try:
            wanted = run.settings.expect_plan
            approved = approved_plan(run.directory, wanted) if wanted else None
            judged, refused = phases.judge(read, utc_now(), self.tell, approved)
        except Refused as refusal_of:
            found = [Finding.from_dict(one) for one in refusal_of.result.get("findings", ())]
            self.keep(replace(read, refused=tuple(found)))
            raise
        self.keep(judged)
        if refused:
            raise Stop(refused)
        passed = judged.gate is not None and judged.gate.verdict.passed
        look = machine.looks_after(judged)
        return {**_next(judged), "look": look, "prove": _proves(judged), "passed": passed}

    def _prove(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        if options["step"] is None:
            rows = self._looked(options["wire"])
            seen = replace(run, after=run.sorted_rows(rows)) if rows is not None else run
            proven, refused = phases.prove_all(seen, self.tell)
        else:
            member = run.steps[options["step"]].member
            rows = self._looked(options["wire"], member)
            proven, refused = phases.prove_member(run, member, rows, self.tell)
        self.keep(proven)
        if refused:
            raise Stop(refused, findings=_plain(proven.proof))
        return {"findings": _plain(proven.proof)}

    def _fail(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        back = machine.failed(run, _failure(options))
        self.keep(back)
        return {**_next(back), "look": machine.looks_again(back)}

    def _note(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        step = run.steps[options["step"]]
        if step.member not in run.not_taken_back and step.member not in run.not_released:
            noted = machine.broken(run, step, _failure(options), None, begun=run.at == step.number)
            self.keep(noted)
        return {"msg": f"{step.title}: failed; the others go on"}

    def _finish(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del task_vars
        # What was looked at on the way back of another array says nothing of this one.
        looked = run.failure and machine.looks_again(run) and not options["wire"].get("unreachable")
        rows = self._looked(options["wire"]) if looked else None
        seen = replace(run, after=run.sorted_rows(rows)) if rows is not None else run
        last = machine.finishing(seen)
        self.keep(last)
        return _next(last)

    def _report(self, run: Run, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        del options, task_vars
        told = write_report(run, run.directory, utc_now(), self.tell)
        self.finished(run)
        self.kept(run.settings.array).end(waves.Ended(told["result"], told["sentence"]))
        return told

    @staticmethod
    def _looked(wire: Mapping[str, Any], member: str = "") -> Sequence[Mapping[str, Any]] | None:
        """What tls_endpoint_info brought; None where it did not run. Raises Stop where its host was lost."""
        if wire.get("unreachable"):
            whose = f"{member} is not proven: " if member else ""
            why = wire.get("msg") or "unreachable"
            raise Stop(f"{whose}nobody looked at what the ports present, since the vantage host was lost: {why}")
        rows: Sequence[Mapping[str, Any]] | None = wire.get("endpoints")
        return rows


def _proves(run: Run) -> bool:
    """Whether every member is to be proven in the end."""
    return run.settings.purpose == "settle" or (run.settings.purpose == "renew" and "prove" in run.asked)


def _failure(options: Mapping[str, Any]) -> str:
    return failure_of(options["failed_task"], options["failed_action"], options["failed_message"])


def _plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [found.to_dict() for found in findings]


def _next(run: Run) -> dict[str, Any]:
    """What the role loops over, and the file of each hook."""
    return {"steps": [step.to_plain() for step in run.steps], "hooks": dict(run.hooks)}
