"""Test action: what the connection plugin's exec_command answers, or what it raises.

An import of its own would tie it to the lab; Ansible loads it by path (ANSIBLE_ACTION_PLUGINS).
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Runs ``script`` with ``stdin``; ``times`` > 1 repeats it on the same connection."""

    _requires_connection = True
    _VALID_ARGS = frozenset({"script", "stdin", "times"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Never fails: the caller judges."""
        result = super().run(tmp, task_vars)
        stdin = self._task.args.get("stdin")
        try:
            for _ in range(int(self._task.args.get("times", 1))):
                code, out, err = self._connection.exec_command(self._task.args["script"], in_data=stdin)
        except Exception as error:  # whatever the plugin lets through is the answer
            result.update(raised=[kind.__name__ for kind in type(error).__mro__], text=str(error)[:500])
            return result
        result.update(exit_code=code, out=out.decode("utf-8", "replace"), err=err.decode("utf-8", "replace"))
        return result
