# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role request decides over a whole array, on the controller. No member is touched here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.inputs import load_delivery, read_file
from ..plugin_utils.outputs import write_file
from ..plugin_utils.pki import request
from ..plugin_utils.pki.bundle import read_certificates
from ..plugin_utils.pki.names import names_of
from ..plugin_utils.products import rolled
from ..plugin_utils.request import names, plan, words
from ..plugin_utils.stores.shown import certificate_row

PHASES = ("preflight", "names", "place", "answer", "report")
ORDER: dict[str, Any] = {
    "product": {"type": "str", "required": True},
    "array": {"type": "str", "required": True},
    "members": {"type": "list", "elements": "str", "default": []},
    "excluded": {"type": "dict", "default": {}},
    "on": {"type": "str", "choices": [plan.SERVER, plan.CONTROLLER], "required": True},
    "server": {"type": "str", "default": ""},
    "names": {"type": "list", "elements": "str", "default": []},
    "subject": {"type": "dict", "default": {}},
    "key_size": {"type": "int", "default": request.SIZES[0]},
    "exportable": {"type": "bool", "default": True},
    "friendly_name": {"type": "str", "default": ""},
    "file": {"type": "str", "default": ""},
    "key_file": {"type": "str", "default": ""},
    "answer": {"type": "str", "default": ""},
    "accept_missing": {"type": "list", "elements": "str", "default": []},
    "use": {"type": "str", "choices": [plan.EXTERNAL, plan.INTERNAL], "default": plan.EXTERNAL},
}


class ActionModule(CertificateAction):
    """Options in, sentences out."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "order": {"type": "dict", "required": True, "options": ORDER},
        "key_password": {"type": "str", "no_log": True},
        "registered": {"type": "str", "default": ""},
        "made": {"type": "dict", "default": {}},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/request_array.yml."""
        given = dict(options["order"])
        for path in ("file", "key_file", "answer"):
            given[path] = os.path.expanduser(given[path] or "")
        phase = {
            "preflight": self._preflight,
            "names": self._names,
            "place": self._place,
            "answer": self._answer,
            "report": self._report,
        }[options["phase"]]
        return {"changed": False, **phase(given, {**options, "said": self._said(given, options, task_vars)})}

    @staticmethod
    def _said(
        given: Mapping[str, Any], options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        """Member to what its task answered, as it is, without a template; a task may have failed before it began."""
        if not options["registered"]:
            return {}
        every = task_vars["hostvars"]
        said = {member: every.raw_get(member).get(options["registered"]) for member in given["members"]}
        return {member: one if isinstance(one, Mapping) else {} for member, one in said.items()}

    def _preflight(self, given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Refuses everything that can be refused without a member, all of it at once."""
        found = [*plan.problems({**given, "key_password": bool(options["key_password"])}), *self._paths(given)]
        if found:
            raise Stop("; ".join(found), problems=found)
        if given["answer"]:
            read_certificates(given["answer"], read_file(given["answer"], "request_answer:"))
        return {"order": plan.row_of(plan.request_order(given))}

    @staticmethod
    def _paths(given: Mapping[str, Any]) -> list[str]:
        """Folders that are not there, files that would be written over and are no requests."""
        found = []
        if given["file"] and given["file"] == given["key_file"]:
            found.append(f"request_file and request_key_file are the same file, {given['file']}")
        for name in ("file", "key_file"):
            folder = os.path.dirname(os.path.abspath(given[name])) if given[name] else ""
            if folder and not os.path.isdir(folder):
                found.append(f"request_{name}: {given[name]}: there is no folder {folder}")
        if given["file"] and os.path.lexists(given["file"]):
            try:
                request.read(read_file(given["file"], "request_file:"))
            except ValueError:
                text = "is there and is no certificate request. It is not overwritten; name another file"
                found.append(f"request_file: {given['file']} {text}")
        return found

    def _names(self, given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Names of the request against what every member is reached by."""
        order = plan.request_order(given)
        seen = {member: one.get("look") or {} for member, one in options["said"].items()}
        reasons = {member: str(one.get("msg") or "") for member, one in options["said"].items()}
        refused = plan.unread(order, seen, reasons)
        if refused:
            raise Stop(refused)
        asks = rolled(order.product).asks
        reached = {
            member: asks.reached_by(info, order.use) for member, info in seen.items() if member in order.looked_at
        }
        found = names.check(order.names, reached, order.accepted, asks)
        said = [*names.lines(found, order.looked_at), *names.unread_lines(seen)]
        said += [f"  left out     {member}: {reason}" for member, reason in order.excluded.items()]
        self._say(said)
        told = {
            "missing": [one.as_line() for one in found.missing],
            "accepted": [one.as_line() for one in found.accepted],
            "superfluous": [one.name for one in found.superfluous],
            "notes": list(found.notes),
            "said": said,
        }
        if found.missing:
            raise Stop(names.refusal(found, order.array), **told)
        return told

    def _place(self, given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """On which member the answer meets its key."""
        said = {member: one.get("fit") or plan.fit(one) for member, one in options["said"].items()}
        fits = {member: "placed" if one.get("staged") else "waits" for member, one in said.items() if "pending" in one}
        reasons = {member: str(one["msg"]) for member, one in said.items() if member not in fits and one.get("msg")}
        member, refused = plan.place(plan.request_order(given), fits, reasons)
        if refused:
            raise Stop(refused, finding="exchange.answer-foreign")
        return {"server": member}

    def _answer(self, given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """The vendor's answer against the key on the controller. BundleError says which certificate wants which key."""
        order = plan.request_order(given)
        spec = {"path": order.answer, "key_path": given["key_file"], "password": options["key_password"]}
        leaf = certificate_row(load_delivery("answer", spec, "").bundle.leaf)
        said = words.bundle_lines(order, leaf, order.answer, given["key_file"])
        self._say(said)
        return {"leaf": leaf, "said": list(said)}

    def _report(self, given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """What was made, and the next step; the request's file where it is asked for."""
        order, made = plan.request_order(given), options["made"]
        if order.answer:
            delivered = read_certificates(order.answer, read_file(order.answer, "request_answer:"))
            leaf = next((c for c in delivered if c.thumbprint == made.get("staged")), None)
            names_there = names_of(leaf) if leaf is not None else ()
            said = words.staged_lines(order, made, names_there, self.check_mode)
            self._say(said)
            return {"said": list(said)}
        csr = str(made.get("csr") or "")
        written = self._write(Path(given["file"]), csr) if order.on == plan.SERVER and given["file"] and csr else {}
        said = words.made_lines(order, made, self.check_mode)
        self._say(said)
        if csr:  # without anything before its lines, so that it can be copied
            self.tell(f"\n{csr}")
            after = words.next_lines(order, given["file"], given["key_file"])
            self._say(after)
            said = (*said, *after)
        return {"said": list(said), **written}

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.tell(f"  | {line}")

    def _write(self, path: Path, csr: str) -> dict[str, Any]:
        before = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""
        if before == csr:
            return {}
        if not self.check_mode:
            try:
                write_file(path, csr.encode("ascii"), 0o644, new=False)
            except OSError as error:
                raise Stop(f"request_file: {path} cannot be written: {error.strerror or error}") from None
        header = {"before_header": str(path), "after_header": str(path)}
        return {"changed": True, "diff": {**header, "before": before, "after": csr}}
