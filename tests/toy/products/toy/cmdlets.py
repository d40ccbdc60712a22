# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cmdlets of a toy server that may be called."""

from __future__ import annotations

from collections.abc import Mapping

from ...windows.calls import Kind

CMDLETS: Mapping[str, Kind] = {
    "Get-ToyBinding": "read",
    "Get-ToySetting": "read",
    "Set-ToyBinding": "write",
    "Set-ToySetting": "write",
}
