# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of this collection do in check mode, with --diff, and where."""

from __future__ import annotations


class ModuleDocFragment:
    """Used together with action_common_attributes and action_common_attributes.flow, which describe each attribute."""

    READ = r"""
attributes:
  check_mode:
    support: full
    details: Only reads, in check mode too.
  diff_mode:
    support: none
    details: Nothing is changed.
  platform:
    platforms: windows
    support: full
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
"""

    CHANGE = r"""
attributes:
  check_mode:
    support: full
    details: Reads for real, plans and changes nothing.
  diff_mode:
    support: full
    details: One line a change, thumbprints and names only.
  platform:
    platforms: windows
    support: full
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
"""

    LOCAL_CHANGE = r"""
attributes:
  check_mode:
    support: full
    details: Reads the files that are there, and writes none.
  diff_mode:
    support: full
    details: What the files say, and nothing of the key.
  platform:
    platforms: posix
    support: full
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
"""

    CONTROLLER = r"""
attributes:
  check_mode:
    support: full
    details: Changes nothing anyway.
  diff_mode:
    support: none
    details: Nothing is changed.
  platform:
    platforms: posix
    support: full
    details: Runs on the control node; no host is contacted.
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
"""
