# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one root of what the collection raises on purpose."""

from __future__ import annotations


class CollectionError(Exception):
    """Something that was found on purpose: its message is for the reader, and never needs a traceback."""
