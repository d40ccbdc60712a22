# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of the event log that only an Edge server writes. Pure.

The identifier of the "shared session key" event is not published for the Access Edge, so its text is matched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TEXTS: Mapping[str, re.Pattern[str]] = {"event.session-key": re.compile(r"shared session key", re.IGNORECASE)}
"""Finding -> the text that it is told by."""
