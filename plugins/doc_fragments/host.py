# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the modules of this collection reach a Windows host."""

from __future__ import annotations


class ModuleDocFragment:
    """Needs and notes of every module that talks to a host."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - cryptography >= 42 (on the control node)
  - Windows PowerShell 2.0 or newer on the host; no Python and nothing to install there
notes:
  - The connection plugin of the host must be P(ansible.builtin.winrm#connection), P(ansible.builtin.psrp#connection)
    or P(ansible.builtin.ssh#connection) to a Windows host. The module runs on the control node; one small script
    crosses the connection, once for each time the host is asked.
  - The account has to be an administrator of the host with an unfiltered token.
"""

    CONTROLLER = r"""
options: {}
requirements:
  - cryptography >= 42 (on the control node)
"""
