# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cmdlets of Lync and Skype for Business that may be called, with the parameters that Microsoft documents."""

from __future__ import annotations

from collections.abc import Mapping

from ...windows.calls import Kind

CMDLETS: Mapping[str, Kind] = {
    "Get-CsCertificate": "read",
    "Get-CsWindowsService": "read",
    "Get-CsAVEdgeConfiguration": "read",
    "Get-CsComputer": "read",
    "Set-CsCertificate": "write",
    "Remove-CsCertificate": "write",
    "Stop-CsWindowsService": "write",
    "Start-CsWindowsService": "write",
}
