# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both actions of a rollout have in common: where its run lies, and which phases a command line asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C

from .array.kept import Kept, NotBegun
from .array.run import asked
from .base import CertificateAction, Stop
from .plain import PlainError
from .windows.calls import CallError


class RolloutAction(CertificateAction):
    """An action that goes on with the run of an array."""

    def kept(self, array: str) -> Kept:
        """Where the run of that array lies: in the private folder of this ansible-playbook."""
        return Kept(Path(C.DEFAULT_LOCAL_TMP), array)

    def asked(self, task_vars: Mapping[str, Any]) -> tuple[str, ...]:
        """The phases that the tags of this ansible-playbook let through."""
        only, skip = task_vars.get("ansible_run_tags") or (), task_vars.get("ansible_skip_tags") or ()
        return asked(map(str, only), map(str, skip), map(str, self._task.tags or ()))

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Goes on with the run."""
        try:
            return self.go_on(options, task_vars)
        except NotBegun as error:
            raise Stop(str(error)) from None
        except (PlainError, CallError) as error:
            raise Stop(f"What is known of the run cannot be read ({error}). Start the playbook again") from None

    def go_on(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Does the work; see :meth:`act`."""
        raise NotImplementedError
