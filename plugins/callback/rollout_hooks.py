# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the rollout which tasks of a user's hook did not reach the host they are for."""

from __future__ import annotations

DOCUMENTATION = """
name: rollout_hooks
type: notification
short_description: Tells a rollout when a task of a hook did not reach its host
version_added: 0.1.0
author: ucops.certificates contributors (@ucops)
description:
  - The role P(ucops.certificates.rollout#role) runs files of tasks of yours around the switch of each member. When the
    host that one of these tasks is for cannot be reached, the run stops before the member is touched. Ansible tells
    only callback plugins of it, so this one is needed for that; it prints nothing.
  - The playbooks of the collection bring it along, also by C(import_playbook). A playbook of your own that uses the
    role with such files enables it with C(callbacks_enabled = ucops.certificates.rollout_hooks) in ansible.cfg, or in
    E(ANSIBLE_CALLBACKS_ENABLED). Without it such a run is refused before any member is touched.
"""

import os
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.release import __version__ as core_version

from ansible_collections.ucops.certificates.plugins.plugin_utils.hooks import WATCH

NUMBERS = core_version.split(".", 2)
CORE = (int(NUMBERS[0]), int(NUMBERS[1]))


class CallbackModule(CallbackBase):
    """Listens; what it hears goes into the environment, which Ansible's workers inherit."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ucops.certificates.rollout_hooks"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._publish()

    def _publish(self) -> None:
        os.environ.update(WATCH.environment(os.getpid()))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task is about to run."""
        del is_conditional
        WATCH.begins(task, CORE)
        self._publish()

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A task's host was not reached, ignored or not."""
        WATCH.lost(result._task, result._result, result._host.get_name())
        self._publish()
