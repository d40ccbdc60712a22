# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside the playbooks, so that Ansible loads it with them and nobody has to enable it."""

from __future__ import annotations

from ansible_collections.ucops.certificates.plugins.callback import rollout_hooks


class CallbackModule(rollout_hooks.CallbackModule):
    """The same under another name, as Ansible notes on the class where it was found."""

    CALLBACK_NAME = "ucops_rollout_hooks"
    CALLBACK_NEEDS_ENABLED = False
