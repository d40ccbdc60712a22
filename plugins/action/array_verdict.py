# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""array_verdict: what an array is, from what was read of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.array.verdict import MemberFacts, array_verdict
from ..plugin_utils.base import CertificateAction, Stop


class ActionModule(CertificateAction):
    """Judges; reads nothing."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "members": {"type": "list", "elements": "str", "required": True},
        "evidence": {"type": "dict", "required": True},
        "desired": {"type": "dict", "required": True},
        "old": {"type": "dict", "default": {}},
        "excluded": {"type": "dict", "default": {}},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/array_verdict.yml."""
        members = [str(member) for member in options["members"] if member not in options["excluded"]]
        evidence = options["evidence"]
        facts = {member: self._facts(member, evidence.get(member)) for member in members}
        old = {str(member): _texts(uses, f"old.{member}") for member, uses in options["old"].items()}
        desired = _texts(options["desired"], "desired")
        verdict = array_verdict(
            members, facts, dict.fromkeys(members, desired), old, _texts(options["excluded"], "excluded")
        )
        return {"changed": False, **verdict.to_dict()}

    @staticmethod
    def _facts(member: str, said: Any) -> MemberFacts | None:
        """What one member said; None: it was not heard of."""
        where = f"evidence.{member}"
        if not said:
            return None
        if not isinstance(said, Mapping):
            raise Stop(
                f"{where}: expected a result of edge_info, or uses with thumbprints, found {type(said).__name__}"
            )
        if said.get("failed") or said.get("unreachable") or said.get("skipped"):
            return None
        if "assigned" not in said:
            return MemberFacts(_texts(said, where))
        pending = {
            use: (of["thumbprint"] if isinstance(of, Mapping) else of) for use, of in said.get("pending", {}).items()
        }
        return MemberFacts(_texts(said["assigned"], f"{where}.assigned"), _texts(pending, f"{where}.pending"))


def _texts(value: Any, where: str) -> dict[str, str]:
    """A mapping of text to text. Raises Stop naming the place for anything else."""
    if not isinstance(value, Mapping):
        raise Stop(f"{where}: expected a mapping, found {type(value).__name__}")
    wrong = next((key for key, item in value.items() if not isinstance(item, str)), None)
    if wrong is not None:
        raise Stop(f"{where}.{wrong}: expected text, found {type(value[wrong]).__name__}")
    return {str(key): str(item) for key, item in value.items()}
